// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from "../core/ports/clock.ts";
import type { Job, Spec, StageInfo } from "../core/types.ts";
import { needsEnclave } from "./audit-steps.ts";
import { ProtocolError } from "./errors.ts";
import type { EnclaveAnswer, EnclaveInput, EnclavePort, Hex, ModelShelf } from "./ports.ts";
import { ABSTAIN_REASON, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import type { Vote } from "./seat-machine.ts";
import { StageWork } from "./stage-work.ts";
import type { WorkPlacesOptions } from "./work-places.ts";

/** A job whose input is inside: all that the host may know of it. */
interface Held {
  readonly inDigest: Hex;
  answer: EnclaveAnswer | null;
}

/**
 * The work of a worker that may have an enclave beside it. What ENCLAVE jobs are about never comes here: their inputs are opened,
 * checked and computed inside, and nothing of them is passed on, for only their client knows which enclaves it trusts.
 */
export class EnclaveWork extends StageWork {
  readonly #enclave: EnclavePort | null;
  readonly #held = new Map<Hex, Held>();
  #inside = 0;

  constructor(
    options: WorkPlacesOptions,
    modules: { readonly models: ModelShelf; readonly clock: Clock; readonly enclave: EnclavePort | null },
  ) {
    super(options, modules.models, modules.clock);
    this.#enclave = modules.enclave;
  }

  override takes(spec: Spec): boolean {
    return super.takes(spec) && (!needsEnclave(spec) || this.#enclave?.serves(spec) === true);
  }

  override get load(): number {
    return super.load + this.#inside;
  }

  /** Hands an input to the enclave. Errors: OFFER_REFUSED without one, those of `EnclavePort.open`. */
  async openInside(jobId: Hex, job: Job, input: EnclaveInput): Promise<void> {
    if (this.#enclave?.serves(job.spec) !== true)
      throw new ProtocolError("OFFER_REFUSED", { job: jobId, reason: "no enclave here serves the job" });
    await this.#enclave.open(jobId, job, input);
    // The enclave compared it with the tensor: it is the promised digest or an error.
    if (!this.#held.has(jobId)) this.#held.set(jobId, { inDigest: job.spec.inDigest, answer: null });
  }

  override inputDigest(jobId: Hex, info: StageInfo, table: readonly StageInfo[], count = 0, mayJoin = false) {
    return this.#held.get(jobId)?.inDigest ?? super.inputDigest(jobId, info, table, count, mayJoin);
  }

  override async run(
    jobId: Hex,
    spec: Spec,
    stage: number,
    table: readonly StageInfo[],
    signal: AbortSignal,
    sketchSeed: Hex | null = null,
  ): Promise<Vote> {
    if (!needsEnclave(spec)) return super.run(jobId, spec, stage, table, signal, sketchSeed);
    const held = this.#held.get(jobId);
    if (held === undefined || this.#enclave === null)
      return { outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(ABSTAIN_REASON.input) };
    this.#inside += 1;
    try {
      held.answer = await this.#enclave.run(jobId, stage);
      return { outDigest: held.answer.outDigest, payload: held.answer.payload };
    } finally {
      this.#inside -= 1;
    }
  }

  /** What the enclave answered to this job; null if nothing, or if the job asks for none. */
  answer(jobId: Hex): EnclaveAnswer | null {
    return this.#held.get(jobId)?.answer ?? null;
  }

  override forget(jobId: Hex): void {
    if (this.#held.delete(jobId)) this.#enclave?.forget(jobId);
    super.forget(jobId);
  }
}
