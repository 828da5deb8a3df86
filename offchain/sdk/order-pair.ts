// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import { readContract } from "viem/actions";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { splitBlob } from "../core/blob.ts";
import { fromHex } from "../core/bytes.ts";
import { CANDIDATES } from "../core/draw.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { jobTable } from "../core/network-part.ts";
import { encodePairOrder } from "../core/pair-order.ts";
import { decodeProofStatus, encodeProofRequest, PROOF_PROTOCOL, type ProofStatus } from "../core/proof-wire.ts";
import { INPUT_BOUNDARY } from "../core/salts.ts";
import { canSealTo, sealBlob, sealContext, sealRecipients } from "../core/seal.ts";
import { ZERO_ADDRESS } from "../core/types.ts";
import type { DeliverInputParameters, DeliverInputReturnType } from "./actions/deliver-input.ts";
import { getSeats } from "./actions/get-seats.ts";
import { getWorkerProfiles } from "./actions/get-worker-profiles.ts";
import { unfitFor } from "./assert-pair.ts";
import { checked } from "./checked.ts";
import { choosePair, lackOfPair, type ChosenPair, type KeptPair } from "./choose-pair.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { findEnclaves, readEnclaveRegistry, type FoundEnclave } from "./find-enclaves.ts";
import { pollUntil } from "./poll-until.ts";
import type { Proving } from "./prove-job.ts";
import { allSalts, deliverTo, readTimes, type Delivery, type Recipient } from "./push-sealed.ts";
import { callSeat } from "./seat-call.ts";
import { accountOf, type WalletLike } from "./send.ts";

const WATCH_EVERY_MS = 1_500;
const STATUS_TIMEOUT_MS = 3_000;
/** Looks in a row that an enclave may miss, or hold up what the other has done, before its part goes to another. */
const PATIENCE = 3;
/** Looks at a pair that has everything and does not end the job. */
const PATIENCE_DONE = 8;
/** Times that candidates are asked for a pair, before the job is given up. */
const ASK_ROUNDS = 12;

const lower = (address: string): `0x${string}` => `0x${address.slice(2).toLowerCase()}`;

/**
 * `deliverInput` for jobs of mask ENCLAVE and PROOF: of the 12 candidates it chooses two whose enclaves it trusts (`enclaves`), of two
 * vendor families and two operators, one of which can prove; seals the input and who they are to the keys of these two alone; and
 * gives a part to another where one is lost, says something else, or is not registered any more. Errors: SEATS_UNKNOWN; PAIR_MISSING, at once,
 * when there is no such pair among the candidates; DELIVERY_FAILED when none takes the input; INTERRUPTED; JOB_UNKNOWN; RPC_UNAVAILABLE.
 */
export async function orderPair(client: WalletLike, parameters: DeliverInputParameters): Promise<Proving> {
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
  const known = seats.flatMap(({ workerId, signer }): Recipient[] => {
    const profile = profiles.get(workerId);
    return profile === undefined ? [] : [{ profile, signer }];
  });
  const order = new PairOrders(client, parameters, { ...parameters, chainId, account, ...times }, known);
  await order.assign();
  return { seats, reached: order.reached, failed: order.failed, watch: (until) => order.watch(until) };
}

/** What is known of a candidate whose enclave may be asked. */
interface Candidate extends Recipient {
  readonly workerId: number;
  readonly enclave: FoundEnclave;
  readonly able: boolean;
  readonly load: number;
}

/** Which two enclaves answer one critical job. */
class PairOrders {
  readonly #client: WalletLike;
  readonly #wishes: Pick<DeliverInputParameters, "enclaves" | "fromBlock">;
  readonly #delivery: Delivery;
  readonly #recipients: readonly Recipient[];
  readonly #lost = new Map<number, AssayError>();
  /** Why the newest look trusts an enclave with nothing: it may be registered again. */
  #refused = new Map<number, AssayError>();
  readonly #missed = new Map<number, number>();
  /** Enclaves of this job's kind that the newest look trusts, whether they answer or not. */
  #fit: readonly Pick<Candidate, "enclave">[] = [];
  #registry: Promise<Address> | undefined;
  /** Seconds that the present prover could not agree with. */
  #outlived = 0;
  #pair: KeptPair<Candidate> = {};
  #attempt = 0;
  #held = 0;

  constructor(
    client: WalletLike,
    wishes: Pick<DeliverInputParameters, "enclaves" | "fromBlock">,
    delivery: Delivery,
    recipients: readonly Recipient[],
  ) {
    this.#client = client;
    this.#wishes = wishes;
    this.#delivery = delivery;
    this.#recipients = recipients;
  }

