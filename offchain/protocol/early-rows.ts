// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import type { HeldInputs } from "./held-inputs.ts";
import type { StageRunner } from "./ports.ts";
import type { RowMaker, StageOrder } from "./row-maker.ts";
import type { WorkPlaces } from "./work-places.ts";

interface EarlyRowsOptions {
  readonly held: HeldInputs;
  readonly rows: RowMaker;
  readonly places: WorkPlaces;
  /** The stage's runner; null if there is none. */
  readonly runner: () => Promise<StageRunner | null>;
  /** Called when rows were computed, or none will be. */
  readonly onProgress: () => void;
}

/** Work on rows that may yet turn out to be the wrong ones: a stage begins before its input is complete. */
export class EarlyRows {
  readonly #order: StageOrder;
  readonly #options: EarlyRowsOptions;
  #running: Promise<void> | null = null;
  /** Not worth it any more: no place, no model, or an input that it does not take. The seat's own run will say so. */
  #isOff = false;

  constructor(order: StageOrder, options: EarlyRowsOptions) {
    this.#order = order;
    this.#options = options;
  }

  get order(): StageOrder {
    return this.#order;
  }

  get isOff(): boolean {
    return this.#isOff;
  }

  /** Resolves when nothing is being computed. */
  async settled(): Promise<void> {
    await this.#running;
  }

  end(): void {
    this.#isOff = true;
  }

  /** Computes what is here, unless that is being done. */
  go(): void {
    if (this.#isOff || this.#running !== null) return;
    this.#running = this.#compute()
      // Rows that came while the place was given back.
      .then(() => !this.#isOff && this.#next() !== null)
      .catch(() => {
        this.#isOff = true;
        return false;
      })
      .then((isMore) => {
        this.#running = null;
        this.#options.onProgress();
        if (isMore) this.go();
      });
  }

  #next(i = this.#options.rows.results.all.length): readonly Uint8Array[] | null {
    const { table, stage, spec } = this.#order;
    return this.#options.held.row(table[stage]?.producers ?? [], batchCount(spec.policy.flags), i);
  }

  /** Holds a place only as long as there are rows. */
  async #compute(): Promise<void> {
    const { rows, places, runner: runnerOf } = this.#options;
    if (this.#next() === null) return;
    const runner = await runnerOf();
    if (runner === null || !(await places.turn(this.#order.spec.seatReward))) {
      this.#isOff = true;
      return;
    }
    const next = (i: number): readonly Uint8Array[] | null => {
      const inputs = this.#next(i);
      if (inputs?.some(({ length }) => length > runner.maxInputBytes) === true) this.#isOff = true;
      return this.#isOff ? null : inputs;
    };
    try {
      await rows.makeNext(this.#order, runner, next);
    } finally {
      places.next();
    }
  }
}
