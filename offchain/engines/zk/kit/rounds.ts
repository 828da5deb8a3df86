// SPDX-License-Identifier: GPL-3.0-or-later
import type { Form } from "./form.ts";

/** An inverse: wire = n / (c - columns[0] - rho · columns[1] - rho² · columns[2]), up to two columns being absent. */
export interface Pole {
  readonly wire: number;
  readonly row: number;
  /** Over {1, weights, round 1}, as n is. */
  readonly columns: readonly Form[];
  readonly n: Form;
}

/** One LogUp identity: the sum of the queries' poles equals the sum of the table's. */
export interface LookupCheck {
  readonly kind: "lookup";
  readonly row: number;
  readonly columns: number;
  readonly queries: readonly Pole[];
  readonly table: readonly Pole[];
  readonly degree: number;
}

/** A polynomial in (c, rho) that must vanish: a product or polynomial identity. */
export interface PolynomialCheck {
  readonly kind: "polynomial";
  readonly row: number;
  readonly degree: number;
}

/** v = the sum of words[i] · rho^(n-1-i). */
export interface FingerprintCheck {
  readonly kind: "fingerprint";
  readonly row: number;
  readonly words: readonly Form[];
  readonly degree: number;
}

export type RoundCheck = LookupCheck | PolynomialCheck | FingerprintCheck;

/** What the round rule has proved about a circuit. */
export interface Rounds {
  /** Rows over 1, weights and round 1 alone. */
  readonly committed: readonly number[];
  /** Defining row of each round-2 wire: quotients first, then each after those it reads. */
  readonly definitions: ReadonlyMap<number, number>;
  readonly checks: readonly RoundCheck[];
  /** A false statement passes with probability at most 2^errorLog2, per hash of a commitment. */
  readonly errorLog2: number;
}
