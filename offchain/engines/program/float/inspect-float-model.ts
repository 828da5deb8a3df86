// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import { scaleOf } from "../../../core/sketch.ts";
import type { LoadedFloatModel } from "./load-float-model.ts";

export interface FloatModelSummary {
  readonly name: string;
  readonly modelId: Hex;
  readonly class: "T";
  readonly tau: number;
  /** One step of a coordinate, in units of the output. */
  readonly scale: number;
  readonly inputDims: readonly number[];
  readonly outputDims: readonly number[];
  readonly labels: readonly string[];
  readonly workUnits: string;
  readonly acceptedMasks: number;
  readonly opset: number;
  readonly compiler: string;
  readonly macs: number;
  readonly operators: readonly { readonly kind: string; readonly count: number }[];
}

/** What `assay model inspect` shows of a float model: plain JSON values only. */
export function inspectFloatModel({ manifest, program, tolerance, output }: LoadedFloatModel): FloatModelSummary {
  const { model, tools, modelId } = manifest;
  const counts = new Map<string, number>();
  for (const { operator } of program.graph.onnx.nodes) counts.set(operator, (counts.get(operator) ?? 0) + 1);
  return {
    name: model.name,
    modelId,
    class: "T",
    tau: tolerance.tau,
    scale: scaleOf(tolerance),
    inputDims: program.graph.inputDims,
    outputDims: program.graph.outputDims,
    labels: output.labels,
    workUnits: model.workUnits.toString(),
    acceptedMasks: model.acceptedMasks,
    opset: tools.opset,
    compiler: tools.compiler,
    macs: program.graph.macs,
    operators: [...counts].map(([kind, count]) => ({ kind, count })),
  };
}
