// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { planStages } from "../../../../offchain/core/planning/plan-stages.ts";
import type { Candidate, Plan, PlanRequest } from "../../../../offchain/core/planning/types.ts";
import { hasCode } from "../../../../offchain/core/errors.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { enclaveId } from "../../../../offchain/core/schedule-order.ts";
import { enclaveCandidate, enclaveConstraints, type EnclaveNode, type SchedulePolicy } from "../../../../offchain/core/planning/enclave-constraints.ts"; // prettier-ignore
import { MAX_FLEET, planByBeam, planFleet } from "../../../../offchain/engines/tee/schedule/plan-fleet.ts";
import { planReplica, replanSuffix } from "../../../../offchain/core/planning/replan.ts";
import { brutePrimary, keepsRules, type BruteRun } from "../../../support/brute-force-plan.ts";
import { expectError } from "../../../support/expect-error.ts";
import { benchFleet } from "../../../support/tee/bench-fleet.ts";
import {
  planCandidate,
  planChain,
  planRequest,
  planStage,
  planBoundary,
  randomPlanRequest,
} from "../../../support/planning.ts";
import { Prng } from "../../../support/prng.ts";

const isDeep = process.env["ASSAY_DEEP"] === "1";
const DAY = 86_400n;
const POLICY: SchedulePolicy = { deadline: 1_000_000n, now: 900_000n, isCritical: false, minFamilies: 2, simulatedAllowed: false }; // prettier-ignore
const PLATFORMS = ["intel-tdx", "amd-snp", "aws-nitro", "intel-sgx"] as const;
const address = (n: number): `0x${string}` => `0x${n.toString(16).padStart(40, "0")}`;

const node = (n: number, change: Partial<EnclaveNode> = {}): EnclaveNode => ({
  key: address(n),
  operator: toWord(1000 + n),
  platform: PLATFORMS[n % 4] ?? "intel-tdx",
  status: "UpToDate",
  isDenied: false,
  isSimulated: false,
  registered: POLICY.now - 3600n,
  expiry: POLICY.deadline,
  memoryBytes: 1_000_000,
  capabilities: 0,
  hosts: 0xffffffff,
  calibration: planCandidate(n).rates,
  calibratedBy: address(n),
  ...change,
});
const candidates = (nodes: readonly EnclaveNode[], policy = POLICY): Candidate[] =>
  nodes.map((each) => enclaveCandidate(each, policy));
const request = (nodes: readonly EnclaveNode[], stages = 4, policy = POLICY, change: Partial<PlanRequest> = {}) =>
  planRequest({
    stages: planChain(stages, { mode: "ENCLAVE", output: planBoundary({ kind: 1 }) }),
    candidates: candidates(nodes, policy),
    constraints: enclaveConstraints(policy),
    ...change,
  });
const nodes = (count: number, change: Partial<EnclaveNode> = {}) =>
  Array.from({ length: count }, (_, n) => node(n + 1, change));

/** Layers and enclaves of different size and speed; memory binds. */
function fleet(seed: number, layers: number, size: number, minFamilies = 2): PlanRequest {
  const rng = new Prng(seed);
  const stages = Array.from({ length: layers }, (_, stage) =>
    planStage(stage, layers, {
      mode: "ENCLAVE",
      macs: { dense: rng.int(10_000_000, 50_000_000), conv: 0, attention: 0, other: 0, cipher: 0 },
      weightBytes: rng.int(20_000, 100_000),
      output: planBoundary({ bytes: rng.int(5_000, 25_000), kind: 1 }),
    }),
  );
  const all = Array.from({ length: size }, (_, n) => {
    const { rates } = planCandidate(n);
    const calibration = { ...rates, psPerMac: { ...rates.psPerMac, dense: rng.int(60, 300) } };
    return node(n + 1, {
      calibration,
      memoryBytes: rng.int(150_000, 800_000),
      operator: toWord(1000 + rng.int(0, size)),
    });
  });
  const policy = { ...POLICY, minFamilies };
  return planRequest({ stages, candidates: candidates(all, policy), constraints: enclaveConstraints(policy) });
}
const primaryOf = (plan: () => { maxNs: number }): number | null => {
  try {
    return plan().maxNs;
  } catch (error) {
    expect((error as { code?: string }).code).to.equal("PLAN_INFEASIBLE");
    return null;
  }
};

const runsOf = ({ stages, candidates: all }: PlanRequest, { runs }: Plan): BruteRun[] =>
  runs.map(({ first, last, worker }) => {
    const who = all.find(({ id }) => id === worker);
    if (who === undefined) throw new TypeError("a plan names a stranger");
    return { who, stages: stages.filter(({ stage }) => stage >= first && stage <= last) };
  });

/** The plan, or which constraint has none. */
function planned(plan: () => { plan: Plan }): { plan?: Plan; why?: unknown } {
  try {
    return plan();
  } catch (error) {
    if (!hasCode(error, "PLAN_INFEASIBLE")) throw error;
    return { why: error.meta };
  }
}

