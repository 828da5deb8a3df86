// SPDX-License-Identifier: GPL-3.0-or-later
import type { IntelSet, KeyedCertificate, SignedText } from "../../adapters/chain/bring-collateral.ts";
import { toHex, utf8, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { readCertificate } from "../../engines/tee/bytes/certificate.ts";
import { readPem } from "../../engines/tee/bytes/pem.ts";
import type { PackedQuote } from "../../engines/tee/dcap/pack.ts";
import { EvidenceError } from "../../engines/tee/errors.ts";
import type { IntelCollateral } from "../../engines/tee/verdict.ts";

/** How `IntelCollateral` names a key: keccak256 of its coordinates. Errors: DER, CHAIN. */
export function keyIdOf(der: Uint8Array): Hex {
  // SubjectPublicKeyInfo of P-256 ends with the point.
  return toHex(keccak256(readCertificate(der).spki.subarray(-64)));
}

const keyed = (der: Uint8Array): KeyedCertificate => ({ key: keyIdOf(der), der: toHex(der) });
const signed = (text: string, signature: Uint8Array): SignedText => ({
  text: toHex(utf8(text)),
  r: toHex(signature.subarray(0, 32)),
  s: toHex(signature.subarray(32)),
});

/** A quote's chain and its collateral in the form that the chain takes. Errors: PEM, CHAIN, DER. */
export function intelSet({ root, ca, pck }: PackedQuote, collateral: IntelCollateral): IntelSet {
  const [signer] = readPem(collateral.tcbInfoChain);
  if (signer === undefined) throw new EvidenceError("CHAIN", { detail: "the collateral has no signer" });
  return {
    root: keyed(root),
    ca: keyed(ca),
    pck: keyed(pck),
    signer: keyed(signer),
    rootCrl: toHex(collateral.rootCrl),
    caCrl: toHex(collateral.pckCrl),
    tcbInfo: signed(collateral.tcbInfo, collateral.tcbInfoSignature),
    identity: signed(collateral.qeIdentity, collateral.qeIdentitySignature),
  };
}
