// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes, toHex } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import {
  checkKeyRecord,
  decodeKeyRecord,
  encodeKeyRecord,
  KEY_CEREMONY,
  keyIdOf,
  MAX_PUBLIC_BYTES,
  type KeyRecord,
} from "../../../../offchain/core/zk/key-record.ts";
import { CURVE_G1, CURVE_G2, curveG1, curveG2, pointOfG1, pointOfG2 } from "../../../../offchain/core/zk/points.ts";
import { wordsOfProof } from "../../../../offchain/core/zk/proof.ts";
import { prepareProof, satisfiesKey, verifyStageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../../../../offchain/core/zk/verifying-key.ts";
import { combine } from "../../../../offchain/core/zk/noble-pairing.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { proofCase } from "../../../support/proof-cases.ts";
import { BACKENDS, g1Of } from "../../../support/simulated-proof.ts";
import { strayG2 } from "../../../support/stray-point.ts";

const recordOf = (backend: 1 | 2 | 3, shape = "joined"): KeyRecord => proofCase(backend, shape).made.key.record;
const bytesOf = (backend: 1 | 2 | 3, shape = "joined"): Uint8Array => proofCase(backend, shape).made.bytes;
const negated = (point: KeyRecord["beta"]): KeyRecord["beta"] => pointOfG2(curveG2(point).negate());
const ZERO = `0x${"0".repeat(64)}` as const;

describe("key records", function () {
  this.timeout(60_000);

  it("default: one encoding, one id", () => {
    for (const backend of BACKENDS) {
      const bytes = bytesOf(backend);
      const record = decodeKeyRecord(bytes);
      expect(toHex(encodeKeyRecord(record))).to.equal(toHex(bytes));
      expect(keyIdOf(record)).to.equal(keyIdOf(bytes));
      checkKeyRecord(record);
      expect(openKey(toHex(bytes), keyIdOf(bytes)).keyId).to.equal(keyIdOf(bytes));
    }
  });

  it("R31: truncated, extended and altered records never decode to the same key", () => {
    for (const backend of BACKENDS) {
      const bytes = bytesOf(backend, "salted");
      const refused = (wrong: Uint8Array): boolean => {
        try {
          return toHex(encodeKeyRecord(decodeKeyRecord(wrong))) === toHex(wrong);
        } catch (error) {
          return isAssayError(error) && error.code === "KEY_MALFORMED";
        }
      };
      for (let length = 0; length < bytes.length; length += 7)
        expect(refused(bytes.subarray(0, length))).to.equal(true);
      expect(refused(concatBytes(bytes, new Uint8Array(1)))).to.equal(true);
      expect(refused(concatBytes(bytes, new Uint8Array(64)))).to.equal(true);
      // All of the head; of the points every seventh byte, so every word of each.
      for (let at = 0; at < bytes.length; at += at < 150 ? 1 : 7)
        expect(refused(bytes.with(at, (bytes[at] ?? 0) ^ 1)), `byte ${at}`).to.equal(true);
    }
  });

  it("error: KEY_MALFORMED for what no circuit has", async () => {
    const record = recordOf(2);
    const [first, second, output] = record.boundaries;
    if (first === undefined || second === undefined || output === undefined) throw new TypeError("fixture");
    const { delta1: _one, ...withoutDelta1 } = record;
    const wrong: unknown[] = [
      { ...record, cls: 0 },
      { ...record, cls: 3 },
      { ...record, backend: 0 },
      { ...record, backend: 4 },
      { ...record, backend: 3 },
      { ...record, deltaWeights: record.beta },
      withoutDelta1,
      { ...record, boundaries: [] },
      { ...record, boundaries: [output] },
      { ...record, boundaries: [first, second] },
      { ...record, boundaries: [output, first] },
      { ...record, boundaries: [first, output, output] },
      { ...record, boundaries: [...Array.from({ length: 9 }, () => first), output] },
      { ...record, boundaries: [{ ...first, kind: 2 }, second, output] },
      { ...record, boundaries: [{ ...first, direction: 2 }, second, output] },
      { ...record, boundaries: [{ ...first, dataLength: 0 }, second, output] },
      { ...record, boundaries: [{ ...first, dataLength: MAX_PUBLIC_BYTES + 1 }, second, output] },
      { ...record, boundaries: [{ ...first, headerHash: ZERO }, second, output] },
      { ...record, circuitHash: ZERO },
      { ...record, cls: KEY_CEREMONY, transcriptHash: ZERO },
      { ...record, ic: record.ic.slice(1) },
      { ...record, ic: [...record.ic, record.alpha] },
      { ...record, alpha: { x: 0n, y: 0n } },
      { ...record, alpha: { x: 1n, y: 3n } },
      { ...record, beta: strayG2() },
      { ...record, delta1: strayG2() },
      { ...record, delta2: { x: [0n, 0n], y: [0n, 0n] } },
      ...record.ic.map((_, i) => ({ ...record, ic: record.ic.with(i, { x: 0n, y: 0n }) })),
      { ...recordOf(1), delta1: record.beta },
    ];
    for (const [i, one] of wrong.entries())
      try {
        encodeKeyRecord(one as KeyRecord);
        expect.fail(`record ${i} was encoded`);
      } catch (error) {
        expect(isAssayError(error) && error.code, `record ${i}: ${String(error)}`).to.equal("KEY_MALFORMED");
      }
    for (const [at, value] of [
      [0, 0],
      [0, 2],
      [1, 3],
      [2, 0],
      [2, 4],
      [3, 0],
      [3, 1],
      [3, 10],
      [3, 255],
    ] as const)
      await expectCode("KEY_MALFORMED", () => decodeKeyRecord(bytesOf(2).with(at, value)));
  });

  it("R35 error: KEY_DEGENERATE for skipped phase 2, equal and opposite deltas", async () => {
    const generator = pointOfG2(CURVE_G2.BASE);
    const two = recordOf(2);
    const three = recordOf(3);
    const one = recordOf(1);
    if (two.delta1 === undefined || three.deltaWeights === undefined) throw new TypeError("fixture");
    const wrong: readonly KeyRecord[] = [
      { ...one, delta2: generator },
      { ...one, delta2: negated(generator) },
      { ...two, delta1: generator },
      { ...two, delta2: generator },
      { ...two, delta2: two.delta1 },
      { ...two, delta1: negated(two.delta2) },
      { ...two, delta2: two.beta },
      { ...two, beta: negated(generator) },
      { ...three, deltaWeights: three.delta2 },
      { ...three, deltaWeights: negated(three.delta2) },
      { ...three, delta2: three.deltaWeights },
      { ...three, deltaWeights: generator },
    ];
    for (const record of wrong) {
      await expectCode("KEY_DEGENERATE", () => checkKeyRecord(record));
      // The bytes are canonical: only the guard stands between such a key and its users.
      await expectCode("KEY_DEGENERATE", () => openKey(encodeKeyRecord(record)));
    }
  });

  it("R35: what the guard is for: with delta = gamma anyone proves anything", () => {
    const { stage } = proofCase(2, "salted");
    const { alpha, beta, ic } = stage.key.record;
    const c1 = g1Of(1n);
    const claim = { ...stage.claim, outDigest: toHex(new Uint8Array(32).with(31, 9)) };
    const generator = pointOfG2(CURVE_G2.BASE);
    const key: VerifyingKey = { ...stage.key, record: { ...stage.key.record, delta2: generator, delta1: generator } };
    const shape = { a: alpha, b: beta, c1, c2: c1 };
    const probe = { ...stage, claim, key, evidence: { ...stage.evidence, proof: wordsOfProof(shape) } };
    const l = combine(ic.map(curveG1), [1n, ...prepareProof(probe).inputs]);
    const c2 = pointOfG1(l.add(CURVE_G1.BASE).negate());
    const forged = { ...probe, evidence: { ...probe.evidence, proof: wordsOfProof({ ...shape, c2 }) } };
    expect(satisfiesKey(prepareProof(forged))).to.equal(true);
    expect(satisfiesKey(prepareProof({ ...forged, key: stage.key }))).to.equal(false);
  });

  it("error: KEY_MISMATCH for another key than the stage's", async () => {
    const { stage, made } = proofCase(2, "salted");
    await expectCode("KEY_MISMATCH", () => openKey(made.bytes, keyIdOf(bytesOf(3))));
    await expectCode("PROOF_REJECTED", () => verifyStageProof({ ...stage, claim: { ...stage.claim, stage: 7 } }));
  });
});
