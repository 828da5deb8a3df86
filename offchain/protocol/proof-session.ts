// SPDX-License-Identifier: GPL-3.0-or-later
import { stageInDigest } from "../core/digest.ts";
import { fromHex, joinBytes, toHex } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import { isProofOrder } from "../core/proof-order.ts";
import {
  encodeProofRequest,
  MAX_EVIDENCE_BYTES,
  PROOF_PROTOCOL,
  proofMessageDigest,
  type ProofMessage,
  type ProofPhase,
  type ProofRequest,
  type ProofStatus,
} from "../core/proof-wire.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { recoverSigner, unpackSignature } from "../core/signature.ts";
import { SLOW_PATH_SHARE } from "../core/seat-timing.ts";
import type { Job, Record as JobRecord, StageInfo } from "../core/types.ts";
import { findCandidates, ownCandidate, pokeCandidates } from "./candidates.ts";
import type { Committee } from "./committee.ts";
import type { InputDesk, InputHolder } from "./input-desk.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ProofPort, ProofTask, ProtocolModules, SlotView } from "./ports.ts";
import { ProofOrders, workKey } from "./proof-orders.ts";
import { ProofShelf } from "./proof-shelf.ts";
import { keepResult, type ResultHolder } from "./result-desk.ts";
import { isAbstention } from "./said.ts";
import type { HeldProof, JobMemory, KnownOffer } from "./seat-codec.ts";
import { STATE, type Vote } from "./seat-machine.ts";
import { EMPTY_RECORD, SessionState } from "./session-state.ts";
import type { StageWork } from "./stage-work.ts";

/** Fellow provers wait for each other before they send the same transaction, seconds a place. */
const SUBMIT_STEP_SEC = 5;
const RETRY_MS = 1_000;
/** A proven stage whose input may still be corrected. */
const RECHECK_MS = 2_000;
const SHARE_CALL_MS = 5_000;
const OUTPUT_PUBLIC = 8;
const MAX_INLINE_OUTPUT = 4096;

/**
 * One PROOF job of which this worker is a candidate. It works the stages that the client orders of it: runs, passes the boundary on,
 * proves, shares the proof with its fellows; whoever holds all of them submits. Everything is level-triggered: a restart opens the
 * orders again and goes on.
 */
export class ProofSession implements InputHolder, ResultHolder {
  readonly jobId: Hex;
  readonly #state: SessionState;
  readonly #work: StageWork;
  readonly #input: Pick<InputDesk, "send">;
  readonly #prover: ProofPort;
  readonly #orders: ProofOrders;
  readonly #shelf: ProofShelf;
  /** Last outcome of each stage, and the input that it followed from: a fellow may correct a boundary. */
  readonly #votes = new Map<number, { readonly inDigest: Hex; readonly vote: Vote }>();
  /** Inputs of the own proofs of this process. */
  readonly #provenOver = new Map<number, Hex>();
  readonly #proving = new Map<number, AbortController>();
  readonly #shared = new Set<string>();
  #completeSince: number | null = null;
  #isTicking = false;

