// SPDX-License-Identifier: GPL-3.0-or-later
import { defineErrors } from "../../core/errors.ts";

const VENDOR = "Ask the worker for evidence that its vendor's tools accept; a tampered copy fails the same way.";
const COLLATERAL = "Fetch the vendor's current certificates, lists and collateral, then verify again.";
const ENDED = "Do not use this enclave for anything that must stay secret or right.";

/** What makes evidence meaningless, by the clause that failed (tee.md §2), and what a policy refuses. */
export const EvidenceError = defineErrors("tee", 6, {
  DER: { n: 1, text: "A DER structure is not canonical: {detail}.", fix: VENDOR, retry: "never" },
  PEM: { n: 2, text: "A PEM text is not canonical: {detail}.", fix: VENDOR, retry: "never" },
  CBOR: { n: 3, text: "A CBOR item is not canonical: {detail}.", fix: VENDOR, retry: "never" },
  ROOT: {
    n: 4,
    text: "The evidence does not end at a pinned vendor root: {detail}.",
    fix: "Evidence of a simulated or unknown platform is good for development only.",
    retry: "never",
  },
  CHAIN: { n: 5, text: "The certificate chain is refused: {detail}.", fix: COLLATERAL, retry: "later" },
  CRL: { n: 6, text: "A revocation list is refused: {detail}.", fix: COLLATERAL, retry: "later" },
  REVOKED: { n: 7, text: "The vendor revoked {detail}.", fix: ENDED, retry: "never" },
  COLLATERAL: { n: 8, text: "Intel's collateral is refused: {detail}.", fix: COLLATERAL, retry: "later" },
  QE: { n: 9, text: "The quoting enclave is refused: {detail}.", fix: VENDOR, retry: "never" },
  QUOTE: { n: 10, text: "The signed report is refused: {detail}.", fix: VENDOR, retry: "never" },
  TCB: {
    n: 11,
    text: "The platform is below the lowest level its vendor lists: {detail}.",
    fix: "Update the named component (microcode, firmware, TDX module or quoting enclave), then quote again.",
    retry: "later",
  },
  SEAM: { n: 12, text: "The TDX module is refused: {detail}.", fix: VENDOR, retry: "never" },
  DEBUG: { n: 13, text: "A debug enclave hides nothing from its host: {detail}.", fix: ENDED, retry: "never" },
  TD: { n: 14, text: "The confidential VM's attributes are refused: {detail}.", fix: ENDED, retry: "never" },
  BINDING: {
    n: 15,
    text: "The evidence was made for something else: {detail}.",
    fix: "Ask for evidence over this key, chain, registry and challenge; evidence of another session is a replay.",
    retry: "now",
  },
  NOT_ADMITTED: {
    n: 16,
    text: "The policy refuses genuine evidence: {detail}.",
    fix: "Choose another worker, or let its operator update the platform or register its image.",
    retry: "later",
  },
  PROVIDER: {
    n: 17,
    text: "This machine gives no evidence: {detail}.",
    fix: "Run inside a TDX or SEV-SNP guest with Linux 6.7 or newer, with configfs mounted and writable for this user; or in a Nitro enclave with /dev/nsm, its driver, and the helper that `node scripts/nsm/build.mjs` builds.",
    retry: "later",
  },
  NSM_REFUSED: {
    n: 18,
    text: "The Nitro security module refuses {request}: {code}.",
    fix: "InternalError and BufferTooSmall are the module's own: start the enclave again if they stay. The others mean that this module and this program do not agree: update both.",
    retry: "later",
  },
  NSM_ANSWER: {
    n: 19,
    text: "The Nitro security module's answer is refused: {detail}.",
    fix: "Check that /dev/nsm is the enclave's own device and its module of version 1; nothing else answers this way.",
    retry: "never",
  },
});
