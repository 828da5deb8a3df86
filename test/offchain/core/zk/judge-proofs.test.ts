// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { PairingEngine } from "../../../../offchain/core/ports/pairing.ts";
import { boundProof, mixedFactors } from "../../../../offchain/core/zk/batch-factors.ts";
import { judgeProofs, judgeTogether } from "../../../../offchain/core/zk/judge-proofs.ts";
import { noblePairing } from "../../../../offchain/core/zk/noble-pairing.ts";
import { prepareProof, type StageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { pairingCompliance } from "../../../ports/pairing.compliance.ts";
import { proofCase } from "../../../support/proof-cases.ts";
import { hashOf } from "../../../support/sample-receipt.ts";

pairingCompliance("noble", () => noblePairing);

/** Counts what is asked; believes what the callback says. */
function counting(isOne: (terms: number) => boolean): PairingEngine & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    name: "counting",
    asked,
    strangersToG1: () => Promise.resolve([]),
    strangersToG2: () => Promise.resolve([]),
    isOne: (product) => {
      asked.push(product.length);
      return Promise.resolve(isOne(product.length));
    },
  };
}

describe("judgeProofs", function () {
  this.timeout(60_000);
  const stages = Array.from({ length: 6 }, (_, i) => proofCase(2, "public", { variant: `${i}` }).stage);

  it("default: proofs that hold take one product, whose terms are theirs and four of the key", async () => {
    const engine = counting(() => true);
    expect(await judgeProofs(stages, engine)).to.deep.equal(stages.map(() => undefined));
    expect(engine.asked).to.deep.equal([6 + 4]);
    expect(await judgeProofs([], engine)).to.deep.equal([]);
    expect(engine.asked).to.have.length(1);
  });

  it("behavior: where all are false, each is asked for alone, and no more than twice as many products", async () => {
    const engine = counting(() => false);
    const verdicts = await judgeProofs(stages, engine);
    expect(verdicts.map((verdict) => verdict?.code)).to.deep.equal(stages.map(() => "PROOF_REJECTED"));
    expect(engine.asked.length).to.be.below(2 * stages.length);
  });

  it("behavior: each report gets its own proofs' verdicts", async () => {
    const lie = { ...(stages[3] as StageProof), claim: { ...(stages[3] as StageProof).claim, jobId: hashOf("lie") } };
    const parts = [stages.slice(0, 2), [], [lie], stages.slice(4)];
    const reports = await judgeTogether(
      parts.map((proofs, i) => ({ proofs, report: (verdicts) => [i, ...verdicts.map((verdict) => verdict?.code)] })),
      noblePairing,
    );
    expect(reports).to.deep.equal([[0, undefined, undefined], [1], [2, "PROOF_REJECTED"], [3, undefined, undefined]]);
  });

  it("R31: factors depend on every proof, claim and key; the first is 1, the others have 128 bits", () => {
    const three = proofCase(3, "public").stage;
    const mixed = [...stages.slice(0, 3), three];
    const factorsOf = (all: readonly StageProof[]) =>
      mixedFactors(all.map((stage) => boundProof(stage, prepareProof(stage))));
    const factors = factorsOf(mixed);
    expect(factors[0]).to.equal(1n);
    expect(new Set(factors).size).to.equal(mixed.length);
    for (const factor of factors.slice(1)) expect(factor > 1n && factor < 1n << 128n).to.equal(true);
    for (const [i, stage] of mixed.entries()) {
      const other = { ...stage, claim: { ...stage.claim, jobId: hashOf("other") } };
      const again = factorsOf(mixed.with(i, other));
      for (const [j, factor] of again.entries()) if (j > 0) expect(factors).to.not.include(factor);
    }
    const swapped = factorsOf(mixed.toReversed());
    for (const factor of swapped.slice(1)) expect(factors).to.not.include(factor);
  });
});
