// SPDX-License-Identifier: GPL-3.0-or-later
import type { Candidate, OpClass, PlanBoundary, PlanRequest, PlanStage } from "../../offchain/core/planning/types.ts";

// Written from split.md §3 alone, sharing no code with the planner: every split into runs, every choice of workers.

const CLASSES: readonly OpClass[] = ["dense", "conv", "attention", "other", "cipher"];
const up = (a: bigint, b: bigint) => (a % b === 0n ? a / b : a / b + 1n);

function clamped(of: (candidate: Candidate) => number, who: Candidate, all: readonly Candidate[]): bigint {
  const sorted = all
    .filter((c) => c.rates.rateClass === who.rates.rateClass)
    .map(of)
    .toSorted((a, b) => a - b);
  const middle = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  const low = Math.max(of(who), Math.ceil(middle / 4));
  return BigInt(Math.max(1, Math.min(low, 4 * middle)));
}

/** Nanoseconds of one run. */
export function bruteRunNs(run: readonly PlanStage[], who: Candidate, all: readonly Candidate[]): bigint {
  const rate = (of: (candidate: Candidate) => number) => clamped(of, who, all);
  const digest = ({ bytes, kind }: PlanBoundary) =>
    up(BigInt(bytes) * rate((c) => (kind === 1 ? c.rates.poseidonPsPerByte : c.rates.keccakPsPerByte)), 1000n);
  const inputs = run[0]?.inputs ?? [];
  let time = rate((c) => c.rates.rttNs);
  time += up(
    inputs.reduce((sum, { bytes }) => sum + BigInt(bytes), 0n) * 10n ** 9n,
    rate((c) => c.rates.bytesPerSecond),
  );
  for (const input of inputs) time += digest(input);
  for (const stage of run) {
    const ps = CLASSES.map((name) => BigInt(stage.macs[name]) * rate((c) => c.rates.psPerMac[name]));
    time +=
      up(
        ps.reduce((sum, value) => sum + value, 0n),
        1000n,
      ) + digest(stage.output);
  }
  return time;
}

export interface BruteRun {
  readonly stages: readonly PlanStage[];
  readonly who: Candidate;
}

/** Whether a complete plan keeps every rule. */
export function keepsRules(runs: readonly BruteRun[], { constraints, stages }: PlanRequest): boolean {
  const { held, limits: common } = constraints;
  if (new Set(runs.map(({ who }) => who.id)).size !== runs.length) return false;
  const once = constraints.operatorOnce || stages.some(({ lane }) => lane !== 0);
  if (once && new Set(runs.map(({ who }) => who.operator)).size !== runs.length) return false;
  const families = new Set([...held.families, ...runs.map(({ who }) => who.family)].filter((f) => f > 0));
  if (families.size < constraints.minFamilies) return false;
  const operatorsOf = (test: (stage: PlanStage) => boolean, before: readonly string[]) => [
    ...before,
    ...runs.filter((run) => run.stages.some(test)).map(({ who }) => who.operator),
  ];
  const disjoint = (a: readonly string[], b: readonly string[]) => !a.some((operator) => b.includes(operator));
  if (constraints.noEndToEnd) {
    // What is held already is the caller's affair; what is new must not complete a pair.
    const newFirst = operatorsOf((s) => s.isFirst, []);
    const newLast = operatorsOf((s) => s.isLast, []);
    if (!disjoint(newFirst, [...newLast, ...held.last]) || !disjoint(newLast, held.first)) return false;
  }
  const [laneA, laneB] = [operatorsOf((s) => s.lane === 1, []), operatorsOf((s) => s.lane === 2, [])];
  if (!disjoint(laneA, [...laneB, ...held.laneB]) || !disjoint(laneB, held.laneA)) return false;
  return runs.every(({ stages: run, who }) => {
    const bytes =
      run.reduce((sum, s) => sum + s.weightBytes, 0) + 2 * Math.max(...run.map((s) => s.peakActivationBytes));
    if (bytes > who.memoryBytes || who.isDenied || who.expiry < constraints.deadline) return false;
    if (who.status > constraints.maxStatus) return false;
    return run.every((stage, index) => {
      const before = run[index - 1];
      if (before !== undefined && (stage.producers.join() !== String(before.stage) || stage.lane !== before.lane))
        return false;
      if (Math.floor(who.hosts / 2 ** stage.stage) % 2 !== 1) return false;
      if ((who.capabilities & stage.demands) !== stage.demands) return false;
      if (who.family > 0 && stage.excludedFamilies.includes(who.family)) return false;
      const ends = [...stage.inputs, stage.output];
      if (who.family === 0 && stage.mode === "ENCLAVE") return false;
      if (who.family === 0 && constraints.enclaveForPrivate && ends.some(({ kind }) => kind === 1 || kind === 2))
        return false;
      const limits = who.limits ?? common;
      return (
        stage.mode !== "SPLIT" ||
        ends.every(
          ({ leakage }) =>
            leakage !== null && leakage.recoveryPpm <= limits.maxRecoveryPpm && leakage.dcorPpm <= limits.maxDcorPpm,
        )
      );
    });
  });
}

/** The best primary objective over every plan, or null if no plan keeps the rules. */
export function brutePrimary(request: PlanRequest): bigint | null {
  const { stages, candidates, objective } = request;
  let best: bigint | null = null;
  const extend = (from: number, runs: readonly BruteRun[]): void => {
    if (from === stages.length) {
      if (!keepsRules(runs, request)) return;
      const times = runs.map((run) => bruteRunNs(run.stages, run.who, candidates));
      const value = times.reduce((a, b) => (objective === "latency" ? a + b : a > b ? a : b), 0n);
      if (best === null || value < best) best = value;
      return;
    }
    for (let end = from + 1; end <= stages.length; end++) {
      for (const who of candidates) {
        if (runs.some((run) => run.who === who)) continue;
        extend(end, [...runs, { stages: stages.slice(from, end), who }]);
      }
    }
  };
  extend(0, []);
  return best;
}
