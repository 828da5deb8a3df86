// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { EnclaveClient } from "./enclave-client.ts";
import type { InnerMainOptions } from "./inner-main.ts";

/**
 * The enclave's part as a process of its own, over one stream. It gets no environment, no terminal and no file of the host's beside its
 * model and its code; it ends with the stream.
 */
export async function launchInner(options: InnerMainOptions): Promise<EnclaveClient> {
  const main = fileURLToPath(new URL("inner-main.ts", import.meta.url));
  const { NODE_ENV } = process.env;
  const child = spawn(process.execPath, [main, JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: NODE_ENV === undefined ? {} : { NODE_ENV },
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  // The fourth of its descriptors, which stdio's type does not tell.
  const client = new EnclaveClient(child.stdio[3] as unknown as Duplex);
  void client.ended.then(() => child.kill());
  return client;
}
