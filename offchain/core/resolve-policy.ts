// SPDX-License-Identifier: MIT
import { missingWorkers, type AvailableWorkers } from "./available-workers.ts";
import { CANDIDATES } from "./draw.ts";
import { leastSeatStake, mostInsuredByReward, mostInsuredBySampling, mostInsuredByStake } from "./economics.ts";
import { EVIDENCE, FLAG, MAX_SEATS, SUPPORTED_EVIDENCE, type PolicySet, type PolicyTerms } from "./policy.ts";
import { MAX_STAGES } from "./types.ts";
import { isAssayError } from "./errors.ts";
import { assertExposure, type Exposure } from "./planning/leakage-limits.ts";
import { PRESETS, type Explanation, type Preset, type PresetName } from "./policy-presets.ts";
import { POLICY_RULES, type Criticality, type PolicyRule, type Privacy } from "./policy-rules.ts";
import { RuleError } from "./rule-errors.ts";

/** Evidence is the same for every modality; of a multimodal program each branch is a job with its own policy. */
export type Modality = "tabular" | "image" | "text" | "audio" | "multimodal";

/** What the requester wants, what the model is and who could work. Amounts in wei, times in seconds. */
export type Scenario = {
  readonly criticality: Criticality;
  readonly modality: Modality;
  readonly model: {
    readonly acceptedMasks: number;
    /** On the network: stages at the client are not counted. */
    readonly stages: number;
    readonly polynomial: boolean;
    /** The model's cost in time, 99th percentiles of its slowest stage: run in clear, proven, on ciphertexts. */
    readonly p99Seconds: number;
    readonly proofSeconds?: number | undefined;
    readonly cipherSeconds?: number | undefined;
    /** What operators see of a model that keeps stages with its client (`networkExposure`); empty for others. */
    readonly exposure?: Exposure | undefined;
  };
  /** Until the answer is there, from the request; finality may come a challenge window later. Undefined: any time. */
  readonly latencyBudgetSec?: number | undefined;
  readonly cheapest: boolean;
  readonly privacy: Privacy;
  readonly insuredValue: bigint;
  readonly seatReward: bigint;
  readonly workers: AvailableWorkers;
  /** Take a pool without two escalation rounds; only for uninsured jobs. */
  readonly smallPool?: boolean | undefined;
  /** Take boundaries above the leakage limits, as the model's report states them; the request says so on the chain. */
  readonly acceptExposure?: boolean | undefined;
};

export type PolicyTable = {
  readonly set: PolicySet & { readonly localOnly: boolean };
  /** Evidence bits the deployment checks; the first step's by default. */
  readonly supported?: number | undefined;
  /** Seconds a block; 12 by default, 1 under a development set. */
  readonly blockSec?: number | undefined;
};

export type ResolvedPolicy = {
  readonly preset: PresetName;
  readonly policy: PolicyTerms;
  /** Seconds from the request: expected until the answer, and until nobody can dispute it any more. */
  readonly answerSec: number;
  readonly finalSec: number;
  readonly explanation: Explanation & { readonly why: string };
};

/**
 * The policy for a scenario. Pure; the same table's hash is on chain. Errors, before anything is paid: WISHES_CONTRADICT; NO_POLICY
 * where the required preset cannot run (model, size, value, time, what its cuts show); NO_WORKERS naming what is missing; NOT_SUPPORTED
 * where the deployment cannot check it; SPEC_INVALID. Never a weaker preset.
 */
