// SPDX-License-Identifier: GPL-3.0-or-later
import type { Curve } from "ffjavascript";
import { join } from "node:path";
import { equalBytes, type Hex } from "../../../core/bytes.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import {
  checkKeyRecord,
  decodeKeyRecord,
  encodeKeyRecord,
  KEY_CEREMONY,
  type KeyRecord,
} from "../../../core/zk/key-record.ts";
import { readGroups, type KeyGroup } from "../keys/groups-file.ts";
import { CEREMONY_JSON, parseCeremony, startHash, type CeremonyFile } from "./ceremony-file.ts";
import { ceremonyRecord } from "./ceremony-record.ts";
import { checkAllComplete, checkComplete } from "./chain.ts";
import { checkCounts, checkStrip } from "./check-stock-key.ts";
import { circuitFacts, deltaName, type CircuitFacts } from "./circuit.ts";
import type { SetupCircuit } from "../setup/setup-circuit.ts";
import { withCurve } from "./curve.ts";
import { CeremonyError } from "./errors.ts";
import { makeStockKey, stripKey } from "./initial-key.ts";
import {
  describeKey,
  KEY_GROUPS,
  KEY_RECORD,
  KEY_ZKEY,
  parseTranscript,
  readKeyFolder,
  TRANSCRIPT_JSON,
  type KeyManifest,
} from "./key-folder.ts";
import { readG1Lem, readG2Lem } from "./lem.ts";
import { checkPhase1, type Phase1Options, type Work } from "./phase-1.ts";
import { guarded } from "./read-file.ts";
import { hashPoints, type StepHead } from "./step-file.ts";
import { parseStockKey, type StockKey } from "./stock-key.ts";
import { verifyCeremony } from "./verify-ceremony.ts";

export interface SetupReport {
  readonly id: string;
  readonly keyId: Hex;
  readonly class: "CEREMONY" | "DEVELOPMENT";
  readonly contributors: readonly string[];
  readonly transcriptHash: Hex;
  /** What was found to hold, one sentence each. */
  readonly checks: readonly string[];
}

export interface VerifySetupOptions extends Phase1Options {
  /** Recompiled from the program by the caller, never taken from whoever sent the key. */
  readonly circuit: SetupCircuit;
  /** With manifest.json and the files it names. */
  readonly folder: string;
  readonly ptau: string;
  /** Accepts a key that only a local chain may use. */
  readonly allowDevelopment?: boolean | undefined;
}

function checkCircuit(ceremony: CeremonyFile, facts: CircuitFacts): void {
  const fields = Object.keys(facts) as (keyof CircuitFacts)[];
  const other = fields.find((field) => canonicalJson(ceremony.circuit[field]) !== canonicalJson(facts[field]));
  if (other !== undefined)
    throw new CeremonyError("CIRCUIT_MISMATCH", {
      file: CEREMONY_JSON,
      reason: `the program's circuit has another ${other}`,
    });
}

const recordWrong = (reason: string) => new CeremonyError("RECORD_WRONG", { reason });

function readRecord(bytes: Uint8Array, ceremony: CeremonyFile, allowDevelopment: boolean): KeyRecord {
  const record = decodeKeyRecord(bytes);
  checkKeyRecord(record);
  if (record.cls === KEY_CEREMONY && !ceremony.phase1.pinned)
    throw recordWrong("class CEREMONY needs a published phase 1 file");
  if (record.cls !== KEY_CEREMONY && !allowDevelopment)
    throw recordWrong("its class is DEVELOPMENT: anyone may be able to forge its proofs");
  return record;
}

/** The .groups file holds the circuit's committed wires and the deltas and points with which the transcript ends. */
function checkGroupsFile(groups: readonly KeyGroup[], facts: CircuitFacts, last: StepHead | undefined): void {
  const wrong = (delta: string, reason: string) => new CeremonyError("POINTS_WRONG", { delta, reason });
  if (groups.map(({ tag }) => tag).join() !== facts.groups.map(({ tag }) => tag).join())
    throw wrong("the committed groups", "the key has other groups than the circuit");
  for (const [i, { tag, wires, delta1, delta2, points }] of groups.entries()) {
    const delta = deltaName(tag);
    const range = facts.groups[i]?.wires;
    const step = last?.groups[i];
    if (range === undefined || wires.length !== range.count || wires.some((wire, n) => wire !== range.from + n))
      throw wrong(delta, "they are not those of the circuit's wires");
    if (
      canonicalJson(readG1Lem(delta1)) !== canonicalJson(step?.deltaG1) ||
      canonicalJson(readG2Lem(delta2)) !== canonicalJson(step?.deltaG2)
    )
      throw wrong(delta, "the key's delta is not the one with which the transcript ends");
    if (hashPoints(points) !== step?.pointsHash)
      throw wrong(delta, "they are not those with which the transcript ends");
  }
}

