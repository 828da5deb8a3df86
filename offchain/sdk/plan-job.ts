// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import { batchFlags } from "../core/batch.ts";
import { checkPolicy, EVIDENCE, FLAG, longestJob } from "../core/policy.ts";
import { assertExposure, type Exposure } from "../core/planning/leakage-limits.ts";
import type { Preset, PresetName } from "../core/policy-presets.ts";
import { PRESETS } from "../core/policy-presets.ts";
import { policyTableHash } from "../core/policy-rules.ts";
import { assertNotWeaker } from "../core/policy-strength.ts";
import { isPaired } from "../core/replay-record.ts";
import { resolvePolicy, type ResolvedPolicy, type Scenario } from "../core/resolve-policy.ts";
import { CIPHER, CLASS_T, VOTE, ZERO_ADDRESS, type Policy, type Spec } from "../core/types.ts";
import { SdkError } from "./errors.ts";
import type { Market } from "./read-market.ts";

/** A scenario's wishes; model, prices and workers are the market's. */
export interface ScenarioWishes {
  readonly criticality: Scenario["criticality"];
  readonly privacy?: Scenario["privacy"] | undefined;
  readonly modality?: Scenario["modality"] | undefined;
  readonly cheapest?: boolean | undefined;
  readonly latencyBudgetSec?: number | undefined;
  /** The model's 99th percentiles a stage, as workers advertise them; without them only the chain's own time counts. */
  readonly cost?: Pick<Scenario["model"], "p99Seconds" | "proofSeconds" | "cipherSeconds"> | undefined;
}

/** What a requester may choose about a job; everything has a default. Amounts in token base units, times in seconds. */
export interface JobWishes {
  /** `general-vote` by default, `general-split` where the model keeps stages with its client; the deployment must have adapters for it. */
  readonly preset?: PresetName | undefined;
  /** What the job is for: the rules choose the preset, and a preset or policy beside it must not be weaker. */
  readonly scenario?: ScenarioWishes | undefined;
  /** Of critical scenarios: the requester's consent, in its own transaction, to evidence that proves less. The chain tells of it. */
  readonly acceptDowngrade?: boolean | undefined;
  /** Single policy numbers, for who knows why. */
  readonly policy?: Partial<Policy> | undefined;
  readonly seatReward?: bigint | undefined;
  readonly pokeFee?: bigint | undefined;
  /** What a wrong answer may cost; the committee's stake must cover it. 0 by default. */
  readonly insuredValue?: bigint | undefined;
  /** Unix seconds; the longest life that the parameter set allows by default. */
  readonly expiry?: number | undefined;
  /** Parameter set; 0 (development) on chain 31337, else 1. */
  readonly paramsVersion?: number | undefined;
  readonly ticketClass?: number | undefined;
  /** Of general-vote: seats whose workers stay away are filled again, once a stage, instead of ending the job. */
  readonly standbys?: boolean | undefined;
  /** Of models with client stages: accepts boundaries above the leakage limits, on the chain, as the model's report states them. */
  readonly acceptExposure?: boolean | undefined;
  readonly callback?: Address | undefined;
  readonly callbackGas?: number | undefined;
  /** Who seals the input and signs client stages; the requester by default. */
  readonly client?: Address | undefined;
}

export interface PlannedJob {
  readonly spec: Spec;
  /** What `request` will take from the free balance. */
  readonly escrow: bigint;
  /** Escalations that the pool can seat. */
  readonly rounds: number;
  /** What the scenario resolved to; null without one. */
  readonly resolved: ResolvedPolicy | null;
}

/** Blocks may come between reading the chain's time and mining the request. */
const EXPIRY_SLACK_SEC = 60;

export const defaultParamsVersion = (chainId: number): number => (chainId === 31337 ? 0 : 1);

/**
 * Builds the spec and checks everything that `request` will check, before anything is paid.
 * Errors: NOT_SUPPORTED; LEAKAGE_ABOVE_LIMIT, LEAKAGE_UNKNOWN; the policy rules' POLICY_UNSAFE (naming the inequality), SPEC_INVALID, POOL_TOO_SMALL,
 * CRITICAL_NEEDS_CONSENT; of scenarios also NO_POLICY, NO_WORKERS, WISHES_CONTRADICT, POLICY_WEAKER and POLICY_TABLE_DIFFERS.
 */
