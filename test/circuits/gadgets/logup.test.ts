// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Program } from "../../../offchain/core/program/types.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import { STEP_MULTIPLICITY, STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { asWords, bigintOfWords, FIELD_WORDS, wordsOfBigint } from "../../../offchain/engines/zk/r1cs/field-words.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { FIELD, inverse, mod } from "../../../offchain/engines/zk/circuit/field.ts";
import { CHALLENGE } from "../../support/circuit-run.ts";

/** y = table[x] for one x of 0..7: one query, eight rows. */
const program: Program = {
  family: "quantised",
  inputs: [{ dtype: "i8", dims: [1], lo: 0, hi: 7 }],
  ops: [{ kind: "map", input: 0, lo: 0, table: Int8Array.of(3, 1, 4, 1, 5, 9, 2, 6) }],
  output: 1,
};
const PUBLIC = { weights: "public", inKinds: ["PUBLIC"], outKind: "PUBLIC", cacheFolder: "build/cells" } as const;

const wiresOf = ({ plan: { steps } }: CompiledCircuit, kind: number) => {
  const wires: { wire: number; p: number; q: number }[] = [];
  for (let at = 0; at < steps.length; at += 5)
    if (steps[at] === kind) wires.push({ wire: steps[at + 1] ?? 0, p: steps[at + 3] ?? 0, q: steps[at + 4] ?? 0 });
  return wires;
};

/** Round 1 with some wires replaced, then an honest round 2. */
function cheat(circuit: CompiledCircuit, changes: ReadonlyMap<number, bigint>, challenge = CHALLENGE): number {
  const inputs = [{ dtype: "i8" as const, dims: [1, 1], data: Int8Array.of(4) }];
  const { values } = buildRoundOne(circuit, { inputs, salts: [] });
  const words = asWords(values);
  for (const [wire, value] of changes) wordsOfBigint(mod(value), words, wire * FIELD_WORDS);
  return firstViolation(circuit.r1cs, solveRoundTwo(circuit, values, challenge));
}

describe("LogUp tables", () => {
  let circuit: CompiledCircuit;
  let output = 0;
  let multiplicities: { wire: number; p: number; q: number }[] = [];
  before(async function () {
    this.timeout(60_000);
    circuit = await compileCircuit(program, PUBLIC);
    output = wiresOf(circuit, STEP_VALUE).find(({ p }) => p === 1)?.wire ?? 0;
    multiplicities = wiresOf(circuit, STEP_MULTIPLICITY);
  });

  it("default: the honest lookup holds", () => {
    expect(cheat(circuit, new Map())).to.equal(-1);
  });

  it("behavior: a skipped, moved or doubled multiplicity is seen", () => {
    for (const { wire } of multiplicities)
      for (const value of [0n, 1n, 2n, -1n]) {
        const honest = cheat(circuit, new Map([[wire, value]])) === -1;
        const words = asWords(
          buildRoundOne(circuit, {
            inputs: [{ dtype: "i8", dims: [1, 1], data: Int8Array.of(4) }],
            salts: [],
          }).values,
        );
        expect(honest, `wire ${wire} = ${value}`).to.equal(bigintOfWords(words, wire * FIELD_WORDS) === mod(value));
      }
  });

  it("behavior: a wrong output has no multiplicities: those fitted to one challenge fail at every other", () => {
    const fitted = fitMultiplicity(circuit, output, 8n);
    expect(cheat(circuit, fitted), "opened after the challenge, as the strip rule must prevent").to.equal(-1);
    for (const shift of [1n, 2n, 77n])
      expect(cheat(circuit, fitted, { c: CHALLENGE.c + shift, rho: CHALLENGE.rho })).to.be.at.least(0);
    expect(cheat(circuit, fitted, { c: CHALLENGE.c, rho: CHALLENGE.rho + 1n })).to.be.at.least(0);
  });

  it("behavior: the rows of a table have distinct keys", () => {
    const poles = new Map<string, number>();
    const { b, c, constants } = circuit.r1cs;
    for (let row = 0; row + 1 < b.offsets.length; row++) {
      const from = c.offsets[row] ?? 0;
      if (!multiplicities.some(({ wire }) => wire === c.wires[from])) continue;
      const entries = Array.from(b.wires.subarray(b.offsets[row], b.offsets[row + 1]), (wire, i) => {
        const coefficient = constants[b.coefficients[(b.offsets[row] ?? 0) + i] ?? 0];
        return `${wire}:${coefficient}`;
      }).join();
      poles.set(entries, (poles.get(entries) ?? 0) + 1);
    }
    // The function's table has 8 rows, and each range table a row a number.
    expect(poles.size).to.equal(new Set(poles.keys()).size);
    const ranges = circuit.report.tables.map(({ rows }) => rows);
    expect([...poles.values()].reduce((sum, count) => sum + count, 0)).to.equal(
      ranges.reduce((sum, rows) => sum + rows, 0),
    );
  });
});

/** The late opening of zk.md section 2: y changed, one multiplicity repaired with the challenge already known. */
function fitMultiplicity(circuit: CompiledCircuit, output: number, lie: bigint): ReadonlyMap<number, bigint> {
  const { c, rho } = CHALLENGE;
  const table = circuit.plan.tables.findIndex(({ rows }, t) => rows === 8 && usesPair(circuit, t));
  const multiplicity = wiresOf(circuit, STEP_MULTIPLICITY).find(({ p, q }) => p === table && q === 0)?.wire ?? 0;
  const pole = (x: bigint, y: bigint) => mod(c - x - rho * y);
  const off = inverse(pole(4n, lie)) - inverse(pole(4n, 5n));
  // m_0 was 0; row 0 is (0, 3).
  return new Map([
    [output, lie],
    [multiplicity, mod(((off % FIELD) + FIELD) * pole(0n, 3n))],
  ]);
}

/** The function's table comes after the ranges in the plan's queries: the last one opened. */
const usesPair = ({ plan }: CompiledCircuit, table: number): boolean => table === (plan.queries.at(-3) ?? 0);
