// SPDX-License-Identifier: MIT
import type { Program } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHeader } from "../../../core/she/header.ts";
import { compactLimit, type CompactPlaintext } from "../../../core/she/object.ts";
import { dataPrimes, SHE_PROFILES, type SheProfile } from "../../../core/she/profiles.ts";
import { Encoder } from "../encoding/encoder.ts";
import type { LinearMap } from "./linear-map.ts";
import {
  packFew,
  packGathered,
  packPeriodic,
  packReplicated,
  powerOfTwo,
  type Packing,
  type SlotMap,
  type SplitRule,
} from "./packing.ts";
import { keyBytesOf, keysOf, type PlanStage, type PlanStep, type ShePlan } from "./plan.ts";
import { isBelow, over, ratio, times, toDouble, type Ratio } from "./ratio.ts";
import { readProgram, runLayers, type LayeredProgram } from "./read-program.ts";

export interface CompileOptions {
  /** Only this profile; by default the first that fits. */
  readonly profile?: SheProfile;
  /** Samples a ciphertext: a power of two, 1 by default. */
  readonly interleave?: number;
  /** Inputs of the program, to choose scales by: values between layers should be about 1. At least one. */
  readonly calibration: readonly ArrayLike<number>[];
  /** Stages begin behind these linear layers (by number, from 0): all on one node by default. */
  readonly cuts?: readonly number[];
  /** Most bytes that the keys of a stage should take: slower splits of diagonals are tried until they do. No limit by default. */
  readonly stageKeyBytes?: number;
}

/** A plan with its weights, encoded once: nodes never encode. */
export interface CompiledPlan {
  readonly plan: ShePlan;
  /** Per stage, in the order that the plan's indices and the weight root use. Diagonals have a special row, biases have none. */
  readonly weights: readonly (readonly CompactPlaintext[])[];
  readonly layers: LayeredProgram;
  /** What a slot of 1 stands for in the program's integers: at the input and behind each linear layer. Powers of two. */
  readonly meanings: readonly number[];
}

/** Room for noise in every value, in slots of about 1: sixty times the largest error that a program may have. */
const NOISE_ROOM = 1 / 16;

/** Levels that stay unused at the end: room for results of many bits. */
const LAST_LEVEL = 2;

/** Cost of a transformed row, a row of a key product, a permuted row: measured ratios, in units of about a microsecond. */
const [TRANSFORM, PRODUCT, PERMUTE] = [20, 7, 6];

/** How much slower than the fastest a split may be for the sake of fewer keys: as little as the limit of a stage's keys allows. */
const SLACKS = [5 / 4, 2, 4, 8, Infinity] as const;

/** Fewest rotations (keys) among the splits of diagonals into baby and giant steps that cost at most `slack` times the fastest. */
function splitRule(level: number, slack: number): SplitRule {
  const product = PRODUCT * level * (level + 1);
  const permute = 2 * PERMUTE * (level + 1);
  const baby = product + permute;
  const giant = baby + TRANSFORM * (level + 1) * (level + 1);
  return (diagonals) => {
    const options: { babies: number; cost: number; keys: number }[] = [];
    for (let babies = 1; babies <= diagonals; babies *= 2) {
      const giants = diagonals / babies;
      const keys = babies - 1 + (giants > 1 ? 1 : 0);
      options.push({ babies, cost: (babies - 1) * baby + (giants - 1) * giant, keys });
    }
    const fastest = Math.min(...options.map(({ cost }) => cost));
    const good = options.filter(({ cost }) => cost <= slack * fastest).toSorted((a, b) => a.keys - b.keys);
    return good[0]?.babies ?? 1;
  };
}

const refuse = (reason: string) => new SheError("PROGRAM_TOO_LARGE", { reason });

