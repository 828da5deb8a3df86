// SPDX-License-Identifier: GPL-3.0-or-later
// Encrypted evaluation: CPU medians on one thread, beside node-seal in the same run. Networks have random weights: time and error
// do not depend on what they say.
import { prepareInput } from "../offchain/core/program/preprocess.ts";
import { MAX_STAGE_KEY_BYTES } from "../offchain/core/she/cipher-parcel.ts";
import type { SheObject } from "../offchain/core/she/object.ts";
import { sheProfile } from "../offchain/core/she/profiles.ts";
import { takeRows } from "../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../offchain/engines/program/import-folder.ts";
import { loadModel } from "../offchain/engines/program/load-program.ts";
import { compilePlan, type CompiledPlan } from "../offchain/engines/she/compile/compile-plan.ts";
import { LEAST_OBSERVATIONS, toleranceOf, type Observation } from "../offchain/engines/she/compile/tolerance.ts";
import { planSizes } from "../offchain/engines/she/compile/plan.ts";
import { Evaluator } from "../offchain/engines/she/evaluator/evaluator.ts";
import { allocateScratch, rotateHoisted } from "../offchain/engines/she/evaluator/operations.ts";
import { KernelMemory } from "../offchain/engines/she/kernel/kernel.ts";
import { galoisElement } from "../offchain/core/she/modular.ts";
import { nodeKernel } from "../offchain/engines/she/kernel/node-kernel.ts";
import { Ring } from "../offchain/engines/she/kernel/ring.ts";
import { StageThreads } from "../offchain/engines/she/threads/stage-threads.ts";
import type { Program } from "../offchain/core/program/types.ts";
import type { BenchRow, BenchSuite } from "../scripts/bench.ts";
import { Prng } from "../test/support/prng.ts";
import { clientFor, encryptFor, errorOf, keysFor, runnersFor } from "../test/support/she/encrypted-run.ts";
import { polyConvolution, polyPerceptron, randomInput } from "../test/support/she/toy-programs.ts";
import { benchShePeers } from "./peers/she-libraries.ts";
import { measureWorkerMemory } from "./she/worker-memory.ts";
import { realNetwork } from "./she/real-network.ts";
import { runNaiveSeal, runTunedSeal, timeSealRotation } from "./she/seal-reference.ts";

const RUNS = 21;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const cpuMs = (work: () => unknown): number => {
  const since = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};
const times = (runs: number, work: () => unknown) => Array.from({ length: runs }, () => cpuMs(work));

type Report = (row: BenchRow) => void;

/** Evaluation of all stages on the calling thread, error over several key sets, and sizes. Returns the median. */
function measure(name: string, compiled: CompiledPlan, draw: () => ArrayLike<number>, report: Report): number {
  const { plan, weights } = compiled;
  const cpu: number[] = [];
  const errors: number[] = [];
  let tracked = 0;
  for (let set = 0; set < 2; set++) {
    const client = clientFor(compiled);
    const runners = runnersFor(compiled, keysFor(compiled, client));
    const run = (value: SheObject) => runners.reduce((taken, runner) => runner.run(taken), value);
    for (let i = 0; i < 2; i++) {
      const samples = Array.from({ length: plan.interleave }, draw);
      const input = encryptFor(compiled, client, samples);
      const output = run(input);
      errors.push(errorOf(compiled, client, output, samples).error);
      tracked += samples.length;
      if (set === 0) cpu.push(...times(RUNS, () => run(input)).slice(4));
    }
  }
  const value = median(cpu);
  report({ case: name, metric: "eval_cpu_ms", value, unit: "ms" });
  if (plan.interleave > 1)
    report({ case: name, metric: "eval_cpu_ms_a_sample", value: value / plan.interleave, unit: "ms" });
  report({ case: name, metric: "max_error", value: Math.max(...errors), unit: `of about 1, ${tracked} samples` });
  const sizes = planSizes(plan, weights.flat().length);
  report({ case: name, metric: "input_bytes", value: sizes.inputBytes, unit: "B" });
  report({ case: name, metric: "output_bytes", value: sizes.outputBytes, unit: "B" });
  report({ case: name, metric: "keys_bytes", value: sizes.keyBytes, unit: "B" });
  report({ case: name, metric: "process_rss", value: Math.round(process.memoryUsage().rss / 2 ** 20), unit: "MiB" });
  return value;
}

