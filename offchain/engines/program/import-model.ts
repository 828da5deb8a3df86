// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, utf8, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { canonicalJson, encodeManifestFile, hashJson, type StageHints, type ToolsRecord } from "../../core/manifest.ts";
import { maskProgram } from "../../core/masked/masked-program.ts";
import { DIGITS } from "../../core/masked/shares.ts";
import { networkPart } from "../../core/network-part.ts";
import { decodeLeakageReport, LEAKAGE_FILE } from "../../core/planning/leakage-report.ts";
import { analyseProgram, elementsOf, type Analysis } from "../../core/program/analyse.ts";
import { encodeStages, programRoot, stageKernel } from "../../core/program/container.ts";
import { encodeProgram } from "../../core/program/encode-program.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { prepareInput, type Decision, type Preprocess } from "../../core/program/preprocess.ts";
import type { Program } from "../../core/program/types.ts";
import type { Tensor } from "../../core/tensor.ts";
import {
  KIND_BLINDED,
  KIND_PUBLIC,
  KIND_SALTED,
  NO_PROBE,
  PLACE_CLIENT,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  VOTE,
  ZERO_BYTES32,
  type ModelManifest,
  type StageInfo,
} from "../../core/types.ts";
import { compilePolynomial } from "./compile/compile-polynomial.ts";
import { compileQuantised, type Compiled } from "./compile/compile-quantised.ts";
import { cutProgram, type CutStage } from "./compile/cut-program.ts";
import { evaluateModel } from "./compile/evaluate-model.ts";
import type { FloatGraph } from "./compile/float-graph.ts";
import { entropyBits, measureEntropy, type StageEntropy } from "./compile/measure-entropy.ts";
import { reportOf } from "./compile/report.ts";
import { simplifyGraph } from "./compile/simplify.ts";
import type { Dataset } from "./dataset.ts";
import { createOnnxExecutor } from "./onnx-executor.ts";
import { importGraph } from "./onnx/import-graph.ts";
import { parseOnnx } from "./onnx/parse-onnx.ts";
import { loadStage, type ProgramExecutor } from "./executor.ts";
import { makeStageKeys, weightsEntry, type StageKeyMaker } from "./stage-keys.ts";
import { resolvePreprocess, type Recipe, type Usage } from "./recipe.ts";

export const COMPILER = "assay-program 1";
/** One work unit is a thousand multiply-accumulates, begun ones included. */
export const MACS_PER_WORK_UNIT = 1000;
/** A SALTED boundary costs about a millisecond a kilobyte (split.md §2). */
const MAX_SALTED_BYTES = 256 << 10;

export interface ImportParameters {
  readonly onnx: Uint8Array;
  readonly recipe: Recipe;
  readonly calibration: Dataset;
  readonly evaluation: Dataset;
  /** The `tokens` file of a model of text. */
  readonly tokens?: Uint8Array | undefined;
  /** The `leakage.json` of this very program, if it was measured: its hash becomes part of the report, so of the model id. */
  readonly leakage?: Uint8Array | undefined;
}

export interface ImportedModel {
  /** File name in the model folder → bytes. */
  readonly files: {
    readonly program: Uint8Array;
    readonly "report.json": Uint8Array;
    readonly "model.json": Uint8Array;
    readonly "manifest.json": Uint8Array;
  };
  readonly model: ModelManifest;
  /** Verifying-key record of each stage, null where it has none; stored as `keys/<stage>.record`. */
  readonly keys: readonly (Uint8Array | null)[];
}

export interface ImportOptions {
  readonly onProgress?: (step: string) => void;
  /** Needed if the recipe asks for proofs. */
  readonly keyMaker?: StageKeyMaker;
}

function hintsOf(analysis: Analysis, program: Program): StageHints {
  const bytes = (index: number) => {
    const value = analysis.values[index];
    return value === undefined ? 0 : elementsOf(value.dims) * (value.dtype === "i8" ? 1 : 4);
  };
  const output = analysis.values[program.output];
  return {
    macs: analysis.macs,
    weightBytes: program.ops.reduce((sum, op) => sum + ("weights" in op ? op.weights.length : 0), 0),
    peakActivationBytes: Math.max(...analysis.values.map((_, index) => bytes(index))),
    outDtype: output?.dtype === "i8" ? "i8" : "i32",
    outDims: [...(output?.dims ?? [])],
  };
}

