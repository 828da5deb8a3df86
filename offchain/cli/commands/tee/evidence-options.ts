// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { readAmdFiles } from "../../../engines/tee/amd-files.ts";
import { readCollateralBundle } from "../../../engines/tee/collateral-file.ts";
import { PRODUCTION_ROOTS, type TrustRoots } from "../../../engines/tee/roots.ts";
import type { Endorsements, Evidence, EvidenceFormat, EvidenceVendor } from "../../../engines/tee/verdict.ts";
import { MAX_EVIDENCE_BYTES, type VerifyOptions } from "../../../engines/tee/verify.ts";
import { readFileBytes, readJson } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { address, choice, hash, optional, required, text, type Parsed } from "../../fields.ts";

export const FORMATS = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5", "snp-report", "nitro-cose", "nvidia-spdm11"] as const; // prettier-ignore

/** `2026-11-26T12:00:00Z` or Unix seconds. */
export const instant = (value: string): Parsed<bigint> => {
  const ms = /^\d{1,12}$/.test(value) ? Number(value) * 1000 : /T.*Z$/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? { why: "must be Unix seconds or a date such as 2026-11-26T12:00:00Z" } : { value: BigInt(Math.floor(ms / 1000)) };
}; // prettier-ignore

const floor = (value: string): Parsed<NonNullable<VerifyOptions["amdFloors"]>> => {
  const match = /^(Milan|Genoa)=(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})$/.exec(value);
  const [bootloader = 0, tee = 0, snp = 0, microcode = 0] = (match?.slice(2) ?? []).map(Number);
  if (match === null) return { why: "must be product=bootloader,tee,snp,microcode such as Milan=4,0,24,219" };
  return { value: match[1] === "Milan" ? { Milan: { bootloader, tee, snp, microcode } } : { Genoa: { bootloader, tee, snp, microcode } } };
}; // prettier-ignore

export const evidenceArgs = {
  file: required("file", "Quote, report or document, as raw bytes or as hex.", text),
};
export const evidenceOptions = {
  format: optional("format", `What it is: ${FORMATS.join(", ")}. Guessed for Intel and AMD.`, choice(...FORMATS)),
  collateral: optional("file", "Intel: JSON bundle of CRLs, TCB info, QE identity and their chains.", text),
  vcek: optional("file", "AMD: the chip's certificate, DER or PEM.", text),
  amdChain: optional("file", "AMD: PEM of signing key and root key, as AMD's server gives it.", text),
  chain: optional("file", "NVIDIA: PEM from the GPU's certificate to the root.", text),
  now: optional("time", "Judge as of this time, Unix seconds or a date in Z; the system's clock otherwise.", instant),
  amdFloor: optional("floor", "AMD: lowest firmware that counts as up to date, such as Milan=4,0,24,219.", floor),
  simulatedRoot: optional("hash", "Also pin this simulated root (0x, SHA-256 of its key). Development only.", hash),
};

/** What commands that write to a chain take: Intel's evidence only. */
export const chainEvidenceOptions = {
  format: evidenceOptions.format,
  collateral: evidenceOptions.collateral,
  simulatedRoot: evidenceOptions.simulatedRoot,
  enclaves: optional("address", "Registry of enclaves; the one that the hub's router names if left out.", address),
};

interface EvidenceInput {
  readonly file: string;
  readonly format: EvidenceFormat | undefined;
  readonly collateral: string | undefined;
  readonly vcek: string | undefined;
  readonly amdChain: string | undefined;
  readonly chain: string | undefined;
  readonly now: bigint | undefined;
  readonly simulatedRoot: Hex | undefined;
}

const toText = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

/** Files of hex are common: whole pairs of digits and white space are taken for that. */
function readEvidence(path: string): Uint8Array {
  const bytes = readFileBytes(path, 3 * MAX_EVIDENCE_BYTES);
  const digits = toText(bytes).trim().replace(/^0x/, "");
  return /^(?:[0-9a-fA-F]{2}){64,}$/.test(digits) ? new Uint8Array(Buffer.from(digits, "hex")) : bytes;
}

function guess(bytes: Uint8Array): EvidenceFormat {
  const [version = 0, high = 1] = bytes;
  const isQuote = high === 0 && bytes[2] === 2 && bytes[3] === 0;
  const found = isQuote ? FORMATS.find((name) => name.startsWith("dcap") && name.endsWith(`v${version}`)) : undefined;
  if (found !== undefined) return found;
  if ((version === 2 || version === 3) && bytes.length === 0x4a0) return "snp-report";
  throw new CliError("USAGE", { why: "the format is not recognised: name it with --format" });
}

const vendorOf = (format: EvidenceFormat): EvidenceVendor =>
  format.startsWith("dcap") ? "intel" : format === "snp-report" ? "amd" : format === "nitro-cose" ? "aws" : "nvidia";

function readEndorsements(vendor: EvidenceVendor, input: EvidenceInput): Endorsements {
  const pem = (path: string): string => toText(readFileBytes(path, 65_536));
  if (vendor === "intel" && input.collateral !== undefined) return readCollateralBundle(readJson(input.collateral));
  if (vendor === "nvidia" && input.chain !== undefined) return { kind: "nvidia", chain: pem(input.chain) };
  if (vendor === "amd" && input.vcek !== undefined && input.amdChain !== undefined)
    return readAmdFiles(readFileBytes(input.vcek, 65_536), readFileBytes(input.amdChain, 65_536));
  return { kind: "none" };
}

export interface EvidenceQuestion {
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  readonly roots: TrustRoots;
  readonly now: bigint;
}

/** Errors: FILE_UNREADABLE, USAGE, COLLATERAL, PEM. */
export function readQuestion(input: EvidenceInput): EvidenceQuestion {
  const bytes = readEvidence(input.file);
  const format = input.format ?? guess(bytes);
  const vendor = vendorOf(format);
  const roots: TrustRoots =
    input.simulatedRoot === undefined
      ? PRODUCTION_ROOTS
      : {
          simulatedAllowed: true,
          roots: [
            ...PRODUCTION_ROOTS.roots,
            { vendor, name: "SIMULATED ARK-Milan", kind: "simulated", spkiSha256: input.simulatedRoot.slice(2) },
          ],
        };
  return {
    evidence: { format, bytes, runtime: new Uint8Array() },
    endorsements: readEndorsements(vendor, input),
    roots,
    now: input.now ?? BigInt(Math.floor(Date.now() / 1000)),
  };
}

type ChainEvidenceInput = Pick<EvidenceInput, "file" | "format" | "collateral" | "simulatedRoot">;

/** The same for a chain, whose time counts. Errors: FILE_UNREADABLE, USAGE, COLLATERAL, PEM. */
export function readChainEvidence(input: ChainEvidenceInput): Omit<EvidenceQuestion, "now"> {
  return readQuestion({ ...input, vcek: undefined, amdChain: undefined, chain: undefined, now: 0n });
}

/** The tee module's refusal as data, or the error itself thrown on. */
export function refusalOf(error: unknown): { readonly code: string; readonly says: string; readonly fix: string } {
  if (!isAssayError(error) || error.module !== "tee") throw error;
  return { code: error.code, says: error.message, fix: error.fix };
}
