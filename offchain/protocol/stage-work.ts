// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount, batchRoot } from "../core/batch.ts";
import {
  batchBytes,
  boundaryDigest,
  decodeBatch,
  encodeBatch,
  leafDigests,
  MAX_BATCH_BYTES,
} from "../core/batch-tensors.ts";
import { joinDigest } from "../core/digest.ts";
import { hasCode, isAssayError } from "../core/errors.ts";
import { admissionOrder, type Waiting } from "../core/fee-priority.ts";
import type { Clock } from "../core/ports/clock.ts";
import { decodeSealedInput, encodeSealedInput, JOB_INPUT, type SealedInput } from "../core/sealed-input.ts";
import { decodeTolerance, sketchA } from "../core/sketch.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../core/tensor.ts";
import { KIND_PUBLIC, NO_PROBE, type DigestKind, type Spec, type StageInfo } from "../core/types.ts";
import { ProtocolError } from "./errors.ts";
import type { Hex, ModelShelf, StageRunner } from "./ports.ts";
import { ABSTAIN_REASON, NO_PAYLOAD, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import type { Vote } from "./seat-machine.ts";

export interface StageWorkOptions {
  /** Stages computed at once: each takes a core. */
  readonly maxRunning: number;
  /** Stages waiting behind them; those last in order beyond it are abstained from at once, so that their committees lose no time. */
  readonly maxWaiting: number;
}

export interface Materials {
  readonly inputs: readonly Tensor[];
  readonly salts: readonly (Uint8Array | undefined)[];
}

/** A stage that waits for its turn. */
interface Queued extends Waiting {
  /** Its turn has come (true), or others of a full queue go before it. */
  readonly call: (isTurn: boolean) => void;
}

interface Stash {
  readonly salts: Map<number, Uint8Array>;
  /** Of a batch: all its tensors (`encodeBatch`). */
  readonly tensors: Map<number, Uint8Array>;
  /** Of batches, by boundary: thousands of digests are not taken again at every look. */
  readonly digests: Map<number, Hex>;
  output: Uint8Array | null;
}

/**
 * Inputs, salts and outputs of this worker's jobs: in memory only, so that nothing secret is at rest outside sealed blobs. A restart
 * opens the blobs again.
 */
export class StageWork {
  readonly #options: StageWorkOptions;
  readonly #models: ModelShelf;
  readonly #jobs = new Map<Hex, Stash>();
  readonly #clock: Clock;
  #waiting: readonly Queued[] = [];
  #running = 0;
  #isDraining = false;

  constructor(options: StageWorkOptions, models: ModelShelf, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#models = models;
  }

  /** Whether new seats are worked; a draining worker abstains from them at once, which costs nobody anything. */
  has(modelId: Hex): boolean {
    return !this.#isDraining && this.#models.has(modelId);
  }

  drain(): void {
    this.#isDraining = true;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Stages running and waiting. */
  get load(): number {
    return this.#running + this.#waiting.length;
  }

  #stash(jobId: Hex): Stash {
    const stash = this.#jobs.get(jobId) ?? { salts: new Map(), tensors: new Map(), digests: new Map(), output: null };
    this.#jobs.set(jobId, stash);
    return stash;
  }

  /** Takes what a sealed input held. Nothing is believed until `inputDigest` matches; later senders may correct earlier ones. */
  accept(jobId: Hex, stage: number, bytes: Uint8Array): void {
    const input = decodeSealedInput(bytes);
    if (input.stage !== stage)
      throw new ProtocolError("OFFER_REFUSED", { job: jobId, reason: `sealed for stage ${input.stage}` });
    const stash = this.#stash(jobId);
    stash.digests.clear();
    for (const { boundary, salt } of input.salts) stash.salts.set(boundary, salt);
    for (const { boundary, tensor } of input.tensors) stash.tensors.set(boundary, tensor);
  }

  /** Takes a public input, which needs no salt. */
  acceptPublic(jobId: Hex, tensor: Uint8Array): void {
    const stash = this.#stash(jobId);
    stash.digests.clear();
    stash.tensors.set(JOB_INPUT, tensor);
  }

  /**
   * The digest of the stage's input as held, or null while a tensor or salt is missing or unusable. `count`: inputs of a batch, 0 if the
   * job is none.
   */
  inputDigest(jobId: Hex, info: StageInfo, producers: readonly StageInfo[], count = 0): Hex | null {
    const stash = this.#jobs.get(jobId);
    if (stash === undefined) return null;
    const parts = info.producers.map((producer) => {
      const boundary = producer;
      const kind = (producer === JOB_INPUT ? info.inKind : producers[producer]?.outKind) as DigestKind;
      const tensor = stash.tensors.get(boundary);
      const salt = stash.salts.get(boundary);
      if (tensor === undefined || (kind !== KIND_PUBLIC && salt === undefined)) return null;
      const digest = this.#digest(stash, boundary, kind, { tensor, salt, count });
      return digest === null ? null : { producer, kind, digest };
    });
    if (info.outKind !== KIND_PUBLIC && this.#outSalt(stash, info, producers) === undefined) return null;
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
    const inputs = readInputs(stash, info, count, runner.maxInputBytes);
    if (typeof inputs === "number") return abstain(inputs);
    if (!(await this.#turn(spec.seatReward))) return abstain(ABSTAIN_REASON.model);
    const results = await runAll(runner, inputs, signal).finally(() => this.#next());
    if (results === null) return abstain(ABSTAIN_REASON.bounds);
    const outputs = results.map(({ output }) => encodeTensor(output));
    // Of any honest seat: outputs are as long everywhere.
    if (count > 0 && batchBytes(outputs) > MAX_BATCH_BYTES) return abstain(ABSTAIN_REASON.size);
    const sketch = sketchSeed === null ? null : sketchOf(results[0]?.output, info, sketchSeed);
    if (sketch === undefined) return abstain(ABSTAIN_REASON.bounds);
    const salt = info.outKind === KIND_PUBLIC ? undefined : this.#outSalt(stash, info, table);
    const kind = info.outKind as DigestKind;
    const probes = results.flatMap(({ probe }) => (probe === null ? [] : [encodeTensor(probe)]));
    const digests = (list: readonly Uint8Array[]): Hex =>
      count > 0 ? batchRoot(leafDigests(kind, list, salt)) : boundaryDigest(kind, list[0] ?? EMPTY, salt, 0);
    const payload = probes.length < results.length || info.probe === NO_PROBE ? NO_PAYLOAD : digests(probes);
    stash.output = count > 0 ? encodeBatch(outputs) : (outputs[0] ?? null);
    return { outDigest: digests(outputs), payload: sketch ?? payload };
  }

  /** Null for a batch that is none. */
  #digest(
    stash: Stash,
    boundary: number,
    kind: DigestKind,
    { tensor, salt, count }: { tensor: Uint8Array; salt: Uint8Array | undefined; count: number },
  ): Hex | null {
    const ownSalt = kind === KIND_PUBLIC ? undefined : salt;
    if (count === 0) return boundaryDigest(kind, tensor, ownSalt, 0);
    const known = stash.digests.get(boundary);
    if (known !== undefined) return known;
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

  /** Waits for one of `maxRunning` places, which the caller gives back by `#next`; false if the queue is full of better ones. */
  async #turn(seatReward: bigint): Promise<boolean> {
    if (this.#running < this.#options.maxRunning) {
      this.#running += 1;
      return true;
    }
    return new Promise<boolean>((resolve) => {
      const queued = { seatReward, sinceSec: this.#nowSec(), call: resolve };
      const order = admissionOrder([...this.#waiting, queued], this.#nowSec());
      this.#waiting = order.slice(0, this.#options.maxWaiting);
      for (const { call } of order.slice(this.#options.maxWaiting)) call(false);
    });
  }

  /** Passes a place on to the first in order; ages have changed since it was sorted. */
  #next(): void {
    const [first, ...rest] = admissionOrder(this.#waiting, this.#nowSec());
    this.#waiting = rest;
    if (first === undefined) this.#running -= 1;
    else first.call(true);
  }

  #nowSec(): number {
    return this.#clock.monotonicMs() / 1000;
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
    if (stash === undefined || stash.tensors.size === 0) return null;
    return encodeSealedInput(sorted({ stage, salts: entries(stash.salts), tensors: tensors(stash.tensors) }));
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
    for (const bytes of [...(stash?.salts.values() ?? []), ...(stash?.tensors.values() ?? [])]) bytes.fill(0);
    this.#jobs.delete(jobId);
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
  maxInputBytes: number,
): readonly (readonly Tensor[])[] | number {
  const columns: (readonly Uint8Array[])[] = [];
  try {
    for (const producer of info.producers) {
      const bytes = stash.tensors.get(producer);
      if (bytes === undefined) return ABSTAIN_REASON.input;
      const column = count === 0 ? [bytes] : decodeBatch(bytes);
      // A root over another number than the job names and pays for; or an input longer than any right one.
      if (column.length !== Math.max(1, count)) return ABSTAIN_REASON.size;
      if (column.some(({ length }) => length > maxInputBytes)) return ABSTAIN_REASON.size;
      columns.push(column);
    }
    return Array.from({ length: Math.max(1, count) }, (_, i) =>
      columns.map((column) => decodeTensor(column[i] ?? EMPTY)),
    );
  } catch (error) {
    if (isAssayError(error)) return ABSTAIN_REASON.input;
    throw error;
  }
}

/** One after the other; null if an input is not what the model takes. */
async function runAll(runner: StageRunner, inputs: readonly (readonly Tensor[])[], signal: AbortSignal) {
  const results: Awaited<ReturnType<StageRunner["run"]>>[] = [];
  try {
    for (const one of inputs) {
      signal.throwIfAborted();
      results.push(await runner.run(one, signal));
    }
    return results;
  } catch (error) {
    // The digest is right but the tensor is not what the model takes: every honest seat finds the same.
    if (isAssayError(error) && (error.code.startsWith("INPUT_") || FLOAT_FAILURES.has(error.code))) return null;
    throw error;
  }
}

/** What a float model can answer instead of an output. */
const FLOAT_FAILURES: ReadonlySet<string> = new Set(["NOT_FINITE", "EXECUTION_FAILED"]);

/** Sketch A of a float stage's output; undefined where the stage has none to give. */
function sketchOf(output: Tensor | undefined, { weightsY }: StageInfo, seed: Hex): Hex | undefined {
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
