// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn, spawnSync } from "node:child_process";

/** Runs a command to its end; `ok` is false for commands that do not exist, too. Both streams make one output. */
export function run([command, ...args], { cwd, env, signal } = {}) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd, env, signal, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (output += bytes));
    child.on("error", (error) => resolve({ ok: false, output, how: error.message }));
    child.on("close", (code, killer) => resolve({ ok: code === 0, output, how: `it left with ${killer ?? code}` }));
  });
}

export function runNow([command, ...args], { env } = {}) {
  const { status, stdout } = spawnSync(command, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return { ok: status === 0, output: stdout ?? "" };
}
