// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { getContractEvents, readContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { modelRegistryAbi } from "../../adapters/chain/abi/model-registry.ts";
import { protocolParamsAbi } from "../../adapters/chain/abi/protocol-params.ts";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import { toHex } from "../../core/bytes.ts";
import { recordHash as hashOfRecord } from "../../core/job.ts";
import { isShared } from "../../core/replay-record.ts";
import { jobTable } from "../../core/network-part.ts";
import type { ClientClaim, Receipt } from "../../core/receipt.ts";
import { REASON_NAMES, ZERO_BYTES32, type ModelManifest, type Record as JobRecord } from "../../core/types.ts";
import { assertReceiptChain } from "../assert-receipt-chain.ts";
import { checked } from "../checked.ts";
import { collectEnclaves } from "../collect-enclaves.ts";
import { collectCommittees, finalRecord, signedCommittees } from "../collect-evidence.ts";
import { collectRefereed } from "../collect-refereed.ts";
import { collectProofs, provenTallies, readKeyRecords } from "../collect-proofs.ts";
import { collectSchedule } from "../collect-schedule.ts";
import { collectSettlement } from "../collect-settlement.ts";
import type { JobTrail } from "../job-trail.ts";
import { readTrail } from "../read-trail.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { getJob } from "./get-job.ts";

export interface GetReceiptParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  /** Read from the registry's events if not given. */
  readonly manifest?: ModelManifest | undefined;
  /** Makes the receipt show the result itself: whoever holds such a receipt can read it. */
  readonly result?: { readonly outputBytes: Uint8Array; readonly salt: Uint8Array | undefined } | undefined;
  /** The client's signed claims about its own stages, as `requestInferenceSync` returns them. The chain does not know them. */
  readonly clientClaims?: readonly ClientClaim[] | undefined;
  readonly fromBlock?: bigint | undefined;
}
export type GetReceiptReturnType = Receipt;

/** Whether the hub's word for a closed job is this record's: it keeps 192 bits of the hash. */
const isKept = (word: Hex, hash: Hex): boolean => word.slice(0, 2 + 48) === hash.slice(0, 2 + 48);

const EMPTY: JobRecord = { seats: [], boundaries: [], tallies: [], decided: 0 };

/**
 * Puts the receipt of an ended job together from events and calldata; `verifyReceipt` says whether it holds. Nothing but the chain is
 * asked, so anyone can do it for any job; only the client has its own claims.
 * Errors: JOB_UNKNOWN, CHAIN_BROKEN (claims of another job), RECEIPT_UNAVAILABLE (not ended, or the endpoint lacks its transactions), RPC_UNAVAILABLE.
 *
 * @example
 * const receipt = await getReceipt(client, { hub, jobId });
 * const { ok, checks } = verifyReceipt(receipt);
 */
