// SPDX-License-Identifier: GPL-3.0-or-later
import type { IntelCollateral } from "../verdict.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Collateral as DCAP tools exchange it: the members of the file that `--collateral` takes. */
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
