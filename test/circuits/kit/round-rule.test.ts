// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { checkRounds } from "../../../offchain/engines/zk/kit/check-rounds.ts";
import { checkUniqueness, undeterminedWires } from "../../../offchain/engines/zk/kit/check-uniqueness.ts";
import { checkNoLooseWires, looseWires } from "../../../offchain/engines/zk/kit/loose-wires.ts";
import { checkMutations, mutate } from "../../../offchain/engines/zk/kit/mutate.ts";
import type { Affine, Sketched } from "../../support/circuit-sketch.ts";
import { expectError } from "../../support/expect-error.ts";
import { r1csOf } from "../../support/r1cs-of.ts";
import { toyStage, TOY_INPUTS } from "../../support/toy-stage.ts";

const [c, rho] = [(1n << 200n) + 12345n, (1n << 190n) + 777n];

describe("soundness kit on an honest circuit", () => {
  const toy = toyStage();

  it("default: the round rule holds, with one lookup a table and the fingerprint's words in order", () => {
    const rounds = checkRounds(toy.r1cs, toy.groups);
    const lookups = rounds.checks.filter((check) => check.kind === "lookup");
    expect(lookups.map(({ columns, queries, table }) => [columns, queries.length, table.length])).to.deep.equal([
      [1, 6, 16],
      [2, 2, 16],
    ]);
    const [fingerprint] = rounds.checks.filter((check) => check.kind === "fingerprint");
    const names = [...TOY_INPUTS, "y0", "y1"];
    expect(fingerprint?.words.map((word) => [...word])).to.deep.equal(names.map((name) => [[toy.wire(name), 1n]]));
    expect(rounds.errorLog2).to.be.within(-245, -240);
  });

  it("default: the witness satisfies it, is unique, and no wire moves alone", () => {
    const witness = toy.witness(c, rho);
    expect(firstViolation(toy.r1cs, witness)).to.equal(-1);
    const inputs = TOY_INPUTS.map(toy.wire);
    expect(
      undeterminedWires(toy.r1cs, toy.groups, checkRounds(toy.r1cs, toy.groups), witness, { inputs }),
    ).to.deep.equal([]);
    expect(looseWires(toy.r1cs, toy.groups, checkRounds(toy.r1cs, toy.groups), witness, { inputs })).to.deep.equal([]);
    expect(mutate(toy.r1cs, witness)).to.deep.equal([]);
  });
});

describe("soundness kit's refusals", () => {
  const inputs = (toy: Sketched) => TOY_INPUTS.map(toy.wire);

  it("error: ROUND_RULE names rule, constraint and wire", () => {
    const toy = toyStage({ keyOf: (row) => (row === 5 ? 4 : row) });
    const error = expectError(() => checkRounds(toy.r1cs, toy.groups), "ROUND_RULE", {
      rule: 4,
      wire: toy.wire("h.range5"),
    });
    expect(error.meta["row"]).to.be.a("number").and.be.at.least(0);
  });

  it("error: ERROR_BOUND", () => {
    const toy = toyStage({
      more: ({ sketch: s }) => {
        let power: Affine = { rho: 1 };
        for (let i = 0; i < 54; i++) power = s.product("round2", `power${i}`, power, power);
        s.row({ a0: 1 }, power, { a1: 1 });
      },
    });
    expectError(() => checkRounds(toy.r1cs, toy.groups), "ERROR_BOUND");
  });

  it("error: GROUPS_INVALID for gaps, overlaps, wires outside, other public wires", () => {
    const { r1cs, groups } = toyStage();
    const { weights, round1, round2 } = groups;
    for (const bad of [
      { ...groups, weights: { from: 3, count: 1 } },
      { ...groups, weights: { ...weights, count: 1 } },
      { ...groups, round1: { ...round1, count: round1.count - 1 } },
      { ...groups, round2: { ...round2, count: round2.count + 1 } },
      { ...groups, round2: { ...round2, count: round2.count - 1 } },
      { ...groups, round1: { from: round1.from, count: -1 }, round2: { from: round1.from - 1, count: r1cs.wires } },
    ])
      expectError(() => checkRounds(r1cs, bad), "GROUPS_INVALID");
    expectError(() => checkRounds({ ...r1cs, outputs: 0, publicInputs: 3 }, groups), "GROUPS_INVALID");
  });

  it("error: WITNESS_NOT_UNIQUE, MUTATION_SURVIVED name the wire", () => {
    const free = toyStage({ unlookedOutput: true });
    const rounds = checkRounds(free.r1cs, free.groups);
    const options = { inputs: inputs(free) };
    const wire = free.wire("y0");
    expectError(
      () => checkUniqueness(free.r1cs, free.groups, rounds, [free.witness(c, rho)], options),
      "WITNESS_NOT_UNIQUE",
      { wire },
    );
    expectError(
      () => checkNoLooseWires(free.r1cs, free.groups, rounds, [free.witness(c, rho)], options),
      "WITNESS_NOT_UNIQUE",
      { wire: free.wire("rest0") },
    );
    const unheld = r1csOf({ wires: 3, outputs: 0, publicInputs: 0, privateInputs: 2 }, [[{ 1: 1n }, { 2: 1n }, {}]]);
    expectError(() => checkMutations(unheld, [1n, 0n, 7n]), "MUTATION_SURVIVED", { wire: 2 });
  });
});
