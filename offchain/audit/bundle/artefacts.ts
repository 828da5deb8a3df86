// SPDX-License-Identifier: GPL-3.0-or-later
import { EVIDENCE_ARTEFACTS } from "../evidence/evidence-artefacts.ts";

/** One class of what a bundle holds: what it is called in verdicts, and where its files stand. */
export interface ArtefactClass {
  readonly name: string;
  readonly path: RegExp;
  readonly maxBytes: number;
}

const MIB = 1024 * 1024;
const HASH = "0x[0-9a-f]{64}";
const kind = (name: string, path: string, mib: number): ArtefactClass => {
  return { name, path: new RegExp(`^${path}$`), maxBytes: mib * MIB };
};

/** Every class, in the order in which they are re-checked. A file of no class is refused. */
export const ARTEFACTS: readonly ArtefactClass[] = [
  kind("genesis", "chain/genesis\\.json", 1),
  kind("balances", "chain/balances\\.json", 16),
  kind("headers", "chain/headers/[0-9]{6}\\.jsonl", 16),
  kind("transactions", "chain/transactions/[0-9]{6}\\.jsonl", 256),
  kind("logs", "chain/logs/[0-9]{6}\\.jsonl", 256),
  kind("contracts", "contracts\\.json", 64),
  kind("parameters", "parameters\\.json", 1),
  kind("key", `keys/${HASH}\\.record`, 64),
  kind("model", `models/${HASH}/(manifest|model|report|leakage)\\.json`, 64),
  kind("tokens", `models/${HASH}/tokens`, 64),
  kind("program", `models/${HASH}/(program|model\\.onnx)`, 256),
  kind("weights", `models/${HASH}/weights-[0-7]`, 64),
  kind("receipt", `jobs/${HASH}/receipt`, 64),
  kind("opening", `jobs/${HASH}/(input|secret)`, 64),
  ...EVIDENCE_ARTEFACTS.map(({ name, file, maxMib }) => kind(name, `jobs/${HASH}/${file}`, maxMib)),
];

/** The class of a file, by its place alone. */
export const classOf = (path: string): ArtefactClass | undefined => ARTEFACTS.find((one) => one.path.test(path));

export const MANIFEST_FILE = "manifest.json";
export const MAX_FILES = 20_000;
export const MAX_BUNDLE_BYTES = 4 * 1024 * MIB;
/** What `audit export` writes by default at most. */
export const DEFAULT_BUNDLE_BYTES = 512 * MIB;
/** Blocks in one file of headers, transactions or logs. */
export const SEGMENT_BLOCKS = 256;

/** Where the blocks of a segment stand. */
export const segmentPath = (name: "headers" | "transactions" | "logs", segment: number): string =>
  `chain/${name}/${String(segment).padStart(6, "0")}.jsonl`;
