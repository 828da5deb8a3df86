// SPDX-License-Identifier: MIT
import { keccak_256 } from "@noble/hashes/sha3.js";
import { hexToBytes } from "@noble/hashes/utils.js";
import { RuleError } from "./rule-errors.ts";
import { taggedHash, toWord, type Word } from "./tagged-hash.ts";

/** `stage` of the one stream that seats all stages of round 0: stage s owns its draws [sk, sk+k). */
export const ROUND_0_STAGE = 0xffff;
/** Draws among which a k = 1 or two-vendor job's primary must be. */
export const CANDIDATES = 12;

/** The seed of one committee, from its beat's randomness. */
export function drawSeed(beat: Word, jobId: Word, stage: number, round: number): Word {
  return taggedHash("assay.v1.draw", [beat, jobId, toWord(stage), toWord(round)]);
}

export type DrawParameters = {
  /** The worker id in a cell; 0 for an empty cell, which is skipped. */
  readonly cellAt: (index: number) => number;
  readonly length: number;
  readonly ticketClass: number;
  readonly seed: Word;
  readonly excluded: readonly number[];
  readonly n: number;
};

/**
 * `n` distinct worker ids, none of them excluded, in seat order. Try i reads cell keccak256(seed, class * 2^128 + i) mod
 * length and is skipped if its worker is taken; after 4n+32 tries the table is walked upwards from the last try's cell,
 * cyclically and once. Throws POOL_TOO_SMALL if the table does not hold `n` other workers. Mirror of DrawLib.sol.
 */
export function drawSeats({ cellAt, length, ticketClass, seed, excluded, n }: DrawParameters): number[] {
  const ids: number[] = [];
  if (n === 0) return ids;
  const taken = new Set([0, ...excluded]);
  const tries = length === 0 ? 0 : 4 * n + 32;
  const indexAt = indexStream(seed, ticketClass, length);
  let index = 0;
  for (let i = 0; i < tries + length; i++) {
    index = i < tries ? indexAt(i) : (index + 1) % length;
    const id = cellAt(index);
    if (taken.has(id)) continue;
    taken.add(id);
    if (ids.push(id) === n) return ids;
  }
  throw new RuleError("POOL_TOO_SMALL", { have: ids.length, need: n });
}

function indexStream(seed: Word, ticketClass: number, length: number): (i: number) => number {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes.set(hexToBytes(seed.slice(2)));
  view.setUint32(44, ticketClass); // bits 128 to 159 of the second word
  return (i) => {
    view.setUint32(60, i);
    const hash = keccak_256(bytes);
    // Horner's rule in base 2^16: length < 2^32 keeps every step below 2^53.
    let rest = 0;
    for (let at = 0; at < 32; at += 2) rest = (rest * 65536 + (hash[at] ?? 0) * 256 + (hash[at + 1] ?? 0)) % length;
    return rest;
  };
}
