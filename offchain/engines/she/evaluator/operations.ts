// SPDX-License-Identifier: MIT
import type { Cipher, Evaluator, SwitchingKey } from "./evaluator.ts";

/** Scratch of the whole-ciphertext operations: six extended polynomials. */
export interface Scratch {
  readonly p: readonly [number, number, number, number, number, number];
}

export function allocateScratch({ ring }: Evaluator): Scratch {
  const p = Array.from({ length: 6 }, () => ring.allocate(ring.levels + 1));
  return { p: p as unknown as Scratch["p"] };
}

/**
 * target = source rotated. The automorphism is applied after the switch and the key holds its inverse already, so that
 * `decompose(source.c1)` (the caller's, once) serves any number of rotations of one source. `add`: to what target holds.
 */
export function rotateHoisted(
  evaluator: Evaluator,
  source: Cipher,
  key: SwitchingKey,
  target: Cipher,
  { p: [q0, q1, r0, r1] }: Scratch,
  add = false,
): void {
  const { level } = source;
  const special = evaluator.ring.levels;
  evaluator.applyKey(key, q0, q1);
  evaluator.divideBy(special, level, [
    { source: q0, target: r0, addend: source.c0 },
    { source: q1, target: r1, addend: 0 },
  ]);
  evaluator.permute(r0, add ? q0 : target.c0, key.galois, level);
  evaluator.permute(r1, add ? q1 : target.c1, key.galois, level);
  if (!add) return;
  evaluator.add(target.c0, q0, target.c0, level);
  evaluator.add(target.c1, q1, target.c1, level);
}

/** target += target rotated: a step of a sum over slots. */
export function foldRotation(evaluator: Evaluator, target: Cipher, key: SwitchingKey, scratch: Scratch): void {
  evaluator.decompose(target.c1, target.level);
  rotateHoisted(evaluator, target, key, target, scratch, true);
}

/** target = source squared and relinearised, at the same level and the square of the scale. */
export function squareRelinearise(
  evaluator: Evaluator,
  source: Cipher,
  key: SwitchingKey,
  target: Cipher,
  { p: [q0, q1, r0, r1, r2] }: Scratch,
  centred = true,
): void {
  const { level } = source;
  evaluator.tensorSquare(source, r0, r1, r2);
  evaluator.decompose(r2, level, centred);
  evaluator.applyKey(key, q0, q1);
  evaluator.divideBy(evaluator.ring.levels, level, [
    { source: q0, target: target.c0, addend: r0 },
    { source: q1, target: target.c1, addend: r1 },
  ]);
}
