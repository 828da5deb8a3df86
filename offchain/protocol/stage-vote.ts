// SPDX-License-Identifier: GPL-3.0-or-later
import { batchRoot } from "../core/batch.ts";
import { batchBytes, boundaryDigest, leafDigests, MAX_BATCH_BYTES } from "../core/batch-tensors.ts";
import { saltBytes } from "../core/digest.ts";
import { isAssayError } from "../core/errors.ts";
import { decodeTolerance, sketchA } from "../core/sketch.ts";
import { decodeTensor } from "../core/tensor.ts";
import { NO_PROBE, type DigestKind, type StageInfo } from "../core/types.ts";
import type { Hex } from "./ports.ts";
import type { Row } from "./row-results.ts";
import { ABSTAIN_REASON, NO_PAYLOAD, reasonWord, SAID_ABSTAIN_WORD } from "./said.ts";
import type { Vote } from "./seat-machine.ts";

export const abstain = (reason: number): Vote => ({ outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(reason) });

interface RowsOfStage {
  readonly info: StageInfo;
  /** Inputs of a batch; 0 if the job is none. */
  readonly count: number;
  readonly salt: Uint8Array | undefined;
  /** Class T: what sketch A is drawn from. */
  readonly sketchSeed: Hex | null;
}

/** What a seat says about the rows that it made. */
export function voteOn(rows: readonly Row[], { info, count, salt: held, sketchSeed }: RowsOfStage): Vote {
  const outputs = rows.map(({ output }) => output);
  // Of any honest seat: outputs are as long everywhere.
  if (count > 0 && batchBytes(outputs) > MAX_BATCH_BYTES) return abstain(ABSTAIN_REASON.size);
  const sketch = sketchSeed === null ? null : sketchOf(outputs[0], info, sketchSeed);
  if (sketch === undefined) return abstain(ABSTAIN_REASON.bounds);
  const kind = info.outKind as DigestKind;
  const salt = saltBytes(kind) === 0 ? undefined : held;
  const digestOf = (list: readonly Uint8Array[]): Hex =>
    count > 0 ? batchRoot(leafDigests(kind, list, salt)) : boundaryDigest(kind, list[0] ?? new Uint8Array(), salt, 0);
  const leaves = rows.flatMap(({ leaf }) => leaf ?? []);
  const [only] = leaves;
  const isLeafless = only === undefined || leaves.length < rows.length;
  const outDigest = isLeafless ? digestOf(outputs) : count > 0 ? batchRoot(leaves) : only;
  const probes = rows.flatMap(({ probe }) => (probe === null ? [] : [probe]));
  const payload = probes.length < rows.length || info.probe === NO_PROBE ? NO_PAYLOAD : digestOf(probes);
  return { outDigest, payload: sketch ?? payload };
}

/** Sketch A of a float stage's output; undefined where the stage has none to give. */
function sketchOf(bytes: Uint8Array | undefined, { weightsY }: StageInfo, seed: Hex): Hex | undefined {
  const output = bytes === undefined ? undefined : decodeTensor(bytes);
  if (output?.dtype !== "f32") return undefined;
  try {
    return sketchA(new Float32Array(output.data), decodeTolerance(weightsY), seed);
  } catch (error) {
    if (isAssayError(error)) return undefined;
    throw error;
  }
}
