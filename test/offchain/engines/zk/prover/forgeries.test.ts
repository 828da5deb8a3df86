// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { decodeKeyRecord, keyIdOf } from "../../../../../offchain/core/zk/key-record.ts";
import type { VerifyingKey } from "../../../../../offchain/core/zk/verifying-key.ts";
import { firstViolation } from "../../../../../offchain/engines/zk/r1cs/check-witness.ts";
import {
  makeDevelopmentKey,
  type DevelopmentKey,
} from "../../../../../offchain/engines/zk/setup/make-development-key.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { CheatingProver, lyingRun } from "../../../../support/late-opening.ts";
import { finishToy, patchMultiplicity, runToy, toyCircuit } from "../../../../support/toy-circuit.ts";
import { accepts, keyOf, publicsOf } from "../../../../support/toy-proof.ts";

/** `openKey` without its guard against repeated deltas. */
const openUnguarded = ({ record }: DevelopmentKey): VerifyingKey => ({
  keyId: keyIdOf(record),
  record: decodeKeyRecord(record),
});

describe("forgeries through the key", function () {
  this.timeout(120_000);
  const threads = 2;

  it("behavior: opening the commitment after the challenge is accepted on an unstripped key, and fails on ours", async () => {
    const circuit = toyCircuit("public");
    const honest = runToy(circuit);
    const lie = lyingRun(circuit);
    const outcomes: boolean[] = [];
    for (const unstripped of [true, false]) {
      const key = await makeDevelopmentKey(circuit, { threads, unstripped });
      const verifying = openUnguarded(key);
      const cheat = new CheatingProver(key, circuit, verifying);
      const proof = await cheat.lateOpening(honest, lie);
      outcomes.push(accepts(verifying, lie, proof));
      // The same prover without a lie: what fails on ours is the lie, not its arithmetic.
      expect(accepts(verifying, honest, await cheat.lateOpening(honest, honest))).to.equal(true);
      await cheat.close();
    }
    expect(outcomes).to.deep.equal([true, false]);
  });

  it("behavior: the late-opening lie satisfies every constraint: checking the witness cannot see it", async () => {
    const circuit = toyCircuit("public");
    const key = await makeDevelopmentKey(circuit, { threads });
    const lie = lyingRun(circuit);
    const publics = publicsOf(openUnguarded(key), lie, { x: 1n, y: 2n });
    const values = finishToy(circuit, patchMultiplicity(circuit, lie, publics[1] ?? 0n), publics);
    expect(firstViolation(circuit.r1cs, values)).to.equal(-1);
    expect(firstViolation(circuit.r1cs, finishToy(circuit, lie, publics))).to.be.greaterThan(-1);
  });

  it("behavior: weights moved from C_w into C1 are accepted where both share a delta, and fail on ours; the guard refuses it", async () => {
    const circuit = toyCircuit("private");
    const registered = runToy(circuit);
    const lie = runToy(circuit, undefined, 2n);
    const outcomes: boolean[] = [];
    for (const sharedDelta of [true, false]) {
      const key = await makeDevelopmentKey(circuit, { threads, sharedDelta });
      const verifying = openUnguarded(key);
      const cheat = new CheatingProver(key, circuit, verifying);
      const { proof, weights } = await cheat.movedWeights(registered, lie);
      outcomes.push(accepts(verifying, lie, proof, weights));
      const same = await cheat.movedWeights(registered, registered);
      expect(accepts(verifying, registered, same.proof, same.weights)).to.equal(true);
      await cheat.close();
      if (sharedDelta) await expectCode("KEY_DEGENERATE", () => keyOf(decodeKeyRecord(key.record)));
    }
    expect(outcomes).to.deep.equal([true, false]);
  });
});
