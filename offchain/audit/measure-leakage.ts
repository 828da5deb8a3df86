// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "../core/bytes.ts";
import { keccak256 } from "../core/keccak.ts";
import { noiseBoundary } from "../core/noise/noise-boundary.ts";
import type { NoiseMechanism } from "../core/noise/mechanism.ts";
import {
  LEAKAGE_WARNING,
  LEAST_AUXILIARY_ROWS,
  LEAST_TEST_ROWS,
  type LeakageCut,
  type LeakageReport,
} from "../core/planning/leakage-report.ts";
import { legalCuts, type LegalCut } from "../core/planning/program-atoms.ts";
import { elementsOf } from "../core/program/analyse.ts";
import { encodeProgram } from "../core/program/encode-program.ts";
import { interpretOutput, prepareInput, rawWidth } from "../core/program/preprocess.ts";
import { runOperator, runQuantised } from "../core/program/run/quantised.ts";
import { inputsOf } from "../core/program/types.ts";
import type { Dataset } from "../engines/program/dataset.ts";
import type { JoinedProgram } from "../core/program/join-programs.ts";
import { joinStages } from "../engines/program/join-stages.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { SplitError } from "../engines/split/errors.ts";
import { matrix, pickRows, type Matrix } from "../engines/split/matrix.ts";
import { classMeanRecovery, measureCut, toPpm, type CutOptions } from "../engines/split/measure-cut.ts";
import { imageGrid } from "../engines/split/picture.ts";
import { Seeded } from "../engines/split/seeded.ts";

const PICTURES = 12;

export interface LeakageOptions {
  readonly auxiliaryRows: number;
  readonly testRows: number;
  readonly seed: number;
  /** Passes of the MLP attack over the attacker's rows. */
  readonly passes: number;
  /** Measure boundaries as transmitted with this noise. */
  readonly noise?: NoiseMechanism;
  readonly onProgress?: (step: string) => void;
}

export interface MeasuredLeakage {
  readonly report: LeakageReport;
  /** Images only: the originals in the first line, then each cut's reconstructions, in the order of the report. */
  readonly picture: Uint8Array | null;
}

const asMatrix = (rows: number, data: ArrayLike<number>): Matrix =>
  matrix(rows, data.length / rows, Float64Array.from(data));

/** Labels that the rest of the program gives right from a boundary. */
function accuracyFrom(
  { program, analysis }: JoinedProgram,
  model: LoadedModel,
  cut: LegalCut,
  input: Int32Array,
  boundary: Int32Array,
  labels: Int32Array,
): number {
  const values: Int32Array[] = [input];
  values[cut.value] = boundary;
  for (let index = cut.afterOp + 1; index < program.ops.length; index++) {
    const op = program.ops[index];
    if (op === undefined) continue;
    const read = inputsOf(op);
    const frame = {
      sources: read.map((value) => values[value] ?? new Int32Array(0)),
      dims: read.map((value) => analysis.values[value]?.dims ?? []),
      outDims: analysis.ops[index]?.output.dims ?? [],
      batch: labels.length,
    };
    values[program.inputs.length + index] = runOperator(op, frame).value;
  }
  const dims = [labels.length, ...(analysis.values[program.output]?.dims ?? [])];
  const data = values[program.output] ?? new Int32Array(0);
  const answers = interpretOutput(model.output, { dtype: "i32", dims, data });
  return answers.filter(({ index }, row) => index === labels[row]).length / labels.length;
}

/** Clip and noise as a client adds them, under a secret that only this measurement has. */
function transmitted(cut: LegalCut, values: Int32Array, rows: number, joined: JoinedProgram, options: LeakageOptions) {
  if (options.noise === undefined) return values;
  const { lo, hi } = joined.analysis.values[cut.value] ?? { lo: -127n, hi: 127n };
  const noised = noiseBoundary(
    { dtype: "i8", dims: [rows, ...cut.dims], data: Int8Array.from(values) },
    {
      mechanism: options.noise,
      lo: Number(lo),
      hi: Number(hi),
      jobSecret: new Uint8Array(32).fill(options.seed & 255),
      boundary: cut.afterOp,
    },
  );
  return Int32Array.from(noised.data);
}

/**
 * `leakage.json`: what attacks recover from each legal cut of a model. Fixed seed, fixed order of arithmetic: an auditor
 * who has the same data makes the same bytes. Errors: LEAKAGE_DATA, ATTACK_FAILED, NOISE_INVALID.
 */
