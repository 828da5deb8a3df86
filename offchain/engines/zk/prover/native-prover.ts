// SPDX-License-Identifier: GPL-3.0-or-later
import { BACKEND_ONE_ROUND, BACKEND_WEIGHTS, type KeyRecord } from "../../../core/zk/key-record.ts";
import { G1_INFINITY, type G1Point } from "../../../core/zk/points.ts";
import type { Proof } from "../../../core/zk/proof.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import { g1OfLem, g2OfLem, lemOfG1 } from "../keys/lem-points.ts";
import { checkBlind, checkWitness, malformed } from "./check-witness.ts";
import { ProverError } from "./errors.ts";
import type { NativeAddon, NativePath } from "./native-addon.ts";
import { typedNativeError } from "./native-errors.ts";
import { openNativeKey, type OpenedNativeKey } from "./open-native-key.ts";
import type { Commitment, FinishJob, Job, OpenOptions, Prover, ProveStep, ProvingKey } from "./prover.ts";

const MIB = 1 << 20;
/** The addon's name for the commitment of keys that commit to nothing. */
const NOTHING = 0;

type Listener = (step: string) => void;

class NativeKey implements ProvingKey {
  readonly record: KeyRecord;
  readonly wires: number;
  readonly residentMiB: number;
  readonly #addon: NativeAddon;
  readonly #session: OpenedNativeKey["session"];
  readonly #memoryMiB: number;
  /** By the number under which the addon keeps the blind. */
  readonly #commitments = new Map<Commitment, number>();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(addon: NativeAddon, { session, header, record }: OpenedNativeKey, memoryMiB: number) {
    this.#addon = addon;
    this.#session = session;
    this.#memoryMiB = memoryMiB;
    this.record = record;
    this.wires = header.wires;
    this.residentMiB = Math.ceil(header.residentBytes / MIB);
  }

  async commitWeights(values: Uint8Array, blind: Uint8Array, job: Job = {}): Promise<G1Point> {
    if (this.record.backend !== BACKEND_WEIGHTS) throw malformed("the key has no weights group");
    checkWitness(values, this.wires);
    checkBlind(blind);
    return g1OfLem(
      await this.#inTurn(job, (listener) => this.#addon.commitWeights(this.#session, values, blind, listener)),
    );
  }

  async commit(values: Uint8Array, job: Job = {}): Promise<Commitment> {
    checkWitness(values, this.wires);
    if (this.record.backend === BACKEND_ONE_ROUND) {
      const commitment = { c1: G1_INFINITY };
      this.#commitments.set(commitment, NOTHING);
      return commitment;
    }
    const { number, point } = await this.#inTurn(job, (listener) =>
      this.#addon.commit(this.#session, values, listener),
    );
    const commitment = { c1: g1OfLem(point) };
    this.#commitments.set(commitment, number);
    return commitment;
  }

  async finish(commitment: Commitment, values: Uint8Array, job: FinishJob = {}): Promise<Proof> {
    const { weights } = job;
    checkWitness(values, this.wires);
    if ((weights === undefined) !== (this.record.backend !== BACKEND_WEIGHTS))
      throw malformed(weights === undefined ? "its weights are not opened" : "the key has no weights group");
    if (weights !== undefined) checkBlind(weights.blind);
    const number = this.#commitments.get(commitment);
    // Taken before the work: also a failed or aborted attempt spends it, for a second challenge would reveal it.
    if (number === undefined || !this.#commitments.delete(commitment)) throw new ProverError("COMMITMENT_SPENT");
    try {
      const proof = await this.#inTurn(job, (listener) => {
        const point = weights === undefined ? undefined : lemOfG1(weights.commitment);
        return this.#addon.finish(this.#session, number, values, point, weights?.blind, listener);
      });
      return { a: g1OfLem(proof.a), b: g2OfLem(proof.b), c1: commitment.c1, c2: g1OfLem(proof.c2) };
    } finally {
      // Where it did not come to its turn.
      if (!this.#closed) this.#addon.discard(this.#session, number);
    }
  }

  discard(commitment: Commitment): void {
    const number = this.#commitments.get(commitment);
    this.#commitments.delete(commitment);
    if (number !== undefined && !this.#closed) this.#addon.discard(this.#session, number);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#commitments.clear();
    await this.#addon.closeSession(this.#session);
  }

  /** An abort before the turn costs nothing; during it, what was computed. */
  async #inTurn<T>({ signal, onProgress }: Job, call: (listener: Listener | undefined) => Promise<T>): Promise<T> {
    const before = this.#last;
    let done = (): void => {};
    this.#last = new Promise<void>((resolve) => (done = resolve));
    const stop = (): void => this.#addon.cancelSession(this.#session);
    try {
      await before;
      if (this.#closed) throw new ProverError("PROVER_CLOSED");
      signal?.throwIfAborted();
      signal?.addEventListener("abort", stop, { once: true });
      const result = await call(onProgress === undefined ? undefined : (step) => onProgress(step as ProveStep));
      // It may have been too late to stop the work, but not to take the result.
      if (this.#closed) throw new ProverError("PROVER_CLOSED");
      signal?.throwIfAborted();
      return result;
    } catch (error) {
      if (this.#closed) throw new ProverError("PROVER_CLOSED");
      signal?.throwIfAborted();
      throw typedNativeError(error, this.#memoryMiB);
    } finally {
      signal?.removeEventListener("abort", stop);
      done();
    }
  }
}

/**
 * The C++ prover, in this process on threads of its own: one for each open key, and `threads − 1` that help it. What it is given is
 * copied and wiped, blinds never leave it, and the memory of a proof is given back when it ends.
 */
export class NativeProver implements Prover {
  readonly name = "native";
  /** The instruction set whose kernels work. */
  readonly path: NativePath;
  readonly #addon: NativeAddon;

  constructor(addon: NativeAddon, path: NativePath = addon.paths()[0] ?? "portable") {
    this.#addon = addon;
    this.path = path;
  }

  async open(files: KeyFiles, options: OpenOptions): Promise<ProvingKey> {
    const opened = await openNativeKey(this.#addon, this.path, files, options);
    return new NativeKey(this.#addon, opened, options.memoryMiB);
  }
}