export function planJob(
  wishes: JobWishes,
  market: Market,
  job: Pick<Spec, "modelId" | "inDigest" | "inputRef" | "client" | "resultKey" | "paramsVersion"> & {
    /** Of a batch; undefined for a single input. */
    readonly inputs?: number | undefined;
    /** Whether the input is the join of other jobs' results. */
    readonly joins?: boolean | undefined;
    /** Whether the model keeps stages with its client. */
    readonly isSplit?: boolean | undefined;
    /** What the network's operators will see; undefined in a quote that does not ask. */
    readonly exposure?: Exposure | undefined;
  },
): PlannedJob {
  const inputs = job.inputs ?? 0;
  const insuredValue = wishes.insuredValue ?? 0n;
  const resolved = resolveScenario(wishes, market, { inputs, exposure: job.exposure });
  const byModel = job.isSplit === true ? "general-split" : "general-vote";
  const preset = PRESETS[wishes.preset ?? resolved?.preset ?? byModel];
  if (preset.name === "general-split" && job.isSplit !== true)
    throw new SdkError("NOT_SUPPORTED", { what: "general-split of a model that keeps no stage with its client" });
  if ((preset.mask & ~market.supported) !== 0) throw new SdkError("NOT_SUPPORTED", { what: `preset ${preset.name}` });
  const size =
    preset.sizes.find(({ k }) => preset.name === resolved?.preset && k === resolved.policy.k) ?? preset.sizes[0];
  if (size === undefined) throw new SdkError("NOT_SUPPORTED", { what: `preset ${preset.name}` });
  if (inputs > 0 && isEncrypted(preset))
    throw new SdkError("NOT_SUPPORTED", { what: "a batch of ciphertexts: one carries many samples" });
  const seatReward = wishes.seatReward ?? defaultReward(market, size.stakePerReward, inputs);
  const wanted = insuredValue === 0n ? preset.windowUninsured : preset.window;
  const { set } = market;
  const window = wanted === 0 ? 0 : set.localOnly ? set.minWindow : Math.max(wanted, set.minWindow);
  // Samples are of one stage: enclaves that share a program are not audited.
  const isShared = preset.name === "fast-enclave" && market.model.stages > 1;
  const terms: Policy = {
    mask: isShared ? EVIDENCE.ENCLAVE : preset.mask,
    k: isShared ? 1 : size.k,
    auditBps: isShared ? 0 : preset.auditBps,
    cls: market.model.acceptedMasks & CLASS_T,
    flags: (isShared ? 0 : flagsOf(preset, market, size.k, insuredValue)) | wishedFlags(wishes),
    seatStake: BigInt(size.stakePerReward) * seatReward,
    window: isShared ? 0 : window,
    tWork: Math.max(
      resolved?.policy.tWork ?? 0,
      isProven(preset) ? proofTime(market, window) : set.minWork * (isEncrypted(preset) ? KEYS_FACTOR : 1),
    ),
    tReveal: set.minReveal,
    ticketClass: wishes.ticketClass ?? 0,
    ...definedOnly(wishes.policy ?? {}),
  };
  const isEnclaves = isShared || terms.mask === (EVIDENCE.ENCLAVE | EVIDENCE.OPTIMISTIC) || isPaired(terms.mask);
  if ((terms.mask & EVIDENCE.ENCLAVE) !== 0 && !isEnclaves)
    throw new SdkError("NOT_SUPPORTED", { what: "evidence of enclaves beside other than samples and proofs" });
  const flags = terms.flags | consentOf(terms, wishes, resolved) | (job.joins === true ? FLAG.JOIN : 0);
  const policy = { ...terms, flags: inputs === 0 ? flags : batchFlags(flags, inputs) };
  assertExposure(job.exposure ?? [], flags);
  const spec: Spec = {
    modelId: job.modelId,
    inDigest: job.inDigest,
    inputRef: job.inputRef,
    stages: market.model.stages,
    policy,
    seatReward,
    pokeFee: wishes.pokeFee ?? seatReward / 20n,
    insuredValue,
    client: wishes.client ?? job.client,
    callback: wishes.callback ?? ZERO_ADDRESS,
    callbackGas: wishes.callback === undefined ? 0 : (wishes.callbackGas ?? 200_000),
    expiry: wishes.expiry ?? market.time + set.jobLife - EXPIRY_SLACK_SEC,
    paramsVersion: job.paramsVersion,
    resultKey: job.resultKey,
  };
  const { rounds, escrow } = checkPolicy(spec, set, {
    supported: market.supported,
    time: market.time,
    minimumStake: market.minimumStake,
    maxInsured: market.maxInsured,
    enclaveCap: 0n,
    openRisk: market.openRisk,
    ticketedStake: market.ticketedStake,
    workers: market.workers,
  });
  return { spec, escrow, rounds, resolved };
}

/**
 * The scenario's policy, by the rules that this deployment was built with. Errors: POLICY_TABLE_DIFFERS, and `resolvePolicy`'s.
 */
