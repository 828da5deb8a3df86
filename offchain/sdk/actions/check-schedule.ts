// SPDX-License-Identifier: MIT
import type { Address, Client, Hex } from "viem";
import { readContract } from "viem/actions";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import { fromHex, toHex } from "../../core/bytes.ts";
import { runCheck, type Check } from "../../core/check.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { enclaveResultDigest } from "../../core/enclave-result.ts";
import { jobTable } from "../../core/network-part.ts";
import { enclavePlanRequest, plansFailure } from "../../core/planning/enclave-plan.ts";
import { recoverSigner } from "../../core/signature.ts";
import { ENCLAVE, ZERO_ADDRESS, ZERO_BYTES32, type ModelManifest } from "../../core/types.ts";
import { checked } from "../checked.ts";
import { isPlanned } from "../collect-enclaves.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import { findEnclaves, readEnclaveRegistry, type EnclaveTrust } from "../find-enclaves.ts";
import { decodeCall, type JobTrail } from "../job-trail.ts";
import { readTrail } from "../read-trail.ts";
import { getJob } from "./get-job.ts";
import { registeredEnclaves } from "../registered-enclaves.ts";

export interface CheckScheduleParameters {
  readonly hub: Address;
  readonly jobId: Hex;
  readonly manifest: ModelManifest;
  /** Which enclaves the client admitted: another trust gives another plan. `verify` is the client's own and cannot be done again. */
  readonly enclaves?: Omit<EnclaveTrust, "verify"> | undefined;
  readonly fromBlock?: bigint | undefined;
}

export interface CheckScheduleReturnType {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Plans that the chain was told, in order. */
  readonly plans: readonly Hex[];
}

/** One stage's result, as the hub took it. */
interface Told {
  readonly stage: number;
  readonly worker: Hex;
  readonly inDigest: Hex;
  readonly outDigest: Hex;
  readonly evidence: Uint8Array;
}

const SIGNED_BYTES = 98;

/**
 * Does again what a job whose stages several enclaves shared was planned by, from the chain alone: the candidates, their registrations
 * when the first plan was told, and the plans; then who signed each stage, and whether the channel that its input came through is one of
 * such a plan, between these two enclaves. Needs a node that keeps the state of that block. Errors: JOB_UNKNOWN, NOT_SUPPORTED for other
 * jobs, RECEIPT_UNAVAILABLE where a result went through another contract, RPC_UNAVAILABLE.
 *
 * @example
 * const { ok, checks } = await checkSchedule(client, { hub, jobId, manifest });
 */
