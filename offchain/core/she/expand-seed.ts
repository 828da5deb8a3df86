// SPDX-License-Identifier: MIT
import { concatBytes, utf8 } from "../bytes.ts";
import type { SheHashes } from "./hashes.ts";

const DOMAIN = concatBytes(Uint8Array.of(16), utf8("assay.v1.she.xof"));
/** Residues reject about one word in two thousand: so many spares make a second, longer call rare. */
const SPARE = 96;

/**
 * One pseudorandom row: SHAKE128(u8(16) ‖ "assay.v1.she.xof" ‖ seed ‖ u32le object ‖ u32le primeIndex) read as u32le words of
 * 30 bits, those >= prime skipped. `object`: 0 for a ciphertext, the digit for a key; digit and prime are named by index in the
 * profile, so a truncated key keeps its rows. `primeIndex` counts the data primes, then the special prime.
 */
export function expandRow(
  out: Uint32Array,
  seed: Uint8Array,
  object: number,
  primeIndex: number,
  prime: number,
  hashes: SheHashes,
): void {
  const message = new Uint8Array(DOMAIN.length + seed.length + 8);
  message.set(DOMAIN);
  message.set(seed, DOMAIN.length);
  const tail = new DataView(message.buffer, DOMAIN.length + seed.length);
  tail.setUint32(0, object, true);
  tail.setUint32(4, primeIndex, true);
  for (let words = out.length + SPARE; ; words *= 2) {
    const stream = hashes.shake128(message, 4 * words);
    const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
    let filled = 0;
    for (let i = 0; i < words && filled < out.length; i++) {
      const word = view.getUint32(4 * i, true) & 0x3fffffff;
      if (word < prime) out[filled++] = word;
    }
    if (filled === out.length) return;
  }
}