function resolveScenario(
  wishes: JobWishes,
  market: Market,
  job: { readonly inputs: number; readonly exposure: Exposure | undefined },
): ResolvedPolicy | null {
  const { scenario } = wishes;
  if (scenario === undefined || isDowngrade(wishes)) return null;
  const ours = policyTableHash();
  if (market.policyTable !== ours) throw new SdkError("POLICY_TABLE_DIFFERS", { chain: market.policyTable, ours });
  const { acceptedMasks, stages } = market.model;
  const insuredValue = wishes.insuredValue ?? 0n;
  const { cost = { p99Seconds: 0 } } = scenario;
  const workers = market.available ?? { total: market.workers, proof: 0, cipher: 0, enclaves: {} };
  const whole: Scenario = {
    criticality: scenario.criticality,
    modality: scenario.modality ?? "tabular",
    privacy: scenario.privacy ?? "open",
    cheapest: scenario.cheapest ?? false,
    latencyBudgetSec: scenario.latencyBudgetSec,
    insuredValue,
    seatReward: wishes.seatReward ?? defaultReward(market, SCENARIO_STAKE, job.inputs),
    // An author who registered ciphertext evaluation has a polynomial program.
    model: {
      ...cost,
      acceptedMasks,
      stages,
      polynomial: accepts(acceptedMasks, VOTE | CIPHER),
      exposure: job.exposure,
    },
    workers,
    smallPool: insuredValue === 0n,
    acceptExposure: wishes.acceptExposure,
  };
  return resolvePolicy(whole, { set: market.set, supported: market.supported });
}

/** Stake a reward of the dearest seats: what a reward is before the preset is known. */
const SCENARIO_STAKE = 44;

const accepts = (acceptedMasks: number, mask: number): boolean => ((acceptedMasks >>> mask) & 1) === 1;

/** A critical scenario whose requester chose the evidence itself and consents: what would have been required does not matter then. */
const isDowngrade = ({ scenario, preset, acceptDowngrade }: JobWishes): boolean =>
  scenario?.criticality === "critical" && acceptDowngrade === true && preset !== undefined;

/** CRITICAL where the scenario is, and the requester's consent to something weaker. Error: POLICY_WEAKER. */
function consentOf(terms: Policy, wishes: JobWishes, resolved: ResolvedPolicy | null): number {
  const downgrade = wishes.acceptDowngrade === true ? FLAG.ACCEPT_DOWNGRADE : 0;
  if (resolved === null) return downgrade | (isDowngrade(wishes) ? FLAG.CRITICAL : 0);
  const critical = resolved.policy.flags & FLAG.CRITICAL;
  // A small pool is the market's affair, not a wish.
  const flags = (terms.flags & ~FLAG.SMALL_POOL) | (resolved.policy.flags & FLAG.SMALL_POOL) | critical;
  assertNotWeaker({ ...terms, flags }, resolved);
  return critical | (critical === 0 ? 0 : downgrade);
}

/** The class' price of every input, or where it is nothing the reward whose stake is a hundredth of the minimum stake (protocol.md section 10). */
function defaultReward(market: Market, stakePerReward: number, inputs: number): bigint {
  const price = market.minPrice * market.model.workUnits * BigInt(Math.max(1, inputs));
  const fair = market.minimumStake / BigInt(100 * stakePerReward);
  return price > fair ? price : fair;
}

const isProven = ({ mask }: Preset): boolean => (mask & EVIDENCE.VOTE) === 0 && (mask & EVIDENCE.PROOF) !== 0;

/** A stage's time where it is proven: ample, for a late proof costs everyone; but the job must fit its longest life. */
const PROOF_TIME_SEC = 120;
function proofTime({ set, model: { stages } }: Market, window: number): number {
  const fixed = longestJob({ stages, policy: { ...NO_TIME, window } }, set) + 2 * EXPIRY_SLACK_SEC;
  const most = Math.floor(((set.jobLife - fixed) / (3 * stages) - set.minReveal) / 2);
  return Math.max(set.minWork, Math.min(PROOF_TIME_SEC, most));
}

/** Seats of an encrypted stage fetch some ten megabytes of keys before they work. */
const KEYS_FACTOR = 4;
const isEncrypted = ({ mask }: Preset): boolean => (mask & EVIDENCE.CIPHER) !== 0;

const NO_TIME = { mask: 0, k: 1, auditBps: 0, cls: 0, flags: 0, seatStake: 0n, tWork: 0, tReveal: 0 };

const isTolerant = ({ model }: Market): boolean => (model.acceptedMasks & CLASS_T) !== 0;

const wishedFlags = ({ standbys, acceptExposure }: JobWishes): number =>
  (standbys === true ? FLAG.STANDBY : 0) | (acceptExposure === true ? FLAG.ACCEPT_EXPOSURE : 0);

/** A pool without two escalation rounds is accepted for uninsured jobs only, and the spec says so. */
function flagsOf(preset: Preset, market: Market, k: number, insuredValue: bigint): number {
  // Of floats one escalation is judged, so that one must be seated.
  const later = isTolerant(market) ? 2 * k + 1 : 6 * k + 4;
  const isSmall = insuredValue === 0n && market.workers < market.model.stages * k + later;
  return (
    (preset.name.startsWith("critical-") ? FLAG.CRITICAL : 0) |
    (isSmall && (preset.mask & (EVIDENCE.VOTE | EVIDENCE.OPTIMISTIC)) !== 0 ? FLAG.SMALL_POOL : 0)
  );
}

const definedOnly = (policy: Partial<Policy>): Partial<Policy> =>
  Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
