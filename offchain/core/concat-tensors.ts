// SPDX-License-Identifier: MIT
import { CoreError } from "./core-errors.ts";
import { DTYPES, type Tensor } from "./tensor.ts";

const bad = (why: string) => new CoreError("TENSOR_INVALID", { why });

/**
 * What a joining stage takes: each row of the batch is its parts' rows, flattened, one behind the other, [batch, n]. All parts have one dtype
 * and batch. Error: TENSOR_INVALID.
 */
export function concatTensors(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (first === undefined) throw bad("there is nothing to concatenate");
  const { dtype } = first;
  const batch = first.dims[0] ?? 1;
  if (parts.some((part) => part.dtype !== dtype || part.dims[0] !== batch))
    throw bad("parts of one input differ in dtype or batch");
  const widths = parts.map(({ data }) => data.length / batch);
  const width = widths.reduce((sum, one) => sum + one, 0);
  const data = DTYPES[dtype].view(new ArrayBuffer(batch * width * DTYPES[dtype].bytes));
  for (let row = 0, at = 0; row < batch; row++)
    for (const [i, part] of parts.entries()) {
      const size = widths[i] ?? 0;
      data.set(part.data.subarray(row * size, (row + 1) * size), at);
      at += size;
    }
  return { dtype, dims: [batch, width], data };
}
