// SPDX-License-Identifier: MIT
import { CANDIDATES } from "./draw.ts";
import { leastSeatStake, mostInsuredByReward, mostInsuredBySampling, mostInsuredByStake } from "./economics.ts";
import {
  EVIDENCE,
  FLAG,
  MAX_SEATS,
  MAX_STAGES,
  SUPPORTED_EVIDENCE,
  type PolicySet,
  type PolicyTerms,
} from "./policy.ts";
import { isAssayError } from "./errors.ts";
import { assertExposure, type Exposure } from "./planning/leakage-limits.ts";
import { PRESETS, type Explanation, type Preset, type PresetName } from "./policy-presets.ts";
import { RuleError } from "./rule-errors.ts";
import { keccakText, type Word } from "./tagged-hash.ts";

/** One row of the table: every condition present must hold. */
export type PolicyRule = {
  readonly criticality: "critical" | "general";
  readonly hideInput?: boolean;
  readonly polynomial?: boolean;
  readonly latency?: "tight";
  readonly cheapest?: boolean;
  /** The insured value must be within what the preset may insure for this job. */
  readonly insurable?: boolean;
  readonly preset: PresetName;
  readonly why: string;
};

/** protocol.md section 8, `resolvePolicy`: first match. */
export const POLICY_RULES: readonly PolicyRule[] = [
  {
    criticality: "critical",
    hideInput: true,
    polynomial: true,
    preset: "critical-cipher",
    why: "Critical, and the input must stay hidden: a polynomial program can run on ciphertexts.",
  },
  {
    criticality: "critical",
    hideInput: true,
    preset: "critical-enclave",
    why: "Critical, and the input must stay hidden from operators: two enclaves and a proof, for the program is not polynomial.",
  },
  {
    criticality: "critical",
    preset: "critical-proof",
    why: "Critical: only a proof convinces without trust in a majority.",
  },
  {
    criticality: "general",
    hideInput: true,
    preset: "general-split",
    why: "The raw input stays at the client, which runs the first stage itself.",
  },
  {
    criticality: "general",
    latency: "tight",
    insurable: true,
    preset: "fast-enclave",
    why: "Nothing is insured and an answer is needed fast: one attested enclave.",
  },
  {
    criticality: "general",
    cheapest: true,
    insurable: true,
    preset: "economy",
    why: "The cheapest evidence that still makes lying unprofitable for this value.",
  },
  {
    criticality: "general",
    insurable: true,
    preset: "general-vote",
    why: "A committee's stake covers this value.",
  },
  { criticality: "general", preset: "critical-proof", why: "The value exceeds what a committee's stake covers." },
];

/** What the requester wants and what the model is. Amounts in wei, times in seconds. */
export type Scenario = {
  readonly criticality: "critical" | "general";
  /** Evidence is the same for every modality; of a multimodal program each branch is a job with its own policy. */
  readonly modality: "tabular" | "image" | "text" | "audio" | "multimodal";
  readonly model: {
    readonly acceptedMasks: number;
    readonly stages: number;
    readonly polynomial: boolean;
    /** 99th percentile of one stage under the resolved evidence: the model's cost in time. */
    readonly p99Seconds: number;
    /** What operators see of a model that keeps stages with its client (`networkExposure`); empty for others. */
    readonly exposure?: Exposure;
  };
  readonly latency: "normal" | "tight";
  readonly cheapest: boolean;
  readonly hideInput: boolean;
  readonly insuredValue: bigint;
  readonly seatReward: bigint;
  /** Take a pool without two escalation rounds; only for uninsured jobs. */
  readonly smallPool?: boolean;
  /** Take boundaries above the leakage limits, as the model's report states them; the request says so on the chain. */
  readonly acceptExposure?: boolean;
};

export type PolicyTable = {
  readonly set: PolicySet & { readonly localOnly: boolean };
  /** Evidence bits the deployment checks; the first step's by default. */
  readonly supported?: number;
};

