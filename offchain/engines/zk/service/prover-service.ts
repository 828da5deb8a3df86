// SPDX-License-Identifier: GPL-3.0-or-later
import { availableParallelism } from "node:os";
import type { PairingEngine } from "../../../core/ports/pairing.ts";
import { claimHash } from "../../../core/claim.ts";
import type { AssayError } from "../../../core/errors.ts";
import { oneRoundContext } from "../../../core/zk/challenge.ts";
import type { ProofEvidence } from "../../../core/zk/evidence.ts";
import { BACKEND_ONE_ROUND, encodeKeyRecord, type KeyRecord } from "../../../core/zk/key-record.ts";
import type { LinearCheckAnswer, LinearCheckRequest } from "../../../core/zk/linear-check-wire.ts";
import { wordsOfProof, type Proof } from "../../../core/zk/proof.ts";
import { publicInputs, statementWords } from "../../../core/zk/statement.ts";
import { judgeProofs } from "../../../core/zk/judge-proofs.ts";
import { noblePairing } from "../../../core/zk/noble-pairing.ts";
import type { StageProof } from "../../../core/zk/verify-proof.ts";
import { openKey, type VerifyingKey } from "../../../core/zk/verifying-key.ts";
import { ProverError } from "../prover/errors.ts";
import type { Commitment, Prover, ProvingKey } from "../prover/prover.ts";
import { proveLinearCheck, type WeightsOwner } from "../weights/prove-linear-check.ts";
import { buildRoundOne } from "../witness/build-round-one.ts";
import { prepareRoundTwo, solveRoundTwo } from "../witness/solve-round-two.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import { ProofQueue } from "./proof-queue.ts";
import { boundariesOf, tensorsHex, type StageRequest } from "./stage-request.ts";
import { WarmKeys } from "./warm-keys.ts";

export interface ProvedStage {
  readonly proof: Proof;
  /** What `abi.encode(ProofEvidence)` takes. */
  readonly evidence: ProofEvidence;
  readonly key: VerifyingKey;
}

export interface CheckRequest extends Omit<WeightsOwner, "proving"> {
  readonly keys: KeyFiles;
  readonly request: LinearCheckRequest;
  readonly signal?: AbortSignal | undefined;
}

export interface ProverServiceOptions {
  /** Of all warm keys together, and of one proof; default 2,048. */
  readonly memoryMiB?: number;
  /** Default: the machine's. */
  readonly threads?: number;
  readonly nowMs?: () => number;
  /** What verifies each proof before it leaves, closed with the service; default: JavaScript. */
  readonly pairing?: PairingEngine;
}

/** For metrics: totals since the service began. */
export interface ProverStats {
  readonly waiting: number;
  readonly proving: boolean;
  readonly proved: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly warmKeys: number;
  readonly residentMiB: number;
  /** Of the largest warm key. */
  readonly largestMiB: number;
  /** Of the last proof, from its turn to its verified end; null before the first. */
  readonly lastProveMs: number | null;
  readonly totalProveMs: number;
}

/**
 * Proves stages, one at a time, earliest deadline first, with warm keys. Every proof is verified as a stranger would verify it before it
 * leaves; a wrong witness or claim is a typed error, never a proof.
 */
export class ProverService {
  readonly #queue: ProofQueue;
  readonly #keys: WarmKeys;
  readonly #pairing: PairingEngine;
  readonly #verifying = new WeakMap<KeyRecord, VerifyingKey>();
  readonly #closing = new AbortController();
  readonly #counts = { proved: 0, failed: 0, cancelled: 0, totalProveMs: 0 };
  #lastProveMs: number | null = null;
  #current: Promise<unknown> = Promise.resolve();

  constructor(prover: Prover, options: ProverServiceOptions = {}) {
    const { memoryMiB = 2048, threads = availableParallelism(), nowMs = Date.now, pairing = noblePairing } = options;
    this.#pairing = pairing;
    this.#queue = new ProofQueue(nowMs);
    this.#keys = new WarmKeys(prover, { memoryMiB, threads });
  }

  /**
   * Errors: STATEMENT_WRONG, WITNESS_WRONG, DEADLINE_PASSED, PROVER_CLOSED, PROVER_CRASHED, PROVER_MEMORY, those of opening the key and of
   * building the witness, the signal's reason.
   */
  async proveStage(request: StageRequest): Promise<ProvedStage> {
    const { signal, deadlineMs } = request;
    request.onProgress?.("queue");
    return this.#inTurn(() => this.#prove(request), deadlineMs, signal);
  }

