// SPDX-License-Identifier: GPL-3.0-or-later
import { SIMULATED_OID } from "./label.ts";
import { bits, der, distinguishedName, integer, octets, oid, sequence, time } from "./der-writer.ts";
import type { SimulatedKey } from "./keys.ts";

export const ORGANISATION = "SIMULATED by Assay, development only";

export interface SimulatedExtension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly contents: Uint8Array;
}
export interface CertificateRequest {
  readonly commonName: string;
  readonly issuer: string;
  readonly serial: number;
  readonly notBefore: bigint;
  readonly notAfter: bigint;
  readonly key: SimulatedKey;
  readonly signer: SimulatedKey;
  /** Undefined for a leaf. */
  readonly ca?: { readonly pathLength?: number };
  /** First byte of keyUsage. */
  readonly usage: number;
  readonly extensions?: readonly SimulatedExtension[];
  /** Off only in tests of the label itself. */
  readonly isLabelled?: boolean;
}

export const USAGE = { sign: 0x80, issue: 0x06 } as const;

function extension({ oid: id, isCritical, contents }: SimulatedExtension): Uint8Array {
  return sequence(oid(id), ...(isCritical ? [Uint8Array.of(1, 1, 0xff)] : []), octets(contents));
}

function basicConstraints(ca: CertificateRequest["ca"]): Uint8Array {
  if (ca === undefined) return sequence();
  return sequence(Uint8Array.of(1, 1, 0xff), ...(ca.pathLength === undefined ? [] : [integer(ca.pathLength)]));
}

export function issueCertificate(request: CertificateRequest): Uint8Array {
  const { commonName, issuer, serial, notBefore, notAfter, key, signer, ca, usage, extensions = [] } = request;
  const unused = 31 - Math.clz32(usage & -usage);
  const label: SimulatedExtension[] =
    ca !== undefined && request.isLabelled !== false
      ? [{ oid: SIMULATED_OID, isCritical: true, contents: Uint8Array.of(5, 0) }]
      : [];
  const all: SimulatedExtension[] = [
    { oid: "551d13", isCritical: true, contents: basicConstraints(ca) },
    { oid: "551d0f", isCritical: true, contents: bits(Uint8Array.of(usage), unused) },
    ...label,
    ...extensions,
  ];
  const tbs = sequence(
    der(0xa0, integer(2)),
    integer(serial),
    signer.algorithm,
    distinguishedName(issuer, ORGANISATION),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(commonName, ORGANISATION),
    key.spki,
    der(0xa3, sequence(...all.map(extension))),
  );
  return sequence(tbs, signer.algorithm, bits(signer.sign(tbs)));
}

export interface CrlRequest {
  readonly issuer: string;
  readonly signer: SimulatedKey;
  readonly thisUpdate: bigint;
  readonly nextUpdate: bigint;
  readonly serials?: readonly number[];
}

export function issueCrl({ issuer, signer, thisUpdate, nextUpdate, serials = [] }: CrlRequest): Uint8Array {
  const entries = serials.map((serial) => sequence(integer(serial), time(thisUpdate)));
  const tbs = sequence(
    integer(1),
    signer.algorithm,
    distinguishedName(issuer, ORGANISATION),
    time(thisUpdate),
    time(nextUpdate),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    der(0xa0, sequence(sequence(oid("551d14"), octets(integer(1))))),
  );
  return sequence(tbs, signer.algorithm, bits(signer.sign(tbs)));
}
