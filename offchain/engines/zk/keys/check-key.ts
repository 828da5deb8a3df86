// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes, type Hex } from "../../../core/bytes.ts";
import {
  BACKEND_ONE_ROUND,
  BACKEND_TWO_ROUND,
  BACKEND_WEIGHTS,
  checkKeyRecord,
  type KeyRecord,
} from "../../../core/zk/key-record.ts";
import { CURVE_G1, CURVE_G2, curveG1, curveG2, pointOfG1 } from "../../../core/zk/points.ts";
import { pairsToOne } from "../../../core/zk/noble-pairing.ts";
import { ProverError } from "../prover/errors.ts";
import type { WasmKernel } from "../setup/wasm-kernel.ts";
import { firstBadPoint } from "./check-points.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS, type KeyGroup } from "./groups-file.ts";
import { g1OfLem, g2OfLem, lemOfG1, lemOfG2 } from "./lem-points.ts";
import { G1_BYTES, type Zkey } from "./zkey-file.ts";

/** What of a key its record speaks of, however the rest was read. */
export interface KeyHead {
  readonly zkey: Pick<Zkey, "publics" | "alpha1" | "beta1" | "beta2" | "gamma2" | "delta1" | "delta2" | "ic">;
  readonly groups: readonly Pick<KeyGroup, "tag" | "delta1" | "delta2">[];
  readonly record: KeyRecord;
}

/** A key as it lies in its folder, read but not trusted. */
export interface KeyParts extends KeyHead {
  readonly zkey: Zkey;
  readonly groups: readonly KeyGroup[];
}

/** Whether ∏ e(g1[i], g2[i]) = 1, of points in the key's form that are on their curves and of order r. */
export type PairingCheck = (g1: readonly Uint8Array[], g2: readonly Uint8Array[]) => boolean;

const unsound = (reason: string) => new ProverError("KEY_UNSOUND", { reason });
const TAGS: Readonly<Record<number, readonly number[]>> = {
  [BACKEND_ONE_ROUND]: [],
  [BACKEND_TWO_ROUND]: [GROUP_ROUND1],
  [BACKEND_WEIGHTS]: [GROUP_WEIGHTS, GROUP_ROUND1],
};

/** The record is what verifiers use: a key that differs from it makes proofs that nobody accepts. */
function checkRecord({ zkey, groups, record }: KeyHead, circuitHash?: Hex): void {
  if (circuitHash !== undefined && record.circuitHash !== circuitHash.toLowerCase())
    throw unsound(`it is a key of circuit ${record.circuitHash}, not of ${circuitHash}`);
  checkKeyRecord(record);
  if (groups.map(({ tag }) => tag).join() !== TAGS[record.backend]?.join())
    throw unsound(`its groups do not fit backend ${record.backend}`);
  if (zkey.publics + 1 !== record.ic.length)
    throw unsound(`it has ${zkey.publics} public wires, the record ${record.ic.length - 1}`);
  const deltaOf = (tag: number): Uint8Array | undefined => groups.find((group) => group.tag === tag)?.delta2;
  const same: readonly [string, Uint8Array | undefined, Uint8Array | undefined][] = [
    ["alpha", zkey.alpha1, lemOfG1(record.alpha)],
    ["beta", zkey.beta2, lemOfG2(record.beta)],
    ["gamma", zkey.gamma2, lemOfG2(g2Generator())],
    ["delta2", zkey.delta2, lemOfG2(record.delta2)],
    ["delta1", deltaOf(GROUP_ROUND1), record.delta1 && lemOfG2(record.delta1)],
    ["deltaWeights", deltaOf(GROUP_WEIGHTS), record.deltaWeights && lemOfG2(record.deltaWeights)],
    ...record.ic.map((point, i): [string, Uint8Array, Uint8Array] => [
      `IC ${i}`,
      zkey.ic.subarray(i * G1_BYTES, (i + 1) * G1_BYTES),
      lemOfG1(point),
    ]),
  ];
  for (const [name, have, want] of same)
    if (have !== want && !(have && want && equalBytes(have, want))) throw unsound(`its ${name} is not the record's`);
}

function g2Generator() {
  const { x, y } = CURVE_G2.BASE.toAffine();
  return { x: [x.c0, x.c1], y: [y.c0, y.c1] } as const;
}