/** Runs the stages over the calibration inputs and finds each one's probe. */
async function measureStages(
  stages: readonly CutStage[],
  bytes: readonly Uint8Array[],
  input: Tensor,
  executor: ProgramExecutor,
  client: ClientShare,
): Promise<StageEntropy[]> {
  const outputs: Tensor[] = [];
  const result: StageEntropy[] = [];
  for (const [index, stage] of stages.entries()) {
    const inputs = stage.producers.map((producer) =>
      producer === PRODUCER_INPUT ? input : (outputs[producer] ?? input),
    );
    const one = bytes[index] ?? new Uint8Array();
    const place = placeOf(client, index, stages.length);
    // Nobody votes on what the client computes.
    const { entropy, output } =
      place === PLACE_CLIENT
        ? await runUnvoted(one, inputs, executor)
        : await measureEntropy(one, inputs, index, executor);
    result.push(entropy);
    outputs.push(output ?? input);
  }
  return result;
}

type ClientShare = NonNullable<Recipe["client"]>;
const NO_SHARE: ClientShare = { first: 0, last: 0 };

const placeOf = ({ first, last }: ClientShare, stage: number, stages: number): number =>
  stage < first || stage >= stages - last ? PLACE_CLIENT : PLACE_NETWORK;

async function runUnvoted(bytes: Uint8Array, inputs: readonly Tensor[], executor: ProgramExecutor) {
  const { outputs } = await executor.run(loadStage(bytes), inputs);
  const [output] = outputs;
  const outputBits = output === undefined ? 0 : entropyBits(output);
  return { entropy: { outputBits, probe: null, probeBits: null }, output };
}

/** Jobs must be able to ask for it: the client's stages are chains around the network's. Errors: CUT_INVALID, MODEL_FILE_INVALID. */
function checkShare(stages: readonly CutStage[], client: ClientShare, digest: Recipe["digest"]): void {
  if (client.first + client.last === 0) return;
  if (digest === "PUBLIC") {
    const reason = "a PUBLIC digest of what the client withholds could be guessed";
    throw new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason });
  }
  const placed = stages.map(({ producers }, at) => ({ place: placeOf(client, at, stages.length), producers }));
  if (networkPart(placed) !== null) return;
  const reason = `client stages (${client.first} first, ${client.last} last) must leave a stage, each take its predecessor's output, and be read nowhere else`;
  throw new ProgramError("CUT_INVALID", { node: "client", reason });
}

/** What a seat is paid for: multiply-adds of the network's stages. */
const paidMacs = (hints: readonly StageHints[], client: ClientShare): number =>
  hints.reduce((sum, { macs }, at) => sum + (placeOf(client, at, hints.length) === PLACE_NETWORK ? macs : 0), 0);

interface CompiledModel {
  readonly compiled: Compiled;
  readonly graph: FloatGraph;
  readonly opset: number;
}

function compile({ onnx, recipe, calibration }: ImportParameters, preprocess: Preprocess): CompiledModel {
  const parsed = parseOnnx(onnx);
  const graph = simplifyGraph(importGraph(parsed));
  if (graph.inputDims.join() !== preprocess.dims.join()) {
    const reason = `preprocess.dims is [${preprocess.dims.join()}], the network takes [${graph.inputDims.join()}]`;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason });
  }
  const common = { inputStep: preprocess.step, inputLo: preprocess.lo, inputHi: preprocess.hi };
  const rows = Int32Array.from(prepareInput(preprocess, calibration.features).data);
  const compiled = graph.ops.some((op) => op.kind === "square")
    ? compilePolynomial(graph, common)
    : compileQuantised(graph, rows, { ...common, shifts: recipe.shifts, maxShift: recipe.maxShift });
  return { compiled, graph, opset: parsed.opset };
}

