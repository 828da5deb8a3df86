// SPDX-License-Identifier: MIT
import { bytesToBig, fromHex, toHex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { keccak256 } from "./keccak.ts";
import { taggedHash, toWord, type Word } from "./tagged-hash.ts";

// Class T (protocol.md section 6): float outputs of honest machines differ in their last bits, so seats compare 16
// int16 coordinates within a tolerance. Everything here is exact arithmetic, because the hub computes the same.

/** Coordinates of a sketch; also the longest output that is compared element by element. */
export const SKETCH_COORDINATES = 16;
export const MAX_TAU = 32_767;
/** Longest output that can be sketched. */
export const MAX_SKETCH_OUTPUTS = 2 ** 24;
/** Elements beyond 2^40 steps count as 2^40 steps: far beyond what a coordinate can hold, and sums stay below 2^255. */
const CLAMP_STEPS = 40n;
/** Every f32 is a whole number of units of 2^-149. */
const UNIT = 149;
const LARGEST_SCALE = 1n << BigInt(32 + UNIT);

/** A model's tolerance: one step of a coordinate is `mantissa`·2^`exponent`, and honest seats stay within `tau` steps of the median. */
export interface Tolerance {
  readonly tau: number;
  /** Odd, below 2^53: one spelling a scale, exact in a double. */
  readonly mantissa: bigint;
  /** From -149; the scale stays below 2^32. */
  readonly exponent: number;
}

const invalid = (why: string) => new CoreError("SKETCH_INVALID", { why });

/** The scale in units of 2^-149. Error: SKETCH_INVALID. */
function scaleUnits({ tau, mantissa, exponent }: Tolerance): bigint {
  if (!Number.isInteger(tau) || tau < 1 || tau > MAX_TAU) throw invalid(`tau ${tau} is not 1 to ${MAX_TAU}`);
  if (mantissa < 1n || mantissa >> 53n !== 0n || (mantissa & 1n) === 0n)
    throw invalid(`mantissa ${mantissa} is not an odd number below 2^53`);
  if (!Number.isInteger(exponent) || exponent < -UNIT || exponent >= 32)
    throw invalid(`exponent ${exponent} is not ${-UNIT} to 31`);
  const units = mantissa << BigInt(exponent + UNIT);
  if (units >= LARGEST_SCALE) throw invalid("the scale is not below 2^32");
  return units;
}

/** The scale as a number; exact. Error: SKETCH_INVALID. */
export function scaleOf(tolerance: Tolerance): number {
  scaleUnits(tolerance);
  return Number(tolerance.mantissa) * 2 ** tolerance.exponent;
}

/** A positive double as mantissa·2^exponent. Error: SKETCH_INVALID if it is outside [2^-149, 2^32). */
export function toleranceOf(scale: number, tau: number): Tolerance {
  if (!Number.isFinite(scale) || scale <= 0) throw invalid(`scale ${scale} is not a positive number`);
  let exponent = 0;
  let rest = scale;
  for (; !Number.isInteger(rest); exponent--) rest *= 2;
  let mantissa = BigInt(rest);
  for (; (mantissa & 1n) === 0n; exponent++) mantissa >>= 1n;
  const tolerance = { tau, mantissa, exponent };
  scaleUnits(tolerance);
  return tolerance;
}

/**
 * A tolerance as the word that stands in a float stage's `weightsY` (its keyId and weightsX are 0): u16 tau, i16
 * exponent, u64 mantissa, 20 zero bytes, most significant first. Error: SKETCH_INVALID.
 */
export function encodeTolerance(tolerance: Tolerance): Word {
  scaleUnits(tolerance);
  const { tau, mantissa, exponent } = tolerance;
  return toWord((BigInt(tau) << 240n) | (BigInt(exponent & 0xffff) << 224n) | (mantissa << 160n));
}

/** Error: SKETCH_INVALID unless the word is one that `encodeTolerance` makes. */
export function decodeTolerance(word: Word): Tolerance {
  const value = bytesToBig(fromHex(word, 32, "The tolerance"));
  const tolerance = {
    tau: Number(value >> 240n),
    mantissa: (value >> 160n) & (2n ** 64n - 1n),
    exponent: Number(BigInt.asIntN(16, value >> 224n)),
  };
  if ((value & (2n ** 160n - 1n)) !== 0n) throw invalid("the tolerance has bits after its mantissa");
  scaleUnits(tolerance);
  return tolerance;
}

/** Coordinate 0 in the most significant 16 bits. Error: SKETCH_INVALID unless there are 16 int16. */
export function packSketch(coordinates: readonly number[]): Word {
  if (coordinates.length !== SKETCH_COORDINATES) throw invalid(`${coordinates.length} coordinates instead of 16`);
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  coordinates.forEach((value, c) => {
    if (!Number.isInteger(value) || value < -32_768 || value > 32_767) throw invalid(`${value} is no int16`);
    view.setInt16(2 * c, value);
  });
  return toHex(bytes);
}

/** Every word is a sketch. */
export function unpackSketch(word: Word): number[] {
  const view = new DataView(fromHex(word, 32, "The sketch").buffer);
  return Array.from({ length: SKETCH_COORDINATES }, (_, c) => view.getInt16(2 * c));
}

/** floor(x / scale + 1/2), held within int16. */
function quantise(units: bigint, scale: bigint): number {
  const [above, below] = [2n * units + scale, 2n * scale];
  // BigInt division rounds towards zero; a sketch rounds down, so that it has no wider step around zero.
  const steps = above >= 0n ? above / below : -((below - 1n - above) / below);
  return steps > 32_767n ? 32_767 : steps < -32_768n ? -32_768 : Number(steps);
}

/** Elements in units of 2^-149, clamped. Error: NOT_FINITE. */
function unitsOf(outputs: Float32Array, scale: bigint): bigint[] {
  if (outputs.length === 0 || outputs.length > MAX_SKETCH_OUTPUTS)
    throw invalid(`${outputs.length} outputs are not 1 to 2^24`);
  const bits = new Uint32Array(outputs.buffer, outputs.byteOffset, outputs.length);
  const most = scale << CLAMP_STEPS;
  return Array.from(bits, (word, index) => {
    const exponent = (word >>> 23) & 0xff;
    if (exponent === 0xff) throw new CoreError("NOT_FINITE", { index });
    const fraction = word & 0x7f_ffff;
    const magnitude = exponent === 0 ? BigInt(fraction) : BigInt(fraction | 0x80_0000) << BigInt(exponent - 1);
    const held = magnitude > most ? most : magnitude;
    return word >>> 31 === 1 ? -held : held;
  });
}

/** Of each element, 1 for +1: bit i mod 256 of keccak256(abi.encode("assay.v1.sketch", seed, coordinate, i / 256)). */
export function sketchSigns(seed: Word, coordinate: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let block = 0; 256 * block < length; block++) {
    const hash = fromHex(taggedHash("assay.v1.sketch", [seed, toWord(coordinate), toWord(block)]), 32);
    const end = Math.min(length, 256 * (block + 1));
    for (let i = 256 * block; i < end; i++) out[i] = ((hash[31 - ((i & 255) >> 3)] ?? 0) >> (i & 7)) & 1;
  }
  return out;
}

