// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkKeyRecord, encodeKeyRecord } from "../../../core/zk/key-record.ts";
import { writeGroups, type KeyGroup } from "../keys/groups-file.ts";
import { lemOfG1, lemOfG2 } from "../keys/lem-points.ts";
import { CEREMONY_JSON, encodeCeremony, startHash } from "./ceremony-file.ts";
import { ceremonyRecord } from "./ceremony-record.ts";
import type { CeremonyFolder } from "./ceremony-folder.ts";
import { checkComplete } from "./chain.ts";
import { deltaName } from "./circuit.ts";
import { withCurve } from "./curve.ts";
import { CeremonyError } from "./errors.ts";
import {
  describeKey,
  encodeKeyManifest,
  encodeTranscript,
  fileEntry,
  KEY_GROUPS,
  KEY_RECORD,
  KEY_ZKEY,
  MANIFEST_JSON,
  TRANSCRIPT_JSON,
  type KeyManifest,
} from "./key-folder.ts";
import type { Phase1Options } from "./phase-1.ts";
import { openCeremony, type VerifiedCeremony } from "./run-ceremony.ts";

function keyGroups({ ceremony, chain, points }: VerifiedCeremony): KeyGroup[] {
  return ceremony.circuit.groups.map(({ tag, wires }, i) => {
    const delta = chain.deltas[i];
    if (delta === undefined) throw new CeremonyError("CIRCUIT_MISMATCH", { file: "The ceremony", reason: "no delta" });
    return {
      tag,
      delta1: lemOfG1(delta.deltaG1),
      delta2: lemOfG2(delta.deltaG2),
      wires: Uint32Array.from({ length: wires.count }, (_, wire) => wires.from + wire),
      points: points[i] ?? new Uint8Array(),
    };
  });
}

/**
 * Verifies a ceremony with at least two contributors and a beacon for every delta, and writes its key with record, transcript and
 * manifest into `out`, which must not exist. Errors: those of `openCeremony`, BEACON_MISSING, CONTRIBUTORS_TOO_FEW, KEY_DEGENERATE,
 * CEREMONY_STATE.
 */
export async function finishCeremony(
  folder: string,
  { ptau, out, ...options }: { ptau: string; out: string } & Phase1Options,
): Promise<KeyManifest> {
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new CeremonyError("CEREMONY_STATE", { folder: out, reason: "the folder is not empty" });
  const first = ({ ceremony, steps }: CeremonyFolder): void => {
    const heads = steps.map(({ head }) => head);
    for (const { tag } of ceremony.circuit.groups) checkComplete(deltaName(tag), heads);
    checkComplete("delta2", heads);
  };
  const verified = await withCurve(async (curve) => openCeremony(curve, folder, ptau, { ...options, first }));
  const { ceremony, chain, key, keyPath, heads } = verified;
  const record = ceremonyRecord(ceremony, key, chain.deltas, chain.hash);
  checkKeyRecord(record);
  const files: Readonly<Record<string, Uint8Array>> = {
    [CEREMONY_JSON]: encodeCeremony(ceremony),
    [KEY_GROUPS]: writeGroups(keyGroups(verified)),
    [KEY_RECORD]: encodeKeyRecord(record),
    [KEY_ZKEY]: new Uint8Array(readFileSync(keyPath)),
    [TRANSCRIPT_JSON]: encodeTranscript(startHash(ceremony), heads),
  };
  const manifest: KeyManifest = {
    ...describeKey(ceremony, chain, record),
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, fileEntry(bytes)])),
  };
  // Complete or absent: nobody finds half a key.
  const part = `${out}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(part, name), bytes);
  writeFileSync(join(part, MANIFEST_JSON), encodeKeyManifest(manifest));
  rmSync(out, { recursive: true, force: true });
  renameSync(part, out);
  return manifest;
}
