// SPDX-License-Identifier: GPL-3.0-or-later
import type { Field, Fields, Values } from "./fields.ts";
import type { Io } from "./io.ts";
import { CliError } from "./errors.ts";
import type { ExitCode } from "./exit-code.ts";

/** What commander collected for an argument: texts for a list. */
export type Given = string | readonly string[] | undefined;

/** A command as data: commander runs it, `docs/cli.md` is printed from it. */
export interface Command {
  /** Full name, group first: `model import`. */
  readonly name: string;
  readonly summary: string;
  /** More than one line of help, or "". */
  readonly details: string;
  readonly examples: readonly string[];
  readonly args: Fields;
  readonly options: Fields;
  /** Stops cleanly by itself when interrupted, because it holds processes or jobs; all others end at once. */
  readonly stopsItself: boolean;
  /** Parses the texts that commander collected, then runs. */
  invoke(args: readonly Given[], options: Readonly<Record<string, unknown>>, io: Io): Promise<ExitCode>;
}

interface CommandSpec<A extends Fields, O extends Fields> {
  name: string;
  summary: string;
  details?: string;
  examples: readonly string[];
  args: A;
  options: O;
  stopsItself?: boolean;
  /** Returns an exit code only for a negative verdict or "try later"; failures are thrown as typed errors. */
  run(input: Values<A> & Values<O>, io: Io): Promise<ExitCode>;
}

/** Makes a command whose `run` sees parsed, typed values only. */
export function defineCommand<A extends Fields, O extends Fields>(spec: CommandSpec<A, O>): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    details: spec.details ?? "",
    examples: spec.examples,
    args: spec.args,
    options: spec.options,
    stopsItself: spec.stopsItself ?? false,
    async invoke(args, options, io) {
      const input: Record<string, unknown> = {};
      for (const [index, [name, field]] of Object.entries(spec.args).entries())
        input[name] = parse(spec.name, name, field, args[index]);
      for (const [name, field] of Object.entries(spec.options))
        input[name] = parse(spec.name, `--${flagOf(name)}`, field, options[name]);
      return spec.run(input as Values<A> & Values<O>, io);
    },
  };
}

/** `seatReward` → `seat-reward`, the spelling on the command line. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`);

function parse(command: string, name: string, field: Field<unknown>, given: unknown): unknown {
  if (field.kind === "list" && Array.isArray(given) && given.length > 0)
    return given.flatMap((text: unknown) => parse(command, name, { ...field, kind: "required" }, text));
  if (given === undefined) {
    if (field.kind === "required" || field.kind === "list") throw new CliError("OPTION_MISSING", { command, name });
    return field.fallback;
  }
  if (field.kind === "switch") return given === true;
  if (typeof given !== "string") throw new CliError("OPTION_INVALID", { command, name, why: "needs a value" });
  const result = field.parse(given);
  if ("why" in result) throw new CliError("OPTION_INVALID", { command, name, why: result.why });
  return result.value;
}