function checkRecord(record: KeyRecord, expected: KeyRecord): void {
  // The class is the record's own claim; everything else follows from the ceremony.
  if (equalBytes(encodeKeyRecord(record), encodeKeyRecord({ ...expected, cls: record.cls }))) return;
  const fields = Object.keys(expected) as (keyof KeyRecord)[];
  const other = fields.find((field) => canonicalJson(record[field] ?? null) !== canonicalJson(expected[field] ?? null));
  throw recordWrong(`another ${other ?? "encoding"}`);
}

interface ReadSetup {
  readonly manifest: KeyManifest;
  readonly ceremony: CeremonyFile;
  readonly record: KeyRecord;
  readonly key: StockKey;
  readonly keyPath: string;
  readonly heads: readonly StepHead[];
  readonly groups: readonly KeyGroup[];
  readonly r1csBytes: Uint8Array;
}

/** All that needs no phase 1: form, hashes, circuit, strip, class, completeness. The worst fault is looked for first. */
export function readSetup({ circuit, folder, allowDevelopment = false }: VerifySetupOptions): ReadSetup {
  const { manifest, files } = readKeyFolder(folder);
  const file = (name: string): Uint8Array => files[name] ?? new Uint8Array();
  const ceremony = parseCeremony(file(CEREMONY_JSON));
  const { facts, r1csBytes } = circuitFacts(circuit);
  checkCircuit(ceremony, facts);
  const key = parseStockKey(file(KEY_ZKEY), KEY_ZKEY);
  checkCounts(key, facts);
  checkStrip(key, facts);
  const record = readRecord(file(KEY_RECORD), ceremony, allowDevelopment);
  const { start, heads } = parseTranscript(file(TRANSCRIPT_JSON), facts);
  if (start !== startHash(ceremony))
    throw new CeremonyError("CIRCUIT_MISMATCH", { file: TRANSCRIPT_JSON, reason: "it begins elsewhere" });
  checkComplete("delta2", key.contributions);
  const groups = guarded(KEY_GROUPS, () => readGroups(file(KEY_GROUPS)));
  checkGroupsFile(groups, facts, heads.at(-1));
  return { manifest, ceremony, record, key, keyPath: join(folder, KEY_ZKEY), heads, groups, r1csBytes };
}

/** The rest. `stock` is what circuit and phase 1 yield: never from whoever sent the key. */
export async function judgeSetup(
  curve: Curve,
  setup: ReadSetup,
  stock: StockKey,
  ptau: string,
  work: Work = {},
): Promise<SetupReport> {
  const { manifest, ceremony, record, key, keyPath, heads, groups } = setup;
  const facts = ceremony.circuit;
  const init = stripKey(stock, ceremony);
  const points = groups.map((group) => group.points);
  const chain = await verifyCeremony(curve, { ceremony, stock, init, key, keyPath, heads, points, ptau }, work);
  checkAllComplete(chain, key.contributions);
  checkRecord(record, ceremonyRecord(ceremony, key, chain.deltas, chain.hash));
  const expected = describeKey(ceremony, chain, record);
  for (const field of Object.keys(expected) as (keyof typeof expected)[])
    if (canonicalJson(manifest[field]) !== canonicalJson(expected[field]))
      throw new CeremonyError("MANIFEST_WRONG", { file: `The key's ${field}` });
  const { id, keyId, class: className, contributors, transcriptHash } = expected;
  const { phase1 } = ceremony;
  return {
    id,
    keyId,
    class: className,
    contributors,
    transcriptHash,
    checks: [
      `the circuit is the program's, ${facts.hash}`,
      `phase 1 is ${phase1.name}, ${phase1.pinned ? "on the published list" : "NOT on the published list"}`,
      "the key is what circuit, phase 1 and contributions yield",
      `no committed wire has a point under delta2 (${facts.groups.reduce((sum, { wires }) => sum + wires.count, 0)} wires)`,
      `every delta has ${contributors.length} contributors and a beacon`,
      "all deltas and the generator differ",
      "snarkjs verifies the key from its initial key",
      "the record is the ceremony's",
    ],
  };
}

/**
 * Verifies a finished ceremony from nothing but the program's circuit and phase 1: recomputes `zkey new` and the strip, compares, walks
 * every delta's transcript, checks every committed point, runs snarkjs's `verifyFromInit`, and the guards of the record. Each fault is
 * a typed error of its own: FILE_MALFORMED, MANIFEST_WRONG, CIRCUIT_MISMATCH, PTAU_INVALID, PTAU_UNPINNED, RECORD_WRONG,
 * KEY_MALFORMED, KEY_DEGENERATE, BEACON_MISSING, CONTRIBUTORS_TOO_FEW, and those of `verifyCeremony`.
 */
export async function verifySetup(options: VerifySetupOptions): Promise<SetupReport> {
  const setup = readSetup(options);
  await checkPhase1(options.ptau, setup.ceremony.phase1, options);
  const stock = await makeStockKey(setup.r1csBytes, options.ptau, options);
  return withCurve(async (curve) => judgeSetup(curve, setup, stock, options.ptau, options));
}
