// SPDX-License-Identifier: GPL-3.0-or-later
import { sha256 } from "@noble/hashes/sha2.js";
import { batchCount } from "../core/batch.ts";
import { decodeBatch } from "../core/batch-tensors.ts";
import { encodeBoundaryRequest, BOUNDARY_PROTOCOL, firstRow, type BoundaryIndex } from "../core/boundary-index.ts";
import { equalBytes, joinBytes } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { sealContext } from "../core/seal.ts";
import { decodeSealedInput } from "../core/sealed-input.ts";
import { decodeTensor } from "../core/tensor.ts";
import type { Job } from "../core/types.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import type { StageWork } from "./stage-work.ts";
import { unseal } from "./unseal.ts";

/** A boundary's digest as its seats voted, and those who are known to have said it. */
export interface AcceptedBoundary {
  readonly digest: Hex;
  readonly signers: readonly Hex[];
}

/** The seat that a boundary is for. */
export interface BoundaryReader {
  readonly jobId: Hex;
  readonly job: Job;
  readonly isOver: boolean;
  /** Still without its input. */
  readonly isHungry: boolean;
  accepted(boundary: number): AcceptedBoundary | null;
  addressesOf(signer: Hex): readonly PeerAddress[];
  tick(): Promise<void>;
}

export interface SignedIndex {
  readonly sender: Hex;
  readonly seq: bigint;
  readonly index: BoundaryIndex;
}

export interface BoundaryInModules extends Pick<
  ProtocolModules,
  "blobs" | "chain" | "clock" | "crypto" | "keys" | "logger" | "metrics" | "signal" | "transport"
> {
  readonly work: StageWork;
  /** Reads and verifies a reply. Errors: those of decoding, ENVELOPE_INVALID. */
  readonly readIndex: (envelope: Uint8Array) => SignedIndex;
  readonly maxBlobBytes: number;
}

/** One holder of the boundary. */
interface Source {
  readonly sender: Hex;
  signed: SignedIndex;
  failures: number;
  grants: number;
  /** Times it kept us waiting, and times it voided what it had sent; both for good. */
  delays: number;
  voids: number;
  notBeforeMs: number;
  isFaulty: boolean;
  isDialled: boolean;
}

interface Taken {
  readonly sender: Hex;
  readonly blob: Hex;
  readonly bytes: number;
  /** Of the opened rows. */
  readonly hash: Uint8Array;
}

/** Micro-batches that may wait to be computed; then none is asked for, and the sender seals none. */
const QUEUE = 2;
const ASK_MS = 9_000;
/** A holder that has nothing new for so long is left for another one, if there is: others announce only what they have all of. */
const STALL_MS = 750;
/** Longer where all must come from one, so that leaving it means to begin again. */
const STRICT_STALL_MS = 2_000;
/** One micro-batch takes no longer, and 1 s more for each MiB: a holder that trickles bytes is left as well. */
const FETCH_MS = 5_000;
const MS_PER_MIB = 1_000;
/** An honest holder voids what it sent when it was fed wrongly itself, by each of at most 7 seats, or has restarted. */
const MAX_VOIDS = 8;
const IDLE_MS = 50;
const MAX_INDEX_BYTES = 4_096;
const KEEP_MS = 3_600_000;
/** Most that sealing adds to a micro-batch: its head and 31 wrapped keys. */
const SEAL_BYTES = 4_096;
/** A restart takes a new grant, and so do other receivers. */
const MAX_GRANTS = 8;
/** What follows from a holder's own signature and nothing else: no accident, no delay and nobody on the way can cause it. */
const WRONG: ReadonlySet<string> = new Set([
  "OFFER_REFUSED",
  "NOT_CANONICAL",
  "BLOB_INDEX_INVALID",
  "SEALED_INVALID",
  "SEALED_CONTEXT",
  "SEALED_TAMPERED",
  "TENSOR_INVALID",
  "BYTES_TRUNCATED",
  "BYTES_TRAILING",
]);

/**
 * One boundary on its way to this seat. Asks one holder at a time, takes micro-batches only as fast as they are computed, and changes to
 * another holder when one fails. What came is believed when its digest is the one that the boundary's seats voted for; if it is not, it is
 * thrown away, fetched again from one of those, and laid to its sender's charge.
 */
