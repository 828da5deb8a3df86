// SPDX-License-Identifier: GPL-3.0-or-later
import { pino } from "pino";
import type { Logger as Pino } from "pino";
import type { LogFields, Logger } from "../../core/ports/logger.ts";
import { ObserveError } from "./errors.ts";
import { safeFields } from "./log-values.ts";
import { prettyLine } from "./pretty-line.ts";

export interface PinoLoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** `auto`: pretty when the destination is a terminal. */
  readonly format?: "auto" | "json" | "pretty";
  readonly color?: boolean;
  /** Appends to this file instead of standard error. */
  readonly file?: string;
  /** Receives each line instead. */
  readonly write?: (line: string) => void;
}

/** A `Logger` over pino. Lines are written synchronously: the last words of a killed process are the ones that matter. */
export class PinoLogger implements Logger {
  readonly #pino: Pino;
  readonly #bindings: LogFields;

  private constructor(sink: Pino, bindings: LogFields) {
    this.#pino = sink;
    this.#bindings = bindings;
  }

  /** Error LOG_OPEN_FAILED. */
  static create(options: PinoLoggerOptions): PinoLogger {
    const terminal = options.file === undefined && options.write === undefined && process.stderr.isTTY;
    const format = options.format ?? "auto";
    const pretty = format === "pretty" || (format === "auto" && terminal);
    const write = options.write ?? openDestination(options.file);
    const color = options.color ?? (terminal && process.env["NO_COLOR"] === undefined);
    const settings = {
      level: options.level,
      base: null,
      formatters: { level: (label: string) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    };
    const sink = pino(settings, { write: (line: string) => write(pretty ? prettyLine(line, color) : line) });
    return new PinoLogger(sink, {});
  }

  debug(evt: string, fields: LogFields = {}): void {
    if (this.#pino.isLevelEnabled("debug")) this.#pino.debug(this.#line(evt, fields));
  }

  info(evt: string, fields: LogFields = {}): void {
    if (this.#pino.isLevelEnabled("info")) this.#pino.info(this.#line(evt, fields));
  }

  warn(evt: string, fields: LogFields = {}): void {
    this.#pino.warn(this.#line(evt, fields));
  }

  error(evt: string, fields: LogFields = {}): void {
    this.#pino.error(this.#line(evt, fields));
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino, { ...this.#bindings, ...fields });
  }

  #line(evt: string, fields: LogFields): Record<string, unknown> {
    // A name, not a sentence: text with data in it would escape the allowlist.
    const name = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/.test(evt) && evt.length <= 64 ? evt : "log.event-invalid";
    return { evt: name, ...safeFields({ ...this.#bindings, ...fields }) };
  }
}

function openDestination(file: string | undefined): (line: string) => void {
  if (file === undefined) return (line) => void process.stderr.write(line);
  try {
    const destination = pino.destination({ dest: file, sync: true, mkdir: true, mode: 0o600 });
    destination.on("error", () => undefined); // a full disk must not take the worker down
    return (line) => void destination.write(line);
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    throw new ObserveError("LOG_OPEN_FAILED", { path: file, reason }, { cause });
  }
}