/** The recipe's decision about real outputs, as one about the program's integers. */
function integerDecision({ decision }: Recipe, { binary, ops, output }: FloatGraph, step: number): Decision {
  if (ops[output - 1]?.kind === "argmax") return { kind: "index" };
  // One score for two classes: the second wins if the score is above zero.
  if (decision.kind === "argmax") return binary === null ? decision : { kind: "threshold", at: 1 };
  const { value } = decision;
  const real = binary === "logistic" ? Math.log(value / (1 - value)) : binary === "probability" ? value - 0.5 : value;
  // The real threshold lies between two integers; the next one above it is the first that passes.
  return { kind: "threshold", at: Math.ceil(real / step - 1e-9) };
}

function usageOf(recipe: Recipe, graph: FloatGraph, step: number, tokens: Uint8Array | undefined): Usage {
  const { preprocess } = recipe;
  const hashed =
    preprocess.kind === "tokens"
      ? { ...preprocess, tokensHash: toHex(keccak256(tokens ?? new Uint8Array())) }
      : preprocess;
  const output = { labels: recipe.labels, decision: integerDecision(recipe, graph, step), step };
  return { version: 1, name: recipe.name, preprocess: hashed, output };
}

/**
 * Compiles an ONNX model into the files of a model folder: calibrates on real rows, quantises, proves the bounds, cuts
 * stages, finds probes, and measures float against integer accuracy on held-out rows. Same input, same bytes.
 * Errors: every ONNX_…, PROGRAM_INVALID, BOUND_OVERFLOW, CUT_INVALID, ENTROPY_TOO_LOW, BOUNDARY_TOO_LARGE,
 * MODEL_FILE_INVALID, RAW_INPUT_INVALID, PROOFS_UNAVAILABLE, those of the key maker.
 */
export async function importModel(parameters: ImportParameters, options: ImportOptions = {}): Promise<ImportedModel> {
  const { onnx, recipe, calibration, evaluation, tokens } = parameters;
  const say = options.onProgress ?? (() => {});
  say("compiling");
  const preprocess = resolvePreprocess(recipe.preprocess, tokens);
  const { compiled, graph, opset } = compile(parameters, preprocess);
  const lanes = recipe.masked ? lanesOf(recipe, compiled) : null;
  const stages = lanes?.stages ?? cutProgram(compiled, recipe.stages);
  const client = recipe.client ?? NO_SHARE;
  checkShare(stages, client, recipe.digest);
  const bytes = stages.map((stage) => encodeProgram(stage.program));
  const usage = usageOf(recipe, graph, compiled.steps[compiled.program.output] ?? 1, tokens);
  const executor = createOnnxExecutor({ threads: 1, maxBatch: Math.max(1024, calibration.rows) });
  try {
    say("measuring what seats will compare");
    const input = prepareInput(preprocess, calibration.features);
    const entropy = lanes?.entropy ?? (await measureStages(stages, bytes, input, executor, client));
    say("evaluating");
    const accuracy = await evaluateModel(
      {
        onnx,
        recipe,
        graph,
        preprocess,
        output: usage.output,
        program: encodeProgram(compiled.program),
        data: evaluation,
      },
      executor,
    );
    const measured = reportOf(compiled, recipe, entropy, calibration.rows, accuracy);
    const report = { ...measured, ...leakageEntry(parameters.leakage, encodeProgram(compiled.program)) };
    if (recipe.proofs !== undefined) say("making circuits and keys");
    const proofs = await makeStageKeys(recipe, stages, options.keyMaker);
    const kind = { PUBLIC: KIND_PUBLIC, SALTED: KIND_SALTED, BLINDED: KIND_BLINDED }[recipe.digest];
    const infos: StageInfo[] = stages.map((stage, index) => ({
      place: placeOf(client, index, stages.length),
      inKind: kind,
      outKind: kind,
      probe: entropy[index]?.probe ?? NO_PROBE,
      kernel: stageKernel(bytes[index] ?? new Uint8Array()),
      keyId: proofs[index]?.keyId ?? ZERO_BYTES32,
      weightsX: proofs[index]?.weightsX ?? ZERO_BYTES32,
      weightsY: proofs[index]?.weightsY ?? ZERO_BYTES32,
      producers: [...stage.producers],
    }));
    const hints = lanes?.hints ?? stages.map((stage) => hintsOf(analyseProgram(stage.program), stage.program));
    checkBoundaries(recipe, hints, elementsOf(recipe.preprocess.dims));
    const usageText = canonicalJson(usage);
    const reportText = canonicalJson(report);
    const tools: ToolsRecord = {
      opset,
      compiler: COMPILER,
      usageHash: toHex(keccak256(utf8(usageText))),
      sourceHash: toHex(keccak256(onnx)),
      stages: hints,
    };
    const model: ModelManifest = {
      name: recipe.name,
      programRoot: programRoot(bytes),
      stages: infos,
      acceptedMasks: recipe.acceptedPolicies.reduce((mask, policy) => (mask | (1 << policy)) >>> 0, 0),
      workUnits: BigInt(Math.max(1, Math.ceil((lanes?.macs ?? paidMacs(hints, client)) / MACS_PER_WORK_UNIT))),
      weightsHash: toHex(hashJson(proofs.map(weightsEntry))),
      reportHash: toHex(keccak256(utf8(reportText))),
      toolsHash: toHex(hashJson(tools)),
    };
    const files = {
      program: encodeStages(bytes),
      "report.json": utf8(reportText),
      "model.json": utf8(usageText),
      "manifest.json": utf8(encodeManifestFile(model, tools)),
    };
    return { files, model, keys: proofs.map(({ record }) => record) };
  } finally {
    await executor.close();
  }
}

