// SPDX-License-Identifier: GPL-3.0-or-later
import { openShares, shareInputs } from "../offchain/core/masked/shares.ts";
import { encodeProgram } from "../offchain/core/program/encode-program.ts";
import type { Op, Program } from "../offchain/core/program/types.ts";
import type { Tensor } from "../offchain/core/tensor.ts";
import { nodeCrypto } from "../offchain/adapters/keys/node-crypto.ts";
import { loadStage } from "../offchain/engines/program/executor.ts";
import { loadMaskedStage, runLane } from "../offchain/engines/program/masked-lane.ts";
import { createOnnxExecutor } from "../offchain/engines/program/onnx-executor.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import { Prng } from "../test/support/prng.ts";

const RUNS = 41;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const finish = { kind: "scale", dtype: "i8", shifts: [12], lo: 0, hi: 127, table: null } as const;

function cases(): readonly { name: string; program: Program }[] {
  const rng = new Prng(1);
  const weights = (length: number) => Int8Array.from({ length }, () => rng.int(-127, 127));
  const zero = (n: number) => Array.from({ length: n }, () => 0n);
  const program = (dims: readonly number[], op: Op): Program => ({
    family: "quantised",
    inputs: [{ dtype: "i8", dims, lo: 0, hi: 127 }],
    ops: [op],
    output: 1,
  });
  const dense = (width: number, outputs: number) =>
    program([width], {
      kind: "dense",
      input: 0,
      outputs,
      weights: weights(width * outputs),
      bias: zero(outputs),
      finish,
    });
  const conv = (size: number) =>
    program([64, size, size], {
      kind: "conv",
      input: 0,
      outputs: 64,
      kernel: [3, 3],
      strides: [1, 1],
      pads: [1, 1, 1, 1],
      weights: weights(64 * 64 * 9),
      bias: zero(64),
      finish,
    });
  return [
    { name: "dense 784 to 128", program: dense(784, 128) },
    { name: "dense 4096 to 1024", program: dense(4096, 1024) },
    { name: "convolution 3x3, 64 to 64, 28x28", program: conv(28) },
    { name: "convolution 3x3, 64 to 64, 56x56", program: conv(56) },
  ];
}

export const suite: BenchSuite = {
  name: "masked",
  async run(report, progress) {
    for (const { name, program } of cases()) {
      progress(name);
      const executor = createOnnxExecutor({ threads: 1 });
      const stage = loadStage(encodeProgram(program));
      const masked = loadMaskedStage(stage);
      const rng = new Prng(2);
      const dims = [1, ...(program.inputs[0]?.dims ?? [])];
      const length = dims.reduce((a, b) => a * b, 1);
      const input: Tensor = { dtype: "i8", dims, data: Int8Array.from({ length }, () => rng.int(0, 127)) };
      const [plain, share, client]: [number[], number[], number[]] = [[], [], []];
      const timed = async <T>(into: number[], work: () => Promise<T> | T): Promise<T> => {
        const startMs = performance.now();
        const result = await work();
        into.push(performance.now() - startMs);
        return result;
      };
      for (let n = 0; n < RUNS + 3; n++) {
        await timed(plain, () => executor.run(stage, [input]));
        const startMs = performance.now();
        const { laneA, laneB } = shareInputs(masked.masked, [input], (bytes) => nodeCrypto.randomBytes(bytes));
        const drawnMs = performance.now() - startMs;
        const a = await timed(share, () => runLane(masked, laneA, true, executor));
        const b = await timed(share, () => runLane(masked, laneB, false, executor));
        const openMs = performance.now();
        openShares(masked.masked, a, b);
        client.push(drawnMs + performance.now() - openMs);
      }
      await executor.close();
      // The first runs open sessions.
      const [base, lane, own] = [plain, share, client].map((times) => median(times.slice(6)));
      report({ case: name, metric: "plain stage", value: base ?? 0, unit: "ms" });
      const ratio = (lane ?? 0) / (base ?? 1);
      report({ case: name, metric: "one share", value: lane ?? 0, unit: "ms", baseline: "plain stage", ratio });
      report({ case: name, metric: "client: draw, open, round", value: own ?? 0, unit: "ms" });
    }
  },
};
