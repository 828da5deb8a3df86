// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import type { LinearOperator } from "../../../core/program/linear-operators.ts";
import type { Program } from "../../../core/program/types.ts";
import type { R1cs, SparseMatrix, WireGroups } from "../r1cs/r1cs.ts";
import type { SiteForm } from "./plan/sites.ts";
import type { Stamp, TableUse } from "./netlist.ts";

export type BoundaryKind = "PUBLIC" | "SALTED";

export interface CircuitOptions {
  readonly weights: "public" | "private";
  readonly inKinds: readonly BoundaryKind[];
  readonly outKind: BoundaryKind;
  /**
   * Linear-check mode: the circuit also proves r^T W of every operator with committed weights, for any r (docs/private-weights.md). Takes
   * private weights, one input and SALTED boundaries. Another circuit, hence another key.
   */
  readonly linearCheck?: boolean;
  readonly backend?: "two-round" | "one-round";
  readonly onProgress?: (step: string) => void;
  readonly signal?: AbortSignal;
  /** Keeps compiled gadgets between processes. */
  readonly cacheFolder?: string;
  /** Keeps what is needed to print the circuit as circom. */
  readonly record?: boolean;
}

/** One boundary as the key record has it. `header`: the tensor's encoding before its data. */
export interface CircuitBoundary {
  readonly direction: 0 | 1;
  readonly kind: 0 | 1;
  readonly dataLength: number;
  readonly header: Uint8Array;
}

/**
 * How a witness is computed, as plain numbers. `steps`: five numbers each, kind, wire, form or -1, p, q (netlist.ts). `round2`: row
 * and wire of each definition, `levels` counting those that may be solved together.
 */
export interface WitnessPlan {
  readonly forms: SparseMatrix;
  readonly steps: Int32Array;
  readonly functions: readonly { readonly first: number; readonly values: Int32Array }[];
  readonly limits: readonly (readonly [number, number])[];
  /** table, form, shift of each lookup */
  readonly queries: Int32Array;
  readonly tables: readonly TableUse[];
  readonly round2: Int32Array;
  /** Ends of the levels in `round2`, in definitions; odd levels are quotients. */
  readonly levels: Int32Array;
}

export interface CircuitReport {
  readonly constraints: number;
  /** Constraints by part of the circuit, in order of first use. */
  readonly parts: readonly { readonly name: string; readonly constraints: number }[];
  readonly wires: {
    readonly publics: number;
    readonly weights: number;
    readonly round1: number;
    readonly round2: number;
  };
  /** Widths of the range tables in bits. */
  readonly rangeTables: readonly number[];
  readonly tables: readonly { readonly rows: number; readonly queries: number }[];
  readonly forms: Readonly<Record<SiteForm, number>>;
  /** log2 of the evaluation domain */
  readonly domainBits: number;
  /** Non-zero entries of the three matrices. */
  readonly entries: number;
  /** Wires on side B: each costs a point in G2. */
  readonly sideB: number;
  /** A false statement passes with probability at most 2^-errorBits per hash query; null without challenges. */
  readonly errorBits: number | null;
}

export interface CompiledCircuit {
  readonly program: Program;
  readonly options: { readonly weights: "public" | "private"; readonly backend: "two-round" | "one-round" };
  readonly r1cs: R1cs;
  readonly groups: WireGroups;
  /** keccak256 of the .r1cs bytes */
  readonly circuitHash: Hex;
  /** Inputs in manifest order, then the output. */
  readonly boundaries: readonly CircuitBoundary[];
  /** Operators whose r and u stand in front of the boundaries' words; empty but in linear-check mode. */
  readonly checks: readonly LinearOperator[];
  /** Names of the public wires 1.. in order: v, c, rho; or ctx and the words and digests. */
  readonly publics: readonly string[];
  readonly plan: WitnessPlan;
  readonly report: CircuitReport;
  readonly record?: CircuitRecord;
}

/** The circuit as components and connections, before linking: what an all-circom text of it says. */
export interface CircuitRecord {
  /** Components; wires are numbers of this drawing: an output of a component, an advice, or a public one (1..). */
  readonly drawn: readonly Stamp[];
  readonly publics: readonly string[];
  /** Drawing's wires that take a value, in the order of the plan's steps without definitions. */
  readonly advice: readonly number[];
  /** Own wires of each component by signal name, with their final numbers. */
  readonly placed: readonly (readonly { readonly name: string; readonly wire: number }[])[];
}
