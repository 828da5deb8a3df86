// SPDX-License-Identifier: GPL-3.0-or-later
import * as ort from "onnxruntime-node";
import { checkInputs, DEFAULT_MAX_BATCH } from "../../core/program/check-inputs.ts";
import { ProgramError } from "../../core/program/errors.ts";
import type { Tensor } from "../../core/tensor.ts";
import { resultTensor } from "../../core/program/run-program.ts";
import { type LoadedStage, type ProgramExecutor, type StageResult } from "./executor.ts";
import { buildIntegerGraph, fitsDouble, type IntegerGraph, type ProbeReading } from "./run/integer-graph.ts";
import { runReference } from "./reference-executor.ts";

export interface OnnxExecutorOptions {
  /** Threads of one inference, default 1: results do not depend on it. */
  readonly threads?: number;
  readonly maxBatch?: number;
}

interface Session {
  readonly session: ort.InferenceSession;
  readonly graph: IntegerGraph;
}

const failed = (error: unknown) =>
  new ProgramError(
    "EXECUTION_FAILED",
    { reason: error instanceof Error ? error.message : String(error) },
    { cause: error },
  );

/** Creates a CPU session; shared by the executor, the importer's float model and the benchmark. */
export async function createSession(bytes: Uint8Array, threads: number): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: ["cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw failed(error);
  }
}

function toFeed(tensor: Tensor, type: "float" | "double"): ort.Tensor {
  return type === "float"
    ? new ort.Tensor("float32", new Float32Array(tensor.data), tensor.dims)
    : new ort.Tensor("float64", new Float64Array(tensor.data), tensor.dims);
}

function numbersOf(value: ort.Tensor | undefined): Float32Array | Float64Array {
  const data = value?.data;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  throw failed("an output is missing");
}

function readProbe(value: ort.Tensor | undefined, reading: ProbeReading): Int32Array {
  const data = numbersOf(value);
  const { scale, offset, inner } = reading;
  const result = new Int32Array(data.length);
  for (let e = 0; e < data.length;) {
    const channel = Math.floor(e / inner) % scale.length;
    const [factor, shift] = [scale[channel] ?? 1, offset[channel] ?? 0];
    for (const end = e + inner; e < end; e++) result[e] = (data[e] ?? 0) * factor - shift;
  }
  return result;
}

/**
 * Runs stages on onnxruntime, integers carried in floating point with every partial sum exact (see `integer-graph.ts`).
 * Sessions stay warm until `close`. Polynomial stages beyond 2^53 run on the BigInt reference instead.
 */
export function createOnnxExecutor(options: OnnxExecutorOptions = {}): ProgramExecutor {
  const threads = options.threads ?? 1;
  const maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH;
  const sessions = new Map<LoadedStage, Promise<Session | null>>();

  const open = async ({ program, analysis, probe }: LoadedStage): Promise<Session | null> => {
    if (program.family === "polynomial" && !fitsDouble(program, analysis)) return null;
    const graph = buildIntegerGraph(program, analysis, probe);
    return { graph, session: await createSession(graph.bytes, threads) };
  };
  const sessionOf = (stage: LoadedStage): Promise<Session | null> => {
    let session = sessions.get(stage);
    if (session === undefined) sessions.set(stage, (session = open(stage)));
    return session;
  };

  async function run(stage: LoadedStage, inputs: readonly Tensor[]): Promise<StageResult> {
    const { program, analysis, probe } = stage;
    const batch = checkInputs(program, inputs, maxBatch);
    const opened = await sessionOf(stage);
    if (opened === null) return runReference(stage, inputs, maxBatch);
    const { session, graph } = opened;
    const feeds: Record<string, ort.Tensor> = {};
    inputs.forEach((tensor, i) => {
      const narrow = program.family === "quantised" && tensor.dtype === "i8";
      feeds[graph.inputs[i] ?? ""] = toFeed(tensor, narrow ? "float" : "double");
    });
    const results = await session.run(feeds).catch((error: unknown) => {
      throw failed(error);
    });
    const info = analysis.values[program.output];
    const dtype = info?.dtype === "i8" ? "i8" : "i32";
    const numbers = numbersOf(results[graph.output]);
    const data = dtype === "i8" ? new Int8Array(numbers) : new Int32Array(numbers);
    const outputs = [resultTensor(dtype, batch, info?.dims ?? [], data)];
    if (graph.probe === null || probe === null) return { outputs };
    const dims = analysis.ops[probe]?.accumulatorDims ?? [];
    return { outputs, probe: resultTensor("i32", batch, dims, readProbe(results[graph.probe.name], graph.probe)) };
  }

  return {
    name: `onnxruntime, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    run,
    warm: async (stage) => {
      await sessionOf(stage);
    },
    close: async () => {
      const opened = await Promise.allSettled(sessions.values());
      sessions.clear();
      for (const result of opened) if (result.status === "fulfilled") await result.value?.session.release();
    },
  };
}
