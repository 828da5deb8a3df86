// SPDX-License-Identifier: GPL-3.0-or-later
import { Writable } from "node:stream";
import type { Command } from "../../offchain/cli/command.ts";
import type { ExitCode } from "../../offchain/cli/exit-code.ts";
import { runCli } from "../../offchain/cli/run-cli.ts";

export interface Captured {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, off a terminal, and keeps what it printed. */
export async function captureCli(
  commands: readonly Command[],
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Captured> {
  let out = "";
  let err = "";
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      err += chunk.toString();
      done();
    },
  });
  const code = await runCli(commands, argv, {
    out: { write: (text) => (out += text) },
    err: sink,
    interactive: false,
    signal,
  });
  return { code, out, err };
}
