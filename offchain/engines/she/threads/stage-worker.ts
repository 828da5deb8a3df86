// SPDX-License-Identifier: MIT
// One lane of one stage's evaluation, on a thread of its own.
import { parentPort, workerData } from "node:worker_threads";
import { isAssayError } from "../../../core/errors.ts";
import { sharedLane, SINGLE_LANE } from "../evaluator/lane.ts";
import { StageRunner } from "../evaluator/stage-runner.ts";
import { KernelMemory } from "../kernel/kernel.ts";
import { Ring } from "../kernel/ring.ts";
import type { LaneRequest, LaneResponse, LaneStart } from "./messages.ts";

const { memory, index, count, kernel, profile, stage, interleave, weights } = workerData as LaneStart;
const port = parentPort;
const reply = (response: LaneResponse) => port?.postMessage(response);

const kernelMemory = new KernelMemory(memory);
const meeting = kernelMemory.allocate(64);
const lane = count === 1 ? SINGLE_LANE : sharedLane(index, count, memory, meeting);
const ring = new Ring(profile, kernel, kernelMemory, index === 0);
const runner = new StageRunner(ring, stage, interleave, weights, lane);
lane.meet(); // The first lane has filled the tables.
runner.loadWeights();
reply({ kind: "ready" });

port?.on("message", (request: LaneRequest) => {
  try {
    if (request.kind === "keys") {
      runner.loadKeys(request.keys);
      reply({ kind: "loaded" });
    } else {
      const output = runner.run(request.input);
      reply(index === 0 ? { kind: "output", output } : { kind: "done" });
    }
  } catch (error) {
    if (!isAssayError(error)) throw error;
    reply({ kind: "refused", code: error.code, meta: error.meta });
  }
});