  /**
   * The owner's side of a linear check, with a warm key, when no job's proof waits. Errors: those of `proveLinearCheck` and of opening the
   * key, PROVER_CLOSED, the signal's reason.
   */
  async proveCheck({ keys, request, signal, ...owner }: CheckRequest): Promise<LinearCheckAnswer> {
    const stop = this.#stopping(signal);
    return this.#inTurn(
      async () => proveLinearCheck({ ...owner, proving: await this.#keys.get(keys) }, request, { signal: stop }),
      Infinity,
      signal,
    );
  }

  async #inTurn<T>(prove: () => Promise<T>, deadlineMs?: number, signal?: AbortSignal): Promise<T> {
    try {
      const result = await this.#queue.run(
        () => {
          const work = this.#timed(prove);
          this.#current = work.catch(() => undefined);
          return work;
        },
        deadlineMs,
        signal,
      );
      this.#counts.proved++;
      return result;
    } catch (error) {
      if (signal?.aborted === true) this.#counts.cancelled++;
      else this.#counts.failed++;
      throw error;
    }
  }

  #stopping(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
  }

  /** Why a proof does not hold; undefined if it does. Not queued behind proofs. Errors: those of the pairing engine. */
  async judge(proof: StageProof): Promise<AssayError | undefined> {
    const [fault] = await judgeProofs([proof], this.#pairing);
    return fault;
  }

  stats(): ProverStats {
    return {
      waiting: this.#queue.waiting,
      proving: this.#queue.running,
      ...this.#counts,
      warmKeys: this.#keys.count,
      residentMiB: this.#keys.residentMiB,
      largestMiB: this.#keys.largestMiB,
      lastProveMs: this.#lastProveMs,
    };
  }

  /** Ends the proof under way, refuses what waits, closes every key. */
  async close(): Promise<void> {
    this.#queue.close();
    this.#closing.abort(new ProverError("PROVER_CLOSED"));
    await this.#current;
    await this.#keys.close();
    await this.#pairing.close?.();
  }

  async #timed<T>(prove: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await prove();
    this.#lastProveMs = performance.now() - start;
    this.#counts.totalProveMs += this.#lastProveMs;
    return result;
  }

  async #prove(request: StageRequest): Promise<ProvedStage> {
    const { circuit, claim, domain, weights, onProgress, keys } = request;
    const signal = this.#stopping(request.signal);
    onProgress?.("key");
    const proving = await this.#keys.get(keys);
    const key = this.#keyOf(proving);
    if (key.record.circuitHash !== circuit.circuitHash)
      throw new ProverError("KEY_UNSOUND", { reason: `it is a key of circuit ${key.record.circuitHash}` });
    prepareRoundTwo(circuit);
    onProgress?.("witness");
    signal.throwIfAborted();
    const { inputs, salts } = request;
    // One round knows its only challenge-like input before anything is committed.
    const bound = { domain, claimHash: claimHash(claim), keyId: key.keyId };
    const context = key.record.backend === BACKEND_ONE_ROUND ? { context: oneRoundContext(bound) } : {};
    const roundOne = buildRoundOne(circuit, { inputs, salts, ...context });
    const job = { signal, onProgress };
    let commitment: Commitment | undefined;
    try {
      const boundaries = boundariesOf(request, roundOne.outputs[0]);
      const words = statementWords(key.record, claim, boundaries);
      commitment = await proving.commit(roundOne.values, job);
      const publics = publicInputs(key, { domain, claim, weights: weights?.commitment }, commitment.c1, words);
      const [v = 0n, c = 0n, rho = 0n] = publics;
      const values = solveRoundTwo(circuit, roundOne.values, { v, c, rho });
      const proof = await proving.finish(commitment, values, { ...job, weights }).finally(() => values.fill(0));
      onProgress?.("verify");
      const { joined, producers } = boundaries;
      const evidence = { proof: wordsOfProof(proof), tensors: tensorsHex(boundaries), joined: [...joined] };
      await this.#verify(key, { request, evidence, producers });
      return { proof, evidence, key };
    } finally {
      if (commitment !== undefined) proving.discard(commitment);
      roundOne.values.fill(0);
    }
  }

  async #verify(
    key: VerifyingKey,
    made: { readonly request: StageRequest; readonly evidence: ProofEvidence; readonly producers: readonly number[] },
  ): Promise<void> {
    const { claim, domain, weights } = made.request;
    const stage = { key, claim, domain, weights: weights?.commitment, ...made };
    const [fault] = await judgeProofs([stage], this.#pairing);
    if (fault !== undefined)
      throw new ProverError("STATEMENT_WRONG", { reason: fault.message.replace(/\.$/, "") }, { cause: fault });
  }

  #keyOf({ record }: ProvingKey): VerifyingKey {
    const found = this.#verifying.get(record) ?? openKey(encodeKeyRecord(record));
    this.#verifying.set(record, found);
    return found;
  }
}
