// SPDX-License-Identifier: GPL-3.0-or-later
import type { CompiledCircuit } from "../../../engines/zk/circuit/types.ts";

/** Columns: names to the left, numbers to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
    )
    .join("\n");
}

/** Names of tables list their function's values. */
const short = (name: string): string => (name.length > 40 ? `${name.slice(0, 39)}…` : name);

/** A compiled circuit for people. */
export function circuitText(stage: number, { circuitHash, report, boundaries, options }: CompiledCircuit): string {
  const { constraints, parts, wires, rangeTables, tables, domainBits, sideB, errorBits } = report;
  const kinds = boundaries.map(({ kind, dataLength }) => `${kind === 0 ? "PUBLIC" : "SALTED"} ${dataLength} bytes`);
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const queries = tables.reduce((sum, table) => sum + table.queries, 0);
  return [
    `stage ${stage}: ${constraints} constraints, ${options.backend}, ${options.weights} weights, ${kinds.join(" to ")}`,
    `circuit ${circuitHash}`,
    columns([["part", "constraints"], ...parts.map((part) => [short(part.name), String(part.constraints)])]),
    `wires: ${wires.publics} public, ${wires.weights} weights, ${wires.round1} round 1, ${wires.round2} round 2; ${sideB} on side B`,
    `tables: ${tables.length} of ${rows} rows for ${queries} lookups; ranges of ${rangeTables.join(", ") || "no"} bits`,
    `domain 2^${domainBits}${errorBits === null ? "" : `; a false statement passes with at most 2^-${errorBits} a try`}`,
  ].join("\n");
}
