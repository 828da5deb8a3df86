// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { runPeer, type PeerReport } from "./run-peer.ts";

const PYTHON = "build/peers/ezkl/bin/python";
const INSTALL = "python3 -m venv build/peers/ezkl && build/peers/ezkl/bin/pip install ezkl onnx";

/** EZKL from PyPI, if it is installed. */
export async function benchEzkl(model: string, report: PeerReport, progress: (text: string) => void): Promise<void> {
  if (!existsSync(PYTHON)) {
    progress(`peer EZKL is not installed, left out. To compare: ${INSTALL}`);
    return;
  }
  await runPeer("ezkl", model, [PYTHON, "bench/peers/ezkl-process.py"], report, progress);
}
