// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toHex, type Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import { areLanes } from "../../core/join.ts";
import { keccak256 } from "../../core/keccak.ts";
import { decodeManifestFile, hashJson, type ManifestFile } from "../../core/manifest.ts";
import { maskProgram } from "../../core/masked/masked-program.ts";
import { LEAKAGE_FILE, type LeakageReport } from "../../core/planning/leakage-report.ts";
import { decodeStages, programRoot, stageKernel } from "../../core/program/container.ts";
import { encodeProgram } from "../../core/program/encode-program.ts";
import { ProgramError } from "../../core/program/errors.ts";
import { pinnedLeakage } from "../../core/program/pinned-leakage.ts";
import { integerType, type OutputMeaning, type Preprocess } from "../../core/program/preprocess.ts";
import { keyIdOf } from "../../core/zk/key-record.ts";
import { NO_PROBE, PRODUCER_INPUT } from "../../core/types.ts";
import { elementsOf } from "../../core/program/analyse.ts";
import { loadStage, type LoadedStage } from "./executor.ts";
import { joinStages } from "./join-stages.ts";
import { parseUsage, resolvePreprocess } from "./recipe.ts";

/** The files a worker or a caller needs. `report.json` is checked when present. */
export interface ModelFiles {
  readonly "manifest.json": Uint8Array;
  readonly program: Uint8Array;
  readonly "model.json": Uint8Array;
  readonly "report.json"?: Uint8Array;
  /** Believed only if report.json holds its hash. */
  readonly "leakage.json"?: Uint8Array | undefined;
  /** Words and their numbers: models of text only. */
  readonly tokens?: Uint8Array;
  /** Verifying-key records by stage, as far as they are there: the chain has them too. */
  readonly keys?: readonly (Uint8Array | null)[];
}

/** Where a model folder keeps a stage's verifying-key record. */
export const keyFile = (stage: number): string => `keys/${stage}.record`;

export interface LoadedModel {
  readonly manifest: ManifestFile;
  /** Bytes of the `program` file. */
  readonly program: Uint8Array;
  readonly stages: readonly LoadedStage[];
  readonly preprocess: Preprocess;
  readonly output: OutputMeaning;
  /** Verifying-key record of each stage; null where it has no key, or the folder no record of it. */
  readonly keys: readonly (Uint8Array | null)[];
  /** The two stages are the lanes of a MASKED stage, both the whole program: workers run its first linear operator on shares. */
  readonly isMasked: boolean;
  /** What attacks recover from its cuts; null where no report is part of the model. */
  readonly leakage: LeakageReport | null;
}

function expectHash(what: string, actual: Hex, expected: Hex): void {
  if (actual !== expected) throw new ProgramError("MODEL_HASH_MISMATCH", { what, actual, expected });
}

const hashOf = (bytes: Uint8Array): Hex => toHex(keccak256(bytes));

/** Error: MODEL_FILE_INVALID. */
export function readManifest(bytes: Uint8Array): ManifestFile {
  try {
    return decodeManifestFile(new TextDecoder().decode(bytes));
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason: error.message }, { cause: error });
  }
}

/** Float models have no program: `loadFloatModel` reads them. Error: MODEL_FILE_INVALID. */
function refuseFloats({ tools }: ManifestFile): void {
  if (tools.stages.every(({ outDtype }) => outDtype !== "f32")) return;
  const reason = "it is a float model, without an integer program";
  throw new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason });
}

/** Both lanes hold one program, which may run MASKED, and hand over the sums of its first linear operator. */
function checkLanes(stages: readonly LoadedStage[], manifest: ManifestFile, preprocess: Preprocess): void {
  const invalid = (reason: string) => new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason });
  const [a, b] = stages;
  const kernels = manifest.model.stages.map(({ kernel }) => kernel);
  if (a === undefined || b === undefined || kernels[0] !== kernels[1]) throw invalid("the lanes differ");
  const { outDims } = maskProgram(a.program, a.analysis);
  const [input, more] = a.program.inputs;
  const fits = input?.dims.join() === preprocess.dims.join() && input.lo <= preprocess.lo && input.hi >= preprocess.hi;
  if (more !== undefined || !fits) throw invalid("the lanes do not take the model's input");
  for (const [index, hints] of manifest.tools.stages.entries())
    if (hints.outDtype !== "u32-mod" || hints.outDims.join() !== outDims.join())
      throw invalid(`the hints of lane ${index} do not fit`);
}

