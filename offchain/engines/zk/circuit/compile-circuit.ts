// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import { analyseProgram } from "../../../core/program/analyse.ts";
import { linearOperators } from "../../../core/program/linear-operators.ts";
import type { Program } from "../../../core/program/types.ts";
import { hashR1cs } from "../r1cs/hash-r1cs.ts";
import { constraintCount } from "../r1cs/r1cs.ts";
import { analyseArchitecture, isWeighted } from "./architecture.ts";
import { assemble } from "./assemble.ts";
import { cellKey, type Cell } from "./cells/cell.ts";
import { compileCells } from "./cells/compile-cells.ts";
import { CircuitError } from "./errors.ts";
import { boundariesOf, demandOf, linkStage, type StageJob } from "./link-stage.ts";
import type { Netlist } from "./netlist.ts";
import { choosePlan } from "./plan/choose.ts";
import { reportOf } from "./report.ts";
import type { CircuitOptions, CircuitRecord, CompiledCircuit } from "./types.ts";

const recordOf = (
  net: Netlist,
  drawn: Netlist,
  cells: ReadonlyMap<string, Cell>,
  numbers: Uint32Array,
): CircuitRecord => ({
  drawn: drawn.stamps,
  publics: drawn.publics,
  advice: drawn.steps.map(({ wire }) => wire),
  placed: net.stamps.map(({ spec, wires }) =>
    wires.map((wire, i) => ({
      name: cells.get(cellKey(spec))?.wires[i]?.name ?? "",
      wire: numbers[wire] ?? 0,
    })),
  ),
});

const unprovable = (reason: string) => new CircuitError("NOT_PROVABLE", { reason });

/** What linear checks assume: weights in C_w, and nothing of the owner's input in v. */
function assertCheckable({ weights, inKinds, outKind }: CircuitOptions): void {
  if (weights !== "private")
    throw unprovable("a linear check of public weights needs no proof: whoever has them computes it");
  if (inKinds.length !== 1 || inKinds[0] !== "SALTED" || outKind !== "SALTED")
    throw unprovable("linear-check mode takes one input, and SALTED boundaries");
}

/**
 * The modes that a stage may have been compiled in: nothing but the circuit of its key says whether committed weights have linear checks.
 * The plain one comes first.
 */
export function circuitModes(program: Program, options: CircuitOptions): CircuitOptions[] {
  const { weights, inKinds, outKind } = options;
  const weighted = weights === "private" && program.ops.some(isWeighted);
  const checkable = weighted && inKinds.length === 1 && inKinds[0] === "SALTED" && outKind === "SALTED";
  return checkable ? [options, { ...options, linearCheck: true }] : [options];
}

/** Compiles a stage in the mode whose circuit has this hash; in the plain one where none has. Errors: the compiler's. */
export async function compileForKey(
  program: Program,
  options: CircuitOptions,
  circuitHash: Hex | undefined,
): Promise<CompiledCircuit> {
  const [plain, ...others] = circuitModes(program, options);
  const first = await compileCircuit(program, plain ?? options);
  if (circuitHash === undefined || first.circuitHash === circuitHash) return first;
  for (const mode of others) {
    const circuit = await compileCircuit(program, mode);
    if (circuit.circuitHash === circuitHash) return circuit;
  }
  return first;
}

/**
 * Compiles one stage into its circuit. Deterministic: equal programs and options give equal .r1cs bytes on every machine.
 * Errors: NOT_PROVABLE, CIRCOM_FAILED; PROGRAM_INVALID, BOUND_OVERFLOW for a program that is not valid.
 */
export async function compileCircuit(program: Program, options: CircuitOptions): Promise<CompiledCircuit> {
  const progress = (step: string) => {
    options.signal?.throwIfAborted();
    options.onProgress?.(step);
  };
  const { backend = "two-round", weights, record = false, linearCheck = false } = options;
  const privateWeights = weights === "private";
  if (privateWeights && backend === "one-round")
    throw unprovable("private weights are committed, which takes two rounds");
  progress("plan");
  const analysis = privateWeights ? analyseArchitecture(program) : analyseProgram(program);
  if (linearCheck) assertCheckable(options);
  const checks = linearCheck ? linearOperators(program, analysis) : [];
  if (linearCheck && checks.length === 0) throw unprovable("no operator has weights, so there is no linear check");
  const job: StageJob = {
    program,
    analysis,
    boundaries: boundariesOf(program, analysis, options),
    challenges: backend === "two-round",
    privateWeights,
    checks,
  };
  const plan = choosePlan(demandOf(job));
  if (!Number.isFinite(plan.constraints)) throw unprovable("a range is too wide for the field, whatever the tables");
  progress("gadgets");
  const drawn = linkStage(job, plan, null, record);
  const { cacheFolder, signal } = options;
  const cells = await compileCells(drawn.specs.values(), {
    ...(cacheFolder && { cacheFolder }),
    ...(signal && { signal }),
  });
  progress("link");
  const net = linkStage(job, plan, cells, record);
  const { r1cs, groups, plan: witness, numbers } = assemble(net, job.challenges ? 1 : 0);
  if (constraintCount(r1cs) !== plan.constraints) {
    const reason = `${plan.constraints} constraints planned, ${constraintCount(r1cs)} linked`;
    throw new CircuitError("LINK_INVALID", { reason });
  }
  progress("hash");
  return {
    program,
    options: { weights, backend },
    r1cs,
    groups,
    circuitHash: hashR1cs(r1cs),
    boundaries: job.boundaries,
    checks,
    publics: net.publics,
    plan: witness,
    report: reportOf(net, r1cs, groups, plan),
    ...(record && { record: recordOf(net, drawn, cells, numbers) }),
  };
}