describe("R61: scheduling over enclaves", () => {
  const usedBy = (nodesOf: readonly EnclaveNode[], policy = POLICY) =>
    planStages(request(nodesOf, 4, policy)).plan.runs.map(({ worker }) => worker);
  const infeasible = (constraint: string, nodesOf: readonly EnclaveNode[], policy = POLICY) =>
    expectError(() => usedBy(nodesOf, policy), "PLAN_INFEASIBLE", { constraint });

  it("default: a plan spreads over vendor families, one run an operator", () => {
    const runs = usedBy(nodes(4));
    expect(runs.length).to.be.least(2);
    expect(runs.every((id) => nodes(4).some(({ key }) => enclaveId(key) === id))).to.equal(true);
  });

  it("error: PLAN_INFEASIBLE names denial, age, claims, simulation, expiry, status, memory, families and operators", () => {
    infeasible("denied", nodes(4, { isDenied: true }));
    infeasible("denied", nodes(4, { registered: POLICY.now - 8n * DAY }));
    infeasible("denied", nodes(4, { registered: POLICY.now - 2n * DAY }), { ...POLICY, isCritical: true });
    infeasible("denied", nodes(4, { registered: POLICY.now + 1n }));
    infeasible("denied", nodes(4, { calibratedBy: address(99) }));
    infeasible("denied", nodes(4, { isSimulated: true }));
    infeasible("expiry", nodes(4, { expiry: POLICY.deadline - 1n }));
    infeasible("status", nodes(4, { status: "OutOfDate" }));
    infeasible("status", nodes(4, { status: "SWHardeningNeeded" }), { ...POLICY, isCritical: true });
    infeasible("memory", nodes(4, { memoryBytes: 1000 }));
    infeasible("families", [node(4), node(3, { platform: "intel-sgx" })]);
    infeasible("families", nodes(4), { ...POLICY, minFamilies: 4 });
    expect(usedBy(nodes(4, { status: "SWHardeningNeeded" })).length).to.be.least(2);
    expect(usedBy(nodes(4, { isSimulated: true }), { ...POLICY, simulatedAllowed: true }).length).to.be.least(2);
    expect(usedBy(nodes(4, { status: "VendorManaged" }), { ...POLICY, isCritical: true }).length).to.be.least(2);
  });

  it("error: PLAN_INFEASIBLE for a private boundary outside enclaves", () => {
    const open = request(nodes(4), 4, POLICY, { stages: planChain(4, { output: planBoundary({ kind: 1 }) }) });
    const outside = open.candidates.map((candidate) => ({ ...candidate, family: 0 }));
    expectError(() => planStages({ ...open, candidates: outside }), "PLAN_INFEASIBLE", { constraint: "enclave" });
  });

  it(`behavior: the primary objective equals brute force on ${isDeep ? 1000 : 100} seeded fleets`, () => {
    let feasible = 0;
    for (let seed = 1; seed <= (isDeep ? 1000 : 100); seed++) {
      const rng = new Prng(seed);
      const each = fleet(seed * 7919, rng.int(1, isDeep ? 7 : 6), rng.int(1, 5), rng.int(1, 2));
      const brute = brutePrimary(each);
      const exact = primaryOf(() => planStages(each));
      expect(exact, `seed ${seed}`).to.equal(brute === null ? null : Number(brute));
      if (brute !== null) feasible++;
    }
    expect(feasible).to.be.greaterThan(isDeep ? 300 : 30);
  }).timeout(300_000);

  it("behavior: shuffled candidates give the same plan hash, few and many", () => {
    for (const size of [9, 40]) {
      const each = fleet(5, 12, size);
      const rng = new Prng(size);
      const { planHash } = planFleet(each);
      for (let i = 0; i < 3; i++) {
        const shuffled = each.candidates.toSorted(() => rng.next() - 2 ** 31);
        expect(planFleet({ ...each, candidates: shuffled }).planHash).to.equal(planHash);
      }
    }
  });

  it("R61: behavior: the beam is within 7 % of exact on every seeded instance, and keeps every rule", function () {
    this.timeout(300_000);
    const gaps: number[] = [];
    for (let seed = 1; seed <= (isDeep ? 1000 : 25); seed++) {
      for (const each of [benchFleet(seed, 10, 12), fleet(seed * 104_729, 10, 12)]) {
        const exact = primaryOf(() => planStages(each));
        if (exact === null) continue;
        const { plan, maxNs } = planByBeam(each);
        expect(keepsRules(runsOf(each, plan), each), `seed ${seed}`).to.equal(true);
        expect(maxNs).to.be.least(exact);
        gaps.push(maxNs / exact - 1);
      }
    }
    expect(gaps).to.have.lengthOf.above(isDeep ? 1000 : 25);
    expect(Math.max(...gaps)).to.be.lessThan(0.07);
  });

  it("behavior: the beam finds a plan wherever there is one, keeps every rule, and names what is in the way as exact does", function () {
    this.timeout(120_000);
    const rng = new Prng(61);
    let [feasible, refused] = [0, 0];
    for (let n = 0; n < (isDeep ? 20_000 : 500); n++) {
      const each = randomPlanRequest(rng, 6, 9);
      const [exact, found] = [planned(() => planStages(each)), planned(() => planByBeam(each))];
      if (exact.plan === undefined || found.plan === undefined) {
        expect(found.why, `request ${n}`).to.deep.equal(exact.why);
        refused++;
        continue;
      }
      expect(keepsRules(runsOf(each, found.plan), each), `request ${n}`).to.equal(true);
      feasible++;
    }
    expect(feasible).to.be.greaterThan(100);
    expect(refused).to.be.greaterThan(100);
  });

  it("behavior: a fleet of 200 is planned, and an impossible one is refused", () => {
    const each = fleet(11, 16, 200);
    const { plan } = planFleet(each);
    expect(plan.runs.at(-1)?.last).to.equal(15);
    expect(keepsRules(runsOf(each, plan), each)).to.equal(true);
    const wide = benchFleet(3, 32, 40);
    const spread = planFleet(wide);
    // Twelve is no limit any more, and no run does a third more than the mean of all.
    expect(spread.plan.runs).to.have.lengthOf.above(12);
    expect(spread.maxNs).to.be.lessThan((spread.totalNs / spread.plan.runs.length) * 1.33);
    const none = each.candidates.map((candidate) => ({ ...candidate, isDenied: true }));
    expectError(() => planFleet({ ...each, candidates: none }), "PLAN_INFEASIBLE", { constraint: "denied" });
    expectError(() => planFleet(fleet(11, 4, MAX_FLEET + 1)), "PLAN_INPUT_INVALID");
    expectError(() => planFleet({ ...each, candidates: [] }), "PLAN_INPUT_INVALID");
  });

  it("behavior: after a death the committed prefix stays and the suffix goes to others", () => {
    const each = request(nodes(6, { memoryBytes: 30_000 }), 6);
    const { plan } = planStages(each);
    expect(plan.runs.length).to.be.least(3);
    const [done, broken] = plan.runs;
    if (done === undefined || broken === undefined) expect.fail("too few runs");
    const again = replanSuffix(each, plan, broken.first, [broken.worker]);
    expect(again.plan.runs[0]?.first).to.equal(broken.first);
    expect(again.plan.runs.at(-1)?.last).to.equal(5);
    const workers = again.plan.runs.map(({ worker }) => worker);
    expect(workers).to.not.include(broken.worker);
    expect(workers).to.not.include(done.worker);
    const everyone = plan.runs.map(({ worker }) => worker);
    expectError(
      () => replanSuffix(each, plan, 0, [...everyone, ...each.candidates.map(({ id }) => id)]),
      "PLAN_INPUT_INVALID",
    );
  });

  it("behavior: the prefix's operator at the input may not get the output", () => {
    const pair = nodes(4, { memoryBytes: 45_000 }).map((each, i) => ({ ...each, operator: toWord(i < 2 ? 1 : 2 + i) }));
    const each = { ...request(pair, 6, { ...POLICY, minFamilies: 1 }) };
    const { plan } = planStages({ ...each, constraints: { ...each.constraints, operatorOnce: false } });
    const first = plan.runs[0];
    if (first === undefined) expect.fail("no run");
    const next = first.last + 1;
    const again = replanSuffix(each, plan, next, []);
    const operatorOf = (id: string) => each.candidates.find((candidate) => candidate.id === id)?.operator;
    expect(operatorOf(again.plan.runs.at(-1)?.worker ?? "")).to.not.equal(operatorOf(first.worker));
  });

  it("R62: a critical replica shares no operator, and no stage's vendor family, with the first copy", () => {
    const each = request(nodes(8));
    const { plan } = planStages(each);
    const replica = planReplica(each, plan).plan;
    const who = (id: string) => each.candidates.find((candidate) => candidate.id === id);
    const at = (of: typeof plan, stage: number) =>
      who(of.runs.find(({ first, last }) => stage >= first && stage <= last)?.worker ?? "");
    for (let stage = 0; stage < 4; stage++) {
      expect(at(plan, stage)?.family).to.not.equal(at(replica, stage)?.family);
      for (const { worker } of replica.runs) expect(who(worker)?.operator).to.not.equal(at(plan, stage)?.operator);
    }
    const intel = request(nodes(8, { platform: "intel-tdx" }), 4, { ...POLICY, minFamilies: 1 });
    expectError(() => planReplica(intel, planStages(intel).plan), "PLAN_INFEASIBLE");
  });
});
