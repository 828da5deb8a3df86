// SPDX-License-Identifier: GPL-3.0-or-later
// A local Assay until Ctrl-C: what `assay devnet` runs.
//
//   node scripts/devnet.ts [--workers 16] [--file devnet.json] [--beacon] [--json]
import { parseArgs } from "node:util";
import { buildContracts } from "./demo/build-contracts.ts";
import { Children } from "./demo/children.ts";
import { startDevnet, writeDevnetFile } from "./demo/devnet.ts";
import { createRunFolder } from "./demo/run-folder.ts";

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "16" },
    file: { type: "string" },
    beacon: { type: "boolean", default: false },
    json: { type: "boolean" },
  },
});
const stop = new AbortController();
const children = new Children();
process.on("exit", () => children.killAll());
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());

const folder = createRunFolder("build/run", new Date());
const note = (text: string): void => {
  if (values.json !== true) process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
};
try {
  await buildContracts(note);
  const devnet = await startDevnet({
    folder,
    workers: Number(values.workers),
    models: ["tumor-mlp", "digits-mlp", "digits-cnn", "digits-split", "mail-letters"].map((name) => `models/${name}`),
    ciphers: ["digits-mlp-poly", "tumor-poly"].map((name) => `models/${name}`),
    beacon: values.beacon,
    children,
    signal: stop.signal,
    progress: note,
  });
  const file =
    values.file === undefined ? writeDevnetFile(devnet, folder) : writeDevnetFile(devnet, folder, values.file);
  const { rpcUrl, hub } = { rpcUrl: devnet.chain.url, hub: devnet.deployment.hub };
  if (values.json === true)
    process.stdout.write(`${JSON.stringify({ ready: true, file, rpcUrl, hub, folder: folder.path })}\n`);
  else
    console.log(
      `Chain ${rpcUrl}\nHub   ${hub}\nFile  ${file}\nGive the file to other commands as --devnet. Ctrl-C stops everything.`,
    );
  if (!stop.signal.aborted)
    await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
} catch (error) {
  if (!stop.signal.aborted) {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  }
} finally {
  note("stopping");
  await children.stopAll(5_000);
}
