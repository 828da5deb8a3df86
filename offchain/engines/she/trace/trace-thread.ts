// SPDX-License-Identifier: MIT
import { Worker } from "node:worker_threads";
import { fileURLToPath } from "node:url";
import type { TraceCommitment } from "../../../core/she/cipher-stage.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { ChallengerMove, DefenderMove, GameView } from "./play.ts";
import type { TraceRequest, TraceResponse, TraceStart } from "./trace-messages.ts";

/** This file's neighbour, in TypeScript here and in JavaScript when packed. */
const workerFile = (): string =>
  fileURLToPath(new URL(`./trace-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url));

type Question =
  { readonly kind: "defend" } | { readonly kind: "contest"; readonly posted: readonly `0x${string}`[] | Uint8Array };

/** A stage's evaluation row by row on a thread of its own, and the moves of games about it. Moves queue. */
export class TraceThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<TraceResponse>>();
  #failure: unknown;
  #next = 1;
  #commitment: TraceCommitment | undefined;

  private constructor(start: TraceStart) {
    this.#worker = new Worker(workerFile(), { workerData: start, name: "she-trace" });
    this.#worker.on("message", (response: TraceResponse) => {
      const waiting = this.#waiting.get(response.id);
      this.#waiting.delete(response.id);
      waiting?.resolve(response);
    });
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(undefined));
  }

  /** Resolves when the stage is evaluated. The caller has checked that input, keys and weights are the job's. Error: WORKER_FAILED. */
  static async start(start: TraceStart): Promise<TraceThread> {
    const thread = new TraceThread(start);
    const ready = await thread.#answer(0);
    if (ready.kind === "ready") thread.#commitment = ready.commitment;
    return thread;
  }

  /** What whoever stands for this evaluation is bound to. */
  get commitment(): TraceCommitment {
    if (this.#commitment === undefined) throw new SheError("WORKER_FAILED");
    return this.#commitment;
  }

  /** Errors: STEP_REFUSED if the game is about a row that there is not, WORKER_FAILED. */
  async defenderMove(game: GameView): Promise<DefenderMove> {
    const answer = await this.#ask(game, { kind: "defend" });
    if (answer.kind !== "defended") throw new SheError("WORKER_FAILED");
    return answer.move;
  }

  /** Errors: STEP_REFUSED if nothing differs, WORKER_FAILED. */
  async challengerMove(game: GameView, posted: readonly `0x${string}`[] | Uint8Array): Promise<ChallengerMove> {
    const answer = await this.#ask(game, { kind: "contest", posted });
    if (answer.kind !== "contested") throw new SheError("WORKER_FAILED");
    return answer.move;
  }

  /** Ends the thread; what is still asked fails with WORKER_FAILED. */
  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask({ phase, levels, row, coordinate }: GameView, question: Question): Promise<TraceResponse> {
    const id = this.#next++;
    const answer = this.#answer(id);
    const request: TraceRequest = { id, game: { phase, levels, row, coordinate }, ...question };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage(request);
    const response = await answer;
    // Classes do not survive the way between threads.
    if (response.kind === "refused" && response.code === "STEP_REFUSED")
      throw new SheError("STEP_REFUSED", { reason: String(response.meta["reason"] ?? "") });
    return response;
  }

  #answer(id: number): Promise<TraceResponse> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const waiting = Promise.withResolvers<TraceResponse>();
    this.#waiting.set(id, waiting);
    return waiting.promise;
  }

  #fail(cause: unknown): void {
    this.#failure ??= new SheError("WORKER_FAILED", {}, { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}
