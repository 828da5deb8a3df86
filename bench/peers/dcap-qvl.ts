// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import type { IntelCollateral } from "../../offchain/engines/tee/verdict.ts";

export const DCAP_QVL = "build/peers/dcap-qvl/node_modules/@phala/dcap-qvl";
export const INSTALL_DCAP_QVL =
  "npm install --prefix build/peers/dcap-qvl --no-save --ignore-scripts @phala/dcap-qvl@0.3.9";

interface Verifier {
  verify(quote: Buffer, collateral: object, now: number): { readonly status: string; readonly advisory_ids: string[] };
}
interface Library {
  readonly QuoteVerifier: { newProd(): Verifier };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Status by the npm library under Intel's root, or undefined where it is not installed. */
export function dcapQvl(): ((quote: Uint8Array, collateral: IntelCollateral, now: bigint) => string) | undefined {
  if (!existsSync(DCAP_QVL)) return undefined;
  const library = createRequire(import.meta.url)(`${process.cwd()}/${DCAP_QVL}`) as Library;
  const verifier = library.QuoteVerifier.newProd();
  return (quote, all, now) =>
    verifier.verify(
      Buffer.from(quote),
      {
        pck_crl_issuer_chain: all.tcbInfoChain,
        root_ca_crl: hex(all.rootCrl),
        pck_crl: hex(all.pckCrl),
        tcb_info_issuer_chain: all.tcbInfoChain,
        tcb_info: all.tcbInfo,
        tcb_info_signature: hex(all.tcbInfoSignature),
        qe_identity_issuer_chain: all.qeIdentityChain,
        qe_identity: all.qeIdentity,
        qe_identity_signature: hex(all.qeIdentitySignature),
      },
      Number(now),
    ).status;
}
