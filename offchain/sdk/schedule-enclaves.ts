// SPDX-License-Identifier: MIT
import type { Hex } from "viem";
import { readContract, waitForTransactionReceipt, writeContract } from "viem/actions";
import { assayHubAbi } from "../adapters/chain/abi/assay-hub.ts";
import { enclaveRegistryAbi } from "../adapters/chain/abi/enclave-registry.ts";
import { splitBlob } from "../core/blob.ts";
import { toHex } from "../core/bytes.ts";
import { CANDIDATES } from "../core/draw.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { jobTable } from "../core/network-part.ts";
import { enclavePlanRequest, planEnclaves, replanEnclaves, type EnclavePlan } from "../core/planning/enclave-plan.ts";
import type { PlanRequest, PlanRun } from "../core/planning/types.ts";
import { decodeProofStatus, encodeProofRequest, type ProofStatus } from "../core/proof-wire.ts";
import { INPUT_BOUNDARY } from "../core/salts.ts";
import { enclaveId, encodeScheduleOrder, type ScheduledEnclave } from "../core/schedule-order.ts";
import { sealBlob, sealContext, sealRecipients } from "../core/seal.ts";
import type { BoundarySalt } from "../core/sealed-input.ts";
import type { Word } from "../core/tagged-hash.ts";
import type { DeliverInputParameters, DeliverInputReturnType } from "./actions/deliver-input.ts";
import { getSeats } from "./actions/get-seats.ts";
import { getWorkerProfiles } from "./actions/get-worker-profiles.ts";
import { checked } from "./checked.ts";
import { getDeployment } from "./deployment.ts";
import { SdkError } from "./errors.ts";
import { findEnclaves, readEnclaveRegistry, type FoundEnclave } from "./find-enclaves.ts";
import { pollUntil } from "./poll-until.ts";
import type { Proving } from "./prove-job.ts";
import { deliverTo, readTimes, stageSalts, type Delivery, type Parcel, type Recipient } from "./push-sealed.ts";
import { callSeat } from "./seat-call.ts";
import { accountOf, type WalletLike } from "./send.ts";

/** Asks a worker how far its enclave is with a job; mirror: protocol/scheduled-desk. */
const SCHEDULE_PROTOCOL = "/assay/schedule/1";
const WATCH_EVERY_MS = 1_000;
const STATUS_TIMEOUT_MS = 3_000;
/** Looks in a row that a scheduled enclave may miss before its run goes to another. */
const PATIENCE = 3;

interface Candidate extends Recipient {
  readonly enclave: FoundEnclave;
  missed: number;
}

/**
 * `deliverInput` for jobs whose stages several enclaves share: finds the enclaves of the 12 candidates that `enclaves` admits, plans who
 * runs what, commits to the plan on chain, and seals to each enclave its order: the plan, its peers' keys as the registry has them, its
 * salts, and for the first the input. Boundaries go from enclave to enclave. Errors: SEATS_UNKNOWN; DELIVERY_FAILED when there are too
 * few enclaves or they do not take their orders; INTERRUPTED; JOB_UNKNOWN; RPC_UNAVAILABLE.
 */
