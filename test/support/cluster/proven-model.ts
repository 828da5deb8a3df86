// SPDX-License-Identifier: GPL-3.0-or-later
import { toHex } from "../../../offchain/core/bytes.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import { KIND_SALTED, PROOF, VOTE, type ModelManifest } from "../../../offchain/core/types.ts";
import type { StageRunner } from "../../../offchain/protocol/ports.ts";
import { encodeKeyRecord } from "../../../offchain/core/zk/key-record.ts";
import type { VerifyingKey } from "../../../offchain/core/zk/verifying-key.ts";
import { loadStage } from "../../../offchain/engines/program/executor.ts";
import { runReference } from "../../../offchain/engines/program/reference-executor.ts";
import { KeyStore } from "../../../offchain/engines/zk/keys/key-store.ts";
import { programRoot, stageKernel } from "../../../offchain/core/program/container.ts";
import { testManifest } from "./cluster.ts";

const WIDTH = 4;

/** A dense stage of four outputs, rounded and clamped: small, and nothing of it is trivial for a circuit. */
export function denseStage(seed: number, lo: number): Program {
  const weights = Int8Array.from({ length: WIDTH * WIDTH }, (_, i) => ((i * 7 + seed * 5) % 11) - 5);
  const bias = Array.from({ length: WIDTH }, (_, i) => BigInt(((i + seed) % 5) - 2));
  const finish = { kind: "scale", dtype: "i8", shifts: [2], lo: 0, hi: 127, table: null } as const;
  return {
    family: "quantised",
    inputs: [{ dtype: "i8", dims: [WIDTH], lo, hi: 127 }],
    ops: [{ kind: "dense", input: 0, outputs: WIDTH, weights, bias, finish }],
    output: 1,
  };
}

export interface ProvenModel {
  readonly manifest: ModelManifest;
  readonly programs: readonly Program[];
  readonly runner: (stage: number) => StageRunner | null;
  /** Key records of the stages, for the registry. */
  readonly records: readonly `0x${string}`[];
  /** What the model answers. */
  run(input: readonly number[]): number[];
  runStage(stage: number, input: readonly number[]): number[];
}

/** A model of dense stages between SALTED boundaries and a last output of `lastKind`, with development keys made into `cacheFolder`. */
export async function provenModel(stages: number, cacheFolder: string, lastKind = KIND_SALTED): Promise<ProvenModel> {
  const programs = Array.from({ length: stages }, (_, i) => denseStage(i + 1, i === 0 ? -127 : 0));
  const bytes = programs.map((program) => encodeProgram(program));
  const store = new KeyStore({ keyFolder: cacheFolder, cacheFolder, chainId: 31_337n });
  const kindOf = (stage: number) => (stage === stages - 1 ? lastKind : KIND_SALTED);
  const keys: VerifyingKey[] = [];
  for (const [i, program] of programs.entries()) {
    const outKind = kindOf(i) === KIND_SALTED ? "SALTED" : "PUBLIC";
    const circuit = await store.compile(program, { weights: "public", inKinds: ["SALTED"], outKind });
    keys.push((await store.ensureDevelopmentKeys(circuit)).key);
  }
  const base = testManifest(stages);
  const manifest: ModelManifest = {
    ...base,
    name: `proven-${stages}-${lastKind}`,
    programRoot: programRoot(bytes),
    acceptedMasks: (1 << VOTE) | (1 << PROOF),
    stages: base.stages.map((info, i) => ({
      ...info,
      inKind: KIND_SALTED,
      outKind: kindOf(i),
      kernel: stageKernel(bytes[i] ?? new Uint8Array()),
      keyId: keys[i]?.keyId ?? "0x",
    })),
  };
  const loaded = bytes.map((one) => loadStage(one));
  const runner = (stage: number): StageRunner | null => {
    const found = loaded[stage];
    if (found === undefined) return null;
    return {
      maxInputBytes: 4096,
      run: async (inputs) => {
        const [output] = runReference(found, inputs).outputs;
        if (output === undefined) throw new TypeError("a stage without output");
        return { output, probe: null };
      },
    };
  };
  const runStage = (stage: number, values: readonly number[]): number[] => {
    const tensor = { dtype: "i8" as const, dims: [1, WIDTH], data: Int8Array.from(values) };
    const found = loaded[stage];
    return found === undefined ? [] : [...(runReference(found, [tensor]).outputs[0]?.data ?? [])].map(Number);
  };
  const run = (input: readonly number[]) => loaded.reduce((values, _, stage) => runStage(stage, values), [...input]);
  return {
    manifest,
    programs,
    runner,
    run,
    runStage,
    records: keys.map(({ record }) => toHex(encodeKeyRecord(record))),
  };
}
