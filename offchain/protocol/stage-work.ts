// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../core/batch.ts";
import { encodeBatch } from "../core/batch-tensors.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import { openParts } from "../core/input-parts.ts";
import { isJoined } from "../core/join.ts";
import { assertExposure } from "../core/planning/leakage-limits.ts";
import type { Clock } from "../core/ports/clock.ts";
import { decodeSealedInput, encodeSealedInput } from "../core/sealed-input.ts";
import type { DigestKind, Spec, StageInfo } from "../core/types.ts";
import type { HeldKeys } from "./cipher-stage.ts";
import { EarlyRows } from "./early-rows.ts";
import { ProtocolError } from "./errors.ts";
import { HeldInputs, type Materials } from "./held-inputs.ts";
import type { Hex, ModelShelf, StageRunner } from "./ports.ts";
import { RowMaker, type StageOrder } from "./row-maker.ts";
import { ABSTAIN_REASON, SAID_ABSTAIN_WORD } from "./said.ts";
import type { Vote } from "./seat-machine.ts";
import { abstain, voteOn } from "./stage-vote.ts";
import { WorkPlaces, type WorkPlacesOptions } from "./work-places.ts";
import { WorkTimes } from "./work-times.ts";

/** What this worker holds of one job. */
interface Stash {
  readonly held: HeldInputs;
  readonly rows: RowMaker;
  early: EarlyRows | null;
  output: Uint8Array | null;
}

/** Outputs so far: a later version voids those of an earlier one. */
export interface OutputRows {
  readonly version: number;
  readonly rows: readonly Uint8Array[];
}

/**
 * Inputs, salts and outputs of this worker's jobs: in memory only, so that nothing secret is at rest outside sealed blobs. A restart
 * opens the blobs again.
 */
export class StageWork {
  readonly #clock: Clock;
  readonly #places: WorkPlaces;
  readonly #models: ModelShelf;
  readonly #jobs = new Map<Hex, Stash>();
  readonly #wakes = new Map<Hex, Set<() => void>>();
  #isDraining = false;
  /** How long stages took here. */
  readonly times = new WorkTimes();
  /** Called when a stage has made one more output of a job. */
  onRow: (jobId: Hex) => void = () => undefined;

  constructor(options: WorkPlacesOptions, models: ModelShelf, clock: Clock) {
    this.#clock = clock;
    this.#places = new WorkPlaces(options, clock);
    this.#models = models;
  }

  /**
   * Whether a job's seats are worked. A draining worker abstains from them at once, which costs nobody anything; and nobody is shown more
   * of a client's input than the limits allow, unless the requester itself has accepted that on the chain.
   */
  takes({ modelId, policy }: Spec): boolean {
    if (this.#isDraining || !this.#models.has(modelId)) return false;
    try {
      assertExposure(this.#models.exposure(modelId), policy.flags);
      return true;
    } catch (error) {
      if (isAssayError(error)) return false;
      throw error;
    }
  }

  drain(): void {
    this.#isDraining = true;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Stages that may run at once. */
  get capacity(): number {
    return this.#places.capacity;
  }

  /** Stages running and waiting. */
  get load(): number {
    return this.#places.load;
  }

  #stash(jobId: Hex): Stash {
    const known = this.#jobs.get(jobId);
    if (known !== undefined) return known;
    const held = new HeldInputs();
    const rows = new RowMaker(held, this.#clock, this.times, () => {
      this.#wake(jobId);
      this.onRow(jobId);
    });
    const stash = { held, rows, early: null, output: null };
    this.#jobs.set(jobId, stash);
    return stash;
  }

  #held(jobId: Hex): HeldInputs | null {
    return this.#jobs.get(jobId)?.held ?? null;
  }

  // --- Before the input is complete --------------------------------------------------------------------------------------

