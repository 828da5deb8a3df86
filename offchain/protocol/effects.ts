// SPDX-License-Identifier: GPL-3.0-or-later
import type { Clock } from "../core/ports/clock.ts";
import type { Logger } from "../core/ports/logger.ts";
import { hasCode, isAssayError } from "../core/errors.ts";

/** A failed effect is tried again after this long, unless the chain moved first. */
const RETRY_MS = 2_000;

export interface EffectsModules {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly logger: Pick<Logger, "debug" | "warn">;
  readonly signal: AbortSignal;
}

/** What effects act upon: a failed one looks whether the chain has moved meanwhile. */
export interface Observed {
  /** The chain's side as last read, comparable. */
  view(): string;
  refresh(): Promise<void>;
  /** The job has ended: whatever was still wanted has been done by others. */
  isOver(): boolean;
}

/** Starts effects by name: each at most once at a time, and again only after a pause when it failed. */
export class Effects {
  readonly #modules: EffectsModules;
  readonly #observed: Observed;
  readonly #busy = new Set<string>();
  readonly #retryAt = new Map<string, number>();

  constructor(modules: EffectsModules, observed: Observed) {
    this.#modules = modules;
    this.#observed = observed;
  }

  /** Something changed: what failed may be tried at once. */
  clear(): void {
    this.#retryAt.clear();
  }

  delay(name: string, ms: number): void {
    this.#retryAt.set(name, this.#modules.clock.monotonicMs() + ms);
  }

  /** Starts an effect unless it runs or failed a moment ago. */
  once(name: string, effect: () => Promise<void> | void): void {
    const now = this.#modules.clock.monotonicMs();
    if (this.#busy.has(name) || now < (this.#retryAt.get(name) ?? 0)) return;
    this.#busy.add(name);
    const before = this.#observed.view();
    const run = async () => effect();
    void run()
      .catch(async (error: unknown) => this.#failed(name, before, error))
      .finally(() => this.#busy.delete(name));
  }

  async #failed(name: string, before: string, error: unknown): Promise<void> {
    this.delay(name, RETRY_MS);
    if (this.#modules.signal.aborted) return;
    // Seats race to send the same transaction and all but one revert: that is no failure once the chain shows what they wanted.
    if (hasCode(error, "REVERTED") || hasCode(error, "TRANSACTION_REVERTED")) {
      await this.#observed.refresh().catch(() => undefined);
      if (this.#observed.isOver() || this.#observed.view() !== before) {
        this.#modules.logger.debug("seat.overtaken", { step: name });
        return;
      }
    }
    const code = isAssayError(error) ? { code: error.code } : {};
    this.#modules.logger.warn("seat.action-failed", { step: name, error, ...code });
  }
}
