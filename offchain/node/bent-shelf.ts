// SPDX-License-Identifier: GPL-3.0-or-later
import { ciphertextTensor } from "../core/she/ciphertext-tensor.ts";
import { SHE_HEADER_BYTES } from "../core/she/header.ts";
import type { Hex, ModelShelf } from "../protocol/ports.ts";

/** Residue of the output's first row that a liar changes. */
export const BENT_COEFFICIENT = 992;

/** A ciphertext's canonical bytes with the lowest bit of one coefficient flipped: well-formed, and wrong. */
export function flipCoefficient(ciphertext: Uint8Array): Uint8Array {
  const flipped = Uint8Array.from(ciphertext);
  const at = SHE_HEADER_BYTES + 4 * BENT_COEFFICIENT;
  flipped[at] = (flipped[at] ?? 0) ^ 1;
  return flipped;
}

/**
 * Development only: a shelf that lies about ciphertexts while `isBent`. Vote, what is kept and what the next stage may fetch follow from the
 * same wrong bytes, as a hostile operator's would. Other models are evaluated rightly.
 */
export function bentShelf(shelf: ModelShelf, isBent: () => boolean): ModelShelf {
  return {
    has: (modelId: Hex) => shelf.has(modelId),
    table: (modelId: Hex) => shelf.table(modelId),
    exposure: (modelId: Hex) => shelf.exposure(modelId),
    sample: async (modelId: Hex, stage: number) => (await shelf.sample?.(modelId, stage)) ?? null,
    stage: async (modelId: Hex, stage: number) => {
      const runner = await shelf.stage(modelId, stage);
      // Only stages over ciphertexts take keys.
      if (runner?.checkKeys === undefined) return runner;
      return {
        ...runner,
        run: async (...given) => {
          const { output, probe } = await runner.run(...given);
          if (!isBent() || !(output.data instanceof Uint8Array)) return { output, probe };
          return { output: ciphertextTensor(flipCoefficient(output.data)), probe };
        },
      };
    },
  };
}
