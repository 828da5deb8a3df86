// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "../../core/abi.ts";
import { concatBytes, fromHex, fromUtf8, toHex, utf8, type Hex } from "../../core/bytes.ts";
import { errorText } from "../../core/check.ts";
import { isAssayError } from "../../core/errors.ts";
import { keccak256 } from "../../core/keccak.ts";
import { toWord } from "../../core/tagged-hash.ts";
import { EvidenceError } from "./errors.ts";
import type { TrustRoots } from "./roots.ts";
import { SNP_PARTS, parseSnp } from "./snp/parse.ts";
import type { Endorsements, Evidence, EvidenceFormat, Verdict } from "./verdict.ts";
import { verifyEvidence } from "./verify.ts";

// Verdicts on evidence that no chain can afford to verify; mirror: contracts/evidence/enclave/VerdictBoard.sol.

/** Formats that the board takes, by the chain's vendor numbers. Intel's are verified on chain. */
export const FORMATS: ReadonlyMap<number, EvidenceFormat> = new Map([
  [3, "snp-report"],
  [4, "nitro-cose"],
  [5, "nvidia-spdm11"],
]);

export const boardVendor = (format: EvidenceFormat): number | undefined =>
  [...FORMATS].find(([, known]) => known === format)?.[0];

/** What an attester says of evidence that does not verify. */
export const REFUSED: Hex = toWord(1);

const FACTS = {
  struct: {
    vendor: "uint8",
    /** AMD: boot loader, TEE, SNP and microcode of the reported TCB, a byte each; else 0. */
    svns: "uint32",
    notAfter: "uint48",
    rootId: "bytes32",
    platformId: "bytes32",
    measurementId: "bytes32",
    dataHigh: "bytes32",
    dataLow: "bytes32",
  },
} as const satisfies AbiType;
/** What genuine evidence states. */
export type BoardFacts = AbiValue<typeof FACTS>;

const AMD = ["bytes", "bytes", "bytes"] as const;

/** A case's endorsements: AMD's certificates, NVIDIA's chain, nothing of AWS. */
export function encodeEndorsements(endorsements: Endorsements): Uint8Array {
  if (endorsements.kind === "nvidia") return utf8(endorsements.chain);
  if (endorsements.kind !== "amd") return new Uint8Array();
  const { vcek, ask, ark } = endorsements;
  return encodeAbi(AMD, [toHex(vcek), toHex(ask), toHex(ark)]);
}

/** Of anyone's bytes. Errors: ABI_NOT_CANONICAL, UTF8_INVALID; CHAIN where none belong. */
export function decodeEndorsements(format: EvidenceFormat, bytes: Uint8Array): Endorsements {
  if (format === "nvidia-spdm11") return { kind: "nvidia", chain: fromUtf8(bytes, "The chain") };
  if (format === "snp-report") {
    const [vcek, ask, ark] = decodeAbi(AMD, bytes);
    return { kind: "amd", vcek: fromHex(vcek), ask: fromHex(ask), ark: fromHex(ark) };
  }
  if (bytes.length > 0) throw new EvidenceError("CHAIN", { detail: "a Nitro document carries its own chain" });
  return { kind: "none" };
}

/** Hash of what a case shows: keccak256(abi.encode(vendor, evidence, endorsements)). */
export const caseHash = (vendor: number, evidence: Uint8Array, endorsements: Uint8Array): Hex =>
  toHex(keccak256(encodeAbi(["uint8", "bytes", "bytes"], [vendor, toHex(evidence), toHex(endorsements)])));

/** A case as the board showed it. */
export interface ShownCase {
  readonly chainId: bigint;
  readonly board: Hex;
  readonly caseId: bigint;
  readonly vendor: number;
  readonly evidence: Uint8Array;
  readonly endorsements: Uint8Array;
  /** Unix seconds: the time that it is verified at. */
  readonly openedAt: bigint;
}

/** `VerdictBoard.wordOf`. */
export function wordOf({ chainId, board, caseId, vendor, evidence, endorsements }: ShownCase, facts: BoardFacts): Hex {
  const types = ["string", "uint256", "address", "uint256", "bytes32"] as const;
  const shown = caseHash(vendor, evidence, endorsements);
  const place = encodeAbi(types, ["assay.v1.verdict", chainId, board, caseId, shown]);
  return toHex(keccak256(concatBytes(place, encodeAbi([FACTS], [facts]))));
}

/** The facts that a verdict states, as the board words them. Error: QUOTE for report data of other than 64 bytes. */
export function factsOf({ bytes, format }: Evidence, verdict: Verdict): BoardFacts {
  const data = fromHex(verdict.reportData);
  if (data.length !== 64) throw new EvidenceError("QUOTE", { detail: `report data of ${data.length} bytes` });
  const tcb = format === "snp-report" ? parseSnp(bytes).reportedTcb : undefined;
  return {
    vendor: boardVendor(format) ?? 0,
    svns: tcb === undefined ? 0 : SNP_PARTS.reduce((sum, part) => sum * 256 + tcb[part], 0),
    notAfter: Number(verdict.notAfter),
    rootId: verdict.rootId,
    platformId: verdict.platformId,
    measurementId: verdict.measurementId,
    dataHigh: toHex(data.subarray(0, 32)),
    dataLow: toHex(data.subarray(32)),
  };
}

export interface Judgement {
  readonly word: Hex;
  /** Null if it is refused. */
  readonly facts: BoardFacts | null;
  /** Why it is refused. */
  readonly refusal: string | null;
}

/**
 * What an honest attester says of a case: one right answer, from the shown bytes, the pinned roots and the case's own time. Never
 * throws on hostile bytes. Whether the firmware is recent enough is no part of it: the registry compares that with its floor.
 */
export function judgeCase(shown: ShownCase, roots: TrustRoots): Judgement {
  const refused = (refusal: string): Judgement => ({ word: REFUSED, facts: null, refusal });
  const format = FORMATS.get(shown.vendor);
  if (format === undefined) return refused(`vendor ${shown.vendor}`);
  try {
    const evidence: Evidence = { format, bytes: shown.evidence, runtime: new Uint8Array() };
    const verdict = verifyEvidence(evidence, decodeEndorsements(format, shown.endorsements), roots, shown.openedAt);
    if (verdict.usedBytes !== shown.evidence.length) return refused("bytes behind the evidence");
    const facts = factsOf(evidence, verdict);
    return { word: wordOf(shown, facts), facts, refusal: null };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return refused(errorText(error));
  }
}
