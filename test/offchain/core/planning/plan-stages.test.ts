// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { toHex } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { decodePlan, encodePlan } from "../../../../offchain/core/planning/encode-plan.ts";
import { planStages } from "../../../../offchain/core/planning/plan-stages.ts";
import { NOTHING_HELD, type Candidate, type PlanRequest } from "../../../../offchain/core/planning/types.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { brutePrimary, bruteRunNs, keepsRules } from "../../../support/brute-force-plan.ts";
import { expectCode } from "../../../support/expect-code.ts";
import {
  planBoundary,
  planCandidate,
  planChain,
  planConstraints,
  planRequest,
  planStage,
  randomPlanRequest,
} from "../../../support/planning.ts";
import { Prng } from "../../../support/prng.ts";

const deep = process.env["ASSAY_DEEP"] === "1";
const PLANS = new URL("../../../fixtures/vectors/plans.json", import.meta.url);

interface PlanVector {
  readonly name: string;
  readonly request: PlanRequest;
  readonly bytes: string;
  readonly planHash: string;
}

/** The plan's runs with stages and workers, for the rules of the brute force. */
function runsOf(request: PlanRequest) {
  return planStages(request).plan.runs.map(({ first, last, worker, plannedNs }) => {
    const who = request.candidates.find(({ id }) => id === worker);
    if (who === undefined) throw new TypeError("a plan names a stranger");
    return { plannedNs, who, stages: request.stages.filter(({ stage }) => stage >= first && stage <= last) };
  });
}

async function expectBlocked(constraint: string, where: string, change: Partial<PlanRequest>): Promise<void> {
  const error = await expectCode("PLAN_INFEASIBLE", () => planStages(planRequest(change)));
  expect(isAssayError(error) && error.meta).to.deep.equal({ constraint, where });
}

const each = (count: number, change: Partial<Candidate>) =>
  Array.from({ length: count }, (_, id) => planCandidate(id + 1, change));

