// SPDX-License-Identifier: MIT
import { parseEventLogs, type Address, type Hex, type TransactionReceipt } from "viem";
import {
  getBlockNumber,
  getContractEvents,
  getTransactionReceipt,
  readContract,
  waitForTransactionReceipt,
} from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { stakeVaultAbi } from "../../adapters/chain/abi/stake-vault.ts";
import { batchCount } from "../../core/batch.ts";
import { hasCode } from "../../core/errors.ts";
import type { ClientClaim } from "../../core/receipt.ts";
import { COMMITTEE_RULES, type CommitteeRules } from "../../core/threshold/draw-committee.ts";
import { isPaired } from "../../core/replay-record.ts";
import type { Tensor } from "../../core/tensor.ts";
import { CLASS_T, ENCLAVE, FLAG_STANDBY, OPTIMISTIC, PROOF, VOTE, type Spec } from "../../core/types.ts";
import { assertPair } from "../assert-pair.ts";
import { checked } from "../checked.ts";
import { clientPartOf, finishClientStages } from "../client-stages.ts";
import { getDeployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";
import type { EnclaveTrust } from "../find-enclaves.ts";
import type { JobView } from "../job-view.ts";
import { scheduleEnclaves } from "../schedule-enclaves.ts";
import { readDelivered } from "../read-delivered.ts";
import { pollUntil } from "../poll-until.ts";
import { orderPair } from "../order-pair.ts";
import { orderProofs, type Proving } from "../prove-job.ts";
import type { SealForCommitteeParameters } from "../seal-for-committee.ts";
import { currentSeats, deliverToStandbys } from "../standbys.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";
import { deliverInput, type DeliverInputParameters, type DeliverInputReturnType } from "./deliver-input.ts";
import { canPermit, depositWithPermit } from "./deposit-with-permit.ts";
import { deposit } from "./deposit.ts";
import { fetchResult } from "./fetch-result.ts";
import { getJob } from "./get-job.ts";
import { quoteInference } from "./quote-inference.ts";
import {
  bookRelease,
  countInputs,
  prepareInference,
  requestInference,
  type RequestInferenceParameters,
  type RequestInferenceReturnType,
} from "./request-inference.ts";

/** What happens to a job, in order. Slow-path and dispute stages occur only where needed. */
export type InferenceProgress =
  | { readonly stage: "deposited"; readonly hash: Hex; readonly amount: bigint }
  | { readonly stage: "requested"; readonly jobId: Hex; readonly hash: Hex; readonly gas: bigint }
  | { readonly stage: "seats drawn"; readonly seats: readonly number[] }
  | { readonly stage: "input delivered"; readonly reached: readonly number[]; readonly missing: readonly number[] }
  | { readonly stage: "proposed"; readonly hash: Hex; readonly workerId: number }
  | { readonly stage: "audit drawn"; readonly hash: Hex; readonly seats: readonly number[] }
  | { readonly stage: "opened"; readonly hash: Hex }
  | { readonly stage: "committed"; readonly hash: Hex }
  | { readonly stage: "proven"; readonly hash: Hex; readonly proved: number; readonly workerId: number }
  | { readonly stage: "tallied"; readonly hash: Hex; readonly round: number; readonly accepted: boolean }
  | { readonly stage: "challenged"; readonly hash: Hex; readonly round: number }
  | { readonly stage: "slashed"; readonly workerId: number; readonly amount: bigint; readonly burned: bigint }
  | { readonly stage: "final"; readonly hash: Hex; readonly gas: bigint }
  | { readonly stage: "result opened"; readonly workerId: number };

export interface RequestInferenceSyncParameters extends RequestInferenceParameters {
  /** Deposits what the free balance lacks from the account's tokens first: with a permit where the token takes one. */
  readonly deposit?: boolean | undefined;
  /**
   * A contract that requests on its own account and is called back: its address, and what sends it the spec. The account seals the
   * input. `deposit` is then the contract's affair.
   */
  readonly via?:
    { readonly requester: Address; readonly request: (spec: Spec) => Promise<TransactionHash> } | undefined;
  readonly onProgress?: ((progress: InferenceProgress) => void) | undefined;
  /** Awaited between the draw and the delivery: nothing has left this process yet. */
  readonly beforeDelivery?: ((seats: readonly number[]) => void | Promise<void>) | undefined;
  /** Of `fast-enclave` and `critical-enclave`: which enclaves may see the input. */
  readonly enclaves?: EnclaveTrust | undefined;
  /**
   * Of `fast-enclave`: seals the input once, to the committee of registered enclaves that these rules draw (true: `COMMITTEE_RULES`), before
   * anybody is seated.
   */
  readonly committee?: CommitteeRules | true | undefined;
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
  /** For the whole job after its request; 10 minutes by default. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestInferenceSyncReturnType extends RequestInferenceReturnType {
  /** The model's answer, after the client's last stages; the first of a batch. */
  readonly output: Tensor;
  /** In the order of the inputs; one if the job is no batch. */
  readonly outputs: readonly Tensor[];
  /** For `getReceipt`: the client's signed word on its own stages. */
  readonly clientClaims: readonly ClientClaim[];
  /** For `getReceipt`, if the receipt shall show the result: what the network's last stage gave. */
  readonly result: { readonly outputBytes: Uint8Array; readonly salt: Uint8Array | undefined };
  readonly view: JobView;
  readonly delivery: DeliverInputReturnType;
}

/**
 * Requests, delivers the input (of a PROOF job: orders proofs of its candidates and replaces those that are lost), waits for the end, fetches the result and checks it against the agreed digest.
 * Errors: those of `requireCommittee` before anything is paid, `requestInference`, `deliverInput`, `sealForCommittee` and `fetchResult`; JOB_CLOSED
 * with the reason and refund, also where no quorum of seats took the input; PAIR_MISSING, of critical-enclave, before anything is paid where
 * there are no such enclaves at all, and at once where the job's candidates have none; JOB_TIMEOUT.
 *
 * @example
 * const { output } = await requestInferenceSync(wallet, { hub, manifest, input, crypto: nodeCrypto, onProgress: console.log });
 */
export async function requestInferenceSync(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
): Promise<RequestInferenceSyncReturnType> {
  const { hub, manifest, crypto, fromBlock, signal, onProgress = () => {}, pollMs = 500 } = parameters;
  await assertAnswerable(client, parameters);
  const committee = await committeeOf(client, parameters);
  const requested = await (parameters.via === undefined
    ? requestAlone(client, parameters, onProgress)
    : requestVia(client, parameters, parameters.via));
  const { secret, input } = requested;
  const mined = await checked("request", async () =>
    waitForTransactionReceipt(client, { hash: requested.hash, pollingInterval: Math.min(pollMs, 500) }),
  );
  // A contract chooses the nonce itself, so the job's id is known only now.
  const event = parseEventLogs({ abi: assayHubAbi, eventName: "JobRequested", logs: mined.logs }).find(
    ({ args }) => args.spec.inDigest.toLowerCase() === requested.job.spec.inDigest,
  );
  if (mined.status !== "success" || event === undefined) throw new SdkError("JOB_UNKNOWN", { jobId: requested.jobId });
  const { jobId, requester, nonce, spec } = event.args;
  const job = { requester, nonce, spec };
  onProgress({ stage: "requested", jobId, hash: requested.hash, gas: mined.gasUsed });
  const isProven = (spec.policy.mask & (VOTE | OPTIMISTIC)) === 0;
  let wishes: DeliverInputParameters = {
    hub,
    crypto,
    jobId,
    job,
    manifest,
    input,
    cipher: parameters.cipher,
    secret,
    account: parameters.account,
    fromBlock,
    pollMs,
    signal,
    enclaves: parameters.enclaves,
    send: parameters.send,
    onSeats: async (seats) => {
      onProgress({ stage: "seats drawn", seats });
      await parameters.beforeDelivery?.(seats);
    },
  };
  if (committee !== undefined) {
    const { sealForCommittee } = await import("../seal-for-committee.ts");
    wishes = { ...wishes, sealed: await sealForCommittee(client, { ...wishes, ...committee }) };
  }
  const isFilled = (spec.policy.flags & FLAG_STANDBY) !== 0;
  const deliver = async (): Promise<Proving> => {
    if (isPaired(spec.policy.mask)) return orderPair(client, wishes);
    if (spec.policy.mask === ENCLAVE) return scheduleEnclaves(client, wishes);
    if (isProven) return orderProofs(client, wishes);
    const delivered = await deliverInput(client, wishes);
    const { seats } = delivered;
    return {
      ...delivered,
      watch: async (until) => (isFilled ? deliverToStandbys(client, wishes, seats, until) : undefined),
    };
  };
  const { watch, ...delivery } = await deliver().catch(async (error: unknown) => {
    if (!hasCode(error, "DELIVERY_FAILED")) throw error;
    // Seats without input abstain, and the job ends by itself: what the requester then wants to know is its refund.
    const timeoutMs = Math.min(parameters.timeoutMs ?? Infinity, 2_000 * spec.policy.tWork);
    await waitForEnd(client, { ...parameters, timeoutMs }, jobId, mined, onProgress).catch(() => {
      throw error;
    });
    const { closedReason, refund } = await getJob(client, { hub, jobId, fromBlock: mined.blockNumber });
    if (closedReason === null) throw error;
    throw new SdkError("JOB_CLOSED", { jobId, reason: closedReason, refund: refund ?? 0n }, { cause: error });
  });
  const missing = delivery.failed.map(({ workerId }) => workerId);
  onProgress({ stage: "input delivered", reached: delivery.reached, missing });

  const ended = new AbortController();
  const watching = watch(ended.signal);
  await waitForEnd(client, parameters, jobId, mined, onProgress).finally(() => ended.abort());
  await watching;
  const view = await getJob(client, { hub, jobId, fromBlock: mined.blockNumber });
  if (view.outDigest === null)
    throw new SdkError("JOB_CLOSED", { jobId, reason: view.closedReason ?? view.state, refund: view.refund ?? 0n });
  const holders = isProven
    ? await proversOf(client, hub, jobId, mined.blockNumber, delivery)
    : (spec.policy.mask & OPTIMISTIC) !== 0
      ? await answererOf(client, hub, jobId, mined.blockNumber)
      : (isFilled ? await currentSeats(client, wishes, delivery.seats) : delivery.seats).slice(-job.spec.policy.k);
  const { outDigest } = view;
  if (spec.policy.cls === CLASS_T) {
    const read = await readDelivered(client, { hub, jobId, outDigest, fromBlock: mined.blockNumber });
    onProgress({ stage: "result opened", workerId: read.workerId });
    const { outputBytes, salt, output, outputs } = read;
    const result = { outputBytes, salt };
    return { ...requested, jobId, job, output, outputs, clientClaims: [], result, view, delivery };
  }
  const result = await fetchResult(client, {
    hub,
    crypto,
    jobId,
    manifest,
    secret,
    outDigest,
    inputs: batchCount(spec.policy.flags),
    // Seats that got the input first: one that was unreachable then is a bad first address now.
    seats: holders.toSorted((a, b) => Number(missing.includes(a.workerId)) - Number(missing.includes(b.workerId))),
    fromBlock,
    signal,
  });
  onProgress({ stage: "result opened", workerId: result.workerId });
  const { outputBytes, salt } = result;
  const answer = { output: result.output, outputs: result.outputs, clientClaims: [] };
  const part = clientPartOf(manifest, parameters.clientPart);
  const finished =
    part === undefined
      ? answer
      : await finishClientStages(client, {
          part,
          hub,
          jobId,
          account: accountOf(client, parameters.account, "requestInferenceSync"),
          statements: requested.statements,
          run: { secret: secret.reveal(), bytes: outputBytes, inputs: batchCount(spec.policy.flags), outDigest },
        });
  return { ...requested, ...finished, jobId, job, result: { outputBytes, salt }, view, delivery };
}

/** The prover of the last stage, then its second if there is one: others hold no result. */
async function proversOf(
  client: WalletLike,
  hub: Address,
  jobId: Hex,
  fromBlock: bigint,
  { seats }: DeliverInputReturnType,
): Promise<DeliverInputReturnType["seats"]> {
  const filter = { address: hub, abi: assayHubAbi, args: { jobId }, fromBlock, strict: true } as const;
  const [proven, seconded] = await checked("getLogs", async () =>
    Promise.all([
      getContractEvents(client, { ...filter, eventName: "Proven" }),
      getContractEvents(client, { ...filter, eventName: "Seconded" }),
    ]),
  );
  const last = proven.toSorted((a, b) => b.args.stage - a.args.stage)[0]?.args;
  const second = seconded.find(({ args }) => args.stage === last?.stage)?.args;
  return [last, second].flatMap((one) => seats.filter(({ workerId }) => workerId === one?.workerId));
}

/** Who answered a sampled job, the last committee first: what was proposed may have been overturned. */
async function answererOf(
  client: WalletLike,
  hub: Address,
  jobId: Hex,
  fromBlock: bigint,
): Promise<DeliverInputReturnType["seats"]> {
  const filter = { address: hub, abi: assayHubAbi, args: { jobId }, fromBlock, strict: true } as const;
  const [proposed, audited, pinned, { vault }] = await checked("getLogs", async () =>
    Promise.all([
      getContractEvents(client, { ...filter, eventName: "Proposed" }),
      getContractEvents(client, { ...filter, eventName: "AuditDrawn" }),
      getContractEvents(client, { ...filter, eventName: "Pinned" }),
      getDeployment(client, hub),
    ]),
  );
  const escalated = pinned.filter(({ args }) => args.round > 0).toReversed();
  const workerIds = [
    ...escalated.flatMap(({ args }) => args.seats),
    ...proposed.map(({ args }) => args.workerId),
    ...audited.flatMap(({ args }) => args.seats),
  ].filter((id, at, all) => all.indexOf(id) === at);
  const signers = await checked("signersOf", async () =>
    readContract(client, { address: vault, abi: stakeVaultAbi, functionName: "signersOf", args: [workerIds] }),
  );
  return workerIds.map((workerId, at) => ({ workerId, signer: signers[at] ?? "0x" }));
}

/** Nobody pays for a critical job that no enclaves could answer. Errors: PAIR_MISSING, those of `quoteInference`. */
async function assertAnswerable(client: WalletLike, parameters: RequestInferenceSyncParameters): Promise<void> {
  const { hub, manifest, enclaves: trust, fromBlock } = parameters;
  // Models that nobody registered for it are planned without such jobs.
  if (((manifest.acceptedMasks >>> (ENCLAVE | PROOF)) & 1) === 0) return;
  const { spec } = await quoteInference(client, { ...parameters, inputs: countInputs(parameters.input) });
  if (isPaired(spec.policy.mask)) await assertPair(client, { hub, spec, trust, fromBlock });
}

/** Before anything is paid: a job whose input nobody can open ends unanswered, and its fee for ending is gone. */
async function committeeOf(
  client: WalletLike,
  { hub, crypto, manifest, committee, enclaves: trust, fromBlock, signal }: RequestInferenceSyncParameters,
): Promise<Required<Pick<SealForCommitteeParameters, "rules" | "key">> | undefined> {
  if (committee === undefined) return undefined;
  const { requireCommittee } = await import("../seal-for-committee.ts");
  const rules = committee === true ? COMMITTEE_RULES : committee;
  return { rules, key: await requireCommittee(client, { hub, crypto, manifest, rules, trust, fromBlock, signal }) };
}

async function requestAlone(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
  onProgress: (progress: InferenceProgress) => void,
): Promise<RequestInferenceReturnType> {
  if (parameters.deposit === true) await topUp(client, parameters, onProgress);
  return requestInference(client, parameters);
}

async function requestVia(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
  { requester, request }: NonNullable<RequestInferenceSyncParameters["via"]>,
): Promise<RequestInferenceReturnType> {
  const { address } = accountOf(client, parameters.account, "requestInferenceSync");
  const { send = async (action) => action() } = parameters;
  const wishes = { callback: requester, client: address, ...parameters };
  const prepared = await prepareInference(client, { ...wishes, requester });
  bookRelease(prepared, parameters.privacy);
  return { ...prepared, hash: await send(async () => checked("request", async () => request(prepared.job.spec))) };
}

async function topUp(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
  onProgress: (progress: InferenceProgress) => void,
): Promise<void> {
  const { hub, pollMs = 500, send = async (action) => action() } = parameters;
  const account = accountOf(client, parameters.account, "requestInferenceSync");
  const { missing: amount } = await quoteInference(client, {
    ...parameters,
    requester: account.address,
    inputs: countInputs(parameters.input),
  });
  if (amount === 0n) return;
  const pay = (await canPermit(client, hub)) ? depositWithPermit : deposit;
  const hash = await send(async () => pay(client, { hub, amount, account }));
  const { status } = await checked("deposit", async () =>
    waitForTransactionReceipt(client, { hash, pollingInterval: Math.min(pollMs, 500) }),
  );
  if (status === "success") onProgress({ stage: "deposited", hash, amount });
}

const REREAD_BLOCKS = 8n;
const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Follows the job's events until Finalized or Closed. Errors: JOB_TIMEOUT, INTERRUPTED. */
async function waitForEnd(
  client: WalletLike,
  parameters: RequestInferenceSyncParameters,
  jobId: Hex,
  mined: TransactionReceipt,
  onProgress: (progress: InferenceProgress) => void,
): Promise<void> {
  const { hub, signal, pollMs = 500, timeoutMs = 600_000 } = parameters;
  const seen = new Set<string>();
  let fromBlock = mined.blockNumber;
  const ended = await pollUntil(
    async () => {
      const head = await checked("blockNumber", async () => getBlockNumber(client, { cacheTime: 0 }));
      if (head < fromBlock) return undefined;
      const events = await checked("getLogs", async () =>
        getContractEvents(client, { address: hub, abi: assayHubAbi, fromBlock, toBlock: head, strict: true }),
      );
      // A few blocks are read again: the newest ones may still be replaced.
      fromBlock = maxOf(fromBlock, head - REREAD_BLOCKS);
      for (const event of events) {
        const { args, transactionHash: hash } = event;
        const key = `${hash}/${event.logIndex}`;
        if (!("jobId" in args) || args.jobId !== jobId || seen.has(key)) continue;
        seen.add(key);
        if (event.eventName === "Committed" || event.eventName === "CommittedMany")
          onProgress({ stage: "committed", hash });
        if (event.eventName === "Proposed") onProgress({ stage: "proposed", hash, workerId: event.args.workerId });
        if (event.eventName === "AuditDrawn") onProgress({ stage: "audit drawn", hash, seats: event.args.seats });
        // Round 0 of a sampled job: the answer, before its window.
        if (event.eventName === "StageTallied" && event.args.record.tallies.at(-1)?.seats.length === 1)
          onProgress({ stage: "opened", hash });
        else if (event.eventName === "StageTallied")
          onProgress({ stage: "tallied", hash, round: event.args.round, accepted: BigInt(event.args.digest) !== 0n });
        if (event.eventName === "Proven")
          onProgress({ stage: "proven", hash, proved: event.args.stage, workerId: event.args.workerId });
        if (event.eventName === "Challenged") onProgress({ stage: "challenged", hash, round: event.args.round });
        if (event.eventName === "Slashed") {
          const { workerId, amount, burned } = event.args;
          onProgress({ stage: "slashed", workerId, amount, burned });
        }
        if (event.eventName === "Closed") return true;
        if (event.eventName === "Finalized") {
          const { gasUsed } = await checked("getTransactionReceipt", async () =>
            getTransactionReceipt(client, { hash }),
          );
          onProgress({ stage: "final", hash, gas: gasUsed });
          return true;
        }
      }
      return undefined;
    },
    { doing: `waiting for job ${jobId}`, everyMs: pollMs, timeoutMs, signal },
  );
  if (ended === undefined) throw new SdkError("JOB_TIMEOUT", { jobId, ms: timeoutMs });
}
