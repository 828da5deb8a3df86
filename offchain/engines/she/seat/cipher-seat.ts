// SPDX-License-Identifier: MIT
import { toHex, type Hex } from "../../../core/bytes.ts";
import { cipherStageHash, type CipherStage } from "../../../core/she/cipher-stage.ts";
import { bodyRoot, cipherDigest, wordTreeRoot } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject, encodeSheObject, type CompactPlaintext, type SheObject } from "../../../core/she/object.ts";
import type { ShePlan } from "../compile/plan.ts";
import { StageThreads } from "../threads/stage-threads.ts";
import { TraceThread } from "../trace/trace-thread.ts";
import { cipherStageOf, StageTrace } from "../trace/trace.ts";
import { StageKeys, type CipherKeys } from "./stage-keys.ts";
import { weightObjects } from "./weight-objects.ts";

export interface CipherSeatOptions {
  readonly plan: ShePlan;
  /** Which stage of the plan. */
  readonly stage: number;
  readonly weights: readonly CompactPlaintext[];
  /** Hash of the stage's facts in the model's manifest (`kernel` of its stage table). */
  readonly kernel: Hex;
  readonly hashes: SheHashes;
  /** Threads of one evaluation. */
  readonly lanes: number;
}

/** What a seat is given for a job: bytes of strangers. */
export interface CipherWork extends CipherKeys {
  /** The input that the chain says the stage takes, and bytes that claim to be it; seeded or canonical. */
  readonly inDigest: Hex;
  readonly input: Uint8Array;
}

export interface CipherAnswer {
  /** What the seat votes for. */
  readonly outDigest: Hex;
  /** Canonical bytes, for the next stage or the key holder. */
  readonly output: Uint8Array;
}

const refuse = (what: string, reason: string) => new SheError("BYTES_REFUSED", { what, reason });

/**
 * One stage of an encrypted program as a seat serves it: checks its model once, every job's bytes against what the chain says, and
 * evaluates. No secret, no randomness: every honest seat gives the same answer. What it cannot check it does not vote on.
 */
export class CipherSeat {
  readonly facts: CipherStage;
  readonly #options: CipherSeatOptions;
  readonly #threads: StageThreads;
  readonly #keys: StageKeys;
  /** Keys that were hashed, and against what. */
  readonly #checked = new WeakMap<readonly Uint8Array[], string>();

  private constructor(options: CipherSeatOptions, facts: CipherStage, threads: StageThreads) {
    [this.#options, this.facts, this.#threads] = [options, facts, threads];
    this.#keys = new StageKeys(options.plan, options.stage, options.hashes);
  }

  /**
   * Lowers the plan and hashes the weights again: a seat that served other facts than the manifest's could be convicted for an honest
   * evaluation. Errors: STAGE_DIFFERS, PROGRAM_TOO_LARGE, KERNEL_MISSING, WORKER_FAILED.
   */
  static async start(options: CipherSeatOptions): Promise<CipherSeat> {
    const { plan, stage, weights, kernel, hashes, lanes } = options;
    const own = plan.stages[stage];
    if (own === undefined) throw new SheError("STAGE_DIFFERS", { stage });
    const bodies = Array.from(weightObjects(weights), (object) => bodyRoot(object, hashes));
    const facts = cipherStageOf(plan, stage, toHex(wordTreeRoot(bodies, hashes)), hashes);
    if (cipherStageHash(facts) !== kernel.toLowerCase()) throw new SheError("STAGE_DIFFERS", { stage });
    const { profile, interleave } = plan;
    return new CipherSeat(
      options,
      facts,
      await StageThreads.start({ profile, interleave, stage: own, weights, lanes }),
    );
  }

  /**
   * Whether these are the job's keys for this stage. Errors: BYTES_REFUSED and PROFILE_UNKNOWN. What passed is not hashed again by
   * `evaluate`, as long as it is the same arrays, which nobody may write to any more.
   */
  async checkKeys(given: CipherKeys): Promise<void> {
    await this.#keys.check(given);
    this.#checked.set(given.keys, `${given.keySetRoot}/${given.keyBodies.join()}`);
  }

  /** Errors: BYTES_REFUSED and PROFILE_UNKNOWN (what was given is not the job's: abstain), WORKER_FAILED. */
  async evaluate(work: CipherWork): Promise<CipherAnswer> {
    const { input, keys } = this.#check(work);
    const output = await this.#threads.run(
      input,
      keys.flatMap((key) => (key === undefined ? [] : [key])),
    );
    return { outDigest: cipherDigest(output, this.#options.hashes), output: encodeSheObject(output) };
  }

  /** The evaluation row by row, for a dispute: seconds of work on the caller's thread. Errors: as `evaluate`. */
  trace(work: CipherWork): StageTrace {
    const { plan, stage, weights, hashes } = this.#options;
    const sources = { ...this.#check(work), keyBodies: work.keyBodies, weights: [...weightObjects(weights)] };
    return new StageTrace(plan, stage, sources, hashes);
  }

  /** The same on a thread of its own, which plays games about it. Errors: as `evaluate`. */
  async startTrace(work: CipherWork): Promise<TraceThread> {
    const { plan, stage, weights } = this.#options;
    const sources = { ...this.#check(work), keyBodies: work.keyBodies };
    return TraceThread.start({ plan, stage, facts: this.facts, sources, weights });
  }

  async close(): Promise<void> {
    await this.#threads.close();
  }

  /** The job's objects, keys with a hole for every one that the stage does not list. */
  #check(work: CipherWork): { input: SheObject; keys: (SheObject | undefined)[] } {
    const { plan, hashes } = this.#options;
    this.#keys.checkBodies(work);
    const object = decodeSheObject(work.input, hashes);
    const { kind, level, profile } = object.header;
    if (kind !== "ciphertext" || profile.id !== plan.profile.id || level !== this.facts.levelIn)
      throw refuse(kind, `it is not a ciphertext of ${plan.profile.name} at level ${this.facts.levelIn}`);
    if (cipherDigest(object, hashes) !== work.inDigest.toLowerCase())
      throw refuse(kind, "it is not the input that the job names");
    const isChecked = this.#checked.get(work.keys) === `${work.keySetRoot}/${work.keyBodies.join()}`;
    return { input: object, keys: this.#keys.open(work, !isChecked) };
  }
}
