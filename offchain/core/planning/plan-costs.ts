// SPDX-License-Identifier: MIT
import { KIND_SALTED } from "../types.ts";
import { PlanError } from "./errors.ts";
import { OP_CLASSES, type Candidate, type OpClass, type PlanBoundary, type PlanStage, type Rates } from "./types.ts";

const BILLION = 1_000_000_000n;
const ceilDivide = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** The lower of the two middle values for an even count: a whole number that somebody reported. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;
}

const clampTo = (value: number, middle: number): number =>
  Math.max(1, Math.min(4 * middle, Math.max(value, Math.ceil(middle / 4))));

/**
 * Every rate within [1/4, 4] of the median of the candidates of its class: a record that boasts or sulks moves a plan
 * only so far. Zero becomes 1, so that nothing divides by it.
 */
export function clampRates(candidates: readonly Candidate[]): Rates[] {
  return candidates.map(({ rates }) => {
    const peers = candidates.flatMap((other) => (other.rates.rateClass === rates.rateClass ? [other.rates] : []));
    const clamp = (of: (rates: Rates) => number) => clampTo(of(rates), median(peers.map(of)));
    const psPerMac = Object.fromEntries(
      OP_CLASSES.map((name) => [name, clamp((r) => r.psPerMac[name])]),
    ) as unknown as Record<OpClass, number>;
    return {
      rateClass: rates.rateClass,
      rttNs: clamp((r) => r.rttNs),
      bytesPerSecond: clamp((r) => r.bytesPerSecond),
      psPerMac,
      keccakPsPerByte: clamp((r) => r.keccakPsPerByte),
      poseidonPsPerByte: clamp((r) => r.poseidonPsPerByte),
    };
  });
}

/** Nanoseconds to compute a boundary's digest: SALTED ones take Poseidon, all others a byte hash. */
export function digestNs({ bytes, kind }: PlanBoundary, rates: Rates): bigint {
  const psPerByte = kind === KIND_SALTED ? rates.poseidonPsPerByte : rates.keccakPsPerByte;
  return ceilDivide(BigInt(bytes) * BigInt(psPerByte), 1000n);
}

/** What a run pays once, where it begins: round trip, fetching its inputs, checking their digests. */
export function entryNs({ inputs }: PlanStage, rates: Rates): bigint {
  const bytes = inputs.reduce((sum, input) => sum + BigInt(input.bytes), 0n);
  const transfer = ceilDivide(bytes * BILLION, BigInt(rates.bytesPerSecond));
  return BigInt(rates.rttNs) + transfer + inputs.reduce((sum, input) => sum + digestNs(input, rates), 0n);
}

/** What a stage costs wherever it stands in a run: its arithmetic, and the digest that its claim is about. */
export function stageNs({ macs, output }: PlanStage, rates: Rates): bigint {
  const ps = OP_CLASSES.reduce((sum, name) => sum + BigInt(macs[name]) * BigInt(rates.psPerMac[name]), 0n);
  return ceilDivide(ps, 1000n) + digestNs(output, rates);
}

/** Costs of all stages for one worker as numbers; every sum over the plan stays a safe integer. Error: PLAN_INPUT_INVALID. */
export function workerCosts(stages: readonly PlanStage[], rates: Rates): { entry: number[]; stage: number[] } {
  const entry = stages.map((stage) => entryNs(stage, rates));
  const stage = stages.map((each) => stageNs(each, rates));
  const total = [...entry, ...stage].reduce((sum, value) => sum + value, 0n);
  // The sums of 32 runs, each on another worker, stay safe integers.
  if (total > BigInt(Number.MAX_SAFE_INTEGER) / 32n)
    throw new PlanError("PLAN_INPUT_INVALID", { why: "the stages would take more than three days" });
  return { entry: entry.map(Number), stage: stage.map(Number) };
}
