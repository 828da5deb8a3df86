// SPDX-License-Identifier: GPL-3.0-or-later

/** A circom template instance that the compiler stamps: `circuits/<file>` defines it, nothing else does. */
export interface CellSpec {
  /** Template name, which is the file name too. */
  readonly template: string;
  readonly folder: "gadgets" | "layers";
  readonly parameters: readonly Parameter[];
  /** Input signals in the template's order; `null` for a single signal, else the array's length. */
  readonly inputs: Readonly<Record<string, number | null>>;
  readonly outputs: Readonly<Record<string, number | null>>;
}

export type Parameter = number | bigint | readonly Parameter[];

/** Σ coefficient · slot. Slot 0 is 1, then the inputs in order, then the cell's own wires. */
export interface CellForm {
  readonly slots: readonly number[];
  readonly coefficients: readonly bigint[];
}

export interface CellRow {
  readonly a: CellForm;
  readonly b: CellForm;
  readonly c: CellForm;
  /** Own wire that the row defines, as a slot; -1 for a check. */
  readonly defines: number;
  /** The defined wire is a quotient C/B (on side A), else the product A·B minus the rest of C. */
  readonly quotient: boolean;
}

/** A compiled instance: every own wire has exactly one defining row, and rows stand in an order that solves them. */
export interface Cell {
  readonly spec: CellSpec;
  readonly inputCount: number;
  /** Names of the own wires, without the component's path; slots follow the inputs. */
  readonly wires: readonly { readonly name: string; readonly round2: boolean }[];
  readonly rows: readonly CellRow[];
  readonly outputs: Readonly<Record<string, readonly CellForm[]>>;
}

export const parameterText = (parameter: Parameter): string =>
  typeof parameter === "object" ? `[${parameter.map(parameterText).join(",")}]` : parameter.toString();

/** Names an instance: equal keys are equal circuits. */
export const cellKey = (spec: CellSpec): string => `${spec.template}(${spec.parameters.map(parameterText).join(",")})`;

/** Number of input slots. */
export const inputCount = (spec: CellSpec): number =>
  Object.values(spec.inputs).reduce<number>((sum, length) => sum + (length ?? 1), 0);
