// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, utf8 } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { canonicalJson, encodeManifestFile, hashJson, type ToolsRecord } from "../../../core/manifest.ts";
import { programRoot, stageKernel } from "../../../core/program/container.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import { interpretReals, prepareReals, type RealPreprocess } from "../../../core/program/real-input.ts";
import { encodeTolerance, type Tolerance } from "../../../core/sketch.ts";
import { taggedHash, toWord } from "../../../core/tagged-hash.ts";
import type { Tensor } from "../../../core/tensor.ts";
import {
  KIND_PUBLIC,
  NO_PROBE,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  ZERO_BYTES32,
  type ModelManifest,
} from "../../../core/types.ts";
import { takeRows, type Dataset } from "../dataset.ts";
import { MACS_PER_WORK_UNIT } from "../import-model.ts";
import { createFloatExecutor, type FloatProgram } from "./float-executor.ts";
import { checkFloatModel } from "./float-graph.ts";
import { honestMachines, runRows } from "./float-machines.ts";
import type { FloatRecipe, FloatUsage } from "./float-recipe.ts";
import { FLOAT_MASKS } from "./load-float-model.ts";
import { countOf } from "./reference/values.ts";

export const FLOAT_COMPILER = "assay-float 1";

/** Finds a tolerance from honest machines' answers. A port: calibration is the committee engine's, wired by the command line. */
export type ToleranceCalibrator = (
  runs: readonly { readonly machine: string; readonly rows: number; readonly outputs: Float32Array }[],
  width: number,
  isNatural: (row: number) => boolean,
) => { readonly tolerance: Tolerance; readonly report: object };

export interface FloatImportParameters {
  readonly onnx: Uint8Array;
  readonly recipe: FloatRecipe;
  readonly calibration: Dataset;
  readonly evaluation: Dataset;
}

export interface FloatImportOptions {
  readonly calibrate: ToleranceCalibrator;
  readonly onProgress?: (step: string) => void;
}

export interface ImportedFloatModel {
  readonly files: {
    readonly "report.json": Uint8Array;
    readonly "model.json": Uint8Array;
    readonly "manifest.json": Uint8Array;
  };
  readonly model: ModelManifest;
  readonly tolerance: Tolerance;
}

/** Calibration rows alternate: one of the data set, one that a hostile requester may send. */
export const isNaturalRow = (row: number): boolean => row % 2 === 0;

/**
 * Between the rows of the data set, rows from anywhere in the range: uniform ones, and corners with every element at its
 * least or largest. Where honest machines differ most is the requester's to choose, not the data set's.
 */
export function withExtremes(spec: RealPreprocess, natural: Tensor): Tensor {
  const [rows = 0, ...dims] = natural.dims;
  const size = countOf(dims);
  const data = new Float32Array(2 * rows * size);
  const limit = (value: number | readonly number[], i: number) => (typeof value === "number" ? value : (value[i] ?? 0));
  for (let row = 0; row < rows; row++) {
    data.set(natural.data.subarray(row * size, (row + 1) * size), 2 * row * size);
    const random = seededBits(row, size);
    for (let i = 0; i < size; i++) {
      const share = (random[i] ?? 0) / 0xffff_ffff;
      const [lo, hi] = [Math.fround(limit(spec.lo, i)), Math.fround(limit(spec.hi, i))];
      data[(2 * row + 1) * size + i] = row % 2 === 0 ? lo + share * (hi - lo) : share < 0.5 ? lo : hi;
    }
  }
  return { dtype: "f32", dims: [2 * rows, ...dims], data };
}

/** The same numbers on every machine: keccak in counter mode. */
function seededBits(row: number, count: number): Uint32Array {
  const bits = new Uint32Array(Math.ceil(count / 8) * 8);
  for (let block = 0; 8 * block < bits.length; block++) {
    const view = new DataView(fromHex(taggedHash("assay.v1.extremes", [toWord(row), toWord(block)])).buffer);
    for (let i = 0; i < 8; i++) bits[8 * block + i] = view.getUint32(4 * i);
  }
  return bits;
}

/** Answers of every honest machine over the calibration rows; slow ones answer the first of them. */
export async function runHonestly(program: FloatProgram, input: Tensor, onProgress: (step: string) => void) {
  const runs = [];
  const [rows = 0, ...dims] = input.dims;
  for (const machine of honestMachines(program)) {
    onProgress(`calibrating: ${machine.name}`);
    const count = Math.min(rows, machine.mostRows);
    const data = Float32Array.from(input.data.subarray(0, count * countOf(dims)));
    try {
      const outputs = await runRows(machine, { dtype: "f32", dims: [count, ...dims], data });
      runs.push({ machine: machine.name, rows: count, outputs });
    } finally {
      await machine.close();
    }
  }
  return runs;
}

