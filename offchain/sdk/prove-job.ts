// SPDX-License-Identifier: MIT
import { splitBlob } from "../core/blob.ts";
import { fromHex } from "../core/bytes.ts";
import { CANDIDATES } from "../core/draw.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { jobTable } from "../core/network-part.ts";
import { encodeProofOrder } from "../core/proof-order.ts";
import { decodeProofStatus, encodeProofRequest, PROOF_PROTOCOL, type ProofStatus } from "../core/proof-wire.ts";
import { INPUT_BOUNDARY } from "../core/salts.ts";
import { canSealTo, sealBlob, sealContext, sealRecipients } from "../core/seal.ts";
import type { DeliverInputParameters, DeliverInputReturnType } from "./actions/deliver-input.ts";
import { getSeats } from "./actions/get-seats.ts";
import { getWorkerProfiles } from "./actions/get-worker-profiles.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { pollUntil } from "./poll-until.ts";
import { deliverTo, readTimes, stageSalts, type Delivery, type Recipient } from "./push-sealed.ts";
import { callSeat } from "./seat-call.ts";
import { accountOf, type WalletLike } from "./send.ts";

const WATCH_EVERY_MS = 1_500;
const STATUS_TIMEOUT_MS = 3_000;
/** Looks in a row that an asked prover may miss before its stage goes to another candidate. */
const PATIENCE = 3;
/** Candidates that are asked again who of them can prove, before the job is given up. */
const ASK_ROUNDS = 12;

export interface Proving extends DeliverInputReturnType {
  /** Replaces provers that are lost until the signal ends it: run it beside waiting for the job. Never throws. */
  watch(this: void, signal: AbortSignal): Promise<void>;
}

/** What is known of a candidate while its job runs. */
interface Candidate extends Recipient {
  missed: number;
}

/**
 * `deliverInput` for PROOF jobs: finds out which of the 12 candidates can prove the model, gives each stage to one of them, and tells
 * all who has which. Each gets its stage's salts and what it reads of the job's input, sealed to it alone; boundaries go from prover to
 * prover. Errors: SEATS_UNKNOWN; DELIVERY_FAILED when fewer candidates take a stage than there are stages; INTERRUPTED; JOB_UNKNOWN;
 * RPC_UNAVAILABLE.
 */
export async function orderProofs(client: WalletLike, parameters: DeliverInputParameters): Promise<Proving> {
  const { hub, jobId, job, signal, onSeats } = parameters;
  const account = accountOf(client, parameters.account, "deliverInput");
  const { chainId } = await getDeployment(client, hub);
  const { ticketClass } = job.spec.policy;
  const timeoutMs = parameters.seatsTimeoutMs ?? 60_000;
  const seats = await pollUntil(
    async () => (await getSeats(client, { hub, jobId, seats: CANDIDATES, ticketClass })) ?? undefined,
    { doing: "waiting for the candidates", everyMs: parameters.pollMs ?? 500, timeoutMs, signal },
  );
  if (seats === undefined) throw new SdkError("SEATS_UNKNOWN", { jobId, ms: timeoutMs });
  const workerIds = seats.map(({ workerId }) => workerId);
  await onSeats?.(workerIds);
  const [profiles, times] = await Promise.all([
    getWorkerProfiles(client, { hub, workerIds, fromBlock: parameters.fromBlock }),
    readTimes(client, parameters),
  ]);
  const known = seats.flatMap(({ workerId, signer }): Candidate[] => {
    const profile = profiles.get(workerId);
    const isUsable = profile !== undefined && canSealTo(parameters.crypto, fromHex(profile.sealKey, 32));
    return isUsable ? [{ profile, signer, missed: 0 }] : [];
  });
  const orders = new ProofOrders(client, { ...parameters, chainId, account, ...times }, known);
  await orders.assign();
  return {
    seats,
    reached: [...new Set(orders.workers)],
    failed: orders.failed,
    watch: (until) => orders.watch(until),
  };
}

/** Who proves which stage of one job. */
class ProofOrders {
  readonly #client: WalletLike;
  readonly #delivery: Delivery;
  readonly #candidates: Candidate[];
  readonly #lost = new Map<number, AssayError>();
  readonly #provers: (Candidate | undefined)[];
  #attempt = 0;

  constructor(client: WalletLike, delivery: Delivery, candidates: readonly Candidate[]) {
    this.#client = client;
    this.#delivery = delivery;
    this.#candidates = [...candidates];
    this.#provers = jobTable(delivery.manifest).map(() => undefined);
  }

  get workers(): readonly number[] {
    return this.#provers.map((one) => one?.profile.workerId ?? 0);
  }

