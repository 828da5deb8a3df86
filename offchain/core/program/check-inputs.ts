// SPDX-License-Identifier: MIT
import { describeShape, type Tensor } from "../tensor.ts";
import { ProgramError } from "./errors.ts";
import { elementsOf } from "./analyse.ts";
import type { Program } from "./types.ts";

/** Tensors larger than this in one run are split by the caller. */
export const DEFAULT_MAX_BATCH = 1024;

/**
 * Checks that tensors are valid inputs of a stage and returns the batch size. The range matters as much as the shape:
 * the static bounds hold only within it. Errors: INPUT_COUNT, INPUT_SHAPE, INPUT_RANGE, BATCH_TOO_LARGE.
 */
export function checkInputs(program: Program, inputs: readonly Tensor[], maxBatch = DEFAULT_MAX_BATCH): number {
  if (inputs.length !== program.inputs.length) {
    throw new ProgramError("INPUT_COUNT", { expected: program.inputs.length, actual: inputs.length });
  }
  const batch = inputs[0]?.dims[0] ?? 0;
  for (const [index, spec] of program.inputs.entries()) {
    const tensor = inputs[index];
    const dims = [batch, ...spec.dims];
    const fits =
      tensor !== undefined &&
      tensor.dtype === spec.dtype &&
      Number.isInteger(batch) &&
      batch >= 1 &&
      tensor.dims.length === dims.length &&
      tensor.dims.every((dim, axis) => dim === dims[axis]) &&
      tensor.data.length === batch * elementsOf(spec.dims);
    if (!fits) {
      const expected = `${spec.dtype}[${["batch", ...spec.dims].join(",")}]`;
      throw new ProgramError("INPUT_SHAPE", {
        input: index,
        expected,
        actual: tensor ? describeShape(tensor) : "nothing",
      });
    }
    if (batch > maxBatch) throw new ProgramError("BATCH_TOO_LARGE", { actual: batch, limit: maxBatch });
    const { lo, hi } = spec;
    for (let e = 0; e < tensor.data.length; e++) {
      const value = tensor.data[e] ?? 0;
      // The value stays out of the error: inputs are secret.
      if (value < lo || value > hi) throw new ProgramError("INPUT_RANGE", { index: e, input: index, lo, hi });
    }
  }
  return batch;
}
