// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { Command } from "../../../../offchain/cli/command.ts";
import { modelCipher } from "../../../../offchain/cli/commands/model/cipher.ts";
import { modelRefresh } from "../../../../offchain/cli/commands/model/refresh.ts";
import { modelRegister } from "../../../../offchain/cli/commands/model/register.ts";
import { readCompilerInput } from "../../../../offchain/cli/compiler-input.ts";
import { decodeManifestFile, encodeManifestFile } from "../../../../offchain/core/manifest.ts";
import { finishOf, openCipherModel } from "../../../../offchain/engines/she/client/cipher-model.ts";
import { boundaryOf, releaseOf } from "../../../../offchain/engines/she/client/release.ts";
import { buildRefreshModels } from "../../../../offchain/engines/she/model/build-refresh-models.ts";
import { refreshFolder } from "../../../../offchain/engines/she/model/folders.ts";
import { loadCipherModel, loadRefreshModels } from "../../../../offchain/engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { captureCli } from "../../../support/capture-cli.ts";
import { expectCode } from "../../../support/expect-code.ts";

const folderOf = (name: string) => new URL(`../../../../models/${name}`, import.meta.url).pathname;
const [TUMOR, DIGITS, RELU] = [folderOf("tumor-poly"), folderOf("digits-mlp-poly"), folderOf("digits-mlp")];

