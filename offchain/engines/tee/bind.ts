// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, equalBytes, fromHex, toHex, utf8, type Hex } from "../../core/bytes.ts";
import { bindReportData, type EnclaveBinding } from "../../core/enclave-binding.ts";
import { keccak256 } from "../../core/keccak.ts";
import type { Word } from "../../core/tagged-hash.ts";
import { EvidenceError } from "./errors.ts";
import type { Evidence, Verdict } from "./verdict.ts";

/** Report data of a channel's fresh quote: keccak256("assay.v1.session" || h || role || key) || 0^32. */
export function sessionReportData(handshakeHash: Uint8Array, role: "initiator" | "responder", key: Hex): Uint8Array {
  const side = Uint8Array.of(role === "initiator" ? 0 : 1);
  return concatBytes(keccak256(utf8("assay.v1.session"), handshakeHash, side, fromHex(key, 20)), new Uint8Array(32));
}

/** Nonce of a GPU report: keccak256("assay.v1.gpu" || channelKey || challenge). */
export const gpuNonce = (channelKey: Word, challenge: Word): Uint8Array =>
  keccak256(utf8("assay.v1.gpu"), fromHex(channelKey, 32), fromHex(challenge, 32));

/** Evidence must have been made over exactly `expected` (64 bytes). Error: BINDING. */
export function requireReportData(verdict: Verdict, expected: Uint8Array): void {
  if (!equalBytes(fromHex(verdict.reportData), expected))
    throw new EvidenceError("BINDING", { detail: `report data is ${verdict.reportData}, expected ${toHex(expected)}` });
}

/** Evidence, the runtime declared beside it and the key's binding belong together. Error: BINDING. */
export function requireBinding(verdict: Verdict, { runtime }: Evidence, binding: EnclaveBinding): void {
  requireReportData(verdict, bindReportData(binding, runtime));
}
