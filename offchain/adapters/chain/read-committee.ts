// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs, type Address, type Client, type Abi, type Hex } from "viem";
import { getBlock, getLogs } from "viem/actions";
import { fromHex } from "../../core/bytes.ts";
import { decodeRuntime, enclaveConfigDigest } from "../../core/enclave-binding.ts";
import { drawCommittee, type CommitteeRules, type DrawnCommittee, type RegistryEvent } from "../../core/threshold/draw-committee.ts"; // prettier-ignore
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { toChainError } from "./decode-revert.ts";
import { familyOf } from "./read-enclaves.ts";

export interface ReadCommitteeParameters {
  readonly chainId: bigint;
  readonly hub: Address;
  /** The enclave registry. */
  readonly registry: Address;
  readonly rules: CommitteeRules;
  readonly epoch: number;
  /** First block of the registry's life. */
  readonly fromBlock: bigint;
}

const EVENTS = [
  getAbiItem({ abi: enclaveRegistryAbi, name: "EnclaveRegistered" }),
  getAbiItem({ abi: enclaveRegistryAbi, name: "EnclaveEnded" }),
] as const;

/** The block that draws an epoch's committee. */
export const drawBlockOf = ({ epochBlocks }: CommitteeRules, epoch: number): bigint =>
  BigInt(epochBlocks) * BigInt(epoch);

/**
 * An epoch's committee, from the registry's events before the block that draws and that block's hash: everybody reads the same.
 * Errors: COMMITTEE_SMALL; NUMBER_OUT_OF_RANGE; RPC_UNAVAILABLE, RPC_REJECTED (no such block yet).
 */
export async function readCommittee(
  { client, errors }: { readonly client: Client; readonly errors: Abi },
  { chainId, hub, registry, rules, epoch, fromBlock }: ReadCommitteeParameters,
): Promise<DrawnCommittee> {
  const place = { chainId, hub: lower(hub), registry: lower(registry) };
  const drawBlock = drawBlockOf(rules, epoch);
  try {
    const { hash, timestamp } = await getBlock(client, { blockNumber: drawBlock });
    const logs =
      drawBlock <= fromBlock
        ? []
        : await getLogs(client, { address: registry, events: EVENTS, fromBlock, toBlock: drawBlock - 1n });
    const events = parseEventLogs({ abi: enclaveRegistryAbi, eventName: ["EnclaveRegistered", "EnclaveEnded"], logs });
    const drawTime = Number(timestamp);
    const configDigest = enclaveConfigDigest(place);
    return drawCommittee({ ...place, rules, epoch, drawHash: hash, drawTime, configDigest, events: events.map(eventOf) }); // prettier-ignore
  } catch (error) {
    throw toChainError(error, "eth_getLogs", errors);
  }
}

const lower = (address: Address): Hex => `0x${address.slice(2).toLowerCase()}`;

type Told = ReturnType<typeof parseEventLogs<typeof enclaveRegistryAbi, true, ("EnclaveRegistered" | "EnclaveEnded")[]>>[number]; // prettier-ignore

function eventOf({ eventName, args }: Told): RegistryEvent {
  if (eventName === "EnclaveEnded") return { kind: "ended", key: args.key };
  const { key, worker, enclave, platformId, simulated, runtime } = args;
  const { configDigest } = decodeRuntime(fromHex(runtime));
  return { kind: "registered", key, worker, family: familyOf(enclave.vendor), platformId, expiry: enclave.expiry, simulated, configDigest }; // prettier-ignore
}
