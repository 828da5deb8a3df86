// SPDX-License-Identifier: GPL-3.0-or-later
import { QUANTISED_LIMIT, elementsOf } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import { hasAccumulator } from "../../../core/program/types.ts";
import type { Tensor } from "../../../core/tensor.ts";
import { loadStage, type ProgramExecutor } from "../executor.ts";

/** protocol.md §6: what seats compare must have this many bits, or be guessable. */
export const REQUIRED_BITS = 128;

export interface StageEntropy {
  readonly outputBits: number;
  /** Operator whose accumulator is compared instead, if the output is too guessable. */
  readonly probe: number | null;
  readonly probeBits: number | null;
}

/** elements × mean over the elements of log2(distinct values over the rows), rounded down to a tenth of a bit. */
export function entropyBits(tensor: Tensor): number {
  const rows = tensor.dims[0] ?? 1;
  const elements = tensor.data.length / rows;
  let bits = 0;
  for (let e = 0; e < elements; e++) {
    const seen = new Set<number>();
    for (let row = 0; row < rows; row++) seen.add(tensor.data[row * elements + e] ?? 0);
    bits += Math.log2(seen.size);
  }
  return Math.floor(bits * 10) / 10;
}

/**
 * Measures a stage's output over calibration inputs and, where it is below 128 bits, chooses the smallest accumulator
 * above it as the probe. Returns the outputs too, which are the next stage's inputs. Error: ENTROPY_TOO_LOW.
 */
export async function measureEntropy(
  bytes: Uint8Array,
  inputs: readonly Tensor[],
  stage: number,
  executor: ProgramExecutor,
): Promise<{ entropy: StageEntropy; output: Tensor | undefined }> {
  const plain = loadStage(bytes);
  const { outputs } = await executor.run(plain, inputs);
  const output = outputs[0];
  const outputBits = output === undefined ? 0 : entropyBits(output);
  if (outputBits >= REQUIRED_BITS) return { entropy: { outputBits, probe: null, probeBits: null }, output };
  const candidates = plain.program.ops
    .flatMap((op, index) => {
      const info = plain.analysis.ops[index];
      const small = info?.bounds?.every(({ lo, hi }) => hi < QUANTISED_LIMIT && lo > -QUANTISED_LIMIT);
      return hasAccumulator(op) && small === true ? [{ index, elements: elementsOf(info?.accumulatorDims ?? []) }] : [];
    })
    .toSorted((a, b) => a.elements - b.elements || a.index - b.index);
  let best = outputBits;
  for (const { index } of candidates) {
    const { probe } = await executor.run(loadStage(bytes, index), inputs);
    const bits = probe === undefined ? 0 : entropyBits(probe);
    if (bits >= REQUIRED_BITS) return { entropy: { outputBits, probe: index, probeBits: bits }, output };
    best = Math.max(best, bits);
  }
  throw new ProgramError("ENTROPY_TOO_LOW", { stage, bits: best });
}
