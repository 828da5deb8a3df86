// SPDX-License-Identifier: MIT
import { concatBytes, toHex, utf8 } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import {
  canonicalJson,
  encodeManifestFile,
  hashJson,
  type ManifestFile,
  type RefreshRecord,
  type ToolsRecord,
} from "../../../core/manifest.ts";
import { modelId } from "../../../core/model.ts";
import type { Program } from "../../../core/program/types.ts";
import { cipherStageHash } from "../../../core/she/cipher-stage.ts";
import { objectsRoot } from "../../../core/she/digest.ts";
import { MAX_STAGE_KEY_BYTES } from "../../../core/she/cipher-parcel.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import { decodeSheObject, encodeCompactPlaintext, encodeSheObject } from "../../../core/she/object.ts";
import {
  CIPHER,
  KIND_CIPHER,
  NO_PROBE,
  PLACE_NETWORK,
  PRODUCER_INPUT,
  VOTE,
  ZERO_BYTES32,
  type ModelManifest,
  type StageInfo,
} from "../../../core/types.ts";
import { cipherWeightsHash, toleranceUnits } from "../client/cipher-model.ts";
import { SheClient } from "../client/she-client.ts";
import { compilePlan, type CompiledPlan } from "../compile/compile-plan.ts";
import { keyBytesOf, packSlots, unpackSlots } from "../compile/plan.ts";
import { encodeSheProgram, sheProgramId } from "../compile/program-bytes.ts";
import { runLayers } from "../compile/read-program.ts";
import { LEAST_OBSERVATIONS, toleranceOf, type Observation } from "../compile/tolerance.ts";
import { StageRunner, stageMemoryBytes } from "../evaluator/stage-runner.ts";
import { KernelMemory } from "../kernel/kernel.ts";
import { nodeKernel } from "../kernel/node-kernel.ts";
import { Ring } from "../kernel/ring.ts";
import { weightObjects } from "../seat/weight-objects.ts";
import { cipherStageOf } from "../trace/trace.ts";

export interface BuildCipherModelParameters {
  readonly plain: ManifestFile;
  /** Of the plain model: one stage, polynomial. */
  readonly program: Program;
  /** Inputs as integers: to choose scales by, and to measure errors on. */
  readonly calibration: readonly ArrayLike<number>[];
  readonly evaluation: readonly ArrayLike<number>[];
  /** Stages begin behind these linear layers. */
  readonly cuts: readonly number[];
  /** Samples a ciphertext. */
  readonly interleave: number;
  /** Fewest evaluations and key sets; tests of small programs measure fewer. */
  readonly least?: { readonly evaluations: number; readonly keySets: number };
}