export function measureLeakage(model: LoadedModel, data: Dataset, options: LeakageOptions): MeasuredLeakage {
  const { auxiliaryRows, testRows, seed, passes } = options;
  const say = options.onProgress ?? (() => {});
  const refuse = (reason: string) => new SplitError("LEAKAGE_DATA", { reason });
  if (auxiliaryRows < LEAST_AUXILIARY_ROWS || testRows < LEAST_TEST_ROWS)
    throw refuse(`${auxiliaryRows} and ${testRows} rows are too few`);
  const rows = auxiliaryRows + testRows;
  if (data.rows < rows) throw refuse(`${rows} rows are needed and the data set has ${data.rows}`);
  const joined = joinStages(model);
  const { program, analysis } = joined;
  const cuts = program.family === "quantised" ? legalCuts(program, analysis) : [];
  if (cuts.length === 0) throw refuse("the program has no legal cut");
  const { preprocess } = model;

  const chosen = new Seeded(seed).order(data.rows).slice(0, rows);
  const raw = pickRows(matrix(data.rows, data.width, Float64Array.from(data.features)), chosen).data;
  const labels = Int32Array.from(chosen, (row) => data.labels[row] ?? 0);
  const input = Int32Array.from(prepareInput(preprocess, raw).data);
  say("running the program");
  const { values } = runQuantised(program, analysis, [input], rows, null);

  const side = (of: Matrix, isTest: boolean): Matrix => {
    const indices = isTest ? [auxiliaryRows, rows] : [0, auxiliaryRows];
    const [from = 0, to = 0] = indices;
    return matrix(to - from, of.columns, of.data.slice(from * of.columns, to * of.columns));
  };
  const inputs = asMatrix(rows, input);
  const [auxLabels, testLabels] = [labels.slice(0, auxiliaryRows), labels.slice(auxiliaryRows)];
  const sides = (boundary: Matrix) =>
    [
      { inputs: side(inputs, false), boundary: side(boundary, false), labels: auxLabels },
      { inputs: side(inputs, true), boundary: side(boundary, true), labels: testLabels },
    ] as const;
  const modality = preprocess.kind === "tokens" ? "tokens" : isImage(rawWidth(preprocess)) ? "image" : "tabular";
  const classes = Math.max(model.output.labels.length, ...labels.map((label) => label + 1));
  const common: CutOptions = { modality, seed, passes, classes };
  const attack: CutOptions =
    preprocess.kind === "tokens"
      ? {
          ...common,
          tokens: {
            table: asMatrix(preprocess.table.words.length + 2, preprocess.table.embedding),
            places: asMatrix(preprocess.table.length, preprocess.table.positions),
            truth: Int32Array.from(raw.subarray(auxiliaryRows * data.width)),
          },
        }
      : common;

  const measured: LeakageCut[] = [];
  const size = Math.sqrt(inputs.columns);
  const pictures: Float64Array[][] = [];
  const show = (estimate: Matrix) =>
    Array.from({ length: PICTURES }, (_, row) =>
      estimate.data.subarray(row * estimate.columns, (row + 1) * estimate.columns),
    );
  pictures.push(show(side(inputs, true)));
  for (const cut of cuts) {
    say(`attacking the cut after operator ${cut.afterOp}, ${cut.dims.join("x")}`);
    const before = measured.at(-1);
    const kind = program.ops[cut.afterOp]?.kind ?? "";
    const place = { afterOp: cut.afterOp, kind, dims: cut.dims, bytes: cut.bytes };
    // These transmit what the cut before them does, in another order; with noise it would be drawn anew.
    if (
      (kind === "reshape" || kind === "transpose") &&
      before?.afterOp === cut.afterOp - 1 &&
      options.noise === undefined
    ) {
      measured.push({ ...before, ...place });
      pictures.push(pictures.at(-1) ?? []);
      continue;
    }
    const boundary = transmitted(cut, values[cut.value] ?? input, rows, joined, options);
    const [auxiliary, test] = sides(asMatrix(rows, boundary));
    const { estimate, ...figures } = measureCut(auxiliary, test, attack);
    const width = elementsOf(cut.dims);
    const accuracy = accuracyFrom(
      joined,
      model,
      cut,
      input.subarray(auxiliaryRows * inputs.columns),
      boundary.subarray(auxiliaryRows * width),
      testLabels,
    );
    measured.push({ ...place, ...figures, accuracyPpm: toPpm(accuracy) });
    pictures.push(show(estimate));
  }
  const [auxiliary, test] = sides(inputs);
  const report: LeakageReport = {
    version: 1,
    warning: LEAKAGE_WARNING,
    program: toHex(keccak256(encodeProgram(program))),
    modality,
    seed,
    auxiliaryRows,
    testRows,
    passes,
    noise: options.noise ?? null,
    classMeanPpm: toPpm(classMeanRecovery(auxiliary, test, classes)),
    cuts: measured,
  };
  return { report, picture: modality === "image" ? imageGrid(pictures, size, preprocess.hi) : null };
}

const isImage = (width: number): boolean => width >= 64 && Number.isInteger(Math.sqrt(width));
