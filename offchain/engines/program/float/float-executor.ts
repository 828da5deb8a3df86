// SPDX-License-Identifier: GPL-3.0-or-later
import * as ort from "onnxruntime-node";
import { DEFAULT_MAX_BATCH } from "../../../core/program/check-inputs.ts";
import { CoreError } from "../../../core/core-errors.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import { firstOutside, type RealPreprocess } from "../../../core/program/real-input.ts";
import { describeShape, type Tensor } from "../../../core/tensor.ts";
import type { CheckedGraph } from "./float-graph.ts";
import { countOf } from "./reference/values.ts";

/** How a machine runs a model: everything here may change the last bits of a float result. */
export interface FloatSessionOptions {
  readonly threads?: number;
  /** From `basic` on onnxruntime fuses operators. */
  readonly optimisation?: "disabled" | "basic" | "extended" | "all";
  readonly parallel?: boolean;
  /** Whether weights are laid out for the kernels beforehand. */
  readonly prepacked?: boolean;
}

export interface FloatExecutorOptions extends FloatSessionOptions {
  readonly maxBatch?: number;
}

/** A float model as executors see it. */
export interface FloatProgram {
  /** The ONNX file. */
  readonly bytes: Uint8Array;
  readonly graph: CheckedGraph;
  /** Inputs within which the tolerance was calibrated. */
  readonly range: Pick<RealPreprocess, "lo" | "hi">;
}

/** Runs float models, f32 in and out. Answers are those of class T: equal between machines up to the model's tolerance only. */
export interface FloatExecutor {
  readonly name: string;
  /** Errors: INPUT_SHAPE, INPUT_RANGE, BATCH_TOO_LARGE, NOT_FINITE, EXECUTION_FAILED: a seat then abstains. */
  run(model: FloatProgram, input: Tensor): Promise<Tensor>;
  warm(model: FloatProgram): Promise<void>;
  close(): Promise<void>;
}

/** The library's own words stay in the cause: they may quote the input. */
const failed = (reason: string, cause?: unknown) => new ProgramError("EXECUTION_FAILED", { reason }, { cause });

async function createFloatSession(bytes: Uint8Array, options: FloatSessionOptions): Promise<ort.InferenceSession> {
  const { threads = 1, optimisation = "all", parallel = false, prepacked = true } = options;
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: parallel ? 2 : 1,
      executionMode: parallel ? "parallel" : "sequential",
      graphOptimizationLevel: optimisation,
      // Its errors are thrown; its log would quote inputs.
      logSeverityLevel: 4,
      extra: { session: { disable_prepacking: prepacked ? "0" : "1" } },
    });
  } catch (error) {
    throw failed("the session does not start", error);
  }
}

/** Checks an input and returns its rows. Errors: INPUT_SHAPE, BATCH_TOO_LARGE, INPUT_RANGE. */
export function checkFloatInput({ graph, range }: FloatProgram, input: Tensor, maxBatch: number): number {
  const dims = graph.inputDims;
  const batch = input.dims[0] ?? 0;
  const fits = input.dtype === "f32" && input.dims.slice(1).join() === dims.join() && input.dims.length > 1;
  if (!fits || !Number.isInteger(batch) || batch < 1 || input.data.length !== batch * countOf(dims)) {
    const expected = `f32[${["batch", ...dims].join(",")}]`;
    throw new ProgramError("INPUT_SHAPE", { input: 0, expected, actual: describeShape(input) });
  }
  if (batch > maxBatch) throw new ProgramError("BATCH_TOO_LARGE", { actual: batch, limit: maxBatch });
  const index = firstOutside({ dims, ...range }, input.data);
  if (index !== -1) {
    const bound = (limit: number | readonly number[]) =>
      typeof limit === "number" ? limit : (limit[index % countOf(dims)] ?? 0);
    // The value stays out of the error: inputs may be secret.
    throw new ProgramError("INPUT_RANGE", { index, input: 0, lo: bound(range.lo), hi: bound(range.hi) });
  }
  return batch;
}

/** Wraps outputs; what is not finite cannot be voted on. Error: NOT_FINITE. */
export function floatOutput(batch: number, dims: readonly number[], data: Float32Array): Tensor {
  const index = data.findIndex((value) => !Number.isFinite(value));
  if (index !== -1) throw new CoreError("NOT_FINITE", { index });
  return { dtype: "f32", dims: [batch, ...dims], data };
}

const describe = ({ threads = 1, optimisation = "all", parallel = false, prepacked = true }: FloatSessionOptions) =>
  `onnxruntime, threads ${threads}, ${optimisation}${parallel ? ", parallel" : ""}${prepacked ? "" : ", not prepacked"}`;

/** Float models on onnxruntime's CPU provider. Sessions stay warm until `close`. */
export function createFloatExecutor(options: FloatExecutorOptions = {}): FloatExecutor {
  const maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
  const sessions = new Map<FloatProgram, Promise<ort.InferenceSession>>();
  const sessionOf = (model: FloatProgram): Promise<ort.InferenceSession> => {
    let session = sessions.get(model);
    if (session === undefined) {
      session = createFloatSession(model.bytes, options);
      sessions.set(model, session);
      // A failed start is forgotten, so that the next run tries again.
      session.catch(() => sessions.delete(model));
    }
    return session;
  };

  return {
    name: describe(options),
    run: async (model, input) => {
      const batch = checkFloatInput(model, input, maxBatch);
      const { graph } = model;
      const session = await sessionOf(model);
      const feeds = { [graph.inputName]: new ort.Tensor("float32", new Float32Array(input.data), input.dims) };
      const results = await session.run(feeds).catch((error: unknown) => {
        throw failed("the run was refused", error);
      });
      const data = results[graph.outputName]?.data;
      if (!(data instanceof Float32Array) || data.length !== batch * countOf(graph.outputDims))
        throw failed("the output is missing or has another shape");
      return floatOutput(batch, graph.outputDims, new Float32Array(data));
    },
    warm: async (model) => {
      await sessionOf(model);
    },
    close: async () => {
      const opened = await Promise.allSettled(sessions.values());
      sessions.clear();
      for (const result of opened) if (result.status === "fulfilled") await result.value.release();
    },
  };
}
