// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import { EvidenceError } from "../errors.ts";
import { readAlgorithm, type Certificate } from "./certificate.ts";
import { TAG, derBitBytes, derChildren, derSequence, derSmall, derTime, derUnsigned, ofTag, readDer } from "./der.ts";
import { bareHex } from "./fields.ts";
import { checkSigned } from "./signature.ts";

const MAX_CRL_BYTES = 262_144;

export interface RevocationList {
  readonly thisUpdate: bigint;
  readonly nextUpdate: bigint;
  /** Serial numbers in hex. */
  readonly serials: ReadonlySet<string>;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("CRL", { detail });
};

/**
 * A version-2 list (RFC 5280 §5) signed by `issuer`. A list that is missing, of another issuer or unreadable is refused: it
 * never means that nothing is revoked. The caller checks the dates. Errors: CRL, DER.
 */
export function readCrl(der: Uint8Array, issuer: Certificate): RevocationList {
  if (der.length === 0) return refuse("it is missing");
  if (der.length > MAX_CRL_BYTES) return refuse("it is too long");
  const [tbs, outer, signature, ...more] = derSequence(readDer(der, TAG.sequence));
  const [version, inner, name, thisUpdate, nextUpdate, ...rest] = derSequence(tbs);
  if (tbs === undefined || more.length > 0) return refuse("its fields");
  if (derSmall(version, 1) !== 1) return refuse("it is not version 2");
  if (inner === undefined || outer === undefined || !equalBytes(inner.whole, outer.whole))
    return refuse("two signature algorithms");
  if (name === undefined || !equalBytes(name.whole, issuer.subject)) return refuse(`not of ${issuer.commonName}`);
  if (!issuer.isCa || !issuer.maySignCrl) return refuse(`${issuer.commonName} may not sign lists`);
  if (!checkSigned(issuer.key, readAlgorithm(outer), tbs.whole, derBitBytes(signature))) return refuse("its signature");
  const serials = new Set<string>();
  const entries = rest[0]?.tag === TAG.sequence ? rest.shift() : undefined;
  for (const revoked of entries === undefined ? [] : derSequence(entries)) {
    const [serial, when] = derSequence(revoked);
    derTime(when);
    serials.add(bareHex(derUnsigned(serial)));
  }
  // Extensions: list number and key identifier; a critical one (delta or partial lists) would change the meaning.
  const extensions = rest.shift();
  if (rest.length > 0) return refuse("more fields than version 2 has");
  if (extensions !== undefined)
    for (const extension of derSequence(readDer(ofTag(extensions, 0xa0).value, TAG.sequence)))
      if (derChildren(ofTag(extension, TAG.sequence).value).length !== 2) return refuse("a critical extension");
  return { thisUpdate: derTime(thisUpdate), nextUpdate: derTime(nextUpdate), serials };
}

/** When a list says that the next one follows, Unix seconds; nothing is verified. Errors: CRL, DER. */
export function crlEnd(der: Uint8Array): bigint {
  if (der.length > MAX_CRL_BYTES) return refuse("it is too long");
  const [tbs] = derSequence(readDer(der, TAG.sequence));
  return derTime(derSequence(tbs)[4]);
}

/** `now` in Unix seconds. Error: CRL. */
export function requireCurrent(list: RevocationList, now: bigint, issuer: string): void {
  if (now < list.thisUpdate) return refuse(`${issuer}'s list is of the future`);
  if (now > list.nextUpdate) return refuse(`${issuer}'s list ended`);
}
