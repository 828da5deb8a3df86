// SPDX-License-Identifier: GPL-3.0-or-later
import { Command as CommanderCommand, CommanderError } from "commander";
import { flagOf, type Command, type Given } from "./command.ts";
import { CliError } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Field } from "./fields.ts";
import { createIo, type Io } from "./io.ts";
import { json } from "./json.ts";
import { reportError } from "./report-error.ts";

export interface CliHost {
  out: { write(text: string): unknown };
  err: NodeJS.WritableStream & { isTTY?: boolean };
  interactive: boolean;
  signal: AbortSignal;
}

/** Runs one command line; never throws, returns the exit code. */
export async function runCli(commands: readonly Command[], argv: readonly string[], host: CliHost): Promise<ExitCode> {
  // Read before parsing: even a bad command line must answer in the asked form.
  const asJson = argv.includes("--json");
  let code: ExitCode = EXIT.done;
  const run = async (command: Command, args: readonly Given[], options: Record<string, unknown>) => {
    const io: Io = createIo(
      { json: asJson, interactive: host.interactive && !asJson && options["yes"] !== true, signal: host.signal },
      host,
    );
    const running = command.invoke(args, options, io);
    code = await (command.stopsItself ? running : Promise.race([running, interrupted(host.signal)]));
  };
  try {
    await buildProgram(commands, host, run).parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT.done; // --help, --version
      // A group without a command prints its help; that is a usage mistake without more to say.
      if (error.code === "commander.help") return EXIT.usage;
      return reportError(new CliError("USAGE", { why: error.message.replace(/^error: /, "") }), asJson, host);
    }
    if (host.signal.aborted) return EXIT.interrupted;
    return reportError(error, asJson, host);
  }
}

/** Settles with the exit code of an interruption, when there is one. */
async function interrupted(signal: AbortSignal): Promise<ExitCode> {
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  return EXIT.interrupted;
}

type Runner = (command: Command, args: readonly Given[], options: Record<string, unknown>) => Promise<void>;

function buildProgram(commands: readonly Command[], host: CliHost, run: Runner): CommanderCommand {
  const program = configure(new CommanderCommand("assay"), host)
    .description("Verified AI inference on machines that nobody has to trust.")
    .version("0.1.0");
  const groups = new Map<string, CommanderCommand>();
  for (const command of commands) {
    const words = command.name.split(" ");
    let parent = program;
    for (let depth = 1; depth < words.length; depth++) {
      const name = words.slice(0, depth).join(" ");
      const group =
        groups.get(name) ??
        configure(parent.command(words[depth - 1] ?? ""), host).description(`Commands about: ${name}`);
      groups.set(name, group);
      parent = group;
    }
    const built = configure(parent.command(words.at(-1) ?? ""), host).summary(command.summary);
    built.description(command.details === "" ? command.summary : `${command.summary}\n\n${command.details}`);
    for (const [name, field] of Object.entries(command.args)) built.argument(argumentUsage(name, field), field.summary);
    for (const [name, field] of Object.entries(command.options)) built.option(optionFlags(name, field), helpOf(field));
    built.option("--json", "one JSON object on stdout, progress objects on stderr");
    built.option("--yes", "answer every question with yes");
    built.option("--no-color", "no colours");
    built.action(async (...given: unknown[]) => {
      const count = Object.keys(command.args).length;
      await run(command, given.slice(0, count) as Given[], given[count] as Record<string, unknown>);
    });
  }
  return program;
}

function configure(command: CommanderCommand, host: CliHost): CommanderCommand {
  return command
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => void host.out.write(text),
      writeErr: (text) => void host.err.write(text),
      outputError: () => {}, // reported once, by reportError
    });
}

/** `<file>`, `[file]` or `<file...>`. */
export const argumentUsage = (name: string, { kind }: Field<unknown>): string =>
  kind === "list" ? `<${name}...>` : kind === "required" ? `<${name}>` : `[${name}]`;

export const optionFlags = (name: string, field: Field<unknown>): string =>
  field.kind === "switch" ? `--${flagOf(name)}` : `--${flagOf(name)} <${field.placeholder}>`;

/** Summary with what happens if the option is left out. */
export function helpOf(field: Field<unknown>): string {
  if (field.kind === "required" || field.kind === "list") return `${field.summary} (required)`;
  if (field.kind === "switch" || field.fallback === undefined) return field.summary;
  return `${field.summary} (default: ${typeof field.fallback === "string" ? field.fallback : json(field.fallback)})`;
}
