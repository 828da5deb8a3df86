// SPDX-License-Identifier: MIT
import type { Address, Client } from "viem";
import type { ClientPart } from "../../core/client-part.ts";
import { modelId as modelIdOf } from "../../core/model.ts";
import { hasClientStages } from "../../core/network-part.ts";
import { OPTIMISTIC, ZERO_ADDRESS, ZERO_BYTES32, type ModelManifest, type Spec } from "../../core/types.ts";
import type { ResolvedPolicy } from "../../core/resolve-policy.ts";
import { getDeployment } from "../deployment.ts";
import { defaultParamsVersion, planJob, type JobWishes } from "../plan-job.ts";
import { readMarket } from "../read-market.ts";
import { getBalance } from "./get-balance.ts";

export interface QuoteInferenceParameters extends JobWishes {
  readonly hub: Address;
  /** First block to search for workers' records; 0 by default. */
  readonly fromBlock?: bigint | undefined;
  readonly manifest: ModelManifest;
  /** Who will pay; without it `missing` is the whole escrow. */
  readonly requester?: Address | undefined;
  /** Of a batch; a single input by default. */
  readonly inputs?: number | undefined;
  /** Of models with client stages: then the quote asks whether the exposure is within the limits, too. */
  readonly clientPart?: Pick<ClientPart, "exposure"> | undefined;
}

/** Amounts in token base units. */
export interface QuoteInferenceReturnType {
  /** Taken from the free balance at request. */
  readonly escrow: bigint;
  /** What it costs if nothing goes wrong: seats that are paid in any case, the protocol's fee on them, and the poke that ends a window. */
  readonly likely: bigint;
  /** The part that comes back if nobody has to poke and nothing escalates: unused poke fees. */
  readonly refundable: bigint;
  /** What must still be deposited. */
  readonly missing: bigint;
  /** Estimates for k seats and one stage, fast path. */
  readonly gas: { readonly request: bigint; readonly finish: bigint };
  /** Escalation rounds that the pool of workers can seat. */
  readonly rounds: number;
  /** What would be requested, but for the input digest and result key. */
  readonly spec: Spec;
  /** What the scenario resolved to; null without one. */
  readonly resolved: ResolvedPolicy | null;
}

/** Of a sampled job one seat answers, and auditors are paid where the lottery draws them. */
function likelyCost({ stages, policy, seatReward, pokeFee }: Spec, feeBps: number): bigint {
  const seats = (policy.mask & OPTIMISTIC) === 0 ? stages * policy.k : 1;
  const rewards = BigInt(seats) * seatReward;
  return rewards + (rewards * BigInt(feeBps)) / 10_000n + (policy.window === 0 ? 0n : pokeFee);
}

/** protocol.md section 11: a request, and a fast-path submission of k seats a stage. */
const GAS = { request: 90_000n, submitBase: 88_000n, seat: 22_000n } as const;

/**
 * What a job would cost, after the same checks that the hub will make.
 * Errors: MODEL_UNKNOWN, NOT_SUPPORTED, LEAKAGE_ABOVE_LIMIT, LEAKAGE_UNKNOWN, POLICY_UNSAFE, SPEC_INVALID, POOL_TOO_SMALL, RPC_UNAVAILABLE.
 *
 * @example
 * const { escrow, missing } = await quoteInference(client, { hub, manifest, requester: account.address });
 */
export async function quoteInference(
  client: Client,
  parameters: QuoteInferenceParameters,
): Promise<QuoteInferenceReturnType> {
  const { hub, manifest, requester } = parameters;
  const { chainId } = await getDeployment(client, hub);
  const paramsVersion = parameters.paramsVersion ?? defaultParamsVersion(chainId);
  const modelId = modelIdOf(manifest);
  const ticketClass = parameters.ticketClass ?? 0;
  const [market, free] = await Promise.all([
    readMarket(client, {
      hub,
      modelId,
      paramsVersion,
      ticketClass,
      withWorkers: parameters.scenario !== undefined,
      fromBlock: parameters.fromBlock,
    }),
    requester === undefined ? 0n : getBalance(client, { hub, account: requester }),
  ]);
  const { spec, escrow, rounds, resolved } = planJob(parameters, market, {
    modelId,
    inDigest: ZERO_BYTES32,
    inputRef: ZERO_BYTES32,
    client: requester ?? ZERO_ADDRESS,
    resultKey: ZERO_BYTES32,
    paramsVersion,
    inputs: parameters.inputs,
    isSplit: hasClientStages(manifest),
    exposure: parameters.clientPart?.exposure,
  });
  return {
    escrow,
    likely: likelyCost(spec, market.set.feeBps),
    refundable: 6n * spec.pokeFee,
    missing: escrow > free ? escrow - free : 0n,
    gas: { request: GAS.request, finish: GAS.submitBase + GAS.seat * BigInt(spec.stages * spec.policy.k) },
    rounds,
    spec,
    resolved,
  };
}