/** Stages must fit together: each takes its producers' outputs, in type, shape and range. */
function checkWiring(stages: readonly LoadedStage[], manifest: ManifestFile, preprocess: Preprocess): void {
  const invalid = (reason: string) => new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason });
  manifest.model.stages.forEach(({ producers }, index) => {
    const stage = stages[index];
    if (producers.length !== stage?.program.inputs.length) throw invalid(`stage ${index} has other inputs`);
    producers.forEach((producer, i) => {
      const input = stage.program.inputs[i];
      if (producer !== PRODUCER_INPUT && producer >= index) throw invalid(`stage ${index} reads a later stage`);
      const source = stages[producer];
      const made = source?.analysis.values[source.program.output];
      const same =
        producer === PRODUCER_INPUT
          ? input?.dtype === integerType(preprocess.lo, preprocess.hi) &&
            input.dims.join() === preprocess.dims.join() &&
            input.lo <= preprocess.lo &&
            input.hi >= preprocess.hi
          : made !== undefined &&
            input?.dtype === made.dtype &&
            input.dims.join() === made.dims.join() &&
            BigInt(input.lo) <= made.lo &&
            BigInt(input.hi) >= made.hi;
      if (!same) throw invalid(`input ${i} of stage ${index} does not fit its producer`);
    });
    const info = stage.analysis.values[stage.program.output];
    const hints = manifest.tools.stages[index];
    if (hints === undefined || hints.outDims.join() !== info?.dims.join() || hints.outDtype !== info.dtype) {
      throw invalid(`the hints of stage ${index} do not fit`);
    }
    if (elementsOf(hints.outDims) < 1) throw invalid(`stage ${index} has no output`);
  });
}

/** Whether the accuracy report pins a leakage report: then the folder must have it. The hash is compared when all is loaded. */
function pinsLeakage(report: Uint8Array): boolean {
  try {
    return (JSON.parse(new TextDecoder().decode(report)) as { leakage?: unknown } | null)?.leakage !== undefined;
  } catch {
    return false;
  }
}

/** An author could pin the report of another program, which shows less. */
function checkMeasured({ program }: LeakageReport, model: Parameters<typeof joinStages>[0]): void {
  const expected = hashOf(encodeProgram(joinStages(model).program));
  expectHash(`the program that ${LEAKAGE_FILE} speaks about`, program, expected);
}

async function readFolder(folder: string): Promise<ModelFiles> {
  const read = async (file: string) => {
    try {
      return new Uint8Array(await readFile(join(folder, file)));
    } catch (cause) {
      throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
    }
  };
  const manifest = await read("manifest.json");
  refuseFloats(readManifest(manifest));
  const [program, usage] = [await read("program"), await read("model.json")];
  const report = await read("report.json");
  const leakage = pinsLeakage(report) ? await read(LEAKAGE_FILE) : undefined;
  const count = readManifest(manifest).model.stages.length;
  const records = Array.from({ length: count }, (_, stage) =>
    readFile(join(folder, keyFile(stage))).then(
      (bytes) => new Uint8Array(bytes),
      () => null,
    ),
  );
  const files = {
    "manifest.json": manifest,
    program,
    "model.json": usage,
    "report.json": report,
    "leakage.json": leakage,
    keys: await Promise.all(records),
  };
  const { preprocess } = parseUsage(new TextDecoder().decode(usage));
  return preprocess.kind === "tokens" ? { ...files, tokens: await read("tokens") } : files;
}

/**
 * Loads a model folder, or its files, and checks every byte against the manifest: program root, kernels, report, usage
 * and tools; `manifest.modelId` then names all of it. Whether that id is the one wanted is the caller's question.
 * Errors: MODEL_FILE_MISSING, MODEL_FILE_INVALID, MODEL_HASH_MISMATCH, PROGRAM_MALFORMED, PROGRAM_INVALID, BOUND_OVERFLOW.
 */
export async function loadModel(source: string | ModelFiles): Promise<LoadedModel> {
  const files = typeof source === "string" ? await readFolder(source) : source;
  const manifest = readManifest(files["manifest.json"]);
  const { model, tools } = manifest;
  refuseFloats(manifest);
  const stageBytes = decodeStages(files.program);
  expectHash("program", programRoot(stageBytes), model.programRoot);
  expectHash("tools record", toHex(hashJson(tools)), model.toolsHash);
  expectHash("model.json", hashOf(files["model.json"]), tools.usageHash);
  if (files["report.json"] !== undefined) expectHash("report.json", hashOf(files["report.json"]), model.reportHash);
  if (stageBytes.length !== model.stages.length) {
    const reason = `${model.stages.length} stages expected, the program has ${stageBytes.length}`;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason });
  }
  const stages = stageBytes.map((bytes, index) => {
    const info = model.stages[index];
    expectHash(`stage ${index}`, stageKernel(bytes), info?.kernel ?? "0x");
    return loadStage(bytes, info === undefined || info.probe === NO_PROBE ? null : info.probe);
  });
  const usage = parseUsage(new TextDecoder().decode(files["model.json"]));
  if (usage.preprocess.kind === "tokens" && files.tokens !== undefined) {
    expectHash("tokens", hashOf(files.tokens), usage.preprocess.tokensHash as Hex);
  }
  const preprocess = resolvePreprocess(usage.preprocess, files.tokens);
  const isMasked = areLanes(model.stages);
  (isMasked ? checkLanes : checkWiring)(stages, manifest, preprocess);
  const keys = model.stages.map(({ keyId }, stage) => {
    const record = files.keys?.[stage] ?? null;
    if (record !== null) expectHash(`key record of stage ${stage}`, keyIdOf(record), keyId);
    return record;
  });
  const leakage = pinnedLeakage(files["report.json"], files["leakage.json"]);
  if (leakage !== null) checkMeasured(leakage, { stages, manifest, isMasked });
  return { manifest, program: files.program, stages, preprocess, output: usage.output, keys, isMasked, leakage };
}