  constructor(
    jobId: Hex,
    memory: JobMemory,
    modules: ProtocolModules,
    parts: { readonly work: StageWork; readonly input: Pick<InputDesk, "send">; readonly prover: ProofPort },
  ) {
    this.jobId = jobId;
    this.#state = new SessionState(jobId, memory, null, modules);
    ({ work: this.#work, input: this.#input, prover: this.#prover } = parts);
    this.#orders = new ProofOrders(jobId, memory.job, parts.work);
    this.#shelf = new ProofShelf(this.#state, parts.prover);
  }

  static memoryOf(job: Job): JobMemory {
    return { job, record: EMPTY_RECORD, batches: {}, posted: {}, offers: [], result: null, place: null, proofs: [] };
  }

  get job(): Job {
    return this.#state.job;
  }
  get committee(): Committee | null {
    return this.#state.committee;
  }
  get slot(): SlotView | null {
    return this.#state.slot;
  }
  get formerSigners(): readonly Hex[] {
    return [];
  }
  get offers(): readonly KnownOffer[] {
    return this.#state.memory.offers;
  }
  get result(): Hex | null {
    return this.#state.memory.result;
  }
  /** The requester has paid for it: the chain took the proofs. */
  get isResultOut(): boolean {
    const state = this.#state.slot?.state;
    return state === STATE.WINDOW || state === STATE.FINAL;
  }
  get isOver(): boolean {
    return this.#state.isOver;
  }
  get appetite(): "hungry" | "busy" | "none" {
    if (this.#ownId === null || this.#work.isDraining) return "none";
    return this.#orders.count === 0 && this.#prover.load >= this.#prover.maxLoad ? "busy" : "hungry";
  }
  /** Stages ordered of this worker that nobody has proven yet. */
  get openStages(): number {
    const own = this.#ownId;
    if (own === null || this.isOver) return 0;
    return this.#orders.stagesOf(own).filter((stage) => this.#phase(stage) !== "proven").length;
  }

  get #ownId(): number | null {
    return ownCandidate(this.#state);
  }

  signerOf(workerId: number): Hex | null {
    return this.#state.signerOf(workerId);
  }
  addressesOf(signer: Hex): readonly PeerAddress[] {
    return this.#state.addressesOf(signer);
  }
  refresh(): Promise<void> {
    return this.#state.refresh();
  }
  async rewind(): Promise<void> {
    await this.#state.rewind();
  }
  setRecord(change: (record: JobRecord) => JobRecord): void {
    this.#state.saveMemory({ record: change(this.#state.record) });
  }
  setResult(root: Hex): void {
    this.#state.saveMemory({ result: root });
  }
  addOffer(offer: KnownOffer): void {
    if (this.offers.some((known) => known.blob === offer.blob && known.sender === offer.sender)) return;
    this.#state.saveMemory({ offers: [...this.offers, offer] });
  }
  save(): void {
    this.#state.saveMemory({});
  }

  /** No enclave proves. */
  readonly takeInside = null;

  /** Errors: OFFER_REFUSED, those of the decoders. */
  take(plain: Uint8Array, offer: KnownOffer, isPublic: boolean): void {
    const { committee } = this.#state;
    const own = this.#ownId;
    if (isPublic || committee === null || own === null)
      throw new ProtocolError("OFFER_REFUSED", { job: this.jobId, reason: "no order" });
    if (isProofOrder(plain)) this.#orders.takeOrder(plain, offer.sender, committee, own);
    else this.#orders.takeBoundary(plain, offer.sender, committee);
  }

  // --- Peers -------------------------------------------------------------------------------------------------------------

  /** A fellow's proof, or a question. Error: STATEMENT_INVALID for a worker that is no candidate. */
  receive(request: ProofRequest): ProofStatus {
    if (request.kind === "proof") this.#takeProof(request);
    return {
      able: this.appetite === "hungry",
      load: this.#prover.load,
      phases: Array.from({ length: this.job.spec.stages }, (_, stage) => this.#phase(stage)),
    };
  }

  #takeProof(message: ProofMessage): void {
    const { stage, worker, outDigest, signature, evidence } = message;
    const { committee, modules } = this.#state;
    const invalid = (reason: string) =>
      new ProtocolError("STATEMENT_INVALID", { seat: stage, job: this.jobId, reason });
    if (committee?.signers.some((signer) => signer.toLowerCase() === worker) !== true)
      throw invalid("its worker is no candidate");
    if (stage >= this.job.spec.stages) throw invalid("there is no such stage");
    if (worker === modules.keys.operator.address.toLowerCase()) throw invalid("it is this worker's own");
    const digest = proofMessageDigest(modules.chain.domainSeparator, message);
    if (recoverSigner(digest, unpackSignature(signature)) !== worker) throw invalid("its worker did not sign it");
    this.#shelf.add({ stage, worker, outDigest, evidence: toHex(evidence) });
  }

  #phase(stage: number): ProofPhase {
    if (this.#state.record.boundaries[stage] !== undefined || this.#shelf.has(stage)) return "proven";
    const own = this.#ownId;
    if (own === null || !this.#orders.stagesOf(own).includes(stage)) return "none";
    return this.#proving.has(stage) ? "working" : "waiting";
  }

  // --- Work --------------------------------------------------------------------------------------------------------------

  /** Does whatever is due; never runs twice at once. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    if (this.#isTicking || this.#state.modules.signal.aborted) return;
    this.#isTicking = true;
    try {
      if (this.#state.slot === null) await this.#state.refresh();
      const { slot } = this.#state;
      if (slot === null || this.isOver) return;
      if (this.#state.committee === null) await findCandidates(this.#state, slot);
      const own = this.#ownId;
      if (own === null) return;
      const table = (this.#state.table ??= await this.#readTable());
      await this.#findFellows();
      this.#cancel(own);
      for (const stage of this.#orders.stagesOf(own)) this.#workStage(stage, table);
      if (this.#state.modules.behaviour().isSilent) return;
      this.#share();
      if (slot.state === STATE.OPEN) this.#state.effects.once("submit", () => this.#submit(table));
      pokeCandidates(this.#state, slot, this.#proving.size > 0);
    } finally {
      this.#isTicking = false;
    }
  }

  async #readTable(): Promise<readonly StageInfo[]> {
    const { models, chain } = this.#state.modules;
    return models.table(this.job.spec.modelId) ?? (await chain.stageTable(this.job.spec.modelId));
  }

  async #findFellows(): Promise<void> {
    const { workers } = this.#orders;
    if (workers.every((id) => this.#state.profiles.has(id))) return;
    this.#state.profiles = await this.#state.modules.chain.profiles([...new Set(workers)]);
  }

  /** A stage that was proven by another, or given to another, is not worth its proof any more. */
  #cancel(own: number): void {
    const wanted = this.#orders.stagesOf(own);
    for (const [stage, control] of this.#proving)
      if (!wanted.includes(stage) || this.#state.record.boundaries[stage] !== undefined) control.abort();
  }

  #workStage(stage: number, table: readonly StageInfo[]): void {
    if (this.#state.record.boundaries[stage] === undefined && !this.#proving.has(stage))
      this.#state.effects.once(`prove-${stage}`, () => this.#proveStage(stage, table));
    if (!this.#state.modules.behaviour().isSilent) this.#passOn(stage, table);
  }

  async #proveStage(stage: number, table: readonly StageInfo[]): Promise<void> {
    const { modules, job, effects } = this.#state;
    const { keys, logger, checkpoint } = modules;
    const key = workKey(this.jobId, stage);
    const info = table[stage];
    const inDigest = info === undefined ? null : this.#work.inputDigest(key, info, table);
    const again = (ms: number) => effects.delay(`prove-${stage}`, ms);
    if (info === undefined || inDigest === null) return again(50);
    const promised = this.#promisedInput(stage, table);
    if (promised !== null && promised !== inDigest) {
      logger.warn("proof.input-mismatch", { stage, digest: inDigest });
      return again(5_000);
    }
    const vote = await this.#outcome(stage, inDigest, table);
    const own = this.#shelf.of(stage, keys.operator.address);
    const isProven = own?.outDigest === vote.outDigest && (this.#provenOver.get(stage) ?? inDigest) === inDigest;
    if (isAbstention(vote.outDigest) || isProven) return again(RECHECK_MS);
    const materials = this.#work.materials(key, info, table);
    if (materials === null) return again(RETRY_MS);
    const claim = { jobId: this.jobId, stage, inDigest, outDigest: vote.outDigest, worker: keys.operator.address };
    const control = new AbortController();
    this.#proving.set(stage, control);
    checkpoint("proving");
    try {
      const evidence = await this.#prove({ modelId: job.spec.modelId, stage, claim, ...materials }, control.signal);
      this.#provenOver.set(stage, inDigest);
      this.#shelf.add({ stage, worker: keys.operator.address, outDigest: vote.outDigest, evidence: toHex(evidence) });
      checkpoint("proven");
    } catch (error) {
      if (!control.signal.aborted) throw error;
    } finally {
      this.#proving.delete(stage);
    }
  }

  async #prove(task: Omit<ProofTask, "domain" | "deadlineMs" | "signal">, cancel: AbortSignal): Promise<Uint8Array> {
    const { modules, slot } = this.#state;
    const { clock, chain, logger, metrics, signal } = modules;
    const started = clock.monotonicMs();
    const domain = chain.domainSeparator;
    const deadlineMs = clock.nowMs() + ((slot?.deadline ?? 0) - chain.now()) * 1_000;
    const evidence = await this.#prover.prove({
      ...task,
      domain,
      deadlineMs,
      signal: AbortSignal.any([signal, cancel]),
    });
    const durationMs = clock.monotonicMs() - started;
    metrics.observe("assay_jobs_stage_seconds", { phase: "prove" }, durationMs / 1000);
    this.#work.times.record(task.modelId, task.stage, "proof", durationMs);
    logger.info("proof.generated", { stage: task.stage, durationMs: Math.round(durationMs), bytes: evidence.length });
    return evidence;
  }

  /** The stage's output by this worker's own run; computed once a process and input. */
  async #outcome(stage: number, inDigest: Hex, table: readonly StageInfo[]): Promise<Vote> {
    const known = this.#votes.get(stage);
    if (known?.inDigest === inDigest) return known.vote;
    const { job, modules } = this.#state;
    const key = workKey(this.jobId, stage);
    const vote = await this.#work.run(key, job.spec, stage, table, modules.signal);
    if (isAbstention(vote.outDigest)) modules.logger.warn("proof.not-computed", { stage, digest: vote.payload });
    this.#votes.set(stage, { inDigest, vote });
    modules.checkpoint("computed");
    const output = this.#work.output(key);
    if (output !== null && stage === job.spec.stages - 1) await keepResult(this, output, stage, modules);
    return vote;
  }

  /** The stage's input as the chain fixes it, where it does: the job's input, or proven boundaries. */
  #promisedInput(stage: number, table: readonly StageInfo[]): Hex | null {
    const { job, record } = this.#state;
    try {
      return stageInDigest(table, stage, job.spec.inDigest, record.boundaries);
    } catch (error) {
      if (isAssayError(error)) return null;
      throw error;
    }
  }

  /** The boundary to the provers of the stages that take it, again when they change. */
  #passOn(stage: number, table: readonly StageInfo[]): void {
    const own = this.#ownId;
    for (const [next, info] of table.entries()) {
      if (next <= stage || !info.producers.includes(stage)) continue;
      const plain = this.#work.forNextStage(workKey(this.jobId, stage), stage, next);
      const to = this.#orders.workers[next];
      if (plain === null || to === undefined) continue;
      if (to === own) {
        // Once: the own next stage holds it from then on.
        if (!this.#shared.has(`own-${stage}-${next}`)) this.#work.accept(workKey(this.jobId, next), next, plain);
        this.#shared.add(`own-${stage}-${next}`);
        continue;
      }
      const profile = this.#state.profiles.get(to);
      if (profile !== undefined) void this.#input.send(this, [profile], stage, plain, `boundary-${stage}-${next}`);
    }
  }

  // --- Proofs ------------------------------------------------------------------------------------------------------------

  /** Own proofs to every fellow, until each has taken them. */
  #share(): void {
    const own = this.#ownId;
    const signer = this.#state.modules.keys.operator.address;
    for (const worker of new Set(this.#orders.workers)) {
      const [address] = this.#state.profiles.get(worker)?.addresses ?? [];
      if (worker === own || address === undefined) continue;
      for (const proof of this.#shelf.all) {
        const name = `share-${proof.stage}-${worker}-${proof.outDigest}`;
        if (proof.worker !== signer || this.#shared.has(name)) continue;
        this.#state.effects.once(name, async () => {
          const { transport, signal, keys, chain } = this.#state.modules;
          const message = { kind: "proof", jobId: this.jobId, ...proof, evidence: fromHex(proof.evidence) } as const;
          const signature = keys.operator.signDigest(proofMessageDigest(chain.domainSeparator, message));
          const request = { ...message, signature };
          const options = { signal, deadlineMs: SHARE_CALL_MS, maxReplyBytes: 64 };
          const chunks: Uint8Array[] = [];
          for await (const chunk of transport.call(address, PROOF_PROTOCOL, encodeProofRequest(request), options))
            chunks.push(chunk);
          if (joinBytes(chunks).length > 0) this.#shared.add(name);
        });
      }
    }
  }