export async function checkSchedule(
  client: Client,
  parameters: CheckScheduleParameters,
): Promise<CheckScheduleReturnType> {
  const { hub, jobId, manifest, enclaves: trust, fromBlock = 0n } = parameters;
  const { job, requestBlock } = await getJob(client, { hub, jobId, fromBlock });
  const { spec } = job;
  if (spec.policy.mask !== ENCLAVE) throw new SdkError("NOT_SUPPORTED", { what: "plans of jobs that enclaves do not share" }); // prettier-ignore
  const { chainId } = await getDeployment(client, hub);
  const trail = await readTrail(client, hub, jobId, requestBlock);
  const told = trail.events.flatMap((event) => (event.eventName === "Scheduled" ? [event] : []));
  const plans = told.map(({ args }) => args.plan);
  const table = jobTable(manifest);
  const [first] = told;
  const request = async () => {
    const blockNumber = (first?.blockNumber ?? 0n) - 1n;
    const candidates = await readCandidates(client, hub, trail);
    const workers = candidates.map(({ signer }) => signer);
    const { found } = await findEnclaves(client, { hub, modelId: spec.modelId, workers, until: spec.expiry, trust, fromBlock, blockNumber }); // prettier-ignore
    const facts = candidates.flatMap(({ workerId, signer }) => {
      const enclave = found.get(signer.toLowerCase());
      return enclave === undefined ? [] : [{ ...enclave, workerId }];
    });
    return enclavePlanRequest({ jobId, table, expiry: spec.expiry }, facts);
  };
  const from = first === undefined ? undefined : await request();
  const planned = runCheck("plans", `${plans.length} plans, as these enclaves give them`, () =>
    from === undefined
      ? "no plan was told"
      : plansFailure(
          from,
          plans.map((plan) => fromHex(plan)),
        ),
  );
  const registry = await readEnclaveRegistry(client, hub);
  const results = readResults(trail, jobId, spec.inDigest);
  const keys = new Map<Hex, { readonly worker: Hex; readonly channelKey: Hex }>();
  const scope = { chainId: BigInt(chainId), hub: lower(hub) };
  const signerOf = ({ stage, worker, inDigest, outDigest, evidence }: Told): Hex => {
    const part = (begin: number, end: number): Hex => toHex(evidence.subarray(begin, end));
    const result = { claim: { jobId, stage, inDigest, outDigest, worker }, channelHash: part(0, 32), epoch: Number(part(32, 34)) }; // prettier-ignore
    return recoverSigner(enclaveResultDigest(domainSeparator(scope), result), {
      r: part(34, 66),
      vs: part(66, SIGNED_BYTES),
    });
  };
  const signed = results.map((result) => ({ ...result, key: signerOf(result) }));
  for (const { key } of signed) keys.set(key, await readKey(client, registry, key, fromBlock));
  const checks = signed.map(({ stage, worker, evidence, key }) =>
    runCheck(`stage ${stage}`, `signed by enclave ${key}`, () => {
      const known = keys.get(key);
      if (known === undefined || lower(known.worker) !== lower(worker)) return `${key} is no enclave of ${worker}`;
      const { channelKey } = known;
      const channelHash = toHex(evidence.subarray(0, 32));
      const handshake = toHex(evidence.subarray(SIGNED_BYTES));
      const result = { chainId: scope.chainId, registry: lower(registry), jobId, stage, key, channelKey, channelHash, handshake }; // prettier-ignore
      return plans.some((plan) => isPlanned(result, plan)) ? undefined : "it follows from no plan that was told";
    }),
  );
  const all = [planned, ...checks];
  return { ok: all.every(({ ok }) => ok), checks: all, plans };
}

const lower = (hex: Hex): Hex => hex.toLowerCase() as Hex;
/** Results in the order of their stages. Error: RECEIPT_UNAVAILABLE. */
function readResults(trail: JobTrail, jobId: Hex, input: Hex): readonly Told[] {
  let inDigest = input;
  return trail.events.flatMap((event) => {
    if (event.eventName !== "Proven") return [];
    const { stage, outDigest } = event.args;
    const call = decodeCall(trail, event.transactionHash, "submitProofs");
    const shown = call?.[3][stage - call[1].boundaries.length];
    if (shown === undefined)
      throw new SdkError("RECEIPT_UNAVAILABLE", { jobId, why: `stage ${stage} is not in its transactions` });
    const result = { stage, worker: shown.worker, inDigest, outDigest, evidence: fromHex(shown.evidence) };
    inDigest = outDigest;
    return [result];
  });
}

/** The job's twelve, as the hub pinned them. */
async function readCandidates(client: Client, hub: Address, trail: JobTrail) {
  const ids = trail.events.flatMap((event) => (event.eventName === "Pinned" ? event.args.seats : []));
  const { vault } = await getDeployment(client, hub);
  const signers = await checked("signersOf", async () =>
    readContract(client, { address: vault, abi: stakeVaultAbi, functionName: "signersOf", args: [ids] }),
  );
  return ids.map((workerId, at) => ({ workerId, signer: signers[at] ?? "0x" }));
}

/** Whose enclave a key is, and the key of its channels. A stranger's is nobody's. */
async function readKey(client: Client, registry: Address, key: Hex, fromBlock: bigint) {
  const events = await registeredEnclaves(client, { registry, args: { key }, fromBlock });
  const newest = events.at(-1)?.args;
  return { worker: newest?.worker ?? ZERO_ADDRESS, channelKey: newest?.binding.channelKey ?? ZERO_BYTES32 };
}