  /** From now on rows are computed as they are fed. Idempotent. */
  begin(jobId: Hex, order: StageOrder): void {
    const stash = this.#stash(jobId);
    if (stash.early !== null) return;
    stash.early = new EarlyRows(order, {
      held: stash.held,
      rows: stash.rows,
      places: this.#places,
      runner: async () => {
        const runner = await this.#runner(order.spec.modelId, order.stage);
        return runner === "refused" ? null : runner;
      },
      onProgress: () => this.#wake(jobId),
    });
    stash.early.go();
  }

  /** The next tensors of a boundary, encoded, in the order of the inputs. Whether they are right shows when all are here. */
  feed(jobId: Hex, boundary: number, tensors: readonly Uint8Array[]): void {
    const { held, early } = this.#stash(jobId);
    const kind = early?.order.table[boundary]?.outKind as DigestKind | undefined;
    const count = batchCount(early?.order.spec.policy.flags ?? 0);
    held.feed(boundary, tensors, kind === undefined ? null : { kind, count });
    early?.go();
  }

  /** How many fed rows of a boundary wait to be computed; 0 if they are not computed before all are here. */
  backlog(jobId: Hex, boundary: number): number {
    const stash = this.#jobs.get(jobId);
    if (stash === undefined || stash.early?.isOff !== false) return 0;
    return Math.max(0, stash.held.fedCount(boundary) - stash.rows.results.all.length);
  }

  /** Resolves when a row was computed, or none will be. */
  async progress(jobId: Hex): Promise<void> {
    const wakes = this.#wakes.get(jobId) ?? new Set();
    this.#wakes.set(jobId, wakes);
    await new Promise<void>((resolve) => wakes.add(resolve));
  }

