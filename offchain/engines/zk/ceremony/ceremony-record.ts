// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import { KEY_CEREMONY, KEY_DEVELOPMENT, type KeyRecord } from "../../../core/zk/key-record.ts";
import { G1_BYTES } from "../keys/zkey-file.ts";
import type { CeremonyFile } from "./ceremony-file.ts";
import type { Delta } from "./chain.ts";
import { TAG_ROUND1, TAG_WEIGHTS, type GroupTag } from "./circuit.ts";
import { readG1Lem, readG2Lem } from "./lem.ts";
import type { StockKey } from "./stock-key.ts";

/** The record that a finished ceremony yields. CEREMONY needs a phase 1 file of the list, whatever else was done. */
export function ceremonyRecord(
  ceremony: CeremonyFile,
  key: StockKey,
  deltas: readonly Delta[],
  transcriptHash: Hex,
): KeyRecord {
  const { backend, boundaries, hash } = ceremony.circuit;
  const { zkey } = key;
  const deltaOf = (wanted: GroupTag) => deltas.find(({ tag }) => tag === wanted)?.deltaG2;
  const [delta1, deltaWeights] = [deltaOf(TAG_ROUND1), deltaOf(TAG_WEIGHTS)];
  return {
    cls: ceremony.phase1.pinned ? KEY_CEREMONY : KEY_DEVELOPMENT,
    backend,
    boundaries,
    circuitHash: hash,
    transcriptHash,
    alpha: readG1Lem(zkey.alpha1),
    beta: readG2Lem(zkey.beta2),
    ...(delta1 === undefined ? {} : { delta1 }),
    delta2: key.deltaG2,
    ...(deltaWeights === undefined ? {} : { deltaWeights }),
    ic: Array.from({ length: zkey.ic.length / G1_BYTES }, (_, i) => readG1Lem(zkey.ic, i * G1_BYTES)),
  };
}