export async function scheduleEnclaves(client: WalletLike, parameters: DeliverInputParameters): Promise<Proving> {
  const { hub, jobId, job, signal, onSeats, fromBlock, enclaves: trust } = parameters;
  const { spec } = job;
  const account = accountOf(client, parameters.account, "deliverInput");
  const { chainId } = await getDeployment(client, hub);
  const timeoutMs = parameters.seatsTimeoutMs ?? 60_000;
  const seats = await pollUntil(
    async () => (await getSeats(client, { hub, jobId, seats: CANDIDATES, ticketClass: spec.policy.ticketClass })) ?? undefined, // prettier-ignore
    { doing: "waiting for the candidates", everyMs: parameters.pollMs ?? 500, timeoutMs, signal },
  );
  if (seats === undefined) throw new SdkError("SEATS_UNKNOWN", { jobId, ms: timeoutMs });
  const workerIds = seats.map(({ workerId }) => workerId);
  await onSeats?.(workerIds);
  const workers = seats.map(({ signer }) => signer);
  const [profiles, times, { found, refused }, registry] = await Promise.all([
    getWorkerProfiles(client, { hub, workerIds, fromBlock }),
    readTimes(client, parameters),
    findEnclaves(client, { hub, modelId: spec.modelId, workers, until: spec.expiry, trust, fromBlock }),
    readEnclaveRegistry(client, hub),
  ]);
  const candidates = seats.flatMap(({ workerId, signer }): Candidate[] => {
    const [profile, enclave] = [profiles.get(workerId), found.get(signer.toLowerCase())];
    if (profile === undefined || enclave === undefined) return [];
    return [{ profile: { ...profile, sealKey: enclave.sealKey }, signer, enclave, missed: 0 }];
  });
  const failed = seats.flatMap(({ workerId, signer }): [number, AssayError][] => {
    const why = refused.get(signer.toLowerCase());
    return why === undefined ? [] : [[workerId, new SdkError("ENCLAVE_REFUSED", { worker: workerId, why })]];
  });
  const schedule = new Schedule(
    client,
    { ...parameters, chainId, account, ...times },
    { candidates, registry, failed },
  );
  await schedule.begin();
  return { seats, reached: schedule.workers, failed: schedule.failed, watch: (until) => schedule.watch(until) };
}

/** Who runs what of one job, and what became of them. */
class Schedule {
  readonly #client: WalletLike;
  readonly #delivery: Delivery;
  readonly #candidates: readonly Candidate[];
  readonly #registry: Hex;
  readonly #request: PlanRequest;
  readonly #lost = new Map<number, AssayError>();
  readonly #dead: Word[] = [];
  #planned: EnclavePlan | undefined;
  #attempt = -1;

  constructor(
    client: WalletLike,
    delivery: Delivery,
    { candidates, registry, failed }: { readonly candidates: readonly Candidate[]; readonly registry: Hex; readonly failed: readonly [number, AssayError][] }, // prettier-ignore
  ) {
    this.#client = client;
    this.#delivery = delivery;
    this.#candidates = candidates;
    this.#registry = registry;
    for (const [workerId, error] of failed) this.#lost.set(workerId, error);
    const { jobId, job, manifest } = delivery;
    const facts = candidates.map(({ profile, enclave }) => ({ ...enclave, workerId: profile.workerId }));
    this.#request = enclavePlanRequest({ jobId, table: jobTable(manifest), expiry: job.spec.expiry }, facts);
  }

