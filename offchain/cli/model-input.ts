// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { MAX_BATCH_INPUTS } from "../core/batch-tensors.ts";
import { isAssayError, type AssayError } from "../core/errors.ts";
import { integerType, prepareInput, prepareText } from "../core/program/preprocess.ts";
import { prepareReals } from "../core/program/real-input.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { readFileBytes } from "./connection.ts";
import { CliError } from "./errors.ts";

const MAX_INPUT_BYTES = 64 * 1024 * 1024;
type AnyModel = Pick<LoadedModel, "preprocess"> | LoadedFloatModel;

/**
 * A model's input from a file: a JSON array of raw numbers, a JSON text for a model of texts, or a canonical tensor.
 * Errors: FILE_UNREADABLE, INPUT_INVALID.
 */
export function readModelInput(path: string, model: AnyModel): Tensor {
  const raw = readRaw(path);
  return raw instanceof Uint8Array ? readTensor(path, raw) : prepare(path, raw, model);
}

/**
 * One input as `readModelInput` reads it, or many: a JSON array of inputs, or a folder with a file each, in the order of their names.
 * Each of many is one row in the model's shape, and their files together are no longer than one may be. Errors: FILE_UNREADABLE,
 * INPUT_INVALID; a wrong one is named by its number, from 0 like the leaves of receipts.
 */
export function readModelInputs(path: string, model: AnyModel): Tensor | readonly Tensor[] {
  if (isFolder(path)) return readFolder(path, model);
  const raw = readRaw(path);
  if (raw instanceof Uint8Array) return readTensor(path, raw);
  const isBatch = Array.isArray(raw) && (raw.length === 0 || raw.some((item) => typeof item !== "number"));
  if (!isBatch) return prepare(path, raw, model);
  return eachInput(path, raw, model, (item: unknown) => prepare(path, item, model));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readFolder(path: string, model: AnyModel): readonly Tensor[] {
  let left = MAX_INPUT_BYTES;
  const read = (name: string): Tensor => {
    const file = join(path, name);
    const bytes = readFileBytes(file, left);
    left -= bytes.length;
    return bytes[0] === 1 ? readTensor(file, bytes) : prepare(file, jsonOf(file, bytes), model);
  };
  return eachInput(path, readdirSync(path).toSorted(), model, read, (name) => ` ${name}`);
}

function eachInput<T>(
  path: string,
  all: readonly T[],
  model: AnyModel,
  read: (one: T) => Tensor,
  nameOf: (one: T) => string = () => "",
): readonly Tensor[] {
  const count = all.length;
  if (count < 1 || count > MAX_BATCH_INPUTS)
    throw invalid(path, `it holds ${count} inputs instead of 1 to ${MAX_BATCH_INPUTS}`);
  const wanted = shapeOf(model);
  return all.map((one, index) => {
    const wrong = (why: string) => invalid(path, `input ${index}${nameOf(one)} (of 0 to ${count - 1}): ${why}`);
    let tensor: Tensor;
    try {
      tensor = read(one);
    } catch (error) {
      if (!isAssayError(error)) throw error;
      throw wrong(error.code === "INPUT_INVALID" ? whyOf(error) : error.message);
    }
    const shape = describe(tensor);
    if (shape !== wanted) throw wrong(`it is ${shape}, and one input of the model is ${wanted}`);
    return tensor;
  });
}

const describe = ({ dtype, dims }: Pick<Tensor, "dtype" | "dims">): string => `${dtype} ${dims.join(" × ")}`;

/** Of one input. */
function shapeOf(model: AnyModel): string {
  const dims = [1, ...model.preprocess.dims];
  if ("tolerance" in model) return describe({ dtype: "f32", dims });
  const { kind, lo, hi } = model.preprocess;
  return describe({ dtype: kind === "tokens" ? "i8" : integerType(lo, hi), dims });
}

/** Without the sentence around it. */
const whyOf = ({ meta }: AssayError): string => String(meta["why"]);

const invalid = (path: string, why: string) => new CliError("INPUT_INVALID", { path, why });

/** A canonical tensor's bytes, which begin with their version as no JSON text does, or what the JSON says. */
function readRaw(path: string): unknown {
  const bytes = readFileBytes(path, MAX_INPUT_BYTES);
  return bytes[0] === 1 ? bytes : jsonOf(path, bytes);
}

function jsonOf(path: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw invalid(path, "it is neither JSON nor a tensor");
  }
}

function readTensor(path: string, bytes: Uint8Array): Tensor {
  try {
    return decodeTensor(bytes);
  } catch (error) {
    throw invalid(path, isAssayError(error) ? error.message : "it is no tensor");
  }
}

function prepare(path: string, raw: unknown, model: AnyModel): Tensor {
  const isNumbers = Array.isArray(raw) && raw.every((item) => typeof item === "number");
  if (typeof raw !== "string" && !isNumbers) throw invalid(path, "it is neither an array of numbers nor a text");
  try {
    if ("tolerance" in model) {
      if (typeof raw === "string") throw invalid(path, "this model takes numbers");
      return prepareReals(model.preprocess, raw);
    }
    return typeof raw === "string" ? prepareText(model.preprocess, raw) : prepareInput(model.preprocess, raw);
  } catch (error) {
    throw isAssayError(error) && error.code !== "INPUT_INVALID" ? invalid(path, error.message) : error;
  }
}