/** Largest magnitude in which a double still counts units one by one. */
const EXACT = 2 ** 53;

/**
 * Σ ±element of one coordinate. Doubles, in units of the smallest exponent, wherever every partial sum is exact: then
 * their sum is the same whole number.
 */
function projector(units: readonly bigint[]): (sign: Uint8Array) => bigint {
  const bitsBelow = units.reduce((least, value) => {
    if (value === 0n) return least;
    const lowest = trailingZeros(value);
    return lowest < least ? lowest : least;
  }, 1 << 20);
  const shift = BigInt(bitsBelow);
  const total = units.reduce((sum, value) => sum + (value < 0n ? -value : value), 0n) >> shift;
  if (total < BigInt(EXACT)) {
    const small = Float64Array.from(units, (value) => Number(value >> shift));
    return (sign) => {
      let sum = 0;
      for (let i = 0; i < small.length; i++) sum += sign[i] === 1 ? (small[i] ?? 0) : -(small[i] ?? 0);
      return BigInt(sum) << shift;
    };
  }
  return (sign) => units.reduce((sum, value, i) => (sign[i] === 1 ? sum + value : sum - value), 0n);
}

function trailingZeros(value: bigint): number {
  let count = 0;
  let rest = value;
  for (; (rest & 0xffff_ffffn) === 0n; rest >>= 32n) count += 32;
  const low = Number(rest & 0xffff_ffffn);
  return count + 31 - Math.clz32(low & -low);
}

