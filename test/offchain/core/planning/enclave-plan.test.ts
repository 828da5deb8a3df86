// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodePlan } from "../../../../offchain/core/planning/encode-plan.ts";
import { enclavePlanRequest, planEnclaves, plansFailure, replanEnclaves, type CandidateEnclave } from "../../../../offchain/core/planning/enclave-plan.ts"; // prettier-ignore
import { enclaveId } from "../../../../offchain/core/schedule-order.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { expectError } from "../../../support/expect-error.ts";
import { Prng } from "../../../support/prng.ts";
import { scheduledManifest } from "../../../support/tee/scheduled.ts";

const enclave = (n: number, change: Partial<CandidateEnclave> = {}): CandidateEnclave => ({
  workerId: n,
  key: `0x${(0xabc000 + n).toString(16).padStart(40, "0")}`,
  vendor: 2,
  status: 0,
  simulated: false,
  expiry: 5_000,
  ...change,
});
const enclaves = (count: number): CandidateEnclave[] => Array.from({ length: count }, (_, i) => enclave(i + 1));
const request = (list: readonly CandidateEnclave[], stages = 3) =>
  enclavePlanRequest({ jobId: toWord(9), table: scheduledManifest(stages).stages, expiry: 4_000 }, list);
const idOf = (n: number) => enclaveId(enclave(n).key);

describe("R61: plans of enclaves, from what the chain says", () => {
  it("default: no operator has both ends, nor two runs; whatever the order of the candidates, the plan is the same", () => {
    const list = enclaves(8);
    const { plan, planHash } = planEnclaves(request(list));
    expect(plan.runs.map(({ first, last }) => [first, last]).flat()).to.deep.equal([0, 0, 1, 1, 2, 2]);
    expect(new Set(plan.runs.map(({ worker }) => worker)).size).to.equal(3);
    const rng = new Prng(5);
    for (let i = 0; i < 20; i += 1) {
      const shuffled = list.map((one) => ({ one, at: rng.int(0, 1_000_000) })).toSorted((a, b) => a.at - b.at);
      expect(planEnclaves(request(shuffled.map(({ one }) => one))).planHash).to.equal(planHash);
    }
    expect(planEnclaves(request(enclaves(7))).planHash).to.not.equal(planHash);
  });

  it("error: PLAN_INFEASIBLE and PLAN_INPUT_INVALID name what is missing: enclaves, time, firmware, known vendors", () => {
    expectError(() => planEnclaves(request([])), "PLAN_INPUT_INVALID");
    expectError(() => planEnclaves(request([enclave(1)])), "PLAN_INFEASIBLE", { constraint: "noEndToEnd" });
    const short = [enclave(1), enclave(2, { expiry: 3_999 })];
    expectError(() => planEnclaves(request(short, 2)), "PLAN_INFEASIBLE");
    expectError(() => planEnclaves(request([enclave(1), enclave(2, { status: 4 })], 2)), "PLAN_INFEASIBLE");
    expectError(() => planEnclaves(request([enclave(1), enclave(2, { vendor: 9 })], 2)), "PLAN_INFEASIBLE");
    expect(planEnclaves(request([enclave(1), enclave(2, { vendor: 4, status: 7 })], 2)).plan.runs).to.have.lengthOf(2);
  });

  it("behavior: after a death the committed prefix stays, the rest goes to others, and an auditor finds out by whom it must", () => {
    const from = request(enclaves(8));
    const first = planEnclaves(from);
    const dead = first.plan.runs[1]?.worker ?? toWord(0);
    const second = replanEnclaves(from, first.plan, 1, [dead]);
    expect(second.plan.runs[0]).to.deep.equal(first.plan.runs[0]);
    expect(second.plan.runs.some(({ worker }) => worker === dead)).to.equal(false);
    expect(second.plan.runs.at(-1)?.last).to.equal(2);
    const gone = [dead, second.plan.runs[2]?.worker ?? toWord(0)];
    const third = replanEnclaves(from, second.plan, 2, gone);
    const all = [first.bytes, second.bytes, third.bytes];
    for (const count of [1, 2, 3]) expect(plansFailure(from, all.slice(0, count))).to.equal(undefined);
    // Of other facts, in another order, left out, bent or invented.
    const other = replanEnclaves(request(enclaves(7)), first.plan, 1, [dead]);
    const [a, b, c] = second.plan.runs;
    if (a === undefined || b === undefined || c === undefined) throw new TypeError("three runs");
    const bent = encodePlan({
      ...second.plan,
      runs: [a, { ...b, worker: idOf(8) === b.worker ? idOf(7) : idOf(8) }, c],
    });
    for (const plans of [
      [],
      [second.bytes],
      [first.bytes, first.bytes],
      [first.bytes, third.bytes],
      [first.bytes, other.bytes],
      [first.bytes, bent],
      [first.bytes.subarray(1)],
    ])
      // prettier-ignore
      expect(plansFailure(from, plans)).to.be.a("string");
    expect(plansFailure(request(enclaves(7)), all)).to.be.a("string");
    // One enclave takes two stages where no other is left; nobody takes none.
    const small = request(enclaves(3));
    const { plan } = planEnclaves(small);
    const lost = plan.runs.slice(1).map(({ worker }) => worker);
    expect(replanEnclaves(small, plan, 1, lost.slice(1)).plan.runs.map(({ last }) => last)).to.deep.equal([0, 2]);
    expectError(() => replanEnclaves(small, plan, 1, lost), "PLAN_INPUT_INVALID");
  });
});
