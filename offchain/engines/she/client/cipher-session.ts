// SPDX-License-Identifier: MIT
import type { Hex } from "../../../core/bytes.ts";
import type { Finish } from "../../../core/program/types.ts";
import { Secret } from "../../../core/secret.ts";
import { cipherDigest } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject, encodeSheObject } from "../../../core/she/object.ts";
import { packSlots, unpackSlots, type ShePlan } from "../compile/plan.ts";
import type { KeyLedger, KeyState, RetireReason } from "./key-ledger.ts";
import { releaseOf, type Released, type ReleaseRule } from "./release.ts";
import type { SheClient } from "./she-client.ts";

/** Who knows what a job ended with: the chain. */
export interface FinalityPort {
  /** Digest of the job's last ciphertext once it is FINAL: quorum, window and disputes are over. Undefined before, and if it closed. */
  finalDigestOf(jobId: Hex): Promise<Hex | undefined>;
}

export interface CipherSessionOptions {
  readonly client: SheClient;
  readonly plan: ShePlan;
  /** Of the registered program: largest error of an output slot. */
  readonly tolerance: number;
  /** The program's last rounding. */
  readonly finish: Finish;
  readonly finality: FinalityPort;
  readonly ledger: KeyLedger;
  readonly hashes: SheHashes;
}

/** Values that one key set may publish: an engineering limit, not a proof. */
export const MAX_RELEASES = 64;

/**
 * One key set in use, with the rules that keep it secret (she.md sections 7 and 10): inputs in the range that the program was proved
 * for; nothing decrypted that is not the chain's final result; nothing published but what no noise would have changed; a set whose
 * owner was seen to react to a decryption is retired, first and for good.
 */
export class CipherSession {
  readonly #options: CipherSessionOptions;
  /** Changes of the key set's state happen one after another, or two at once would count as one. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: CipherSessionOptions) {
    this.#options = options;
  }

  /** Errors: KEYS_RETIRED, INPUT_OUT_OF_RANGE, CLIENT_FORGOTTEN. */
  async encrypt(samples: readonly ArrayLike<number>[]): Promise<Uint8Array> {
    await this.#usable();
    const { client, plan } = this.#options;
    const level = plan.stages[0]?.levelIn ?? 0;
    return client.encrypt(packSlots(plan, samples), 2 ** plan.profile.boundaryScaleBits, level);
  }

  /**
   * Decrypts a job's result: only the ciphertext that the chain says it ended with. `samples`: how many were in the input.
   * Errors: NOT_FINAL (no result yet, or another ciphertext), BYTES_REFUSED, CLIENT_FORGOTTEN.
   */
  async open(jobId: Hex, bytes: Uint8Array, samples: number): Promise<OpenedResult> {
    const { client, plan, finality, hashes } = this.#options;
    const object = decodeSheObject(bytes, hashes);
    const [have, final] = [cipherDigest(object, hashes), await finality.finalDigestOf(jobId)];
    if (final?.toLowerCase() !== have) throw new SheError("NOT_FINAL", { job: jobId });
    const slots = client.decryptUnchecked(encodeSheObject(object), 2 ** plan.profile.boundaryScaleBits);
    return new OpenedResult(unpackSlots(plan, slots, samples), (accumulators, rule) =>
      this.#inTurn(() => this.#release(accumulators, rule)),
    );
  }

  /** Ends the key set: before any act that others can see and that depends on a decrypted value. */
  retire(reason: RetireReason): Promise<void> {
    const { ledger } = this.#options;
    return this.#inTurn(async () => {
      const state = await ledger.load();
      if (state.retired === undefined) await ledger.save({ ...state, retired: reason });
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const next = this.#last.then(change);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #usable(): Promise<KeyState> {
    const state = await this.#options.ledger.load();
    if (state.retired !== undefined) throw new SheError("KEYS_RETIRED", { reason: state.retired });
    return state;
  }

  async #release(accumulators: readonly number[], rule: ReleaseRule): Promise<Released> {
    const { ledger, plan, tolerance, finish } = this.#options;
    const state = await this.#usable();
    const value = releaseOf(accumulators, rule, { tolerance: tolerance * plan.outputScale, finish });
    const released = state.released + 1;
    const spent = value.kind === "undecided" ? "undecided" : released >= MAX_RELEASES ? "limit" : undefined;
    // Written before anybody can see it: a crash behind this line costs a release, none is given twice.
    await ledger.save({ released, ...(spent && { retired: spent }) });
    return value;
  }
}

/** A decrypted result: its owner may read it, others learn what `release` gives. */
export class OpenedResult {
  readonly #samples: readonly (readonly number[])[];
  readonly #publish: (accumulators: readonly number[], rule: ReleaseRule) => Promise<Released>;

  constructor(
    samples: readonly (readonly number[])[],
    publish: (accumulators: readonly number[], rule: ReleaseRule) => Promise<Released>,
  ) {
    [this.#samples, this.#publish] = [samples, publish];
  }

  /**
   * Accumulators of each sample, with their noise: for the key holder's eyes. Warning: whoever else sees them, or sees what depends on
   * them, can compute the key.
   */
  values(): Secret<readonly (readonly number[])[]> {
    return new Secret(this.#samples);
  }

  /**
   * What may be told of one sample. Counts against the key set, also when the same is asked again. Errors: KEYS_RETIRED, NO_SAMPLE.
   */
  async release(rule: ReleaseRule, sample = 0): Promise<Released> {
    const accumulators = this.#samples[sample];
    if (accumulators === undefined) throw new SheError("NO_SAMPLE", { sample, samples: this.#samples.length });
    return this.#publish(accumulators, rule);
  }
}
