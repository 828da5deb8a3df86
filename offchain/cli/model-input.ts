// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isAssayError } from "../core/errors.ts";
import { prepareInput, prepareText } from "../core/program/preprocess.ts";
import { prepareReals } from "../core/program/real-input.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { readFileBytes } from "./connection.ts";
import { CliError } from "./errors.ts";

const MAX_INPUT_BYTES = 64 * 1024 * 1024;
type AnyModel = LoadedModel | LoadedFloatModel;

/** Most inputs of one job that the command takes: beyond it a job's bytes and its seats' time outgrow what workers allow. */
export const MAX_INPUTS = 1_024;

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
 * Errors: FILE_UNREADABLE, INPUT_INVALID, which says the number of a wrong one.
 */
export function readModelInputs(path: string, model: AnyModel): Tensor | readonly Tensor[] {
  if (isFolder(path)) {
    const files = readdirSync(path).toSorted();
    checkCount(path, files.length);
    return files.map((file) => readModelInput(join(path, file), model));
  }
  const raw = readRaw(path);
  if (raw instanceof Uint8Array) return readTensor(path, raw);
  const isBatch = Array.isArray(raw) && (raw.length === 0 || raw.some((item) => typeof item !== "number"));
  if (!isBatch) return prepare(path, raw, model);
  checkCount(path, raw.length);
  return raw.map((item: unknown, i) => prepare(path, item, model, `input ${i + 1}: `));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function checkCount(path: string, count: number): void {
  if (count < 1 || count > MAX_INPUTS)
    throw new CliError("INPUT_INVALID", { path, why: `it holds ${count} inputs instead of 1 to ${MAX_INPUTS}` });
}

const invalid = (path: string, why: string) => new CliError("INPUT_INVALID", { path, why });

/** A canonical tensor's bytes, which begin with their version as no JSON text does, or what the JSON says. */
function readRaw(path: string): unknown {
  const bytes = readFileBytes(path, MAX_INPUT_BYTES);
  if (bytes[0] === 1) return bytes;
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

function prepare(path: string, raw: unknown, model: AnyModel, which = ""): Tensor {
  const isNumbers = Array.isArray(raw) && raw.every((item) => typeof item === "number");
  if (typeof raw !== "string" && !isNumbers)
    throw invalid(path, `${which}it is neither an array of numbers nor a text`);
  try {
    if ("tolerance" in model) {
      if (typeof raw === "string") throw invalid(path, `${which}this model takes numbers`);
      return prepareReals(model.preprocess, raw);
    }
    return typeof raw === "string" ? prepareText(model.preprocess, raw) : prepareInput(model.preprocess, raw);
  } catch (error) {
    if (isAssayError(error)) throw invalid(path, which + error.message);
    throw error;
  }
}