export async function getReceipt(client: Client, parameters: GetReceiptParameters): Promise<GetReceiptReturnType> {
  const { hub, jobId, result } = parameters;
  const deployment = await getDeployment(client, hub);
  const view = await getJob(client, { hub, jobId, fromBlock: parameters.fromBlock });
  if (view.state !== "FINAL" && view.state !== "CLOSED")
    throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: `it is ${view.state}` });
  const readWord = async () => {
    const args = [jobId] as const;
    const slot = await checked("slot", async () =>
      readContract(client, { address: hub, abi: assayHubAbi, functionName: "slot", args }),
    );
    return slot.word;
  };
  const trail = await readTrail(client, hub, jobId, view.requestBlock);
  const record = finalRecord(trail, view.job.spec.policy.k) ?? EMPTY;
  if (
    view.closedReason !== null &&
    view.closedReason !== "CANCELLED" &&
    !isKept(await readWord(), hashOfRecord(record))
  )
    throw new SdkError("RECEIPT_UNAVAILABLE", {
      jobId,
      why: "its last record does not follow from these transactions",
    });
  if (view.recordHash !== null && hashOfRecord(record) !== view.recordHash)
    throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: "its record is not complete in these transactions" });
  const { spec } = view.job;
  const shared = isShared(spec.policy.mask);
  // Of enclaves that share a program every candidate counts: plans follow from all of them.
  const seated = shared ? record.seats : [];
  const workerIds = [...new Set([...seated, ...record.tallies.flatMap(({ seats }) => seats)])];
  const [addresses, { feeBps }] = await Promise.all([
    checked("signersOf", async () =>
      readContract(client, {
        address: deployment.vault,
        abi: stakeVaultAbi,
        functionName: "signersOf",
        args: [workerIds],
      }),
    ),
    checked("parameters", async () =>
      readContract(client, {
        address: deployment.params,
        abi: protocolParamsAbi,
        functionName: "parameters",
        args: [spec.paramsVersion],
      }),
    ),
  ]);
  const signers = new Map(workerIds.map((workerId, index) => [workerId, addresses[index] ?? "0x"]));
  const manifest =
    parameters.manifest ?? (await readManifest(client, deployment.registry, view.job.spec.modelId, parameters));
  const proofs = shared ? [] : await readProofs(client, parameters, { trail, record, manifest });
  const named = REASON_NAMES.findIndex((name) => name === view.closedReason);
  const reason = view.closedReason === null ? 0 : Math.max(0, named);
  const committees = shared ? signedCommittees(record, signers) : collectCommittees(trail, record, signers);
  const chainId = BigInt(deployment.chainId);
  const { job } = view;
  const fromBlock = parameters.fromBlock ?? 0n;
  const inside = { hub, chainId, jobId, job, record, committees, trail, fromBlock };
  const enclaves = await collectEnclaves(client, inside);
  const receipt: Receipt = {
    chainId,
    hub,
    jobId,
    job,
    manifest,
    reason,
    record,
    recordHash: hashOfRecord(record),
    outDigest: view.outDigest ?? ZERO_BYTES32,
    committees,
    proofs,
    enclaves,
    schedule: shared && enclaves.length > 0 ? await collectSchedule(client, { ...inside, manifest, signers }) : [],
    refereed: await collectRefereed(client, {
      hub,
      jobId,
      spec,
      manifest,
      record,
      trail,
      fromBlock: view.requestBlock,
    }),
    clientClaims: parameters.clientClaims ?? [],
    parents: collectParents(trail),
    settlement: collectSettlement(trail, { spec, record, reason, feeBps }),
    output: result === undefined ? "0x" : toHex(result.outputBytes),
    outputSalt: result?.salt === undefined ? "0x" : toHex(result.salt),
  };
  if (receipt.clientClaims.length > 0) assertReceiptChain(receipt);
  return receipt;
}

/** Whose results a joined job was fed, from its event; none of any other. */
const collectParents = ({ events }: JobTrail): Receipt["parents"] =>
  events.flatMap((event) => (event.eventName === "JobJoined" ? event.args.parents : []));

async function readProofs(
  client: Client,
  { hub, jobId }: GetReceiptParameters,
  { trail, record, manifest }: { trail: JobTrail; record: JobRecord; manifest: ModelManifest },
): Promise<Receipt["proofs"]> {
  const table = jobTable(manifest);
  const stages = provenTallies(trail, record).map((at) => record.tallies[at]?.stage ?? 0);
  const keyIds = [...new Set(stages.map((stage) => table[stage]?.keyId ?? ZERO_BYTES32))];
  const proofs = collectProofs(trail, record, table, await readKeyRecords(client, hub, keyIds));
  if (proofs === undefined)
    throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: "a proof is not in these transactions" });
  return proofs;
}

async function readManifest(
  client: Client,
  registry: Address,
  modelId: Hex,
  { fromBlock = 0n, jobId }: GetReceiptParameters,
): Promise<ModelManifest> {
  const [event] = await checked("ModelRegistered", async () =>
    getContractEvents(client, {
      address: registry,
      abi: modelRegistryAbi,
      eventName: "ModelRegistered",
      args: { modelId },
      fromBlock,
      toBlock: "latest",
      strict: true,
    }),
  );
  if (event === undefined)
    throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: "its model's registration is missing" });
  return event.args.manifest;
}
