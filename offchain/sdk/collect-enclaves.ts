// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getBlock, getContractEvents, readContract } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { readEndorsement, readQuote } from "../adapters/chain/read-endorsement.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { domainSeparator } from "../core/eip712.ts";
import { enclaveResultDigest } from "../core/enclave-result.ts";
import { isLone } from "../core/replay-record.ts";
import type { Receipt } from "../core/receipt.ts";
import { recoverSigner } from "../core/signature.ts";
import { ENCLAVE, type Job, type Record as JobRecord } from "../core/types.ts";
import { checked } from "./checked.ts";
import { SdkError } from "./errors.ts";
import { readEnclaveRegistry } from "./find-enclaves.ts";
import { decodeCall, type JobTrail } from "./job-trail.ts";

export interface CollectEnclavesParameters {
  readonly hub: Address;
  readonly chainId: bigint;
  readonly jobId: Hex;
  readonly job: Job;
  readonly record: JobRecord;
  readonly committees: Receipt["committees"];
  readonly trail: JobTrail;
  readonly fromBlock: bigint;
}

/** channelHash 32, epoch 2, r 32, vs 32. */
const SIGNED_BYTES = 98;

/**
 * The enclaves behind answers that stand without an audit: their signatures from the job's calls, the registrations from the registry's
 * event and call, and what those rested on from the calls that brought it. All of it is on the chain, so anyone can do it.
 * Errors: RECEIPT_UNAVAILABLE where a call went through another contract, or the endpoint lacks it; RPC_UNAVAILABLE.
 */
export async function collectEnclaves(
  client: Client,
  parameters: CollectEnclavesParameters,
): Promise<Receipt["enclaves"]> {
  const { job, record, trail, committees, jobId, hub, chainId } = parameters;
  if ((job.spec.policy.mask & ENCLAVE) === 0) return [];
  const opened = trail.events.find(({ eventName }) => eventName === "Revealed");
  const call = opened === undefined ? null : decodeCall(trail, opened.transactionHash, "open");
  const at = record.tallies.findIndex((tally) => isLone({ job }, tally));
  const seat = committees[at]?.seats[0];
  if (at < 0 || call === null || seat?.opened !== true) return [];
  const missing = (what: string) =>
    new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: `${what} is not in its transactions` });
  const evidence = fromHex(call[6]);
  if (evidence.length < SIGNED_BYTES) throw missing("the enclave's signature");
  const part = (from: number, to: number): Hex => toHex(evidence.subarray(from, to));
  const signed = { channelHash: part(0, 32), epoch: Number(part(32, 34)), r: part(34, 66), vs: part(66, 98) };
  const claim = { jobId, stage: 0, inDigest: job.spec.inDigest, outDigest: seat.outDigest, worker: seat.signer };
  const domain = domainSeparator({ chainId, hub: toHex(fromHex(hub, 20)) });
  const key = recoverSigner(enclaveResultDigest(domain, { claim, ...signed }), signed);
  const registration = await readRegistration(client, parameters, { key, epoch: signed.epoch });
  if (registration === null) throw missing("the enclave's registration");
  const { fromBlock } = parameters;
  const endorsement = await checked("getLogs", async () => readEndorsement(client, { ...registration, fromBlock }));
  if (endorsement === null) throw missing("what the enclave's evidence rests on");
  const { binding, challenge, runtime, simulated, quote, registeredAt, registry } = registration;
  const { channelKey, sealKey } = binding;
  return [{ tally: at, ...signed, registry, key, channelKey, sealKey, challenge, runtime, registeredAt, simulated, quote, endorsement }]; // prettier-ignore
}

async function readRegistration(
  client: Client,
  { hub, fromBlock }: CollectEnclavesParameters,
  { key, epoch }: { readonly key: Hex; readonly epoch: number },
) {
  const registry = await readEnclaveRegistry(client, hub);
  const events = await checked("EnclaveRegistered", async () =>
    getContractEvents(client, {
      address: registry,
      abi: enclaveRegistryAbi,
      eventName: "EnclaveRegistered",
      args: { key },
      fromBlock,
      toBlock: "latest",
      strict: true,
    }),
  );
  const event = events.find(({ args }) => args.binding.epoch === epoch);
  if (event === undefined) return null;
  const { blockNumber, transactionHash, args } = event;
  const [quote, { timestamp }, collateral] = await Promise.all([
    checked("getTransaction", async () => readQuote(client, transactionHash)),
    checked("getBlock", async () => getBlock(client, { blockNumber })),
    checked("COLLATERAL", async () => readContract(client, { address: registry, abi: enclaveRegistryAbi, functionName: "COLLATERAL" })), // prettier-ignore
  ]);
  if (quote === null) return null;
  return {
    ...args,
    quote,
    registry,
    collateral,
    blockNumber,
    registeredAt: Number(timestamp),
    pckId: args.enclave.origin,
  };
}
