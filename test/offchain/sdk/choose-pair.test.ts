// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { choosePair, lackOfPair, type PairCandidate } from "../../../offchain/sdk/choose-pair.ts";
import type { EnclaveFamily } from "../../../offchain/sdk/find-enclaves.ts";

const one = (workerId: number, family: EnclaveFamily, able = true, load = 0): PairCandidate => ({
  workerId,
  enclave: { family },
  able,
  load,
});
const ids = (pair: ReturnType<typeof choosePair>) =>
  pair === undefined ? undefined : [pair.prover.workerId, pair.second?.workerId];

describe("R62: whom a critical stage is given to", () => {
  it("R62: default: two workers of two families, one Intel's; the least busy that can prove proves", () => {
    expect(ids(choosePair([one(1, "intel"), one(2, "amd")], 2))).to.deep.equal([1, 2]);
    expect(ids(choosePair([one(1, "intel", false), one(2, "amd")], 2))).to.deep.equal([2, 1]);
    expect(ids(choosePair([one(1, "intel", true, 3), one(2, "amd", true, 1)], 2))).to.deep.equal([2, 1]);
    expect(ids(choosePair([one(1, "amd"), one(2, "aws"), one(3, "intel")], 2))).to.deep.equal([1, 3]);
    expect(ids(choosePair([one(1, "amd"), one(2, "intel")], 1))).to.deep.equal([2, undefined]);
  });

  it("R62: error: nobody twice, no family twice, attesters' word never alone, and no pair without a prover", () => {
    for (const [k, candidates] of [
      [2, []],
      [2, [one(1, "intel")]],
      [2, [one(1, "intel"), one(1, "amd")]],
      [2, [one(1, "intel"), one(2, "intel"), one(3, "intel")]],
      [2, [one(1, "amd"), one(2, "aws")]],
      [2, [one(1, "intel", false), one(2, "amd", false)]],
      [1, [one(1, "amd"), one(2, "aws")]],
      [1, [one(1, "intel", false)]],
    ] as const)
      expect(choosePair(candidates, k), JSON.stringify(candidates)).to.equal(undefined);
  });

  it("R62: behavior: says what candidates lack, whether they can prove or not", () => {
    expect(lackOfPair([], 2)).to.match(/has an enclave/);
    expect(lackOfPair([one(1, "aws"), one(2, "amd")], 2)).to.match(/Intel's beside those of amd and aws/);
    expect(lackOfPair([one(1, "intel"), one(2, "intel")], 2)).to.match(/one vendor's family, intel/);
    expect(lackOfPair([one(1, "intel")], 1)).to.equal(undefined);
    expect(lackOfPair([one(1, "intel", false), one(2, "amd", false)], 2)).to.equal(undefined);
  });

  it("R61: behavior: who is left keeps its part, where a pair can be made with it", () => {
    const all = [one(1, "intel"), one(2, "amd"), one(3, "intel"), one(4, "aws")];
    const [, second, prover] = all;
    expect(ids(choosePair(all, 2, { prover }))).to.deep.equal([3, 2]);
    expect(ids(choosePair(all, 2, { second: all[3] }))).to.deep.equal([1, 4]);
    // Though the least busy prover is of its own family.
    const idle = [one(6, "amd"), one(7, "intel", true, 2), one(8, "amd", false)];
    expect(ids(choosePair(idle, 2, { second: idle[2] }))).to.deep.equal([7, 8]);
    // Another Intel enclave cannot second an Intel prover.
    expect(ids(choosePair(all, 2, { prover, second: all[0] }))).to.deep.equal([3, 2]);
    // One that is busy with this very job still proves it.
    const busy = one(5, "intel", false, 1);
    expect(ids(choosePair([...all, busy], 2, { prover: busy, second }))).to.deep.equal([5, 2]);
    // Who is not among the candidates any more is gone.
    expect(ids(choosePair(all, 2, { prover: busy }))).to.deep.equal([1, 2]);
  });
});