function project(outputs: Float32Array, tolerance: Tolerance, seed: Word): Word {
  const scale = scaleUnits(tolerance);
  const sum = projector(unitsOf(outputs, scale));
  const coordinate = (c: number) => quantise(sum(sketchSigns(seed, c, outputs.length)), scale);
  return packSketch(Array.from({ length: SKETCH_COORDINATES }, (_, c) => coordinate(c)));
}

/**
 * Sketch A, committed: the outputs themselves in steps of the scale if there are at most 16 (missing ones 0), else ±1
 * projections drawn from `seed`, the round's draw seed. Coordinates are held within int16. Errors: NOT_FINITE,
 * SKETCH_INVALID.
 */
export function sketchA(outputs: Float32Array, tolerance: Tolerance, seed: Word): Word {
  if (outputs.length > SKETCH_COORDINATES) return project(outputs, tolerance, seed);
  const scale = scaleUnits(tolerance);
  const units = unitsOf(outputs, scale);
  return packSketch(Array.from({ length: SKETCH_COORDINATES }, (_, c) => quantise(units[c] ?? 0n, scale)));
}

/** keccak256(abi.encode(commitSet, seed)): nobody knows it before every seat has committed. */
export function sketchSeedB(commitSet: Word, seed: Word): Word {
  const bytes = new Uint8Array(64);
  bytes.set(fromHex(commitSet, 32, "The commit set"));
  bytes.set(fromHex(seed, 32, "The seed"), 32);
  return toHex(keccak256(bytes));
}

/** Sketch B, revealed: what A may not see because its signs were known; 0 if A shows the outputs. Errors as `sketchA`. */
export function sketchB(outputs: Float32Array, tolerance: Tolerance, seed: Word, commitSet: Word): Word {
  if (outputs.length > SKETCH_COORDINATES) return project(outputs, tolerance, sketchSeedB(commitSet, seed));
  unitsOf(outputs, scaleUnits(tolerance));
  return toWord(0);
}

/** Coordinate-wise lower median: the honest interval holds it while most of the sketches are honest. Error: SKETCH_INVALID. */
export function medianSketch(sketches: readonly Word[]): Word {
  if (sketches.length === 0) throw invalid("no seat revealed one");
  const all = sketches.map(unpackSketch);
  const at = (sketches.length - 1) >> 1;
  const column = (c: number) => all.map((coordinates) => coordinates[c] ?? 0).toSorted((a, b) => a - b)[at] ?? 0;
  return packSketch(Array.from({ length: SKETCH_COORDINATES }, (_, c) => column(c)));
}

/** Whether every coordinate is within tau of the median's. */
export function withinTau(sketch: Word, median: Word, tau: number): boolean {
  const other = unpackSketch(median);
  return unpackSketch(sketch).every((value, c) => Math.abs(value - (other[c] ?? 0)) <= tau);
}

export interface SketchVote {
  readonly a: Word;
  readonly b: Word;
}

export interface SketchTally {
  /** 0 if nobody revealed. */
  readonly medianA: Word;
  readonly medianB: Word;
  /** By seat: revealed, and within tau of both medians. */
  readonly agreeing: readonly boolean[];
  /** The lowest agreeing seat, whose output is delivered; undefined if there is none. */
  readonly delivered: number | undefined;
}

/**
 * Agreement of one committee. `votes` has an entry a seat; undefined for one that abstained, stayed absent or did not
 * reveal. How many must agree is the vote's rule, not this one's. Error: SKETCH_INVALID.
 */
export function tallySketches(votes: readonly (SketchVote | undefined)[], tau: number): SketchTally {
  if (!Number.isInteger(tau) || tau < 1 || tau > MAX_TAU) throw invalid(`tau ${tau} is not 1 to ${MAX_TAU}`);
  const said = votes.filter((vote) => vote !== undefined);
  if (said.length === 0) {
    return { medianA: toWord(0), medianB: toWord(0), agreeing: votes.map(() => false), delivered: undefined };
  }
  const [medianA, medianB] = [medianSketch(said.map(({ a }) => a)), medianSketch(said.map(({ b }) => b))];
  const agrees = ({ a, b }: SketchVote) => withinTau(a, medianA, tau) && withinTau(b, medianB, tau);
  const agreeing = votes.map((vote) => vote !== undefined && agrees(vote));
  const first = agreeing.indexOf(true);
  return { medianA, medianB, agreeing, delivered: first === -1 ? undefined : first };
}
