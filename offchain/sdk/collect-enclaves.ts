// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getBlock, readContract } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { readRegisteredEvidence } from "../adapters/chain/read-shown.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { domainSeparator } from "../core/eip712.ts";
import { enclaveResultDigest } from "../core/enclave-result.ts";
import { isLone, isShared } from "../core/replay-record.ts";
import { scheduledFailure, type ScheduledResult } from "../core/scheduled-result.ts";
import { isAssayError } from "../core/errors.ts";
import type { EnclavedTally, Receipt } from "../core/receipt.ts";
import { recoverSigner } from "../core/signature.ts";
import { ENCLAVE, type Job, type Record as JobRecord } from "../core/types.ts";
import { checked } from "./checked.ts";
import { SdkError } from "./errors.ts";
import { readEnclaveRegistry } from "./find-enclaves.ts";
import { decodeCall, type JobTrail } from "./job-trail.ts";
import { registeredEnclaves } from "./registered-enclaves.ts";

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
/** That a receipt can tell apart. */
const MOST_PLANS = 256;

/**
 * The enclaves behind answers that stand without an audit: their signatures from the job's calls, the registrations from the registry's
 * event, and what those rested on from the calls that brought it, or from the board's event. All of it is on the chain, so anyone can do it.
 * Errors: RECEIPT_UNAVAILABLE where a call went through another contract, or the endpoint lacks it; RPC_UNAVAILABLE.
 */
export async function collectEnclaves(
  client: Client,
  parameters: CollectEnclavesParameters,
): Promise<Receipt["enclaves"]> {
  const { job, record, trail, committees } = parameters;
  const { mask } = job.spec.policy;
  if (isShared(mask))
    return Promise.all(readShared(parameters).map(async (one) => collectOne(client, parameters, one)));
  if ((mask & ENCLAVE) === 0) return [];
  const opened = trail.events.find(({ eventName }) => eventName === "Revealed");
  const call = opened === undefined ? null : decodeCall(trail, opened.transactionHash, "open");
  const tally = record.tallies.findIndex((one) => isLone({ job }, one));
  const seat = committees[tally]?.seats[0];
  if (tally < 0 || call === null || seat?.opened !== true) return [];
  const { outDigest, signer: worker } = seat;
  const claim = { stage: 0, inDigest: job.spec.inDigest, outDigest, worker };
  return [await collectOne(client, parameters, { tally, claim, evidence: call[6], plans: [] })];
}

/** What an enclave said of one stage, and the plans that may have had it do so. */
interface Shown {
  readonly tally: number;
  readonly claim: { readonly stage: number; readonly inDigest: Hex; readonly outDigest: Hex; readonly worker: Hex };
  readonly evidence: Hex;
  readonly plans: readonly Hex[];
}

/** Every stage of a job that enclaves share. Error: RECEIPT_UNAVAILABLE. */
function readShared({ jobId, job, record, trail, committees }: CollectEnclavesParameters): readonly Shown[] {
  const told = trail.events.flatMap((event) => (event.eventName === "Scheduled" ? [event.args.plan] : []));
  // Whoever tells more has no good receipt, and must not make others' exports fail.
  const plans = told.slice(0, MOST_PLANS);
  return record.tallies.map(({ stage }, tally) => {
    const proven = trail.events.find((event) => event.eventName === "Proven" && event.args.stage === stage);
    const call = proven === undefined ? null : decodeCall(trail, proven.transactionHash, "submitProofs");
    const shown = call?.[3][stage - call[1].boundaries.length];
    const seat = committees[tally]?.seats[0];
    if (shown === undefined || seat === undefined) throw missing(jobId, `stage ${stage}`);
    // A line of stages: each takes the one before it.
    const inDigest = stage === 0 ? job.spec.inDigest : (record.boundaries[stage - 1] ?? "0x");
    return { tally, claim: { stage, inDigest, outDigest: seat.outDigest, worker: seat.signer }, evidence: shown.evidence, plans }; // prettier-ignore
  });
}

const missing = (jobId: Hex, what: string) =>
  new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: `${what} is not in its transactions` });

/** Whether a result follows from a plan; one that follows from none is shown with the first, and fails. */
export function isPlanned(result: ScheduledResult, plan: Hex): boolean {
  try {
    return scheduledFailure(result, fromHex(plan)) === undefined;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return false;
  }
}

async function collectOne(
  client: Client,
  parameters: CollectEnclavesParameters,
  { tally, claim, evidence: hex, plans }: Shown,
): Promise<EnclavedTally> {
  const { jobId, hub, chainId } = parameters;
  const evidence = fromHex(hex);
  if (evidence.length < SIGNED_BYTES) throw missing(jobId, "the enclave's signature");
  const part = (from: number, to?: number): Hex => toHex(evidence.subarray(from, to));
  const signed = { channelHash: part(0, 32), epoch: Number(part(32, 34)), r: part(34, 66), vs: part(66, 98) };
  const domain = domainSeparator({ chainId, hub: toHex(fromHex(hub, 20)) });
  const key = recoverSigner(enclaveResultDigest(domain, { claim: { jobId, ...claim }, ...signed }), signed);
  const registration = await readRegistration(client, parameters, { key, epoch: signed.epoch });
  if (registration === null) throw missing(jobId, "the enclave's registration");
  const { fromBlock } = parameters;
  const shown = await checked("getLogs", async () => readRegisteredEvidence(client, { ...registration, fromBlock }));
  if (shown === null) throw missing(jobId, "the enclave's evidence, or what it rests on,");
  const { binding, challenge, runtime, simulated, registeredAt, registry } = registration;
  const { channelKey, sealKey } = binding;
  // Behind a sample's signature stands the table of its model, which a receipt has.
  const handshake = plans.length === 0 ? "0x" : part(SIGNED_BYTES);
  const result = { chainId, registry, jobId, stage: claim.stage, key, channelKey, channelHash: signed.channelHash, handshake } as const; // prettier-ignore
  const plan = Math.max(
    0,
    plans.findIndex((bytes) => isPlanned(result, bytes)),
  );
  return { tally, ...signed, plan, handshake, registry, key, channelKey, sealKey, challenge, runtime, registeredAt, simulated, ...shown }; // prettier-ignore
}

async function readRegistration(
  client: Client,
  { hub, fromBlock }: CollectEnclavesParameters,
  { key, epoch }: { readonly key: Hex; readonly epoch: number },
) {
  const registry = await readEnclaveRegistry(client, hub);
  const events = await registeredEnclaves(client, { registry, args: { key }, fromBlock });
  const event = events.find(({ args }) => args.binding.epoch === epoch);
  if (event === undefined) return null;
  const { blockNumber, transactionHash, args } = event;
  const place = async (functionName: "COLLATERAL" | "BOARD") =>
    checked(functionName, async () => readContract(client, { address: registry, abi: enclaveRegistryAbi, functionName })); // prettier-ignore
  const [{ timestamp }, collateral, board] = await Promise.all([
    checked("getBlock", async () => getBlock(client, { blockNumber })),
    place("COLLATERAL"),
    place("BOARD"),
  ]);
  const { vendor, origin } = args.enclave;
  return { ...args, registry, collateral, board, vendor, origin, blockNumber, transactionHash, registeredAt: Number(timestamp) }; // prettier-ignore
}
