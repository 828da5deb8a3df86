// SPDX-License-Identifier: GPL-3.0-or-later
import { partialSumBound } from "../run/integer-graph.ts";
import { inputsOf } from "../../../core/program/types.ts";
import type { Recipe } from "../recipe.ts";
import type { Compiled } from "./compile-quantised.ts";
import type { Accuracy } from "./evaluate-model.ts";
import type { StageEntropy } from "./measure-entropy.ts";

/** Rounded, so that the last bits of a sum over rows are not part of the report. */
const short = (value: number) => Number(value.toPrecision(6));
const percent = (part: number, whole: number) => Number(((100 * part) / whole).toFixed(2));

/**
 * The accuracy report: what was measured, on how many rows, and for each operator its bounds, shifts and added error.
 * Its hash is part of the model id.
 */
export function reportOf(
  compiled: Compiled,
  recipe: Recipe,
  entropy: readonly StageEntropy[],
  calibrationRows: number,
  accuracy: Accuracy,
) {
  const { program, analysis, names, steps, errors } = compiled;
  const layers = program.ops.map((op, index) => {
    const info = analysis.ops[index];
    const base = {
      name: names[index] ?? "",
      kind: op.kind,
      dims: info?.output.dims ?? [],
      macs: info?.macs ?? 0,
      step: short(steps[index + 1] ?? 1),
    };
    if (!("finish" in op) || !info?.bounds) return base;
    const shifts = op.finish.kind === "scale" ? [...op.finish.shifts] : [];
    const sources = inputsOf(op).flatMap((value) => analysis.values[value] ?? []);
    const worst = info.bounds.reduce((most, { lo, hi }) => (hi > most ? hi : -lo > most ? -lo : most), 0n);
    return {
      ...base,
      shifts,
      worstAccumulator: worst.toString(),
      worstPartialSum: partialSumBound(op, sources, Math.max(0, ...shifts)).toString(),
      relativeSquaredError: short(errors[index] ?? 0),
    };
  });
  const { rows, floatCorrect, integerCorrect, agreeing } = accuracy;
  return {
    version: 1,
    name: recipe.name,
    family: program.family,
    calibration: { rows: calibrationRows },
    evaluation: {
      rows,
      floatCorrect,
      integerCorrect,
      agreeing,
      floatPercent: percent(floatCorrect, rows),
      integerPercent: percent(integerCorrect, rows),
    },
    entropy: entropy.map(({ outputBits, probe, probeBits }) => ({ outputBits, probe, probeBits })),
    layers,
  };
}
