// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../../offchain/core/bytes.ts";
import { curveG1, pointOfG1 } from "../../../../offchain/core/zk/points.ts";
import { proofOfWords, wordsOfProof, type G1Point } from "../../../../offchain/core/zk/proof.ts";
import { batchFactors } from "../../../../offchain/core/zk/batch-factors.ts";
import { verifyProofBatch } from "../../../../offchain/core/zk/verify-batch.ts";
import type { StageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { bytesOf } from "../../../support/deterministic.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { proofCase } from "../../../support/proof-cases.ts";
import { hashOf } from "../../../support/sample-receipt.ts";
import { BACKENDS, g1Of } from "../../../support/simulated-proof.ts";

const batchOf = (backend: 1 | 2 | 3, n: number): StageProof[] =>
  Array.from({ length: n }, (_, i) => proofCase(backend, "joined", { variant: `${i}`, claim: { stage: i } }).stage);
const addC2 = (stage: StageProof, point: G1Point): StageProof => {
  const proof = proofOfWords(stage.evidence.proof);
  const c2 = pointOfG1(curveG1(proof.c2).add(curveG1(point)));
  return { ...stage, evidence: { ...stage.evidence, proof: wordsOfProof({ ...proof, c2 }) } };
};
const indicesOf = async (stages: readonly StageProof[]): Promise<unknown> => {
  const error = await expectCode("BATCH_REJECTED", () => verifyProofBatch(stages));
  return (error as { meta: { indices: unknown } }).meta.indices;
};

describe("verifyProofBatch", function () {
  this.timeout(60_000);

  it("default: R31 one product for many proofs", () => {
    for (const backend of BACKENDS) for (const n of [1, 2, 5]) verifyProofBatch(batchOf(backend, n));
  });

  it("R31: a false proof fails the batch and is named, wherever it stands", async () => {
    for (const backend of BACKENDS) {
      const stages = batchOf(backend, 4);
      for (const at of [0, 2, 3]) {
        const lie = stages.map((stage, i) =>
          i === at ? { ...stage, claim: { ...stage.claim, jobId: hashOf("lie") } } : stage,
        );
        expect(await indicesOf(lie)).to.equal(String(at));
      }
    }
  });

  it("R31: false proofs that cancel out are found", async () => {
    const stages = batchOf(2, 3);
    const [d, minus] = [g1Of(9n), pointOfG1(curveG1(g1Of(9n)).negate())];
    const pair = stages.map((stage, i) => (i === 0 ? addC2(stage, d) : i === 2 ? addC2(stage, minus) : stage));
    expect(await indicesOf(pair)).to.equal("0, 2");
  });

  it("R31: malformed members are named with the false ones", async () => {
    const stages = batchOf(2, 3);
    const [first, second, third] = stages as [StageProof, StageProof, StageProof];
    const bad = { ...second, evidence: { ...second.evidence, tensors: [] } };
    expect(await indicesOf([addC2(first, g1Of(2n)), bad, third])).to.equal("0, 1");
  });

  it("error: BATCH_INVALID for nothing, two keys or two weight commitments", async () => {
    await expectCode("BATCH_INVALID", () => verifyProofBatch([]));
    await expectCode("BATCH_INVALID", () => verifyProofBatch([...batchOf(2, 1), ...batchOf(3, 1)]));
    const [first, second] = batchOf(3, 2) as [StageProof, StageProof];
    await expectCode("BATCH_INVALID", () => verifyProofBatch([first, { ...second, weights: g1Of(4n) }]));
  });

  it("behavior: factors depend on every proof and context; the first is 1, the others have 128 bits", () => {
    const entry = (name: string) => ({ context: toHex(bytesOf(`c ${name}`)), proof: bytesOf(`p ${name}`) });
    const entries = ["a", "b", "c"].map(entry);
    const factors = batchFactors(hashOf("key"), entries);
    expect(factors[0]).to.equal(1n);
    for (const factor of factors.slice(1)) expect(factor > 0n && factor < 1n << 128n).to.equal(true);
    for (let i = 0; i < 3; i++) {
      const proof = { ...(entries[i] as (typeof entries)[0]), proof: bytesOf("other") };
      const context = { ...(entries[i] as (typeof entries)[0]), context: hashOf("other") };
      for (const changed of [proof, context])
        expect(batchFactors(hashOf("key"), entries.with(i, changed)).slice(1)).to.not.deep.equal(factors.slice(1));
    }
    expect(batchFactors(hashOf("other key"), entries).slice(1)).to.not.deep.equal(factors.slice(1));
  });
});
