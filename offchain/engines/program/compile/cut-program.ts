// SPDX-License-Identifier: GPL-3.0-or-later
import { analyseProgram } from "../../../core/program/analyse.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import { inputsOf, withInputs, type Op, type Program } from "../../../core/program/types.ts";
import { PRODUCER_INPUT } from "../../../core/types.ts";
import type { Compiled } from "./compile-quantised.ts";

export interface CutStage {
  readonly program: Program;
  /** For each input of the stage, the stage that makes it, or PRODUCER_INPUT. */
  readonly producers: readonly number[];
  /** Operators of the whole program: [from, to). */
  readonly from: number;
  readonly to: number;
}

const renumber = (op: Op, map: ReadonlyMap<number, number>): Op =>
  withInputs(
    op,
    inputsOf(op).map((value) => map.get(value) ?? 0),
  );

/** Operator index after which `node` is finished. `node` is the name of an ONNX node or of a merged operator. */
function cutIndex(compiled: Compiled, node: string): number {
  const index = compiled.names.findLastIndex((name) => name === node || name.split("+").includes(node));
  if (index === -1) throw new ProgramError("CUT_INVALID", { node, reason: "there is no such node" });
  if (index === compiled.names.length - 1)
    throw new ProgramError("CUT_INVALID", { node, reason: "it is the last node" });
  return index + 1;
}

/**
 * Cuts a program after the named nodes. Each stage is a program of its own with one output, whose inputs are whole
 * outputs of earlier stages or the job's input. Error: CUT_INVALID.
 */
export function cutProgram(compiled: Compiled, nodes: readonly string[]): CutStage[] {
  const { program, analysis } = compiled;
  const cuts = nodes.map((node) => cutIndex(compiled, node));
  cuts.forEach((cut, i) => {
    if (i > 0 && cut <= (cuts[i - 1] ?? 0)) {
      throw new ProgramError("CUT_INVALID", {
        node: nodes[i] ?? "",
        reason: "cuts must follow the order of the program",
      });
    }
  });
  const ends = [...cuts, program.ops.length];
  const stageOf = new Map<number, number>([[0, PRODUCER_INPUT]]);
  const stages: CutStage[] = [];
  let from = 0;
  for (const [index, to] of ends.entries()) {
    const node = nodes[index] ?? compiled.names.at(-1) ?? "";
    const ops = program.ops.slice(from, to);
    const outside = [...new Set(ops.flatMap((op) => [...inputsOf(op)]))].filter((value) => value <= from);
    const inputs = outside.toSorted((a, b) => a - b);
    const later = program.ops.slice(to).flatMap((op) => [...inputsOf(op)]);
    const leaving = [...new Set([...later, program.output])].filter((value) => value > from && value <= to);
    const [output] = leaving;
    if (leaving.length !== 1 || output === undefined) {
      throw new ProgramError("CUT_INVALID", { node, reason: `${leaving.length} tensors leave the stage` });
    }
    if (analysis.values[output]?.dtype === "int") {
      throw new ProgramError("CUT_INVALID", { node, reason: "an exact polynomial integer cannot leave its stage" });
    }
    const map = new Map<number, number>(inputs.map((value, i) => [value, i]));
    ops.forEach((_, i) => map.set(from + i + 1, inputs.length + i));
    const made: Program = {
      family: program.family,
      inputs: inputs.map((value) => {
        const info = analysis.values[value];
        if (info === undefined || info.dtype === "int") {
          throw new ProgramError("CUT_INVALID", { node, reason: "an exact polynomial integer cannot enter a stage" });
        }
        return { dtype: info.dtype, dims: info.dims, lo: Number(info.lo), hi: Number(info.hi) };
      }),
      ops: ops.map((op) => renumber(op, map)),
      output: map.get(output) ?? 0,
    };
    analyseProgram(made);
    const producers = inputs.map((value) => stageOf.get(value) ?? PRODUCER_INPUT);
    stages.push({ program: made, producers, from, to });
    stageOf.set(output, index);
    from = to;
  }
  return stages;
}
