// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import { getBlock } from "viem/actions";
import type { ClientPart } from "../../core/client-part.ts";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { isAssayError } from "../../core/errors.ts";
import { modelId as modelIdOf } from "../../core/model.ts";
import { PRESETS, type Explanation, type PresetName } from "../../core/policy-presets.ts";
import { quoteTime, type QuotedTime } from "../../core/quote.ts";
import type { ModelManifest, Spec } from "../../core/types.ts";
import { checked } from "../checked.ts";
import type { JobWishes, ScenarioWishes } from "../plan-job.ts";
import { getAdverts, type GetAdvertsReturnType } from "./get-adverts.ts";
import { quoteInference, type QuoteInferenceReturnType } from "./quote-inference.ts";

export interface QuotePoliciesParameters extends Omit<JobWishes, "preset" | "scenario"> {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  readonly manifest: ModelManifest;
  /** All by default. */
  readonly presets?: readonly PresetName[] | undefined;
  readonly requester?: Address | undefined;
  /** Of a batch; a single input by default. */
  readonly inputs?: number | undefined;
  readonly clientPart?: Pick<ClientPart, "exposure"> | undefined;
  readonly fromBlock?: bigint | undefined;
  /** Workers that are asked how fast they were; 5 by default. */
  readonly sample?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PolicyQuote extends QuoteInferenceReturnType {
  readonly preset: PresetName;
  /** Nulls where no worker has measured what decides it. */
  readonly time: QuotedTime;
  readonly explanation: Explanation;
}

export interface QuotePoliciesReturnType {
  readonly adverts: GetAdvertsReturnType;
  /** Measured on the chain, seconds. */
  readonly blockSec: number;
  readonly quotes: readonly PolicyQuote[];
  /** Presets that cannot serve this model here now, and why. */
  readonly refused: readonly { readonly preset: PresetName; readonly code: string; readonly why: string }[];
}

/**
 * Price and time of a model under every preset, before anything is paid: prices by the checks that the hub will make, times by what
 * workers measured and signed. Nothing is sent but questions. Errors: MODEL_UNKNOWN, RPC_UNAVAILABLE; a preset that cannot run is listed.
 *
 * @example
 * const { quotes } = await quotePolicies(client, { hub, crypto: nodeCrypto, manifest });
 */
export async function quotePolicies(
  client: Client,
  parameters: QuotePoliciesParameters,
): Promise<QuotePoliciesReturnType> {
  const { manifest, presets = Object.keys(PRESETS) as PresetName[], inputs = 0 } = parameters;
  const { blockSec, adverts } = await measure(client, parameters);
  const quotes: PolicyQuote[] = [];
  const refused: { preset: PresetName; code: string; why: string }[] = [];
  for (const name of presets) {
    const preset = PRESETS[name];
    if (((manifest.acceptedMasks >>> preset.mask) & 1) === 0) {
      refused.push({ preset: name, code: "NO_POLICY", why: "the model does not accept this evidence" });
      continue;
    }
    try {
      const quote = await quoteInference(client, { ...parameters, preset: name });
      const time = timeOf(quote.spec, inputs, { blockSec, adverts });
      quotes.push({ ...quote, preset: name, time, explanation: preset.explanation });
    } catch (error) {
      if (!isAssayError(error) || UNSERVED.has(error.code)) throw error;
      refused.push({ preset: name, code: error.code, why: error.message });
    }
  }
  return { adverts, blockSec, quotes, refused };
}

export interface QuoteTimeParameters extends Pick<
  QuotePoliciesParameters,
  "hub" | "crypto" | "manifest" | "inputs" | "fromBlock" | "sample" | "signal"
> {
  /** Of \`quoteInference\`. */
  readonly spec: Spec;
}
export type QuoteTimeReturnType = Measured & { readonly time: QuotedTime };

interface Measured {
  readonly adverts: GetAdvertsReturnType;
  readonly blockSec: number;
}

/** When one planned job can be expected to end. Error: RPC_UNAVAILABLE. */
export async function quoteJobTime(client: Client, parameters: QuoteTimeParameters): Promise<QuoteTimeReturnType> {
  const measured = await measure(client, parameters);
  return { ...measured, time: timeOf(parameters.spec, parameters.inputs ?? 0, measured) };
}

async function measure(client: Client, parameters: Omit<QuoteTimeParameters, "spec">): Promise<Measured> {
  const { blockSec, time } = await paceOf(client);
  return {
    blockSec,
    adverts: await getAdverts(client, { ...parameters, modelId: modelIdOf(parameters.manifest), time }),
  };
}

const timeOf = ({ stages, policy }: Spec, inputs: number, { blockSec, adverts: { stages: times, load } }: Measured) =>
  quoteTime({ stages, mask: policy.mask, window: policy.window, inputs: Math.max(1, inputs), blockSec, load }, times);

/** Not about a preset: nothing can be quoted then. */
const UNSERVED: ReadonlySet<string> = new Set(["MODEL_UNKNOWN", "RPC_UNAVAILABLE", "INTERRUPTED"]);

/** A model's cost as scenarios take it, by its slowest stage; undefined where nobody ran it. */
export function costOf({ stages }: Pick<GetAdvertsReturnType, "stages">): ScenarioWishes["cost"] {
  const most = (work: string): number | undefined => {
    const times = stages.flatMap((one) => (one.work === work ? [one.p99Us / 1e6] : []));
    return times.length === 0 ? undefined : Math.max(...times);
  };
  const p99Seconds = most("run");
  return p99Seconds === undefined
    ? undefined
    : { p99Seconds, proofSeconds: most("proof"), cipherSeconds: most("cipher") };
}

const PACE_BLOCKS = 4n;

/** Seconds a block over the newest blocks, and the chain's time. */
export async function paceOf(client: Client): Promise<{ readonly blockSec: number; readonly time: number }> {
  const head = await checked("getBlock", async () => getBlock(client));
  const back = head.number > PACE_BLOCKS ? PACE_BLOCKS : head.number;
  const time = Number(head.timestamp);
  if (back === 0n) return { blockSec: 0, time };
  const old = await checked("getBlock", async () => getBlock(client, { blockNumber: head.number - back }));
  return { blockSec: (time - Number(old.timestamp)) / Number(back), time };
}
