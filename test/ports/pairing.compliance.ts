// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { PairingEngine, PairingTerm } from "../../offchain/core/ports/pairing.ts";
import { equationOf } from "../../offchain/core/zk/equation.ts";
import { FIELD_Q, FIELD_R, modR } from "../../offchain/core/zk/field.ts";
import { judgeProof, judgeProofs } from "../../offchain/core/zk/judge-proofs.ts";
import { encodeKeyRecord, keyIdOf } from "../../offchain/core/zk/key-record.ts";
import { curveG1, G1_INFINITY, pointOfG1, type G1Point, type G2Point } from "../../offchain/core/zk/points.ts";
import { readProof, wordsOfProof, type Proof } from "../../offchain/core/zk/proof.ts";
import { prepareProof, type StageProof } from "../../offchain/core/zk/verify-proof.ts";
import { openKey, openKeys } from "../../offchain/core/zk/verifying-key.ts";
import { toHex, type Hex } from "../../offchain/core/bytes.ts";
import { expectCode } from "../support/expect-code.ts";
import { proofCase, SHAPES } from "../support/proof-cases.ts";
import { hashOf } from "../support/sample-receipt.ts";
import { BACKENDS, g1Of, g2Of, simulateProof } from "../support/simulated-proof.ts";
import { strayG2 } from "../support/stray-point.ts";

const INFINITY_G2: G2Point = { x: [0n, 0n], y: [0n, 0n] };
const OFF_CURVE: G1Point = { x: 1n, y: 3n };

export const changed = (stage: StageProof, change: (proof: Proof) => Partial<Proof>): StageProof => {
  const proof = readProof(stage.evidence.proof);
  return { ...stage, evidence: { ...stage.evidence, proof: wordsOfProof({ ...proof, ...change(proof) }) } };
};

/** Stages of every backend and shape, with everything that can be wrong about a proof; the first list holds. */
export function trials(): {
  readonly sound: StageProof[];
  readonly unsound: readonly (readonly [string, StageProof])[];
} {
  const sound = BACKENDS.flatMap((backend) => Object.keys(SHAPES).map((shape) => proofCase(backend, shape).stage));
  const [first] = sound as [StageProof];
  const two = proofCase(2, "public").stage;
  const three = proofCase(3, "public").stage;
  const big = 1n << 256n;
  const word = (at: number, value: bigint): StageProof => ({
    ...two,
    evidence: { ...two.evidence, proof: two.evidence.proof.with(at, value) },
  });
  const unsound: (readonly [string, StageProof])[] = [
    ["another job", { ...first, claim: { ...first.claim, jobId: hashOf("lie") } }],
    ["another key", { ...two, key: proofCase(2, "salted").stage.key }],
    ["another class's key", { ...two, key: proofCase(2, "public", { cls: 2 }).stage.key }],
    ["a point negated", changed(two, ({ a }) => ({ a: { x: a.x, y: FIELD_Q - a.y } }))],
    ["points swapped", changed(two, ({ c1, c2 }) => ({ c1: c2, c2: c1 }))],
    ["A at infinity", changed(two, () => ({ a: G1_INFINITY }))],
    ["B at infinity", changed(two, () => ({ b: INFINITY_G2 }))],
    ["C1 at infinity", changed(two, () => ({ c1: G1_INFINITY }))],
    ["C2 at infinity", changed(two, () => ({ c2: G1_INFINITY }))],
    ["C1 of a one-round proof", changed(first, () => ({ c1: g1Of(3n) }))],
    ["A off the curve", changed(two, () => ({ a: OFF_CURVE }))],
    ["C1 off the curve", changed(two, () => ({ c1: OFF_CURVE }))],
    ["C2 off the curve", changed(two, () => ({ c2: OFF_CURVE }))],
    ["y = 0", changed(two, ({ a }) => ({ a: { x: a.x, y: 0n } }))],
    ["B outside the group", changed(two, () => ({ b: strayG2() }))],
    ["B off the curve", changed(two, ({ b }) => ({ b: { x: b.x, y: b.x } }))],
    ...[...two.evidence.proof.keys()].flatMap((at): (readonly [string, StageProof])[] => [
      [`word ${at} not reduced`, word(at, (two.evidence.proof[at] ?? 0n) + FIELD_Q)],
      [`word ${at} of more than 256 bits`, word(at, (two.evidence.proof[at] ?? 0n) + big)],
      [`word ${at} negative`, word(at, -1n)],
    ]),
    ["a word missing", { ...two, evidence: { ...two.evidence, proof: two.evidence.proof.slice(1) } }],
    ["no tensors", { ...two, evidence: { ...two.evidence, tensors: [] } }],
    ["other weights", { ...three, weights: g1Of(5n) }],
    ["no weights", { ...three, weights: undefined }],
    ["weights off the curve", { ...three, weights: OFF_CURVE }],
    ["weights at infinity", { ...three, weights: G1_INFINITY }],
    [
      "weights not reduced",
      { ...three, weights: { x: (three.weights?.x ?? 0n) + FIELD_Q, y: three.weights?.y ?? 0n } },
    ],
    ["weights where the key has none", { ...two, weights: g1Of(5n) }],
  ];
  return { sound, unsound };
}

