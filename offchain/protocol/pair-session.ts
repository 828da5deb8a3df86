// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, joinBytes, toHex } from "../core/bytes.ts";
import { encodeEnclaveBundle, readEnclaveEvidence } from "../core/enclave-bundle.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import type { OrderedPair } from "../core/pair-order.ts";
import {
  encodeProofRequest,
  PROOF_PROTOCOL,
  proofMessageDigest,
  type ProofMessage,
  type ProofPhase,
  type ProofRequest,
  type ProofStatus,
} from "../core/proof-wire.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { recoverSigner, unpackSignature } from "../core/signature.ts";
import { ZERO_ADDRESS, type Job, type Record as JobRecord, type StageProof } from "../core/types.ts";
import { findCandidates, ownCandidate, pokeCandidates } from "./candidates.ts";
import type { Committee } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import type { InputHolder } from "./input-desk.ts";
import type { EnclavePort, EnclaveProof, Hex, ProtocolModules, SlotView } from "./ports.ts";
import { keepOutput, type ResultHolder } from "./result-desk.ts";
import { isAbstention } from "./said.ts";
import type { HeldProof, JobMemory, KnownOffer } from "./seat-codec.ts";
import { STATE } from "./seat-machine.ts";
import { EMPTY_RECORD, SessionState } from "./session-state.ts";

const SHARE_CALL_MS = 5_000;
const RETRY_MS = 1_000;
const SUBMITTED_MS = 3_000;
/** Results of one candidate for one stage that are looked at: its enclave may have been registered again. */
const MAX_RESULTS = 3;

type Role = keyof OrderedPair;

/**
 * One job of mask ENCLAVE and PROOF of which this worker is a candidate with an enclave. The client orders a pair, and each enclave runs all
 * stages: the second's signs its results, which this side gives to the prover; the prover's signs its own and a proof a stage, and this
 * side submits them, stage after stage. What the chain has counted stays, whoever goes on; what either side holds is signed and journalled, so a restart goes on with it though the enclave's keys are gone.
 */
export class PairSession implements InputHolder, ResultHolder {
  readonly jobId: Hex;
  readonly #state: SessionState;
  readonly #enclave: EnclavePort;
  readonly #isDraining: () => boolean;
  readonly #heard = new Map<string, Set<Hex>>();
  readonly #shared = new Set<string>();
  /** Whether the running enclave holds the input. */
  #isInside = false;
  #isProving = false;
  #isTicking = false;
  readonly #differs = new Set<string>();

