// SPDX-License-Identifier: GPL-3.0-or-later
import { EvidenceError } from "./errors.ts";
import type { IntelCollateral } from "./verdict.ts";

/**
 * Reads the JSON bundle that DCAP tools exchange: CRLs and signatures in hex, chains in PEM, TCB info and QE identity as the
 * signed texts. Nothing is trusted yet. Error: COLLATERAL.
 */
export function readCollateralBundle(json: unknown): IntelCollateral {
  const refuse = (detail: string): never => {
    throw new EvidenceError("COLLATERAL", { detail });
  };
  if (typeof json !== "object" || json === null) return refuse("the bundle is no JSON object");
  const fields = json as Readonly<Record<string, unknown>>;
  const text = (key: string): string => {
    const value = fields[key];
    return typeof value === "string" ? value : refuse(`the bundle has no ${key}`);
  };
  const bytes = (key: string): Uint8Array => {
    const value = text(key);
    return /^(?:[0-9a-fA-F]{2})*$/.test(value) ? new Uint8Array(Buffer.from(value, "hex")) : refuse(`${key} is no hex`);
  };
  return {
    kind: "intel",
    rootCrl: bytes("root_ca_crl"),
    pckCrl: bytes("pck_crl"),
    tcbInfo: text("tcb_info"),
    tcbInfoSignature: bytes("tcb_info_signature"),
    tcbInfoChain: text("tcb_info_issuer_chain"),
    qeIdentity: text("qe_identity"),
    qeIdentitySignature: bytes("qe_identity_signature"),
    qeIdentityChain: text("qe_identity_issuer_chain"),
  };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Collateral as DCAP tools exchange it: what `readCollateralBundle` reads. */
export const collateralBundle = (all: IntelCollateral): Readonly<Record<string, string>> => ({
  root_ca_crl: hex(all.rootCrl),
  pck_crl: hex(all.pckCrl),
  tcb_info: all.tcbInfo,
  tcb_info_signature: hex(all.tcbInfoSignature),
  tcb_info_issuer_chain: all.tcbInfoChain,
  qe_identity: all.qeIdentity,
  qe_identity_signature: hex(all.qeIdentitySignature),
  qe_identity_issuer_chain: all.qeIdentityChain,
});
