// SPDX-License-Identifier: GPL-3.0-or-later
// Class T: how often honest machines and impostors are flagged, by the protocol's own tally under fresh seeds.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { loadFloatModel } from "../offchain/engines/program/float/load-float-model.ts";
import { parseCsv } from "../offchain/engines/program/dataset.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import { halfWeights, int8Weights, noisyWeights } from "./tolerance/impostors.ts";
import { flagRate, measureTolerance } from "./tolerance/measure.ts";
import { asSvg, asTable, TAUS } from "./tolerance/plot.ts";

const INPUTS = 250;
const RUNS = 1000;
const OUT = "build/bench";

/**
 * 1,000 committees of five a case over 250 held-out rows. Targets: no honest run flagged, 99 % of each impostor's. The
 * rate against tau goes to stderr as a table and to build/bench/tolerance.svg as a picture.
 */
export const suite: BenchSuite = {
  name: "tolerance",
  async run(report, progress) {
    const folder = "models/mail-letters";
    const model = await loadFloatModel(folder);
    const { bytes } = model.program;
    const measured = await measureTolerance(
      {
        model,
        data: parseCsv(readFileSync("models/data/letters-test.csv", "utf8")),
        inputs: INPUTS,
        runs: RUNS,
        impostors: [
          {
            name: "another model",
            bytes: new Uint8Array(readFileSync("test/fixtures/models/mail-letters-other.onnx")),
          },
          { name: "1 % weight noise", bytes: noisyWeights(bytes, 0.01, 1) },
          { name: "8-bit, a scale a tensor", bytes: int8Weights(bytes, "tensor") },
          { name: "8-bit, a scale a row", bytes: int8Weights(bytes, "row") },
          { name: "half precision", bytes: halfWeights(bytes) },
          { name: "0.1 % weight noise", bytes: noisyWeights(bytes, 0.001, 2) },
        ],
      },
      progress,
    );
    const { cases, tau, machines } = measured;
    const name = (of: string) => `mail-letters, ${of}`;
    for (const { name: of, honest, needed, neededA, neededB, flagged, wronged } of cases) {
      const baseline = honest ? `${machines.length} kinds of machine` : "";
      const rate = (value: number) => (100 * value) / RUNS;
      report({ case: name(of), metric: `flagged at tau ${tau}`, value: rate(flagged), unit: "%", baseline });
      report({ case: name(of), metric: "of them by A alone", value: 100 * flagRate(neededA, tau), unit: "%" });
      report({ case: name(of), metric: "of them by B alone", value: 100 * flagRate(neededB, tau), unit: "%" });
      report({ case: name(of), metric: "honest seats beside it flagged", value: wronged, unit: "seats" });
      const sorted = needed.toSorted((a, b) => a - b);
      const at = honest ? sorted.at(-1) : sorted[Math.floor(RUNS / 100)];
      report({
        case: name(of),
        metric: honest ? "largest distance" : "first percentile",
        value: at ?? 0,
        unit: "steps",
      });
    }
    for (const at of TAUS)
      for (const { name: of, needed } of cases)
        report({ case: name(of), metric: `rate at tau ${at}`, value: 100 * flagRate(needed, at), unit: "%" });
    mkdirSync(OUT, { recursive: true });
    writeFileSync(`${OUT}/tolerance.svg`, asSvg(measured));
    progress(`rate in % against tau (* the model's)\n${asTable(measured)}`);
  },
};
