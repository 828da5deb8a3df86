// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import type { Claim } from "../../../../offchain/core/claim.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { hasCode, isAssayError } from "../../../../offchain/core/errors.ts";
import { FIELD_R, modR } from "../../../../offchain/core/zk/field.ts";
import { KEY_CEREMONY } from "../../../../offchain/core/zk/key-record.ts";
import { curveG1, curveG2, pointOfG1, pointOfG2 } from "../../../../offchain/core/zk/points.ts";
import { proofOfWords, wordsOfProof, type Proof } from "../../../../offchain/core/zk/proof.ts";
import { prepareProof, verifyStageProof, type StageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { assertKeyClass } from "../../../../offchain/core/zk/verifying-key.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { proofCase, SHAPES } from "../../../support/proof-cases.ts";
import { DEPLOYMENT, hashOf, signerOf } from "../../../support/sample-receipt.ts";
import { BACKENDS, g1Of, inverse, simulateProof } from "../../../support/simulated-proof.ts";

const VERDICTS = ["PROOF_MALFORMED", "STATEMENT_MISMATCH", "PROOF_REJECTED"];

/** Refused, with a code that says why: anything else, acceptance included, fails the test. */
function refusal(stage: StageProof, what: string): string {
  try {
    verifyStageProof(stage);
  } catch (error) {
    if (isAssayError(error) && VERDICTS.includes(error.code)) return error.code;
    throw error;
  }
  throw new TypeError(`${what} was accepted`);
}

const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.with(at, (bytes[at] ?? 0) ^ 1);
const flipHex = (hex: Hex, at: number): Hex => toHex(flip(fromHex(hex), at));
const withProof = (stage: StageProof, change: (proof: Proof) => Partial<Proof>): StageProof => {
  const proof = proofOfWords(stage.evidence.proof);
  return { ...stage, evidence: { ...stage.evidence, proof: wordsOfProof({ ...proof, ...change(proof) }) } };
};
const withClaim = (stage: StageProof, change: Partial<Claim>): StageProof => ({
  ...stage,
  claim: { ...stage.claim, ...change },
});
const neg = (point: { x: bigint; y: bigint }) => pointOfG1(curveG1(point).negate());

describe("verifyStageProof", function () {
  this.timeout(120_000);

  for (const backend of BACKENDS)
    it(`default: R31 accepts a true proof of backend ${backend}, for every shape of stage`, () => {
      for (const shape of Object.keys(SHAPES)) verifyStageProof(proofCase(backend, shape).stage);
    });

  it("R31: every byte of the proof flipped is refused", () => {
    for (const backend of BACKENDS) {
      const { stage } = proofCase(backend, "joined");
      for (let at = 0; at < 320; at++) {
        const word = Math.floor(at / 32);
        const proof = stage.evidence.proof.map((value, i) =>
          i === word ? value ^ (1n << BigInt(8 * (31 - (at % 32)))) : value,
        );
        refusal({ ...stage, evidence: { ...stage.evidence, proof } }, `byte ${at}`);
      }
    }
  });

  it("R32: every byte of the claim flipped is refused", () => {
    const { stage } = proofCase(2, "salted");
    const { jobId, inDigest, outDigest, worker } = stage.claim;
    for (let at = 0; at < 32; at++) {
      refusal(withClaim(stage, { jobId: flipHex(jobId, at) }), `job byte ${at}`);
      refusal(withClaim(stage, { inDigest: flipHex(inDigest, at) }), `in byte ${at}`);
      refusal(withClaim(stage, { outDigest: flipHex(outDigest, at) }), `out byte ${at}`);
    }
    for (let at = 0; at < 20; at++) refusal(withClaim(stage, { worker: flipHex(worker, at) }), `worker byte ${at}`);
    for (const number of [0, 1, 3, 258]) refusal(withClaim(stage, { stage: number }), `stage ${number}`);
  });

  it("R32: every byte of public tensors and joined digests flipped, added or left out is refused", () => {
    for (const backend of [1, 3] as const) {
      const { stage } = proofCase(backend, "joined");
      const { tensors, joined } = stage.evidence;
      const withTensors = (changed: readonly Hex[]): StageProof => ({
        ...stage,
        evidence: { ...stage.evidence, tensors: changed },
      });
      for (const [i, hex] of tensors.entries()) {
        const swap = (other: Hex): Hex[] => tensors.map((tensor, j) => (i === j ? other : tensor));
        for (let at = 0; at < fromHex(hex).length; at++)
          expect(refusal(withTensors(swap(flipHex(hex, at))), `tensor byte ${at}`)).to.equal("STATEMENT_MISMATCH");
        refusal(withTensors(swap(`${hex}00`)), "a byte more");
        refusal(withTensors(swap(hex.slice(0, -2) as Hex)), "a byte less");
        refusal(withTensors(swap("0x")), "nothing");
      }
      refusal(withTensors(tensors.toReversed()), "tensors swapped");
      refusal(withTensors(tensors.slice(1)), "a tensor missing");
      refusal(withTensors([...tensors, ...tensors.slice(0, 1)]), "a tensor too many");
      const withJoined = (changed: readonly Hex[]): StageProof => ({
        ...stage,
        evidence: { ...stage.evidence, joined: changed },
      });
      for (const [i, digest] of joined.entries())
        for (let at = 0; at < 32; at++) refusal(withJoined(joined.with(i, flipHex(digest, at))), `joined byte ${at}`);
      refusal(withJoined(joined.toReversed()), "inputs swapped");
      refusal(withJoined([]), "no digests");
      refusal({ ...stage, producers: [0xffff, 1] }, "producers swapped");
      refusal({ ...stage, producers: [0xffff] }, "a producer missing");
    }
    const { stage } = proofCase(2, "public");
    refusal({ ...stage, evidence: { ...stage.evidence, joined: [stage.claim.inDigest] } }, "a join of one");
  });

  it("R32 R37: a proof is good for its job, stage, worker, chain, hub, key and weights alone", () => {
    for (const backend of BACKENDS) {
      const { stage } = proofCase(backend, "public");
      const { chainId, hub } = DEPLOYMENT;
      refusal(withClaim(stage, { jobId: hashOf("another job") }), "another job");
      refusal(withClaim(stage, { stage: 3 }), "another stage");
      refusal(withClaim(stage, { worker: signerOf(2) }), "a copied proof");
      refusal({ ...stage, domain: domainSeparator({ chainId: chainId + 1n, hub }) }, "another chain");
      refusal({ ...stage, domain: domainSeparator({ chainId, hub: signerOf(9) }) }, "another hub");
      const other = proofCase(backend, "public", { cls: KEY_CEREMONY }).made;
      refusal({ ...stage, key: other.key }, "the same circuit under another key");
    }
    const { stage, made, statement } = proofCase(3, "salted");
    refusal({ ...stage, weights: g1Of(5n) }, "other weights");
    refusal({ ...stage, weights: undefined }, "no weights");
    refusal({ ...stage, weights: { x: 1n, y: 3n } }, "weights off the curve");
    refusal({ ...stage, weights: { x: 0n, y: 0n } }, "weights at infinity");
    // A commitment that the old proof's equation fits: C_w moved by what C2 gives up. The challenge has heard of the other C_w.
    const moved = made.weights === undefined ? undefined : { point: g1Of(modR(made.weights.log + 1n)), log: 0n };
    const shift = modR(-made.logs.deltaWeights * inverse(made.logs.delta2));
    const repaired = withProof(stage, ({ c2 }) => ({ c2: pointOfG1(curveG1(c2).add(curveG1(g1Of(shift)))) }));
    expect(refusal({ ...repaired, weights: moved?.point }, "late weights")).to.equal("PROOF_REJECTED");
    verifyStageProof(simulateProof(made, statement, "again"));
    refusal({ ...proofCase(2, "salted").stage, weights: g1Of(5n) }, "weights where the key has none");
  });

  it("R32: late opening: C1 moved after the challenge does not pass", () => {
    const { stage, made } = proofCase(2, "salted");
    const shift = modR(-made.logs.delta1 * inverse(made.logs.delta2));
    const late = withProof(stage, ({ c1, c2 }) => ({
      c1: pointOfG1(curveG1(c1).add(curveG1(g1Of(1n)))),
      c2: pointOfG1(curveG1(c2).add(curveG1(g1Of(shift)))),
    }));
    expect(refusal(late, "a late opening")).to.equal("PROOF_REJECTED");
  });

  it("R31: points that are swapped, negated, at infinity or of the wrong round are refused", () => {
    for (const backend of BACKENDS) {
      const { stage } = proofCase(backend, "salted");
      const zero = { x: 0n, y: 0n };
      const zero2 = { x: [0n, 0n], y: [0n, 0n] } as const;
      expect(
        refusal(
          withProof(stage, () => ({ a: zero })),
          "A at infinity",
        ),
      ).to.equal("PROOF_MALFORMED");
      expect(
        refusal(
          withProof(stage, () => ({ b: zero2 })),
          "B at infinity",
        ),
      ).to.equal("PROOF_MALFORMED");
      expect(
        refusal(
          withProof(stage, () => ({ c2: zero })),
          "C2 at infinity",
        ),
      ).to.equal("PROOF_MALFORMED");
      const c1 = backend === 1 ? g1Of(3n) : zero;
      expect(
        refusal(
          withProof(stage, () => ({ c1 })),
          "C1 of another backend",
        ),
      ).to.equal("PROOF_MALFORMED");
      refusal(
        withProof(stage, ({ a }) => ({ a: neg(a) })),
        "A negated",
      );
      refusal(
        withProof(stage, ({ c2 }) => ({ c2: neg(c2) })),
        "C2 negated",
      );
      refusal(
        withProof(stage, ({ a, c2 }) => ({ a: c2, c2: a })),
        "A and C2 swapped",
      );
    }
    refusal(
      withProof(proofCase(2, "salted").stage, ({ c1, c2 }) => ({ c1: c2, c2: c1 })),
      "C1 and C2 swapped",
    );
  });

  it("behavior: (kA, B/k) is the same proof in other bytes, so bytes are no identity", () => {
    const { stage } = proofCase(2, "salted");
    verifyStageProof(
      withProof(stage, ({ a, b }) => ({
        a: pointOfG1(curveG1(a).multiply(7n)),
        b: pointOfG2(curveG2(b).multiply(inverse(7n))),
      })),
    );
  });

  it("R32: a SALTED digest at or above r is refused, whatever it is congruent to", () => {
    for (const backend of BACKENDS) {
      const { stage } = proofCase(backend, "salted");
      for (const end of ["inDigest", "outDigest"] as const) {
        const alias = BigInt(stage.claim[end]) + FIELD_R;
        const digest: Hex = `0x${alias.toString(16).padStart(64, "0")}`;
        expect(refusal(withClaim(stage, { [end]: digest }), end)).to.equal("STATEMENT_MISMATCH");
        const r: Hex = `0x${FIELD_R.toString(16).padStart(64, "0")}`;
        expect(refusal(withClaim(stage, { [end]: r }), end)).to.equal("STATEMENT_MISMATCH");
      }
    }
  });

  it("behavior: hexadecimal in capitals is the same statement", () => {
    const { stage } = proofCase(2, "public");
    const upper = (hex: Hex): Hex => `0x${hex.slice(2).toUpperCase()}`;
    const { inDigest, outDigest } = stage.claim;
    verifyStageProof(withClaim(stage, { inDigest: upper(inDigest), outDigest: upper(outDigest) }));
  });

  it("R35 error: KEY_DEVELOPMENT anywhere but on the local chain", async () => {
    const development = proofCase(2, "salted").made.key;
    assertKeyClass(development, 31337n);
    for (const chainId of [1n, 11155111n, 31336n, 31338n])
      await expectCode("KEY_DEVELOPMENT", () => assertKeyClass(development, chainId));
    assertKeyClass(proofCase(2, "salted", { cls: KEY_CEREMONY }).made.key, 1n);
  });

  it("behavior: the statement of a two-round proof is v, c, rho; of a one-round one the context and every word", () => {
    expect(prepareProof(proofCase(2, "joined").stage).inputs.length).to.equal(3);
    // 93 bytes in three words, five in one, one digest.
    expect(prepareProof(proofCase(1, "joined").stage).inputs.length).to.equal(1 + 3 + 1 + 1);
  });

  it("behavior: what is malformed is a verdict, not a crash", () => {
    const { stage } = proofCase(2, "public");
    const bad: StageProof[] = [
      { ...stage, evidence: { ...stage.evidence, proof: stage.evidence.proof.slice(1) } },
      { ...stage, evidence: { ...stage.evidence, proof: stage.evidence.proof.with(0, 1n << 256n) } },
      { ...stage, evidence: { ...stage.evidence, proof: stage.evidence.proof.with(0, -1n) } },
      { ...stage, evidence: { ...stage.evidence, tensors: ["0xzz"] } },
      withClaim(stage, { inDigest: "0x12" }),
    ];
    for (const one of bad)
      try {
        verifyStageProof(one);
        expect.fail("accepted");
      } catch (error) {
        expect(isAssayError(error) && !hasCode(error, "PROOF_REJECTED"), String(error)).to.equal(true);
      }
  });
});
