// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { analyseProgram } from "../../../../offchain/core/program/analyse.ts";
import { legalCuts, programAtoms } from "../../../../offchain/core/planning/program-atoms.ts";
import { searchCuts, type CutOptions } from "../../../../offchain/core/planning/search-cuts.ts";
import type { Finish, Op, Program } from "../../../../offchain/core/program/types.ts";
import { loadModel } from "../../../../offchain/engines/program/load-program.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { planCandidate } from "../../../support/planning.ts";
import { Prng } from "../../../support/prng.ts";

const finish: Finish = { kind: "scale", dtype: "i8", shifts: [10], lo: 0, hi: 127, table: null };

/** Dense layers of the given widths; `skip` adds a residual block after the first. */
function chain(widths: readonly number[], skip = false): Program {
  const ops: Op[] = [];
  widths.slice(1).forEach((outputs, index) => {
    const width = widths[index] ?? 1;
    const weights = new Int8Array(outputs * width).fill(1);
    ops.push({ kind: "dense", input: ops.length, outputs, weights, bias: Array(outputs).fill(0n), finish });
    if (skip && index === 0) {
      const square = new Int8Array(outputs * outputs).fill(1);
      ops.push({ kind: "dense", input: 1, outputs, weights: square, bias: Array(outputs).fill(0n), finish });
      ops.push({ kind: "add", inputs: [1, 2], multipliers: [1, 1], finish });
    }
  });
  const input = { dtype: "i8" as const, dims: [widths[0] ?? 1], lo: 0, hi: 127 };
  return { family: "quantised", inputs: [input], ops, output: ops.length };
}

const options = (stages: number, change: Partial<CutOptions> = {}): CutOptions => ({
  stages,
  profile: { rates: planCandidate(1).rates, memoryBytes: 2 ** 30, kind: 2, batch: 1 },
  ...change,
});

const search = (program: Program, wanted: CutOptions) => searchCuts(program, analyseProgram(program), wanted);

/** Every choice of cuts; the fastest slowest stage. */
function bruteCuts(program: Program, stages: number): number {
  const analysis = analyseProgram(program);
  const legal = legalCuts(program, analysis).map(({ afterOp }) => afterOp);
  const bytes = (value: number) => (analysis.values[value]?.dims ?? []).reduce((a, b) => a * b, 1);
  const { rates } = planCandidate(1);
  const stageTime = (from: number, to: number) => {
    const io = bytes(from) + bytes(to);
    let macs = 0;
    for (let op = from; op < to; op++) macs += analysis.ops[op]?.macs ?? 0;
    const digest = (size: number) => Math.ceil((size * rates.keccakPsPerByte) / 1000);
    const transfer = Math.ceil((bytes(from) * 1e9) / rates.bytesPerSecond);
    return (
      rates.rttNs +
      transfer +
      digest(bytes(from)) +
      digest(io - bytes(from)) +
      Math.ceil((macs * rates.psPerMac.dense) / 1000)
    );
  };
  let best = Infinity;
  const choose = (start: number, left: number, worst: number): void => {
    if (left === 0) best = Math.min(best, Math.max(worst, stageTime(start, program.ops.length)));
    else
      for (const cut of legal) if (cut >= start) choose(cut + 1, left - 1, Math.max(worst, stageTime(start, cut + 1)));
  };
  choose(0, stages - 1, 0);
  return best;
}

describe("searchCuts", () => {
  it("R48: default: no choice of cuts has a faster slowest stage", () => {
    const rng = new Prng(11);
    for (let n = 0; n < 60; n++) {
      const widths = Array.from({ length: rng.int(3, 9) }, () => rng.int(1, 300));
      const program = chain(widths);
      const stages = rng.int(1, Math.min(4, program.ops.length));
      const { cuts, stageNs } = search(program, options(stages));
      expect(cuts.length).to.equal(stages - 1);
      expect(stageNs.length).to.equal(stages);
      expect(Math.max(...stageNs), `program ${n}`).to.equal(bruteCuts(program, stages));
    }
  });

  it("behavior: a residual block is one atom", () => {
    const program = chain([10, 20, 30], true);
    const analysis = analyseProgram(program);
    // Before the block (one tensor, read twice) and after it.
    expect(legalCuts(program, analysis).map(({ afterOp }) => afterOp)).to.deep.equal([0, 2]);
    expect(programAtoms(program, analysis).map(({ from, to }) => [from, to])).to.deep.equal([
      [0, 1],
      [1, 3],
      [3, 4],
    ]);
  });

  it("behavior: raw accumulators are no boundary", () => {
    const program = chain([8, 8, 8]);
    const [first, ...rest] = program.ops;
    if (first?.kind !== "dense") throw new TypeError("no dense operator");
    const exact: Program = { ...program, ops: [{ ...first, finish: { kind: "exact" } }, ...rest.slice(1)], output: 1 };
    expect(legalCuts(exact, analyseProgram(exact))).to.deep.equal([]);
  });

  it("behavior: cuts that are too large or leak too much are refused, and the table says why", async () => {
    const program = chain([64, 4096, 64, 64, 10]);
    const small = options(3);
    const salted = { ...small, profile: { ...small.profile, kind: 1 as const, batch: 65 } };
    const { table, cuts } = search(program, salted);
    expect(table.map(({ refused }) => refused)).to.deep.equal(["size", null, null]);
    expect(cuts).to.deep.equal([1, 2]);
    expect(table.filter(({ isChosen }) => isChosen).map(({ afterOp }) => afterOp)).to.deep.equal(cuts);
    const limits = { maxRecoveryPpm: 400_000, maxDcorPpm: 850_000 };
    const leakage = new Map([
      [0, { recoveryPpm: 500_000, dcorPpm: 100 }],
      [1, { recoveryPpm: 300_000, dcorPpm: 100 }],
    ]);
    const guarded = search(program, { ...options(2), limits, leakage });
    expect(guarded.table.map(({ refused }) => refused)).to.deep.equal(["leakage", null, "leakage"]);
    expect(guarded.cuts).to.deep.equal([1]);
    await expectCode("CUTS_IMPOSSIBLE", () => search(program, { ...options(3), limits, leakage }));
  });

  it("error: CUTS_IMPOSSIBLE where memory or the number of cuts does not suffice; PLAN_INPUT_INVALID", async () => {
    const program = chain([100, 100, 100]);
    await expectCode("CUTS_IMPOSSIBLE", () => search(program, options(3)));
    const tight = options(2);
    await expectCode("CUTS_IMPOSSIBLE", () =>
      search(program, { ...tight, profile: { ...tight.profile, memoryBytes: 10_000 } }),
    );
    await expectCode("PLAN_INPUT_INVALID", () => search(program, options(0)));
    await expectCode("PLAN_INPUT_INVALID", () => search(program, options(33)));
  });

  it("behavior: the zoo's convolutional network is cut between its layers", async () => {
    const { stages } = await loadModel("models/digits-cnn");
    const [stage] = stages;
    if (stage === undefined) throw new TypeError("no stage");
    const { cuts, table } = searchCuts(stage.program, stage.analysis, options(3));
    expect(cuts.length).to.equal(2);
    expect(table.length).to.be.at.least(3);
    expect(
      table.every(({ macsBefore }, index) => index === 0 || macsBefore >= (table[index - 1]?.macsBefore ?? 0)),
    ).to.equal(true);
  });
});