  get failed(): DeliverInputReturnType["failed"] {
    return [...this.#lost].map(([workerId, error]) => ({ workerId, error }));
  }

  /** Gives every stage without a prover to a candidate, and tells all provers. Error: DELIVERY_FAILED. */
  async assign(): Promise<void> {
    const stages = this.#provers.length;
    for (let round = 0; round < ASK_ROUNDS; round += 1) {
      const able = await this.#able();
      this.#provers.forEach((prover, stage) => {
        // Each stage its own prover, as far as there are enough: proofs are made side by side.
        const free = able.find((one) => !this.#provers.includes(one)) ?? able[stage % Math.max(1, able.length)];
        if (prover === undefined) this.#provers[stage] = free;
      });
      if (!this.#provers.includes(undefined) && (await this.#tell())) return;
      await pollUntil<boolean>(async () => undefined, {
        doing: "waiting for provers",
        everyMs: 250,
        timeoutMs: 500,
        signal: this.#delivery.signal,
      });
    }
    const { jobId } = this.#delivery;
    const reached = this.#provers.filter((one) => one !== undefined).length;
    const [cause] = this.#lost.values();
    throw new SdkError("DELIVERY_FAILED", { jobId, reached, seats: stages, quorum: stages }, { cause });
  }

  /** Candidates that can prove now, the least busy first. */
  async #able(): Promise<Candidate[]> {
    const asked = this.#candidates.filter(({ profile }) => !this.#lost.has(profile.workerId));
    const answers = await Promise.all(
      asked.map(async (one) => ({ one, status: await this.#status(one).catch(() => undefined) })),
    );
    return answers
      .filter(({ status }) => status?.able === true)
      .toSorted((a, b) => (a.status?.load ?? 0) - (b.status?.load ?? 0))
      .map(({ one }) => one);
  }

  async #status({ profile }: Recipient): Promise<ProofStatus> {
    const { crypto, jobId, signal } = this.#delivery;
    const request = encodeProofRequest({ kind: "status", jobId });
    const call = {
      profile,
      protocol: PROOF_PROTOCOL,
      request,
      maxReplyBytes: 64,
      timeoutMs: STATUS_TIMEOUT_MS,
      signal,
    };
    return decodeProofStatus(await callSeat(crypto, call));
  }

  /** Sends each prover its orders. A prover that does not take them loses its stages: false. */
  async #tell(): Promise<boolean> {
    this.#attempt += 1;
    const failures = await Promise.all(
      this.#provers.map(async (prover, stage) => {
        if (prover === undefined) return undefined;
        const parcel = this.#pack(stage, prover);
        return deliverTo(this.#client, this.#delivery, parcel, prover, () => true);
      }),
    );
    let isTold = true;
    for (const [stage, error] of failures.entries()) {
      const prover = this.#provers[stage];
      if (error === undefined || prover === undefined) continue;
      this.#lose(prover, error);
      isTold = false;
    }
    return isTold;
  }

  #lose(prover: Candidate, error: AssayError): void {
    this.#lost.set(prover.profile.workerId, error);
    for (const [stage, one] of this.#provers.entries()) if (one === prover) this.#provers[stage] = undefined;
  }

  #pack(stage: number, { profile }: Recipient) {
    const { manifest, secret, crypto, input, jobId, chainId, hub, account } = this.#delivery;
    const readsInput = jobTable(manifest)[stage]?.producers.includes(INPUT_BOUNDARY) === true;
    // The hub takes no proofs over joined inputs.
    if (!(input instanceof Uint8Array)) throw new SdkError("NOT_SUPPORTED", { what: "proofs over a joined input" });
    const tensors = readsInput ? [{ boundary: INPUT_BOUNDARY, tensor: input }] : [];
    const salts = stageSalts(manifest, secret, stage);
    const plain = encodeProofOrder({
      attempt: this.#attempt,
      workers: this.workers,
      input: { stage, salts, tensors },
    });
    const sender: `0x${string}` = `0x${account.address.slice(2).toLowerCase()}`;
    const context = sealContext({ chainId: BigInt(chainId), hub, jobId, boundary: stage, lane: 0, sender });
    const sealed = sealBlob(crypto, { context, recipients: sealRecipients(crypto, [profile.sealKey]), plain });
    plain.fill(0);
    return { boundary: stage, blob: splitBlob(sealed), bytes: sealed.length };
  }

  async watch(signal: AbortSignal): Promise<void> {
    await pollUntil<boolean>(
      async () => {
        await this.#look();
        return undefined;
      },
      { doing: "watching the provers", everyMs: WATCH_EVERY_MS, timeoutMs: Number.MAX_SAFE_INTEGER, signal },
    ).catch(() => undefined);
  }

  /** Asks every prover how far it is; who is gone, or forgot its stage, is replaced. */
  async #look(): Promise<void> {
    await Promise.all(
      [...new Set(this.#provers)].map(async (prover) => {
        if (prover === undefined) return;
        const status = await this.#status(prover).catch((error: unknown) => {
          if (!isAssayError(error)) throw error;
          return error;
        });
        const isLost = isAssayError(status) || this.#forgot(prover, status);
        prover.missed = isLost ? prover.missed + 1 : 0;
        if (prover.missed < PATIENCE) return;
        const { workerId, endpoints } = prover.profile;
        const why = "it does not answer for the stage that it took";
        const gone = new SdkError("SEAT_REFUSED", { worker: workerId, endpoint: endpoints[0] ?? "", why });
        this.#lose(prover, isAssayError(status) ? status : gone);
      }),
    );
    if (!this.#provers.includes(undefined)) return;
    await this.assign().catch((error: unknown) => {
      // Nobody is left: what is proven so far is paid, and the job ends by its deadline.
      if (!isAssayError(error)) throw error;
    });
  }

  #forgot(prover: Candidate, { phases }: ProofStatus): boolean {
    return this.#provers.some((one, stage) => one === prover && phases[stage] === "none");
  }
}
