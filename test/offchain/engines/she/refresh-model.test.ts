// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { fromUtf8 } from "../../../../offchain/core/bytes.ts";
import { decodeManifestFile, encodeManifestFile, type ManifestFile } from "../../../../offchain/core/manifest.ts";
import { finishAccumulator } from "../../../../offchain/core/program/run/linear.ts";
import { openCipherModel } from "../../../../offchain/engines/she/client/cipher-model.ts";
import { openRefreshModel } from "../../../../offchain/engines/she/client/refresh-model.ts";
import { compileRefresh } from "../../../../offchain/engines/she/compile/refresh-plan.ts";
import { buildRefreshModels } from "../../../../offchain/engines/she/model/build-refresh-models.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { dense, relu, retrained, signedOut, stage } from "../../../support/small-architectures.ts";

const DIGITS = new URL("../../../../models/digits-mlp/manifest.json", import.meta.url).pathname;

describe("models of refreshed steps", () => {
  const program = retrained(stage([6], [dense(0, 6, 9, relu(9)), dense(1, 9, 8, signedOut(8))]), new Prng(3));
  const plain = decodeManifestFile(readFileSync(DIGITS, "utf8"));
  const evaluation = [
    [1, -2, 3, -4, 5, -6],
    [127, -127, 0, 9, 8, 7],
  ];
  const made = buildRefreshModels(
    { plain, program, evaluation, least: { evaluations: 2, keySets: 1 } },
    { hashes: nodeHashes },
  );
  const textOf = (step: number): string => fromUtf8(made[step]?.files.get("manifest.json") ?? new Uint8Array(), "file");
  const open = (manifest: string, step: number) =>
    openCipherModel({ manifest, program: made[step]?.files.get("program") ?? new Uint8Array() }, nodeHashes);
  const models = made.map((_, step) => open(textOf(step), step));

  it("R43: each step says what its key holder does, as the program compiles, and the same program gives the same ids", () => {
    const steps = openRefreshModel(models);
    for (const [i, { finish, channels, inner, largest, op }] of compileRefresh(program).entries()) {
      const own = steps[i];
      expect([own?.channels, own?.inner, own?.largest, own?.op]).to.deep.equal([channels, inner, largest, op]);
      const y = Int32Array.from({ length: channels * inner }, (_, o) => (o - 4) * 1_000);
      const given = finishAccumulator(y, own?.finish ?? { kind: "exact" }, channels, inner);
      expect(given).to.deep.equal(finishAccumulator(y, finish, channels, inner));
    }
    const again = buildRefreshModels(
      { plain, program, evaluation, least: { evaluations: 2, keySets: 1 } },
      { hashes: nodeHashes },
    );
    expect(again.map(({ manifest }) => manifest.modelId)).to.deep.equal(made.map(({ manifest }) => manifest.modelId));
    expect(new Set(made.map(({ manifest }) => manifest.modelId)).size).to.equal(2);
  });

  it("attack: a record of a step that is malformed is no manifest; one that was changed is another model's", async () => {
    const { model, tools } = decodeManifestFile(textOf(0));
    const { cipher } = tools;
    const refresh = cipher?.refresh ?? expect.fail("no refresh");
    const { finish } = refresh;
    if (finish.kind !== "scale") return expect.fail("another finish");
    const withRefresh = (changed: object): string =>
      encodeManifestFile(model, { ...tools, cipher: { ...cipher, refresh: changed } } as ManifestFile["tools"]);
    expect(decodeManifestFile(withRefresh(refresh)).tools.cipher?.refresh).to.deep.equal(refresh);
    const malformed: object[] = [
      { ...refresh, steps: 0 },
      { ...refresh, steps: 17 },
      { ...refresh, step: 2 },
      { ...refresh, step: -1 },
      { ...refresh, step: 0.5 },
      { ...refresh, op: -1 },
      { ...refresh, op: "0" },
      { ...refresh, channels: 1e9 },
      { ...refresh, largest: 2 ** 40 },
      { ...refresh, more: 1 },
      { ...refresh, finish: null },
      { ...refresh, finish: { kind: "exact", lo: 0 } },
      { ...refresh, finish: { ...finish, kind: "other" } },
      { ...refresh, finish: { ...finish, dtype: "f32" } },
      { ...refresh, finish: { ...finish, shifts: [] } },
      { ...refresh, finish: { ...finish, shifts: [1, 2] } },
      { ...refresh, finish: { ...finish, shifts: [32] } },
      { ...refresh, finish: { ...finish, lo: 5, hi: 4 } },
      { ...refresh, finish: { ...finish, hi: 128 } },
      { ...refresh, finish: { ...finish, table: [1, 2, 3] } },
      { ...refresh, finish: { ...finish, table: Array.from({ length: 128 }, () => 128) } },
    ];
    for (const changed of malformed) await expectCode("NOT_CANONICAL", () => decodeManifestFile(withRefresh(changed)));
    await expectCode("BYTES_REFUSED", () => open(withRefresh({ ...refresh, finish: { ...finish, hi: 126 } }), 0));
    return undefined;
  });

  it("error: BYTES_REFUSED for steps that are missing, twice, out of order, or another program's", async () => {
    const [first = expect.fail("no step"), second = expect.fail("no step")] = models;
    const { manifest } = second;
    const { cipher } = manifest.tools;
    const other = {
      ...manifest,
      tools: { ...manifest.tools, cipher: cipher && { ...cipher, plain: manifest.modelId } },
    };
    const wrong = [[], [first], [second], [second, first], [first, first], [first, second, second]];
    for (const list of [...wrong, [first, { ...second, manifest: other }], [first, { ...second, tolerance: 1 }]])
      await expectCode("BYTES_REFUSED", () => openRefreshModel(list));
  });
});