export class BoundaryIn {
  readonly #reader: BoundaryReader;
  readonly #boundary: number;
  readonly #stage: number;
  readonly #modules: BoundaryInModules;
  readonly #sources = new Map<Hex, Source>();
  #current: Source | null = null;
  #taken: Taken[] = [];
  /** What was thrown away, until it shows whose fault it was. */
  #suspects: readonly Taken[] = [];
  #isComplete = false;
  /** Only whoever voted for the accepted digest, and all of it from one. */
  #isStrict = false;
  #pulling: Promise<void> | null = null;
  /** What ends the question and the fetch that are under way, and the milliseconds that their size takes. */
  readonly #waiting = new Map<AbortController, number>();
  #asking: AbortController | null = null;
  #asked: { readonly source: Source; readonly have: number; readonly answer: Promise<void> } | null = null;

  constructor(reader: BoundaryReader, boundary: number, stage: number, modules: BoundaryInModules) {
    this.#reader = reader;
    this.#boundary = boundary;
    this.#stage = stage;
    this.#modules = modules;
  }

  /** Whether a holder could not be dialled: it may put the boundary instead. */
  isUnreachable(sender: Hex): boolean {
    const source = this.#sources.get(sender);
    return source !== undefined && !source.isDialled && source.failures > 0;
  }

  /** Whether an index says nothing new that a restart must know. */
  knowsGrant({ sender, index }: Pick<SignedIndex, "sender" | "index">): boolean {
    return this.#sources.get(sender)?.signed.index.grant === index.grant;
  }