/**
 * Compiles a polynomial program for encrypted evaluation: packing, level schedule, exact scales, keys, and weights. Every value is
 * proved not to wrap by static bounds. Errors: PROGRAM_UNSUPPORTED (an operator), PROGRAM_TOO_DEEP (names the operator and the
 * missing levels), PROGRAM_TOO_LARGE (slots or range), PLAIN_OVERFLOW.
 */
export function compilePlan(program: Program, options: CompileOptions): CompiledPlan {
  return compileLayers(readProgram(program), options);
}

/** The same of a program that was read before. */
export function compileLayers(layers: LayeredProgram, options: CompileOptions): CompiledPlan {
  const candidates =
    options.profile === undefined ? SHE_PROFILES.filter(({ linearDrop }) => linearDrop === 1) : [options.profile];
  let failure: unknown;
  for (const profile of candidates)
    try {
      return compileWithin(layers, profile, options);
    } catch (error) {
      failure = error;
    }
  throw failure;
}

/** The first of ever slower plans whose stages keep within the limit of keys; if none does, the one of fewest keys. */
function compileWithin(layers: LayeredProgram, profile: SheProfile, options: CompileOptions): CompiledPlan {
  const { stageKeyBytes = Infinity } = options;
  const [first, ...slower] = SLACKS;
  let compiled = new Compilation(layers, profile, options, first).run();
  for (const slack of slower) {
    if (compiled.plan.stages.every(({ keys }) => keyBytesOf(keys, profile) <= stageKeyBytes)) break;
    compiled = new Compilation(layers, profile, options, slack).run();
  }
  return compiled;
}

class Compilation {
  readonly #layers: LayeredProgram;
  readonly #profile: SheProfile;
  readonly #interleave: number;
  readonly #units: number;
  readonly #encoder: Encoder;
  readonly #options: CompileOptions;
  readonly #slack: number;
  readonly #boundary: Ratio;
  #level: number;
  /** Exact scale of the slots, what a slot of 1 means in the program's integers, and a bound of every slot. */
  #sigma: Ratio;
  #meaning: number;
  #bound: number;
  /** Slots repeat with this period; 0 before the first map. */
  #period = 0;
  #input: SlotMap | undefined;
  #outputs: readonly number[] = [];
  readonly #meanings: number[] = [];
  #steps: PlanStep[] = [];
  #weights: CompactPlaintext[] = [];