  /** All proofs when they are complete; those that are held, when the time runs out. */
  async #submit(table: readonly StageInfo[]): Promise<void> {
    const { modules, effects, record, slot, job } = this.#state;
    const { chain, checkpoint, keys } = modules;
    effects.delay("submit", 200);
    if (!this.#shelf.has(record.boundaries.length) || slot === null) return;
    const assigned = this.#orders.workers.map((id) => this.signerOf(id));
    const proofs = await this.#shelf.assemble(table, assigned);
    const isComplete = proofs.length > 0 && record.boundaries.length + proofs.length === table.length;
    const now = chain.now();
    if (isComplete) {
      this.#completeSince ??= now;
      if (now < this.#completeSince + SUBMIT_STEP_SEC * this.#rank()) return;
    } else {
      const isMine = proofs.some(({ worker }) => worker === keys.operator.address);
      if (!isMine || now < slot.deadline - SLOW_PATH_SHARE * job.spec.policy.tWork) return;
    }
    checkpoint("proofs-sending");
    const call = { jobId: this.jobId, job, record, table, proofs };
    await chain.submitProofs({ ...call, output: isComplete ? this.#outputOf(table.length - 1) : "0x" });
    checkpoint("proofs-sent");
    effects.delay("submit", 3_000);
  }

  /** The last stage's prover first, then by stages backwards. */
  #rank(): number {
    const order = [...new Set(this.#orders.workers.toReversed())];
    const at = order.indexOf(this.#ownId ?? 0);
    return at < 0 ? order.length : at;
  }

  /** The result's bytes for a callback that may take them. */
  #outputOf(last: number): Hex {
    const { slot, job } = this.#state;
    const bytes = this.#work.output(workKey(this.jobId, last));
    const isWanted = ((slot?.flags ?? 0) & OUTPUT_PUBLIC) !== 0 && BigInt(job.spec.callback) !== 0n;
    const isOwn =
      this.#votes.get(last)?.vote.outDigest === this.#shelf.all.find(({ stage }) => stage === last)?.outDigest;
    return bytes === null || !isWanted || !isOwn || bytes.length > MAX_INLINE_OUTPUT ? "0x" : toHex(bytes);
  }

  /** Nothing is left to do: what runs is cancelled, what is secret is wiped. */
  forget(): void {
    for (const control of this.#proving.values()) control.abort();
    for (let stage = 0; stage < this.job.spec.stages; stage += 1) this.#work.forget(workKey(this.jobId, stage));
  }
}

/** Largest `/assay/proof/1` request that is read. */
export const MAX_PROOF_MESSAGE = MAX_EVIDENCE_BYTES + 192;
export type { HeldProof };
