// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex, utf8 } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { encodeLeakageReport } from "../../../core/planning/leakage-report.ts";
import { DEFAULT_LEAKAGE_LIMITS, withinLeakage } from "../../../core/planning/leakage-limits.ts";
import { epsilonOf, noiseLabel, releaseRho } from "../../../core/noise/mechanism.ts";
import { measureLeakage } from "../../../audit/measure-leakage.ts";
import { joinDatasets } from "../../../engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../../engines/program/import-folder.ts";
import { loadModel } from "../../../engines/program/load-program.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, integer, optional, required, text } from "../../fields.ts";

const percent = (ppm: number) => `${(ppm / 10_000).toFixed(1)} %`.padStart(8);

export const modelLeakage = defineCommand({
  name: "model leakage",
  summary: "Attack every legal cut of a model and report what its boundary gives away.",
  details:
    "Trains a linear and a non-linear inversion on rows of the evaluation data (and of the calibration data, where those are too few) and judges them on others: share of the input's variance " +
    "recovered, distance correlation, labels read off the boundary. The figures are a lower bound: better attacks recover more. With " +
    "--out, leakage.json and, for images, leakage.png (originals, then each cut's reconstructions) are written; in the model's folder, " +
    "the next `assay model import` puts the report's hash into report.json, and so into the model id. The same data give the same bytes.",
  examples: [
    "assay model leakage models/digits-mlp --out models/digits-mlp",
    "assay model leakage models/digits-mlp --clip 200 --variance 1000 --json",
  ],
  args: { folder: required("folder", "Model folder.", text) },
  options: {
    out: optional("folder", "Where to write the report and the picture.", text),
    auxiliary: defaulted("rows", "Rows that the attacker learns from.", integer(1, 1_000_000), 1500),
    test: defaulted("rows", "Rows that the attack is judged on.", integer(1, 1_000_000), 500),
    passes: defaulted("n", "Passes of the non-linear attack over its rows.", integer(1, 1000), 8),
    seed: defaulted("n", "Which rows, and where the attacks start.", integer(0, 0xffffffff), 2026),
    clip: optional("norm", "Measure with noise: L2 norm that boundaries are clipped to.", integer(1, 2 ** 24)),
    variance: optional("sigma²", "Measure with noise: variance of the discrete Gaussian.", integer(1, 2 ** 40)),
  },
  async run({ folder, out, auxiliary, test, passes, seed, clip, variance }, io) {
    const model = await loadModel(folder);
    const recipe = await readRecipe(folder);
    const evaluation = await readDataset(folder, recipe.evaluation);
    const data =
      evaluation.rows >= auxiliary + test
        ? evaluation
        : joinDatasets(evaluation, await readDataset(folder, recipe.calibration));
    const noise =
      clip === undefined && variance === undefined
        ? undefined
        : { clip: clip ?? 1, varianceNumerator: variance ?? 1, varianceDenominator: 1 };
    const progress = io.progress("leakage");
    const { report, picture } = measureLeakage(model, data, {
      auxiliaryRows: auxiliary,
      testRows: test,
      passes,
      seed,
      onProgress: (step) => progress.step(step),
      ...(noise === undefined ? {} : { noise }),
    });
    progress.done("measured");
    const json = utf8(encodeLeakageReport(report));
    if (out !== undefined) {
      writeFileSync(join(out, "leakage.json"), json);
      if (picture !== null) writeFileSync(join(out, "leakage.png"), picture);
    }
    const epsilon = noise === undefined ? null : epsilonOf(releaseRho(noise));
    const rows = report.cuts.map((cut) =>
      [
        String(cut.afterOp).padStart(3),
        cut.kind.padEnd(10),
        cut.dims.join("x").padEnd(10),
        percent(cut.recoveryPpm),
        percent(cut.ridgePpm),
        percent(cut.mlpPpm),
        percent(cut.dcorPpm),
        percent(cut.labelPpm),
        percent(cut.accuracyPpm),
        withinLeakage(cut, DEFAULT_LEAKAGE_LIMITS) ? "" : "  above the default limits",
      ].join(" "),
    );
    const lines = [
      "cut operator   boundary   recovery    ridge      MLP     dcor   labels accuracy",
      ...rows,
      `recovery of a guess that knows the label only: ${percent(report.classMeanPpm).trim()}`,
      ...(epsilon === null
        ? []
        : [`noise: epsilon ${(Number(epsilon) / 1000).toFixed(3)} a release, ${noiseLabel(epsilon)}`]),
      `${report.warning}; hash ${toHex(keccak256(json))}`,
    ];
    const noised = epsilon === null ? {} : { epsilonMilli: Number(epsilon), label: noiseLabel(epsilon) };
    io.result({ ...report, ...noised, hash: toHex(keccak256(json)) }, lines.join("\n"));
    return EXIT.done;
  },
});