describe("planStages", () => {
  it("R48: default: has brute force's primary objective, and keeps every rule, on random requests", function () {
    this.timeout(120_000);
    const rng = new Prng(48);
    let [feasible, infeasible] = [0, 0];
    for (let n = 0; n < (deep ? 20_000 : 2600); n++) {
      const request = randomPlanRequest(rng, 5, 6);
      const best = brutePrimary(request);
      if (best === null) {
        infeasible++;
        expect(() => planStages(request), `request ${n}`).to.throw();
        continue;
      }
      feasible++;
      const planned = planStages(request);
      expect(BigInt(request.objective === "latency" ? planned.totalNs : planned.maxNs), `request ${n}`).to.equal(best);
      const runs = runsOf(request);
      expect(keepsRules(runs, request), `rules of request ${n}`).to.equal(true);
      for (const { plannedNs, who, stages } of runs)
        expect(BigInt(plannedNs)).to.equal(bruteRunNs(stages, who, request.candidates));
      expect(runs.flatMap(({ stages }) => stages.map(({ stage }) => stage))).to.deep.equal(
        request.stages.map(({ stage }) => stage),
      );
    }
    expect(feasible).to.be.at.least(500);
    expect(infeasible).to.be.at.least(500);
  });

  it("R48: default: gives the bytes of the golden vectors", () => {
    const vectors = JSON.parse(readFileSync(PLANS, "utf8")) as readonly PlanVector[];
    expect(vectors.length).to.be.at.least(12);
    for (const { name, request, bytes, planHash } of vectors) {
      const planned = planStages(request);
      expect(toHex(planned.bytes), name).to.equal(bytes);
      expect(planned.planHash, name).to.equal(planHash);
    }
  });

  it("behavior: the order of the candidates does not matter; any fact about one does", () => {
    const rng = new Prng(7);
    const request = planRequest({ candidates: [5, 2, 9, 4, 7].map((id) => planCandidate(id)) });
    const { planHash } = planStages(request);
    for (let n = 0; n < 20; n++) {
      const candidates = request.candidates.toSorted(() => rng.int(-1, 1));
      expect(planStages({ ...request, candidates }).planHash).to.equal(planHash);
    }
    const [first, ...others] = request.candidates;
    if (first === undefined) throw new TypeError("no candidate");
    const changes: Partial<Candidate>[] = [
      { memoryBytes: first.memoryBytes + 1 },
      { rates: { ...first.rates, rttNs: first.rates.rttNs + 1 } },
      { expiry: first.expiry + 1 },
      { limits: { maxRecoveryPpm: 1, maxDcorPpm: 1 } },
    ];
    for (const change of changes)
      expect(planStages({ ...request, candidates: [{ ...first, ...change }, ...others] }).planHash).to.not.equal(
        planHash,
      );
    expect(planStages({ ...request, jobId: toWord(78) }).planHash).to.not.equal(planHash);
    expect(planStages({ ...request, objective: "latency" }).planHash).to.not.equal(planHash);
  });

  it("behavior: equal workers are taken in the order of their ids, and latency takes as few as it may", () => {
    const candidates = each(4, {});
    const throughput = planStages(planRequest({ candidates })).plan.runs;
    expect(throughput.map(({ worker }) => worker)).to.deep.equal([1, 2, 3, 4].map(toWord));
    const latency = planStages(planRequest({ candidates, objective: "latency" })).plan.runs;
    expect(latency.map(({ worker }) => worker)).to.deep.equal([1, 2].map(toWord));
  });

  it("behavior: a record that boasts moves no further than a quarter of the median", () => {
    const honest = planCandidate(1).rates;
    const boaster = planCandidate(9, {
      rates: { ...honest, rttNs: 0, bytesPerSecond: 2 ** 50, psPerMac: { ...honest.psPerMac, dense: 0 } },
    });
    const { plan } = planStages(
      planRequest({ stages: planChain(2), candidates: [...each(2, {}), boaster], objective: "latency" }),
    );
    const run = plan.runs.find(({ worker }) => worker === boaster.id);
    // A quarter of 1 ms round trip, a quarter of 25 ns/kMAC.
    expect(run?.plannedNs).to.be.at.least(250_000 + 25_000);
  });

  it("behavior: branches of a DAG share the set of workers, and no run joins two", () => {
    const stages = [
      planStage(0, 3),
      planStage(1, 3, { producers: [0xffff], isFirst: true }),
      planStage(2, 3, { producers: [0, 1], inputs: [planBoundary(), planBoundary()] }),
    ];
    const { runs } = planStages(planRequest({ stages, candidates: each(5, {}), objective: "latency" })).plan;
    expect(runs.map(({ first, last }) => [first, last])).to.deep.equal([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    expect(new Set(runs.map(({ worker }) => worker)).size).to.equal(3);
  });

  it("R50: behavior: operators of the two lanes of a MASKED stage never meet, standbys and re-plans included", () => {
    const rng = new Prng(50);
    const lanes = (stage: number) => ({
      producers: [0xffff],
      mode: "MASKED" as const,
      lane: (stage + 1) as 1 | 2,
      isFirst: true,
    });
    const stages = [planStage(0, 3, lanes(0)), planStage(1, 3, lanes(1)), planStage(2, 3, { producers: [0xffff] })];
    let plans = 0;
    for (let job = 0; job < 60; job++) {
      const seen = { laneA: new Set<`0x${string}`>(), laneB: new Set<`0x${string}`>() };
      for (let attempt = 0; attempt < 5; attempt++) {
        const candidates = Array.from({ length: 6 }, () => planCandidate(rng.int(1, 30))).filter(
          ({ id }, index, all) => all.findIndex((other) => other.id === id) === index,
        );
        const shared = candidates.map((c) => ({ ...c, operator: toWord(Number(BigInt(c.id) % 8n)) }));
        const held = { ...NOTHING_HELD, laneA: [...seen.laneA], laneB: [...seen.laneB] };
        let runs;
        try {
          runs = runsOf(planRequest({ stages, candidates: shared, constraints: planConstraints({ held }) }));
        } catch (error) {
          expect(isAssayError(error) && error.code).to.equal("PLAN_INFEASIBLE");
          continue;
        }
        plans++;
        for (const run of runs) {
          if (run.stages[0]?.lane === 1) seen.laneA.add(run.who.operator);
          if (run.stages[0]?.lane === 2) seen.laneB.add(run.who.operator);
        }
        expect([...seen.laneA].filter((operator) => seen.laneB.has(operator))).to.deep.equal([]);
      }
    }
    expect(plans).to.be.at.least(60);
  });

  it("behavior: plan bytes are read back, and only canonical ones", async () => {
    const { plan, bytes } = planStages(planRequest());
    expect(decodePlan(bytes)).to.deep.equal(plan);
    for (let length = 0; length < bytes.length; length++)
      await expectCode("PLAN_MALFORMED", () => decodePlan(bytes.subarray(0, length)));
    await expectCode("PLAN_MALFORMED", () => decodePlan(Uint8Array.of(...bytes, 0)));
    await expectCode("PLAN_MALFORMED", () => decodePlan(Uint8Array.of(2, ...bytes.subarray(1))));
    const [run] = plan.runs;
    if (run === undefined) throw new TypeError("no run");
    const backwards = encodePlan({ ...plan, runs: [{ ...run, first: 3, last: 2 }] });
    await expectCode("PLAN_MALFORMED", () => decodePlan(backwards));
  });

  it("error: PLAN_INFEASIBLE names each constraint that alone stands in the way", async () => {
    const all = "the plan as a whole";
    const private1 = planChain(4).map((stage) => (stage.stage === 1 ? { ...stage, mode: "ENCLAVE" as const } : stage));
    await expectBlocked("denied", "stage 0", { candidates: each(4, { isDenied: true }) });
    await expectBlocked("expiry", "stage 0", { candidates: each(4, { expiry: 999 }) });
    await expectBlocked("status", "stage 0", {
      candidates: each(4, { status: 3 }),
      constraints: planConstraints({ maxStatus: 2 }),
    });
    await expectBlocked("capability", "stage 3", { candidates: each(4, { hosts: 7 }) });
    await expectBlocked("capability", "stage 0", { stages: planChain(4, { demands: 4 }) });
    await expectBlocked("family", "stage 0", {
      stages: planChain(4, { excludedFamilies: [1] }),
      candidates: each(4, { family: 1 }),
    });
    await expectBlocked("enclave", "stage 1", { stages: private1 });
    await expectBlocked("enclave", "stage 0", { constraints: planConstraints({ enclaveForPrivate: true }) });
    await expectBlocked("leakage", "stage 0", {
      stages: planChain(4, { mode: "SPLIT", output: planBoundary({ leakage: null }) }),
    });
    await expectBlocked("leakage", "stage 0", {
      stages: planChain(4, {
        mode: "SPLIT",
        inputs: [planBoundary({ leakage: { recoveryPpm: 400_001, dcorPpm: 0 } })],
      }),
    });
    await expectBlocked("memory", "stage 0", { candidates: each(4, { memoryBytes: 13_999 }) });
    const same = [1, 2].map((id) => planCandidate(id, { operator: toWord(5) }));
    await expectBlocked("noEndToEnd", all, { candidates: same });
    await expectBlocked("operatorOnce", all, {
      candidates: each(2, { operator: toWord(5) }),
      constraints: planConstraints({ noEndToEnd: false, operatorOnce: true }),
      stages: [planStage(0, 2), planStage(1, 2, { producers: [0xffff], isFirst: true })],
    });
    await expectBlocked("families", all, {
      candidates: each(4, { family: 2 }),
      constraints: planConstraints({ minFamilies: 2 }),
    });
    const lanes = [1, 2].map((lane, stage) =>
      planStage(stage, 9, { producers: [0xffff], mode: "MASKED", lane: lane as 1 | 2 }),
    );
    await expectBlocked("lanes", all, { stages: lanes, candidates: same });
    const held = { ...NOTHING_HELD, laneB: [toWord(5)] };
    await expectBlocked("lanes", "stage 0", {
      stages: lanes,
      candidates: same,
      constraints: planConstraints({ held }),
    });
    const last = { ...NOTHING_HELD, first: [toWord(5)] };
    await expectBlocked("noEndToEnd", "stage 3", { candidates: same, constraints: planConstraints({ held: last }) });
    await expectBlocked("workers", all, { candidates: each(2, { memoryBytes: 14_000 }) });
  });

  it("error: PLAN_INPUT_INVALID for what is not a request in whole numbers", async () => {
    const bad: Partial<PlanRequest>[] = [
      { stages: [] },
      { stages: planChain(33) },
      { candidates: [] },
      { candidates: each(13, {}) },
      { candidates: [planCandidate(1), planCandidate(1)] },
      { stages: planChain(3).toReversed() },
      { stages: planChain(3, { weightBytes: 1.5 }) },
      { stages: planChain(3, { peakActivationBytes: -1 }) },
      { stages: planChain(3, { producers: [] }) },
      { stages: planChain(3, { output: planBoundary({ kind: 7 as 0 }) }) },
      { stages: planChain(3, { macs: { dense: 2 ** 52, conv: 0, attention: 0, other: 0, cipher: 0 } }) },
      { candidates: each(2, { id: `0x${"AB".repeat(32)}` }) },
      { candidates: each(2, { family: 256 }) },
      { candidates: each(2, { expiry: Number.NaN }) },
      { jobId: "0x12" },
    ];
    for (const change of bad) await expectCode("PLAN_INPUT_INVALID", () => planStages(planRequest(change)));
  });
});
