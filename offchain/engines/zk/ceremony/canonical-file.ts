// SPDX-License-Identifier: GPL-3.0-or-later
import type { z } from "zod";
import { fromUtf8 } from "../../../core/bytes.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import { CeremonyError } from "./errors.ts";

/** Parses a JSON file that has exactly one spelling. Error: FILE_MALFORMED. */
export function parseCanonical<T>(bytes: Uint8Array, file: string, shape: z.ZodType<T>): T {
  const bad = (reason: string, cause?: unknown) => new CeremonyError("FILE_MALFORMED", { file, reason }, { cause });
  let value: unknown;
  let text: string;
  try {
    text = fromUtf8(bytes, file);
    value = JSON.parse(text);
  } catch (cause) {
    throw bad("it is no JSON", cause);
  }
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw bad(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "wrong shape"}`);
  }
  // Duplicate keys, other spacing, escapes or number spellings would be a second file with the same meaning.
  if (canonicalJson(parsed.data) !== text) throw bad("it is not written canonically");
  return parsed.data;
}
