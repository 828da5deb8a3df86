// SPDX-License-Identifier: GPL-3.0-or-later
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { standardise } from "../../offchain/core/program/preprocess.ts";
import { takeRows } from "../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../offchain/engines/program/import-folder.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import type { BenchRow } from "../../scripts/bench.ts";

export type PeerReport = (row: BenchRow) => void;
/** A program and its arguments; the path of `data.json` is put behind them. */
export type Command = readonly [string, ...string[]];

/** What a peer is given: the float model and standardised inputs with their labels. */
export interface PeerData {
  readonly onnx: string;
  readonly folder: string;
  readonly inputs: readonly (readonly number[])[];
  readonly labels: readonly number[];
  /** Classes by argmax, or one logit whose sign decides. */
  readonly decision: "argmax" | "sign";
}

const SAMPLES = 100;

async function peerData(model: string, folder: string): Promise<PeerData> {
  const path = `models/${model}`;
  const { preprocess, output } = await loadModel(path);
  const rows = takeRows(await readDataset(path, (await readRecipe(path)).evaluation), SAMPLES);
  const reals = [...standardise(preprocess, rows.features)];
  const width = reals.length / SAMPLES;
  return {
    onnx: `${path}/model.onnx`,
    folder,
    inputs: Array.from({ length: SAMPLES }, (_, i) => reals.slice(i * width, (i + 1) * width)),
    labels: [...rows.labels],
    decision: output.decision.kind === "argmax" ? "argmax" : "sign",
  };
}

/**
 * Runs a peer's program on a zoo model with a folder that holds `data.json` (PeerData); each line it prints is a row without its case.
 */
export async function runPeer(
  peer: string,
  model: string,
  command: Command,
  report: PeerReport,
  progress: (text: string) => void,
): Promise<void> {
  await runPeerOn(`${model}/${peer}`, (folder) => peerData(model, folder), command, report, progress);
}

/** The same on any data. A peer that fails is reported on stderr and does not end the bench. */
export async function runPeerOn(
  name: string,
  dataFor: (folder: string) => Promise<unknown>,
  command: Command,
  report: PeerReport,
  progress: (text: string) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "assay-peer-"));
  try {
    writeFileSync(join(folder, "data.json"), JSON.stringify(await dataFor(folder)));
    const [program, ...rest] = command;
    const child = spawn(program, [...rest, join(folder, "data.json")], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
    const exit = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code));
    });
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("{")) continue;
      const row = JSON.parse(line) as Omit<BenchRow, "case"> & { readonly step?: string };
      if (row.step === undefined) report({ case: name, ...row });
      else progress(`${name}: ${row.step}`);
    }
    if ((await exit) !== 0) progress(`${name}: failed: ${said.trim()}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const readPeerData = async (path: string): Promise<PeerData> =>
  JSON.parse(await readFile(path, "utf8")) as PeerData;
