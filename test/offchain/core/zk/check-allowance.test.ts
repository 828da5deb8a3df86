// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mod } from "../../../../offchain/core/poseidon-constants.ts";
import type { LinearOperator } from "../../../../offchain/core/program/linear-operators.ts";
import { hidingLinearChecks, mostLinearChecks } from "../../../../offchain/core/zk/check-allowance.ts";
import { linearFactors } from "../../../../offchain/core/zk/linear-check.ts";
import { Prng } from "../../../support/prng.ts";
import { hashOf, signerOf } from "../../../support/sample-receipt.ts";
import { SIMULATED_SEED } from "../../../support/simulated-linear-check.ts";

const dense = (outputs: number, inputs: number, rows = 1): LinearOperator => ({
  op: 0,
  rows: rows * outputs,
  columns: rows * inputs,
  weights: outputs * inputs,
});

describe("allowance of linear checks", () => {
  it("default: floor(n_out / 8) at most, floor(n_out / 64) by default", () => {
    for (const [outputs, most, hiding] of [
      [128, 16, 2],
      [64, 8, 1],
      [63, 7, 0],
      [10, 1, 0],
      [8, 1, 0],
      [7, 0, 0],
    ] as const) {
      expect(mostLinearChecks(dense(outputs, 784)), `${outputs} outputs`).to.equal(most);
      expect(hidingLinearChecks(dense(outputs, 784)), `${outputs} outputs`).to.equal(hiding);
    }
  });

  it("behavior: repeated weights are told sooner: by a batch as many times, by a convolution's pixels at once", () => {
    expect(mostLinearChecks(dense(128, 64, 16))).to.equal(1);
    expect(hidingLinearChecks(dense(128, 64, 16))).to.equal(0);
    // 3 x 3 kernels, 1 to 8 channels, 28 x 28 pixels.
    const conv = { op: 0, rows: 8 * 26 * 26, columns: 28 * 28, weights: 72 };
    expect([mostLinearChecks(conv), hidingLinearChecks(conv)]).to.deep.equal([0, 0]);
  });

  it("attack: an honest client reads two outputs' weights out of one u: why small layers have no checks by default", () => {
    const prng = new Prng(6);
    const column = [prng.int(-127, 127), prng.int(-127, 127)];
    const scope = { modelId: hashOf("model"), stage: 0, client: signerOf(1) };
    const [first = 0n, second = 0n] = linearFactors(SIMULATED_SEED, scope, [dense(2, 1)]);
    const told = mod(first * BigInt(column[0] ?? 0) + second * BigInt(column[1] ?? 0));
    const range = Array.from({ length: 255 }, (_, i) => i - 127);
    const ones = new Map(range.map((weight) => [mod(first * BigInt(weight)), weight]));
    const found = range.flatMap((weight) => {
      const rest = ones.get(mod(told - second * BigInt(weight)));
      return rest === undefined ? [] : [[rest, weight]];
    });
    expect(found).to.deep.equal([column]);
  });
});
