// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { bigToBytes, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { modelId } from "../../../offchain/core/model.ts";
import { programRoot, stageKernel } from "../../../offchain/core/program/container.ts";
import { encodeProgram } from "../../../offchain/core/program/encode-program.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import { encodeKeyRecord } from "../../../offchain/core/zk/key-record.ts";
import { KIND_SALTED, PROOF, VOTE, type ModelManifest } from "../../../offchain/core/types.ts";
import { KeyStore } from "../../../offchain/engines/zk/keys/key-store.ts";
import type { WeightsOpening } from "../../../offchain/engines/zk/prover/prover.ts";
import { chooseProver } from "../../../offchain/engines/zk/prover/choose-prover.ts";
import { openingFile, writeOpenings } from "../../../offchain/engines/zk/weights/opening-files.ts";
import { registerWeights } from "../../../offchain/engines/zk/weights/register-weights.ts";
import { testManifest } from "./cluster.ts";
import { denseStage } from "./proven-model.ts";

export interface PrivateModel {
  readonly id: Hex;
  readonly manifest: ModelManifest;
  readonly programs: readonly Program[];
  readonly records: readonly Hex[];
  readonly openings: readonly WeightsOpening[];
}

export interface PrivateModelOptions {
  /** Of the weights; the architecture is the same for all. */
  readonly seed: number;
  readonly outKind: number;
  /** Registers commitments to the weights of another seed: what a liar would do. */
  readonly rigged?: number;
  /** Its owner can prove linear checks, and its programs are these; SALTED ends. */
  readonly checked?: readonly Program[];
}

const word = (value: bigint): Hex => toHex(bigToBytes(value, 32));

/** Dense stages with committed weights between SALTED boundaries, under development keys made into `cacheFolder`. */
export async function privateModel(
  stages: number,
  cacheFolder: string,
  { seed, outKind, rigged = seed, checked }: PrivateModelOptions,
): Promise<PrivateModel> {
  const programsOf = (from: number) =>
    checked ?? Array.from({ length: stages }, (_, i) => denseStage(from + i, i === 0 ? -127 : 0));
  const programs = programsOf(seed);
  const committed = programsOf(rigged);
  const store = new KeyStore({ keyFolder: cacheFolder, cacheFolder, chainId: 31_337n });
  const kindOf = (stage: number) => (stage === stages - 1 ? outKind : KIND_SALTED);
  const base = testManifest(stages);
  const bytes = programs.map((program) => encodeProgram(program));
  const openings: WeightsOpening[] = [];
  const records: Hex[] = [];
  const infos: ModelManifest["stages"][number][] = [];
  for (const [i, info] of base.stages.entries()) {
    const circuit = await store.compile(committed[i] as Program, {
      weights: "private",
      linearCheck: checked !== undefined,
      inKinds: ["SALTED"],
      outKind: kindOf(i) === KIND_SALTED ? "SALTED" : "PUBLIC",
    });
    const { files, key } = await store.ensureDevelopmentKeys(circuit);
    const prover = await chooseProver().make();
    const proving = await prover.open(files, { memoryMiB: 1_024, threads: 2 });
    const opening = await registerWeights(circuit, proving);
    await proving.close();
    openings.push(opening);
    records.push(toHex(encodeKeyRecord(key.record)));
    infos.push({
      ...info,
      inKind: KIND_SALTED,
      outKind: kindOf(i),
      kernel: stageKernel(bytes[i] ?? new Uint8Array()),
      keyId: key.keyId,
      weightsX: word(opening.commitment.x),
      weightsY: word(opening.commitment.y),
    });
  }
  const manifest: ModelManifest = {
    ...base,
    name: `private-${stages}-${seed}-${rigged}${checked === undefined ? "" : "-checked"}`,
    programRoot: programRoot(bytes),
    acceptedMasks: (1 << VOTE) | (1 << PROOF),
    stages: infos,
  };
  return { id: modelId(manifest), manifest, programs, records, openings };
}

/** Puts openings where a worker with `prove.openings = folder` looks for those of a model. */
export function placeOpenings(folder: string, id: Hex, openings: readonly WeightsOpening[]): void {
  const place = join(folder, id);
  mkdirSync(place, { recursive: true });
  writeOpenings(place, new Map(openings.entries()));
  for (const stage of openings.keys()) renameSync(join(place, openingFile(stage)), join(place, `${stage}.opening`));
}