export type ResolvedPolicy = {
  readonly preset: PresetName;
  readonly policy: PolicyTerms;
  readonly explanation: Explanation & { readonly why: string };
};

/**
 * The policy for a scenario. Pure; the same table's hash is on chain. Errors: NO_POLICY where the required preset cannot
 * run (model, size, value, what its cuts show), NOT_SUPPORTED where the deployment cannot check it, SPEC_INVALID. Never a weaker preset.
 */
export function resolvePolicy(
  scenario: Scenario,
  { set, supported = SUPPORTED_EVIDENCE }: PolicyTable,
): ResolvedPolicy {
  const { model, insuredValue, seatReward } = scenario;
  assertScenario(scenario);
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
  if (scenario.smallPool === true && insuredValue !== 0n)
    throw new RuleError("SPEC_INVALID", { field: "insuredValue", value: insuredValue, least: 0, most: 0 });

  const window = insuredValue === 0n ? preset.windowUninsured : preset.window;
  // 3 x p99 + 30 s (section 10); a development set has no slack.
  const work = Math.ceil(3 * model.p99Seconds) + (set.localOnly ? 0 : 30);
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
      seatStake: BigInt(size.stakePerReward) * seatReward,
      window: window === 0 ? 0 : set.localOnly ? set.minWindow : Math.max(window, set.minWindow),
      tWork: Math.max(work, set.minWork),
      tReveal: set.minReveal,
    },
    explanation: { ...preset.explanation, why: explain(rule, scenario) },
  };
}

/**
 * Hash of the rules and presets behind `resolvePolicy`, without their explanations, as ProtocolParams holds it: keccak256
 * of the UTF-8 bytes of "assay.v1.policy-table" and the table as JSON with sorted keys and without spaces.
 */
export function policyTableHash(): Word {
  const rules = POLICY_RULES.map(({ why: _why, ...rule }) => rule);
  const presets = Object.values(PRESETS).map(({ explanation: _explanation, ...preset }) => preset);
  return keccakText(`assay.v1.policy-table${canonicalJson({ presets, rules })}`);
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
  const { criticality, hideInput, model, latency, cheapest, insuredValue, seatReward } = scenario;
  const preset = PRESETS[rule.preset];
  return (
    rule.criticality === criticality &&
    (rule.hideInput === undefined || rule.hideInput === hideInput) &&
    (rule.polynomial === undefined || rule.polynomial === model.polynomial) &&
    (rule.latency === undefined || rule.latency === latency) &&
    (rule.cheapest === undefined || rule.cheapest === cheapest) &&
    (rule.insurable !== true ||
      preset.sizes.some(({ k }) => insuredValue <= mostInsured(preset, k, model.stages, seatReward)))
  );
}

function seatLimit(preset: Preset): number {
  if ((preset.mask & EVIDENCE.OPTIMISTIC) !== 0) return preset.sizes[0]?.k ?? 0; // one stage
  return (preset.mask & EVIDENCE.VOTE) !== 0 ? MAX_SEATS : CANDIDATES;
}

function assertScenario({ model, insuredValue, seatReward }: Scenario): void {
  const range = (field: string, value: number | bigint, least: number | bigint, most: number | bigint) => {
    if (!(value >= least && value <= most)) throw new RuleError("SPEC_INVALID", { field, value, least, most });
  };
  range("stages", Number.isInteger(model.stages) ? model.stages : -1, 1, MAX_STAGES);
  range("p99Seconds", model.p99Seconds, 0, 86_400);
  range("insuredValue", insuredValue, 0n, UNLIMITED);
  range("seatReward", seatReward, 0n, UNLIMITED);
}

function explain(rule: PolicyRule, { modality }: Scenario): string {
  if (modality !== "multimodal") return rule.why;
  return `${rule.why} Each branch of a multimodal program is a job of its own; the receipt names the weakest.`;
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`)
      .join(",")}}`;
  return JSON.stringify(value);
}