/** What every pairing engine promises: the same answers as plain curve arithmetic, about anything. */
export function pairingCompliance(name: string, make: () => PairingEngine): void {
  describe(`${name} as a PairingEngine`, function () {
    this.timeout(240_000);
    let engine: PairingEngine;
    before(() => {
      engine = make();
    });
    after(async () => engine.close?.());

    it("default: products of sums are 1 where their logarithms say so", async () => {
      const term = (points: readonly bigint[], scalars: readonly bigint[], g2: bigint): PairingTerm => ({
        points: points.map((log) => (log === 0n ? G1_INFINITY : g1Of(log))),
        scalars,
        g2: g2 === 0n ? INFINITY_G2 : g2Of(g2),
      });
      expect(await engine.isOne([]), "the empty product").to.equal(true);
      expect(await engine.isOne([term([], [], 1n)]), "an empty sum").to.equal(true);
      expect(await engine.isOne([term([1n], [0n], 1n)]), "times 0").to.equal(true);
      expect(await engine.isOne([term([0n], [7n], 1n), term([7n], [7n], 0n)]), "infinity").to.equal(true);
      expect(await engine.isOne([term([1n], [1n], 1n)])).to.equal(false);
      expect(await engine.isOne([term([1n, 1n], [5n, FIELD_R - 5n], 1n)]), "opposite terms of a sum").to.equal(true);
      for (const size of [1, 2, 15, 16, 17, 18, 40]) {
        const logs = Array.from({ length: size }, (_, i) => BigInt(i) + 2n);
        const scalars = logs.map((log, i) => (i % 3 === 0 ? FIELD_R - log : log ** 40n % (1n << 128n)));
        const sum = logs.reduce((total, log, i) => total + log * (scalars[i] ?? 0n), 0n);
        const rest = modR(-3n * sum);
        expect(await engine.isOne([term(logs, scalars, 3n), term([1n], [rest], 1n)]), `${size}`).to.equal(true);
        expect(await engine.isOne([term(logs, scalars, 3n), term([1n], [modR(rest + 1n)], 1n)])).to.equal(false);
      }
    });

    it("R31: what is not of its group is named, infinity is not", async () => {
      const good = [g1Of(1n), G1_INFINITY, g1Of(FIELD_R - 1n), g1Of(99n)];
      expect(await engine.strangersToG1([])).to.deep.equal([]);
      expect(await engine.strangersToG1(good)).to.deep.equal([]);
      const [{ x, y }] = good as [G1Point];
      const bad = [
        OFF_CURVE,
        { x: x + FIELD_Q, y },
        { x, y: y + FIELD_Q },
        { x: x + (1n << 256n), y },
        { x: x - FIELD_Q, y },
        { x: FIELD_Q, y: 0n },
        { x: 0n, y: FIELD_Q },
        { x: 0n, y: 1n },
      ];
      const mixed = bad.flatMap((point) => [...good, point]);
      expect(await engine.strangersToG1(mixed)).to.deep.equal(bad.map((_, i) => 5 * i + 4));
      const good2 = [g2Of(1n), INFINITY_G2, g2Of(FIELD_R - 1n)];
      expect(await engine.strangersToG2([])).to.deep.equal([]);
      expect(await engine.strangersToG2(good2)).to.deep.equal([]);
      const [{ x: x2, y: y2 }] = good2 as [G2Point];
      const bad2: G2Point[] = [
        strayG2(),
        { x: y2, y: x2 },
        { x: [x2[0] + FIELD_Q, x2[1]], y: y2 },
        { x: [x2[0], x2[1] - FIELD_Q], y: y2 },
        { x: x2, y: [y2[0], y2[1] + (1n << 256n)] },
        { x: [FIELD_Q, 0n], y: [0n, 0n] },
        { x: [x2[1], x2[0]], y: [y2[1], y2[0]] },
      ];
      const mixed2 = bad2.flatMap((point) => [...good2, point]);
      expect(await engine.strangersToG2(mixed2)).to.deep.equal(bad2.map((_, i) => 4 * i + 3));
    });

    it("R31 R32: every verdict is that of checking the proof alone in JavaScript", async () => {
      const { sound, unsound } = trials();
      expect(await judgeProofs(sound, engine)).to.deep.equal(sound.map(() => undefined));
      const stages = [...sound, ...unsound.map(([, stage]) => stage)];
      const verdicts = await judgeProofs(stages, engine);
      expect(verdicts.slice(0, sound.length)).to.deep.equal(sound.map(() => undefined));
      for (const [i, [what, stage]] of unsound.entries()) {
        const want = judgeProof(stage);
        const found = verdicts[sound.length + i];
        expect(found?.code, what).to.equal(want?.code);
        expect(found?.code, what).to.be.a("string");
      }
    });

    it("R31: false proofs that would cancel out are named, under one key and under two", async () => {
      const { made } = proofCase(2, "public");
      // Another circuit's key with the same points: errors cancel across keys as well.
      const record = { ...made.key.record, circuitHash: hashOf("another circuit") };
      const twin = { ...made, key: openKey(encodeKeyRecord(record)) };
      const stages = [made, twin].flatMap((key) =>
        ["0", "1", "2", "3"].map((variant) =>
          simulateProof(key, proofCase(2, "public", { variant }).statement, variant),
        ),
      );
      const shift = (stage: StageProof, by: bigint): StageProof =>
        changed(stage, ({ c2 }) => ({ c2: pointOfG1(curveG1(c2).add(curveG1(g1Of(modR(by))))) }));
      const named = async (all: readonly StageProof[]) =>
        (await judgeProofs(all, engine)).flatMap((verdict, i) => (verdict === undefined ? [] : [i]));
      expect(await named(stages)).to.deep.equal([]);
      for (const [i, j] of [
        [0, 2],
        [5, 7],
        [0, 4],
        [3, 6],
      ] as const) {
        const pair = stages.with(i, shift(stages[i] as StageProof, 9n)).with(j, shift(stages[j] as StageProof, -9n));
        const naive = equationOf(pair.map((stage) => ({ prepared: prepareProof(stage), factor: 1n })));
        expect(await engine.isOne(naive), "without factors nobody would notice").to.equal(true);
        expect(await named(pair), `${i} and ${j}`).to.deep.equal([i, j]);
      }
      expect(await named(stages.map((stage) => shift(stage, 1n)))).to.deep.equal([...stages.keys()]);
    });

    it("R35: keys are opened as one by one: those with strange points or repeated deltas are refused", async () => {
      const { made } = proofCase(3, "salted");
      const good = toHex(made.bytes);
      const at = 4 + 38 * made.key.record.boundaries.length + 64;
      const flipped = (byte: number): Hex => toHex(made.bytes.with(byte, (made.bytes[byte] ?? 0) ^ 1));
      const two = proofCase(2, "salted").made.key.record;
      const degenerate = toHex(encodeKeyRecord({ ...two, delta2: two.delta1 ?? two.delta2 }));
      const stray = made.bytes.slice();
      const { x, y } = strayG2();
      for (const [i, value] of [x[1], x[0], y[1], y[0]].entries())
        stray.set(Buffer.from(value.toString(16).padStart(64, "0"), "hex"), at + 64 + 32 * i);
      const bad = [
        ...Array.from({ length: 11 }, (_, i) => flipped(at + 31 + 64 * i)),
        toHex(stray),
        degenerate,
        "0x" as const,
      ];
      const wanted = [good, ...bad].map((record) => ({ record }));
      const open = await openKeys([...wanted, { record: `${good}00`, keyId: hashOf("another") }], engine);
      expect(open(good)).to.deep.equal(openKey(good));
      expect(open(good)).to.equal(open(good, keyIdOf(made.bytes)));
      await expectCode("KEY_MISMATCH", () => open(good, hashOf("another")));
      await expectCode("KEY_MISMATCH", () => open(`${good}00`, hashOf("another")));
      await expectCode("KEY_DEGENERATE", () => open(degenerate));
      for (const record of bad.filter((one) => one !== degenerate))
        await expectCode("KEY_MALFORMED", () => open(record));
      // Others than those are opened as always.
      const other = proofCase(1, "public").made;
      expect(open(other.bytes)).to.deep.equal(openKey(other.bytes));
    });
  });
}
