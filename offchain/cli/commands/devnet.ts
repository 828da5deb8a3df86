// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { defineCommand } from "../command.ts";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-code.ts";
import { defaulted, flag, integer, optional, text } from "../fields.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Chain, contracts and workers as real processes. They live in a program of their own, which needs the whole repository. */
export const devnet = defineCommand({
  name: "devnet",
  summary: "Run a local chain with contracts and workers until Ctrl-C.",
  details:
    "Starts a Hardhat node on a free loopback port with a block a second, deploys Assay with development parameters, registers the " +
    "models of the repository and runs workers as processes with keys, stakes and stores of their own. Prints one JSON object that names " +
    "everything and writes it to a file; give that file to other commands as --devnet. Needs a checkout of the repository.",
  examples: ["assay devnet", "assay devnet --workers 5 --file build/devnet.json --json"],
  args: {},
  options: {
    workers: defaulted("n", "Workers to run.", integer(1, 31), 16),
    beacon: flag("Take seeds from the workers on duty instead of single block hashes."),
    file: optional("file", "Where to write the devnet file; in the run folder by default.", text),
  },
  stopsItself: true,
  async run(input, io) {
    const script = join(ROOT, "scripts", "devnet.ts");
    if (!existsSync(script)) throw new CliError("NOT_A_CHECKOUT", { path: script });
    const args = [
      script,
      "--workers",
      String(input.workers),
      ...(input.beacon ? ["--beacon"] : []),
      ...(io.json ? ["--json"] : []),
    ];
    if (input.file !== undefined) args.push("--file", input.file);
    // A group of its own: the terminal's Ctrl-C comes here first, and is passed on once.
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], detached: true });
    const stop = (): void => void child.kill("SIGTERM");
    io.signal.addEventListener("abort", stop, { once: true });
    const code = await new Promise<number>((resolve) => {
      child.once("error", () => resolve(1));
      child.once("close", (status) => resolve(status ?? 1));
    });
    io.signal.removeEventListener("abort", stop);
    if (io.signal.aborted) return EXIT.interrupted;
    return code === 0 ? EXIT.done : EXIT.failed;
  },
});
