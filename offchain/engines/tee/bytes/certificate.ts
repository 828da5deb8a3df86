// SPDX-License-Identifier: GPL-3.0-or-later
import { createPublicKey, type KeyObject } from "node:crypto";
import { EvidenceError } from "../errors.ts";
import { TAG, derBitBytes, derBits, derBoolean, derChildren, derOid, derSequence, derSmall, derTime, derUnsigned, ofTag, readDer, type DerValue } from "./der.ts"; // prettier-ignore
import { bareHex, sha256 } from "./fields.ts";

// X.509 v3 as the vendors' attestation chains use it (RFC 5280): any deviation is refused, not worked around.

/** Signature algorithms by their AlgorithmIdentifier's contents. */
const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  "06082a8648ce3d040302": "ecdsa-sha256",
  "06082a8648ce3d040303": "ecdsa-sha384",
};
/** RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt of 48. AMD's roots spell out the default trailer, its leaves do not. */
const PSS_OID = "2a864886f70d01010a";
const PSS_PARAMETERS =
  /^a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130(?:a303020101)?$/;
const KNOWN_CRITICAL = new Set(["551d13", "551d0f"]);
/**
 * 2.25 with a UUID that stands for "simulated enclave platform of Assay, development only". Every simulated CA carries it as
 * critical, so any verifier that does not know it refuses the chain even if somebody pins the root.
 */
export const SIMULATED_OID = "6982f3a6c8e1b5d09a97bce4f2a1d8c3b6e50b";

export type SignatureAlgorithm = "ecdsa-sha256" | "ecdsa-sha384" | "rsa-pss-sha384";

export interface Certificate {
  readonly der: Uint8Array;
  /** Lower-case hex of sha256(der), without 0x. */
  readonly id: string;
  readonly tbs: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Hex magnitude. */
  readonly serial: string;
  /** DER of the names: compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly commonName: string;
  readonly notBefore: bigint;
  readonly notAfter: bigint;
  readonly spki: Uint8Array;
  /** Hex of sha256(spki), without 0x. */
  readonly spkiHash: string;
  readonly key: KeyObject;
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
  readonly mayIssue: boolean;
  readonly maySignCrl: boolean;
  readonly isSimulated: boolean;
  /** Extension contents by OID (hex of its contents). */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("CHAIN", { detail });
};

export function readAlgorithm(value: DerValue | undefined): SignatureAlgorithm {
  const contents = ofTag(value, TAG.sequence).value;
  const simple = ALGORITHMS[bareHex(contents)];
  if (simple !== undefined) return simple;
  const [oid, parameters, ...rest] = derChildren(contents);
  if (derOid(oid) === PSS_OID && rest.length === 0)
    if (PSS_PARAMETERS.test(bareHex(ofTag(parameters, TAG.sequence).value))) return "rsa-pss-sha384";
  return refuse("signature algorithm");
}

/** Contents of the last commonName of a DER name; empty without one. */
function readCommonName(name: DerValue): string {
  let found = "";
  for (const set of derSequence(name))
    for (const pair of derChildren(ofTag(set, TAG.set).value)) {
      const [oid, text, ...rest] = derSequence(pair);
      if (text === undefined || rest.length > 0) return refuse("name");
      if (derOid(oid) === "550403") found = Buffer.from(text.value).toString("latin1");
    }
  return found;
}

function readExtensions(field: DerValue | undefined): { all: Map<string, Uint8Array>; critical: Set<string> } {
  const all = new Map<string, Uint8Array>();
  const critical = new Set<string>();
  for (const extension of derSequence(readDer(ofTag(field, 0xa3).value, TAG.sequence))) {
    const parts = derSequence(extension);
    const id = derOid(parts[0]);
    if (all.has(id)) return refuse("an extension occurs twice");
    if (parts.length === 3) {
      if (!derBoolean(parts[1])) return refuse("an extension spells out a default");
      critical.add(id);
    } else if (parts.length !== 2) return refuse("extension");
    all.set(id, ofTag(parts.at(-1), TAG.octetString).value);
  }
  return { all, critical };
}

function readBasicConstraints(bytes: Uint8Array | undefined): { isCa: boolean; pathLength: number | undefined } {
  if (bytes === undefined) return { isCa: false, pathLength: undefined };
  const [ca, length, ...rest] = derSequence(readDer(bytes, TAG.sequence));
  const isCa = ca !== undefined && derBoolean(ca);
  if (rest.length > 0 || (length !== undefined && !isCa)) return refuse("basic constraints");
  return { isCa, pathLength: length === undefined ? undefined : derSmall(length, 16) };
}

/** Parses one certificate and checks its form; says nothing about time or issuer. Errors: DER, CHAIN. */
export function readCertificate(der: Uint8Array): Certificate {
  const [tbs, outer, signature, ...more] = derSequence(readDer(der, TAG.sequence));
  const [version, serial, inner, issuer, validity, subject, spki, extensions, ...rest] = derSequence(tbs);
  if (tbs === undefined || issuer === undefined || subject === undefined || spki === undefined) return refuse("fields");
  if (more.length > 0 || rest.length > 0) return refuse("more fields than v3 has");
  if (derSmall(readDer(ofTag(version, 0xa0).value, TAG.integer), 2) !== 2) return refuse("not version 3");
  if (inner === undefined || outer === undefined || bareHex(inner.whole) !== bareHex(outer.whole))
    return refuse("two signature algorithms");
  const number = derUnsigned(serial);
  if (number.length > 20) return refuse("serial number is too long");
  const times = derSequence(validity);
  if (times.length !== 2) return refuse("validity");
  const { all, critical } = readExtensions(extensions);
  const isSimulated = critical.has(SIMULATED_OID);
  for (const id of critical)
    if (!KNOWN_CRITICAL.has(id) && id !== SIMULATED_OID) return refuse(`unknown critical extension ${id}`);
  const usage = all.get("551d0f");
  const usageByte = usage === undefined ? 0 : (derBits(readDer(usage, TAG.bitString)).bytes[0] ?? 0);
  ofTag(spki, TAG.sequence);
  return {
    der,
    id: bareHex(sha256(der)),
    tbs: tbs.whole,
    algorithm: readAlgorithm(outer),
    signature: derBitBytes(signature),
    serial: bareHex(number),
    issuer: issuer.whole,
    subject: subject.whole,
    commonName: readCommonName(subject),
    notBefore: derTime(times[0]),
    notAfter: derTime(times[1]),
    spki: spki.whole,
    spkiHash: bareHex(sha256(spki.whole)),
    key: readKey(spki.whole),
    ...readBasicConstraints(all.get("551d13")),
    mayIssue: (usageByte & 0x04) !== 0,
    maySignCrl: (usageByte & 0x02) !== 0,
    isSimulated,
    extensions: all,
  };
}

function readKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    return refuse("public key");
  }
}
