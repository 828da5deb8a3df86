// SPDX-License-Identifier: GPL-3.0-or-later
import { encodeProgram } from "../../offchain/core/program/encode-program.ts";
import { NO_PROBE, PRODUCER_INPUT, type StageInfo } from "../../offchain/core/types.ts";
import { loadStage } from "../../offchain/engines/program/executor.ts";
import { joinStages } from "../../offchain/engines/program/join-stages.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createThreadedExecutor } from "../../offchain/engines/program/threaded-executor.ts";
import { FolderModelShelf } from "../../offchain/node/model-shelf.ts";
import type { ModelShelf, StageRunner } from "../../offchain/protocol/ports.ts";

export interface OpenShelf {
  readonly shelf: ModelShelf;
  readonly table: readonly StageInfo[];
  /** Milliseconds at work since last asked. */
  readonly workMs: () => number;
}

const silent = () => undefined;
const logger = { debug: silent, info: silent, warn: silent, error: silent, child: () => logger };

/** The shelf of a worker, its work timed; `isWhole`: with the program uncut, as one stage of one worker: the baseline. */
export async function openShelf(folder: string, isWhole: boolean): Promise<OpenShelf> {
  const base = await FolderModelShelf.open(
    { folders: [folder], executor: "onnx", threads: 1, judges: null },
    { logger },
  );
  const model = await loadModel(folder);
  const { stages } = model.manifest.model;
  const table = isWhole ? wholeTable(stages) : stages;
  const whole = isWhole ? wholeRunner(model) : null;
  let spentMs = 0;
  // Two rows may be out at once: their time counts once.
  let [out, since] = [0, 0];
  const timed = ({ maxInputBytes, ...runner }: StageRunner): StageRunner => ({
    maxInputBytes,
    run: async (inputs, signal) => {
      if (out++ === 0) since = performance.now();
      try {
        return await runner.run(inputs, signal);
      } finally {
        if (--out === 0) spentMs += performance.now() - since;
      }
    },
  });
  const over: Partial<ModelShelf> = {
    table: () => table,
    stage: async (modelId, stage) => {
      const runner = whole ?? (await base.stage(modelId, stage));
      return runner === null ? null : timed(runner);
    },
  };
  const shelf: ModelShelf = new Proxy(base, {
    get: (target, key) => {
      const own: unknown = Reflect.get(over, key);
      const value: unknown = own ?? Reflect.get(target, key);
      return own === undefined && typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const workMs = () => {
    const spent = spentMs;
    spentMs = 0;
    return spent;
  };
  return { shelf, table, workMs };
}

const wholeTable = (stages: readonly StageInfo[]): readonly StageInfo[] =>
  stages.slice(0, 1).map((first) => ({ ...first, producers: [PRODUCER_INPUT], probe: NO_PROBE }));

function wholeRunner(model: Parameters<typeof joinStages>[0]): StageRunner {
  const stage = loadStage(encodeProgram(joinStages(model).program));
  const executor = createThreadedExecutor({ threads: 1 });
  return {
    maxInputBytes: 1 << 20,
    run: async (inputs) => {
      const { outputs } = await executor.run(stage, inputs);
      const [output] = outputs;
      if (output === undefined) throw new TypeError("the program has no output");
      return { output, probe: null };
    },
  };
}
