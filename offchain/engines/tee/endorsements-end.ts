// SPDX-License-Identifier: GPL-3.0-or-later
import { earliestEnd, parseChain } from "./bytes/chain.ts";
import { crlEnd } from "./bytes/crl.ts";
import { readPem } from "./bytes/pem.ts";
import { VerifyCache } from "./cache.ts";
import { parseQeIdentity, parseTcbInfo } from "./dcap/collateral.ts";
import type { Endorsements } from "./verdict.ts";

/**
 * Until when endorsements serve by their own words, Unix seconds; nothing is verified. Null where evidence carries its own (AWS).
 * Errors: COLLATERAL, CHAIN, CRL, PEM, DER.
 */
export function endorsementsEnd(endorsements: Endorsements): bigint | null {
  const end = (ders: readonly Uint8Array[]): bigint => earliestEnd(parseChain(ders, new VerifyCache(0)));
  switch (endorsements.kind) {
    case "intel": {
      const { rootCrl, pckCrl, tcbInfo, tcbInfoChain, qeIdentity, qeIdentityChain } = endorsements;
      return [
        crlEnd(rootCrl),
        crlEnd(pckCrl),
        parseTcbInfo(tcbInfo).nextUpdate,
        parseQeIdentity(qeIdentity).nextUpdate,
        end(readPem(tcbInfoChain)),
        end(readPem(qeIdentityChain)),
      ].reduce((earliest, one) => (one < earliest ? one : earliest));
    }
    case "amd":
      return end([endorsements.vcek, endorsements.ask, endorsements.ark]);
    case "nvidia":
      return end(readPem(endorsements.chain));
    case "none":
      return null;
  }
}
