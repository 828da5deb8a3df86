// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../core/bytes.ts";
import { errorText, type Check } from "../core/check.ts";
import type { AssayError } from "../core/errors.ts";
import type { PairingEngine } from "../core/ports/pairing.ts";
import type { Guarantee } from "../core/receipt-json.ts";
import type { ModelManifest } from "../core/types.ts";
import type { Coverage } from "../core/verify-receipt.ts";
import type { LoadedFloatModel } from "../engines/program/float/load-float-model.ts";
import type { LoadedModel } from "../engines/program/load-program.ts";
import type { OpenedJob } from "./re-execute.ts";

export interface AuditOptions {
  /** The model that the auditor meant; without it the receipt's own manifest is only checked against itself. */
  readonly manifest?: ModelManifest;
  /** With `opened`: the whole inference is done again, in plain TypeScript. */
  readonly model?: LoadedModel | LoadedFloatModel;
  /** What the requester opens to this auditor. */
  readonly opened?: OpenedJob;
  /** Compares with a chain: the job's end, and the workers' signing addresses. */
  readonly rpcUrl?: string;
  /** The hub that the auditor believes in. */
  readonly hub?: Hex;
  readonly chainId?: bigint;
  /** Refuse proofs under development keys on the local chain too. */
  readonly refuseDevelopmentKeys?: boolean;
  /** Root keys of SIMULATED enclaves (SHA-256) that this auditor takes on a development chain; none by default. */
  readonly simulatedRoots?: readonly Hex[];
  /** What checks proofs; plain JavaScript by default. */
  readonly pairing?: PairingEngine | undefined;
}

export interface AuditReport {
  readonly ok: boolean;
  readonly receiptHash: Hex | null;
  readonly jobId: Hex | null;
  /** How the job ended: FINAL, or that it closed. */
  readonly end: "FINAL" | "CLOSED" | null;
  readonly checks: readonly Check[];
  readonly coverage: readonly Coverage[];
  readonly guarantee: Guarantee | null;
  /** What was not looked at, and why. */
  readonly skipped: readonly string[];
}

/** A file that is no receipt. */
export function unreadable(error: AssayError): AuditReport {
  return {
    ok: false,
    receiptHash: null,
    jobId: null,
    end: null,
    checks: [{ name: "bytes", ok: false, detail: errorText(error) }],
    coverage: [],
    guarantee: null,
    skipped: ["everything else: these bytes are no receipt"],
  };
}