describe("model over ciphertexts", () => {
  it("R39: the zoo's tumor-poly is what its polynomial model compiles to, bit for bit, tolerance and all", async () => {
    const { code, out } = await captureCli(
      [modelCipher],
      ["model", "cipher", TUMOR, "--cut", "0", "--interleave", "128", "--dry-run", "--json"],
    );
    expect(code).to.equal(0);
    const made = JSON.parse(out) as {
      modelId: string;
      plain: string;
      report: { evaluations: number; keySets: number };
    };
    const { manifest, tolerance } = await loadCipherModel(`${TUMOR}/cipher`);
    const plain = decodeManifestFile(readFileSync(`${TUMOR}/manifest.json`, "utf8"));
    expect(made.modelId).to.equal(manifest.modelId);
    expect([made.plain, manifest.tools.cipher?.plain]).to.deep.equal([plain.modelId, plain.modelId]);
    expect(manifest.model.programRoot).to.equal(plain.model.programRoot);
    expect(made.report).to.deep.include({ evaluations: 1000, keySets: 4 });
    expect(tolerance).to.be.lessThan(1e-3);
    // Voted on as ciphertexts, and as nothing else.
    expect(manifest.model.acceptedMasks).to.equal(1 << 9);
  }).timeout(60_000);

  it("R43: the zoo's refreshed digits-mlp is what its integer model compiles to, bit for bit", async function () {
    this.timeout(120_000);
    const committed = await loadRefreshModels(RELU);
    if (process.env["ASSAY_DEEP"] === "1") {
      const { out } = await captureCli([modelRefresh], ["model", "refresh", RELU, "--dry-run", "--json"]);
      const { steps } = JSON.parse(out) as { steps: { modelId: string }[] };
      expect(steps.map(({ modelId }) => modelId)).to.deep.equal(committed.map(({ manifest }) => manifest.modelId));
    }
    const { plain, program, evaluation } = await readCompilerInput(RELU);
    // Measuring 1,000 digits takes most of the time, and changes the tolerance alone.
    const least = { evaluations: 2, keySets: 1 };
    const made = buildRefreshModels(
      { plain: plain.manifest, program, evaluation: evaluation.slice(0, 2), least },
      { hashes: nodeHashes },
    );
    expect(made.length).to.equal(committed.length);
    for (const [step, { manifest, files }] of made.entries()) {
      const own = committed[step] ?? expect.fail("no step");
      const folder = `${RELU}/${refreshFolder(step)}`;
      expect(Buffer.from(files.get("weights-0") ?? []).equals(readFileSync(`${folder}/weights-0`))).to.equal(true);
      expect(
        openCipherModel(
          {
            manifest: encodeManifestFile(manifest.model, manifest.tools),
            program: files.get("program") ?? new Uint8Array(),
          },
          nodeHashes,
        ).program.plan,
      ).to.deep.equal(own.program.plan);
      const stages = ({ model }: typeof manifest) => model.stages;
      expect(stages(manifest)).to.deep.equal(stages(own.manifest));
      expect(manifest.tools.cipher?.refresh).to.deep.equal(own.manifest.tools.cipher?.refresh);
      const report = JSON.parse(readFileSync(`${folder}/report.json`, "utf8")) as object;
      expect(report).to.deep.include({ evaluations: 1000, keySets: 4 });
    }
  });

  it("error: model refresh refuses what is no chain of integer layers; register takes one kind of model at a time", async () => {
    const run = async (command: Command, ...argv: string[]) =>
      captureCli([command], [...command.name.split(" "), ...argv, "--json"]);
    for (const [name, code] of [
      ["tumor-poly", "PROGRAM_UNSUPPORTED"],
      ["digits-split", "INPUT_INVALID"],
    ] as const) {
      const { code: exit, out } = await run(modelRefresh, folderOf(name), "--dry-run");
      expect([exit === 0, (JSON.parse(out) as { error: { code: string } }).error.code]).to.deep.equal([false, code]);
    }
    const both = await run(modelRegister, RELU, "--cipher", "--refreshed");
    expect([both.code, both.out.includes("not both")]).to.deep.equal([2, true]);
    // What the folder lacks is said with the command that makes it.
    const none = await run(modelRegister, folderOf("digits-cnn"), "--refreshed");
    expect([none.code === 0, none.out.includes("assay model refresh")]).to.deep.equal([false, true]);
  });

  it("error: refuses cuts, models and programs that do not fit", async () => {
    const run = async (...argv: string[]) =>
      (await captureCli([modelCipher], ["model", "cipher", ...argv, "--dry-run"])).code;
    expect(await run(TUMOR, "--cut", "1,0")).to.equal(2);
    expect(await run(TUMOR, "--cut", "x")).to.equal(2);
    expect(await run(folderOf("digits-mlp"))).to.not.equal(0);
    const digits = await loadCipherModel(`${DIGITS}/cipher`);
    expect(finishOf(digits, new Uint8Array(readFileSync(`${DIGITS}/program`))).kind).to.equal("scale");
    await expectCode("BYTES_REFUSED", () => finishOf(digits, new Uint8Array(readFileSync(`${TUMOR}/program`))));
  });

  it("error: NOT_CANONICAL for a manifest whose cipher record is not one", async () => {
    const { manifest } = await loadCipherModel(`${TUMOR}/cipher`);
    const text = encodeManifestFile(manifest.model, manifest.tools);
    expect(decodeManifestFile(text).tools.cipher).to.deep.equal(manifest.tools.cipher);
    for (const [from, to] of [
      ['"plain"', '"plane"'],
      ['"cipher": {', '"cipher": { "more": 1,'],
      [/"cipher": \{[^}]*\}/, '"cipher": null'],
      [/"program": "0x../, '"program": "0x'],
      ['"ciphertext"', '"cyphertext"'],
    ] as const)
      await expectCode("NOT_CANONICAL", () => decodeManifestFile(text.replace(from, to)));
  });

  it("R40: a threshold is told where no noise within the tolerance would have said otherwise", () => {
    const finish = { kind: "scale", dtype: "i32", shifts: [4], lo: -100, hi: 100, table: null } as const;
    const terms = { tolerance: 3, finish };
    // 8 is the least accumulator that rounds to 1 or more.
    expect(boundaryOf(finish, 1)).to.equal(8);
    const told = (y: number) => releaseOf([y], { kind: "threshold", at: 8 }, terms);
    expect(told(11.1)).to.deep.equal({ kind: "threshold", isReached: true });
    expect(told(4.9)).to.deep.equal({ kind: "threshold", isReached: false });
    for (const y of [11, 5, 8, Number.NaN, Infinity]) expect(told(y)).to.deep.equal({ kind: "undecided" });
    expect(boundaryOf({ kind: "exact" }, 7)).to.equal(7);
    expect(boundaryOf({ ...finish, shifts: [4, 2] }, 3, 1)).to.equal(10);
  });
});
