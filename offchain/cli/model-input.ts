// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../core/errors.ts";
import { prepareInput, prepareText } from "../core/program/preprocess.ts";
import { decodeTensor, type Tensor } from "../core/tensor.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import { readFileBytes } from "./connection.ts";
import { CliError } from "./errors.ts";

const MAX_INPUT_BYTES = 64 * 1024 * 1024;

/**
 * A model's input from a file: a JSON array of raw numbers, a JSON text for a model of texts, or a canonical tensor.
 * Errors: FILE_UNREADABLE, INPUT_INVALID.
 */
export function readModelInput(path: string, { preprocess }: LoadedModel): Tensor {
  const bytes = readFileBytes(path, MAX_INPUT_BYTES);
  const invalid = (why: string) => new CliError("INPUT_INVALID", { path, why });
  try {
    // A canonical tensor begins with its version, which no JSON text does.
    if (bytes[0] === 1) return decodeTensor(bytes);
    const raw: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof raw === "string") return prepareText(preprocess, raw);
    if (!Array.isArray(raw) || !raw.every((item) => typeof item === "number"))
      throw invalid("it is neither an array of numbers nor a text");
    return prepareInput(preprocess, raw);
  } catch (error) {
    if (isAssayError(error)) throw error.id.startsWith("E40") ? error : invalid(error.message);
    throw invalid("it is neither JSON nor a tensor");
  }
}
