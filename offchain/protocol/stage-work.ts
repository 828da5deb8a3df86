// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount, batchRoot } from "../core/batch.ts";
import {
  batchBytes,
  boundaryDigest,
  decodeBatch,
  encodeBatch,
  leafDigest,
  leafDigests,
  MAX_BATCH_BYTES,
} from "../core/batch-tensors.ts";
import { equalBytes } from "../core/bytes.ts";
import { joinDigest, saltBytes } from "../core/digest.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import { assertExposure } from "../core/planning/leakage-limits.ts";
import type { Clock } from "../core/ports/clock.ts";
import { digestParts, openParts } from "../core/input-parts.ts";
import { isJoined } from "../core/join.ts";
import {
  decodeSealedInput,
  encodeSealedInput,
  JOB_INPUT,
  type InputPart,
  type SealedInput,
} from "../core/sealed-input.ts";
import { decodeTolerance, sketchA } from "../core/sketch.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../core/tensor.ts";
import { KIND_CIPHER, NO_PROBE, type DigestKind, type Spec, type StageInfo } from "../core/types.ts";
import { cipherDigestOf, encodeKeys, type HeldKeys } from "./cipher-stage.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ModelShelf, StageRunner } from "./ports.ts";
import { RowResults, type Row } from "./row-results.ts";
import { WorkTimes } from "./work-times.ts";
import { ABSTAIN_REASON, NO_PAYLOAD, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import type { Vote } from "./seat-machine.ts";
import { WorkPlaces, type WorkPlacesOptions } from "./work-places.ts";

export interface Materials {
  readonly inputs: readonly Tensor[];
  readonly salts: readonly (Uint8Array | undefined)[];
}

interface Stash {
  readonly salts: Map<number, Uint8Array>;
  /** Of a batch: all its tensors (`encodeBatch`). */
  readonly tensors: Map<number, Uint8Array>;
  /** Of batches, by boundary: thousands of digests are not taken again at every look. */
  readonly digests: Map<number, Hex>;
  /** Boundaries that come in micro-batches, as far as they are here. */
  readonly fed: Map<number, Fed>;
  readonly rows: RowResults;
  early: EarlyRun | null;
  /** Of a joined job input. */
  parts: readonly InputPart[] | null;
  /** Of a stage over ciphertexts. */
  keys: HeldKeys | null;
  output: Uint8Array | null;
  /** When its newest row was made, on the monotonic clock. */
  madeMs: number;
}

interface Fed {
  readonly tensors: Uint8Array[];
  /** Their digests as leaves, as far as the salt was here when they came. */
  readonly leaves: (Hex | null)[];
}

/** What a stage needs to begin before its input is complete. */
export interface EarlyStage {
  readonly spec: Spec;
  readonly stage: number;
  readonly table: readonly StageInfo[];
  readonly signal: AbortSignal;
}

/** Work on rows that may yet turn out to be the wrong ones. */
interface EarlyRun extends EarlyStage {
  /** Set while rows are computed. */
  running: Promise<void> | null;
  /** Not worth it any more: no place, no model, or an input that it does not take. The seat's own run will say so. */
  isOff: boolean;
}

/** Rows that a runner has at once: it computes the second while what is to be done with the first is done. */
const ROWS_AT_ONCE = 2;

interface RowOrder extends EarlyStage {
  readonly inputs: readonly Uint8Array[];
  readonly runner: StageRunner;
}

type StartedRow = { readonly index: number; readonly order: RowOrder } & (
  { readonly known: Row } | { readonly made: ReturnType<StageRunner["run"]> }
);

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
  #isDraining = false;
  /** How long stages took here. */
  readonly times = new WorkTimes();
  /** Called when a stage has made one more output of a job. */
  onRow: (jobId: Hex) => void = () => undefined;
  readonly #wakes = new Map<Hex, Set<() => void>>();

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
    const stash = this.#jobs.get(jobId) ?? {
      salts: new Map(),
      tensors: new Map(),
      digests: new Map(),
      fed: new Map(),
      rows: new RowResults(),
      early: null,
      parts: null,
      keys: null,
      output: null,
      madeMs: 0,
    };
    this.#jobs.set(jobId, stash);
    return stash;
  }

  // --- Before the input is complete --------------------------------------------------------------------------------------

  /** From now on rows are computed as they are fed. Idempotent. */
  begin(jobId: Hex, early: EarlyStage): void {
    const stash = this.#stash(jobId);
    if (stash.early !== null) return;
    stash.early = { ...early, running: null, isOff: false };
    this.#runEarly(jobId, stash);
  }

  /** The next tensors of a boundary, encoded, in the order of the inputs. Whether they are right shows when all are here. */
  feed(jobId: Hex, boundary: number, tensors: readonly Uint8Array[]): void {
    const stash = this.#stash(jobId);
    const fed = stash.fed.get(boundary) ?? { tensors: [], leaves: [] };
    stash.fed.set(boundary, fed);
    for (const bytes of tensors) {
      fed.leaves.push(this.#leafOf(stash, boundary, bytes, fed.tensors.length));
      fed.tensors.push(bytes);
    }
    this.#runEarly(jobId, stash);
  }

  /** How many fed rows of a boundary wait to be computed; 0 if they are not computed before all are here. */
  backlog(jobId: Hex, boundary: number): number {
    const stash = this.#jobs.get(jobId);
    if (stash === undefined || stash.early?.isOff !== false) return 0;
    return Math.max(0, (stash.fed.get(boundary)?.tensors.length ?? 0) - stash.rows.all.length);
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

  /** All micro-batches are here: from now on they are the boundary's tensor, until somebody finds that it is the wrong one. */
  complete(jobId: Hex, boundary: number, count: number): void {
    const stash = this.#jobs.get(jobId);
    const fed = stash?.fed.get(boundary);
    if (stash === undefined || fed === undefined) return;
    stash.digests.delete(boundary);
    stash.tensors.set(boundary, count > 0 ? encodeBatch(fed.tensors) : (fed.tensors[0] ?? EMPTY));
    const leaves = fed.leaves.flatMap((leaf) => leaf ?? []);
    const [only] = leaves;
    if (count > 0 && leaves.length === count) stash.digests.set(boundary, batchRoot(leaves));
    else if (count === 0 && only !== undefined) stash.digests.set(boundary, only);
  }

  /** What was fed is not what the boundary's seats voted for. */
  discard(jobId: Hex, boundary: number): void {
    const stash = this.#jobs.get(jobId);
    stash?.fed.delete(boundary);
    stash?.tensors.delete(boundary);
    stash?.digests.delete(boundary);
    stash?.rows.clear();
  }

  /** Digest of a complete boundary; null while it, or its salt, is not here. */
  boundaryDigest(jobId: Hex, boundary: number, kind: DigestKind, count: number): Hex | null {
    const stash = this.#jobs.get(jobId);
    const tensor = stash?.tensors.get(boundary);
    const salt = stash?.salts.get(boundary);
    if (stash === undefined || tensor === undefined || (saltBytes(kind) > 0 && salt === undefined)) return null;
    return this.#digest(stash, boundary, kind, { tensor, salt, count });
  }

  /** Outputs so far, encoded; the last ones may come from an input that turns out to be the wrong one. */
  outputRows(jobId: Hex): OutputRows | null {
    const rows = this.#jobs.get(jobId)?.rows;
    return rows === undefined ? null : { version: rows.version, rows: rows.all.map(({ output }) => output) };
  }

  #leafOf(stash: Stash, boundary: number, bytes: Uint8Array, index: number): Hex | null {
    const { early, salts } = stash;
    const kind = early?.table[boundary]?.outKind as DigestKind | undefined;
    const salt = salts.get(boundary);
    if (early === null || kind === undefined || (saltBytes(kind) > 0 && salt === undefined)) return null;
    return rowDigest(kind, bytes, salt, index, batchCount(early.spec.policy.flags));
  }

  #runEarly(jobId: Hex, stash: Stash): void {
    const { early } = stash;
    if (early === null || early.isOff || early.running !== null) return;
    early.running = this.#computeEarly(jobId, stash, early)
      // Rows that came while the place was given back.
      .then(() => !early.isOff && this.#inputsOf(stash, early, stash.rows.all.length) !== null)
      .catch(() => {
        early.isOff = true;
        return false;
      })
      .then((isMore) => {
        early.running = null;
        this.#wake(jobId);
        if (isMore) this.#runEarly(jobId, stash);
      });
  }

  /** Inputs of row `i`, as far as all of them are here. */
  #inputsOf(stash: Stash, { table, stage, spec }: EarlyStage, i: number): Uint8Array[] | null {
    const count = batchCount(spec.policy.flags);
    if (i >= Math.max(1, count)) return null;
    const inputs = (table[stage]?.producers ?? []).map((producer) => {
      const fed = stash.fed.get(producer);
      if (fed !== undefined) return fed.tensors[i];
      const whole = stash.tensors.get(producer);
      return whole === undefined || count === 0 ? whole : decodeBatch(whole)[i];
    });
    const held = inputs.flatMap((bytes) => bytes ?? []);
    return held.length > 0 && held.length === inputs.length ? held : null;
  }

  /** Rows that are here; holds a place only as long as there are any. */
  async #computeEarly(jobId: Hex, stash: Stash, early: EarlyRun): Promise<void> {
    const { spec, stage } = early;
    if (this.#inputsOf(stash, early, stash.rows.all.length) === null) return;
    const runner = await this.#runner(spec.modelId, stage);
    if (runner === null || runner === "refused" || !(await this.#places.turn(spec.seatReward))) {
      early.isOff = true;
      return;
    }
    const started: StartedRow[] = [];
    const refill = (): void => {
      const from = stash.rows.all.length;
      // Rows begun before theirs were discarded end first.
      if (started[0] !== undefined && started[0].index !== from) return;
      while (started.length < ROWS_AT_ONCE) {
        const inputs = this.#inputsOf(stash, early, from + started.length);
        if (inputs === null) return;
        if (inputs.some(({ length }) => length > runner.maxInputBytes)) early.isOff = true;
        if (early.isOff) return;
        started.push(this.#start(stash, from + started.length, { ...early, runner, inputs }));
      }
    };
    try {
      for (refill(); started.length > 0 && this.#jobs.get(jobId) === stash; refill())
        await this.#finish(jobId, stash, started.shift() as StartedRow);
    } finally {
      this.#places.next();
    }
  }

  /** Hands a row to its runner, unless it was made of the same bytes before. Errors: those of `decodeTensor`. */
  #start(stash: Stash, index: number, order: RowOrder): StartedRow {
    const { inputs, runner, signal } = order;
    const known = stash.rows.get(index, inputs);
    if (known !== null) return { index, order, known };
    signal.throwIfAborted();
    const begun = this.#clock.monotonicMs();
    const made = runner.run(
      inputs.map((bytes) => decodeTensor(bytes)),
      signal,
      stash.keys ?? undefined,
    );
    // Its failure is told when its turn comes, which it may never do.
    made.then(
      () => this.#measure(stash, order, begun),
      () => undefined,
    );
    return { index, order, made };
  }

  /** A row begun ahead waits for the one before it: only what follows that is its own time. */
  #measure(stash: Stash, { spec, stage }: RowOrder, begun: number): void {
    const now = this.#clock.monotonicMs();
    this.times.record(spec.modelId, stage, "run", now - Math.max(begun, stash.madeMs));
    stash.madeMs = now;
  }

  /** The row, remembered. Errors: those of the runner. */
  async #finish(jobId: Hex, stash: Stash, started: StartedRow): Promise<Row> {
    if ("known" in started) return started.known;
    const { index, order, made } = started;
    const { inputs, table, stage, spec } = order;
    const { output, probe } = await made;
    const bytes = encodeTensor(output);
    const kind = table[stage]?.outKind as DigestKind;
    const salt = stash.salts.get(stage);
    const count = batchCount(spec.policy.flags);
    const leaf = saltBytes(kind) > 0 && salt === undefined ? null : rowDigest(kind, bytes, salt, index, count);
    const row = { inputs, output: bytes, probe: probe === null ? null : encodeTensor(probe), leaf };
    // Forgotten meanwhile: nobody is to see it.
    if (this.#jobs.get(jobId) !== stash) return row;
    stash.rows.set(index, row);
    this.#wake(jobId);
    this.onRow(jobId);
    return row;
  }

  // --- Inputs ------------------------------------------------------------------------------------------------------------

  /** Takes what a sealed input held. Nothing is believed until `inputDigest` matches; later senders may correct earlier ones. */
  accept(jobId: Hex, stage: number, bytes: Uint8Array): void {
    const input = decodeSealedInput(bytes);
    if (input.stage !== stage)
      throw new ProtocolError("OFFER_REFUSED", { job: jobId, reason: `sealed for stage ${input.stage}` });
    const stash = this.#stash(jobId);
    stash.digests.clear();
    for (const { boundary, salt } of input.salts) {
      const old = stash.salts.get(boundary);
      if (old !== undefined && !equalBytes(old, salt)) {
        stash.rows.forgetLeaves();
        stash.fed.get(boundary)?.leaves.fill(null);
      }
      stash.salts.set(boundary, salt);
    }
    for (const { boundary, tensor } of input.tensors) stash.tensors.set(boundary, tensor);
    if (input.parts !== undefined) stash.parts = input.parts;
  }

  /** Takes a stage's keys, which were checked, and a ciphertext that came with them; whether it is the stage's is asked by its digest. */
  acceptKeys(jobId: Hex, keys: HeldKeys): void {
    const stash = this.#stash(jobId);
    stash.keys = keys;
    if (keys.input === null) return;
    stash.digests.delete(keys.boundary);
    stash.tensors.set(keys.boundary, keys.input);
  }

  /** What a stage over ciphertexts was evaluated with: its keys, and the tensor that it took. Null before both are here. */
  cipherMaterials(jobId: Hex): { readonly keys: HeldKeys; readonly input: Uint8Array } | null {
    const { keys = null, tensors = null } = this.#jobs.get(jobId) ?? {};
    const input = keys === null ? undefined : tensors?.get(keys.boundary);
    return keys === null || input === undefined ? null : { keys, input };
  }

  /** Takes a public input, which needs no salt. */
  acceptPublic(jobId: Hex, tensor: Uint8Array): void {
    const stash = this.#stash(jobId);
    stash.digests.clear();
    stash.tensors.set(JOB_INPUT, tensor);
  }

  /**
   * The digest of the stage's input as held, or null while a tensor or salt is missing or unusable. `count`: inputs of a batch, 0 if the
   * job is none. `mayJoin`: whether the job's input may be joined of parts, as with FLAG_JOIN and lanes.
   */
  inputDigest(jobId: Hex, info: StageInfo, producers: readonly StageInfo[], count = 0, mayJoin = false): Hex | null {
    const stash = this.#jobs.get(jobId);
    if (stash === undefined || (info.inKind === KIND_CIPHER && stash.keys === null)) return null;
    const parts = info.producers.map((producer) => {
      const boundary = producer;
      const kind = (producer === JOB_INPUT ? info.inKind : producers[producer]?.outKind) as DigestKind;
      const tensor = stash.tensors.get(boundary);
      const salt = stash.salts.get(boundary);
      if (boundary === JOB_INPUT && mayJoin && stash.parts !== null) {
        const digest = digestParts(kind, stash.parts);
        return digest === null ? null : { producer, kind, digest };
      }
      if (tensor === undefined || (saltBytes(kind) > 0 && salt === undefined)) return null;
      const digest = this.#digest(stash, boundary, kind, { tensor, salt, count });
      return digest === null ? null : { producer, kind, digest };
    });
    if (saltBytes(info.outKind as DigestKind) > 0 && this.#outSalt(stash, info, producers) === undefined) return null;
    const held = parts.flatMap((part) => (part === null ? [] : [part]));
    if (held.length !== parts.length) return null;
    const [only] = held;
    return held.length === 1 && only !== undefined ? only.digest : joinDigest(held);
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
    const abstain = (reason: number): Vote => ({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(reason) });
    const info = table[stage];
    const stash = this.#jobs.get(jobId);
    if (info === undefined || stash === undefined) return abstain(ABSTAIN_REASON.input);
    const runner = await this.#runner(spec.modelId, stage);
    if (runner === "refused") return abstain(ABSTAIN_REASON.bounds);
    if (runner === null) return abstain(ABSTAIN_REASON.model);
    const count = batchCount(spec.policy.flags);
    const parts = isJoined(spec, table) ? stash.parts : null;
    const joined = parts === null ? undefined : openParts(parts, table, stage, runner.maxInputBytes);
    if (parts !== null && joined === undefined) return abstain(ABSTAIN_REASON.input);
    const inputs = readInputs(stash, info, count, { joined, maxInputBytes: runner.maxInputBytes });
    if (typeof inputs === "number") return abstain(inputs);
    // Rows that are being computed are not computed twice.
    await stash.early?.running;
    if (!(await this.#places.turn(spec.seatReward))) return abstain(ABSTAIN_REASON.model);
    const options = { runner, signal, table, stage, spec };
    const rows = await this.#runAll(jobId, stash, inputs, options).finally(() => this.#places.next());
    if (rows === null) return abstain(ABSTAIN_REASON.bounds);
    const outputs = rows.map(({ output }) => output);
    // Of any honest seat: outputs are as long everywhere.
    if (count > 0 && batchBytes(outputs) > MAX_BATCH_BYTES) return abstain(ABSTAIN_REASON.size);
    const sketch = sketchSeed === null ? null : sketchOf(outputs[0], info, sketchSeed);
    if (sketch === undefined) return abstain(ABSTAIN_REASON.bounds);
    const kind = info.outKind as DigestKind;
    const salt = saltBytes(kind) === 0 ? undefined : this.#outSalt(stash, info, table);
    const probes = rows.flatMap(({ probe }) => (probe === null ? [] : [probe]));
    const digests = (list: readonly Uint8Array[]): Hex =>
      count > 0 ? batchRoot(leafDigests(kind, list, salt)) : boundaryDigest(kind, list[0] ?? EMPTY, salt, 0);
    const leaves = rows.flatMap(({ leaf }) => leaf ?? []);
    const outDigest =
      leaves.length < rows.length ? digests(outputs) : count > 0 ? batchRoot(leaves) : (leaves[0] ?? digests(outputs));
    const payload = probes.length < rows.length || info.probe === NO_PROBE ? NO_PAYLOAD : digests(probes);
    stash.output = count > 0 ? encodeBatch(outputs) : (outputs[0] ?? null);
    return { outDigest, payload: sketch ?? payload };
  }

  /** In their order; null if an input is not what the model takes. */
  async #runAll(
    jobId: Hex,
    stash: Stash,
    inputs: readonly (readonly Uint8Array[])[],
    options: EarlyStage & { readonly runner: StageRunner },
  ): Promise<readonly Row[] | null> {
    const rows: Row[] = [];
    try {
      const started: StartedRow[] = [];
      for (const [i, one] of inputs.entries()) {
        started.push(this.#start(stash, i, { ...options, inputs: one }));
        if (started.length === ROWS_AT_ONCE) rows.push(await this.#finish(jobId, stash, started.shift() as StartedRow));
      }
      for (const last of started) rows.push(await this.#finish(jobId, stash, last));
      return rows;
    } catch (error) {
      // The digest is right but the tensor is not what the model takes: every honest seat finds the same.
      if (isAssayError(error) && (error.code.startsWith("INPUT_") || FLOAT_FAILURES.has(error.code))) return null;
      throw error;
    }
  }

  /** Null for a batch that is none. */
  #digest(
    stash: Stash,
    boundary: number,
    kind: DigestKind,
    { tensor, salt, count }: { tensor: Uint8Array; salt: Uint8Array | undefined; count: number },
  ): Hex | null {
    const ownSalt = saltBytes(kind) === 0 ? undefined : salt;
    const known = stash.digests.get(boundary);
    if (known !== undefined) return known;
    if (kind === KIND_CIPHER) {
      const digest = cipherDigestOf(tensor);
      stash.digests.set(boundary, digest);
      return digest;
    }
    if (count === 0) return boundaryDigest(kind, tensor, ownSalt, 0);
    try {
      const digest = boundaryDigest(kind, tensor, ownSalt, count);
      stash.digests.set(boundary, digest);
      return digest;
    } catch (error) {
      if (isAssayError(error)) return null;
      throw error;
    }
  }

  async #runner(modelId: Hex, stage: number): Promise<StageRunner | "refused" | null> {
    try {
      return await this.#models.stage(modelId, stage);
    } catch (error) {
      if (hasCode(error, "STAGE_REFUSED")) return "refused";
      throw error;
    }
  }

  /** What a prover of the stage needs to know: tensors and salts, inputs in manifest order, then the output's salt. */
  materials(jobId: Hex, info: StageInfo, table: readonly StageInfo[]): Materials | null {
    const stash = this.#jobs.get(jobId);
    const inputs = info.producers.map((producer) => stash?.tensors.get(producer));
    if (stash === undefined || inputs.includes(undefined)) return null;
    const salts = [...info.producers, table.indexOf(info)].map((boundary) => stash.salts.get(boundary));
    return { inputs: inputs.flatMap((bytes) => (bytes === undefined ? [] : [decodeTensor(bytes)])), salts };
  }

  /** The last output computed for the job, canonical tensor bytes. */
  output(jobId: Hex): Uint8Array | null {
    return this.#jobs.get(jobId)?.output ?? null;
  }

  /** What fresh seats of the same stage need: everything this worker was given. Null if it holds no input. */
  forSameStage(jobId: Hex, stage: number): Uint8Array | null {
    const stash = this.#jobs.get(jobId);
    if (stash?.keys != null) return encodeKeys(stash.keys, stash.tensors.get(stash.keys.boundary));
    if (stash === undefined || (stash.tensors.size === 0 && stash.parts === null)) return null;
    const parts = stash.parts === null ? {} : { parts: stash.parts };
    return encodeSealedInput({
      ...sorted({ stage, salts: entries(stash.salts), tensors: tensors(stash.tensors) }),
      ...parts,
    });
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
    const fed = [...(stash?.fed.values() ?? [])].flatMap(({ tensors: list }) => list);
    for (const bytes of [...(stash?.salts.values() ?? []), ...(stash?.tensors.values() ?? []), ...fed]) bytes.fill(0);
    for (const part of stash?.parts ?? [])
      if ("tensor" in part) for (const bytes of [part.tensor, part.salt]) bytes.fill(0);
    stash?.rows.wipe();
    if (stash?.early !== undefined && stash.early !== null) stash.early.isOff = true;
    this.#jobs.delete(jobId);
    this.#wake(jobId);
  }

  #outSalt(stash: Stash, info: StageInfo, table: readonly StageInfo[]): Uint8Array | undefined {
    const stage = table.indexOf(info);
    return stash.salts.get(stage);
  }
}

const EMPTY = new Uint8Array();

/** Of every inference of the job, its inputs in the order of the producers; or why the seat abstains. */
function readInputs(
  stash: Stash,
  info: StageInfo,
  count: number,
  { joined, maxInputBytes }: { readonly joined: Uint8Array | undefined; readonly maxInputBytes: number },
): readonly (readonly Uint8Array[])[] | number {
  const columns: (readonly Uint8Array[])[] = [];
  try {
    for (const producer of info.producers) {
      const bytes = producer === JOB_INPUT && joined !== undefined ? joined : stash.tensors.get(producer);
      if (bytes === undefined) return ABSTAIN_REASON.input;
      const column = count === 0 ? [bytes] : decodeBatch(bytes);
      // A root over another number than the job names and pays for; or an input longer than any right one.
      if (column.length !== Math.max(1, count)) return ABSTAIN_REASON.size;
      if (column.some(({ length }) => length > maxInputBytes)) return ABSTAIN_REASON.size;
      columns.push(column);
    }
    for (const column of columns) for (const bytes of column) decodeTensor(bytes);
    return Array.from({ length: Math.max(1, count) }, (_, i) => columns.map((column) => column[i] ?? EMPTY));
  } catch (error) {
    if (isAssayError(error)) return ABSTAIN_REASON.input;
    throw error;
  }
}

/** What a float model can answer instead of an output. */
const FLOAT_FAILURES: ReadonlySet<string> = new Set(["NOT_FINITE", "EXECUTION_FAILED"]);

/** Digest of one input's tensor: a leaf where the job is a batch. */
const rowDigest = (
  kind: DigestKind,
  bytes: Uint8Array,
  salt: Uint8Array | undefined,
  index: number,
  count: number,
): Hex => {
  const own = saltBytes(kind) === 0 ? undefined : salt;
  return count > 0 ? leafDigest(kind, bytes, own, index) : boundaryDigest(kind, bytes, own, 0);
};

/** Sketch A of a float stage's output; undefined where the stage has none to give. */
function sketchOf(bytes: Uint8Array | undefined, { weightsY }: StageInfo, seed: Hex): Hex | undefined {
  const output = bytes === undefined ? undefined : decodeTensor(bytes);
  if (output?.dtype !== "f32") return undefined;
  try {
    return sketchA(new Float32Array(output.data), decodeTolerance(weightsY), seed);
  } catch (error) {
    if (isAssayError(error)) return undefined;
    throw error;
  }
}

const entries = (map: ReadonlyMap<number, Uint8Array>) => [...map].map(([boundary, salt]) => ({ boundary, salt }));
const tensors = (map: ReadonlyMap<number, Uint8Array>) => [...map].map(([boundary, tensor]) => ({ boundary, tensor }));
const sorted = (input: SealedInput): SealedInput => ({
  stage: input.stage,
  salts: input.salts.toSorted((a, b) => a.boundary - b.boundary),
  tensors: input.tensors.toSorted((a, b) => a.boundary - b.boundary),
});
