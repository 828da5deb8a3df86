// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes } from "../../../core/bytes.ts";
import { readPem } from "../bytes/pem.ts";
import { EvidenceError } from "../errors.ts";
import type { Evidence } from "../verdict.ts";
import { parseQuote } from "./parse.ts";

/** What a chain takes of a quote: a fifth of its bytes, for certificates are registered once. */
export interface PackedQuote {
  /** Signed part, signature, attestation key, QE report, its signature, QE authentication data. */
  readonly packed: Uint8Array;
  readonly isTdx: boolean;
  /** DER. */
  readonly pck: Uint8Array;
  readonly ca: Uint8Array;
  readonly root: Uint8Array;
}

/** Errors: QUOTE, QE, PEM, CHAIN. */
export function packQuote({ bytes, format }: Evidence): PackedQuote {
  const quote = parseQuote(bytes, format);
  const [pck, ca, root] = readPem(quote.chain);
  if (pck === undefined || ca === undefined || root === undefined)
    throw new EvidenceError("CHAIN", { detail: "it is not PCK, CA and root" });
  const { signed, signature, attestationKey, qeReport, qeSignature, qeAuthData, isTdx } = quote;
  return {
    packed: concatBytes(signed, signature, attestationKey, qeReport, qeSignature, qeAuthData),
    isTdx,
    pck,
    ca,
    root,
  };
}
