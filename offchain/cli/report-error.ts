// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError, type AssayError } from "../core/errors.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { json } from "./json.ts";

interface Sinks {
  out: { write(text: string): unknown };
  err: { write(text: string): unknown };
}

// Module 40 is the CLI itself: its errors are all about how it was called. Configuration errors say so in their code.
const isUsage = (error: AssayError): boolean => error.id.startsWith("E40") || error.code.startsWith("CONFIG_");

/** Prints a mistake as one line and its fix, a bug with its stack, and says which exit code it means. */
export function reportError(error: unknown, asJson: boolean, sinks: Sinks): ExitCode {
  if (!isAssayError(error)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (asJson) sinks.out.write(`${json({ error: { id: "BUG", code: "BUG", message: String(error) } })}\n`);
    sinks.err.write(`This is a bug in assay, please report it:\n${stack}\n`);
    return EXIT.failed;
  }
  const { id, code, message, fix, retry } = error;
  if (asJson) sinks.out.write(`${json({ error: { id, code, message, fix, retry } })}\n`);
  else sinks.err.write(`${id} ${code}: ${message}\n${fix}\n`);
  if (isUsage(error) && retry === "never") return EXIT.usage;
  return retry === "never" ? EXIT.failed : EXIT.later;
}
