// SPDX-License-Identifier: GPL-3.0-or-later
import { isCancel, password, spinner } from "@clack/prompts";
import { json } from "./json.ts";

/** Where a command prints and how it is told to stop. Data goes to stdout, everything else to stderr. */
export interface Io {
  readonly json: boolean;
  /** True where prompts are allowed: a terminal on both ends and no `--yes`. */
  readonly interactive: boolean;
  readonly signal: AbortSignal;
  /** The command's one result: `value` as one line under `--json`, `text` otherwise. */
  result(value: unknown, text: string): void;
  /** One element of a stream; same rule. */
  item(value: unknown, text: string): void;
  /** A remark for people; silent under `--json`. */
  note(text: string): void;
  /** Asks for a text that is not shown. Off a terminal "", so each question needs a flag too; undefined if cancelled. */
  secret(question: string): Promise<string | undefined>;
  /** Announces work that may take more than two seconds. */
  progress(title: string): Progress;
}

export interface Progress {
  /** Names the step that runs now, with how much of the whole is done if that is known. */
  step(text: string, done?: number, total?: number): void;
  done(text: string): void;
  failed(text: string): void;
}

interface Sinks {
  out: { write(text: string): unknown };
  err: NodeJS.WritableStream & { isTTY?: boolean };
}

export function createIo(options: { json: boolean; interactive: boolean; signal: AbortSignal }, sinks: Sinks): Io {
  const line = (text: string): void => void sinks.out.write(`${text}\n`);
  const note = (text: string): void => void sinks.err.write(`${text}\n`);
  return {
    json: options.json,
    interactive: options.interactive,
    signal: options.signal,
    result: (value, text) => line(options.json ? json(value) : text),
    item: (value, text) => line(options.json ? json(value) : text),
    note: (text) => {
      if (!options.json) note(text);
    },
    secret: async (question) => {
      if (!options.interactive) return "";
      const answer = await password({ message: question, output: sinks.err as NodeJS.WriteStream });
      return isCancel(answer) ? undefined : (answer ?? "");
    },
    progress: (title) =>
      options.json
        ? jsonProgress(title, note)
        : sinks.err.isTTY === true
          ? spinnerProgress(title, sinks.err)
          : lineProgress(title, note),
  };
}

/** Under `--json`, progress is one object a line on stderr, so that stdout stays one object. */
function jsonProgress(title: string, write: (text: string) => void): Progress {
  const emit = (state: string, rest: object): void => write(json({ progress: title, state, ...rest }));
  return {
    step: (text, done, total) => emit("step", { text, ...(total === undefined ? {} : { done, total }) }),
    done: (text) => emit("done", { text }),
    failed: (text) => emit("failed", { text }),
  };
}

function lineProgress(title: string, write: (text: string) => void): Progress {
  const say = (text: string): void => write(`${title}: ${text}`);
  return { step: (text, done, total) => say(withCount(text, done, total)), done: say, failed: say };
}

function spinnerProgress(title: string, output: NodeJS.WritableStream): Progress {
  const spin = spinner({ output: output as NodeJS.WriteStream, indicator: "timer" });
  spin.start(title);
  return {
    step: (text, done, total) => spin.message(`${title}: ${withCount(text, done, total)}`),
    done: (text) => spin.stop(`${title}: ${text}`),
    failed: (text) => spin.error(`${title}: ${text}`),
  };
}

const withCount = (text: string, done?: number, total?: number): string =>
  total === undefined ? text : `${text} (${done ?? 0} of ${total})`;
