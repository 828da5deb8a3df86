// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex } from "../core/bytes.ts";
import { decodeResultRequest, MAX_RESULT_BYTES } from "../core/result-request.ts";
import { sealBlob, sealContext } from "../core/seal.ts";
import type { EnclaveWork } from "./enclave-work.ts";
import { ProtocolError } from "./errors.ts";
import type { Job } from "../core/types.ts";
import type { Hex, ProtocolModules } from "./ports.ts";
import { decodeMemory } from "./seat-codec.ts";

/** A job of this worker that may have a result. */
export interface ResultHolder {
  readonly jobId: Hex;
  readonly job: Job;
  /** Root of the output sealed to the requester's key. */
  readonly result: Hex | null;
  readonly isResultOut: boolean;
  setResult(root: Hex): void;
}

const KEEP_MS = 24 * 3_600_000;

/** Seals an output to the requester's result key as soon as it is computed, so that a restart can still serve it. */
export async function keepResult(
  session: ResultHolder,
  output: Uint8Array,
  stage: number,
  modules: ProtocolModules,
): Promise<void> {
  const { blobs, chain, clock, crypto, keys } = modules;
  const { resultKey } = session.job.spec;
  if (BigInt(resultKey) === 0n) return;
  const { jobId } = session;
  const scope = {
    chainId: chain.chainId,
    hub: chain.hub,
    jobId,
    boundary: stage,
    lane: 0,
    sender: keys.operator.address,
  };
  const sealed = sealBlob(crypto, { context: sealContext(scope), recipients: [fromHex(resultKey, 32)], plain: output });
  session.setResult(await blobs.keep(sealed, clock.nowMs() + KEEP_MS));
}

/** Keeps what a stage gave: sealed here, or by the enclave that made it and alone has seen it. */
export async function keepOutput(
  session: ResultHolder,
  work: Pick<EnclaveWork, "answer" | "output">,
  stage: number,
  modules: ProtocolModules,
): Promise<void> {
  const { jobId } = session;
  const answer = work.answer(jobId);
  const output = work.output(jobId);
  if (output !== null) return keepResult(session, output, stage, modules);
  if (answer === null || answer.sealed === null) return;
  session.setResult(await modules.blobs.keep(answer.sealed, modules.clock.nowMs() + KEEP_MS));
}

/**
 * Serves `/assay/result/1`. A result leaves only when this worker's own answer cannot help a lazy co-seat any more: the committee's
 * openings are out, or the chain has counted it; a proven result when the chain has taken the proof. Errors: RESULT_NOT_READY and those of `decodeResultRequest`.
 */
export class ResultDesk {
  readonly #modules: ProtocolModules;
  readonly #session: (jobId: Hex) => ResultHolder | null;

  constructor(modules: ProtocolModules, session: (jobId: Hex) => ResultHolder | null) {
    this.#modules = modules;
    this.#session = session;
  }

  async serve(request: Uint8Array): Promise<Uint8Array> {
    const jobId = decodeResultRequest(request);
    const root = this.#releasable(jobId);
    const bytes = root === null ? null : await this.#modules.blobs.read(root, MAX_RESULT_BYTES);
    if (bytes === null) throw new ProtocolError("RESULT_NOT_READY", { job: jobId });
    return bytes;
  }

  #releasable(jobId: Hex): Hex | null {
    const session = this.#session(jobId);
    if (session !== null) return session.isResultOut ? session.result : null;
    const row = this.#modules.journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
    return row === null || !row.done ? null : decodeMemory(row.data).result;
  }
}
