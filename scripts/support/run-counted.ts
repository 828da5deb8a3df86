// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";

export interface CountedRun {
  readonly ok: boolean;
  readonly passing: number;
  readonly failing: number;
  readonly pending: number;
  /** Empty without failures; else what is printed from the count of failed tests on, or the last lines where none is counted. */
  readonly failures: string;
}

/** Adds up mocha-style counts, for example "  12 passing". Hardhat's own closing line counts skips as passes. */
export const countLines = (text: string, word: string): number =>
  [...text.matchAll(new RegExp(`^ {2}(\\d+) ${word}\\b`, "gm"))].reduce((sum, match) => sum + Number(match[1]), 0);

/** Enough for a compiler's first errors and for the list of a gas snapshot's changes. */
const LAST_LINES = 60;

const lastLines = (text: string): string => text.trimEnd().split("\n").slice(-LAST_LINES).join("\n");

/** Runs a tool from node_modules/.bin, hands on what it prints, and counts its tests. */
export function runCounted(
  [command = "", ...args]: readonly string[],
  write: (text: string) => void,
): Promise<CountedRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", HARDHAT_DISABLE_TELEMETRY: "true" },
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        write(chunk);
      });
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({
        ok: code === 0,
        passing: countLines(text, "passing"),
        failing: countLines(text, "failing"),
        pending: countLines(text, "pending"),
        failures: code === 0 ? "" : (/^ {2}\d+ failing\b.*/ms.exec(text)?.[0] ?? lastLines(text)),
      }),
    );
  });
}
