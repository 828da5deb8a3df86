// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { concatBytes } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";
import { helperFile } from "../native/sources.mjs";
import { NSM_MOST_ANSWER, type NsmDevice } from "./nsm.ts";

export interface NsmHelperOptions {
  /** The built helper; where `scripts/nsm/build.mjs` puts it by default. */
  readonly file?: string;
  /** Its environment; empty by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** The driver itself waits two minutes for the module. */
  readonly timeoutMs?: number;
}

const MOST_WORDS = 400;
const gives = (detail: string, cause?: unknown) => new EvidenceError("PROVIDER", { detail }, { cause });

/**
 * /dev/nsm by a helper process a request, because JavaScript has no ioctl. It is part of the image, and measured with it. Error: PROVIDER.
 */
export class NsmHelper implements NsmDevice {
  readonly #options: NsmHelperOptions;

  constructor(options: NsmHelperOptions = {}) {
    this.#options = options;
  }

  async exchange(request: Uint8Array): Promise<Uint8Array> {
    const { file = helperFile(), env = {}, timeoutMs = 150_000 } = this.#options;
    if (!existsSync(file))
      throw gives("the helper for /dev/nsm is not built: run `node scripts/nsm/build.mjs` for the image");
    return new Promise((resolve, reject) => {
      const child = spawn(file, [], {
        env,
        stdio: ["pipe", "pipe", "pipe"],
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      });
      const parts: Uint8Array[] = [];
      let length = 0;
      let words = "";
      child.stdout.on("data", (part: Uint8Array) => {
        length += part.length;
        if (length > NSM_MOST_ANSWER) child.kill("SIGKILL");
        else parts.push(part);
      });
      child.stderr.on("data", (part: Uint8Array) => {
        if (words.length < MOST_WORDS) words += Buffer.from(part).toString("latin1");
      });
      // A helper that ends before it has read says why by its code.
      child.stdin.on("error", () => undefined);
      child.on("error", (cause) => reject(gives(`the helper for /dev/nsm does not start (${cause.message})`, cause)));
      child.on("close", (code, signal) => {
        if (code === 0) return resolve(concatBytes(...parts));
        const [line = ""] = words.trim().split("\n").slice(-1);
        const said = line.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 120);
        reject(gives(said === "" ? `the helper for /dev/nsm ended with ${signal ?? code}` : said));
      });
      child.stdin.end(request);
    });
  }
}