  #wake(jobId: Hex): void {
    const wakes = this.#wakes.get(jobId);
    this.#wakes.delete(jobId);
    for (const wake of wakes ?? []) wake();
  }

  /** See `HeldInputs.complete`. */
  complete(jobId: Hex, boundary: number, count: number): void {
    this.#held(jobId)?.complete(boundary, count);
  }

  /** What was fed is not what the boundary's seats voted for. */
  discard(jobId: Hex, boundary: number): void {
    const stash = this.#jobs.get(jobId);
    stash?.held.discard(boundary);
    stash?.rows.results.clear();
  }

  /** See `HeldInputs.boundaryDigest`. */
  boundaryDigest(jobId: Hex, boundary: number, kind: DigestKind, count: number): Hex | null {
    return this.#held(jobId)?.boundaryDigest(boundary, kind, count) ?? null;
  }

  /** Outputs so far, encoded; the last ones may come from an input that turns out to be the wrong one. */
  outputRows(jobId: Hex): OutputRows | null {
    const results = this.#jobs.get(jobId)?.rows.results;
    return results === undefined ? null : { version: results.version, rows: results.all.map(({ output }) => output) };
  }

  // --- Inputs ------------------------------------------------------------------------------------------------------------

  /** Takes what a sealed input held. Nothing is believed until `inputDigest` matches; later senders may correct earlier ones. */
  accept(jobId: Hex, stage: number, bytes: Uint8Array): void {
    const input = decodeSealedInput(bytes);
    if (input.stage !== stage)
      throw new ProtocolError("OFFER_REFUSED", { job: jobId, reason: `sealed for stage ${input.stage}` });
    const { held, rows } = this.#stash(jobId);
    if (held.accept(input)) rows.results.forgetLeaves();
  }

  /** See `HeldInputs.acceptKeys`. */
  acceptKeys(jobId: Hex, keys: HeldKeys): void {
    this.#stash(jobId).held.acceptKeys(keys);
  }

  /** See `HeldInputs.acceptPublic`. */
  acceptPublic(jobId: Hex, tensor: Uint8Array): void {
    this.#stash(jobId).held.acceptPublic(tensor);
  }

  /** See `HeldInputs.digest`. */
  inputDigest(jobId: Hex, info: StageInfo, table: readonly StageInfo[], count = 0, mayJoin = false): Hex | null {
    return this.#held(jobId)?.digest(info, table, count, mayJoin) ?? null;
  }

  /**
   * Runs the stage on the held input, which the caller has checked. Failures that are the input's or the model's fault abstain.
   * `sketchSeed`: class T, what sketch A is drawn from.
   */
  async run(
    jobId: Hex,
    spec: Spec,
    stage: number,
    table: readonly StageInfo[],
    signal: AbortSignal,
    sketchSeed: Hex | null = null,
  ): Promise<Vote> {
    const info = table[stage];
    const stash = this.#jobs.get(jobId);
    if (info === undefined || stash === undefined) return abstain(ABSTAIN_REASON.input);
    const { held, rows: maker } = stash;
    const runner = await this.#runner(spec.modelId, stage);
    if (runner === "refused") return abstain(ABSTAIN_REASON.bounds);
    if (runner === null) return abstain(ABSTAIN_REASON.model);
    const count = batchCount(spec.policy.flags);
    const parts = isJoined(spec, table) ? held.parts : null;
    const joined = parts === null ? undefined : openParts(parts, table, stage, runner.maxInputBytes);
    if (parts !== null && joined === undefined) return abstain(ABSTAIN_REASON.input);
    const inputs = held.rows(info, count, { joined, maxInputBytes: runner.maxInputBytes });
    if (typeof inputs === "number") return abstain(inputs);
    // Rows that are being computed are not computed twice.
    await stash.early?.settled();
    if (!(await this.#places.turn(spec.seatReward))) return abstain(ABSTAIN_REASON.model);
    const rows = await maker.makeAll({ spec, stage, table, signal }, runner, inputs).finally(() => this.#places.next());
    if (rows === null) return abstain(ABSTAIN_REASON.bounds);
    const vote = voteOn(rows, { info, count, salt: held.salt(stage), sketchSeed });
    if (vote.outDigest === SAID_ABSTAIN_WORD) return vote;
    const outputs = rows.map(({ output }) => output);
    stash.output = count > 0 ? encodeBatch(outputs) : (outputs[0] ?? null);
    return vote;
  }

  async #runner(modelId: Hex, stage: number): Promise<StageRunner | "refused" | null> {
    try {
      return await this.#models.stage(modelId, stage);
    } catch (error) {
      if (hasCode(error, "STAGE_REFUSED")) return "refused";
      throw error;
    }
  }

  // --- What others need --------------------------------------------------------------------------------------------------

  /** See `HeldInputs.materials`. */
  materials(jobId: Hex, info: StageInfo, table: readonly StageInfo[]): Materials | null {
    return this.#held(jobId)?.materials(info, table) ?? null;
  }

  /** See `HeldInputs.cipherMaterials`. */
  cipherMaterials(jobId: Hex): ReturnType<HeldInputs["cipherMaterials"]> {
    return this.#held(jobId)?.cipherMaterials() ?? null;
  }

  /** The last output computed for the job, canonical tensor bytes. */
  output(jobId: Hex): Uint8Array | null {
    return this.#jobs.get(jobId)?.output ?? null;
  }

  /** What fresh seats of the same stage need: everything this worker was given. Null if it holds no input. */
  forSameStage(jobId: Hex, stage: number): Uint8Array | null {
    return this.#held(jobId)?.forSameStage(stage) ?? null;
  }

  /** What the seats of a following stage need from this one: the boundary tensor; their salts come from the client. */
  forNextStage(jobId: Hex, stage: number, next: number): Uint8Array | null {
    const output = this.output(jobId);
    return output === null
      ? null
      : encodeSealedInput({ stage: next, salts: [], tensors: [{ boundary: stage, tensor: output }] });
  }

  forget(jobId: Hex): void {
    const stash = this.#jobs.get(jobId);
    stash?.held.wipe();
    stash?.rows.end();
    stash?.early?.end();
    this.#jobs.delete(jobId);
    this.#wake(jobId);
  }
}
