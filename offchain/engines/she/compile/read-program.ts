// SPDX-License-Identifier: MIT
import { analyseProgram, elementsOf } from "../../../core/program/analyse.ts";
import { inputsOf, isLinear, type Finish, type Program } from "../../../core/program/types.ts";
import { SheError } from "../../../core/she/errors.ts";
import { applyLinear, identityMap, type LinearMap } from "./linear-map.ts";

/** What an encrypted evaluation does, in order: neighbouring linear operators are one. */
export type Layer =
  | { readonly kind: "linear"; readonly map: LinearMap; readonly name: string }
  | { readonly kind: "square"; readonly size: number; readonly name: string };

export interface LayeredProgram {
  readonly inputs: number;
  /** Largest magnitude of an input element. */
  readonly inputBound: number;
  readonly layers: readonly Layer[];
  /** Of the last operator: the key holder applies it after decryption. */
  readonly finish: Finish;
}

/** A value as a linear map over the input (base 0) or over the n-th square. */
interface Partial {
  readonly base: number;
  readonly map: LinearMap;
}

const unsupported = (operator: string, reason: string) => new SheError("PROGRAM_UNSUPPORTED", { operator, reason });

const isIdentity = (map: LinearMap) =>
  map.rows.length === map.inputs &&
  map.rows.every(({ columns, weights }, i) => columns.length === 1 && columns[0] === i && weights[0] === 1) &&
  map.bias.every((bias) => bias === 0n);

/**
 * A polynomial program as alternating linear maps and squares. Residual sums are fine as long as no square lies between their
 * branches. Errors: PROGRAM_UNSUPPORTED, PROGRAM_INVALID, BOUND_OVERFLOW.
 */
export function readProgram(program: Program): LayeredProgram {
  const { values: infos } = analyseProgram(program);
  const [input, ...others] = program.inputs;
  if (program.family !== "polynomial" || input === undefined || others.length > 0)
    throw unsupported("program", "only polynomial programs of one input can be evaluated encrypted");
  const layers: Layer[] = [];
  const values: Partial[] = [{ base: 0, map: identityMap(elementsOf(input.dims)) }];
  let [base, finish] = [0, { kind: "exact" } as Finish];
  const emit = (map: LinearMap, name: string) => {
    if (!isIdentity(map)) layers.push({ kind: "linear", map, name });
  };
  for (const [index, op] of program.ops.entries()) {
    const name = `${op.kind}#${index}`;
    const [from = 0] = inputsOf(op);
    const sources = inputsOf(op).map((value) => values[value] ?? { base: -1, map: identityMap(0) });
    const source = sources[0] ?? { base: -1, map: identityMap(0) };
    if (sources.some((other) => other.base !== base))
      throw unsupported(name, "it joins or repeats values before and after a square");
    const dims = infos[program.inputs.length + index]?.dims ?? [];
    const isLast = program.output === program.inputs.length + index;
    if ("finish" in op && op.finish.kind !== "exact") {
      if (!isLast) throw unsupported(name, "it rounds, and only the last operator may");
      finish = op.finish;
    }
    if (op.kind === "square") {
      emit(source.map, name);
      layers.push({ kind: "square", size: elementsOf(dims), name });
      base++;
      values.push({ base, map: identityMap(elementsOf(dims)) });
    } else if (op.kind === "reshape") values.push(source);
    else if (isLinear(op))
      values.push({
        base,
        map: applyLinear(
          op,
          sources.map(({ map }) => map),
          infos[from]?.dims ?? [],
          dims,
        ),
      });
    else throw unsupported(name, "no arithmetic on ciphertexts does it");
  }
  const last = values[program.output];
  if (last === undefined || last.base !== base) throw unsupported("output", "it is not behind the last square");
  emit(last.map, `output`);
  const inputBound = Math.max(Math.abs(input.lo), Math.abs(input.hi));
  return { inputs: elementsOf(input.dims), inputBound, layers, finish };
}

/** Values behind every layer, in doubles: to choose scales, exact as long as they stay below 2^53. */
export function runLayers({ layers }: LayeredProgram, input: ArrayLike<number>): number[][] {
  let x = Array.from(input);
  return layers.map((layer) => {
    x =
      layer.kind === "square"
        ? x.map((value) => value * value)
        : layer.map.rows.map(({ columns, weights }, i) =>
            columns.reduce(
              (sum, column, k) => sum + (weights[k] ?? 0) * (x[column] ?? 0),
              Number(layer.map.bias[i] ?? 0n),
            ),
          );
    return x;
  });
}
