// SPDX-License-Identifier: GPL-3.0-or-later
// Runs stages for `createThreadedExecutor`, on a thread of its own.
import { parentPort, workerData } from "node:worker_threads";
import { ProgramError } from "../../core/program/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import type { LoadedStage, StageResult } from "./executor.ts";
import { createOnnxExecutor, type OnnxExecutorOptions } from "./onnx-executor.ts";

export type ThreadRequest =
  | { readonly kind: "load"; readonly number: number; readonly stage: LoadedStage }
  | { readonly kind: "warm"; readonly id: number; readonly stage: number }
  | { readonly kind: "run"; readonly id: number; readonly stage: number; readonly inputs: readonly Tensor[] }
  /** Releases all sessions; the thread ends by itself. */
  | { readonly kind: "close" };

export type ThreadResponse =
  { readonly id: number; readonly result: StageResult | null } | { readonly id: number; readonly reason: string };

/** The memory of a result is its own: it moves, and is not copied. */
export const buffersOf = (tensors: readonly Tensor[]): ArrayBuffer[] =>
  tensors.map(({ data }) => data.buffer).filter((buffer) => buffer instanceof ArrayBuffer);

const port = parentPort;
if (port !== null) {
  const executor = createOnnxExecutor(workerData as OnnxExecutorOptions);
  const stages = new Map<number, LoadedStage>();
  const stageOf = (number: number): LoadedStage => {
    const stage = stages.get(number);
    if (stage === undefined) throw new ProgramError("EXECUTION_FAILED", { reason: `stage ${number} was not loaded` });
    return stage;
  };
  const answer = async (id: number, work: () => Promise<StageResult | null>): Promise<void> => {
    try {
      const result = await work();
      const tensors = result === null ? [] : [...result.outputs, ...(result.probe === undefined ? [] : [result.probe])];
      port.postMessage({ id, result } satisfies ThreadResponse, buffersOf(tensors));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      port.postMessage({ id, reason } satisfies ThreadResponse);
    }
  };
  port.on("message", (request: ThreadRequest) => {
    if (request.kind === "load") stages.set(request.number, request.stage);
    else if (request.kind === "run")
      void answer(request.id, async () => executor.run(stageOf(request.stage), request.inputs));
    else if (request.kind === "warm")
      void answer(request.id, async () => executor.warm(stageOf(request.stage)).then(() => null));
    else void executor.close().then(() => port.close());
  });
}
