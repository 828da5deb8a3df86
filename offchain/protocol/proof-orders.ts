// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeProofOrder, type ProofOrder } from "../core/proof-order.ts";
import { decodeSealedInput, encodeSealedInput } from "../core/sealed-input.ts";
import type { Job } from "../core/types.ts";
import type { Committee } from "./committee.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex } from "./ports.ts";
import type { StageWork } from "./stage-work.ts";

/** Boundaries kept that came before their order. */
const MAX_EARLY = 8;

const same = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase();

/** Where `StageWork` keeps one stage of one job: a prover may hold several stages of a job. */
export const workKey = (jobId: Hex, stage: number): Hex => `${jobId}/${stage}`;

/** What the client ordered of this worker in one job, and the boundaries that fellow provers sent. */
export class ProofOrders {
  readonly #jobId: Hex;
  readonly #job: Job;
  readonly #work: StageWork;
  readonly #own = new Map<number, ProofOrder>();
  /** Workers that ever had a stage: its boundary may come from each of them. */
  readonly #assigned = new Map<number, Set<number>>();
  readonly #early: { readonly sender: Hex; readonly plain: Uint8Array }[] = [];
  #attempt = -1;
  /** The newest assignment, one worker id a stage; empty before the first order. */
  workers: readonly number[] = [];

  constructor(jobId: Hex, job: Job, work: StageWork) {
    this.#jobId = jobId;
    this.#job = job;
    this.#work = work;
  }

  /** Stages ordered of this worker and not taken from it again. */
  stagesOf(workerId: number): readonly number[] {
    return [...this.#own.keys()].filter((stage) => this.workers[stage] === workerId).toSorted((a, b) => a - b);
  }

  get count(): number {
    return this.#own.size;
  }

  /** Errors: OFFER_REFUSED, those of `decodeProofOrder`. */
  takeOrder(plain: Uint8Array, sender: Hex, committee: Committee, own: number): void {
    const order = decodeProofOrder(plain);
    const { attempt, workers, input } = order;
    const refuse = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: this.#jobId, reason });
    const { requester, spec } = this.#job;
    if (!same(sender, requester) && !same(sender, spec.client)) throw refuse("an order of somebody else");
    if (workers.length !== spec.stages) throw refuse(`workers for ${workers.length} stages`);
    if (workers.some((id) => !committee.ids.includes(id))) throw refuse("a worker that is no candidate");
    if (workers[input.stage] !== own) throw refuse(`stage ${input.stage} is another worker's`);
    for (const [stage, id] of workers.entries())
      this.#assigned.set(stage, (this.#assigned.get(stage) ?? new Set()).add(id));
    if (attempt > this.#attempt) [this.#attempt, this.workers] = [attempt, workers];
    if (!this.#own.has(input.stage)) {
      this.#own.set(input.stage, order);
      this.#work.accept(workKey(this.#jobId, input.stage), input.stage, encodeSealedInput(input));
    }
    for (const { sender: from, plain: bytes } of this.#early.splice(0)) this.takeBoundary(bytes, from, committee);
  }

  /** A boundary's tensor from a prover of the stage before. Salts come from the client alone. Errors: OFFER_REFUSED, NOT_CANONICAL. */
  takeBoundary(plain: Uint8Array, sender: Hex, committee: Committee): void {
    const input = decodeSealedInput(plain);
    const refuse = (reason: string) => new ProtocolError("OFFER_REFUSED", { job: this.#jobId, reason });
    if (input.salts.length > 0) throw refuse("salts of a fellow prover");
    const from = committee.ids[committee.signers.findIndex((signer) => same(signer, sender))];
    if (from === undefined) throw refuse("a boundary of somebody who proves nothing");
    const order = this.#own.get(input.stage);
    if (order === undefined) {
      if (this.#early.length < MAX_EARLY) this.#early.push({ sender, plain: plain.slice() });
      return;
    }
    for (const { boundary } of input.tensors)
      if (this.#assigned.get(boundary)?.has(from) !== true)
        throw refuse(`boundary ${boundary} of a worker that was not asked for it`);
    this.#work.accept(workKey(this.#jobId, input.stage), input.stage, plain);
  }
}
