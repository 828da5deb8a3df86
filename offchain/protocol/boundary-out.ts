// SPDX-License-Identifier: GPL-3.0-or-later
import {
  BOUNDARY_PROTOCOL,
  encodeBoundaryIndex,
  encodeBoundaryRequest,
  firstRow,
  microBatchCount,
  type BoundaryIndex,
  type MicroBatch,
} from "../core/boundary-index.ts";
import { batchCount } from "../core/batch.ts";
import { encodeBatch } from "../core/batch-tensors.ts";
import { toHex } from "../core/bytes.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest } from "../core/envelope.ts";
import { sealBlob, sealContext, sealRecipients } from "../core/seal.ts";
import { encodeSealedInput } from "../core/sealed-input.ts";
import { unpackSignature } from "../core/signature.ts";
import { decodeTensor } from "../core/tensor.ts";
import { ZERO_ADDRESS, type DigestKind, type Job } from "../core/types.ts";
import type { Hex, ProtocolModules, WorkerProfile } from "./ports.ts";
import type { OutputRows } from "./stage-work.ts";

/** Micro-batches sealed ahead of the fastest receiver: a receiver that asks for none gets none. */
const AHEAD = 2;
const KEEP_MS = 3_600_000;
const DEADLINE_SEC = 600;

export interface OutgoingBoundary {
  readonly jobId: Hex;
  readonly job: Job;
  /** The stage that produced it, and the one that it is for. */
  readonly boundary: number;
  readonly stage: number;
  readonly digestKind: DigestKind;
  readonly to: readonly WorkerProfile[];
}

/**
 * One boundary on its way to the seats of one stage. Micro-batches are sealed when a receiver has room for them, the last one only when
 * `advance` is told the digest: by then the commitments of all co-seats are here, so that a whole answer never leaves its seat before them.
 */
export class BoundaryOut {
  readonly facts: OutgoingBoundary;
  readonly grant: Hex;
  readonly #modules: ProtocolModules;
  readonly #recipients: readonly Uint8Array[];
  readonly #context: Uint8Array;
  readonly #total: number;
  readonly #rows: number;
  readonly #wakes = new Set<() => void>();
  #sealed: MicroBatch[] = [];
  #digest: Hex | null = null;
  #shape: Pick<BoundaryIndex, "dtype" | "dims"> | null = null;
  #version = 0;
  /** Most micro-batches that a receiver has. */
  #taken = 0;
  #signed: { readonly of: Hex; readonly until: number; readonly envelope: Uint8Array } | null = null;
  #seq = 0n;
  #busy: Promise<void> | null = null;
  #wanted: { readonly output: OutputRows; readonly digest: Hex | null } | null = null;

  constructor(facts: OutgoingBoundary, modules: ProtocolModules) {
    const { chain, crypto, keys, randomBytes } = modules;
    const { jobId, job, boundary } = facts;
    this.facts = facts;
    this.#modules = modules;
    this.grant = toHex(randomBytes(16));
    this.#rows = Math.max(1, batchCount(job.spec.policy.flags));
    this.#total = microBatchCount(this.#rows, job.spec.stages);
    const sealKeys = facts.to.map(({ sealKey }) => sealKey);
    this.#recipients = sealRecipients(crypto, sealKeys);
    const sender = keys.operator.address;
    this.#context = sealContext({ chainId: chain.chainId, hub: chain.hub, jobId, boundary, lane: 0, sender });
  }

  /** Nobody of the next stage has a key that anything can be sealed to. */
  get isVain(): boolean {
    return this.#recipients.length === 0;
  }

  /** The stage's outputs so far; `digest` once the whole may leave. Errors of the blob store. */
  async advance(output: OutputRows, digest: Hex | null): Promise<void> {
    this.#wanted = { output, digest };
    this.#busy ??= this.#work().finally(() => (this.#busy = null));
    await this.#busy;
  }