export function resolvePolicy(
  scenario: Scenario,
  { set, supported = SUPPORTED_EVIDENCE, blockSec = set.localOnly ? 1 : 12 }: PolicyTable,
): ResolvedPolicy {
  const { model, insuredValue, seatReward } = scenario;
  assertScenario(scenario);
  assertConsistent(scenario);
  const rule = POLICY_RULES.find((row) => matches(row, scenario));
  if (rule === undefined) throw new RuleError("NO_POLICY", { preset: "any", why: "no rule matches" });
  const preset = PRESETS[rule.preset];
  const refuse = (why: string) => new RuleError("NO_POLICY", { preset: preset.name, why });

  const exposed = (model.exposure?.length ?? 0) > 0;
  if (preset.name === "general-split" && !exposed) throw refuse("the model keeps no stage with its client");
  const consent = exposed && scenario.acceptExposure === true ? FLAG.ACCEPT_EXPOSURE : 0;
  const excess = exposureFailure(model.exposure ?? [], consent);
  if (excess !== undefined) throw refuse(excess);
  if (((model.acceptedMasks >>> preset.mask) & 1) === 0) throw refuse(`the model does not accept mask ${preset.mask}`);
  if ((preset.mask & ~supported) !== 0) throw new RuleError("NOT_SUPPORTED", { what: preset.name });
  if (set.forceUninsured && insuredValue !== 0n) throw refuse("this parameter set insures nothing");
  const size = preset.sizes.find(({ k }) => insuredValue <= mostInsured(preset, k, model.stages, seatReward));
  if (size === undefined) throw refuse("its stake cannot cover the insured value");
  if (model.stages * size.k > seatLimit(preset)) throw refuse(`${model.stages} stages need too many seats`);

  const seatStake = BigInt(size.stakePerReward) * seatReward;
  const seats = { mask: preset.mask, k: size.k, stages: model.stages, seatStake };
  const missing = missingWorkers({ ...seats, smallPool: scenario.smallPool === true }, scenario.workers);
  if (missing.length > 0) throw new RuleError("NO_WORKERS", { preset: preset.name, missing: missing.join(", ") });
  const answerSec = answerSeconds(preset, model, blockSec);
  const budget = scenario.latencyBudgetSec;
  if (budget !== undefined && answerSec > budget)
    throw refuse(`its answer takes about ${answerSec} s and the latency budget is ${budget} s`);

  const wanted = insuredValue === 0n ? preset.windowUninsured : preset.window;
  const window = wanted === 0 ? 0 : set.localOnly ? set.minWindow : Math.max(wanted, set.minWindow);
  // 3 x p99 + 30 s (section 10); a development set has no slack.
  const work = Math.ceil(3 * stageSeconds(preset, model)) + (set.localOnly ? 0 : 30);
  return {
    preset: preset.name,
    policy: {
      mask: preset.mask,
      k: size.k,
      auditBps: preset.auditBps,
      cls: 0,
      flags:
        (scenario.criticality === "critical" ? FLAG.CRITICAL : 0) |
        (scenario.smallPool === true ? FLAG.SMALL_POOL : 0) |
        consent,
      seatStake,
      window,
      tWork: Math.max(work, set.minWork),
      tReveal: set.minReveal,
    },
    answerSec,
    finalSec: answerSec + window,
    explanation: { ...preset.explanation, why: explain(rule, scenario) },
  };
}

/** Blocks from a request to its answer: one to be in, two until the seats are known, one for the submission. */
const ANSWER_BLOCKS = 4;

/** What the slowest stage takes under a preset's evidence, seconds. */
function stageSeconds({ mask }: Preset, { p99Seconds, proofSeconds, cipherSeconds }: Scenario["model"]): number {
  if ((mask & EVIDENCE.CIPHER) !== 0) return cipherSeconds ?? p99Seconds;
  return (mask & EVIDENCE.PROOF) === 0 ? p99Seconds : p99Seconds + (proofSeconds ?? 0);
}

/** Stages run one after the other; their proofs are made side by side. */
function answerSeconds(preset: Preset, model: Scenario["model"], blockSec: number): number {
  const proven = (preset.mask & EVIDENCE.PROOF) !== 0;
  const work = proven
    ? model.stages * model.p99Seconds + (model.proofSeconds ?? 0)
    : model.stages * stageSeconds(preset, model);
  return Math.ceil(ANSWER_BLOCKS * blockSec + work);
}

/** The most that a preset may insure for a committee size and a number of stages, in wei; the chain may allow less. */
export function mostInsured(preset: Preset, k: number, stages: number, seatReward: bigint): bigint {
  const size = preset.sizes.find((entry) => entry.k === k);
  const stake = BigInt(size?.stakePerReward ?? 0) * seatReward;
  const bounds: bigint[] = preset.insuredTenths < 0 ? [] : [(BigInt(preset.insuredTenths) * seatReward) / 10n];
  if (stake < leastSeatStake(k, seatReward)) return -1n;
  if ((preset.mask & EVIDENCE.PROOF) === 0) {
    if ((preset.mask & EVIDENCE.VOTE) !== 0)
      bounds.push(mostInsuredByStake(k, stake), mostInsuredByReward(k, stages, seatReward));
    if ((preset.mask & EVIDENCE.OPTIMISTIC) !== 0)
      bounds.push(mostInsuredBySampling(preset.auditBps, k, stake, seatReward));
  }
  return bounds.reduce((least, bound) => (bound < least ? bound : least), UNLIMITED);
}