/** The tolerance by the rule, and how often the largest output is the exact program's: a minute, so under ASSAY_DEEP. */
function measureTolerance(name: string, compiled: CompiledPlan, program: Program, rng: Prng, report: Report): void {
  const { evaluations, keySets } = LEAST_OBSERVATIONS;
  const observations: Observation[] = [];
  let [agreed, judged] = [0, 0];
  const decisions: { readonly isSame: boolean; readonly margin: number }[] = [];
  for (let keySet = 0; keySet < keySets; keySet++) {
    const client = clientFor(compiled);
    const [runner] = runnersFor(compiled, keysFor(compiled, client));
    for (let i = 0; i < evaluations / keySets; i++) {
      const sample = randomInput(program, rng);
      const output = runner?.run(encryptFor(compiled, client, [sample]));
      if (output === undefined) return;
      const { error, isSameDecision, margin } = errorOf(compiled, client, output, [sample]);
      observations.push({ keySet, error });
      decisions.push({ isSame: isSameDecision, margin });
    }
  }
  const tolerance = toleranceOf(observations);
  for (const { isSame, margin } of decisions)
    if (margin > 2 * tolerance) [agreed, judged] = [agreed + Number(isSame), judged + 1];
  report({ case: name, metric: "tolerance", value: tolerance, unit: "of about 1" });
  report({ case: name, metric: "argmax agreement", value: agreed / judged, unit: `of ${judged} with margin` });
}

/** A thread's first evaluations are slow: until its code is compiled, and the compiler takes the other core meanwhile. */
const LANE_RUNS = 61;
const LANE_WARM_UP = 20;

/** Wall time of one evaluation on one and on two warm threads. */
async function measureLanes(name: string, compiled: CompiledPlan, program: Program, rng: Prng, report: Report) {
  const { plan, weights } = compiled;
  const client = clientFor(compiled);
  const keys = keysFor(compiled, client);
  const input = encryptFor(compiled, client, [randomInput(program, rng)]);
  const [wall, best]: [number[], number[]] = [[], []];
  for (const lanes of [1, 2]) {
    const [stage] = plan.stages;
    if (stage === undefined) return;
    const { profile, interleave } = plan;
    const threads = await StageThreads.start({ profile, interleave, stage, weights: weights[0] ?? [], lanes });
    const own: number[] = [];
    for (let i = 0; i < LANE_RUNS; i++) {
      await threads.run(input, keys);
      own.push(threads.lastRunMs);
    }
    wall.push(median(own.slice(LANE_WARM_UP)));
    best.push(Math.min(...own));
    await threads.close();
  }
  const [one = 0, two = 1] = wall;
  const [bestOne = 0, bestTwo = 1] = best;
  report({ case: name, metric: "one thread, wall", value: one, unit: "ms" });
  report({ case: name, metric: "two threads, wall", value: two, unit: "ms", baseline: "one thread", ratio: one / two });
  // What is left of the gain when other programs want the cores is no property of this one.
  report({
    case: name,
    metric: "two threads, best wall",
    value: bestTwo,
    unit: "ms",
    baseline: "one thread, best",
    ratio: bestOne / bestTwo,
  });
}

/** The zoo's trained convolution on held-out digits: real weights and inputs have a real error. */
async function trainedDigits(): Promise<{ compiled: CompiledPlan; digits: readonly (readonly number[])[] }> {
  const folder = new URL("../models/digits-cnn-poly", import.meta.url).pathname;
  const { stages, preprocess } = await loadModel(folder);
  const recipe = await readRecipe(folder);
  const read = async (file: typeof recipe.evaluation) => {
    const { features } = takeRows(await readDataset(folder, file), 50);
    const { data } = prepareInput(preprocess, features);
    return Array.from({ length: 50 }, (_, i) => Array.from(data.subarray(i * 784, (i + 1) * 784), Number));
  };
  const [stage] = stages;
  if (stage === undefined) throw new TypeError("digits-cnn-poly has no stage");
  // As jobs run it: no stage with more keys than a parcel holds.
  const options = { cuts: [0], stageKeyBytes: MAX_STAGE_KEY_BYTES };
  const compiled = compilePlan(stage.program, { ...options, calibration: await read(recipe.calibration) });
  return { compiled, digits: await read(recipe.evaluation) };
}

