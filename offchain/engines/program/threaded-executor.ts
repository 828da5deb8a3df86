// SPDX-License-Identifier: GPL-3.0-or-later
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { checkInputs, DEFAULT_MAX_BATCH } from "../../core/program/check-inputs.ts";
import { ProgramError } from "../../core/program/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { LoadedStage, ProgramExecutor, StageResult } from "./executor.ts";
import type { OnnxExecutorOptions } from "./onnx-executor.ts";
import { buffersOf, type ThreadRequest, type ThreadResponse } from "./onnx-thread.ts";

/** This file's neighbour, in TypeScript here and in JavaScript when packed. */
const threadFile = (): string =>
  fileURLToPath(new URL(`./onnx-thread${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

type Settle = { readonly resolve: (result: StageResult | null) => void; readonly reject: (error: unknown) => void };

/** One thread, the stages that it holds, and the calls that wait for it. */
class Thread {
  readonly #worker: Worker;
  readonly #stages = new Map<LoadedStage, number>();
  readonly #waiting = new Map<number, Settle>();
  #next = 0;

  constructor(options: OnnxExecutorOptions, onEnd: () => void) {
    this.#worker = new Worker(threadFile(), { workerData: options, name: "onnx" });
    // Calls that wait hold the process; a thread that does nothing does not.
    this.#worker.unref();
    this.#worker.on("message", (response: ThreadResponse) => this.#settle(response));
    const end = (error: unknown): void => {
      onEnd();
      this.#fail(error);
    };
    this.#worker.on("error", end);
    this.#worker.on("exit", () => end(undefined));
  }

  call(kind: "warm" | "run", stage: LoadedStage, inputs: readonly Tensor[] = []): Promise<StageResult | null> {
    const id = this.#next++;
    const number = this.#load(stage);
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (kind === "warm") return this.#post({ kind, id, stage: number });
      // Copies that move: a tensor may be a view of something larger, and stays the caller's.
      const copies = inputs.map((input) => ({ ...input, data: input.data.slice() }));
      this.#post({ kind, id, stage: number, inputs: copies }, buffersOf(copies));
    });
  }

  async close(): Promise<void> {
    const ended = once(this.#worker, "exit");
    this.#worker.ref();
    this.#post({ kind: "close" });
    await ended;
  }

  #load(stage: LoadedStage): number {
    const known = this.#stages.get(stage);
    if (known !== undefined) return known;
    const number = this.#stages.size;
    this.#stages.set(stage, number);
    // Whole: a lane's kernel is not what its bytes say.
    this.#post({ kind: "load", number, stage });
    return number;
  }

  #post(request: ThreadRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #settle(response: ThreadResponse): void {
    const call = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("reason" in response) call?.reject(new ProgramError("EXECUTION_FAILED", { reason: response.reason }));
    else call?.resolve(response.result);
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : "its thread ended";
    for (const { reject } of this.#waiting.values())
      reject(new ProgramError("EXECUTION_FAILED", { reason }, error === undefined ? {} : { cause: error }));
    this.#waiting.clear();
  }
}

/**
 * `createOnnxExecutor` on a thread of its own: onnxruntime computes where it is called, and a worker must answer others meanwhile. The
 * thread begins with the first stage; one that died is replaced at the next call.
 */
export function createThreadedExecutor(options: OnnxExecutorOptions = {}): ProgramExecutor {
  const threads = options.threads ?? 1;
  const maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
  let thread: Thread | null = null;
  const running = (): Thread => {
    if (thread !== null) return thread;
    const started: Thread = new Thread({ threads, maxBatch }, () => {
      if (thread === started) thread = null;
    });
    return (thread = started);
  };
  return {
    name: `onnxruntime, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    async run(stage, inputs) {
      checkInputs(stage.program, inputs, maxBatch);
      const result = await running().call("run", stage, inputs);
      if (result === null) throw new ProgramError("EXECUTION_FAILED", { reason: "it gave no result" });
      return result;
    },
    async warm(stage) {
      await running().call("warm", stage);
    },
    async close() {
      const ending = thread;
      thread = null;
      await ending?.close();
    },
  };
}