  constructor(
    jobId: Hex,
    memory: JobMemory,
    modules: ProtocolModules,
    parts: { readonly enclave: EnclavePort; readonly isDraining: () => boolean },
  ) {
    this.jobId = jobId;
    this.#state = new SessionState(jobId, memory, null, modules);
    ({ enclave: this.#enclave, isDraining: this.#isDraining } = parts);
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
  get formerSigners(): readonly Hex[] {
    return [];
  }
  get offers(): readonly KnownOffer[] {
    return this.#state.memory.offers;
  }
  get result(): Hex | null {
    return this.#state.memory.result;
  }
  /** The requester has paid for it. */
  get isResultOut(): boolean {
    const state = this.#state.slot?.state;
    return state === STATE.WINDOW || state === STATE.FINAL;
  }
  get isOver(): boolean {
    return this.#state.isOver;
  }
  /** Of a candidate every order is opened: a later one may name another pair. */
  get appetite(): "hungry" | "none" {
    if (ownCandidate(this.#state) === null || this.#isDraining()) return "none";
    return this.#enclave.serves(this.job.spec) ? "hungry" : "none";
  }
  /** What a drain waits for: a part that this worker took and that the chain, or the prover, does not have yet. */
  get openStages(): number {
    const pair = this.#pair;
    if (pair === null || this.isOver) return 0;
    return this.#role === "second" && this.#open.every((stage) => this.#shared.has(`${pair.prover}/${stage}`)) ? 0 : 1;
  }

  get #signer(): Hex {
    return this.#state.modules.keys.operator.address.toLowerCase() as Hex;
  }
  /** Its enclave took no order but one that names the same pair for every stage. */
  get #pair(): OrderedPair | null {
    return this.#role === null ? null : (this.#state.memory.order?.pairs[0] ?? null);
  }
  /** Stages that the chain has not counted yet. */
  get #open(): readonly number[] {
    const { slot } = this.#state;
    const { stages } = this.job.spec;
    const first = this.isResultOut ? stages : slot?.state === STATE.OPEN ? slot.stage : 0;
    return Array.from({ length: stages - first }, (_, i) => first + i);
  }
  get #role(): Role | null {
    const pair = this.#state.memory.order?.pairs[0];
    if (pair?.prover === this.#signer) return "prover";
    return pair?.second === this.#signer ? "second" : null;
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

  // --- The client ---------------------------------------------------------------------------------------------------------

  /** Error: OFFER_REFUSED, always: this process must not see such an input. */
  take(): void {
    throw new ProtocolError("OFFER_REFUSED", { job: this.jobId, reason: "only an enclave opens its input" });
  }

  get takeInside(): InputHolder["takeInside"] {
    if (!this.#enclave.serves(this.job.spec)) return null;
    return async (blob, { boundary, sender }, isPublic) => {
      if (isPublic) return this.take();
      const order = await this.#enclave.order(this.jobId, this.job, { boundary, sender, blob });
      this.#isInside = true;
      if (order.attempt >= (this.#state.memory.order?.attempt ?? 0)) this.#state.saveMemory({ order });
      return undefined;
    };
  }

  /**
   * Another enclave's result, or a question. The phases are those of the own part, and of the other enclave's as far as it is here: both
   * proven means that all of it can be submitted. Error: STATEMENT_INVALID.
   */
  receive(request: ProofRequest): ProofStatus {
    if (request.kind === "proof") this.#takeResult(request);
    const isAble = this.appetite === "hungry" && this.#enclave.canProve;
    return { able: isAble, load: this.#isProving ? 1 : 0, phases: [this.#ownPhase(), this.#otherPhase()] };
  }

  #ownPhase(): ProofPhase {
    const role = this.#role;
    if (role === null) return "none";
    const isDone = (stage: number): boolean =>
      role === "prover" ? this.#proofOf(stage) !== null : this.#resultOf(this.#signer, stage) !== null;
    if (this.#open.every(isDone)) return "proven";
    // An enclave that was started anew has lost what it was given.
    return this.#isInside ? "working" : "none";
  }

  #otherPhase(): ProofPhase {
    const pair = this.#pair;
    if (pair === null || this.#role !== "prover") return "none";
    if (pair.second === ZERO_ADDRESS) return "proven";
    const others = this.#open.map((stage) => this.#resultOf(pair.second, stage));
    // However far it is: no later word makes up for it.
    if (others.some((one) => one !== null && this.#isOther(one))) return "waiting";
    return others.includes(null) ? "none" : "proven";
  }

  /** Whether another's result is not what the own enclave came to. */
  #isOther({ stage, outDigest }: HeldProof): boolean {
    const own = this.#proofOf(stage) ?? this.#resultOf(this.#signer, stage);
    return own !== null && own.outDigest !== outDigest;
  }

  #proofOf(stage: number): EnclaveProof | null {
    return this.#state.memory.enclaveProofs?.find((one) => one.stage === stage) ?? null;
  }

  #resultOf(worker: Hex, stage: number): HeldProof | null {
    return this.#state.memory.proofs?.find((one) => one.worker === worker && one.stage === stage) ?? null;
  }

  #keepResult(result: HeldProof): void {
    const others = (this.#state.memory.proofs ?? []).filter(
      ({ worker, stage }) => worker !== result.worker || stage !== result.stage,
    );
    this.#state.saveMemory({ proofs: [...others, result] });
  }

  // --- Peers --------------------------------------------------------------------------------------------------------------

  #takeResult(message: ProofMessage): void {
    const { stage, worker, outDigest, signature, evidence } = message;
    const { committee, modules } = this.#state;
    const invalid = (reason: string) =>
      new ProtocolError("STATEMENT_INVALID", { seat: stage, job: this.jobId, reason });
    if (committee?.signers.some((signer) => signer.toLowerCase() === worker) !== true)
      throw invalid("its worker is no candidate");
    if (stage >= this.job.spec.stages) throw invalid("there is no such stage");
    if (worker === this.#signer) throw invalid("it is this worker's own");
    if (
      recoverSigner(proofMessageDigest(modules.chain.domainSeparator, message), unpackSignature(signature)) !== worker
    )
      // prettier-ignore
      throw invalid("its worker did not sign it");
    const result = toHex(evidence);
    // Its form; whose key signed it the hub's judge says.
    try {
      readEnclaveEvidence(result);
    } catch (error) {
      if (!isAssayError(error)) throw error;
      throw invalid("it is no enclave's result");
    }
    const heard = this.#heard.get(`${worker}/${stage}`) ?? new Set();
    this.#heard.set(`${worker}/${stage}`, heard);
    if (heard.has(result) || heard.size >= MAX_RESULTS) return;
    heard.add(result);
    this.#keepResult({ stage, worker, outDigest, evidence: result });
  }

  // --- Work ---------------------------------------------------------------------------------------------------------------

  /** Does whatever is due; never runs twice at once. Error: RPC_UNAVAILABLE. */
  async tick(): Promise<void> {
    if (this.#isTicking || this.#state.modules.signal.aborted) return;
    this.#isTicking = true;
    try {
      if (this.#state.slot === null) await this.#state.refresh();
      const { slot } = this.#state;
      if (slot === null || this.isOver) return;
      if (this.#state.committee === null) await findCandidates(this.#state, slot);
      const pair = this.#pair;
      if (ownCandidate(this.#state) === null) return;
      if (pair !== null && slot.state === STATE.OPEN) await this.#work(pair, slot);
      if (!this.#state.modules.behaviour().isSilent) pokeCandidates(this.#state, slot, this.#isProving);
    } finally {
      this.#isTicking = false;
    }
  }

  async #work(pair: OrderedPair, slot: SlotView): Promise<void> {
    const { effects, modules } = this.#state;
    const own = this.#open.flatMap((stage) => this.#resultOf(this.#signer, stage) ?? []);
    const next = this.#open.find((stage) => this.#resultOf(this.#signer, stage) === null);
    if (next !== undefined && this.#isInside) effects.once(`answer-${next}`, () => this.#answer(next));
    if (modules.behaviour().isSilent) return;
    if (this.#role === "second") {
      for (const one of own) await this.#share(pair.prover, one);
      return;
    }
    const unproven = own.find(({ stage }) => this.#proofOf(stage) === null);
    if (unproven !== undefined && this.#isInside) effects.once("prove", () => this.#prove(unproven.stage, slot));
    if (own.some(({ stage }) => stage === slot.stage)) effects.once("submit", () => this.#submit(pair, slot));
  }

  /** What only the enclave can say; what it does not hold any more the client has to give to another. */
  async #ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      const isGone = hasCode(error, "ENCLAVE_LOST") || hasCode(error, "ENCLAVE_WIRE");
      const isUnknown = hasCode(error, "ENCLAVE_REFUSED") && error.meta["refusal"] === "JOB_UNKNOWN";
      if (isGone || isUnknown) this.#isInside = false;
      throw error;
    }
  }

  async #answer(stage: number): Promise<void> {
    const { modules, effects } = this.#state;
    const answer = await this.#ask(() => this.#enclave.run(this.jobId, stage));
    if (isAbstention(answer.outDigest)) {
      modules.logger.warn("proof.not-computed", { stage, digest: answer.payload });
      return effects.delay(`answer-${stage}`, SUBMITTED_MS);
    }
    await keepOutput(this, { answer: () => answer, output: () => null }, stage, modules);
    const { outDigest, evidence } = answer;
    this.#keepResult({ stage, worker: this.#signer, outDigest, evidence });
    modules.checkpoint("computed");
    return undefined;
  }

  async #prove(stage: number, slot: SlotView): Promise<void> {
    const { clock, chain, logger, metrics, checkpoint } = this.#state.modules;
    const started = clock.monotonicMs();
    // A later stage's time begins when the one before it is counted.
    const deadline = slot.deadline + (stage - slot.stage) * this.job.spec.policy.tWork;
    const deadlineMs = clock.nowMs() + Math.max(0, (deadline - chain.now()) * 1_000);
    checkpoint("proving");
    this.#isProving = true;
    try {
      const made = await this.#ask(() => this.#enclave.prove(this.jobId, stage, deadlineMs));
      this.#state.saveMemory({ enclaveProofs: [...(this.#state.memory.enclaveProofs ?? []), { stage, ...made }] });
      const durationMs = clock.monotonicMs() - started;
      metrics.observe("assay_jobs_stage_seconds", { phase: "prove" }, durationMs / 1000);
      const bytes = made.proof.length / 2 - 1;
      logger.info("proof.generated", { stage, durationMs: Math.round(durationMs), bytes });
    } finally {
      this.#isProving = false;
    }
    checkpoint("proven");
  }

  /** The own enclave's result of a stage, until the prover has taken it. */
  async #share(prover: Hex, own: HeldProof): Promise<void> {
    const { effects, committee } = this.#state;
    const name = `${prover}/${own.stage}`;
    if (this.#shared.has(name)) return;
    await this.#findProfile(prover, committee);
    const [address] = this.addressesOf(prover);
    if (address === undefined) return;
    effects.once(`share-${name}`, async () => {
      const { transport, signal, keys, chain } = this.#state.modules;
      const message = { kind: "proof", jobId: this.jobId, ...own, evidence: fromHex(own.evidence) } as const;
      const signature = keys.operator.signDigest(proofMessageDigest(chain.domainSeparator, message));
      const options = { signal, deadlineMs: SHARE_CALL_MS, maxReplyBytes: 64 };
      const chunks: Uint8Array[] = [];
      for await (const chunk of transport.call(address, PROOF_PROTOCOL, encodeProofRequest({ ...message, signature }), options)) chunks.push(chunk); // prettier-ignore
      if (joinBytes(chunks).length > 0) this.#shared.add(name);
      else effects.delay(`share-${name}`, RETRY_MS);
    });
  }

  async #findProfile(signer: Hex, committee: Committee | null): Promise<void> {
    const at = committee?.signers.findIndex((one) => one.toLowerCase() === signer) ?? -1;
    const id = committee?.ids[at];
    if (id === undefined || this.#state.profiles.has(id)) return;
    this.#state.profiles = new Map([...this.#state.profiles, ...(await this.#state.modules.chain.profiles([id]))]);
  }

  /** Both enclaves' word and the proof of each stage that is due, as soon as they are all here and say the same. */
  async #submit(pair: OrderedPair, slot: SlotView): Promise<void> {
    const { modules, effects, record, job } = this.#state;
    const { chain, checkpoint, models } = modules;
    effects.delay("submit", 200);
    // What was counted last is not here yet.
    if (record.boundaries.length !== slot.stage) return;
    const proofs: StageProof[] = [];
    for (let stage = slot.stage; stage < job.spec.stages; stage += 1) {
      const proof = this.#bundle(stage, pair);
      if (proof === null) break;
      proofs.push(proof);
    }
    if (proofs.length === 0) return;
    const table = (this.#state.table ??= models.table(job.spec.modelId) ?? (await chain.stageTable(job.spec.modelId)));
    checkpoint("proofs-sending");
    await chain.submitProofs({ jobId: this.jobId, job, record, table, proofs, output: "0x" });
    checkpoint("proofs-sent");
    effects.delay("submit", SUBMITTED_MS);
  }

  #bundle(stage: number, { second }: OrderedPair): StageProof | null {
    const held = this.#proofOf(stage);
    const other = second === ZERO_ADDRESS ? null : this.#resultOf(second, stage);
    if (held === null || (other === null && second !== ZERO_ADDRESS)) return null;
    if (other !== null && this.#isOther(other)) {
      // The client, who asks how far this is, gives the second's part to another.
      if (!this.#differs.has(`${other.worker}/${stage}`))
        this.#state.modules.logger.warn("pair.differs", { stage, worker: other.worker, digest: other.outDigest });
      this.#differs.add(`${other.worker}/${stage}`);
      return null;
    }
    const { outDigest, result, r, vs, proof } = held;
    const secondResult = other === null ? "0x" : other.evidence;
    const bundle = { second, secondResult, result, r, vs, proof };
    return { worker: this.#signer, outDigest, evidence: toHex(encodeEnclaveBundle(bundle)) };
  }

  /** Nothing is left to do: the enclave forgets what it was given. */
  forget(): void {
    this.#enclave.forget(this.jobId);
  }
}
