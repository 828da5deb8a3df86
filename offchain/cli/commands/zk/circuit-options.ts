// SPDX-License-Identifier: GPL-3.0-or-later
import { KIND_PUBLIC, PRODUCER_INPUT } from "../../../core/types.ts";
import { loadModel, type LoadedModel } from "../../../engines/program/load-program.ts";
import { compileCircuit } from "../../../engines/zk/circuit/compile-circuit.ts";
import type { BoundaryKind, CompiledCircuit } from "../../../engines/zk/circuit/types.ts";
import { checkRounds } from "../../../engines/zk/kit/check-rounds.ts";
import { CliError } from "../../errors.ts";
import { choice, defaulted, flag, integer, optional, required, text } from "../../fields.ts";
import type { Progress } from "../../io.ts";

/** What names a circuit: all commands about circuits take the same options. */
export const circuitArgs = {
  model: required("folder", "Model folder with manifest.json, model.json and program.", text),
};

export const circuitOptions = {
  stage: optional("n", "Stage of the model; all stages, or the only one, otherwise.", integer(0, 255)),
  weights: defaulted(
    "mode",
    "Weights as constants of the circuit, or committed to.",
    choice("public", "private"),
    "public",
  ),
  linearCheck: flag("Linear-check mode: clients of encrypted stages may check private weights; takes salted ends."),
  ends: defaulted(
    "ends",
    "The model's input and result: as the model says, public, or salted.",
    choice("model", "public", "salted"),
    "model",
  ),
  backend: defaulted("backend", "How proofs are made.", choice("two-round", "one-round"), "two-round"),
  cache: defaulted("folder", "Where gadgets and development keys are kept.", text, "build/zk"),
};

export interface CircuitInput {
  readonly model: string;
  readonly stage: number | undefined;
  readonly weights: "public" | "private";
  readonly linearCheck: boolean;
  readonly ends: "model" | "public" | "salted";
  readonly backend: "two-round" | "one-round";
  readonly cache: string;
}

const named = (kind: number): BoundaryKind => (kind === KIND_PUBLIC ? "PUBLIC" : "SALTED");
/** What is blinded in jobs of votes is salted in proofs. */
const wanted = ({ ends }: CircuitInput, kind: number, isEnd: boolean): BoundaryKind =>
  isEnd && ends !== "model" ? (ends === "public" ? "PUBLIC" : "SALTED") : named(kind);

/** The stages that the options name. Error: OPTION_INVALID for one that the model lacks. */
export async function stagesOf(
  command: string,
  input: CircuitInput,
): Promise<{ model: LoadedModel; stages: number[] }> {
  const model = await loadModel(input.model);
  const count = model.stages.length;
  if (input.stage !== undefined && input.stage >= count)
    throw new CliError("OPTION_INVALID", { command, name: "--stage", why: `must be below ${count}` });
  return { model, stages: input.stage === undefined ? [...model.stages.keys()] : [input.stage] };
}

/** The one stage that a ceremony is about. Error: OPTION_MISSING where the model has several and none is named. */
export async function stageOf(command: string, input: CircuitInput): Promise<{ model: LoadedModel; stage: number }> {
  const { model, stages } = await stagesOf(command, input);
  const [stage = 0, second] = stages;
  if (second !== undefined) throw new CliError("OPTION_MISSING", { command, name: "--stage" });
  return { model, stage };
}

/** Compiles a stage as `prove` does, and checks the round rule. Errors: the compiler's, ROUND_RULE, ERROR_BOUND. */
export async function compileStage(
  model: LoadedModel,
  stage: number,
  input: CircuitInput,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
): Promise<CompiledCircuit> {
  const info = model.manifest.model.stages[stage];
  const program = model.stages[stage]?.program;
  if (info === undefined || program === undefined)
    throw new CliError("USAGE", { why: `the model has no stage ${stage}` });
  const { producers, inKind, outKind } = info;
  const first = producers.includes(PRODUCER_INPUT) && producers.length === 1;
  const last = stage === model.stages.length - 1;
  const circuit = await compileCircuit(program, {
    weights: input.weights,
    backend: input.backend,
    linearCheck: input.linearCheck,
    inKinds: producers.map(() => wanted(input, inKind, first)),
    outKind: wanted(input, outKind, last),
    cacheFolder: `${input.cache}/circuits`,
    signal,
    onProgress: (step) => progress.step(`stage ${stage}: ${step}`),
  });
  progress.step(`stage ${stage}: round rule`);
  if (input.backend === "two-round") checkRounds(circuit.r1cs, circuit.groups);
  return circuit;
}