async function countCorrect(program: FloatProgram, { recipe, evaluation }: FloatImportParameters): Promise<number> {
  const executor = createFloatExecutor();
  let correct = 0;
  try {
    for (let from = 0; from < evaluation.rows; from += 500) {
      const to = Math.min(evaluation.rows, from + 500);
      const raw = evaluation.features.subarray(from * evaluation.width, to * evaluation.width);
      const output = await executor.run(program, prepareReals(recipe.preprocess, raw));
      interpretReals(recipe, output).forEach(({ index }, i) => {
        if (index === evaluation.labels[from + i]) correct++;
      });
    }
  } finally {
    await executor.close();
  }
  return correct;
}

/**
 * Makes a float model's files: checks the network, lets every honest machine answer the calibration rows, calibrates the
 * tolerance, measures accuracy. What a machine's arithmetic decides is in the report only, in two digits.
 * Errors: every ONNX_…, FLOAT_OPERATOR, FLOAT_MODEL_INVALID, MODEL_FILE_INVALID, RAW_INPUT_INVALID, those of `calibrate`.
 */
export async function importFloatModel(
  parameters: FloatImportParameters,
  { calibrate, onProgress = () => {} }: FloatImportOptions,
): Promise<ImportedFloatModel> {
  const { onnx, recipe, calibration } = parameters;
  onProgress("checking");
  const graph = checkFloatModel(onnx);
  const program = { bytes: onnx, graph, range: recipe.preprocess };
  if (graph.inputDims.join() !== recipe.preprocess.dims.join()) {
    const reason = `preprocess.dims is [${recipe.preprocess.dims.join()}], the network takes [${graph.inputDims.join()}]`;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason });
  }
  const natural = prepareReals(recipe.preprocess, takeRows(calibration, 1000).features);
  const runs = await runHonestly(program, withExtremes(recipe.preprocess, natural), onProgress);
  const { tolerance, report } = calibrate(runs, countOf(graph.outputDims), isNaturalRow);
  onProgress("evaluating");
  const correct = await countCorrect(program, parameters);
  const { rows } = parameters.evaluation;
  const usage: FloatUsage = {
    version: 1,
    name: recipe.name,
    class: "T",
    preprocess: recipe.preprocess,
    output: { labels: recipe.labels, decision: recipe.decision },
  };
  const usageText = canonicalJson(usage);
  const reportText = canonicalJson({
    version: 1,
    name: recipe.name,
    class: "T",
    evaluation: { rows, correct, percent: Number(((100 * correct) / rows).toFixed(2)) },
    tolerance: report,
  });
  const floats = [...graph.onnx.constants.values()].filter(({ type }) => type === "float");
  const tools: ToolsRecord = {
    opset: graph.onnx.opset,
    compiler: FLOAT_COMPILER,
    usageHash: toHex(keccak256(utf8(usageText))),
    sourceHash: toHex(keccak256(onnx)),
    stages: [
      {
        macs: graph.macs,
        weightBytes: floats.reduce((sum, { data }) => sum + 4 * data.length, 0),
        peakActivationBytes: graph.peakBytes,
        outDtype: "f32",
        outDims: [...graph.outputDims],
      },
    ],
  };
  const model: ModelManifest = {
    name: recipe.name,
    programRoot: programRoot([onnx]),
    stages: [
      {
        place: PLACE_NETWORK,
        inKind: KIND_PUBLIC,
        outKind: KIND_PUBLIC,
        probe: NO_PROBE,
        kernel: stageKernel(onnx),
        keyId: ZERO_BYTES32,
        weightsX: ZERO_BYTES32,
        weightsY: encodeTolerance(tolerance),
        producers: [PRODUCER_INPUT],
      },
    ],
    acceptedMasks: FLOAT_MASKS,
    workUnits: BigInt(Math.max(1, Math.ceil(graph.macs / MACS_PER_WORK_UNIT))),
    weightsHash: toHex(hashJson([{ mode: "public", commitment: ZERO_BYTES32 }])),
    reportHash: toHex(keccak256(utf8(reportText))),
    toolsHash: toHex(hashJson(tools)),
  };
  const files = {
    "report.json": utf8(reportText),
    "model.json": utf8(usageText),
    "manifest.json": utf8(encodeManifestFile(model, tools)),
  };
  return { files, model, tolerance };
}