  get #runs(): readonly PlanRun[] {
    return this.#planned?.plan.runs ?? [];
  }
  get workers(): readonly number[] {
    return this.#runs.map((run) => this.#of(run).profile.workerId);
  }
  get failed(): DeliverInputReturnType["failed"] {
    return [...this.#lost].map(([workerId, error]) => ({ workerId, error }));
  }

  #of({ worker }: PlanRun): Candidate {
    // The planner chooses among the candidates that it was given.
    return this.#candidates.find(({ enclave }) => enclaveId(enclave.key) === worker) as Candidate;
  }

  /** Error: DELIVERY_FAILED. */
  async begin(): Promise<void> {
    await this.#follow(() => planEnclaves(this.#request), 0);
  }

  /** Plans, commits and tells, until everybody who must know does. Error: DELIVERY_FAILED when nobody is left. */
  async #follow(plan: () => EnclavePlan, start: number): Promise<void> {
    let next = plan;
    let from = start;
    for (;;) {
      try {
        this.#planned = next();
      } catch (error) {
        if (!isAssayError(error)) throw error;
        const { jobId } = this.#delivery;
        const stages = this.#request.stages.length;
        throw new SdkError("DELIVERY_FAILED", { jobId, reached: from, seats: stages, quorum: stages }, { cause: this.#lost.values().next().value ?? error }); // prettier-ignore
      }
      this.#attempt += 1;
      await this.#commit(this.#planned.bytes);
      const missed = await this.#tell(from);
      if (missed === undefined) return;
      const { plan: current } = this.#planned;
      from = this.#reach(missed);
      const [begin, dead] = [from, [...this.#dead]];
      next = () => replanEnclaves(this.#request, current, begin, dead);
    }
  }

  /** The plan, told on chain before anybody acts on it. Errors: REVERTED, RPC_UNAVAILABLE. */
  async #commit(plan: Uint8Array): Promise<void> {
    const { hub, job, account, send = async (action) => action() } = this.#delivery;
    const hash = await send(async () =>
      checked("schedule", async () =>
        writeContract(this.#client, {
          address: hub,
          abi: assayHubAbi,
          functionName: "schedule",
          args: [job, toHex(plan)],
          account,
          chain: this.#client.chain ?? null,
        }),
      ),
    );
    const { status } = await checked("schedule", async () => waitForTransactionReceipt(this.#client, { hash, pollingInterval: 500 })); // prettier-ignore
    if (status !== "success") throw new SdkError("JOB_UNKNOWN", { jobId: this.#delivery.jobId });
  }

  /** Orders to the runs from stage `from` on and to the one before, who feeds them; the first stage of a run that did not take its own. */
  async #tell(from: number): Promise<number | undefined> {
    const due = this.#runs.filter(({ last }) => last >= from - 1);
    const failures = await Promise.all(
      due.map(async (run) => {
        const to = this.#of(run);
        const error = await deliverTo(this.#client, this.#delivery, this.#pack(run, to), to, () => true);
        if (error !== undefined) this.#lose(to, error);
        return error;
      }),
    );
    return due.find((_, i) => failures[i] !== undefined)?.first;
  }

  #lose({ profile, enclave }: Candidate, error: AssayError): void {
    this.#lost.set(profile.workerId, error);
    const id = enclaveId(enclave.key);
    if (!this.#dead.includes(id)) this.#dead.push(id);
  }

  #pack(run: PlanRun, { profile }: Recipient): Parcel {
    const { manifest, secret, crypto, input, jobId, chainId, hub, account, chainTime } = this.#delivery;
    if (!(input instanceof Uint8Array)) throw new SdkError("NOT_SUPPORTED", { what: "enclaves over a joined input" });
    const salts = new Map<number, BoundarySalt>();
    for (let stage = run.first; stage <= run.last; stage += 1)
      for (const one of stageSalts(manifest, secret, stage)) salts.set(one.boundary, one);
    const plain = encodeScheduleOrder({
      attempt: this.#attempt,
      time: Math.floor(chainTime()),
      plan: this.#planned?.bytes ?? new Uint8Array(),
      enclaves: this.#runs.map((each): ScheduledEnclave => {
        const { enclave, signer } = this.#of(each);
        const { key, channelKey, expiry } = enclave;
        return { worker: lower(signer), key: lower(key), channelKey: lower(channelKey), expiry };
      }),
      input: {
        stage: run.first,
        salts: [...salts.values()].toSorted((a, b) => a.boundary - b.boundary),
        tensors: run.first === 0 ? [{ boundary: INPUT_BOUNDARY, tensor: input }] : [],
      },
    });
    const scope = {
      chainId: BigInt(chainId),
      hub,
      jobId,
      boundary: INPUT_BOUNDARY,
      lane: 0,
      sender: lower(account.address),
    };
    const context = sealContext(scope);
    const sealed = sealBlob(crypto, { context, recipients: sealRecipients(crypto, [profile.sealKey]), plain });
    plain.fill(0);
    return { boundary: INPUT_BOUNDARY, blob: splitBlob(sealed), bytes: sealed.length };
  }

  // --- Watching ---------------------------------------------------------------------------------------------------------

  async watch(signal: AbortSignal): Promise<void> {
    await pollUntil<boolean>(
      async () => {
        await this.#look();
        return undefined;
      },
      { doing: "watching the enclaves", everyMs: WATCH_EVERY_MS, timeoutMs: Number.MAX_SAFE_INTEGER, signal },
    ).catch(() => undefined);
  }

  /** Asks every enclave that still has something to do; gives the runs of those that are gone, and what hangs on them, to others. */
  async #look(): Promise<void> {
    const { hub, jobId } = this.#delivery;
    const { stage, state } = await checked("slot", async () =>
      readContract(this.#client, { address: hub, abi: assayHubAbi, functionName: "slot", args: [jobId] }),
    ).catch(() => ({ stage: 0, state: 0 }));
    if (state !== OPEN) return;
    const known = await Promise.all(this.#runs.map(async (run) => this.#status(run)));
    /** The next run has what this one must give it, or nobody needs it. */
    const isDone = (at: number): boolean => {
      const [run, next, status] = [this.#runs[at], this.#runs[at + 1], known[at + 1]];
      if (run === undefined || stage <= run.last) return false;
      return next === undefined || stage > next.first || (status !== undefined && isFed(status, next.first));
    };
    const isGone = (at: number): boolean => {
      const run = this.#runs[at];
      if (run === undefined || isDone(at)) return false;
      const one = this.#of(run);
      const status = known[at];
      const answers = status !== undefined && (status.phases[run.first] !== "none" || stage > run.last);
      one.missed = answers ? 0 : one.missed + 1;
      return one.missed >= PATIENCE;
    };
    const gone = this.#runs.flatMap((run, at) => (isGone(at) ? [run] : []));
    const ended = await Promise.all(
      this.#runs.map(async (run, at) => !isDone(at) && (await this.#hasEnded(this.#of(run)))),
    );
    const lost = this.#runs.filter((run, at) => gone.includes(run) || ended[at] === true);
    const [first] = lost;
    if (first === undefined || this.#planned === undefined) return;
    for (const run of lost) {
      const one = this.#of(run);
      const { workerId, endpoints } = one.profile;
      this.#lose(one, new SdkError("SEAT_REFUSED", { worker: workerId, endpoint: endpoints[0] ?? "", why: "its enclave is gone" })); // prettier-ignore
    }
    const { plan } = this.#planned;
    const from = this.#reach(first.first);
    await this.#follow(() => replanEnclaves(this.#request, plan, from, this.#dead), from).catch((error: unknown) => {
      // Nobody is left: what is counted is paid, and the job ends by its deadline.
      if (!isAssayError(error)) throw error;
    });
  }

  /** From which stage on to plan again: who must feed it, and is gone itself, is replaced too, although its own stage may be counted. */
  #reach(from: number): number {
    let reach = from;
    for (const run of [...this.#runs].toReversed())
      if (run.last === reach - 1 && this.#dead.includes(run.worker)) reach = run.first;
    return reach;
  }

  async #status(run: PlanRun): Promise<ProofStatus | undefined> {
    const { crypto, jobId, signal } = this.#delivery;
    const { profile } = this.#of(run);
    const request = encodeProofRequest({ kind: "status", jobId });
    const call = { profile, protocol: SCHEDULE_PROTOCOL, request, maxReplyBytes: 64, timeoutMs: STATUS_TIMEOUT_MS, signal }; // prettier-ignore
    try {
      return decodeProofStatus(await callSeat(crypto, call));
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return undefined;
    }
  }

  /** Whether the registration has ended, or something that it rests on. */
  async #hasEnded({ enclave }: Candidate): Promise<boolean> {
    const now = BigInt(Math.floor(this.#delivery.chainTime()));
    return checked(
      "isLive",
      async () =>
      readContract(this.#client, { address: this.#registry, abi: enclaveRegistryAbi, functionName: "isLive", args: [enclave.key, now] }), // prettier-ignore
    ).then(
      (isLive) => !isLive,
      () => false,
    );
  }
}

const OPEN = 1;
const lower = (hex: Hex): Hex => hex.toLowerCase() as Hex;
const isFed = ({ phases }: ProofStatus, stage: number): boolean => phases[stage] === "working" || phases[stage] === "proven"; // prettier-ignore
