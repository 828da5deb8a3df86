// SPDX-License-Identifier: MIT
import { rowPrimes, type CompactPlaintext, type SheObject } from "../../../core/she/object.ts";
import { coefficientsToRow } from "../encoding/residues.ts";
import { KernelMemory } from "../kernel/kernel.ts";
import { nodeKernel } from "../kernel/node-kernel.ts";
import { Ring } from "../kernel/ring.ts";

/** Weights in canonical form, one after the other: all at once would be hundreds of megabytes. */
export function* weightObjects(weights: readonly CompactPlaintext[]): Generator<SheObject> {
  const [first] = weights;
  if (first === undefined) return;
  const { profile } = first.header;
  const bytes = 16 * profile.primes.length * 4 * profile.degree + 2 ** 17;
  const ring = new Ring(profile, nodeKernel(), KernelMemory.ofSize(bytes));
  const row = ring.allocate(1);
  for (const { header, coefficients } of weights) {
    const indices = rowPrimes(header);
    const rows = new Uint32Array(indices.length * profile.degree);
    for (const [position, index] of indices.entries()) {
      coefficientsToRow(ring, coefficients, index, row);
      rows.set(ring.row(row, 0), position * profile.degree);
    }
    yield { header: { ...header, compact: false }, rows };
  }
}
