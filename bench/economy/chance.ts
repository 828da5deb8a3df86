// SPDX-License-Identifier: GPL-3.0-or-later

/** A number in [0, 1) for each tuple: the same whatever was asked before, so that plays of one job can be compared. */
export function chance(seed: number, job: number, place: number, salt: number): number {
  let h = seed ^ 0x9e3779b9;
  h = mix(h ^ Math.imul(job + 1, 0x85ebca6b));
  h = mix(h ^ Math.imul(place + 1, 0xc2b2ae35));
  h = mix(h ^ Math.imul(salt + 1, 0x27d4eb2f));
  return (h >>> 0) / 2 ** 32;
}

/** The finalizer of MurmurHash3: every bit of the input moves half of the output. */
function mix(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
