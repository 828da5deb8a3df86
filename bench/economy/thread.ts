// SPDX-License-Identifier: GPL-3.0-or-later
// One part of the simulation, on a thread of its own.
import { parentPort, workerData } from "node:worker_threads";
import { playPart, plansOf } from "./run.ts";

const { depth, name } = workerData as { depth: "short" | "deep"; name: string };
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort?.postMessage([...playPart(plansOf(depth)[name]?.() ?? [])]);
