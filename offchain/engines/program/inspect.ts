// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex, utf8, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { DEFAULT_LEAKAGE_LIMITS, withinLeakage } from "../../core/planning/leakage-limits.ts";
import { encodeLeakageReport, leakageAfter } from "../../core/planning/leakage-report.ts";
import { lastInputUse } from "../../core/planning/program-atoms.ts";
import { elementsOf } from "../../core/program/analyse.ts";
import { inputsOf } from "../../core/program/types.ts";
import { KIND_NAMES, PLACE_CLIENT, ZERO_BYTES32 } from "../../core/types.ts";
import { joinStages } from "./join-stages.ts";
import type { LoadedModel } from "./load-program.ts";
import { partialSumBound } from "./run/integer-graph.ts";

export interface OperatorSummary {
  readonly index: number;
  readonly kind: string;
  readonly inputs: readonly number[];
  readonly dims: readonly number[];
  readonly dtype: string;
  /** Smallest and largest value that can leave the operator. */
  readonly range: readonly [string, string];
  /** Smallest and largest accumulator over all channels, if it has one. */
  readonly accumulator: readonly [string, string] | null;
  readonly shifts: readonly number[];
  readonly macs: number;
  /** False if onnxruntime has to split the sum because it can pass 2^24. */
  readonly exactInFloat32: boolean;
}

export interface StageSummary {
  readonly kernel: Hex;
  readonly place: "client" | "network";
  readonly family: string;
  readonly inKind: string;
  readonly outKind: string;
  readonly producers: readonly number[];
  readonly probe: number | null;
  /** The key that proofs of the stage are checked with; null if it cannot be proven. */
  readonly keyId: Hex | null;
  readonly weights: "public" | "private";
  /** Elements of what seats compare. */
  readonly payloadElements: number;
  readonly bytes: number;
  readonly macs: number;
  readonly operators: readonly OperatorSummary[];
}

export interface CutSummary {
  /** The operator before the cut, counted over all stages. */
  readonly afterOp: number;
  readonly kind: string;
  readonly dims: readonly number[];
  readonly recoveryPpm: number;
  readonly dcorPpm: number;
  /** An operator behind the cut reads the model's input itself, so who runs it sees all of it. */
  readonly isInputBehind: boolean;
  /** Whether a SPLIT stage may be cut here under the default limits. */
  readonly isWithinLimits: boolean;
}

export interface LeakageSummary {
  /** What the model id pins, through the accuracy report. */
  readonly hash: Hex;
  readonly cuts: readonly CutSummary[];
}

export interface ModelSummary {
  readonly name: string;
  readonly modelId: Hex;
  readonly programRoot: Hex;
  readonly workUnits: string;
  readonly acceptedMasks: number;
  readonly labels: readonly string[];
  readonly inputDims: readonly number[];
  readonly opset: number;
  readonly compiler: string;
  readonly macs: number;
  readonly stages: readonly StageSummary[];
  /** Null: no report is part of the model, so no boundary of it passes any limit. */
  readonly leakage: LeakageSummary | null;
}

function leakageOf(loaded: LoadedModel): LeakageSummary | null {
  const { leakage } = loaded;
  if (leakage === null) return null;
  const inputUse = lastInputUse(joinStages(loaded).program);
  const cuts = leakage.cuts.map(({ afterOp, kind, dims, recoveryPpm, dcorPpm }) => {
    const isInputBehind = afterOp < inputUse;
    const isWithinLimits = !isInputBehind && withinLeakage(leakageAfter(leakage, afterOp), DEFAULT_LEAKAGE_LIMITS);
    return { afterOp, kind, dims, recoveryPpm, dcorPpm, isInputBehind, isWithinLimits };
  });
  return { hash: toHex(keccak256(utf8(encodeLeakageReport(leakage)))), cuts };
}

function operators({ program, analysis }: LoadedModel["stages"][number]): OperatorSummary[] {
  return program.ops.map((op, index) => {
    const info = analysis.ops[index];
    const bounds = info?.bounds ?? null;
    const lo = bounds?.reduce((least, b) => (b.lo < least ? b.lo : least), bounds[0]?.lo ?? 0n);
    const hi = bounds?.reduce((most, b) => (b.hi > most ? b.hi : most), bounds[0]?.hi ?? 0n);
    const shifts = "finish" in op && op.finish.kind === "scale" ? [...op.finish.shifts] : [];
    const sources = inputsOf(op).flatMap((value) => analysis.values[value] ?? []);
    const exact = !("finish" in op) || partialSumBound(op, sources, Math.max(0, ...shifts)) < 2n ** 24n;
    return {
      index,
      kind: op.kind,
      inputs: inputsOf(op),
      dims: info?.output.dims ?? [],
      dtype: info?.output.dtype ?? "",
      range: [`${info?.output.lo ?? 0n}`, `${info?.output.hi ?? 0n}`],
      accumulator: lo === undefined || hi === undefined ? null : [lo.toString(), hi.toString()],
      shifts,
      macs: info?.macs ?? 0,
      exactInFloat32: exact,
    };
  });
}

/** What `assay model inspect` shows: plain JSON values only. */
export function inspectModel(loaded: LoadedModel): ModelSummary {
  const { manifest, stages, output, preprocess } = loaded;
  const { model, tools } = manifest;
  const summaries = stages.map((stage, index): StageSummary => {
    const info = model.stages[index];
    const result = stage.analysis.values[stage.program.output];
    const probed = stage.probe === null ? undefined : stage.analysis.ops[stage.probe]?.accumulatorDims;
    return {
      kernel: info?.kernel ?? "0x",
      place: info?.place === PLACE_CLIENT ? "client" : "network",
      family: stage.program.family,
      inKind: KIND_NAMES[info?.inKind ?? 0] ?? "",
      outKind: KIND_NAMES[info?.outKind ?? 0] ?? "",
      producers: info?.producers ?? [],
      probe: stage.probe,
      keyId: info === undefined || info.keyId === ZERO_BYTES32 ? null : info.keyId,
      weights: info === undefined || info.weightsX === ZERO_BYTES32 ? "public" : "private",
      payloadElements: elementsOf(probed ?? result?.dims ?? []),
      bytes: stage.bytes.length,
      macs: stage.analysis.macs,
      operators: operators(stage),
    };
  });
  return {
    name: model.name,
    modelId: manifest.modelId,
    programRoot: model.programRoot,
    workUnits: model.workUnits.toString(),
    acceptedMasks: model.acceptedMasks,
    labels: output.labels,
    inputDims: preprocess.dims,
    opset: tools.opset,
    compiler: tools.compiler,
    macs: summaries.reduce((sum, stage) => sum + stage.macs, 0),
    stages: summaries,
    leakage: leakageOf(loaded),
  };
}
