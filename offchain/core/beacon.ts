// SPDX-License-Identifier: MIT
// Mirror of contracts/staking/WorkerBeacon.sol: beats, links of hash chains, and what becomes of the preimages.
import { fromHex, toHex, concatBytes } from "./bytes.ts";
import { keccak256 } from "./keccak.ts";
import { taggedHash, toWord, type Word } from "./tagged-hash.ts";

/** Blocks of a beat. Beat t has its fixed block at 4t; preimages are due in the three blocks after it. */
export const BEAT_BLOCKS = 4;
/** Seats of a duty. */
export const DUTY_SEATS = 5;
/** Beats that the contract remembers. */
export const BEAT_RING = 4096;

/** The beat of a job that is requested in this block. */
export function beatAfter(blockNumber: number): number {
  return Math.floor(blockNumber / BEAT_BLOCKS) + 1;
}

/** The block whose hash goes into the seed; nobody may cancel for free from it on. */
export function fixedBlockOf(beat: number): number {
  return BEAT_BLOCKS * beat;
}

/** Whether a transaction mined in this block may reveal a preimage of the beat. */
export function isRevealBlock(beat: number, blockNumber: number): boolean {
  return blockNumber > fixedBlockOf(beat) && blockNumber < fixedBlockOf(beat + 1);
}

/** What a preimage hashes to on the chain of `workerId`: keccak256(abi.encode("assay.v1.beacon", workerId, preimage)). */
export function beaconLink(workerId: number, preimage: Word): Word {
  return taggedHash("assay.v1.beacon", [toWord(workerId), preimage]);
}

/** What a preimage adds to a seed. Unlike the link, it does not follow from what was revealed before. */
export function beaconShare(workerId: number, preimage: Word): Word {
  return hashWords([toWord(workerId), preimage]);
}

/** The seed of a beat from the hash of its fixed block and the shares that came, in any order. */
export function beaconSeed(blockHash: Word, shares: readonly Word[]): Word {
  const mix = new Uint8Array(32);
  for (const share of shares) for (const [i, byte] of fromHex(share, 32).entries()) mix[i] = (mix[i] ?? 0) ^ byte;
  return hashWords([blockHash, toHex(mix)]);
}

/** The seed that draws the duty of a table version from the tickets of class 0. */
export function dutySeed(seed: Word, version: number): Word {
  return taggedHash("assay.v1.duty", [seed, toWord(version)]);
}

/**
 * A hash chain of `length` links, from the head (registered, public) to its tail (secret): link i is what the worker
 * reveals i-th, and hashes to link i - 1.
 */
export function beaconChain(workerId: number, tail: Word, length: number): Word[] {
  const links: Word[] = [tail];
  for (let link = tail, i = 0; i < length; i++) links.push((link = beaconLink(workerId, link)));
  return links.toReversed();
}

function hashWords(words: readonly Word[]): Word {
  return toHex(keccak256(concatBytes(...words.map((word) => fromHex(word, 32)))));
}
