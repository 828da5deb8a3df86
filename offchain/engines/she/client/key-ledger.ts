// SPDX-License-Identifier: MIT

/** What became of one key set: kept as long as the root is, because counts that a restart forgets protect nothing. */
export interface KeyState {
  /** Values published so far. */
  readonly released: number;
  /** Why nothing may be encrypted or published under these keys any more. */
  readonly retired?: RetireReason;
}

export type RetireReason = "undecided" | "check failed" | "proof mismatch" | "limit" | "asked";

/** Durable home of a key set's state. `save` returns when the state would survive a crash. */
export interface KeyLedger {
  load(): Promise<KeyState>;
  save(state: KeyState): Promise<void>;
}

/** Of a key set that lives no longer than the process: its root must not be exported. */
export class MemoryKeyLedger implements KeyLedger {
  #state: KeyState = { released: 0 };

  load(): Promise<KeyState> {
    return Promise.resolve(this.#state);
  }

  save(state: KeyState): Promise<void> {
    this.#state = state;
    return Promise.resolve();
  }
}
