// SPDX-License-Identifier: GPL-3.0-or-later
import { readPem } from "./bytes/pem.ts";
import { EvidenceError } from "./errors.ts";
import type { Endorsements } from "./verdict.ts";

const DER_SEQUENCE = 0x30;

/**
 * Reads what AMD's key server gives: the chip's certificate (VCEK) as DER or PEM, and a PEM of signing key (ASK) and root key (ARK), in
 * that order. Nothing is trusted yet. Errors: PEM, COLLATERAL where a certificate is missing.
 */
export function readAmdFiles(chip: Uint8Array, chain: Uint8Array): Extract<Endorsements, { readonly kind: "amd" }> {
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  const vcek = chip[0] === DER_SEQUENCE ? chip : readPem(text(chip))[0];
  const [ask, ark, ...more] = readPem(text(chain));
  if (vcek === undefined || ask === undefined || ark === undefined || more.length > 0)
    throw new EvidenceError("COLLATERAL", { detail: "AMD's chain is the signing key and the root key, no more" });
  return { kind: "amd", vcek, ask, ark };
}
