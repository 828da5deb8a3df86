// SPDX-License-Identifier: GPL-3.0-or-later
import { stat } from "node:fs/promises";
import { decodeKeyRecord, BACKEND_ONE_ROUND, BACKEND_WEIGHTS, type KeyRecord } from "../../../core/zk/key-record.ts";
import { G1_INFINITY, type G1Point } from "../../../core/zk/points.ts";
import type { Proof } from "../../../core/zk/proof.ts";
import { GROUP_ROUND1, GROUP_WEIGHTS } from "../keys/groups-file.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import { checkBlind, checkWitness, malformed } from "./check-witness.ts";
import { ProverError } from "./errors.ts";
import { ProveChild } from "./prove-child.ts";
import type { CommitRequest, FinishRequest, OpenResult } from "./prove-messages.ts";
import type { Commitment, FinishJob, Job, OpenOptions, Prover, ProvingKey } from "./prover.ts";
import { uniformScalar } from "./uniform-scalar.ts";

const MIB = 1 << 20;
class SnarkjsKey implements ProvingKey {
  readonly record: KeyRecord;
  readonly wires: number;
  readonly #files: KeyFiles;
  readonly #options: OpenOptions;
  readonly #blinds = new Map<Commitment, Uint8Array>();
  #child: ProveChild;
  #residentMiB: number;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(child: ProveChild, files: KeyFiles, options: OpenOptions, opened: OpenResult) {
    this.#child = child;
    this.#files = files;
    this.#options = options;
    this.record = decodeKeyRecord(opened.record);
    this.wires = opened.wires;
    this.#residentMiB = opened.residentMiB;
  }

  get residentMiB(): number {
    return this.#residentMiB;
  }

  async commitWeights(values: Uint8Array, blind: Uint8Array, job: Job = {}): Promise<G1Point> {
    if (this.record.backend !== BACKEND_WEIGHTS) throw malformed("the key has no weights group");
    checkWitness(values, this.wires);
    checkBlind(blind);
    return this.#commit(GROUP_WEIGHTS, values, blind, job);
  }

  async commit(values: Uint8Array, job: Job = {}): Promise<Commitment> {
    checkWitness(values, this.wires);
    if (this.record.backend === BACKEND_ONE_ROUND) {
      const commitment = { c1: G1_INFINITY };
      this.#blinds.set(commitment, new Uint8Array());
      return commitment;
    }
    const blind = uniformScalar();
    try {
      const commitment = { c1: await this.#commit(GROUP_ROUND1, values, blind, job) };
      if (this.#closed) throw new ProverError("PROVER_CLOSED");
      this.#blinds.set(commitment, blind);
      return commitment;
    } catch (error) {
      blind.fill(0);
      throw error;
    }
  }

  async finish(commitment: Commitment, values: Uint8Array, job: FinishJob = {}): Promise<Proof> {
    const { weights } = job;
    checkWitness(values, this.wires);
    if ((weights === undefined) !== (this.record.backend !== BACKEND_WEIGHTS))
      throw malformed(weights === undefined ? "its weights are not opened" : "the key has no weights group");
    const blind = this.#blinds.get(commitment);
    // Taken before the work: also a failed or aborted attempt spends it, for a second challenge would reveal it.
    if (blind === undefined || !this.#blinds.delete(commitment)) throw new ProverError("COMMITMENT_SPENT");
    const round1 = this.record.backend === BACKEND_ONE_ROUND ? undefined : { c1: commitment.c1, blind };
    try {
      const result = await this.#run({ call: "finish", values, round1, weights }, job);
      if (!("proved" in result)) throw new ProverError("PROVER_CRASHED", { reason: "it answered something else" });
      this.#residentMiB = Math.max(this.#residentMiB, result.residentMiB);
      return result.proved;
    } finally {
      blind.fill(0);
    }
  }

  discard(commitment: Commitment): void {
    this.#blinds.get(commitment)?.fill(0);
    this.#blinds.delete(commitment);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const blind of this.#blinds.values()) blind.fill(0);
    this.#blinds.clear();
    await this.#child.kill(new ProverError("PROVER_CLOSED"));
  }

  async #commit(tag: CommitRequest["tag"], values: Uint8Array, blind: Uint8Array, job: Job): Promise<G1Point> {
    const result = await this.#run({ call: "commit", tag, values, blind }, job);
    if (!("committed" in result)) throw new ProverError("PROVER_CRASHED", { reason: "it answered something else" });
    return result.committed;
  }

  /** In turn. An abort before the turn costs nothing; during it, it costs the process, which the next call starts anew. */
  async #run(request: CommitRequest | FinishRequest, { signal, onProgress }: Job) {
    const before = this.#last;
    let done = (): void => {};
    this.#last = new Promise<void>((resolve) => (done = resolve));
    try {
      await before;
      if (this.#closed) throw new ProverError("PROVER_CLOSED");
      signal?.throwIfAborted();
      if (!this.#child.alive) this.#child = new ProveChild();
      const child = this.#child;
      const stop = (): void => void child.kill(signal?.reason as Error);
      signal?.addEventListener("abort", stop, { once: true });
      try {
        if (!child.opened) await child.open({ files: this.#files, ...this.#options });
        return await child.call(request, (step) => onProgress?.(step));
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    } finally {
      done();
    }
  }
}

/** Stock snarkjs on the stripped key, in a process of its own for each key. */
export class SnarkjsProver implements Prover {
  readonly name = "snarkjs";

  async open(files: KeyFiles, options: OpenOptions): Promise<ProvingKey> {
    const size = await stat(files.zkey).then(
      (found) => Math.ceil(found.size / MIB),
      // Opening it says what is wrong.
      () => 0,
    );
    if (size > options.memoryMiB)
      throw new ProverError("CIRCUIT_TOO_LARGE", { needed: size, what: "MiB of key", limit: options.memoryMiB });
    const child = new ProveChild();
    try {
      return new SnarkjsKey(child, files, options, await child.open({ files, ...options }));
    } catch (error) {
      await child.kill(new ProverError("PROVER_CLOSED"));
      throw error;
    }
  }
}
