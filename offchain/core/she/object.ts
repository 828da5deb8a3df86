// SPDX-License-Identifier: MIT
import { concatBytes } from "../bytes.ts";
import { SheError } from "./errors.ts";
import { expandRow } from "./expand-seed.ts";
import type { SheHashes } from "./hashes.ts";
import { dataPrimes } from "./profiles.ts";
import { decodeSheHeader, encodeSheHeader, SHE_HEADER_BYTES, sheObjectBytes, type SheHeader } from "./header.ts";

/** An object in canonical form: all rows present, every residue below its prime. */
export interface SheObject {
  readonly header: SheHeader;
  /** Rows of N residues in the order of the format; see `rowPrimes`. */
  readonly rows: Uint32Array;
}

/** A compact plaintext: N integers, coefficients of X^0 to X^(N-1). */
export interface CompactPlaintext {
  readonly header: SheHeader;
  readonly coefficients: Float64Array;
}

/** The profile's prime index of each canonical row. The special prime's index is the number of data primes. */
export function rowPrimes({ kind, level, special, profile }: SheHeader): readonly number[] {
  const data = Array.from({ length: level }, (_, i) => i);
  if (kind === "ciphertext") return [...data, ...data];
  const extended = special ? [...data, dataPrimes(profile)] : data;
  return kind === "plaintext" ? extended : data.flatMap(() => [...extended, ...extended]);
}

/** Whether each canonical row stands for itself in the seeded form; the others come from the seed. */
function isSent({ kind, level }: SheHeader, row: number): boolean {
  if (kind === "ciphertext") return row < level;
  return kind === "plaintext" || Math.floor(row / (level + 1)) % 2 === 0;
}

const refuse = (header: SheHeader, reason: string) => new SheError("BYTES_REFUSED", { what: header.kind, reason });

function readRow(out: Uint32Array, view: DataView, from: number, prime: number): boolean {
  let bad = 0;
  for (let i = 0; i < out.length; i++) {
    const word = view.getUint32(from + 4 * i, true);
    bad |= Number(word >= prime);
    out[i] = word;
  }
  return bad === 0;
}

/**
 * Reads an object in full or seeded form and expands it. Not for compact plaintexts. Errors: BYTES_REFUSED (any second
 * encoding, a residue not below its prime, a length that does not fit), PROFILE_UNKNOWN.
 */
export function decodeSheObject(bytes: Uint8Array, hashes: SheHashes): SheObject {
  const header = decodeSheHeader(bytes);
  if (header.compact) throw refuse(header, "it is compact: expand it with the kernel");
  const { degree, primes } = header.profile;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const seed = bytes.subarray(SHE_HEADER_BYTES, SHE_HEADER_BYTES + 32);
  const indices = rowPrimes(header);
  const rows = new Uint32Array(indices.length * degree);
  let offset = SHE_HEADER_BYTES + (header.seeded ? 32 : 0);
  for (const [row, index] of indices.entries()) {
    const out = rows.subarray(row * degree, (row + 1) * degree);
    const prime = primes[index] ?? 0;
    if (header.seeded && !isSent(header, row)) {
      const object = header.kind === "key" ? Math.floor(row / (2 * (header.level + 1))) : 0;
      expandRow(out, seed, object, index, prime, hashes);
      continue;
    }
    if (!readRow(out, view, offset, prime))
      throw refuse(header, `row ${row} has a residue that is not below its prime`);
    offset += 4 * degree;
  }
  return { header: { ...header, seeded: false }, rows };
}

function writeRow(bytes: Uint8Array, offset: number, row: Uint32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < row.length; i++) view.setUint32(offset + 4 * i, row[i] ?? 0, true);
}

/** The canonical bytes, or with `seed` the seeded form of an object whose other rows it expands to (the caller's promise). */
export function encodeSheObject({ header, rows }: SheObject, seed?: Uint8Array): Uint8Array {
  const seeded = seed !== undefined;
  const sent = { ...header, seeded, compact: false };
  const bytes = new Uint8Array(sheObjectBytes(sent));
  bytes.set(concatBytes(encodeSheHeader(sent), seed ?? new Uint8Array(0)));
  const { degree } = header.profile;
  let offset = SHE_HEADER_BYTES + (seed?.length ?? 0);
  for (let row = 0; row * degree < rows.length; row++) {
    if (seeded && !isSent(header, row)) continue;
    writeRow(bytes, offset, rows.subarray(row * degree, (row + 1) * degree));
    offset += 4 * degree;
  }
  return bytes;
}

/** Coefficients that the compact form can hold: 31 bits and a sign; 53 in a profile of wide scale. */
export const compactLimit = (header: SheHeader): number => (header.profile.boundaryScaleBits > 30 ? 2 ** 53 : 2 ** 31);

/** Errors: BYTES_REFUSED, PROFILE_UNKNOWN. */
export function decodeCompactPlaintext(bytes: Uint8Array): CompactPlaintext {
  const header = decodeSheHeader(bytes);
  if (!header.compact) throw refuse(header, "it is not compact");
  const view = new DataView(bytes.buffer, bytes.byteOffset + SHE_HEADER_BYTES);
  const limit = compactLimit(header);
  const coefficients = new Float64Array(header.profile.degree);
  for (let i = 0; i < coefficients.length; i++) {
    const value = limit > 2 ** 31 ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true);
    if (value < -limit || value >= limit) throw refuse(header, `coefficient ${i} is beyond 53 bits`);
    coefficients[i] = value;
  }
  return { header, coefficients };
}

/** Error: BYTES_REFUSED if a coefficient does not fit. */
export function encodeCompactPlaintext({ header, coefficients }: CompactPlaintext): Uint8Array {
  const compact = { ...header, compact: true };
  const limit = compactLimit(header);
  const bytes = new Uint8Array(sheObjectBytes(compact));
  bytes.set(encodeSheHeader(compact));
  const view = new DataView(bytes.buffer, SHE_HEADER_BYTES);
  for (const [i, value] of coefficients.entries()) {
    if (!Number.isInteger(value) || value < -limit || value >= limit)
      throw refuse(header, `coefficient ${i} does not fit its ${limit > 2 ** 31 ? 54 : 32} bits`);
    if (limit > 2 ** 31) view.setBigInt64(8 * i, BigInt(value), true);
    else view.setInt32(4 * i, value, true);
  }
  return bytes;
}
