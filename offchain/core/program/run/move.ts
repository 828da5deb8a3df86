// SPDX-License-Identifier: MIT
import { elementsOf } from "../analyse.ts";

/** For each element of the transposed [batch, ...] tensor, the index of its source. */
export function transposeSources(dims: readonly number[], perm: readonly number[], batch: number): Int32Array {
  const strides = dims.map((_, axis) => elementsOf(dims.slice(axis + 1)));
  const size = elementsOf(dims);
  const sources = new Int32Array(batch * size);
  for (let e = 0; e < size; e++) {
    let rest = e;
    let source = 0;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      const from = perm[axis] ?? 0;
      const length = dims[from] ?? 1;
      source += (rest % length) * (strides[from] ?? 1);
      rest = Math.floor(rest / length);
    }
    for (let n = 0; n < batch; n++) sources[n * size + e] = n * size + source;
  }
  return sources;
}

/** For each element of the concatenated [batch, ...] tensor, which input it comes from and where it stands there. */
export function concatSources(
  dims: readonly (readonly number[])[],
  axis: number,
  batch: number,
): { part: Int32Array; index: Int32Array } {
  const outer = batch * elementsOf(dims[0]?.slice(0, axis) ?? []);
  const runs = dims.map((d) => elementsOf(d.slice(axis)));
  const total = runs.reduce((sum, run) => sum + run, 0);
  const [part, index] = [new Int32Array(outer * total), new Int32Array(outer * total)];
  let target = 0;
  for (let o = 0; o < outer; o++) {
    runs.forEach((run, p) => {
      for (let i = 0; i < run; i++) {
        part[target] = p;
        index[target++] = o * run + i;
      }
    });
  }
  return { part, index };
}
