// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { judgeProofs } from "../../../../../offchain/core/zk/judge-proofs.ts";
import { curveG1, pointOfG1 } from "../../../../../offchain/core/zk/points.ts";
import type { StageProof } from "../../../../../offchain/core/zk/verify-proof.ts";
import { choosePairing } from "../../../../../offchain/engines/zk/verify/choose-pairing.ts";
import { NativePairing } from "../../../../../offchain/engines/zk/verify/native-pairing.ts";
import { changed, pairingCompliance } from "../../../../ports/pairing.compliance.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { nativeAddon, nativeMissing, nativePaths } from "../../../../support/native-addon.ts";
import { nativePoints } from "../../../../support/native-points.ts";
import { proofCase } from "../../../../support/proof-cases.ts";
import { hashOf } from "../../../../support/sample-receipt.ts";
import { g1Of, simulateProofs } from "../../../../support/simulated-proof.ts";

for (const path of nativePaths)
  pairingCompliance(`NativePairing on ${path}`, () => new NativePairing(nativeAddon(), { path, threads: 2 }));

describe("NativePairing", function () {
  this.timeout(120_000);

  before(function () {
    if (nativePaths.length > 0) return;
    console.warn(`      skipped: the native prover is not here: ${nativeMissing}`);
    this.skip(); // nothing was built on this machine
  });

  /** 1,000 proofs of six keys. */
  function thousand(): StageProof[] {
    const bases = ([2, 3] as const).flatMap((backend) =>
      ["public", "salted", "joined"].map((shape) => proofCase(backend, shape)),
    );
    const orders = Array.from({ length: 1000 }, (_, i) => {
      const { made, statement } = bases[i % bases.length] as (typeof bases)[0];
      const claim = { ...statement.claim, jobId: hashOf(`job ${i}`) };
      return { made, statement: { ...statement, claim }, seed: `${i}` };
    });
    return simulateProofs(orders, nativePoints(nativeAddon()));
  }

  it("R31: of 1,000 proofs of several keys the false ones are named: one, two that would cancel out, malformed ones", async () => {
    const engine = new NativePairing(nativeAddon(), { threads: 2 });
    const stages = thousand();
    const named = async (all: readonly StageProof[]) =>
      (await judgeProofs(all, engine)).flatMap((verdict, i) => (verdict === undefined ? [] : [`${i} ${verdict.code}`]));
    const at = (i: number): StageProof => stages[i] as StageProof;
    expect(await named(stages)).to.deep.equal([]);
    const lie = { ...at(617), claim: { ...at(617).claim, worker: `0x${"66".repeat(20)}` as const } };
    expect(await named(stages.with(617, lie))).to.deep.equal(["617 PROOF_REJECTED"]);
    const shift = (stage: StageProof, by: ReturnType<typeof curveG1>): StageProof =>
      changed(stage, ({ c2 }) => ({ c2: pointOfG1(curveG1(c2).add(by)) }));
    const error = curveG1(g1Of(9n));
    // 12 and 906 are of one key.
    const pair = stages.with(12, shift(at(12), error)).with(906, shift(at(906), error.negate()));
    expect(await named(pair)).to.deep.equal(["12 PROOF_REJECTED", "906 PROOF_REJECTED"]);
    const mixed = pair
      .with(
        0,
        changed(at(0), () => ({ a: { x: 1n, y: 3n } })),
      )
      .with(999, lie);
    expect(await named(mixed)).to.deep.equal([
      "0 PROOF_MALFORMED",
      "12 PROOF_REJECTED",
      "906 PROOF_REJECTED",
      "999 PROOF_REJECTED",
    ]);
    await engine.close();
  });

  it("error: PROVER_CLOSED once it is closed", async () => {
    const engine = new NativePairing(nativeAddon(), { threads: 1 });
    await engine.close();
    await expectCode("PROVER_CLOSED", async () => engine.isOne([]));
    await engine.close();
  });

  it("behavior: it is chosen where the native prover is, and not where snarkjs was asked for", async () => {
    const chosen = choosePairing("auto", { env: {} });
    expect(chosen.name).to.equal(`native ${nativePaths[0]}`);
    await chosen.close?.();
    expect(choosePairing("snarkjs").name).to.equal("noble");
    expect(choosePairing("auto", { env: { ASSAY_ZK_PROVER: "snarkjs" } }).name).to.equal("noble");
    const none = () => ({ reason: "it was not built", fix: "build it" });
    expect(choosePairing("auto", { env: {}, find: none }).name).to.equal("noble");
    await expectCode("NATIVE_MISSING", () => choosePairing("native", { env: {}, find: none }));
  });
});
