// SPDX-License-Identifier: GPL-3.0-or-later
import type { Certificate } from "../bytes/certificate.ts";
import { TAG, derOid, derSequence, derSmall, ofTag, readDer, type DerValue } from "../bytes/der.ts";
import { bareHex } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";

const SGX_OID = "2a864886f84d010d01";

/** What Intel certifies about the processor: extension 1.2.840.113741.1.13.1 of the PCK certificate. */
export interface PckFacts {
  readonly ppid: Uint8Array;
  readonly fmspc: string;
  readonly pceId: string;
  /** SVNs of the 16 components. */
  readonly components: readonly number[];
  readonly pceSvn: number;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("CHAIN", { detail: `the PCK certificate's SGX extension: ${detail}` });
};

function readMap(value: DerValue | undefined): Map<string, DerValue> {
  const out = new Map<string, DerValue>();
  for (const member of derSequence(value)) {
    const [oid, content, ...rest] = derSequence(member);
    const id = derOid(oid);
    if (content === undefined || rest.length > 0 || !id.startsWith(SGX_OID)) return refuse("a member");
    const key = id.slice(SGX_OID.length);
    if (out.has(key)) return refuse("a member occurs twice");
    out.set(key, content);
  }
  return out;
}

function octets(value: DerValue | undefined, length: number): Uint8Array {
  const bytes = ofTag(value, TAG.octetString).value;
  return bytes.length === length ? bytes : refuse("a length");
}

/** Errors: CHAIN, DER. */
export function readPck(certificate: Certificate): PckFacts {
  const bytes = certificate.extensions.get(SGX_OID) ?? refuse("it is missing");
  const top = readMap(readDer(bytes, TAG.sequence));
  const tcb = readMap(top.get("02"));
  const svn = (index: number, max: number): number =>
    derSmall(tcb.get(`02${index.toString(16).padStart(2, "0")}`), max);
  return {
    ppid: octets(top.get("01"), 16),
    fmspc: bareHex(octets(top.get("04"), 6)),
    pceId: bareHex(octets(top.get("03"), 2)),
    components: Array.from({ length: 16 }, (_, i) => svn(i + 1, 255)),
    pceSvn: svn(17, 65_535),
  };
}
