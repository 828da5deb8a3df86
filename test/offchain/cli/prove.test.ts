// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prove } from "../../../offchain/cli/commands/prove.ts";
import { verify } from "../../../offchain/cli/commands/verify.ts";
import { decodeProofFile, encodeProofFile } from "../../../offchain/core/zk/proof-file.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MODEL = "models/tumor-mlp";
const JOB = `0x${"ab".repeat(32)}`;

describe("prove and verify", function () {
  this.timeout(300_000);
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const run = async (...argv: string[]) => captureCli([prove, verify], [...argv, "--cache", "build/test-zk"]);
  const answer = (out: string): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
  const checksOf = (out: string): string[] =>
    (answer(out)["checks"] as { name: string; ok: boolean }[]).filter(({ ok }) => !ok).map(({ name }) => name);

  before(async () => {
    const usage = JSON.parse(readFileSync(join(MODEL, "model.json"), "utf8")) as { preprocess: { offset: number[] } };
    writeFileSync(at("input.json"), JSON.stringify(usage.preprocess.offset));
    writeFileSync(at("other.json"), JSON.stringify(usage.preprocess.offset.map((value) => 2 * value)));
    const { code, out, err } = await run(
      "prove",
      MODEL,
      at("input.json"),
      "--out",
      at("salted.proof"),
      "--job",
      JOB,
      "--json",
    );
    expect(code, err).to.equal(0);
    expect(answer(out)).to.include({ jobId: JOB, development: true, stages: 1, ok: true });
  });

  it("default: R31 R34 what was proven here verifies anywhere, and its secret opens it", async () => {
    const file = at("salted.proof");
    const { code, out } = await run("verify", file, "--job", JOB, "--json");
    expect(code).to.equal(0);
    expect(answer(out)).to.include({ ok: true, development: true });
    expect(statSync(`${file}.secret`).mode & 0o077).to.equal(0);
    const opening = ["--model", MODEL, "--input", at("input.json"), "--secret-file", `${file}.secret`, "--json"];
    const opened = await run("verify", file, ...opening);
    expect(opened.code, opened.out).to.equal(0);
    // Neither input nor result is in the file.
    expect(decodeProofFile(new Uint8Array(readFileSync(file))).stages[0]?.evidence.tensors).to.deep.equal([]);
  });

  it("behavior: R31 with public ends input and result stand in the file, and the model is known by its circuit", async () => {
    const file = at("public.proof");
    const made = await run("prove", MODEL, at("input.json"), "--out", file, "--ends", "public", "--json");
    expect(made.code, made.err).to.equal(0);
    expect(answer(made.out)).to.include({ secretFile: null });
    expect(decodeProofFile(new Uint8Array(readFileSync(file))).stages[0]?.evidence.tensors.length).to.equal(2);
    const { code, out } = await run("verify", file, "--model", MODEL, "--input", at("input.json"), "--json");
    expect(code, out).to.equal(0);
    const names = (answer(out)["checks"] as { name: string }[]).map(({ name }) => name);
    expect(names).to.include.members(["circuits", "input", "output"]);
  });

  it("behavior: R32 R35 another job, input, model, chain or class is named, with exit code 1", async () => {
    const file = at("salted.proof");
    const secret = ["--secret-file", `${file}.secret`];
    for (const [failed, ...options] of [
      ["expected", "--job", `0x${"cd".repeat(32)}`],
      ["expected", "--chain-id", "1"],
      ["expected", "--key", `0x${"cd".repeat(32)}`],
      ["keys", "--refuse-development"],
      ["circuits", "--model", "models/digits-mlp"],
      ["input", "--model", MODEL, "--input", at("other.json"), ...secret],
    ] as const) {
      const { code, out } = await run("verify", file, ...options, "--json");
      expect(code, options.join(" ")).to.equal(1);
      expect(checksOf(out)).to.include(failed);
    }
  });

  it("behavior: R31 bytes that are altered, cut or something else are findings, not crashes", async () => {
    const bytes = new Uint8Array(readFileSync(at("salted.proof")));
    const file = decodeProofFile(bytes);
    const lie = { ...file, inDigest: file.stages[0]?.outDigest ?? file.inDigest };
    for (const [name, wrong, failed] of [
      ["cut", bytes.subarray(0, 100), "bytes"],
      ["empty", new Uint8Array(), "bytes"],
      ["lie", encodeProofFile(lie), "stage 0"],
    ] as const) {
      writeFileSync(at(name), wrong);
      const { code, out } = await run("verify", at(name), "--json");
      expect(code).to.equal(1);
      expect(checksOf(out)).to.deep.equal([failed]);
    }
  });

  it("R31: of many files each is reported on, the false ones by name, and one is enough for exit code 1", async () => {
    const file = decodeProofFile(new Uint8Array(readFileSync(at("salted.proof"))));
    const [stage] = file.stages;
    if (stage === undefined) throw new TypeError("fixture");
    const late = { ...file, jobId: `0x${"cd".repeat(32)}` as const };
    const names = ["one", "two", "lie", "three", "nothing", "four"].map((name) => at(`${name}.many`));
    for (const name of names) writeFileSync(name, encodeProofFile(name.endsWith("lie.many") ? late : file));
    writeFileSync(at("nothing.many"), "hello");
    const { code, out } = await run("verify", ...names, "--model", MODEL, "--json");
    expect(code).to.equal(1);
    const found = out.trim().split("\n").map(answer);
    expect(found.map((report) => report["file"])).to.deep.equal(names);
    expect(found.map((report) => report["ok"])).to.deep.equal([true, true, false, true, false, true]);
    expect(checksOf(JSON.stringify(found[2]))).to.deep.equal(["stage 0"]);
    expect(checksOf(JSON.stringify(found[4]))).to.deep.equal(["bytes"]);
    const good = await run("verify", ...names.filter((name) => !/lie|nothing/.test(name)));
    expect(good.code, good.err).to.equal(0);
    expect(good.out).to.match(/^(ok {5}.*\.many\n){4}$/);
    expect(good.err).to.contain("4 files, 0 not valid");
    const opening = await run("verify", ...names, "--input", at("input.json"), "--model", MODEL, "--json");
    expect(opening.code).to.equal(2);
    const missing = await run("verify", names[0] ?? "", at("nowhere"), "--json");
    expect(missing.code).to.equal(2);
  });

  it("behavior: nothing is overwritten, and off the local chain a ceremony's key is needed", async () => {
    const again = await run("prove", MODEL, at("input.json"), "--out", at("salted.proof"), "--json");
    expect(again.code).to.equal(2);
    expect(again.out + again.err).to.include("FILE_EXISTS");
    const away = ["--out", at("away.proof"), "--chain-id", "1", "--keys", folder, "--json"];
    const foreign = await run("prove", MODEL, at("input.json"), ...away);
    expect(foreign.code).to.not.equal(0);
    expect(foreign.out + foreign.err).to.match(/KEY_MISSING|KEY_DEVELOPMENT/);
  });
});
