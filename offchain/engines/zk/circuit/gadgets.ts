// SPDX-License-Identifier: GPL-3.0-or-later
import type { CellSpec, Parameter } from "./cells/cell.ts";

type Signals = Readonly<Record<string, number | null>>;

const gadget = (
  template: string,
  inputs: Signals,
  outputs: Signals = {},
  parameters: readonly Parameter[] = [],
): CellSpec => ({ template, folder: "gadgets", parameters, inputs, outputs });

/** The interface of each file in `circuits/gadgets`: its template's parameters, inputs and outputs. */
export const LOOKUP = gadget("Lookup", { c: null, x: null }, { r2_g: null });
export const LOOKUP_PAIR = gadget("LookupPair", { c: null, rho: null, x: null, y: null }, { r2_g: null });
export const TABLE_ROW = gadget("TableRow", { r2_pole: null, m: null }, { r2_h: null });
export const BALANCE = gadget("Balance", { queries: null, rows: null });
export const BIT = gadget("Bit", { b: null });
export const SIGNED_BYTE = gadget("SignedByte", { x: null, sign: null }, { low: null, byte: null });
export const SIGNED_WORD = gadget("SignedWord", { x: null, byte: 3, sign: null }, { low: null, top: null });
export const HORNER_STEP = gadget("HornerStep", { rho: null, r2_before: null, word: null }, { r2_v: null });
export const HORNER_END = gadget("HornerEnd", { rho: null, r2_before: null, word: null, v: null });
export const SQUARE = gadget("Square", { x: null }, { y: null });
export const EQUAL = gadget("Equal", { a: null, b: null });
export const CONTEXT = gadget("Context", { ctx: null });

export const LOOKUP_TRIPLE = gadget("LookupTriple", { c: null, rho: null, x: null, y: null, z: null }, { r2_g: null });
export const RHO_SQUARE = gadget("RhoSquare", { rho: null }, { r2_square: null });
export const SELECT = gadget("Select", { bit: null, low: null, high: null }, { y: null });
export const PRODUCT = gadget("Product", { a: null, b: null }, { y: null });
export const PRODUCT_SUM = gadget("ProductSum", { a: null, b: null, before: null }, { y: null });

export const maximum = (n: number): CellSpec => gadget("Maximum", { y: null, x: n }, { gap: n }, [n]);
export const argmax = (n: number): CellSpec => gadget("Argmax", { x: n, hot: n - 1 }, { index: null, gap: n }, [n]);
export const polynomialProduct = (n: number): CellSpec =>
  gadget("PolynomialProduct", { r2_x: n, r2_w: n, r2_y: null }, {}, [n]);
export const innerProduct = (n: number): CellSpec => gadget("InnerProduct", { a: n, r2_u: n, r2_w: null }, {}, [n]);

export const thresholds = (limits: readonly number[], lo: bigint, hi: bigint): CellSpec =>
  gadget("Thresholds", { x: null, above: limits.length }, { lower: null, upper: null }, [
    limits.length,
    limits,
    lo,
    hi,
  ]);

export const range = (widths: readonly number[], shift: number): CellSpec =>
  gadget("Range", { c: null, x: null, limb: widths.length - 1 }, { r2_g: widths.length + (shift > 0 ? 1 : 0) }, [
    widths.length,
    widths,
    shift,
  ]);

export const bitRange = (bits: number): CellSpec => gadget("BitRange", { x: null, bit: bits - 1 }, {}, [bits]);

export const oneHot = (n: number): CellSpec => gadget("OneHot", { x: null, hot: n - 1 }, { none: null }, [n]);

export const clamp = (shift: number, lo: bigint, hi: bigint): CellSpec =>
  gadget("Clamp", { t: null, y: null, under: null, over: null }, { rest: null }, [shift, lo, hi]);

export const requantise = (shift: number): CellSpec =>
  gadget("Requantise", { c: null, rho: null, t: null, rest: null, y: null }, { r2_g: null }, [shift]);

/** circomlib's Poseidon of 2 or 16 elements. */
export const poseidon = (inputs: number): CellSpec => gadget("Poseidon", { in: inputs }, { out: null }, [inputs]);
