// SPDX-License-Identifier: MIT
import type { Hex } from "../../../core/bytes.ts";
import { finishAccumulator } from "../../../core/program/run/linear.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import type { RefreshStep } from "../compile/refresh-plan.ts";
import { CipherSession, type FinalityPort } from "./cipher-session.ts";
import type { KeyLedger } from "./key-ledger.ts";
import type { LinearCheck } from "./linear-check.ts";
import type { SheClient } from "./she-client.ts";

export interface RefreshSessionOptions {
  /** Of profile P13-R. */
  readonly client: SheClient;
  readonly stages: readonly RefreshStep[];
  readonly finality: FinalityPort;
  readonly ledger: KeyLedger;
  readonly hashes: SheHashes;
  /** One a stage, of public weights or proven by their owner; where there is none, quorum and disputes alone vouch for the stage. */
  readonly checks?: readonly (LinearCheck | undefined)[];
}

/**
 * A key holder between encrypted linear stages: decrypts a final result, rounds, applies the integer program's rounding and
 * activation exactly, encrypts afresh. The end is the integer program's result, bit for bit.
 * The key holder sees the activations of its own input: whoever shows a receipt must say so.
 */
export class RefreshSession {
  readonly #options: RefreshSessionOptions;
  readonly #stages: readonly (RefreshStep & { readonly session: CipherSession })[];

  constructor(options: RefreshSessionOptions) {
    this.#options = options;
    const { client, stages, finality, ledger, hashes } = options;
    // Nothing is released here: accumulators are exact, and the integer result is its owner's.
    this.#stages = stages.map((stage) => {
      const { plan } = stage.compiled;
      const { finish } = stage;
      return { ...stage, session: new CipherSession({ client, plan, finish, finality, ledger, hashes, tolerance: 0 }) };
    });
  }

  /** A stage's input as a fresh ciphertext. Errors: KEYS_RETIRED, INPUT_OUT_OF_RANGE, NO_SAMPLE, CLIENT_FORGOTTEN. */
  async encrypt(stage: number, x: ArrayLike<number>): Promise<Uint8Array> {
    return this.#stage(stage).session.encrypt([x]);
  }

  /**
   * What the integer program has behind a stage: of x, by the final ciphertext of that stage's job. Values that no input gives are
   * clamped in silence: no reaction may tell what was decrypted. With a check, a wrong stage retires the key set first and throws.
   * Errors: NOT_FINAL, BYTES_REFUSED, CHECK_FAILED, NO_SAMPLE.
   */
  async finish(stage: number, x: ArrayLike<number>, jobId: Hex, bytes: Uint8Array): Promise<Int32Array> {
    const { session, finish, channels, inner, largest } = this.#stage(stage);
    const opened = await session.open(jobId, bytes, 1);
    const accumulators = Int32Array.from(opened.values().reveal()[0] ?? [], (y) =>
      Math.max(-largest, Math.min(largest, Math.round(y))),
    );
    const check = this.#options.checks?.[stage];
    if (check !== undefined && !check.holds(x, accumulators)) {
      await session.retire("check failed");
      throw new SheError("CHECK_FAILED", { stage });
    }
    return finishAccumulator(accumulators, finish, channels, inner);
  }

  #stage(index: number): RefreshStep & { readonly session: CipherSession } {
    const stage = this.#stages[index];
    if (stage === undefined) throw new SheError("NO_SAMPLE", { sample: index, samples: this.#stages.length });
    return stage;
  }
}
