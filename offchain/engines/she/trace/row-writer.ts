// SPDX-License-Identifier: MIT
import { inverseMod } from "../../../core/she/modular.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import { NO_OPERATION, type RowOperation, type RowReference } from "../../../core/she/row-operation.ts";

/** A row of a trace being written, or of what it is computed from; undefined: known to be zero, so nobody writes it. */
export type Row = RowReference | undefined;

/** Writes row operations. The depth of the trace is known only at the end, so references to it are completed then. */
export class RowWriter {
  readonly profile: SheProfile;
  readonly #operations: RowOperation[] = [];

  constructor(profile: SheProfile) {
    this.profile = profile;
  }

  get special(): number {
    return this.profile.primes.length - 1;
  }

  /** Operations so far, with references to a trace of this depth. */
  finish(depth: number): RowOperation[] {
    const placed = (row: RowReference | undefined) => (row?.source === "trace" ? { ...row, depth } : row);
    return this.#operations.map(({ a, b, c, ...rest }) => {
      const [x, y, z] = [a, b, c].map(placed);
      return { ...rest, ...(x && { a: x }), ...(y && { b: y }), ...(z && { c: z }) };
    });
  }

  get length(): number {
    return this.#operations.length;
  }

  write(operation: Partial<RowOperation> & Pick<RowOperation, "op" | "prime">): RowReference {
    const written: RowOperation = { ...NO_OPERATION, ...operation };
    this.#operations.push(written);
    return { source: "trace", depth: 0, position: this.#operations.length - 1 };
  }

  /** c + a · b. */
  mac(a: Row, b: RowReference, c: Row, prime: number): Row {
    return a === undefined ? c : this.write({ op: "mac", prime, a, b, ...(c && { c }) });
  }

  add(a: Row, b: Row, prime: number): Row {
    if (a === undefined || b === undefined) return a ?? b;
    return this.write({ op: "add", prime, a, b });
  }

  scale(a: Row, factor: number, prime: number): Row {
    return a === undefined ? undefined : this.write({ op: "scale", prime, a, factor });
  }

  permute(a: Row, galois: number, prime: number): Row {
    return a === undefined ? undefined : this.write({ op: "permute", prime, a, galois });
  }

  /** Coefficients of a transformed row. */
  inverse(a: Row, prime: number): Row {
    if (a === undefined) return undefined;
    const { degree, primes } = this.profile;
    let row = a;
    for (let passBits = Math.log2(degree) - 1; passBits >= 0; passBits--)
      row = this.write({ op: "inverse", prime, passBits, a: row });
    return this.scale(row, inverseMod(degree, primes[prime] ?? 1), prime);
  }

  /** Centred coefficients modulo prime `from`, transformed modulo `prime`. */
  lifted(a: Row, from: number, prime: number): Row {
    if (a === undefined) return undefined;
    let row = this.write({ op: "lift", prime, other: from, a });
    for (let passBits = 0; passBits < Math.log2(this.profile.degree); passBits++)
      row = this.write({ op: "forward", prime, passBits, a: row });
    return row;
  }

  /** (a - b) / primes[dropped] + c. */
  divide(a: Row, b: Row, dropped: number, c: Row, prime: number): Row {
    const { primes } = this.profile;
    const p = primes[prime] ?? 1;
    const factor = inverseMod((primes[dropped] ?? 1) % p, p);
    if (b === undefined) return this.add(this.scale(a, factor, prime), c, prime);
    const minuend = a ?? this.write({ op: "scale", prime, a: b, factor: 0 });
    return this.write({ op: "divide", prime, a: minuend, b, factor, ...(c && { c }) });
  }
}
