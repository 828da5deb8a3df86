// SPDX-License-Identifier: GPL-3.0-or-later
// The clusters' stand-in model as a folder that commands load: its program is what `addOne` computes.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toHex, utf8 } from "../../../offchain/core/bytes.ts";
import { keccak256 } from "../../../offchain/core/keccak.ts";
import { canonicalJson, encodeManifestFile, hashJson, type ToolsRecord } from "../../../offchain/core/manifest.ts";
import { analyseProgram } from "../../../offchain/core/program/analyse.ts";
import { encodeStages, programRoot, stageKernel } from "../../../offchain/core/program/container.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import type { ModelManifest } from "../../../offchain/core/types.ts";
import { COMPILER } from "../../../offchain/engines/program/import-model.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { addOne } from "../cluster/cluster.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** `addOne` in the shape of its input, as programs answer. */
export const addOneInPlace: ModelShelf["stage"] = async (...which) => {
  const stage = await addOne(...which);
  if (stage === null) return null;
  return {
    ...stage,
    run: async (...args) => {
      const { output, ...rest } = await stage.run(...args);
      return { ...rest, output: { ...output, dims: args[0][0]?.dims ?? output.dims } };
    },
  };
};

/** Writes `base` as a model of `width` numbers within ±100, each made larger by one; the label is the place of the largest. */
export function addOneFolder(
  base: ModelManifest,
  width: number,
): { readonly folder: string; readonly manifest: ModelManifest } {
  // prettier-ignore
  const folder = temporaryFolder();
  const program: Program = {
    family: "quantised",
    inputs: [{ dtype: "i8", dims: [width], lo: -100, hi: 100 }],
    ops: [
      {
        kind: "dense",
        input: 0,
        outputs: width,
        weights: Int8Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0)),
        bias: Array.from({ length: width }, () => 1n),
        finish: { kind: "scale", dtype: "i8", shifts: [0], lo: -127, hi: 127, table: null },
      },
    ],
    output: 1,
  };
  analyseProgram(program);
  const bytes = encodeProgram(program);
  const usage = canonicalJson({
    version: 1,
    name: base.name,
    preprocess: { dims: [width], offset: 0, scale: 1, step: 1, lo: -100, hi: 100 },
    output: { labels: Array.from({ length: width }, (_, i) => `place ${i}`), decision: { kind: "argmax" }, step: 1 },
  });
  const report = "{}\n";
  const hashOf = (text: string) => toHex(keccak256(utf8(text)));
  const hints = { macs: width * width, weightBytes: width * width, peakActivationBytes: width, outDtype: "i8", outDims: [width] } as const; // prettier-ignore
  const tools: ToolsRecord = { opset: 13, compiler: COMPILER, usageHash: hashOf(usage), sourceHash: base.toolsHash, stages: [hints] }; // prettier-ignore
  const manifest: ModelManifest = {
    ...base,
    programRoot: programRoot([bytes]),
    stages: base.stages.map((stage) => ({ ...stage, kernel: stageKernel(bytes) })),
    reportHash: hashOf(report),
    toolsHash: toHex(hashJson(tools)),
  };
  for (const [name, content] of [
    ["manifest.json", encodeManifestFile(manifest, tools)],
    ["program", encodeStages([bytes])],
    ["model.json", usage],
    ["report.json", report],
  ] as const)
    writeFileSync(join(folder, name), content);
  return { folder, manifest };
}
