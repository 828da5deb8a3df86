// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { TCB_STATUSES, type PlatformKind, type TcbStatus } from "../../core/enclave-status.ts";

export type EvidenceVendor = "intel" | "amd" | "aws" | "nvidia";
export type EvidenceFormat =
  "dcap-sgx-v3" | "dcap-tdx-v4" | "dcap-tdx-v5" | "snp-report" | "nitro-cose" | "nvidia-spdm11";

export interface Evidence {
  readonly format: EvidenceFormat;
  readonly bytes: Uint8Array;
  /** What the second half of the report data commits to; empty where nothing is declared. */
  readonly runtime: Uint8Array;
}

/** Intel's collateral as its service gives it. The texts are the signed bytes: never re-serialised. */
export interface IntelCollateral {
  readonly kind: "intel";
  readonly rootCrl: Uint8Array;
  /** List of the CA that issued the PCK certificate. */
  readonly pckCrl: Uint8Array;
  readonly tcbInfo: string;
  /** r || s. */
  readonly tcbInfoSignature: Uint8Array;
  /** PEM, signer then root. */
  readonly tcbInfoChain: string;
  readonly qeIdentity: string;
  readonly qeIdentitySignature: Uint8Array;
  readonly qeIdentityChain: string;
}

/** Comes from the worker: as untrusted as the evidence. */
export type Endorsements =
  | IntelCollateral
  /** DER certificates: the chip's, AMD's signing key and root key. */
  | { readonly kind: "amd"; readonly vcek: Uint8Array; readonly ask: Uint8Array; readonly ark: Uint8Array }
  /** PEM from the GPU's attestation certificate to NVIDIA's root. */
  | { readonly kind: "nvidia"; readonly chain: string }
  /** AWS Nitro documents carry their chain. */
  | { readonly kind: "none" };

/** The newest collateral that this verifier accepted for a platform family: older sets are refused from then on. */
export interface CollateralMark {
  readonly id: "SGX" | "TDX";
  readonly fmspc: string;
  readonly evaluation: number;
  /** Unix seconds. */
  readonly issued: bigint;
}

export interface Check {
  readonly name: string;
  readonly detail: string;
}

export interface Verdict {
  readonly platform: PlatformKind;
  readonly root: "production" | "simulated";
  /** SHA-256 of the pinned root's public key. */
  readonly rootId: Hex;
  /** keccak256, stable across the platform's updates where the vendor allows. */
  readonly platformId: Hex;
  readonly measurementId: Hex;
  /** 64 bytes; of a GPU nonce || 0^32. */
  readonly reportData: Hex;
  readonly tcb: {
    readonly status: TcbStatus;
    readonly advisories: readonly string[];
    /** Intel's evaluation data number; 0 elsewhere. */
    readonly evaluation: number;
    /** What keeps the platform from its vendor's newest level, such as `sgx[7] 3 < 5 (microcode)`. */
    readonly short: readonly string[];
  };
  /** Null but for Intel: what to remember as `seen`. */
  readonly mark: CollateralMark | null;
  /** keccak256 of the signed and used prefix: unsigned bytes behind it never count. */
  readonly evidenceHash: Hex;
  readonly usedBytes: number;
  /** Unix seconds. */
  readonly verifiedAt: bigint;
  /** Unix seconds: the earliest end among certificates, lists and collateral. */
  readonly notAfter: bigint;
  /** What was checked, in order, for people; not hashed. */
  readonly checks: readonly Check[];
}

export function worstStatus(statuses: readonly (typeof TCB_STATUSES)[number][]): (typeof TCB_STATUSES)[number] {
  return TCB_STATUSES[Math.max(0, ...statuses.map((status) => TCB_STATUSES.indexOf(status)))] ?? "Revoked";
}
