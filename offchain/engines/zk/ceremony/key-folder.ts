// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { z } from "zod";
import { fromHex, toHex, utf8, type Hex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { canonicalJson } from "../../../core/manifest.ts";
import { KEY_CEREMONY, keyIdOf, type KeyRecord } from "../../../core/zk/key-record.ts";
import { MAX_FILE_BYTES } from "../r1cs/format.ts";
import { parseCanonical } from "./canonical-file.ts";
import { MAX_JSON_BYTES, type CeremonyFile } from "./ceremony-file.ts";
import type { Chain } from "./chain.ts";
import type { CircuitFacts } from "./circuit.ts";
import { CeremonyError } from "./errors.ts";
import { malformed, readLimited } from "./read-file.ts";
import { decodeHead, encodeHead, stepHash, type StepHead } from "./step-file.ts";

// circuits/keys/<id>/: the key in three files, ceremony.json, the transcript, and a manifest that names them all by hash.
export const KEY_ZKEY = "key.zkey";
export const KEY_GROUPS = "key.groups";
export const KEY_RECORD = "key.record";
export const TRANSCRIPT_JSON = "transcript.json";
export const MANIFEST_JSON = "manifest.json";

/** `transcript.json`: every step of the committed deltas; δ2's own is in the .zkey. */
export interface TranscriptFile {
  readonly version: 1;
  readonly start: Hex;
  readonly steps: readonly { readonly head: Hex; readonly hash: Hex }[];
}

/** `manifest.json`. */
export interface KeyManifest {
  readonly version: 1;
  readonly id: string;
  readonly keyId: Hex;
  /** CEREMONY, or DEVELOPMENT for a ceremony on a phase 1 file that is not on the list. */
  readonly class: "CEREMONY" | "DEVELOPMENT";
  readonly circuitHash: Hex;
  readonly transcriptHash: Hex;
  readonly contributors: readonly string[];
  readonly beacon: { readonly value: Hex; readonly iterations: number; readonly plan: string };
  readonly phase1: CeremonyFile["phase1"];
  readonly tools: CeremonyFile["tools"];
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly keccak256: Hex }>>;
}

const hex = (least: number, most = least) =>
  z.custom<Hex>(
    (value) => typeof value === "string" && new RegExp(`^0x(?:[0-9a-f]{2}){${least},${most}}$`).test(value),
  );
const text = z.string().max(600);

const transcriptSchema = z.strictObject({
  version: z.literal(1),
  start: hex(32),
  steps: z.array(z.strictObject({ head: hex(1, 2048), hash: hex(32) })).max(1024),
});

const manifestSchema = z.strictObject({
  version: z.literal(1),
  id: text,
  keyId: hex(32),
  class: z.enum(["CEREMONY", "DEVELOPMENT"]),
  circuitHash: hex(32),
  transcriptHash: hex(32),
  contributors: z.array(text).max(1024),
  beacon: z.strictObject({ value: hex(1, 255), iterations: z.number().int(), plan: text }),
  phase1: z.strictObject({ power: z.number().int(), name: text, blake2b: text, pinned: z.boolean() }),
  tools: z.strictObject({ assay: text, snarkjs: text }),
  files: z.record(text, z.strictObject({ bytes: z.number().int().nonnegative(), keccak256: hex(32) })),
});

/** What the manifest says besides its files: all of it follows from the ceremony and the record's class. */
export function describeKey(
  ceremony: CeremonyFile,
  { heads, hash }: Chain,
  record: KeyRecord,
): Omit<KeyManifest, "files"> {
  const beacon = heads.at(-1);
  return {
    version: 1,
    id: ceremony.id,
    keyId: keyIdOf(record),
    class: record.cls === KEY_CEREMONY ? "CEREMONY" : "DEVELOPMENT",
    circuitHash: record.circuitHash,
    transcriptHash: hash,
    contributors: heads.filter(({ kind }) => kind === "person").map(({ name }) => name),
    beacon: {
      value: toHex(beacon?.beacon ?? new Uint8Array()),
      iterations: beacon?.iterations ?? 0,
      plan: ceremony.beaconPlan,
    },
    phase1: ceremony.phase1,
    tools: ceremony.tools,
  };
}

export const encodeTranscript = (start: Hex, heads: readonly StepHead[]): Uint8Array =>
  utf8(
    canonicalJson({
      version: 1,
      start,
      steps: heads.map((head) => ({ head: toHex(encodeHead(head)), hash: stepHash(head) })),
    } satisfies TranscriptFile),
  );

/** The heads of a transcript, each with the hash that stands beside it. Errors: FILE_MALFORMED, TRANSCRIPT_BROKEN. */
export function parseTranscript(bytes: Uint8Array, facts: CircuitFacts): { start: Hex; heads: readonly StepHead[] } {
  const { start, steps } = parseCanonical(bytes, TRANSCRIPT_JSON, transcriptSchema);
  const heads = steps.map(({ head, hash }, i) => {
    const decoded = decodeHead(fromHex(head), TRANSCRIPT_JSON, facts);
    if (stepHash(decoded) !== hash)
      throw new CeremonyError("TRANSCRIPT_BROKEN", { step: i + 1, reason: "its hash is not that of what it says" });
    return decoded;
  });
  return { start, heads };
}

export const encodeKeyManifest = (manifest: KeyManifest): Uint8Array => utf8(canonicalJson(manifest));
export const parseKeyManifest = (bytes: Uint8Array): KeyManifest =>
  parseCanonical(bytes, MANIFEST_JSON, manifestSchema);

export const fileEntry = (bytes: Uint8Array) => ({ bytes: bytes.length, keccak256: toHex(keccak256(bytes)) });

const LISTED = ["ceremony.json", KEY_GROUPS, KEY_RECORD, KEY_ZKEY, TRANSCRIPT_JSON];

/** The manifest and the bytes of the files it names, checked against it. Errors: FILE_MALFORMED, MANIFEST_WRONG. */
export function readKeyFolder(folder: string): { manifest: KeyManifest; files: Readonly<Record<string, Uint8Array>> } {
  const manifest = parseKeyManifest(readLimited(join(folder, MANIFEST_JSON), MAX_JSON_BYTES));
  const names = Object.keys(manifest.files).toSorted();
  if (names.join() !== LISTED.join()) throw malformed(MANIFEST_JSON, `it must name ${LISTED.join(", ")}`);
  const files: Record<string, Uint8Array> = {};
  for (const file of names) {
    const bytes = readLimited(join(folder, file), MAX_FILE_BYTES);
    const [have, want] = [fileEntry(bytes), manifest.files[file]];
    if (have.bytes !== want?.bytes || have.keccak256 !== want.keccak256)
      throw new CeremonyError("MANIFEST_WRONG", { file });
    files[file] = bytes;
  }
  return { manifest, files };
}
