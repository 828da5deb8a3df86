// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { denseRows, type RealNetwork } from "../she/real-network.ts";
import { runPeerOn, type PeerReport } from "./run-peer.ts";

const LIBRARIES = [
  { name: "tenseal", version: "0.3.18", python: "python3" },
  // Its wheels are built for one Python each.
  { name: "openfhe", version: "1.6.1.0.22.4", python: "python3.10" },
] as const;

/** CKKS libraries of PyPI on the same network, those that are installed; `ownMs`: the CPU time of our evaluation in this run. */
export async function benchShePeers(
  model: string,
  network: RealNetwork,
  ownMs: number,
  report: PeerReport,
  progress: (text: string) => void,
): Promise<void> {
  const { input, exact, first, second } = network;
  const layers = [first, second].map((map) => ({ rows: denseRows(map), bias: map.bias }));
  const data = { input, exact, layers };
  for (const { name, version, python } of LIBRARIES) {
    const folder = `build/peers/${name}`;
    if (!existsSync(`${folder}/bin/python`)) {
      const install = `${python} -m venv ${folder} && ${folder}/bin/pip install ${name}==${version} numpy`;
      progress(`peer ${name} is not installed, left out. To compare: ${install}`);
      continue;
    }
    const command = [`${folder}/bin/python`, `bench/peers/${name}-process.py`] as const;
    const beside: PeerReport = (row) =>
      report(row.metric === "eval_cpu_ms" ? { ...row, baseline: "own evaluator", ratio: row.value / ownMs } : row);
    await runPeerOn(`${model}/${name}`, () => Promise.resolve(data), command, beside, progress);
  }
}