export interface CipherModelFiles {
  readonly manifest: ManifestFile;
  /** By name, as they lie in the model's folder: manifest.json, report.json, program, weights-0 and so on. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly report: CipherReport;
}

/** What the tolerance rests on: `report.json`. */
export interface CipherReport {
  readonly version: 1;
  readonly profile: string;
  readonly evaluations: number;
  readonly keySets: number;
  /** Of an output slot, whose values are of about 1. */
  readonly largestError: number;
  readonly tolerance: number;
  /** Evaluation keys of each stage, bytes. */
  readonly keyBytes: readonly number[];
}

export interface BuildModules {
  readonly hashes: SheHashes;
  readonly onProgress?: (step: string) => void;
}

/** Where a model's folder keeps the plaintexts of a stage, one after the other in compact form. */
export const weightsFile = (stage: number): string => `weights-${stage}`;
/** A row operation is N modular ones; a work unit of a plain model is a thousand multiplications. */
const RESIDUES_PER_WORK_UNIT = 1_000;

/**
 * Makes the model over ciphertexts of a plain polynomial one: a model of its own, whose program root is the plain model's and whose
 * stages are the hashes of their facts. Encodes the weights, once, and measures the tolerance by the rule.
 * Errors: those of `compilePlan`; PROGRAM_TOO_LARGE for keys that no seat takes (cut it elsewhere); TOLERANCE_THIN.
 */
export function buildCipherModel(parameters: BuildCipherModelParameters, modules: BuildModules): CipherModelFiles {
  const { plain, program, calibration, cuts, interleave, evaluation, least } = parameters;
  modules.onProgress?.("compiling");
  const compiled = compilePlan(program, { calibration, cuts, interleave, stageKeyBytes: MAX_STAGE_KEY_BYTES });
  const name = `${plain.model.name}-cipher`;
  return modelOfPlan({ name, plain, compiled, evaluation, ...(least && { least }) }, modules);
}

export interface ModelOfPlanParameters extends Pick<BuildCipherModelParameters, "plain" | "evaluation" | "least"> {
  readonly name: string;
  readonly compiled: CompiledPlan;
  /** Of a step of an integer program. */
  readonly refresh?: RefreshRecord;
}

/** The model over ciphertexts of a compiled plan: hashes its facts and measures its tolerance. Errors: PROGRAM_TOO_LARGE, TOLERANCE_THIN. */
export function modelOfPlan(parameters: ModelOfPlanParameters, modules: BuildModules): CipherModelFiles {
  const { name, plain, compiled, refresh } = parameters;
  const { hashes, onProgress = () => undefined } = modules;
  const { plan, weights } = compiled;
  const keyBytes = plan.stages.map(({ keys }) => keyBytesOf(keys, plan.profile));
  const heavy = keyBytes.findIndex((bytes) => bytes > MAX_STAGE_KEY_BYTES);
  if (heavy !== -1)
    throw new SheError("PROGRAM_TOO_LARGE", { reason: `stage ${heavy} takes keys of ${keyBytes[heavy] ?? 0} bytes` });
  onProgress("hashing weights and operations");
  const weightRoots = weights.map((own) => objectsRoot([...weightObjects(own)], hashes));
  const facts = plan.stages.map((_, stage) => cipherStageOf(plan, stage, weightRoots[stage] ?? "0x", hashes));
  const report: CipherReport = { ...measure(compiled, parameters, modules), version: 1, keyBytes };
  const bytes = encodeSheProgram({ plan, weightRoots, toleranceUnits: toleranceUnits(report.tolerance) });
  const reportText = canonicalJson(report);
  const tools: ToolsRecord = {
    ...plain.tools,
    compiler: "assay-she 1",
    stages: plan.stages.map(({ levelOut }, stage) => ({
      macs: 2 ** (facts[stage]?.depth ?? 0) * plan.profile.degree,
      weightBytes: (weights[stage] ?? []).length * (32 + 4 * plan.profile.degree),
      peakActivationBytes: report.keyBytes[stage] ?? 0,
      outDtype: "ciphertext",
      outDims: [32 + 2 * levelOut * 4 * plan.profile.degree],
    })),
    cipher: { plain: modelId(plain.model), program: sheProgramId(bytes, hashes), ...(refresh && { refresh }) },
  };
  const stages = facts.map((own, stage): StageInfo => ({
    place: PLACE_NETWORK,
    inKind: KIND_CIPHER,
    outKind: KIND_CIPHER,
    probe: NO_PROBE,
    kernel: cipherStageHash(own),
    keyId: ZERO_BYTES32,
    weightsX: ZERO_BYTES32,
    weightsY: ZERO_BYTES32,
    producers: [stage === 0 ? PRODUCER_INPUT : stage - 1],
  }));
  const rows = facts.reduce((sum, { depth }) => sum + 2 ** depth, 0);
  const model: ModelManifest = {
    name,
    programRoot: plain.model.programRoot,
    stages,
    acceptedMasks: 1 << (VOTE | CIPHER),
    workUnits: BigInt(Math.ceil((rows * plan.profile.degree) / RESIDUES_PER_WORK_UNIT)),
    weightsHash: cipherWeightsHash(weightRoots),
    reportHash: toHex(keccak256(utf8(reportText))),
    toolsHash: toHex(hashJson(tools)),
  };
  const files = new Map([
    ["manifest.json", utf8(encodeManifestFile(model, tools))],
    ["report.json", utf8(reportText)],
    ["program", bytes],
    ...weights.map((own, stage) => [weightsFile(stage), concatBytes(...own.map(encodeCompactPlaintext))] as const),
  ]);
  return { manifest: { version: 1, modelId: modelId(model), model, tools }, files, report };
}

/** Keys that protect nothing: the same program and inputs give the same report. */
function publicRandom(hashes: SheHashes): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => hashes.shake256(utf8(`assay.v1.she.measure ${calls++}`), length);
}

/** Largest error over all inputs under several key sets, and four times that. */
function measure(
  compiled: CompiledPlan,
  { evaluation, least = LEAST_OBSERVATIONS }: ModelOfPlanParameters,
  { hashes, onProgress = () => undefined }: BuildModules,
): Omit<CipherReport, "version" | "keyBytes"> {
  const { plan, weights } = compiled;
  const scale = 2 ** plan.profile.boundaryScaleBits;
  const runners = plan.stages.map((stage, i) => {
    const own = weights[i] ?? [];
    const memory = KernelMemory.ofSize(stageMemoryBytes(plan.profile, stage, own));
    const runner = new StageRunner(new Ring(plan.profile, nodeKernel(), memory), stage, plan.interleave, own);
    runner.loadWeights();
    return runner;
  });
  const observations: Observation[] = [];
  const randomBytes = publicRandom(hashes);
  for (let keySet = 0; keySet < least.keySets; keySet++) {
    const client = new SheClient({ profile: plan.profile, kernel: nodeKernel(), hashes, randomBytes });
    for (const [i, { keys }] of plan.stages.entries())
      runners[i]?.loadKeys(keys.map((key) => decodeSheObject(client.createKey(key), hashes)));
    const wanted = Math.ceil(least.evaluations / least.keySets);
    for (let from = 0; from < wanted; from += plan.interleave) {
      const count = Math.min(plan.interleave, wanted - from);
      const samples = Array.from(
        { length: count },
        (_, i) => evaluation[(keySet * wanted + from + i) % evaluation.length] ?? [],
      );
      const input = client.encrypt(packSlots(plan, samples), scale, plan.stages[0]?.levelIn ?? 0);
      const output = runners.reduce((object, runner) => runner.run(object), decodeSheObject(input, hashes));
      const got = unpackSlots(plan, client.decryptUnchecked(encodeSheObject(output), scale), count);
      for (const [i, sample] of samples.entries()) {
        const exact = runLayers(compiled.layers, sample).at(-1) ?? [];
        const errors = exact.map((y, o) => Math.abs(y - (got[i]?.[o] ?? Number.NaN)) / plan.outputScale);
        observations.push({ keySet, error: Math.max(...errors) });
      }
      onProgress(`measuring: key set ${keySet + 1} of ${least.keySets}, ${from + count} of ${wanted}`);
    }
    client.forget();
  }
  return {
    profile: plan.profile.name,
    evaluations: observations.length,
    keySets: least.keySets,
    largestError: Math.max(...observations.map(({ error }) => error)),
    tolerance: toleranceOf(observations, least),
  };
}
