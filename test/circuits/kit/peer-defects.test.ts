// SPDX-License-Identifier: GPL-3.0-or-later
// Defects that others shipped (zk.md section 10), rebuilt small: the forgery works on their form and fails on ours.
import { expect } from "chai";
import { FIELD } from "../../../offchain/core/poseidon-constants.ts";
import { checkRounds } from "../../../offchain/engines/zk/kit/check-rounds.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { expectError } from "../../support/expect-error.ts";
import { compileCircom } from "../../support/compile-circom.ts";
import { r1csOf, type Row } from "../../support/r1cs-of.ts";
import { toyStage } from "../../support/toy-stage.ts";

const bitsOf = (value: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => (value >> BigInt(i)) & 1n);

/** Wires 1 (1), 1 = x, then n bits: b² = b each, Σ b·2^i = x. */
const decomposition = (n: number) => {
  const rows: Row[] = Array.from({ length: n }, (_, i): Row => [{ [2 + i]: 1n }, { 0: -1n, [2 + i]: 1n }, {}]);
  const sum = Object.fromEntries(Array.from({ length: n }, (_, i) => [2 + i, 1n << BigInt(i)]));
  rows.push([{}, {}, { ...sum, 1: -1n }]);
  return r1csOf({ wires: 2 + n, outputs: 0, publicInputs: 1, privateInputs: n }, rows);
};

describe("defects of peers", () => {
  it("behavior: circomlib-ml divides with the remainder under an assertion only: any quotient satisfies 10·q + rest = x", () => {
    const theirs = r1csOf({ wires: 4, outputs: 1, publicInputs: 1, privateInputs: 1 }, [
      [{}, {}, { 1: 10n, 2: -1n, 3: 1n }],
    ]);
    for (const [quotient, rest] of [
      [7n, 3n],
      [0n, 73n],
      [(-1n + FIELD) % FIELD, 83n],
    ] as const)
      expect(firstViolation(theirs, [1n, quotient, 73n, rest])).to.equal(-1);
  });

  it("behavior: Num2Bits(254) has two decompositions of a small number, and ReLU by its top bit makes 5 into 0", () => {
    const wide = decomposition(254);
    expect(firstViolation(wide, [1n, 5n, ...bitsOf(5n, 254)])).to.equal(-1);
    const alias = bitsOf(FIELD + 5n, 254);
    expect(firstViolation(wide, [1n, 5n, ...alias])).to.equal(-1);
    expect(alias[253], "the sign bit of 5").to.equal(1n);
  });

  it("behavior: our bit ranges stop at 252 bits, where no alias exists", async () => {
    const ours = compileCircom("component main = BitRange(252);", ["BitRange.circom"]);
    const honest = await ours.witness({ x: 5n, bit: bitsOf(5n, 252).slice(1) });
    expect(firstViolation(ours.r1cs, honest)).to.equal(-1);
    expect(FIELD + 5n, "the alias does not fit").to.be.greaterThan(1n << 252n);
    const forged = honest.slice();
    for (const [i, bit] of bitsOf(FIELD + 5n, 253)
      .slice(1, 252)
      .entries())
      forged[ours.sym.wireOf.get(`main.bit[${i}]`) ?? 0] = bit;
    expect(firstViolation(ours.r1cs, forged)).to.be.at.least(0);
  });

  it("error: ROUND_RULE for a shuffle without multiplicities (EZKL): queries may not be summed as a table", () => {
    const shuffled = toyStage({
      more: ({ sketch: s }) => {
        const left = ["a0", "a1"].map((name) => s.pole(`left.${name}`, { c: 1, [name]: -1 }, { one: 1 }));
        const right = ["a2", "a3"].map((name) => s.pole(`right.${name}`, { c: 1, [name]: -1 }, { one: 1 }));
        s.row(
          {},
          {},
          Object.fromEntries(
            [...left, ...right.map((g) => ({ [Object.keys(g)[0] ?? ""]: -1 }))].flatMap((g) => Object.entries(g)),
          ),
        );
      },
    });
    expectError(() => checkRounds(shuffled.r1cs, shuffled.groups), "ROUND_RULE", { rule: 4 });
  });
});
