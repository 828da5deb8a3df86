// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { cipherStageHash, type CipherStage } from "../../../core/she/cipher-stage.ts";
import { bodyRoot, cipherDigest, wordTreeRoot } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject, encodeSheObject, type CompactPlaintext, type SheObject } from "../../../core/she/object.ts";
import type { PlanKey, ShePlan } from "../compile/plan.ts";
import { StageThreads } from "../threads/stage-threads.ts";
import { keyList } from "../trace/key-list.ts";
import { TraceThread } from "../trace/trace-thread.ts";
import { cipherStageOf, StageTrace } from "../trace/trace.ts";
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

/** A job's keys for one stage: bytes of strangers. */
export interface CipherKeys {
  /** The job's `inputRef`, and the body roots of all its keys, in the order of `keyList`. */
  readonly keySetRoot: Hex;
  readonly keyBodies: readonly Hex[];
  /** The stage's keys, in the order that the plan lists them. */
  readonly keys: readonly Uint8Array[];
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
/** Others get the thread between two keys, each some ten milliseconds. */
const breathe = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * One stage of an encrypted program as a seat serves it: checks its model once, every job's bytes against what the chain says, and
 * evaluates. No secret, no randomness: every honest seat gives the same answer. What it cannot check it does not vote on.
 */
export class CipherSeat {
  readonly facts: CipherStage;
  readonly #options: CipherSeatOptions;
  readonly #threads: StageThreads;
  readonly #list: readonly PlanKey[];
  /** Keys that were hashed, and against what. */
  readonly #checked = new WeakMap<readonly Uint8Array[], string>();

  private constructor(options: CipherSeatOptions, facts: CipherStage, threads: StageThreads) {
    [this.#options, this.facts, this.#threads] = [options, facts, threads];
    this.#list = keyList(options.plan);
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
    this.#checkBodies(given);
    const own = this.#options.plan.stages[this.#options.stage]?.keys ?? [];
    for (const [i] of own.entries()) {
      this.#openKey(given, i, true);
      await breathe();
    }
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
    const { plan, stage, hashes } = this.#options;
    this.#checkBodies(work);
    const object = decodeSheObject(work.input, hashes);
    const { kind, level, profile } = object.header;
    if (kind !== "ciphertext" || profile.id !== plan.profile.id || level !== this.facts.levelIn)
      throw refuse(kind, `it is not a ciphertext of ${plan.profile.name} at level ${this.facts.levelIn}`);
    if (cipherDigest(object, hashes) !== work.inDigest.toLowerCase())
      throw refuse(kind, "it is not the input that the job names");
    const isChecked = this.#checked.get(work.keys) === `${work.keySetRoot}/${work.keyBodies.join()}`;
    const own: (SheObject | undefined)[] = this.#list.map(() => undefined);
    for (const [i] of (plan.stages[stage]?.keys ?? []).entries()) {
      const { key, place } = this.#openKey(work, i, !isChecked);
      own[place] = key;
    }
    return { input: object, keys: own };
  }

  /** That the roots are the key set's, and as many keys as the stage lists. */
  #checkBodies({ keySetRoot, keyBodies, keys }: CipherKeys): void {
    const { plan, stage, hashes } = this.#options;
    if (keyBodies.length !== this.#list.length)
      throw refuse("key set", `${keyBodies.length} of ${this.#list.length} keys`);
    const bodies = keyBodies.map((body) => fromHex(body, 32, "A key's body root"));
    if (toHex(wordTreeRoot(bodies, hashes)) !== keySetRoot.toLowerCase())
      throw refuse("key set", "it is not the one that the job names");
    const wanted = plan.stages[stage]?.keys.length ?? 0;
    if (keys.length !== wanted) throw refuse("keys", `${keys.length} of ${wanted}`);
  }

  #openKey({ keyBodies, keys }: CipherKeys, i: number, isHashed: boolean): { key: SheObject; place: number } {
    const { plan, stage, hashes } = this.#options;
    const { galois, level } = plan.stages[stage]?.keys[i] ?? { galois: -1, level: 0 };
    const key = decodeSheObject(keys[i] ?? new Uint8Array(0), hashes);
    const { header } = key;
    const place = this.#list.findIndex((listed) => listed.galois === galois && listed.level === level);
    const isOther = header.galois !== galois || header.level !== level || header.profile.id !== plan.profile.id;
    if (header.kind !== "key" || isOther)
      throw refuse("key", `it is not the one of element ${galois} at level ${level}`);
    if (isHashed && toHex(bodyRoot(key, hashes)) !== keyBodies[place]?.toLowerCase())
      throw refuse("key", `element ${galois} is not the key set's`);
    return { key, place };
  }
}
