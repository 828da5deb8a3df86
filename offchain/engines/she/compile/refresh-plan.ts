// SPDX-License-Identifier: MIT
import { analyseProgram, elementsOf } from "../../../core/program/analyse.ts";
import { inputsOf, isLinear, type Finish, type Program } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import { sheProfile } from "../../../core/she/profiles.ts";
import { compileLayers, type CompiledPlan } from "./compile-plan.ts";
import { applyLinear, identityMap, type LinearMap } from "./linear-map.ts";

/** What a key holder does between encrypted linear stages. Without weights: whoever has the plan can hold keys. */
export interface RefreshStep {
  readonly compiled: Pick<CompiledPlan, "plan">;
  readonly finish: Finish;
  /** Of the accumulators: channels, and elements of each. */
  readonly channels: number;
  readonly inner: number;
  /** No accumulator is larger, whatever the input. */
  readonly largest: number;
}

/** An encrypted linear stage, and what the key holder does to its exact accumulators before the next one. */
export interface RefreshStage extends RefreshStep {
  readonly name: string;
  readonly map: LinearMap;
  readonly compiled: CompiledPlan;
  /** Number of the program's operator that the map is, as a linear check of private weights names it; null where it joins several. */
  readonly op: number | null;
}

/** Profile P13-R: exact accumulators, one linear map a ciphertext. */
export const REFRESH_PROFILE = 4;
/** Decrypted accumulators must be nearer than this to the exact ones; rounding finds those below 1/2. */
export const EXACT_WITHIN = 1 / 4;
/** Largest error of a slot in profile P13-R, measured with room: fresh noise, one key switch a rotation, at scale 2^45. */
const SLOT_ERROR = 2 ** -24;

const unsupported = (operator: string, reason: string) => new SheError("PROGRAM_UNSUPPORTED", { operator, reason });

/**
 * A program of the integer family, cut behind every linear operator that rounds: the maps run on ciphertexts, rounding and activation
 * (ReLU or any table) at the key holder, exactly. Only chains of linear operators and reshapes. Errors: PROGRAM_UNSUPPORTED,
 * PROGRAM_TOO_LARGE (slots, or accumulators that noise would blur), PROGRAM_INVALID.
 */
export function compileRefresh(program: Program): RefreshStage[] {
  const { values, ops } = analyseProgram(program);
  const [input, ...others] = program.inputs;
  if (program.family !== "quantised" || input === undefined || others.length > 0)
    throw unsupported("program", "refresh mode runs integer programs of one input");
  const stages: RefreshStage[] = [];
  /** Operators that the map so far joins. */
  let joined: number[] = [];
  let [inputBound, map] = [Math.max(Math.abs(input.lo), Math.abs(input.hi)), identityMap(elementsOf(input.dims))];
  for (const [index, op] of program.ops.entries()) {
    const name = `${op.kind}#${index}`;
    const [from = 0, ...more] = inputsOf(op);
    if (more.length > 0 || from !== index) throw unsupported(name, "it does not follow the operator before it");
    if (op.kind === "reshape") continue;
    if (!isLinear(op)) throw unsupported(name, "it is neither linear nor part of a rounding");
    const output = values[index + 1];
    joined.push(index);
    map = applyLinear(op, [map], values[from]?.dims ?? [], output?.dims ?? []);
    if (op.finish.kind === "exact" && index < program.ops.length - 1) continue;
    const compiled = compileLayers(
      { inputs: map.inputs, inputBound, layers: [{ kind: "linear", map, name }], finish: op.finish },
      { profile: sheProfile(REFRESH_PROFILE), calibration: [new Int8Array(map.inputs)] },
    );
    const { outputScale } = compiled.plan;
    if (outputScale * SLOT_ERROR >= EXACT_WITHIN)
      throw new SheError("PROGRAM_TOO_LARGE", {
        reason: `${name}: noise would reach accumulators up to ${outputScale}`,
      });
    const dims = ops[index]?.accumulatorDims ?? output?.dims ?? [];
    const channels = op.kind === "dense" ? op.outputs : (dims[0] ?? 1);
    const inner = op.kind === "dense" ? 1 : elementsOf(dims.slice(1));
    const weighted = joined.length === 1 && (op.kind === "dense" || op.kind === "conv");
    const one = weighted ? index : null;
    stages.push({ name, map, compiled, finish: op.finish, channels, inner, largest: outputScale, op: one });
    joined = [];
    if (output === undefined) throw unsupported(name, "it has no output");
    inputBound = Math.max(Math.abs(Number(output.lo)), Math.abs(Number(output.hi)));
    map = identityMap(elementsOf(output.dims));
  }
  if (program.output !== program.ops.length || stages.length === 0)
    throw unsupported("output", "it is not the last operator's");
  return stages;
}