/** THE STRIP RULE: a committed wire has exactly one published point, the one in its group. With a second one, in section 8, a prover
 * can move what it committed after it has seen the challenge. */
function checkStrip({ zkey, groups }: KeyParts): void {
  const owner = new Uint8Array(zkey.wires);
  for (const { tag, wires } of groups)
    for (const wire of wires) {
      if (wire <= zkey.publics || wire >= zkey.wires) throw unsound(`wire ${wire} of group ${tag} is not private`);
      if (owner[wire] !== 0) throw unsound(`wire ${wire} is in two groups`);
      owner[wire] = tag;
      const at = (wire - zkey.publics - 1) * G1_BYTES;
      if (zkey.c.subarray(at, at + G1_BYTES).some((byte) => byte !== 0))
        throw unsound(`committed wire ${wire} has a second point, over delta2`);
    }
}

function checkCurve(kernel: WasmKernel, { zkey, groups }: KeyParts): void {
  const sections: readonly [string, "g1" | "g2", Uint8Array][] = [
    ["alpha", "g1", zkey.alpha1],
    ["beta", "g1", zkey.beta1],
    ["beta", "g2", zkey.beta2],
    ["delta2", "g1", zkey.delta1],
    ["delta2", "g2", zkey.delta2],
    ["IC", "g1", zkey.ic],
    ["A", "g1", zkey.a],
    ["B", "g1", zkey.b1],
    ["B", "g2", zkey.b2],
    ["C", "g1", zkey.c],
    ["H", "g1", zkey.h],
    ...groups.flatMap(({ tag, delta1, delta2, points }): [string, "g1" | "g2", Uint8Array][] => [
      [`group ${tag}'s delta`, "g1", delta1],
      [`group ${tag}'s delta`, "g2", delta2],
      [`group ${tag}`, "g1", points],
    ]),
  ];
  for (const [name, group, points] of sections) {
    const bad = firstBadPoint(kernel, group, points);
    if (bad >= 0) throw unsound(`point ${bad} of ${name} is not on the curve`);
  }
}

const pairsOfLem: PairingCheck = (g1, g2) =>
  pairsToOne(g1.map((point, i) => [curveG1(g1OfLem(point)), curveG2(g2OfLem(g2[i] ?? new Uint8Array()))]));

/** One number in both groups: e(δ₁, g₂) = e(g₁, δ₂). */
function checkPairs({ zkey, groups }: KeyHead, isOne: PairingCheck): void {
  const [generator, minus] = [lemOfG2(g2Generator()), lemOfG1(pointOfG1(CURVE_G1.BASE.negate()))];
  const pairs: readonly [string, Uint8Array, Uint8Array][] = [
    ["beta", zkey.beta1, zkey.beta2],
    ["delta2", zkey.delta1, zkey.delta2],
    ...groups.map(({ tag, delta1, delta2 }): [string, Uint8Array, Uint8Array] => [
      `group ${tag}'s delta`,
      delta1,
      delta2,
    ]),
  ];
  for (const [name, g1, g2] of pairs) {
    if (g1.every((byte) => byte === 0) || g2.every((byte) => byte === 0)) throw unsound(`its ${name} is infinity`);
    if (!isOne([g1, minus], [generator, g2])) throw unsound(`its ${name} differs between the groups`);
  }
}

/** What `checkKey` checks of a key whose file was read and checked elsewhere: points must be on their curves. Errors: those of `checkKey`. */
export function checkKeyHead(head: KeyHead, circuitHash?: Hex, isOne: PairingCheck = pairsOfLem): void {
  checkRecord(head, circuitHash);
  checkPairs(head, isOne);
}

/**
 * Everything that is checked before a key is used: it is its record's, of circuit `circuitHash` if given, no delta repeated or skipped,
 * committed wires stripped, every point canonical and on its curve. That the points follow from the circuit is `verify-setup`'s work.
 * Errors: KEY_UNSOUND, KEY_DEGENERATE.
 */
export function checkKey(kernel: WasmKernel, parts: KeyParts, circuitHash?: Hex): void {
  checkRecord(parts, circuitHash);
  checkStrip(parts);
  checkCurve(kernel, parts);
  checkPairs(parts, pairsOfLem);
}