/**
 * The two lanes of a MASKED model: both the whole program, of which workers run the first linear operator on four digit planes of a share.
 * Errors: MASK_NOT_LINEAR; MODEL_FILE_INVALID if the recipe contradicts itself.
 */
function lanesOf(recipe: Recipe, { program, analysis }: Compiled) {
  const invalid = (reason: string) => new ProgramError("MODEL_FILE_INVALID", { file: "recipe.json", reason });
  if (recipe.stages.length > 0) throw invalid("a masked model has no other stages");
  if (recipe.digest !== "BLINDED") throw invalid("a masked model's boundaries are BLINDED");
  if (recipe.acceptedPolicies.join() !== `${VOTE}`) throw invalid("lanes are voted on");
  const { kernel, kernelAnalysis, outDims } = maskProgram(program, analysis);
  const macs = DIGITS * kernelAnalysis.macs;
  const outElements = elementsOf(outDims);
  const stage: CutStage = { program, producers: [PRODUCER_INPUT], from: 0, to: program.ops.length };
  const hints: StageHints = {
    macs,
    weightBytes: kernel.ops.reduce((sum, op) => sum + ("weights" in op ? op.weights.length : 0), 0),
    peakActivationBytes: 4 * DIGITS * Math.max(outElements, ...kernel.inputs.map(({ dims }) => elementsOf(dims))),
    outDtype: "u32-mod",
    outDims: [...outDims],
  };
  // A share is uniform: nobody guesses it.
  const entropy: StageEntropy = { outputBits: 32 * outElements, probe: null, probeBits: null };
  return { stages: [stage, stage], hints: [hints, hints], entropy: [entropy, entropy], macs };
}

/** A report about another program must not be registered with this one. Errors: MODEL_FILE_INVALID, NOT_CANONICAL. */
function leakageEntry(leakage: Uint8Array | undefined, program: Uint8Array): { readonly leakage?: { hash: Hex } } {
  if (leakage === undefined) return {};
  if (decodeLeakageReport(leakage).program !== toHex(keccak256(program))) {
    const reason = "it measured another program: run `assay model leakage` again, or remove it";
    throw new ProgramError("MODEL_FILE_INVALID", { file: LEAKAGE_FILE, reason });
  }
  return { leakage: { hash: toHex(keccak256(leakage)) } };
}

function checkBoundaries(recipe: Recipe, hints: readonly StageHints[], inputBytes: number): void {
  if (recipe.digest !== "SALTED") return;
  const sizes = [inputBytes, ...hints.map((hint) => elementsOf(hint.outDims) * (hint.outDtype === "i8" ? 1 : 4))];
  sizes.forEach((actual, index) => {
    if (actual > MAX_SALTED_BYTES) {
      throw new ProgramError("BOUNDARY_TOO_LARGE", { stage: index - 1, actual, limit: MAX_SALTED_BYTES });
    }
  });
}
