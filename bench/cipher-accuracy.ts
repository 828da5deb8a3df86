// SPDX-License-Identifier: GPL-3.0-or-later
// The digits models on ciphertexts, over the whole test split of 10,000 (ASSAY_BENCH_ROWS: fewer): are they right as often as their exact
// programs, and is every answer with margin the program's? Under ten minutes for the first and half an hour for the second, on two threads.
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import type { BenchSuite } from "../scripts/bench.ts";
import { addCounts, type SplitCounts, type SplitPart } from "./she/split-part.ts";

const ROWS = Number(process.env["ASSAY_BENCH_ROWS"] ?? 10_000);
const THREADS = 2;
/** Of digits-cnn-poly, whose model over ciphertexts is not committed: the limit of the design, which is stricter here. */
const LIMIT = 1e-3;

const toleranceOf = async (folder: string): Promise<number> => {
  const report = await readFile(`${folder}/cipher/report.json`, "utf8").catch(() => null);
  return report === null ? LIMIT : (JSON.parse(report) as { tolerance: number }).tolerance;
};

const runPart = (workerData: SplitPart, tell: (done: number) => void): Promise<SplitCounts> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./she/split-part.ts", import.meta.url), { workerData });
    worker.on("message", (said: number | SplitCounts) => {
      if (typeof said === "number") tell(said);
      else resolve(said);
    });
    worker.on("error", reject);
  });

export const suite: BenchSuite = {
  name: "cipher-accuracy",
  async run(report, progress) {
    for (const name of ["digits-mlp-poly", "digits-cnn-poly"]) {
      const folder = new URL(`../models/${name}`, import.meta.url).pathname;
      const tolerance = await toleranceOf(folder);
      const done = Array.from({ length: THREADS }, () => 0);
      const parts = done.map((_, part) =>
        runPart({ folder, rows: ROWS, part, parts: THREADS, tolerance }, (count) => {
          done[part] = count;
          progress(`${name}: ${done.reduce((a, b) => a + b, 0)} of ${ROWS}`);
        }),
      );
      const all = (await Promise.all(parts)).reduce(addCounts);
      const row = (metric: string, value: number, unit: string) => report({ case: name, metric, value, unit });
      row("right on ciphertexts", all.encryptedCorrect, `of ${all.rows}`);
      row("right by the exact program", all.programCorrect, `of ${all.rows}`);
      row("program's answer, with margin", all.agreedWithMargin, `of ${all.withMargin}`);
      row("program's answer", all.agreed, `of ${all.rows}`);
      row("largest error", all.largestError, "of about 1");
    }
  },
};
