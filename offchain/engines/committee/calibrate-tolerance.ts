// SPDX-License-Identifier: GPL-3.0-or-later
import { SKETCH_COORDINATES, sketchSigns, toleranceOf, type Tolerance } from "../../core/sketch.ts";
import { keccakText } from "../../core/tagged-hash.ts";
import { CommitteeError } from "./errors.ts";

/** What one honest machine answered: the first `rows` calibration rows, one after another. */
export interface HonestRun {
  readonly machine: string;
  readonly rows: number;
  readonly outputs: Float32Array;
}

/** Becomes part of report.json, whose hash is in the manifest. Numbers in units of the output. */
export interface ToleranceReport {
  readonly rows: number;
  /** Draws of signs over which differences were measured; 1 if coordinates are the outputs themselves. */
  readonly draws: number;
  readonly machines: readonly {
    readonly name: string;
    readonly rows: number;
    /** 99.9th percentile and largest of |coordinate − median|. */
    readonly p999: number;
    readonly largest: number;
  }[];
  /** 4 × the largest machine's 99.9th percentile. */
  readonly epsilon: number;
  readonly scale: number;
  readonly tau: number;
  /** Largest |coordinate|: a quarter of int16's range or more, half at most. */
  readonly largestCoordinate: number;
  /** Of sketch A in cells of 2τ+1 steps: what a guesser would have to hit. */
  readonly bits: number;
}

export interface Calibration {
  readonly tolerance: Tolerance;
  readonly report: ToleranceReport;
}

/** protocol.md section 6: what seats compare must be unguessable without running the model. */
const REQUIRED_BITS = 128;
/** More steps than this leave a forger an eightieth of the range. */
const MAX_CALIBRATED_TAU = 400;
const DRAWS = 8;
const FEWEST_ROWS = 100;
const FEWEST_MACHINES = 3;

/** Rows of ±1, or of unit vectors where coordinates are the outputs themselves. */
function coordinatesOf(width: number): {
  readonly draws: number;
  readonly project: (row: Float32Array) => Float64Array;
} {
  if (width <= SKETCH_COORDINATES) return { draws: 1, project: (row) => Float64Array.from(row) };
  const signs = Array.from({ length: DRAWS * SKETCH_COORDINATES }, (_, i) => {
    const seed = keccakText(`assay.v1.calibration ${Math.floor(i / SKETCH_COORDINATES)}`);
    return Float64Array.from(sketchSigns(seed, i % SKETCH_COORDINATES, width), (bit) => 2 * bit - 1);
  });
  const project = (row: Float32Array) =>
    Float64Array.from(signs, (sign) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += (sign[i] ?? 0) * (row[i] ?? 0);
      return sum;
    });
  return { draws: DRAWS, project };
}

const quantile = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? 0;

/** Two significant digits, upwards: a report is not to hang on the last bit of one processor. */
function roundUp(value: number): number {
  if (value === 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit) * unit).toPrecision(2));
}

/**
 * A model's scale and tau from what honest machines answered: ε is 4 × the 99.9th percentile of a coordinate's distance
 * from the machines' median; the scale lets twice the largest coordinate fit int16; τ = ⌈2ε/scale⌉ + 1, two honest
 * machines at either end and the rounding of a step. Rows that are not natural (sent to find where machines differ) count
 * for ε, not for the range or the bits. Errors: CALIBRATION_FAILED, TOLERANCE_TOO_WIDE, GUESSABLE.
 */
export function calibrateTolerance(
  runs: readonly HonestRun[],
  width: number,
  isNatural: (row: number) => boolean = () => true,
): Calibration {
  const failed = (reason: string) => new CommitteeError("CALIBRATION_FAILED", { reason });
  const rows = Math.max(0, ...runs.map((run) => run.rows));
  if (runs.length < FEWEST_MACHINES) throw failed(`${runs.length} machines, at least ${FEWEST_MACHINES} are needed`);
  if (rows < FEWEST_ROWS) throw failed(`${rows} rows, at least ${FEWEST_ROWS} are needed`);
  const { draws, project } = coordinatesOf(width);
  const distances: number[][] = runs.map(() => []);
  const firstDraw: Float64Array[] = [];
  let largestCoordinate = 0;
  for (let row = 0; row < rows; row++) {
    const present = runs.flatMap((run, machine) => (row < run.rows ? [machine] : []));
    const seen = present.map((machine) => {
      const output = runs[machine]?.outputs.subarray(row * width, (row + 1) * width) ?? new Float32Array(0);
      if (output.length !== width || !output.every(Number.isFinite)) throw failed(`row ${row} has no finite answer`);
      return project(output);
    });
    const centre = Float64Array.from({ length: seen[0]?.length ?? 0 }, (_, c) => median(seen.map((s) => s[c] ?? 0)));
    if (isNatural(row)) {
      firstDraw.push(centre.slice(0, SKETCH_COORDINATES));
      for (const value of centre) largestCoordinate = Math.max(largestCoordinate, Math.abs(value));
    }
    present.forEach((machine, i) =>
      centre.forEach((value, c) => distances[machine]?.push(Math.abs((seen[i]?.[c] ?? 0) - value))),
    );
  }
  if (largestCoordinate === 0) throw failed("every answer is zero");
  const machines = runs.map((run, machine) => {
    const sorted = Float64Array.from(distances[machine] ?? []).toSorted();
    return { name: run.machine, rows: run.rows, p999: quantile(sorted, 0.999), largest: sorted.at(-1) ?? 0 };
  });
  const epsilon = roundUp(4 * Math.max(...machines.map(({ p999 }) => p999)));
  const largest = Math.max(...machines.map((machine) => machine.largest));
  if (epsilon === 0) throw failed("no two machines differ at all: they are not several");
  if (largest > 2 * epsilon)
    throw failed(`a distance of ${largest} lies beyond 2ε = ${2 * epsilon}: its tail is heavy`);
  const scale = 2 ** Math.ceil(Math.log2((2 * largestCoordinate) / 32_767));
  const tau = Math.ceil((2 * epsilon) / scale) + 1;
  if (tau > MAX_CALIBRATED_TAU) throw new CommitteeError("TOLERANCE_TOO_WIDE", { tau, limit: MAX_CALIBRATED_TAU });
  const bits = cellBits(firstDraw, scale * (2 * tau + 1));
  if (bits < REQUIRED_BITS) throw new CommitteeError("GUESSABLE", { bits, limit: REQUIRED_BITS });
  const rounded = machines.map((machine) => ({
    ...machine,
    p999: roundUp(machine.p999),
    largest: roundUp(machine.largest),
  }));
  const report = {
    rows,
    draws,
    machines: rounded,
    epsilon,
    scale,
    tau,
    largestCoordinate: roundUp(largestCoordinate),
    bits,
  };
  return { tolerance: toleranceOf(scale, tau), report };
}

/** Coordinates × mean log2 of the distinct cells seen, as for integer stages; rounded down to a tenth of a bit. */
function cellBits(rows: readonly Float64Array[], cell: number): number {
  const count = rows[0]?.length ?? 0;
  let bits = 0;
  for (let c = 0; c < count; c++) bits += Math.log2(new Set(rows.map((row) => Math.round((row[c] ?? 0) / cell))).size);
  return Math.floor(bits * 10) / 10;
}
