// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getBlock, readContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { blockSeedAbi } from "../adapters/chain/abi/block-seed.ts";
import { evidenceRouterAbi } from "../adapters/chain/abi/evidence-router.ts";
import { modelRegistryAbi } from "../adapters/chain/abi/model-registry.ts";
import { protocolParamsAbi } from "../adapters/chain/abi/protocol-params.ts";
import { stakeVaultAbi } from "../adapters/chain/abi/stake-vault.ts";
import type { AvailableWorkers } from "../core/available-workers.ts";
import { SUPPORTED_EVIDENCE } from "../core/policy.ts";
import type { ParameterSet } from "../core/types.ts";
import { getAvailableWorkers } from "./actions/get-available-workers.ts";
import { checked, isRevert } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";

/** What `request` will compare a job with, read at one moment. Amounts in token base units, times in seconds. */
export interface Market {
  readonly set: ParameterSet;
  readonly time: number;
  readonly model: { readonly acceptedMasks: number; readonly workUnits: bigint; readonly stages: number };
  readonly minPrice: bigint;
  readonly maxUnits: bigint;
  readonly workers: number;
  readonly ticketedStake: bigint;
  readonly openRisk: bigint;
  readonly minimumStake: bigint;
  readonly maxInsured: bigint;
  /** Evidence bits that requests may ask for: votes, and what the deployment has adapters for. */
  readonly supported: number;
  /** Hash of the rules behind scenarios, as this deployment was built with. */
  readonly policyTable: Hex;
  /** Who could work, where it was asked for. */
  readonly available?: AvailableWorkers | undefined;
}

/**
 * Reads prices, limits and the model's registry record.
 * Errors: MODEL_UNKNOWN; RPC_UNAVAILABLE; REVERTED with ParameterSetUnknown, ParameterSetLocalOnly, TicketClassUnknown.
 */
export async function readMarket(
  client: Client,
  query: {
    hub: Address;
    modelId: Hex;
    paramsVersion: number;
    ticketClass: number;
    /** Reads the workers' records too, as scenarios need them. */
    withWorkers?: boolean;
    fromBlock?: bigint | undefined;
  },
): Promise<Market> {
  const { hub, modelId, paramsVersion, ticketClass } = query;
  const { vault, registry, params, randomness, router } = await getDeployment(client, hub);
  const atVault = { address: vault, abi: stakeVaultAbi } as const;
  const [model, set, pool, class_, minimumStake, totals, maxInsured, adapters, policyTable, block] = await Promise.all([
    readModel(client, registry, modelId),
    checked("parameters", async () =>
      readContract(client, {
        address: params,
        abi: protocolParamsAbi,
        functionName: "parameters",
        args: [paramsVersion],
      }),
    ),
    checked("pool", async () => readContract(client, { ...atVault, functionName: "pool", args: [ticketClass] })),
    checked("ticketClass", async () =>
      readContract(client, { ...atVault, functionName: "ticketClass", args: [ticketClass] }),
    ),
    checked("minimumStake", async () => readContract(client, { ...atVault, functionName: "minimumStake" })),
    checked("totals", async () => readContract(client, { address: hub, abi: assayHubAbi, functionName: "totals" })),
    checked("maxInsured", async () =>
      readContract(client, { address: randomness, abi: blockSeedAbi, functionName: "maxInsured" }),
    ),
    checked("supported", async () =>
      readContract(client, { address: router, abi: evidenceRouterAbi, functionName: "supported" }),
    ),
    checked("policyTableHash", async () =>
      readContract(client, { address: params, abi: protocolParamsAbi, functionName: "policyTableHash" }),
    ),
    checked("getBlock", async () => getBlock(client)),
  ]);
  const [, workers, ticketedStake] = pool;
  const time = Number(block.timestamp);
  const { openRisk } = totals;
  const available =
    query.withWorkers === true
      ? await getAvailableWorkers(client, {
          hub,
          time,
          pool: { workers, ticketedStake, openRisk },
          fromBlock: query.fromBlock,
        })
      : undefined;
  return {
    set,
    time,
    model,
    minPrice: class_.minPrice,
    maxUnits: class_.maxUnits,
    workers,
    ticketedStake,
    openRisk,
    minimumStake,
    maxInsured,
    // Votes and samples need no adapter.
    supported: SUPPORTED_EVIDENCE | adapters,
    policyTable,
    available,
  };
}

async function readModel(client: Client, registry: Address, modelId: Hex): Promise<Market["model"]> {
  try {
    return await checked("model", async () =>
      readContract(client, { address: registry, abi: modelRegistryAbi, functionName: "model", args: [modelId] }),
    );
  } catch (error) {
    if (isRevert(error, "ModelUnknown")) throw new SdkError("MODEL_UNKNOWN", { modelId }, { cause: error });
    throw error;
  }
}
