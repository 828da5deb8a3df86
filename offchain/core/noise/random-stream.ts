// SPDX-License-Identifier: MIT
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { assertLength, utf8 } from "../bytes.ts";
import { ByteWriter } from "../byte-writer.ts";
import { keccak256 } from "../keccak.ts";

/** Uniform random numbers below a bound, without bias. */
export interface RandomStream {
  /** 0 <= result < bound, for a bound of 1 to 2^47. */
  below(bound: number): number;
  belowBig(bound: bigint): bigint;
}

/** Numbers from a source of uniform bytes; what does not fit evenly is drawn again. */
export function streamOf(nextBlock: () => Uint8Array): RandomStream {
  let block = new Uint8Array(0);
  let at = 0;
  const byte = (): number => {
    if (at >= block.length) [block, at] = [new Uint8Array(nextBlock()), 0];
    return block[at++] ?? 0;
  };
  const belowBig = (bound: bigint): bigint => {
    const bytes = Math.ceil(bound.toString(2).length / 8) + 1;
    const space = 1n << BigInt(8 * bytes);
    const most = space - (space % bound);
    for (;;) {
      let value = 0n;
      for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(byte());
      if (value < most) return value % bound;
    }
  };
  return {
    belowBig,
    below(bound) {
      // As few bytes as the bound needs; powers of two never draw twice.
      const bytes = bound <= 2 ** 8 ? 1 : bound <= 2 ** 16 ? 2 : bound <= 2 ** 32 ? 4 : 6;
      const space = 2 ** (8 * bytes);
      const most = space - (space % bound);
      for (;;) {
        let value = 0;
        for (let i = 0; i < bytes; i++) value = value * 256 + byte();
        if (value < most) return value % bound;
      }
    },
  };
}

/**
 * The noise of one boundary of one job: SHA-256 in counter mode under HKDF(jobSecret, boundary, what is noised). A retry
 * derives the same noise, so it re-sends the same bytes: fresh noise on equal data would average away. Other data, or
 * another job, gets unrelated noise.
 */
export function noiseStream(jobSecret: Uint8Array, boundary: number, clipped: Uint8Array): RandomStream {
  assertLength(jobSecret, 32, "The job secret");
  const info = new ByteWriter().raw(utf8("assay.v1.noise")).u16be(boundary).raw(keccak256(clipped)).finish();
  const key = hkdf(sha256, jobSecret, undefined, info, 32);
  let counter = 0n;
  return streamOf(() => sha256(new ByteWriter().raw(key).u64be(counter++).finish()));
}
