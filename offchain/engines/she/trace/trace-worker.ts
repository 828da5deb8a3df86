// SPDX-License-Identifier: MIT
// One trace, on a thread of its own: seconds of arithmetic that must not hold up a worker's other jobs.
import { parentPort, workerData } from "node:worker_threads";
import { isAssayError } from "../../../core/errors.ts";
import { nodeHashes } from "../node-hashes.ts";
import { weightObjects } from "../seat/weight-objects.ts";
import { challengerMove, defenderMove } from "./play.ts";
import { StageTrace } from "./trace.ts";
import type { TraceRequest, TraceResponse, TraceStart } from "./trace-messages.ts";

const { plan, stage, facts, sources, weights } = workerData as TraceStart;
const port = parentPort;
const reply = (response: TraceResponse) => port?.postMessage(response);

const trace = new StageTrace(plan, stage, { ...sources, weights: [...weightObjects(weights)] }, nodeHashes);
reply({ id: 0, kind: "ready", commitment: trace.commitment(facts) });

port?.on("message", (request: TraceRequest) => {
  const { id, game } = request;
  try {
    if (request.kind === "defend") reply({ id, kind: "defended", move: defenderMove(trace, game) });
    else reply({ id, kind: "contested", move: challengerMove(trace, game, request.posted, nodeHashes) });
  } catch (error) {
    if (!isAssayError(error)) throw error;
    reply({ id, kind: "refused", code: error.code, meta: error.meta });
  }
});