async function measureKernel(report: Report): Promise<void> {
  const profile = sheProfile(1);
  const ring = new Ring(profile, nodeKernel(), KernelMemory.ofSize(2 ** 26));
  const row = ring.allocate(1);
  const transform = median(
    times(15, () => {
      for (let i = 0; i < 500; i++) ring.forward(i % 6, row, row);
    }).slice(3),
  );
  report({ case: "ntt-8192", metric: "cpu_us", value: (transform / 500) * 1000, unit: "us" });
  const evaluator = new Evaluator(ring);
  const scratch = allocateScratch(evaluator);
  const key = evaluator.allocateKey(galoisElement(3, profile.degree), 5);
  const [source, target] = [evaluator.allocateCipher(5), evaluator.allocateCipher(5)];
  const rotation = median(
    times(15, () => {
      for (let i = 0; i < 20; i++) {
        evaluator.decompose(source.c1, 5);
        rotateHoisted(evaluator, source, key, target, scratch);
      }
    }).slice(3),
  );
  const value = rotation / 20;
  const seal = await timeSealRotation(6, 21);
  report({ case: "rotate-8192", metric: "cpu_ms", value, unit: "ms", baseline: "node-seal", ratio: seal / value });
}

export const suite: BenchSuite = {
  name: "she",
  async run(report, progress) {
    const rng = new Prng(2027);
    progress("784-128-10");
    const perceptron = polyPerceptron([784, 128, 10], rng, 0);
    const calibration = Array.from({ length: 10 }, () => randomInput(perceptron, rng));
    const dense = compilePlan(perceptron, { calibration });
    const own = measure("784-128-10", dense, () => randomInput(perceptron, rng), report);
    await measureLanes("784-128-10", dense, perceptron, rng, report);

    if (process.env["ASSAY_DEEP"] === "1") measureTolerance("784-128-10", dense, perceptron, rng, report);

    progress("784-128-10 on node-seal");
    const [first, , second] = dense.layers.layers;
    if (first?.kind === "linear" && second?.kind === "linear") {
      const input = randomInput(perceptron, rng);
      const network = realNetwork(first.map, second.map, input, dense.meanings as [number, number, number]);
      const tuned = await runTunedSeal(network, 8, 8);
      const versus = (metric: string, value: number, baseline: string) =>
        report({ case: "784-128-10", metric, value, unit: "ms", baseline, ratio: value / own });
      versus("tuned node-seal, eval_cpu_ms", tuned.cpuMs, "own evaluator");
      report({ case: "784-128-10", metric: "tuned node-seal, max_error", value: tuned.maxError, unit: "of about 1" });
      versus("naive node-seal, first layer", await runNaiveSeal(first.map, input, 3), "own evaluator");
      await benchShePeers("784-128-10", network, own, report, progress);
    }

    progress("convolution");
    const convolution = polyConvolution(rng);
    const images = Array.from({ length: 5 }, () => randomInput(convolution, rng));
    measure("lola-cnn", compilePlan(convolution, { calibration: images }), () => randomInput(convolution, rng), report);

    progress("tabular batches");
    const table = polyPerceptron([30, 16, 8, 1], rng);
    const rows = Array.from({ length: 50 }, () => randomInput(table, rng));
    measure(
      "30-16-8-1",
      compilePlan(table, { calibration: rows, interleave: 256 }),
      () => randomInput(table, rng),
      report,
    );

    progress("digits-cnn-poly");
    const { compiled, digits } = await trainedDigits();
    measure("digits-cnn-poly", compiled, () => digits[rng.int(0, digits.length - 1)] ?? [], report);

    progress("kernel");
    await measureKernel(report);

    progress("a whole worker's memory");
    await measureWorkerMemory(report, progress);
  },
};
