// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";

export interface CountedRun {
  readonly ok: boolean;
  readonly passing: number;
  readonly failing: number;
  readonly pending: number;
  /** What the tool prints about its failed tests: from its count of them to its end, empty without any. */
  readonly failures: string;
}

/** Adds up mocha-style counts, for example "  12 passing". Hardhat's own closing line counts skips as passes. */
export const countLines = (text: string, word: string): number =>
  [...text.matchAll(new RegExp(`^ {2}(\\d+) ${word}\\b`, "gm"))].reduce((sum, match) => sum + Number(match[1]), 0);

/** Runs a tool from node_modules/.bin, hands on what it prints, and counts its tests. */
export function runCounted(
  [command = "", ...args]: readonly string[],
  write: (text: string) => void,
): Promise<CountedRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NO_COLOR: "1", HARDHAT_DISABLE_TELEMETRY: "true" },
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
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
        failures: /^ {2}\d+ failing\b.*/ms.exec(text)?.[0] ?? "",
      }),
    );
  });
}
