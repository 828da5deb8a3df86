// SPDX-License-Identifier: GPL-3.0-or-later
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { AssayError, errorRegistry } from "../../../core/errors.ts";
import { threadFile } from "../setup/thread-file.ts";
import { ProverError } from "./errors.ts";
import type { OpenRequest, OpenResult, ProveReply, ProveRequest, SerialError } from "./prove-messages.ts";
import type { ProveStep } from "./prover.ts";

type Result = Exclude<ProveReply, { readonly step: ProveStep } | { readonly failed: SerialError }>;

/** Typed errors keep their class across the pipe; foreign ones become PROVER_CRASHED with their name. */
function revive(failed: SerialError): Error {
  const { code, module, meta = {}, message, name } = failed;
  const known = errorRegistry().find((error) => error.code === code && error.module === module);
  if (known !== undefined) return new AssayError(known.module, known.id, known.code, known, meta);
  return new ProverError("PROVER_CRASHED", { reason: code === undefined ? `${name}: ${message}` : code });
}

/** One proving process and the call it is working on. */
export class ProveChild {
  readonly #child: ChildProcess;
  #ended: Error | undefined;
  #opened = false;
  #waiting: { resolve(result: Result): void; reject(error: Error): void; onStep(step: ProveStep): void } | undefined;

  constructor() {
    this.#child = fork(fileURLToPath(threadFile("prove-process", import.meta.url)), [], {
      // Witnesses go over the pipe as bytes, not as JSON.
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child.on("message", (reply: ProveReply) => {
      if ("step" in reply) return this.#waiting?.onStep(reply.step);
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if ("failed" in reply) waiting?.reject(revive(reply.failed));
      else waiting?.resolve(reply);
    });
    this.#child.on("error", (error) => this.#end(new ProverError("PROVER_CRASHED", { reason: error.message })));
    this.#child.on("exit", (code, signal) =>
      this.#end(new ProverError("PROVER_CRASHED", { reason: `it left with ${signal ?? code ?? "nothing"}` })),
    );
    // An idle key does not keep the program running.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Whether its key is warm. */
  get opened(): boolean {
    return this.#opened;
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }

  async open(request: Omit<OpenRequest, "call">): Promise<OpenResult> {
    const result = await this.call({ call: "open", ...request }, () => {});
    if (!("opened" in result)) throw new ProverError("PROVER_CRASHED", { reason: "it answered something else" });
    this.#opened = true;
    return result.opened;
  }

  /** One call at a time. */
  call(request: ProveRequest, onStep: (step: ProveStep) => void): Promise<Result> {
    const ended = this.#ended;
    if (ended !== undefined) return Promise.reject(ended);
    const child = this.#child;
    child.ref();
    child.channel?.ref();
    const answer = new Promise<Result>((resolve, reject) => {
      this.#waiting = { resolve, reject, onStep };
      child.send(request, (error) => {
        if (error !== null) this.#end(new ProverError("PROVER_CRASHED", { reason: error.message }));
      });
    });
    return answer.finally(() => {
      child.unref();
      child.channel?.unref();
    });
  }

  /** At once, whatever it is doing. `reason` is what a call under way rejects with. */
  async kill(reason: Error): Promise<void> {
    this.#end(reason);
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>((resolve) => {
      child.ref();
      child.once("exit", () => resolve());
      child.kill("SIGKILL");
    });
  }
}
