// SPDX-License-Identifier: GPL-3.0-or-later
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toHex, type Hex } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { hashJson, type ManifestFile } from "../../../core/manifest.ts";
import { programRoot, stageKernel } from "../../../core/program/container.ts";
import { ProgramError } from "../../../core/program/errors.ts";
import type { RealMeaning, RealPreprocess } from "../../../core/program/real-input.ts";
import { decodeTolerance, type Tolerance } from "../../../core/sketch.ts";
import { KIND_PUBLIC, NO_PROBE, PLACE_NETWORK, PRODUCER_INPUT, VOTE, ZERO_BYTES32 } from "../../../core/types.ts";
import { readManifest } from "../load-program.ts";
import type { FloatProgram } from "./float-executor.ts";
import { checkFloatModel } from "./float-graph.ts";
import { parseFloatUsage } from "./float-recipe.ts";

/** `acceptedMasks` of a float model: mask 0, which asks for no evidence, is the sign of floats; else VOTE alone. */
export const FLOAT_MASKS = 1 | (1 << VOTE);

/** A float model, checked byte by byte against its manifest. */
export interface LoadedFloatModel {
  readonly manifest: ManifestFile;
  readonly program: FloatProgram;
  readonly tolerance: Tolerance;
  readonly preprocess: RealPreprocess;
  readonly output: RealMeaning;
}

/** The files of a float model: the ONNX file itself is its one stage. */
export interface FloatModelFiles {
  readonly "manifest.json": Uint8Array;
  readonly "model.onnx": Uint8Array;
  readonly "model.json": Uint8Array;
  readonly "report.json": Uint8Array;
}

/** Whether a manifest is a float model's: what `loadModel` refuses and `loadFloatModel` takes. */
export const isFloatManifest = ({ tools }: ManifestFile): boolean =>
  tools.stages.some(({ outDtype }) => outDtype === "f32");

const invalid = (reason: string) => new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason });
const hashOf = (bytes: Uint8Array): Hex => toHex(keccak256(bytes));

function expectHash(what: string, actual: Hex, expected: Hex): void {
  if (actual !== expected) throw new ProgramError("MODEL_HASH_MISMATCH", { what, actual, expected });
}

/** The tolerance that a float model's only stage names. Error: MODEL_FILE_INVALID. */
export function toleranceOfManifest({ model, tools }: ManifestFile): Tolerance {
  const [stage] = model.stages;
  if (stage === undefined || model.stages.length !== 1 || tools.stages.length !== 1)
    throw invalid("it is not one stage");
  const alone = stage.producers.length === 1 && stage.producers[0] === PRODUCER_INPUT && stage.place === PLACE_NETWORK;
  if (!alone || stage.probe !== NO_PROBE) throw invalid("its stage is not one of the network without a probe");
  if (stage.keyId !== ZERO_BYTES32 || stage.weightsX !== ZERO_BYTES32) throw invalid("no key speaks about floats");
  if (stage.inKind !== KIND_PUBLIC || stage.outKind !== KIND_PUBLIC) throw invalid("its boundaries are not public");
  if (model.acceptedMasks !== FLOAT_MASKS) throw invalid("float models are voted on, and on nothing else");
  try {
    return decodeTolerance(stage.weightsY);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new ProgramError("MODEL_FILE_INVALID", { file: "manifest.json", reason: error.message }, { cause: error });
  }
}

async function readFolder(folder: string): Promise<FloatModelFiles> {
  const read = async (file: string) => {
    try {
      return new Uint8Array(await readFile(join(folder, file)));
    } catch (cause) {
      throw new ProgramError("MODEL_FILE_MISSING", { file }, { cause });
    }
  };
  return {
    "manifest.json": await read("manifest.json"),
    "model.onnx": await read("model.onnx"),
    "model.json": await read("model.json"),
    "report.json": await read("report.json"),
  };
}

/**
 * Loads a float model's folder, or its files; `manifest.modelId` then names all of it, tolerance included. Errors:
 * MODEL_FILE_MISSING, MODEL_FILE_INVALID, MODEL_HASH_MISMATCH, every ONNX_…, FLOAT_OPERATOR, FLOAT_MODEL_INVALID.
 */
export async function loadFloatModel(source: string | FloatModelFiles): Promise<LoadedFloatModel> {
  const files = typeof source === "string" ? await readFolder(source) : source;
  const manifest = readManifest(files["manifest.json"]);
  const tolerance = toleranceOfManifest(manifest);
  const { model, tools } = manifest;
  const bytes = files["model.onnx"];
  expectHash("model.onnx", programRoot([bytes]), model.programRoot);
  expectHash("stage 0", stageKernel(bytes), model.stages[0]?.kernel ?? "0x");
  expectHash("tools record", toHex(hashJson(tools)), model.toolsHash);
  expectHash("model.json", hashOf(files["model.json"]), tools.usageHash);
  expectHash("report.json", hashOf(files["report.json"]), model.reportHash);
  const { preprocess, output } = parseFloatUsage(new TextDecoder().decode(files["model.json"]));
  const graph = checkFloatModel(bytes);
  if (preprocess.dims.join() !== graph.inputDims.join()) throw invalid("the network takes another shape");
  const [hints] = tools.stages;
  if (hints?.outDtype !== "f32" || hints.outDims.join() !== graph.outputDims.join())
    throw invalid("its hints do not fit");
  return { manifest, program: { bytes, graph, range: preprocess }, tolerance, preprocess, output };
}
