// SPDX-License-Identifier: GPL-3.0-or-later
// The process of one key of SnarkjsProver. snarkjs cannot be interrupted, leaves threads behind, and its thread shim does not load inside a
// worker thread; a process can be killed at any moment, and takes its threads and memory along.
import { getCurveFromName } from "ffjavascript";
import { isAssayError } from "../../../core/errors.ts";
import { openKeyFiles } from "../keys/key-files.ts";
import { ProverError } from "./errors.ts";
import { proveWith, type WarmKey } from "./prove-with-snarkjs.ts";
import type { ProveReply, ProveRequest, SerialError } from "./prove-messages.ts";

const MEMORY_CHECK_MS = 100;
const MIB = 1 << 20;
const residentMiB = (): number => Math.ceil(process.memoryUsage.rss() / MIB);

const reply = (message: ProveReply): void => void process.send?.(message);

function serial(error: unknown): SerialError {
  if (isAssayError(error)) {
    const { code, module, meta, message, name } = error;
    return { code, module, meta, message, name };
  }
  return error instanceof Error
    ? { message: error.message, name: error.name, code: (error as NodeJS.ErrnoException).code }
    : { message: String(error), name: "Error" };
}

function watchMemory(limitMiB: number): void {
  setInterval(() => {
    const usedMiB = residentMiB();
    if (usedMiB <= limitMiB) return;
    const failed: SerialError = {
      code: "PROVER_MEMORY",
      module: "zk",
      meta: { usedMiB, limitMiB },
      message: "memory",
      name: "AssayError",
    };
    process.send?.({ failed } satisfies ProveReply, () => process.exit(1));
  }, MEMORY_CHECK_MS).unref();
}

/** ffjavascript starts a thread a core; the surplus is let go. */
async function openCurve(threads: number) {
  const curve = await getCurveFromName("bn128");
  const { tm } = curve;
  for (const surplus of tm.workers?.splice(threads) ?? []) surplus.terminate();
  tm.working?.splice(threads);
  tm.concurrency = Math.min(tm.concurrency, threads);
  return curve;
}

let key: WarmKey | undefined;

async function answer(request: ProveRequest): Promise<ProveReply> {
  if (request.call === "open") {
    watchMemory(request.memoryMiB);
    const opened = await openKeyFiles(request.files);
    key = { ...opened, curve: await openCurve(request.threads) };
    return { opened: { record: opened.recordBytes, wires: opened.zkey.wires, residentMiB: residentMiB() } };
  }
  if (key === undefined) throw new ProverError("PROVER_CRASHED", { reason: "no key was opened" });
  return proveWith(key, request, (step) => reply({ step }));
}

process.on("message", (request: ProveRequest) => {
  answer(request).then(reply, (error: unknown) => reply({ failed: serial(error) }));
});
// Ctrl-C goes to the whole process group; the parent finishes or hands back, then closes this one.
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit(1));