  async #work(): Promise<void> {
    for (;;) {
      const wanted = this.#wanted;
      if (wanted === null) return;
      const { output, digest } = wanted;
      if (output.version !== this.#version) {
        this.#version = output.version;
        [this.#sealed, this.#digest] = [[], null];
        this.#wake();
      }
      const i = this.#sealed.length;
      const isLast = i === this.#total - 1;
      const to = firstRow(this.#rows, this.#total, i + 1);
      const isReady = i < this.#total && output.rows.length >= to && (!isLast || digest !== null);
      this.#shape ??= output.rows[0] === undefined ? null : decodeTensor(output.rows[0]);
      if (!isReady || i >= this.#taken + AHEAD) return;
      const sealed = await this.#seal(output.rows.slice(firstRow(this.#rows, this.#total, i), to));
      // Outputs that were voided while they were sealed.
      if (this.#wanted?.output.version !== this.#version) continue;
      this.#sealed.push(sealed);
      if (isLast) this.#digest = digest;
      this.#wake();
    }
  }

  async #seal(rows: readonly Uint8Array[]): Promise<MicroBatch> {
    const { blobs, clock, crypto } = this.#modules;
    const { boundary, stage, job } = this.facts;
    const [only] = rows;
    const tensor = batchCount(job.spec.policy.flags) === 0 && only !== undefined ? only : encodeBatch(rows);
    const plain = encodeSealedInput({ stage, salts: [], tensors: [{ boundary, tensor }] });
    const sealed = sealBlob(crypto, { context: this.#context, recipients: this.#recipients, plain });
    plain.fill(0);
    const { root } = await blobs.publish(sealed, { grant: this.grant, expiresAtMs: clock.nowMs() + KEEP_MS });
    return { blob: root, bytes: sealed.length };
  }

  /** The index as it is now, in a signed envelope; null before the first output. */
  index(): Uint8Array | null {
    if (this.#shape === null) return null;
    const { jobId, boundary, stage, digestKind } = this.facts;
    const { dtype, dims } = this.#shape;
    const [rows, total, microBatches, digest] = [this.#rows, this.#total, this.#sealed, this.#digest];
    const head = { jobId, boundary, lane: 0, stage, digestKind, dtype, dims };
    const body = encodeBoundaryIndex({ ...head, rows, total, microBatches, digest, grant: this.grant });
    const of = bodyHashOf(body);
    const now = this.#modules.chain.now();
    if (this.#signed?.of !== of || this.#signed.until < now)
      this.#signed = { of, until: now + DEADLINE_SEC / 2, envelope: this.#sign(body) };
    return this.#signed.envelope;
  }

  #sign(body: Uint8Array): Uint8Array {
    const { chain, keys, clock, metrics } = this.#modules;
    // Ascending across restarts too: the wall clock in microseconds, then a counter.
    this.#seq = this.#seq >= BigInt(clock.nowMs()) * 1000n ? this.#seq + 1n : BigInt(clock.nowMs()) * 1000n;
    const envelope = {
      protocol: BOUNDARY_PROTOCOL,
      from: keys.operator.address,
      // A statement for all of them: it binds its sender, whoever shows it.
      to: ZERO_ADDRESS,
      jobId: this.facts.jobId,
      seq: this.#seq,
      deadline: BigInt(Math.floor(chain.now()) + DEADLINE_SEC),
      bodyHash: bodyHashOf(body),
    };
    metrics.count("assay_jobs_signatures_total", { kind: "envelope" });
    const signature = unpackSignature(keys.operator.signDigest(envelopeDigest(chain.domainSeparator, envelope)));
    return encodeEnvelope({ envelope, signature, body });
  }

  /** What is sent to the receivers first; null before the first output. */
  announcement(): Uint8Array | null {
    const envelope = this.index();
    return envelope === null ? null : encodeBoundaryRequest({ kind: "announce", envelope });
  }

  /** A receiver has `have` micro-batches and room for more: the index as soon as it holds more, or after `waitMs` as it is. */
  async ask(have: number, waitMs: number, signal: AbortSignal): Promise<Uint8Array> {
    const { clock } = this.#modules;
    this.#taken = Math.max(this.#taken, have);
    const until = clock.monotonicMs() + waitMs;
    if (this.#wanted !== null) await this.advance(this.#wanted.output, this.#wanted.digest);
    // Fewer than the receiver has: what it took is void.
    const isNews = () => this.#sealed.length > have || this.#sealed.length < Math.min(have, this.#total);
    while (!isNews() && clock.monotonicMs() < until && !signal.aborted) await this.#change(until, signal);
    return this.index() ?? new Uint8Array();
  }

  async #change(untilMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#modules;
    const stop = new AbortController();
    const changed = new Promise<void>((resolve) => {
      this.#wakes.add(resolve);
      stop.signal.addEventListener("abort", () => this.#wakes.delete(resolve));
    });
    const late = clock
      .sleep(Math.max(1, untilMs - clock.monotonicMs()), AbortSignal.any([stop.signal, signal]))
      .catch(() => undefined);
    await Promise.race([changed, late]);
    stop.abort();
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }
}
