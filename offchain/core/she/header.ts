// SPDX-License-Identifier: MIT
import { SheError } from "./errors.ts";
import { dataPrimes, sheProfile, type SheProfile } from "./profiles.ts";

export const SHE_KIND = { ciphertext: 1, key: 2, plaintext: 3 } as const;
export type SheKind = keyof typeof SHE_KIND;

/** Header of a ciphertext, switching key or plaintext on the wire. */
export interface SheHeader {
  readonly kind: SheKind;
  readonly profile: SheProfile;
  /** Data primes present, 1 to the profile's. */
  readonly level: number;
  /** Pseudorandom rows are left out; a 32-byte seed stands for them. Not for plaintexts. */
  readonly seeded: boolean;
  /** N signed coefficients instead of rows. Only for plaintexts. */
  readonly compact: boolean;
  /** A row for the special prime: keys always, ciphertexts never. */
  readonly special: boolean;
  /** Keys: the automorphism's exponent, 0 for relinearisation. Otherwise 0. */
  readonly galois: number;
}

export const SHE_HEADER_BYTES = 32;
const MAGIC = [0x41, 0x53, 0x48, 0x45]; // "ASHE"
const VERSION = 1;
const [SEEDED, COMPACT, SPECIAL] = [1, 2, 4];
const NAMES: Readonly<Record<number, SheKind>> = { 1: "ciphertext", 2: "key", 3: "plaintext" };

/** Rows of the canonical form. */
export function canonicalRows({ kind, level, special }: Pick<SheHeader, "kind" | "level" | "special">): number {
  if (kind === "ciphertext") return 2 * level;
  return kind === "key" ? 2 * level * (level + 1) : level + (special ? 1 : 0);
}

/** Bytes of the whole object, header and seed included. Coefficients of a compact P13-R plaintext need 64 bits. */
export function sheObjectBytes(header: SheHeader): number {
  const { degree, boundaryScaleBits } = header.profile;
  if (header.compact) return SHE_HEADER_BYTES + degree * (boundaryScaleBits > 30 ? 8 : 4);
  const rows = canonicalRows(header);
  return SHE_HEADER_BYTES + (header.seeded ? 32 + rows * 2 * degree : rows * 4 * degree);
}

/** 32 bytes, little-endian. `canonical` clears the transport flags: what digests cover. */
export function encodeSheHeader(header: SheHeader, canonical = false): Uint8Array {
  const bytes = new Uint8Array(SHE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint8(4, VERSION);
  view.setUint8(5, SHE_KIND[header.kind]);
  view.setUint16(6, header.profile.id, true);
  view.setUint8(8, header.level);
  const transport = canonical ? 0 : (header.seeded ? SEEDED : 0) | (header.compact ? COMPACT : 0);
  view.setUint8(9, transport | (header.special ? SPECIAL : 0));
  view.setUint32(12, header.galois, true);
  view.setUint32(16, canonicalRows(header), true);
  return bytes;
}

/** Rotations are powers of 3 modulo 2N: the residues 1 and 3 mod 8. */
const isRotation = (galois: number, degree: number) =>
  galois > 1 && galois < 2 * degree && (galois % 8 === 1 || galois % 8 === 3);

/**
 * Reads the header and requires the object's exact length. Errors: BYTES_REFUSED for anything that is not canonical,
 * PROFILE_UNKNOWN.
 */
export function decodeSheHeader(bytes: Uint8Array): SheHeader {
  const refuse = (reason: string) => new SheError("BYTES_REFUSED", { what: "encrypted object", reason });
  if (bytes.length < SHE_HEADER_BYTES) throw refuse(`it has ${bytes.length} bytes, less than its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw refuse("it does not begin with ASHE");
  if (view.getUint8(4) !== VERSION) throw refuse(`version ${view.getUint8(4)} is unknown`);
  const kind = NAMES[view.getUint8(5)];
  if (kind === undefined) throw refuse(`kind ${view.getUint8(5)} is unknown`);
  const profile = sheProfile(view.getUint16(6, true));
  const level = view.getUint8(8);
  if (level < 1 || level > dataPrimes(profile)) throw refuse(`level ${level} is not one of ${profile.name}`);
  const flags = view.getUint8(9);
  if (flags > (SEEDED | COMPACT | SPECIAL)) throw refuse(`flags ${flags} are unknown`);
  const [seeded, compact, special] = [SEEDED, COMPACT, SPECIAL].map((flag) => (flags & flag) !== 0);
  const header: SheHeader = {
    kind,
    profile,
    level,
    seeded: seeded === true,
    compact: compact === true,
    special: special === true,
    galois: view.getUint32(12, true),
  };
  if (header.seeded && kind === "plaintext") throw refuse("a plaintext has no seed");
  if (header.compact && kind !== "plaintext") throw refuse("only plaintexts are compact");
  if (kind === "key" ? !header.special : kind === "ciphertext" && header.special)
    throw refuse(`a ${kind} ${kind === "key" ? "has" : "has no"} row for the special prime`);
  if (header.galois !== 0 && (kind !== "key" || !isRotation(header.galois, profile.degree)))
    throw refuse(`${header.galois} is no rotation of a ${kind}`);
  if (view.getUint32(16, true) !== canonicalRows(header)) throw refuse("its row count does not follow from its level");
  if (view.getUint16(10, true) !== 0 || bytes.subarray(20, SHE_HEADER_BYTES).some((byte) => byte !== 0))
    throw refuse("a reserved byte is not zero");
  const expected = sheObjectBytes(header);
  if (bytes.length !== expected) throw refuse(`it has ${bytes.length} bytes instead of ${expected}`);
  return header;
}