  /** Whether a holder changed its grant too often: each is written down. */
  isFickle(sender: Hex): boolean {
    return (this.#sources.get(sender)?.grants ?? 0) >= MAX_GRANTS;
  }

  seqOf(sender: Hex): bigint {
    return this.#sources.get(sender)?.signed.seq ?? -1n;
  }

  /** A verified index of a holder: a newer one replaces what it said before. */
  add(signed: SignedIndex): void {
    const old = this.#sources.get(signed.sender);
    if (old === undefined) {
      const fresh = { failures: 0, grants: 1, delays: 0, voids: 0, notBeforeMs: 0, isFaulty: false, isDialled: false };
      this.#sources.set(signed.sender, { sender: signed.sender, signed, ...fresh });
      // Asked while there was nobody else, and now there is.
      for (const [late, ms] of this.#waiting) this.#endAfter(this.#stallMs + ms, late);
    } else if (signed.seq > old.signed.seq) {
      if (signed.index.grant !== old.signed.index.grant) old.grants += 1;
      this.#renew(old, signed);
      old.notBeforeMs = 0;
    }
    this.pull();
  }

  /** Goes on, unless it does already or has all. */
  pull(): void {
    if (this.#isComplete || this.#pulling !== null || this.#isOver) return;
    this.#pulling = this.#run()
      .catch((error: unknown) => {
        const { logger, signal } = this.#modules;
        if (!signal.aborted) logger.warn("boundary.failed", { job: this.#reader.jobId, error });
      })
      .finally(() => (this.#pulling = null));
  }

  get #isOver(): boolean {
    return this.#modules.signal.aborted || this.#reader.isOver || !this.#reader.isHungry;
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#modules;
    while (!this.#isOver && !this.#isComplete) {
      const source = this.#pick();
      if (source === null) {
        await clock.sleep(IDLE_MS, signal);
        continue;
      }
      if (this.#current !== source && this.#isStrict) this.#restart();
      this.#current = source;
      try {
        await this.#step(source);
      } catch (error) {
        if (this.#isOver) return;
        this.#note(source, error);
      }
    }
  }

  #pick(): Source | null {
    const now = this.#modules.clock.monotonicMs();
    const usable = [...this.#sources.values()].filter(({ isFaulty, notBeforeMs }) => !isFaulty && notBeforeMs <= now);
    const said = this.#reader.accepted(this.#boundary)?.signers ?? [];
    const right = usable.filter(({ sender }) => said.some((signer) => signer.toLowerCase() === sender));
    const list = right.length > 0 || (this.#isStrict && said.length > 0) ? right : usable;
    const known = (source: Source) => source.signed.index.microBatches.length;
    const [best] = list.toSorted((a, b) => a.delays - b.delays || known(b) - known(a));
    if (best === undefined || this.#current === null || !list.includes(this.#current)) return best ?? null;
    return this.#current.delays > best.delays ? best : this.#current;
  }

  async #step(source: Source): Promise<void> {
    const { work } = this.#modules;
    const { jobId } = this.#reader;
    const { rows, total } = source.signed.index;
    const i = this.#taken.length;
    const queued = work.backlog(jobId, this.#boundary);
    // One more would be more than may wait.
    if (i < total && queued > firstRow(rows, total, i) - firstRow(rows, total, Math.max(0, i - QUEUE + 1)))
      return this.#room();
    if (source.signed.index.microBatches[i] === undefined) await this.#askOnce(source, i);
    if (this.#taken.length !== i) return;
    const entry = source.signed.index.microBatches[i];
    if (entry === undefined) {
      // Nothing new: whoever else there is may have it.
      source.delays += 1;
      source.notBeforeMs = this.#modules.clock.monotonicMs() + (this.#hasOthers(source) ? this.#stallMs : IDLE_MS);
      return;
    }
    // The next question goes out with this fetch: a holder that computes answers between two rows, and each answer costs one.
    if (i + 1 < total && source.signed.index.microBatches[i + 1] === undefined)
      this.#askOnce(source, i + 1).catch(() => undefined);
    const sealed = await this.#fetch(source, entry);
    const { blob, bytes } = entry;
    // Voided meanwhile.
    if (this.#taken.length !== i || source.signed.index.microBatches[i]?.blob !== blob) return;
    const list = this.#open(source, sealed, i);
    work.feed(jobId, this.#boundary, list);
    this.#taken.push({ sender: source.sender, blob, bytes, hash: sha256(joinBytes([...list])) });
    source.failures = 0;
    if (this.#taken.length < total) return;
    work.complete(jobId, this.#boundary, batchCount(this.#reader.job.spec.policy.flags));
    this.#isComplete = true;
    this.check();
    await this.#reader.tick();
  }

  async #room(): Promise<void> {
    const { clock, signal, work } = this.#modules;
    await Promise.race([work.progress(this.#reader.jobId), clock.sleep(IDLE_MS, signal)]);
  }

  get #stallMs(): number {
    return this.#isStrict ? STRICT_STALL_MS : STALL_MS;
  }

  #hasOthers(source: Source): boolean {
    return [...this.#sources.values()].some((one) => one !== source && !one.isFaulty);
  }

  #peerOf(source: Source): PeerAddress {
    const [peer] = this.#reader.addressesOf(source.sender);
    if (peer === undefined)
      throw new ProtocolError("HOLDER_UNKNOWN", { job: this.#reader.jobId, signer: source.sender });
    return peer;
  }

  /** A question that is under way is not asked again; another one ends it. Errors: those of `#ask`. */
  async #askOnce(source: Source, have: number): Promise<void> {
    const asked = this.#asked;
    if (asked?.source === source && asked.have === have) return asked.answer;
    this.#asking?.abort();
    const answer = this.#ask(source, have).finally(() => {
      if (this.#asked?.answer === answer) this.#asked = null;
    });
    this.#asked = { source, have, answer };
    return answer;
  }

  async #ask(source: Source, have: number): Promise<void> {
    const { signal, transport } = this.#modules;
    const { jobId } = this.#reader;
    const { grant } = source.signed.index;
    const ask = { jobId, boundary: this.#boundary, stage: this.#stage, grant, have };
    const deadlineMs = this.#hasOthers(source) ? this.#stallMs : ASK_MS;
    const late = this.#endAfter(deadlineMs);
    this.#asking = late;
    this.#waiting.set(late, 0);
    const chunks: Uint8Array[] = [];
    try {
      const options = {
        signal: AbortSignal.any([signal, late.signal]),
        deadlineMs: deadlineMs + 1_000,
        maxReplyBytes: MAX_INDEX_BYTES,
      };
      const request = encodeBoundaryRequest({ kind: "ask", ask });
      for await (const chunk of transport.call(this.#peerOf(source), BOUNDARY_PROTOCOL, request, options))
        chunks.push(chunk);
    } catch (error) {
      if (!late.signal.aborted) throw error;
      return;
    } finally {
      if (this.#asking === late) this.#asking = null;
      this.#waiting.delete(late);
      late.abort();
    }
    source.isDialled = true;
    if (chunks.length === 0) return;
    const signed = this.#read(source, joinBytes(chunks));
    const invalid = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: jobId, reason });
    const [before, after] = [source.signed.index, signed.index];
    if (after.rows !== before.rows || after.total !== before.total || after.digestKind !== before.digestKind)
      throw invalid("an index of another form than before");
    if (signed.seq < source.signed.seq) return;
    this.#renew(source, signed);
  }

  /** A newer index. If it names other micro-batches than before, the holder computed again, from another input: the old ones are void. */
  #renew(source: Source, signed: SignedIndex): void {
    const before = source.signed.index.microBatches;
    const after = signed.index.microBatches;
    source.signed = signed;
    const isOther = (blob: Hex, i: number) => after[i]?.blob !== blob;
    const isTaken = this.#taken.some(({ sender, blob }, i) => sender === source.sender && isOther(blob, i));
    if (isTaken) this.#restart();
    if (!isTaken && !before.some(({ blob }, i) => isOther(blob, i))) return;
    source.voids += 1;
    if (source.voids > MAX_VOIDS) this.#fault(source, "form");
  }

  /** A holder's own word about this boundary. Anything else may be a stranger's on the way, and is no fault: STATEMENT_INVALID. */
  #read(source: Source, bytes: Uint8Array): SignedIndex {
    const { jobId } = this.#reader;
    const invalid = (reason: string, cause?: unknown) =>
      new ProtocolError("STATEMENT_INVALID", { seat: source.sender, job: jobId, reason }, { cause });
    let signed: SignedIndex;
    try {
      signed = this.#modules.readIndex(bytes);
    } catch (error) {
      throw invalid("no index in a signed envelope", error);
    }
    const { sender, index } = signed;
    if (sender !== source.sender) throw invalid("an index of somebody else");
    if (index.jobId !== jobId || index.boundary !== this.#boundary || index.stage !== this.#stage)
      throw invalid("an index of something else");
    return signed;
  }

  async #fetch(source: Source, { blob: root, bytes }: { readonly blob: Hex; readonly bytes: number }) {
    const { blobs, clock, signal, maxBlobBytes } = this.#modules;
    // All of them together, as if the boundary came in one piece: else 32 micro-batches could hold 32 times the memory.
    const held = this.#taken.reduce((sum, taken) => sum + taken.bytes, 0);
    if (held + bytes > maxBlobBytes + source.signed.index.total * SEAL_BYTES)
      throw new ProtocolError("OFFER_REFUSED", { job: this.#reader.jobId, reason: `more than ${maxBlobBytes} bytes` });
    const sources = [{ peer: this.#peerOf(source), grant: source.signed.index.grant }];
    const sizeMs = Math.ceil((bytes / (1 << 20)) * MS_PER_MIB);
    const late = this.#endAfter(sizeMs + (this.#hasOthers(source) ? this.#stallMs : FETCH_MS));
    this.#waiting.set(late, sizeMs);
    try {
      const until = AbortSignal.any([signal, late.signal]);
      const sealed = await blobs.fetch({ root, bytes, sources, expiresAtMs: clock.nowMs() + KEEP_MS, signal: until });
      source.isDialled = true;
      return sealed;
    } finally {
      this.#waiting.delete(late);
      late.abort();
    }
  }

  /** Aborted after `ms`, unless it was before. */
  #endAfter(ms: number, late = new AbortController()): AbortController {
    this.#modules.clock.sleep(ms, late.signal).then(
      () => late.abort(),
      () => undefined,
    );
    return late;
  }

  /** The rows of one micro-batch. Errors: those of `unseal` and the decoders; OFFER_REFUSED for another form than the index says. */
  #open(source: Source, sealed: Uint8Array, i: number): readonly Uint8Array[] {
    const { chain, maxBlobBytes } = this.#modules;
    const { jobId, job } = this.#reader;
    const { rows, total, dtype, dims } = source.signed.index;
    const invalid = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: jobId, reason });
    const scope = { chainId: chain.chainId, hub: chain.hub, jobId, boundary: this.#boundary, lane: 0 };
    const context = sealContext({ ...scope, sender: source.sender });
    const plain = unseal(sealed, context, { ...this.#modules, maxBytes: maxBlobBytes });
    const { stage, salts, tensors } = decodeSealedInput(plain);
    plain.fill(0);
    const [only] = tensors;
    if (stage !== this.#stage || salts.length > 0 || tensors.length !== 1 || only?.boundary !== this.#boundary)
      throw invalid("a micro-batch of something else");
    const list = batchCount(job.spec.policy.flags) === 0 ? [only.tensor] : decodeBatch(only.tensor);
    if (list.length !== firstRow(rows, total, i + 1) - firstRow(rows, total, i)) throw invalid(`${list.length} rows`);
    for (const bytes of list) {
      const tensor = decodeTensor(bytes);
      if (tensor.dtype !== dtype || tensor.dims.join() !== dims.join()) throw invalid("a tensor of another shape");
    }
    return list;
  }

  #note(source: Source, error: unknown): void {
    const { clock, logger } = this.#modules;
    const code = isAssayError(error) ? error.code : "INTERNAL";
    logger.debug("boundary.holder-failed", { job: this.#reader.jobId, code });
    source.failures += 1;
    source.delays += 1;
    const isWrong = WRONG.has(code);
    if (isWrong) this.#fault(source, "form");
    source.notBeforeMs = clock.monotonicMs() + Math.min(4_000, 250 * 2 ** (source.failures - 1));
  }

  #fault(source: Source, reason: "bytes" | "digest" | "form"): void {
    const { logger, metrics } = this.#modules;
    source.isFaulty = true;
    metrics.count("assay_net_boundary_faults_total", { reason });
    const { digest } = source.signed.index;
    const fields = { job: this.#reader.jobId, stage: this.#boundary, address: source.sender, code: reason };
    logger.warn("boundary.fault", digest === null ? fields : { ...fields, digest });
  }

  /** Who was found to have sent or signed something wrong. */
  get faulty(): readonly Hex[] {
    return [...this.#sources.values()].filter(({ isFaulty }) => isFaulty).map(({ sender }) => sender);
  }

  #restart(): void {
    this.#modules.work.discard(this.#reader.jobId, this.#boundary);
    this.#taken = [];
    this.#isComplete = false;
  }

  /** Compares what came with what was voted for; called whenever either may have changed. */
  check(): void {
    const [last] = this.#taken.slice(-1);
    const index = last === undefined ? undefined : this.#sources.get(last.sender)?.signed.index;
    if (!this.#isComplete || index === undefined) return;
    const count = batchCount(this.#reader.job.spec.policy.flags);
    const held = this.#modules.work.boundaryDigest(this.#reader.jobId, this.#boundary, index.digestKind, count);
    // The salt is on its way.
    if (held === null) return;
    const accepted = this.#reader.accepted(this.#boundary);
    const senders = [...new Set(this.#taken.map(({ sender }) => sender))].flatMap(
      (sender) => this.#sources.get(sender) ?? [],
    );
    const [only] = senders.length === 1 ? senders : [];
    if (accepted?.digest === held) return this.#charge(this.#taken);
    const isLie = only !== undefined && only.signed.index.digest !== held;
    if (accepted === null && !isLie) return;
    if (isLie) this.#fault(only, "bytes");
    else
      for (const source of senders)
        if (source.signed.index.digest !== null && source.signed.index.digest !== accepted?.digest)
          this.#fault(source, "digest");
    this.#suspects = this.#taken;
    this.#isStrict = true;
    this.#restart();
    this.pull();
  }

  /** The right rows are here: whoever sent others has sent wrong ones. */
  #charge(right: readonly Taken[]): void {
    for (const [i, { sender, hash }] of this.#suspects.entries()) {
      const source = this.#sources.get(sender);
      const isWrong = !equalBytes(hash, right[i]?.hash ?? hash);
      if (isWrong && source !== undefined && !source.isFaulty) this.#fault(source, "bytes");
    }
    this.#suspects = [];
  }
}
