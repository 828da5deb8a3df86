// SPDX-License-Identifier: MIT
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";

const DOMAIN = concatBytes(Uint8Array.of(20), utf8("assay.v1.she.sampler"));

/** What a stream of secret bytes is for: streams of different purposes or indices never meet. */
export const PURPOSE = { profile: 0, secret: 1, publicSeed: 2, keyError: 3, inputError: 4 } as const;

/** SHAKE256(u8(20) ‖ "assay.v1.she.sampler" ‖ seed ‖ u8 purpose ‖ u32le index ‖ u32le subindex), `length` bytes. */
export function secretStream(
  seed: Uint8Array,
  purpose: number,
  [index, subindex]: readonly [number, number],
  length: number,
  hashes: SheHashes,
): Uint8Array {
  const message = new Uint8Array(DOMAIN.length + seed.length + 9);
  message.set(DOMAIN);
  message.set(seed, DOMAIN.length);
  const view = new DataView(message.buffer, DOMAIN.length + seed.length);
  view.setUint8(0, purpose);
  view.setUint32(1, index, true);
  view.setUint32(5, subindex, true);
  const stream = hashes.shake256(message, length);
  message.fill(0);
  return stream;
}

/**
 * What a root means in one profile. Without this, one root in two profiles would give the same secret, uniform words and errors
 * modulo different primes: joined by the Chinese remainder theorem they are equations over the integers, and the secret is solved for.
 */
export const profileSeed = (root: Uint8Array, profileId: number, hashes: SheHashes): Uint8Array =>
  secretStream(root, PURPOSE.profile, [profileId, 0], 32, hashes);

/**
 * Uniform ternary: two bits a coefficient, 0 to -1, 1 to 0, 2 to 1, 3 drawn again. Which draws are repeated is independent of
 * the values kept. `stream(length)` must be prefix-consistent (an XOF).
 */
export function sampleTernary(degree: number, stream: (length: number) => Uint8Array): Int8Array {
  const out = new Int8Array(degree);
  for (let length = Math.ceil(degree / 2); ; length *= 2) {
    const bytes = stream(length);
    let filled = 0;
    for (let i = 0; i < 4 * length && filled < degree; i++) {
      const bits = ((bytes[i >> 2] ?? 0) >> (2 * (i & 3))) & 3;
      out[filled] = bits - 1;
      filled += Number(bits !== 3);
    }
    bytes.fill(0);
    if (filled === degree) return out;
  }
}

const MASK_21 = 0x1fffff;

function bitCount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  x = (x + (x >>> 4)) & 0x0f0f0f0f;
  return Math.imul(x, 0x01010101) >>> 24;
}

/** Bytes of the stream that `sampleErrors` reads. */
export const errorBytes = (degree: number): number => 8 * degree;

/** Centred binomial with 21 coins a side, sigma = sqrt(21/2) = 3.24: two 32-bit words a coefficient, no branch. */
export function sampleErrors(degree: number, bytes: Uint8Array): Int8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int8Array.from(
    { length: degree },
    (_, i) => bitCount(view.getUint32(8 * i, true) & MASK_21) - bitCount(view.getUint32(8 * i + 4, true) & MASK_21),
  );
}
