// SPDX-License-Identifier: GPL-3.0-or-later
// A thread's part of a test split, evaluated on ciphertexts and by the exact program.
import { parentPort, workerData } from "node:worker_threads";
import { interpretOutput, prepareInput } from "../../offchain/core/program/preprocess.ts";
import { MAX_STAGE_KEY_BYTES } from "../../offchain/core/she/cipher-parcel.ts";
import { encodeSheObject } from "../../offchain/core/she/object.ts";
import { takeRows } from "../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { finishValues } from "../../offchain/engines/she/client/finish-values.ts";
import { compilePlan } from "../../offchain/engines/she/compile/compile-plan.ts";
import { unpackSlots } from "../../offchain/engines/she/compile/plan.ts";
import { clientFor, encryptFor, errorOf, keysFor, runnersFor, scaleOf } from "../../test/support/she/encrypted-run.ts";

export interface SplitPart {
  readonly folder: string;
  readonly rows: number;
  /** This thread's rows are those with this remainder by `parts`. */
  readonly part: number;
  readonly parts: number;
  readonly tolerance: number;
}

/** Counts of rows. */
export interface SplitCounts {
  readonly rows: number;
  readonly encryptedCorrect: number;
  readonly programCorrect: number;
  /** With a lead of more than twice the tolerance, as the publication rule asks. */
  readonly withMargin: number;
  readonly agreedWithMargin: number;
  readonly agreed: number;
  /** In units of the output's scale. */
  readonly largestError: number;
}

export const addCounts = (a: SplitCounts, b: SplitCounts): SplitCounts => ({
  rows: a.rows + b.rows,
  encryptedCorrect: a.encryptedCorrect + b.encryptedCorrect,
  programCorrect: a.programCorrect + b.programCorrect,
  withMargin: a.withMargin + b.withMargin,
  agreedWithMargin: a.agreedWithMargin + b.agreedWithMargin,
  agreed: a.agreed + b.agreed,
  largestError: Math.max(a.largestError, b.largestError),
});

/** One key set. Progress: a message `number` of rows done, then one `SplitCounts`. */
async function evaluate({ folder, rows, part, parts, tolerance }: SplitPart, tell: (done: number) => void) {
  const model = await loadModel(folder);
  const recipe = await readRecipe(folder);
  const [stage] = model.stages;
  if (stage === undefined) throw new TypeError("the model has no stage");
  const read = async (file: typeof recipe.evaluation, count: number) => {
    const { features, labels } = takeRows(await readDataset(folder, file), count);
    return { input: prepareInput(model.preprocess, features), labels };
  };
  const width = stage.program.inputs[0]?.dims.reduce((a, b) => a * b, 1) ?? 0;
  const calibration = (await read(recipe.calibration, 50)).input.data;
  const compiled = compilePlan(stage.program, {
    calibration: Array.from({ length: 50 }, (_, i) => Array.from(calibration.subarray(i * width, (i + 1) * width), Number)),
    cuts: [0],
    stageKeyBytes: MAX_STAGE_KEY_BYTES,
  }); // prettier-ignore
  const { input, labels } = await read(recipe.evaluation, rows);
  const executor = createReferenceExecutor();
  const client = clientFor(compiled);
  const runners = runnersFor(compiled, keysFor(compiled, client));
  let counts: SplitCounts = { rows: 0, encryptedCorrect: 0, programCorrect: 0, withMargin: 0, agreedWithMargin: 0, agreed: 0, largestError: 0 }; // prettier-ignore
  for (let row = part; row < rows; row += parts) {
    const sample = Array.from(input.data.subarray(row * width, (row + 1) * width), Number);
    const result = runners.reduce((value, runner) => runner.run(value), encryptFor(compiled, client, [sample]));
    const { error, margin } = errorOf(compiled, client, result, [sample]);
    const slots = client.decryptUnchecked(encodeSheObject(result), scaleOf(compiled));
    const values = finishValues(unpackSlots(compiled.plan, slots, 1)[0] ?? [], compiled.layers.finish);
    const dims = [1, ...input.dims.slice(1)];
    const { output } = await runModel(model, { ...input, dims, data: input.data.slice(row * width, (row + 1) * width) }, executor); // prettier-ignore
    const [exact] = interpretOutput(model.output, output);
    const [answer] = interpretOutput(model.output, { ...output, data: Int32Array.from(values) });
    const [said, right, label] = [answer?.index, exact?.index, labels[row]];
    const isClear = margin > 2 * tolerance;
    counts = addCounts(counts, {
      rows: 1,
      encryptedCorrect: Number(said === label),
      programCorrect: Number(right === label),
      withMargin: Number(isClear),
      agreedWithMargin: Number(isClear && said === right),
      agreed: Number(said === right),
      largestError: error,
    });
    if (counts.rows % 100 === 0) tell(counts.rows);
  }
  return counts;
}

if (parentPort !== null) {
  const port = parentPort;
  port.postMessage(await evaluate(workerData as SplitPart, (done) => port.postMessage(done)));
}
