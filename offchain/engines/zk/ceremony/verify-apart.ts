// SPDX-License-Identifier: GPL-3.0-or-later
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AssayError, type MetaValue, type Retry } from "../../../core/errors.ts";
import type { SetupCircuit } from "../setup/setup-circuit.ts";
import { threadFile } from "../setup/thread-file.ts";
import { CeremonyError } from "./errors.ts";
import type { SetupReport, VerifySetupOptions } from "./verify-setup.ts";

export type VerifyRequest = Omit<VerifySetupOptions, "signal" | "onProgress">;

/** A typed error as it goes over the pipe; of others only what they say. */
export type FailedSetup =
  | {
      readonly id: string;
      readonly code: string;
      readonly module: string;
      readonly meta: Readonly<Record<string, MetaValue>>;
      readonly message: string;
      readonly fix: string;
      readonly retry: Retry;
    }
  | { readonly message: string };
export type VerifyReply = { readonly report: SetupReport } | { readonly failed: FailedSetup };

const crashed = (reason: string, cause?: unknown) =>
  new CeremonyError("STOCK_FAILED", { call: "verify-setup", reason }, { cause });

function revive(failed: FailedSetup): Error {
  if (!("code" in failed)) return crashed(failed.message);
  const { id, code, module, meta, message: text, fix, retry } = failed;
  return new AssayError(module, id, code, { n: 0, text, fix, retry }, meta);
}

/**
 * `verifySetup` in a process of its own: it takes minutes of a core, and a worker has seats to serve meanwhile. Errors: those of
 * `verifySetup`; STOCK_FAILED if the process ends otherwise; the signal's reason.
 */
export async function verifySetupApart(request: VerifyRequest, signal?: AbortSignal): Promise<SetupReport> {
  signal?.throwIfAborted();
  const { r1cs, groups, circuitHash, boundaries, options } = request.circuit;
  // Of a compiled circuit only what a key depends on goes over the pipe.
  const backend = options === undefined ? {} : { options: { backend: options.backend } };
  const circuit: SetupCircuit = { r1cs, groups, circuitHash, boundaries, ...backend };
  const child = fork(fileURLToPath(threadFile("verify-process", import.meta.url)), [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<VerifyReply>();
  child.on("message", resolve);
  child.on("error", (error) => reject(crashed(error.message, error)));
  child.on("exit", (code, killed) => reject(crashed(`its process ended with ${killed ?? code ?? "nothing"}`)));
  const stop = (): void => void child.kill();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    child.send({ ...request, circuit }, (error) => {
      if (error !== null) reject(crashed(error.message, error));
    });
    const reply = await promise;
    if ("failed" in reply) throw revive(reply.failed);
    return reply.report;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    child.kill();
  }
}
