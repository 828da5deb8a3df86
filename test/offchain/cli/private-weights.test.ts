// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { modelImport } from "../../../offchain/cli/commands/model/import.ts";
import { modelInspect } from "../../../offchain/cli/commands/model/inspect.ts";
import { prove } from "../../../offchain/cli/commands/prove.ts";
import { verify } from "../../../offchain/cli/commands/verify.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("models with private weights, from the command line", function () {
  this.timeout(300_000);
  const folder = temporaryFolder();
  const model = join(folder, "models", "hidden");
  const at = (name: string): string => join(folder, name);
  const cache = ["--cache", "build/test-zk"];
  const run = async (...argv: string[]) => captureCli([modelImport, modelInspect, prove, verify], [...argv, "--json"]);
  const answer = (out: string) => JSON.parse(out) as Record<string, unknown>;
  const opening = join(model, "keys", "0.opening");

  before(async () => {
    mkdirSync(model, { recursive: true });
    cpSync("models/tumor-mlp/model.onnx", join(model, "model.onnx"));
    for (const name of ["tumor-train.csv", "tumor-test.csv"])
      cpSync(`models/data/${name}`, join(folder, "models/data", name));
    const recipe = JSON.parse(readFileSync("models/tumor-mlp/recipe.json", "utf8")) as {
      preprocess: { offset: number[] };
    };
    writeFileSync(join(model, "recipe.json"), JSON.stringify({ ...recipe, proofs: { weights: "private" } }));
    writeFileSync(at("input.json"), JSON.stringify(recipe.preprocess.offset));
    const { code, err } = await run("model", "import", model, ...cache);
    expect(code, err).to.equal(0);
  });

  it("default: the import commits to the weights, and who has the opening proves under the commitment", async () => {
    const { out } = await run("model", "inspect", model);
    const [stage] = answer(out)["stages"] as { keyId: string; weights: string }[];
    expect(stage).to.include({ weights: "private" });
    expect(statSync(opening).mode & 0o077).to.equal(0);
    const made = await run("prove", model, at("input.json"), "--out", at("a.proof"), ...cache);
    expect(made.code, made.err).to.equal(0);
    expect(answer(made.out)["keyIds"]).to.deep.equal([stage?.keyId]);
    const checked = await run("verify", at("a.proof"), "--model", model, ...cache);
    expect(checked.code, checked.out).to.equal(0);
    // The public model is another function of the same shape: no proof of it.
    const other = await run("verify", at("a.proof"), "--model", "models/tumor-mlp", ...cache);
    expect(other.code).to.equal(1);
  });

  it("behavior: importing again keeps a commitment that still opens, and so the model id", async () => {
    const before = [readFileSync(opening), readFileSync(join(model, "manifest.json"))];
    await run("model", "import", model, ...cache);
    expect([readFileSync(opening), readFileSync(join(model, "manifest.json"))]).to.deep.equal(before);
  });

  it("behavior: the same model in linear-check mode: another key, which proves and verifies as ever, and which no flag has to name", async () => {
    const checked = join(folder, "models", "checked");
    mkdirSync(checked, { recursive: true });
    cpSync(join(model, "model.onnx"), join(checked, "model.onnx"));
    const recipe = JSON.parse(readFileSync(join(model, "recipe.json"), "utf8")) as object;
    writeFileSync(
      join(checked, "recipe.json"),
      JSON.stringify({ ...recipe, proofs: { weights: "private", linearCheck: true } }),
    );
    expect((await run("model", "import", checked, ...cache)).code).to.equal(0);
    const made = await run("prove", checked, at("input.json"), "--out", at("c.proof"), ...cache);
    expect(made.code, made.err).to.equal(0);
    const keyOf = async (name: string) =>
      (answer((await run("model", "inspect", name)).out)["stages"] as { keyId: string }[])[0]?.keyId;
    expect(answer(made.out)["keyIds"]).to.deep.equal([await keyOf(checked)]);
    expect(await keyOf(checked)).to.not.equal(await keyOf(model));
    const good = await run("verify", at("c.proof"), "--model", checked, ...cache);
    expect(good.code, good.out).to.equal(0);
    // Two keys, two commitments: a proof of one is none of the other.
    expect((await run("verify", at("c.proof"), "--model", model, ...cache)).code).to.equal(1);
  });

  it("error: WEIGHTS_COMMITTED, OPENING_INVALID, MODEL_WEIGHTS_PRIVATE", async () => {
    const refused = async (code: string, ...options: string[]) => {
      const { out, code: exit } = await run(
        "prove",
        model,
        at("input.json"),
        "--out",
        at("b.proof"),
        ...cache,
        ...options,
      );
      expect(exit).to.not.equal(0);
      expect(answer(out)["error"]).to.include({ code });
    };
    await refused("WEIGHTS_COMMITTED", "--ends", "public");
    const good = readFileSync(opening);
    writeFileSync(opening, good.subarray(1));
    await refused("OPENING_INVALID");
    // The opening of another commitment is none of this one.
    const changed = Uint8Array.from(good);
    changed[31] = (changed[31] ?? 0) ^ 1;
    writeFileSync(opening, changed);
    await refused("MODEL_WEIGHTS_PRIVATE");
    rmSync(opening);
    await refused("MODEL_WEIGHTS_PRIVATE");
  });
});
