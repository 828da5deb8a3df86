// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { existsSync } from "node:fs";
import { chmod, cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { loadCommands } from "../../../offchain/cli/commands/loaders.ts";
import { argmax, standardise } from "../../../offchain/core/program/preprocess.ts";
import { readDataset, readRecipe } from "../../../offchain/engines/program/import-folder.ts";
import { resolvePreprocess } from "../../../offchain/engines/program/recipe.ts";
import { matrix } from "../../../offchain/engines/split/matrix.ts";
import { forwardAll } from "../../../offchain/engines/split/train/layers.ts";
import { TrainNetwork } from "../../../offchain/cli/train/train-network.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { turnedDigits } from "../../support/turned-digits.ts";
import { until } from "../../support/cluster/cluster.ts";

const models = new URL("../../../models/", import.meta.url).pathname;
const zoo = join(models, "digits-mlp");

/** The first rows of an IDX pair of the zoo's data, turned by 36 degrees: data that digits-mlp was not trained for. */
async function turned(name: string, to: string, count: number): Promise<void> {
  const [images, labels] = await Promise.all(
    ["images", "labels"].map(async (part) =>
      gunzipSync(await readFile(join(models, "data", `${name}-${part}.idx.gz`))),
    ),
  );
  const pixels = Float64Array.from(images?.subarray(16, 16 + count * 784) ?? []);
  const rows = { rows: count, width: 784, features: pixels, labels: new Int32Array(count) };
  const head = Buffer.from(images?.subarray(0, 16) ?? []);
  head.writeUInt32BE(count, 4);
  await writeFile(`${to}-images.idx.gz`, gzipSync(Buffer.concat([head, Buffer.from(turnedDigits(rows, 36).features)])));
  const labelHead = Buffer.from(labels?.subarray(0, 8) ?? []);
  labelHead.writeUInt32BE(count, 4);
  await writeFile(
    `${to}-labels.idx.gz`,
    gzipSync(Buffer.concat([labelHead, labels?.subarray(8, 8 + count) ?? Buffer.of()])),
  );
}

describe("assay train", function suite() {
  this.timeout(180_000);
  const folder = temporaryFolder();
  const at = (name: string) => join(folder, name);
  const own = join(folder, "own");
  let cards: Record<"alice" | "bob" | "mallory", string>;

  const run = async (argv: readonly string[], signal?: AbortSignal) => {
    const { code, out, err } = await captureCli(await loadCommands(argv), [...argv, "--json"], signal);
    const answers = out
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return { code, answer: answers.at(-1) ?? {}, err };
  };
  const failure = async (argv: readonly string[]) => {
    const { code, answer, err } = await run(argv);
    expect(code, err).to.not.equal(0);
    return JSON.stringify(answer) + err;
  };
  const serveArgs = (name: string, more: readonly string[] = []) => {
    const files = ["--identity", at("bob.key"), "--invitation", at(`${name}.json`), "--out", at(`${name}-middle.onnx`)];
    return ["train", "serve", zoo, "--client", cards.alice, ...files, ...more];
  };
  const runArgs = (name: string, more: readonly string[] = []) => {
    const files = ["--identity", at("alice.key"), "--invitation", at(`${name}.json`), "--out", at(`${name}-ends.onnx`)];
    return ["train", "run", own, "--trust-server", ...files, ...more];
  };
  /** A server while `work` runs; then it is told to stop. */
  async function served(name: string, more: readonly string[], work: () => Promise<void>) {
    const stop = new AbortController();
    const serving = run(serveArgs(name, more), stop.signal);
    try {
      await until(60_000, () => (existsSync(at(`${name}.json`)) ? true : null));
      await work();
    } finally {
      stop.abort();
    }
    return serving;
  }

  before(async () => {
    await cp(zoo, own, { recursive: true });
    // The figures of the zoo's weights say nothing of others.
    await rm(join(own, "leakage.json"));
    await turned("digits-calibration", join(folder, "own-calibration"), 1000);
    await turned("digits-test", join(folder, "own-test"), 600);
    const recipe = JSON.parse(await readFile(join(own, "recipe.json"), "utf8")) as Record<string, unknown>;
    const idx = (part: string) => ({
      format: "idx",
      images: `../own-${part}-images.idx.gz`,
      labels: `../own-${part}-labels.idx.gz`,
    });
    delete recipe["proofs"];
    const tuned = { ...recipe, acceptedPolicies: [1], calibration: idx("calibration"), evaluation: idx("test") };
    await writeFile(join(own, "recipe.json"), JSON.stringify(tuned));
    const made = await Promise.all(
      ["alice", "bob", "mallory"].map(async (name) => run(["train", "identity", at(`${name}.key`)])),
    );
    const [alice, bob, mallory] = made.map(({ answer }) => String(answer["card"]));
    cards = { alice: alice ?? "", bob: bob ?? "", mallory: mallory ?? "" };
  });

  it("R55: default: client and server tune their layers, joined they beat the zoo's model as an integer program", async () => {
    const untuned = await floatPercent(own);
    const serving = await served("plain", [], async () => {
      const done = await run(runArgs("plain", ["--passes", "2"]));
      expect(done.code, done.err).to.equal(0);
      const losses = done.answer["losses"] as number[];
      expect(losses).to.have.length(2);
      expect(losses[1]).to.be.below((losses[0] ?? 0) / 1.5);
    });
    expect(serving.code).to.equal(0);
    expect(serving.answer["steps"]).to.equal((2 * 1000) / 8);
    // Each side's file has its own layers tuned, and only those.
    const joining = ["train", "join", at("plain-ends.onnx"), at("plain-middle.onnx"), "--invitation", at("plain.json")];
    expect((await run([...joining, "--out", at("joined.onnx")])).code).to.equal(0);
    const first = async (path: string) => weightsOf(await readFile(path));
    const [zoos, ends, middle, joined] = await Promise.all(
      [join(zoo, "model.onnx"), at("plain-ends.onnx"), at("plain-middle.onnx"), at("joined.onnx")].map(first),
    );
    expect(middle?.[0]).to.deep.equal(zoos?.[0]);
    expect(ends?.[1]).to.deep.equal(zoos?.[1]);
    expect(joined).to.deep.equal([ends?.[0], middle?.[1]]);
    expect(joined?.[0]).to.not.deep.equal(zoos?.[0]);
    expect(joined?.[1]).to.not.deep.equal(zoos?.[1]);
    await cp(at("joined.onnx"), join(own, "model.onnx"));
    const tuned = await run(["model", "import", own]);
    await cp(join(zoo, "model.onnx"), join(own, "model.onnx"));
    expect((tuned.answer["evaluation"] as { integerPercent: number }).integerPercent).to.be.above(untuned + 10);
  });

  it("behavior: a row tells the ledger and the server nothing in clear; what left counts against its budget over trainings", async () => {
    const noise = ["--clip", "200", "--variance", "16000000", "--step", "0.05", "--ledger", at("rows.sqlite")];
    const once = [...noise, "--passes", "1", "--batch", "50", "--budget", "700"];
    await served("noised", [], async () => {
      const done = await run(runArgs("noised", once));
      expect(done.code, done.err).to.equal(0);
      expect(done.answer["label"]).to.equal("strong");
      expect(done.answer["epsilonMilli"]).to.be.within(500, 700);
    });
    // The same rows again, in a training of its own: their first release used up what the budget allows.
    await served("again", [], async () => {
      expect(await failure(runArgs("again", once))).to.include("PRIVACY_BUDGET_EXCEEDED");
      expect(existsSync(at("again-ends.onnx"))).to.equal(false);
    });
    for (const missing of ["--clip", "--ledger"]) {
      const i = once.indexOf(missing);
      expect(await failure(runArgs("again", once.toSpliced(i, 2))), missing).to.include("OPTION_MISSING");
    }
  });

  it("error: TRAIN_REFUSED for servers that nobody vouches for and critical scenarios; TRAIN_OTHER_MODEL for another file", async () => {
    await served("refused", [], async () => {
      const trusted = runArgs("refused");
      expect(await failure(trusted.filter((word) => word !== "--trust-server"))).to.include("TRAIN_REFUSED");
      expect(await failure([...trusted, "--criticality", "critical"])).to.include("TRAIN_REFUSED");
      const invitation = JSON.parse(await readFile(at("refused.json"), "utf8")) as Record<string, unknown>;
      await writeFile(at("other.json"), JSON.stringify({ ...invitation, onnxHash: `0x${"1".repeat(64)}` }));
      expect(await failure(runArgs("other"))).to.include("TRAIN_OTHER_MODEL");
      expect(existsSync(at("refused-ends.onnx"))).to.equal(false);
    });
  });

  it("error: a stranger moves nothing, whoever poses as the server is not believed, and the training goes on", async () => {
    const serving = await served("strange", [], async () => {
      const as = (key: string, name: string) =>
        runArgs(name, ["--passes", "1", "--batch", "100"]).map((word) => (word === at("alice.key") ? at(key) : word));
      expect(await failure(as("mallory.key", "strange"))).to.match(/TRAIN_MESSAGE|REMOTE_FAILED/);
      const invitation = JSON.parse(await readFile(at("strange.json"), "utf8")) as Record<string, unknown>;
      await writeFile(at("posed.json"), JSON.stringify({ ...invitation, server: cards.mallory }));
      expect(await failure(as("alice.key", "posed"))).to.match(/TRAIN_MESSAGE|REMOTE_FAILED/);
      await writeFile(at("rerun.json"), JSON.stringify({ ...invitation, run: `0x${"2".repeat(64)}` }));
      expect(await failure(as("alice.key", "rerun"))).to.match(/TRAIN_MESSAGE|REMOTE_FAILED/);
      const done = await run(as("alice.key", "strange"));
      expect(done.code, done.err).to.equal(0);
    });
    expect(serving.answer["steps"]).to.equal(1000 / 100);
  });

  it("error: FILE_UNREADABLE for invitations cut, changed in form or too new; KEY_PERMISSIONS; OPTION_INVALID for cards", async () => {
    const whole = await readFile(at("plain.json"), "utf8");
    const invitation = JSON.parse(whole) as Record<string, unknown>;
    const bad = [
      whole.slice(0, -9),
      "[]",
      JSON.stringify({ ...invitation, version: 2 }),
      JSON.stringify({ ...invitation, more: 1 }),
      JSON.stringify({ ...invitation, keepFirst: 0 }),
      JSON.stringify({ ...invitation, rate: -1 }),
      JSON.stringify({ ...invitation, run: "0x12" }),
      JSON.stringify({ ...invitation, url: "file:///etc" }),
      JSON.stringify({ ...invitation, server: cards.bob.toUpperCase() }),
    ];
    for (const [i, text] of bad.entries()) {
      await writeFile(at(`bad${i}.json`), text);
      expect(await failure(runArgs(`bad${i}`)), `case ${i}`).to.include("FILE_UNREADABLE");
    }
    for (const client of ["", "0x12", cards.alice.slice(0, -1), `${cards.alice}0`, cards.alice.replace(".", "")])
      expect(await failure(serveArgs("c").map((word) => (word === cards.alice ? client : word)))).to.include(
        "OPTION_INVALID",
      );
    expect(await failure(["train", "identity", at("alice.key")])).to.include("FILE_EXISTS");
    await cp(at("mallory.key"), at("open.key"));
    await chmod(at("open.key"), 0o644);
    const open = runArgs("plain").map((word) => (word === at("alice.key") ? at("open.key") : word));
    expect(await failure(open.map((word) => (word === at("plain-ends.onnx") ? at("new.onnx") : word)))).to.include(
      "KEY_PERMISSIONS",
    );
    expect(await failure(runArgs("plain"))).to.include("FILE_EXISTS");
    await writeFile(at("garbage.key"), "{}", { mode: 0o600 });
    const garbage = serveArgs("g").map((word) => (word === at("bob.key") ? at("garbage.key") : word));
    expect(await failure(garbage)).to.include("FILE_UNREADABLE");
  });

  it("error: TRAIN_MODEL_UNFIT for nothing left to train, models that are no chain, labels without a score, two networks", async () => {
    expect(await failure(serveArgs("u", ["--keep-first", "2"]))).to.include("TRAIN_MODEL_UNFIT");
    expect(await failure(serveArgs("u", ["--keep-last", "1"]))).to.include("TRAIN_MODEL_UNFIT");
    for (const name of ["mail-transformer", "credit-forest", "digits-mlp-poly"]) {
      const argv = serveArgs("u").map((word) => (word === zoo ? join(models, name) : word));
      expect(await failure(argv), name).to.include("TRAIN_MODEL_UNFIT");
    }
    const cnn = join(models, "digits-cnn", "model.onnx");
    const joining = [
      "train",
      "join",
      at("plain-ends.onnx"),
      cnn,
      "--invitation",
      at("plain.json"),
      "--out",
      at("no.onnx"),
    ];
    expect(await failure(joining)).to.include("TRAIN_MODEL_UNFIT");
    expect(existsSync(at("no.onnx")) || existsSync(at("u.json"))).to.equal(false);
    await writeFile(join(own, "odd.csv"), `${"x,".repeat(784)}label\n${"0,".repeat(784)}10\n`);
    const recipe = await readFile(join(own, "recipe.json"), "utf8");
    const odd = { ...(JSON.parse(recipe) as object), calibration: { format: "csv", file: "odd.csv" } };
    await writeFile(join(own, "recipe.json"), JSON.stringify(odd));
    await cp(at("plain.json"), at("odd.json"));
    expect(await failure(runArgs("odd"))).to.include("label 10");
    await writeFile(join(own, "recipe.json"), recipe);
  });
});

/** Weights of the two layers of a digits-mlp. */
function weightsOf(onnx: Uint8Array): Float64Array[] {
  const { bottom, middle } = new TrainNetwork(onnx).parts({ first: 1, last: 0 });
  return [...bottom, ...middle].flatMap((layer) => ("weights" in layer ? [layer.weights as Float64Array] : []));
}

/** Of the float model in a folder, on the rows that it is judged by. */
async function floatPercent(folder: string): Promise<number> {
  const recipe = await readRecipe(folder);
  const { rows, features, labels } = await readDataset(folder, recipe.evaluation);
  const { bottom, middle } = new TrainNetwork(await readFile(join(folder, "model.onnx"))).parts({ first: 1, last: 0 });
  const reals = standardise(resolvePreprocess(recipe.preprocess, undefined), features);
  const scores = forwardAll([...bottom, ...middle], matrix(rows, 784, reals)).data;
  const right = labels.filter((label, row) => argmax(scores.subarray(10 * row, 10 * row + 10)) === label);
  return (100 * right.length) / rows;
}
