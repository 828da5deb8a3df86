// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
  /** Called with each line of stdout. */
  readonly onLine?: (line: string) => void;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly running: boolean;
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
}

/** The processes this run started, and nothing else: only they are ever signalled. */
export class Children {
  readonly #children = new Set<Child>();

  start(options: ChildOptions): Child {
    const spawned = spawn(options.command, options.args, {
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C reaches this run alone, which then stops its children in order.
      detached: true,
    });
    const log = createWriteStream(options.logFile, { flags: "a" });
    spawned.stdout.pipe(log, { end: false });
    spawned.stderr.pipe(log, { end: false });
    const { onLine } = options;
    if (onLine !== undefined) createInterface({ input: spawned.stdout }).on("line", onLine);
    const child = toChild(options.name, spawned);
    this.#children.add(child);
    void child.exited.then(() => {
      this.#children.delete(child);
      log.end();
    });
    return child;
  }

  /** SIGTERM to all, SIGKILL to those that are still there after `graceMs`. */
  async stopAll(graceMs: number): Promise<void> {
    const all = [...this.#children].toReversed();
    for (const child of all) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of all) if (child.running) child.kill("SIGKILL");
    }, graceMs);
    await Promise.all(all.map(async (child) => child.exited));
    clearTimeout(timer);
  }

  /** Last resort for a synchronous exit handler. */
  killAll(): void {
    for (const child of this.#children) child.kill("SIGKILL");
  }
}

function toChild(name: string, spawned: ChildProcess): Child {
  let running = true;
  const exited = new Promise<number | string>((resolve) => {
    spawned.once("error", (error) => {
      running = false;
      resolve(error.message);
    });
    spawned.once("close", (code, signal) => {
      running = false;
      resolve(code ?? signal ?? "unknown");
    });
  });
  return {
    name,
    pid: spawned.pid ?? -1,
    get running() {
      return running;
    },
    exited,
    kill: (signal) => void spawned.kill(signal),
  };
}
