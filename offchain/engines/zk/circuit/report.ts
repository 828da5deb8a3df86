// SPDX-License-Identifier: GPL-3.0-or-later
import { constraintCount, type R1cs, type WireGroups } from "../r1cs/r1cs.ts";
import type { Netlist } from "./netlist.ts";
import { domainBits, type Plan } from "./plan/choose.ts";
import type { SiteForm } from "./plan/sites.ts";
import type { CircuitReport } from "./types.ts";

const FIELD_BITS = 253.5;

/** Bits of the bound ((Q + N)² + Σ degrees) / r of zk.md section 2; each other check's degree is below the number of rows. */
function errorBits(queries: number, rows: number, constraints: number): number {
  return Math.floor(FIELD_BITS - Math.log2((queries + rows) ** 2 + constraints + 1));
}

export function reportOf(net: Netlist, r1cs: R1cs, groups: WireGroups, plan: Plan): CircuitReport {
  const counts = net.parts.map(() => 0);
  for (const { part } of net.rows) counts[part] = (counts[part] ?? 0) + 1;
  const parts = net.parts
    .map((name, i) => ({ name, constraints: counts[i] ?? 0 }))
    .filter((part) => part.constraints > 0);
  const queries = net.tables.map(() => 0);
  for (const { table } of net.queries) queries[table] = (queries[table] ?? 0) + 1;
  const forms: Record<SiteForm, number> = { constant: 0, R: 0, T: 0, RT: 0, S: 0 };
  for (const form of plan.forms.values()) forms[form]++;
  const constraints = constraintCount(r1cs);
  const rows = net.tables.reduce((sum, table) => sum + table.rows, 0);
  return {
    constraints,
    parts,
    wires: {
      publics: net.publics.length,
      weights: groups.weights.count,
      round1: groups.round1.count,
      round2: groups.round2.count,
    },
    rangeTables: plan.tables,
    tables: net.tables.map((table, i) => ({ rows: table.rows, queries: queries[i] ?? 0 })),
    forms,
    domainBits: domainBits(constraints, net.publics.length + 1),
    entries: r1cs.a.wires.length + r1cs.b.wires.length + r1cs.c.wires.length,
    sideB: new Set(r1cs.b.wires).size,
    errorBits: net.publics[0] === "v" ? errorBits(net.queries.length, rows, constraints) : null,
  };
}
