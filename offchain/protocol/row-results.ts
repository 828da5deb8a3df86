// SPDX-License-Identifier: GPL-3.0-or-later
import { boundaryDigest, leafDigest } from "../core/batch-tensors.ts";
import { equalBytes } from "../core/bytes.ts";
import { saltBytes } from "../core/digest.ts";
import type { DigestKind } from "../core/types.ts";
import type { Hex } from "./ports.ts";

/** What a stage made of one input of a job. */
export interface Row {
  /** What it was made from, encoded, in the order of the producers. */
  readonly inputs: readonly Uint8Array[];
  readonly output: Uint8Array;
  readonly probe: Uint8Array | null;
  /** Digest of the output as a leaf of the batch; null while its salt was not here. */
  readonly leaf: Hex | null;
}

/** Digest of one row's tensor: a leaf where the job is a batch (`count` > 0). */
export const rowDigest = (
  kind: DigestKind,
  bytes: Uint8Array,
  salt: Uint8Array | undefined,
  index: number,
  count: number,
): Hex => {
  const own = saltBytes(kind) === 0 ? undefined : salt;
  return count > 0 ? leafDigest(kind, bytes, own, index) : boundaryDigest(kind, bytes, own, 0);
};

const isSame = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.length === b.length && a.every((bytes, i) => equalBytes(bytes, b[i] ?? new Uint8Array()));

/**
 * A stage's outputs, row by row, remembered by the very bytes that they were made from. Rows may be computed before it is known that
 * their inputs are the right ones: another input simply finds nothing here, so what came early can save time and never change a result.
 */
export class RowResults {
  readonly #rows: Row[] = [];
  #version = 0;

  /** Rises when outputs that were already shown are void. */
  get version(): number {
    return this.#version;
  }

  get all(): readonly Row[] {
    return this.#rows;
  }

  get(i: number, inputs: readonly Uint8Array[]): Row | null {
    const row = this.#rows[i];
    return row !== undefined && isSame(row.inputs, inputs) ? row : null;
  }

  /** The next row, or another in the place of one. */
  set(i: number, row: Row): void {
    const old = this.#rows[i];
    // Rows before it were voided while it was computed.
    if (i > this.#rows.length) return;
    if (old !== undefined && !equalBytes(old.output, row.output)) this.#version += 1;
    this.#rows[i] = row;
  }

  /** Their salt was another one. */
  forgetLeaves(): void {
    for (const [i, row] of this.#rows.entries()) this.#rows[i] = { ...row, leaf: null };
  }

  /** They were made of an input that was the wrong one. */
  clear(): void {
    if (this.#rows.length > 0) this.#version += 1;
    this.#rows.length = 0;
  }

  wipe(): void {
    for (const { inputs, output } of this.#rows) for (const bytes of [...inputs, output]) bytes.fill(0);
    this.#rows.length = 0;
  }
}