  constructor(layers: LayeredProgram, profile: SheProfile, options: CompileOptions, slack: number) {
    this.#layers = layers;
    this.#profile = profile;
    this.#options = options;
    this.#slack = slack;
    this.#interleave = options.interleave ?? 1;
    this.#units = profile.degree / 2 / this.#interleave;
    if (!Number.isInteger(Math.log2(this.#interleave)) || this.#units < 1 || options.calibration.length === 0)
      throw refuse(
        `${this.#interleave} samples are no power of two up to ${profile.degree / 2}, or nothing calibrates`,
      );
    this.#encoder = new Encoder(profile.degree);
    this.#boundary = ratio(2n ** BigInt(profile.boundaryScaleBits));
    this.#sigma = this.#boundary;
    this.#meaning = powerOfTwo(layers.inputBound);
    // Clients refuse inputs beyond that (`packSlots`).
    this.#bound = 1;
    const costs = layers.layers.map(({ kind }) => (kind === "linear" ? profile.linearDrop : 1));
    this.#level = LAST_LEVEL + costs.reduce((sum, cost) => sum + cost, 0);
    const spare = dataPrimes(profile) - this.#level;
    if (spare < 0)
      throw new SheError("PROGRAM_TOO_DEEP", {
        operator: layers.layers.at(Math.max(spare, -layers.layers.length))?.name ?? "",
        missing: -spare,
        profile: profile.name,
      });
  }

  run(): CompiledPlan {
    const { calibration, cuts = [] } = this.#options;
    const observed = calibration.map((input) => runLayers(this.#layers, input));
    const inputMeaning = this.#meaning;
    const stages: PlanStage[] = [];
    const weights: (readonly CompactPlaintext[])[] = [];
    let levelIn = this.#level;
    const close = () => {
      const keys = keysOf(this.#steps, this.#profile, this.#interleave);
      stages.push({ levelIn, levelOut: this.#level, steps: this.#steps, keys });
      weights.push(this.#weights);
      [this.#steps, this.#weights, levelIn] = [[], [], this.#level];
    };
    let linear = 0;
    for (const [at, layer] of this.#layers.layers.entries()) {
      const isLast = at === this.#layers.layers.length - 1;
      if (layer.kind === "square") this.#square(layer.name, layer.size);
      else {
        // Exact integers have no room for values that calibration did not see.
        const largest =
          this.#profile.linearDrop === 2
            ? this.#largestOf(layer.map)
            : Math.max(1, ...observed.flatMap((all) => all[at] ?? []).map(Math.abs));
        this.#linear(layer.map, layer.name, powerOfTwo(largest), isLast);
        if (cuts.includes(linear++) && !isLast) close();
      }
    }
    close();
    if (this.#layers.layers.at(-1)?.kind !== "linear") throw refuse("a program ends with a linear operator");
    const plan: ShePlan = {
      profile: this.#profile,
      interleave: this.#interleave,
      slotMap: [...(this.#input ?? [])],
      inputScale: inputMeaning,
      outputUnits: this.#outputs,
      outputScale: this.#meaning,
      stages,
    };
    return { plan, weights, layers: this.#layers, meanings: [inputMeaning, ...this.#meanings] };
  }

  /**
   * 2 · scale · (bound + noise) < product of the data primes, or a coefficient could wrap: none is larger than the largest slot. A
   * millionth is left for the rounding of bounds, which are sums of at most 2^14 doubles.
   */
  #check(name: string, scale: Ratio, bound: number): void {
    const modulus = this.#profile.primes.slice(0, this.#level).reduce((product, p) => product * BigInt(p), 1n);
    if (!isBelow(2 * toDouble(scale) * (bound * (1 + 1e-6) + NOISE_ROOM), modulus))
      throw refuse(`${name} could wrap: values reach ${bound.toPrecision(3)} at level ${this.#level}`);
  }

  /**
   * What outputs of a map are measured by where nothing may be lost: their static bounds, and weights small enough for 53 bits of a
   * coefficient at scale 2^60.
   */
  #largestOf({ rows, bias }: LinearMap): number {
    const input = this.#bound * this.#meaning;
    return rows.reduce((most, { weights }, i) => {
      const sum = weights.reduce((total, weight) => total + Math.abs(weight) * input, Math.abs(Number(bias[i] ?? 0n)));
      return Math.max(most, sum, ...weights.map((weight) => Math.abs(weight) * this.#meaning * 2 ** 7));
    }, 1);
  }

  #square(name: string, size: number): void {
    if (this.#input === undefined) {
      this.#period = powerOfTwo(size);
      if (this.#period > this.#units) throw refuse(`${size} inputs do not fit ${this.#units} slots`);
      this.#input = Int32Array.from({ length: this.#units }, (_, s) =>
        s % this.#period < size ? s % this.#period : -1,
      );
    }
    this.#check(name, times(this.#sigma, this.#sigma), this.#bound ** 2);
    this.#steps.push({ kind: "square", name, level: this.#level });
    this.#sigma = over(times(this.#sigma, this.#sigma), ratio(BigInt(this.#profile.primes[this.#level - 1] ?? 1)));
    this.#meaning **= 2;
    this.#bound **= 2;
    this.#level--;
    this.#check(name, this.#sigma, this.#bound);
  }

  #pack(map: LinearMap, name: string, isLast: boolean): Packing {
    const split = splitRule(this.#level, this.#slack);
    if (this.#input === undefined) {
      const first = packGathered(map, this.#units) ?? packReplicated(map, this.#units, split);
      if (first === undefined)
        throw refuse(`${name}: ${map.inputs} inputs, ${map.rows.length} outputs, ${this.#units} slots`);
      this.#input = first.input;
      return first.packing;
    }
    const packing =
      (isLast ? packFew(map, this.#units, this.#period) : undefined) ??
      packPeriodic(map, this.#units, this.#period, split);
    if (packing === undefined) throw refuse(`${name}: ${map.rows.length} outputs do not fit ${this.#units} slots`);
    return packing;
  }

  #linear(map: LinearMap, name: string, meaning: number, isLast: boolean): void {
    const packing = this.#pack(map, name, isLast);
    const { babies, giants, folds } = packing;
    const below = this.#level - this.#profile.linearDrop;
    const primes = this.#profile.primes.slice(below, this.#level);
    const dropped = ratio(primes.reduce((product, p) => product * BigInt(p), 1n));
    // The rescale divides by these primes, so that the boundary's scale is exact behind it.
    const scale = over(times(dropped, this.#boundary), this.#sigma);
    const factor = this.#meaning / meaning;
    const sums = new Float64Array(this.#units);
    const diagonals: number[] = [];
    for (let a = 0; a < giants; a++)
      for (let b = 0; b < babies; b++) {
        const diagonal = packing.diagonal(a, b);
        diagonals.push(diagonal === undefined ? -1 : this.#weights.length);
        if (diagonal === undefined) continue;
        this.#encode(
          diagonal.map((weight) => weight * factor),
          toDouble(scale),
          true,
        );
        // Behind the giant rotation the weight stands a · babies units further left.
        for (let s = 0; s < this.#units; s++) {
          const to = (s - ((a * babies) % this.#units) + this.#units) % this.#units;
          sums[to] = (sums[to] ?? 0) + Math.abs(diagonal[s] ?? 0) * factor * this.#bound;
        }
      }
    const before = Math.max(...sums);
    this.#check(name, times(this.#sigma, scale), before);
    // Exactly what the folds do, on the bounds.
    for (const fold of folds) {
      const copy = sums.slice();
      for (let s = 0; s < this.#units; s++) sums[s] = (copy[s] ?? 0) + (copy[(s + fold) % this.#units] ?? 0);
    }
    const bias = Float64Array.from(packing.bias, (o) => (o < 0 ? 0 : Number(map.bias[o] ?? 0n) / meaning));
    this.#steps.push({
      kind: "linear",
      name,
      level: this.#level,
      babies,
      giants,
      folds,
      diagonals,
      bias: this.#weights.length,
    });
    this.#level = below;
    this.#encode(bias, toDouble(this.#boundary), false);
    this.#bound = sums.reduce((most, sum, s) => Math.max(most, sum + Math.abs(bias[s] ?? 0)), 0);
    this.#sigma = this.#boundary;
    this.#meaning = meaning;
    this.#meanings.push(meaning);
    this.#period = packing.period;
    this.#outputs = packing.outputs;
    this.#check(name, this.#sigma, this.#bound);
  }

  /** One number a unit, for all interleaved samples. Diagonals need a special row where babies share a decomposition. */
  #encode(units: Float64Array, scale: number, special: boolean): void {
    const slots = new Float64Array(this.#encoder.slots);
    for (let s = 0; s < slots.length; s++) slots[s] = units[Math.floor(s / this.#interleave)] ?? 0;
    const coefficients = this.#encoder.encode(slots, scale);
    const header: SheHeader = {
      kind: "plaintext",
      profile: this.#profile,
      level: this.#level,
      seeded: false,
      compact: true,
      special,
      galois: 0,
    };
    const limit = compactLimit(header);
    if (coefficients.some((c) => Math.abs(c) >= limit))
      throw new SheError("PLAIN_OVERFLOW", { limit: Math.log2(limit) });
    this.#weights.push({ header, coefficients });
  }
}
