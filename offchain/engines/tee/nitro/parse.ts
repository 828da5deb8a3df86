// SPDX-License-Identifier: GPL-3.0-or-later
import { readCbor, readCborPrefix, type CborMap, type CborValue } from "../bytes/cbor.ts";
import { EvidenceError } from "../errors.ts";

// AWS, "Nitro Enclaves attestation process": COSE_Sign1 (RFC 9052) with ES384 over a CBOR map.

const ES384 = -35n;
const MAX_USER_BYTES = 1024;

export interface NitroDocument {
  readonly moduleId: string;
  /** Unix milliseconds. */
  readonly timestamp: bigint;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly certificate: Uint8Array;
  /** Root first. */
  readonly caBundle: readonly Uint8Array[];
  /** Empty where there is none, as the next two. */
  readonly userData: Uint8Array;
  readonly nonce: Uint8Array;
  readonly publicKey: Uint8Array;
  /** Protected header and payload, as they are signed. */
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly used: number;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("QUOTE", { detail });
};
const bytesOf = (value: CborValue | undefined, what: string): Uint8Array =>
  value instanceof Uint8Array ? value : refuse(what);
const mapOf = (value: CborValue | undefined, what: string): CborMap => (value instanceof Map ? value : refuse(what));
const arrayOf = (value: CborValue | undefined, what: string): readonly CborValue[] =>
  Array.isArray(value) ? (value as readonly CborValue[]) : refuse(what);
const optional = (value: CborValue | undefined, what: string): Uint8Array => {
  const bytes = value === null || value === undefined ? new Uint8Array() : bytesOf(value, what);
  return bytes.length > MAX_USER_BYTES ? refuse(`${what} is too long`) : bytes;
};

function readPcrs(value: CborValue | undefined): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  for (const [index, digest] of mapOf(value, "pcrs")) {
    const bytes = bytesOf(digest, "a PCR");
    if (typeof index !== "bigint" || index < 0n || index > 31n || bytes.length !== 48) return refuse("a PCR");
    out.set(Number(index), bytes);
  }
  return out;
}

const FIELDS = [
  "module_id",
  "digest",
  "timestamp",
  "pcrs",
  "certificate",
  "cabundle",
  "public_key",
  "user_data",
  "nonce",
];

/** Errors: QUOTE, CBOR. */
export function parseNitro(bytes: Uint8Array): NitroDocument {
  const { value, used } = readCborPrefix(bytes);
  const [head, open, body, seal, ...rest] = arrayOf(value, "no COSE_Sign1");
  const protectedHeader = bytesOf(head, "protected header");
  const header = mapOf(readCbor(protectedHeader), "protected header");
  if (header.size !== 1 || header.get(1n) !== ES384) return refuse("algorithm is not ES384");
  if (mapOf(open, "unprotected header").size !== 0 || rest.length > 0) return refuse("unsigned header fields");
  const payload = bytesOf(body, "payload");
  const map = mapOf(readCbor(payload, true), "payload");
  for (const key of map.keys())
    if (typeof key !== "string" || !FIELDS.includes(key)) return refuse(`unknown field ${String(key)}`);
  const moduleId = map.get("module_id");
  const timestamp = map.get("timestamp");
  if (typeof moduleId !== "string" || !/^[\x21-\x7e]{1,128}$/.test(moduleId)) return refuse("module_id");
  if (typeof timestamp !== "bigint" || timestamp < 0n) return refuse("timestamp");
  if (map.get("digest") !== "SHA384") return refuse("digest is not SHA384");
  const bundle = arrayOf(map.get("cabundle"), "cabundle").map((der) => bytesOf(der, "cabundle"));
  if (bundle.length === 0 || bundle.length > 7) return refuse("cabundle has no or too many certificates");
  return {
    moduleId,
    timestamp,
    pcrs: readPcrs(map.get("pcrs")),
    certificate: bytesOf(map.get("certificate"), "certificate"),
    caBundle: bundle,
    userData: optional(map.get("user_data"), "user_data"),
    nonce: optional(map.get("nonce"), "nonce"),
    publicKey: optional(map.get("public_key"), "public_key"),
    protectedHeader,
    payload,
    signature: bytesOf(seal, "signature"),
    used,
  };
}