  get #members(): readonly Candidate[] {
    return [this.#pair.prover, this.#pair.second].flatMap((one) => one ?? []);
  }
  get reached(): readonly number[] {
    return this.#members.map(({ workerId }) => workerId);
  }
  get failed(): DeliverInputReturnType["failed"] {
    return [...new Map([...this.#refused, ...this.#lost])].map(([workerId, error]) => ({ workerId, error }));
  }

  /** Chooses a pair, keeping whom it can of the one before, and gives both the order. Errors: PAIR_MISSING, DELIVERY_FAILED. */
  async assign(): Promise<void> {
    const { jobId, job, signal } = this.#delivery;
    const { k } = job.spec.policy;
    let lacked: string | undefined;
    for (let round = 0; round < ASK_ROUNDS; round += 1) {
      const candidates = await this.#candidates();
      const same = (one: Candidate | undefined) => candidates.find(({ workerId }) => workerId === one?.workerId);
      const keep = { prover: same(this.#pair.prover), second: same(this.#pair.second) };
      const chosen = choosePair(candidates, k, keep);
      this.#pair = chosen ?? this.#pair;
      if (chosen !== undefined && (await this.#tell(chosen))) return;
      const lack = lackOfPair(this.#fit, k);
      // Twice in a row: a registration may just be renewed.
      if (lack !== undefined && lack === lacked) throw this.#missing(lack);
      lacked = lack;
      await pollUntil<boolean>(async () => undefined, { doing: "waiting for a pair of enclaves", everyMs: 250, timeoutMs: 500, signal }); // prettier-ignore
    }
    if (this.#attempt === 0) throw this.#missing("no two that fit answer, one of them able to prove");
    const cause = this.failed[0]?.error;
    throw new SdkError("DELIVERY_FAILED", { jobId, reached: this.#members.length, seats: k, quorum: k }, { cause });
  }

  #missing(missing: string): AssayError {
    const who = `The candidates of job ${this.#delivery.jobId}`;
    return new SdkError("PAIR_MISSING", { who, missing }, { cause: this.failed[0]?.error });
  }

  /** Those that answer, whose enclave the requester trusts, young enough until the job is over at the latest. */
  async #candidates(): Promise<readonly Candidate[]> {
    const { hub, job, crypto } = this.#delivery;
    const { modelId, expiry } = job.spec;
    const asked = this.#recipients.filter(({ profile }) => !this.#lost.has(profile.workerId));
    const workers = asked.map(({ signer }) => signer);
    const query = { hub, modelId, workers, until: expiry, trust: this.#wishes.enclaves, fromBlock: this.#wishes.fromBlock }; // prettier-ignore
    const { found, refused } = await findEnclaves(this.#client, query);
    this.#refused = new Map();
    this.#fit = [...found.values()].flatMap((enclave) =>
      unfitFor(enclave, expiry) === undefined ? [{ enclave }] : [],
    );
    const answers = await Promise.all(
      asked.map(async (recipient): Promise<Candidate | undefined> => {
        const { workerId } = recipient.profile;
        const enclave = found.get(recipient.signer.toLowerCase());
        const why = enclave === undefined ? refused.get(recipient.signer.toLowerCase()) : unfitFor(enclave, expiry);
        if (enclave === undefined || why !== undefined || !canSealTo(crypto, fromHex(enclave.sealKey, 32))) {
          this.#refused.set(workerId, new SdkError("ENCLAVE_REFUSED", { worker: workerId, why: why ?? "its key is unusable" })); // prettier-ignore
          return undefined;
        }
        const status = await this.#status(recipient).catch(() => undefined);
        if (status === undefined) return undefined;
        return { ...recipient, workerId, enclave, able: status.able, load: status.load };
      }),
    );
    return answers.flatMap((one) => one ?? []);
  }

  async #status({ profile }: Recipient): Promise<ProofStatus> {
    const { crypto, jobId, signal } = this.#delivery;
    const request = encodeProofRequest({ kind: "status", jobId });
    const limits = { maxReplyBytes: 64, timeoutMs: STATUS_TIMEOUT_MS, signal };
    return decodeProofStatus(await callSeat(crypto, { profile, protocol: PROOF_PROTOCOL, request, ...limits }));
  }

  /** False if one of them does not take it, and loses its part. */
  async #tell({ prover, second }: ChosenPair<Candidate>): Promise<boolean> {
    this.#attempt += 1;
    this.#held = 0;
    const members = [prover, ...(second === undefined ? [] : [second])];
    const parcel = this.#pack(members);
    const failures = await Promise.all(
      members.map(async (one) => deliverTo(this.#client, this.#delivery, parcel, one, () => true)),
    );
    for (const [i, error] of failures.entries()) {
      const member = members[i];
      if (error !== undefined && member !== undefined) this.#lose(member, error);
    }
    return failures.every((error) => error === undefined);
  }

  #lose({ workerId }: Candidate, error: AssayError): void {
    this.#lost.set(workerId, error);
    this.#missed.delete(workerId);
    const { prover, second } = this.#pair;
    if (workerId === prover?.workerId) this.#outlived = 0;
    const left = (one: Candidate | undefined) => (one?.workerId === workerId ? undefined : one);
    this.#pair = { prover: left(prover), second: left(second) };
  }

  #pack(members: readonly Candidate[]) {
    const { manifest, secret, crypto, input, jobId, chainId, hub, account } = this.#delivery;
    if (!(input instanceof Uint8Array)) throw new SdkError("NOT_SUPPORTED", { what: "proofs over a joined input" });
    const [prover, second] = members.map(({ signer }) => lower(signer));
    const pair = { prover: prover ?? ZERO_ADDRESS, second: second ?? ZERO_ADDRESS };
    const plain = encodePairOrder({
      attempt: this.#attempt,
      // Both run all stages: between enclaves no boundary goes over any wire.
      pairs: jobTable(manifest).map(() => pair),
      input: {
        stage: 0,
        salts: allSalts(manifest, secret),
        tensors: [{ boundary: INPUT_BOUNDARY, tensor: input }],
      },
    });
    const context = sealContext({ chainId: BigInt(chainId), hub, jobId, boundary: INPUT_BOUNDARY, lane: 0, sender: lower(account.address) }); // prettier-ignore
    const keys = members.map(({ enclave }) => enclave.sealKey);
    const sealed = sealBlob(crypto, { context, recipients: sealRecipients(crypto, keys), plain });
    plain.fill(0);
    return { boundary: INPUT_BOUNDARY, blob: splitBlob(sealed), bytes: sealed.length };
  }

  async watch(signal: AbortSignal): Promise<void> {
    await pollUntil<boolean>(
      async () => {
        await this.#look();
        return undefined;
      },
      { doing: "watching the enclaves", everyMs: WATCH_EVERY_MS, timeoutMs: Number.MAX_SAFE_INTEGER, signal },
    ).catch(() => undefined);
  }

  /** Asks both how far they are; who is gone, forgot its part, or keeps the other from ending the job is replaced. */
  async #look(): Promise<void> {
    const { prover, second } = this.#pair;
    const [a, b] = await Promise.all([prover, second].map(async (one) => (one === undefined ? undefined : this.#ask(one)))); // prettier-ignore
    const isMade = a?.phases[0] === "proven";
    const hasBoth = isMade && a.phases[1] === "proven";
    // The prover has heard another digest of the second, or waits for what that says that it has done.
    const isHeldUp =
      a?.phases[1] === "waiting" || (isMade && !hasBoth && (second === undefined || b?.phases[0] === "proven"));
    this.#held = isHeldUp || hasBoth ? this.#held + 1 : 0;
    if (this.#held >= (hasBoth ? PATIENCE_DONE : PATIENCE)) {
      this.#held = 0;
      // One word against another: the second first, and if the next one says the same as it the prover.
      const culprit = this.#outlived === 0 ? (second ?? prover) : prover;
      if (culprit === second) this.#outlived += 1;
      if (culprit !== undefined) this.#lose(culprit, this.#gone(culprit, "nothing that agrees with the other enclave came of its part")); // prettier-ignore
    }
    if (this.#members.length === this.#delivery.job.spec.policy.k) return;
    await this.assign().catch((error: unknown) => {
      // Nobody is left: the job ends by its deadline, and costs the kill fee.
      if (!isAssayError(error)) throw error;
    });
  }

  /** The hub takes nothing of a key that was ended meanwhile, whatever its enclave still does. */
  async #isRegistered({ enclave }: Candidate): Promise<boolean> {
    const { hub, chainTime } = this.#delivery;
    try {
      const address = await (this.#registry ??= readEnclaveRegistry(this.#client, hub));
      const args = [enclave.key, BigInt(Math.floor(chainTime()))] as const;
      return await checked("isLive", async () =>
        readContract(this.#client, { address, abi: enclaveRegistryAbi, functionName: "isLive", args }),
      );
    } catch (error) {
      // An endpoint that is away says nothing of the enclave.
      if (!isAssayError(error)) throw error;
      this.#registry = undefined;
      return true;
    }
  }

  async #ask(member: Candidate): Promise<ProofStatus | undefined> {
    const { workerId } = member;
    if (!(await this.#isRegistered(member))) {
      this.#lose(member, new SdkError("ENCLAVE_REFUSED", { worker: workerId, why: "its registration was ended" }));
      return undefined;
    }
    const status = await this.#status(member).catch((error: unknown) => {
      if (!isAssayError(error)) throw error;
      return error;
    });
    const isLost = isAssayError(status) || status.phases[0] === "none";
    const missed = isLost ? (this.#missed.get(workerId) ?? 0) + 1 : 0;
    this.#missed.set(workerId, missed);
    if (missed >= PATIENCE)
      this.#lose(member, isAssayError(status) ? status : this.#gone(member, "its enclave lost what it was given"));
    return isAssayError(status) ? undefined : status;
  }

  #gone({ profile }: Candidate, why: string): AssayError {
    return new SdkError("SEAT_REFUSED", { worker: profile.workerId, endpoint: profile.endpoints[0] ?? "", why });
  }
}