function exposureFailure(exposure: Exposure, flags: number): string | undefined {
  try {
    assertExposure(exposure, flags);
    return undefined;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.message;
  }
}

const UNLIMITED = 2n ** 96n - 1n;

function matches(rule: PolicyRule, scenario: Scenario): boolean {
  const { criticality, privacy, model, latencyBudgetSec, cheapest, insuredValue, seatReward } = scenario;
  const preset = PRESETS[rule.preset];
  return (
    rule.criticality === criticality &&
    (rule.privacy === undefined || rule.privacy.includes(privacy)) &&
    (rule.polynomial === undefined || rule.polynomial === model.polynomial) &&
    (rule.latencyBelowSec === undefined || (latencyBudgetSec ?? Infinity) < rule.latencyBelowSec) &&
    (rule.cheapest === undefined || rule.cheapest === cheapest) &&
    (rule.insurable !== true ||
      preset.sizes.some(({ k }) => insuredValue <= mostInsured(preset, k, model.stages, seatReward)))
  );
}

function seatLimit(preset: Preset): number {
  if ((preset.mask & EVIDENCE.OPTIMISTIC) !== 0) return preset.sizes[0]?.k ?? 0; // one stage
  return (preset.mask & EVIDENCE.VOTE) !== 0 ? MAX_SEATS : CANDIDATES;
}

function assertScenario({ model, insuredValue, seatReward, latencyBudgetSec, workers }: Scenario): void {
  const range = (field: string, value: number | bigint, least: number | bigint, most: number | bigint) => {
    if (!(value >= least && value <= most)) throw new RuleError("SPEC_INVALID", { field, value, least, most });
  };
  range("stages", Number.isInteger(model.stages) ? model.stages : -1, 1, MAX_STAGES);
  range("p99Seconds", model.p99Seconds, 0, DAY_SEC);
  range("proofSeconds", model.proofSeconds ?? 0, 0, DAY_SEC);
  range("cipherSeconds", model.cipherSeconds ?? 0, 0, DAY_SEC);
  range("latencyBudgetSec", latencyBudgetSec ?? 1, 0, 30 * DAY_SEC);
  range("insuredValue", insuredValue, 0n, UNLIMITED);
  range("seatReward", seatReward, 0n, UNLIMITED);
  const counts = [workers.total, workers.proof, workers.cipher, ...Object.values(workers.enclaves)];
  for (const count of counts) range("workers", Number.isInteger(count) ? count : -1, 0, Number.MAX_SAFE_INTEGER);
}

const DAY_SEC = 86_400;

/** Wishes that no policy can meet together, whatever the model and the workers are. Error: WISHES_CONTRADICT. */
function assertConsistent(scenario: Scenario): void {
  const { criticality, cheapest, privacy, acceptExposure, smallPool, insuredValue, latencyBudgetSec, model } = scenario;
  const pairs: readonly (readonly [boolean, string, string])[] = [
    [criticality === "critical" && cheapest, "critical", "cheapest evidence, which is only statistical"],
    [privacy === "sealed" && acceptExposure === true, "a sealed input", "consent to what operators may read of it"],
    [privacy === "sealed" && cheapest, "a sealed input", "cheapest evidence, whose worker reads the input"],
    [insuredValue !== 0n && smallPool === true, "an insured value", "a pool too small to dispute it"],
    [
      latencyBudgetSec !== undefined && latencyBudgetSec < model.p99Seconds,
      `a latency budget of ${latencyBudgetSec} s`,
      `a model whose stage alone takes ${model.p99Seconds} s`,
    ],
  ];
  for (const [isThere, one, other] of pairs) if (isThere) throw new RuleError("WISHES_CONTRADICT", { one, other });
}

function explain(rule: PolicyRule, { modality }: Scenario): string {
  if (modality !== "multimodal") return rule.why;
  return `${rule.why} Each branch of a multimodal program is a job of its own; the receipt names the weakest.`;
}
