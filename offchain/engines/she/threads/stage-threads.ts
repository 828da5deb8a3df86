// SPDX-License-Identifier: MIT
import { Worker } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import { SheError } from "../../../core/she/errors.ts";
import type { CompactPlaintext, SheObject } from "../../../core/she/object.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import type { PlanStage } from "../compile/plan.ts";
import { stageMemoryBytes } from "../evaluator/stage-runner.ts";
import { KernelMemory } from "../kernel/kernel.ts";
import { nodeKernel } from "../kernel/node-kernel.ts";
import type { LaneRequest, LaneResponse, LaneStart } from "./messages.ts";

export interface StageThreadsOptions {
  readonly profile: SheProfile;
  readonly stage: PlanStage;
  readonly interleave: number;
  readonly weights: readonly CompactPlaintext[];
  /** Threads of one evaluation: 1 for throughput, 2 for latency. */
  readonly lanes: number;
}

/** This file's neighbour, in TypeScript here and in JavaScript when packed. */
const workerFile = (): string =>
  fileURLToPath(new URL(`./stage-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

/**
 * One stage loaded on threads of its own, for one evaluation after another; the caller's thread never computes. Errors of `run`:
 * KEY_MISSING and LEVEL_MISMATCH leave it usable, WORKER_FAILED ends it.
 */
export class StageThreads {
  readonly #lanes: readonly Worker[];
  readonly #levelIn: number;
  readonly #profile: SheProfile;
  #busy: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  #lastRunMs = 0;
  readonly #waiting = new Set<(error: unknown) => void>();

  private constructor(lanes: readonly Worker[], { stage, profile }: StageThreadsOptions) {
    this.#lanes = lanes;
    this.#levelIn = stage.levelIn;
    this.#profile = profile;
    for (const lane of lanes) {
      lane.on("error", (error) => this.#fail(error));
      lane.on("exit", () => this.#fail(undefined));
    }
  }

  /** Resolves when every lane has transformed its weights. Errors: KERNEL_MISSING, WORKER_FAILED. */
  static async start(options: StageThreadsOptions): Promise<StageThreads> {
    const { profile, stage, interleave, weights, lanes: count } = options;
    // Each lane has lists and a work row of its own.
    const bytes = stageMemoryBytes(profile, stage, weights) + count * (2 ** 16 + 4 * profile.degree);
    const { memory } = KernelMemory.ofSize(bytes, true);
    const kernel = nodeKernel("shared");
    const lanes = Array.from({ length: count }, (_, index) => {
      const workerData: LaneStart = { memory, index, count, kernel, profile, stage, interleave, weights };
      return new Worker(workerFile(), { workerData, name: `she-${index}` });
    });
    const threads = new StageThreads(lanes, options);
    try {
      await Promise.all(lanes.map((lane) => threads.#answer(lane)));
    } catch (error) {
      await threads.close();
      throw error;
    }
    return threads;
  }

  /** Wall time of the last evaluation, without the loading of its keys. */
  get lastRunMs(): number {
    return this.#lastRunMs;
  }

  /** The stage's output for an input and the job's keys. Evaluations queue. */
  run(input: SheObject, keys: readonly SheObject[]): Promise<SheObject> {
    const next = this.#busy.then(
      () => this.#run(input, keys),
      () => this.#run(input, keys),
    );
    this.#busy = next;
    return next;
  }

  /** Ends the threads; what still runs fails with WORKER_FAILED. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.terminate()));
  }

  async #run(input: SheObject, keys: readonly SheObject[]): Promise<SheObject> {
    const { level, kind, profile } = input.header;
    if (kind !== "ciphertext" || level !== this.#levelIn || profile.id !== this.#profile.id)
      throw new SheError("LEVEL_MISMATCH", { what: `A ${kind} of ${profile.name}`, level, wanted: this.#levelIn });
    const [first] = this.#lanes;
    if (first === undefined) throw new SheError("WORKER_FAILED");
    await this.#ask(first, { kind: "keys", keys });
    const startMs = performance.now();
    const answers = await Promise.all(
      this.#lanes.map((lane, i) => this.#ask(lane, i === 0 ? { kind: "run", input } : { kind: "run" })),
    );
    this.#lastRunMs = performance.now() - startMs;
    const answer = answers[0];
    if (answer?.kind !== "output") throw new SheError("WORKER_FAILED");
    return answer.output;
  }

  #ask(lane: Worker, request: LaneRequest): Promise<LaneResponse> {
    const answer = this.#answer(lane);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    lane.postMessage(request);
    return answer;
  }

  #answer(lane: Worker): Promise<LaneResponse> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const settle = (response: LaneResponse) => {
        this.#waiting.delete(reject);
        if (response.kind === "refused") reject(refusal(response));
        else resolve(response);
      };
      this.#waiting.add(reject);
      lane.once("message", settle);
      return undefined;
    });
  }

  #fail(cause: unknown): void {
    this.#failure ??= new SheError("WORKER_FAILED", {}, { cause });
    for (const reject of this.#waiting) reject(this.#failure);
    this.#waiting.clear();
  }
}

/** A lane's refusal as the error that it was: classes do not survive the way between threads. */
function refusal({ code, meta }: Extract<LaneResponse, { kind: "refused" }>): Error {
  const { galois, level, wanted, what } = meta;
  if (code === "KEY_MISSING") return new SheError("KEY_MISSING", { galois: galois ?? 0, level: level ?? 0 });
  if (code === "LEVEL_MISMATCH")
    return new SheError("LEVEL_MISMATCH", { what: what ?? "", level: level ?? 0, wanted: wanted ?? 0 });
  return new SheError("WORKER_FAILED");
}
