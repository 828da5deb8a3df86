// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { saltBytes } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import type { Clock } from "../core/ports/clock.ts";
import { decodeTensor, encodeTensor } from "../core/tensor.ts";
import type { DigestKind, Spec, StageInfo } from "../core/types.ts";
import type { HeldInputs } from "./held-inputs.ts";
import type { StageRunner } from "./ports.ts";
import { rowDigest, RowResults, type Row } from "./row-results.ts";
import type { WorkTimes } from "./work-times.ts";

/** Rows that a runner has at once: it computes the second while what is to be done with the first is done. */
const ROWS_AT_ONCE = 2;

/** What a float model can answer instead of an output. */
const FLOAT_FAILURES: ReadonlySet<string> = new Set(["NOT_FINITE", "EXECUTION_FAILED"]);

/** A stage of a job, and until when it is worth computing. */
export interface StageOrder {
  readonly spec: Spec;
  readonly stage: number;
  readonly table: readonly StageInfo[];
  readonly signal: AbortSignal;
}

interface RowOrder extends StageOrder {
  readonly inputs: readonly Uint8Array[];
  readonly runner: StageRunner;
}

type StartedRow = { readonly index: number; readonly order: RowOrder } & (
  { readonly known: Row } | { readonly made: ReturnType<StageRunner["run"]> }
);

/** Makes the rows of one job's stage, two at once, and remembers them. */
export class RowMaker {
  readonly #held: HeldInputs;
  readonly #clock: Clock;
  readonly #times: WorkTimes;
  /** Called when a row was made. */
  readonly #onRow: () => void;
  readonly results = new RowResults();
  #isEnded = false;
  /** When the newest row was made, on the monotonic clock. */
  #madeMs = 0;

  constructor(held: HeldInputs, clock: Clock, times: WorkTimes, onRow: () => void) {
    this.#held = held;
    this.#clock = clock;
    this.#times = times;
    this.#onRow = onRow;
  }

  /** Nobody is to see its rows any more. */
  end(): void {
    this.#isEnded = true;
    this.results.wipe();
  }

  /** Makes rows after those that are here, as long as `next` has inputs for them. Errors: those of the runner. */
  async makeNext(
    order: StageOrder,
    runner: StageRunner,
    next: (i: number) => readonly Uint8Array[] | null,
  ): Promise<void> {
    const started: StartedRow[] = [];
    const refill = (): void => {
      const from = this.results.all.length;
      // Rows begun before theirs were discarded end first.
      if (started[0] !== undefined && started[0].index !== from) return;
      while (started.length < ROWS_AT_ONCE) {
        const inputs = next(from + started.length);
        if (inputs === null) return;
        started.push(this.#start(from + started.length, { ...order, runner, inputs }));
      }
    };
    for (refill(); started.length > 0 && !this.#isEnded; refill()) await this.#finish(started.shift() as StartedRow);
  }

  /** Makes all rows, in their order; null if an input is not what the model takes. Errors: any other of the runner's. */
  async makeAll(
    order: StageOrder,
    runner: StageRunner,
    inputs: readonly (readonly Uint8Array[])[],
  ): Promise<readonly Row[] | null> {
    const rows: Row[] = [];
    try {
      const started: StartedRow[] = [];
      for (const [i, one] of inputs.entries()) {
        started.push(this.#start(i, { ...order, runner, inputs: one }));
        if (started.length === ROWS_AT_ONCE) rows.push(await this.#finish(started.shift() as StartedRow));
      }
      for (const last of started) rows.push(await this.#finish(last));
      return rows;
    } catch (error) {
      // The digest is right but the tensor is not what the model takes: every honest seat finds the same.
      if (isAssayError(error) && (error.code.startsWith("INPUT_") || FLOAT_FAILURES.has(error.code))) return null;
      throw error;
    }
  }

  /** Hands a row to its runner, unless it was made of the same bytes before. Errors: those of `decodeTensor`. */
  #start(index: number, order: RowOrder): StartedRow {
    const { inputs, runner, signal } = order;
    const known = this.results.get(index, inputs);
    if (known !== null) return { index, order, known };
    signal.throwIfAborted();
    const begun = this.#clock.monotonicMs();
    const made = runner.run(
      inputs.map((bytes) => decodeTensor(bytes)),
      signal,
      this.#held.keys ?? undefined,
    );
    // Its failure is told when its turn comes, which it may never do.
    made.then(
      () => this.#measure(order, begun),
      () => undefined,
    );
    return { index, order, made };
  }

  /** A row begun ahead waits for the one before it: only what follows that is its own time. */
  #measure({ spec, stage }: RowOrder, begun: number): void {
    const now = this.#clock.monotonicMs();
    this.#times.record(spec.modelId, stage, "run", now - Math.max(begun, this.#madeMs));
    this.#madeMs = now;
  }

  /** The row, remembered. Errors: those of the runner. */
  async #finish(started: StartedRow): Promise<Row> {
    if ("known" in started) return started.known;
    const { index, order, made } = started;
    const { inputs, table, stage, spec } = order;
    const { output, probe } = await made;
    const bytes = encodeTensor(output);
    const kind = table[stage]?.outKind as DigestKind;
    const salt = this.#held.salt(stage);
    const isSalted = saltBytes(kind) === 0 || salt !== undefined;
    const leaf = isSalted ? rowDigest(kind, bytes, salt, index, batchCount(spec.policy.flags)) : null;
    const row = { inputs, output: bytes, probe: probe === null ? null : encodeTensor(probe), leaf };
    if (this.#isEnded) return row;
    this.results.set(index, row);
    this.#onRow();
    return row;
  }
}
