// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { runPeer, type PeerReport } from "./run-peer.ts";

export const CIRCOMLIB_ML = "build/peers/circomlib-ml/node_modules/circomlib-ml/circuits";
const INSTALL = "npm install --prefix build/peers/circomlib-ml --no-save --ignore-scripts circomlib-ml@1.4.4";

/** The circom peer library with snarkjs, if it is installed. */
export async function benchCircomlibMl(
  model: string,
  report: PeerReport,
  progress: (text: string) => void,
): Promise<void> {
  if (!existsSync(CIRCOMLIB_ML)) {
    progress(`peer circomlib-ml is not installed, left out. To compare: ${INSTALL}`);
    return;
  }
  await runPeer("circomlib-ml", model, [process.execPath, "bench/peers/circomlib-ml-process.ts"], report, progress);
}
