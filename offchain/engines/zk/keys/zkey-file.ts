// SPDX-License-Identifier: GPL-3.0-or-later
import { isAssayError } from "../../../core/errors.ts";
import { FIELD } from "../../../core/poseidon-constants.ts";
import { ProverError } from "../prover/errors.ts";
import { readBinaryFile, writeBinaryFile, type BinaryFormat } from "../r1cs/binary-file.ts";
import { asWords, bigintOfWords, FIELD_BYTES, FIELD_WORDS, isReduced, wordsOfBigint } from "../r1cs/field-words.ts";
import { MAX_FILE_BYTES, MAX_WIRES } from "../r1cs/format.ts";

/** A stock Groth16 .zkey (snarkjs): all points affine, little-endian Montgomery. */
const ZKEY_FORMAT: BinaryFormat = {
  name: ".zkey",
  magic: "zkey",
  version: 1,
  sections: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
};

export const G1_BYTES = 64;
export const G2_BYTES = 128;
const COEFFICIENT_BYTES = 12 + FIELD_BYTES;
const HEADER_BYTES = 4 + 32 + 4 + 32 + 12 + 3 * G1_BYTES + 3 * G2_BYTES;
/** Circuit hash of phase 2 and the number of contributions. */
const LEAST_TRANSCRIPT_BYTES = 68;
/** The scalar field's two-adicity is 28, and the quotient needs the next root. */
const MAX_DOMAIN = 1 << 27;
/** Order of the base field: coordinates of points. */
export const BASE_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;

export interface ZkeyHeader {
  readonly wires: number;
  /** Public wires without wire 0. */
  readonly publics: number;
  readonly domain: number;
  readonly alpha1: Uint8Array;
  readonly beta1: Uint8Array;
  readonly beta2: Uint8Array;
  readonly gamma2: Uint8Array;
  readonly delta1: Uint8Array;
  readonly delta2: Uint8Array;
}

/** Views of the file's bytes. */
export interface Zkey extends ZkeyHeader {
  /** u32 count, then {u32 matrix 0 or 1, u32 row, u32 wire, coefficient · R²} each. */
  readonly coefficients: Uint8Array;
  readonly ic: Uint8Array;
  readonly a: Uint8Array;
  readonly b1: Uint8Array;
  readonly b2: Uint8Array;
  /** From the first private wire on. */
  readonly c: Uint8Array;
  readonly h: Uint8Array;
  /** Phase 2 transcript. */
  readonly transcript: Uint8Array;
}

const malformed = (reason: string) => new ProverError("ZKEY_MALFORMED", { reason });

function readHeader(bytes: Uint8Array): ZkeyHeader {
  if (bytes.length !== HEADER_BYTES) throw malformed(`its header has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const prime = (at: number): bigint =>
    view.getUint32(at, true) === FIELD_BYTES ? bigintOfWords(asWords(bytes.slice(at + 4, at + 36)), 0) : 0n;
  if (prime(0) !== BASE_FIELD || prime(36) !== FIELD) throw malformed("it is not over BN254");
  const [wires, publics, domain] = [72, 76, 80].map((at) => view.getUint32(at, true)) as [number, number, number];
  if (wires === 0 || wires > MAX_WIRES || publics >= wires) throw malformed(`it has ${wires} wires, ${publics} public`);
  if (domain === 0 || domain > MAX_DOMAIN || (domain & (domain - 1)) !== 0) throw malformed(`its domain is ${domain}`);
  let at = 84;
  const point = (length: number): Uint8Array => bytes.subarray(at, (at += length));
  return {
    wires,
    publics,
    domain,
    alpha1: point(G1_BYTES),
    beta1: point(G1_BYTES),
    beta2: point(G2_BYTES),
    gamma2: point(G2_BYTES),
    delta1: point(G1_BYTES),
    delta2: point(G2_BYTES),
  };
}

/** snarkjs trusts these indices: a row or wire outside would silently read or write elsewhere. */
function checkCoefficients(bytes: Uint8Array, { wires, domain }: ZkeyHeader): void {
  const words = asWords(bytes);
  const count = words[0] ?? 0;
  if (bytes.length !== 4 + count * COEFFICIENT_BYTES) throw malformed(`section 4 does not hold ${count} coefficients`);
  for (let at = 1; at < words.length; at += COEFFICIENT_BYTES / 4) {
    const [matrix = 2, row = domain, wire = wires] = words.subarray(at, at + 3);
    if (matrix > 1 || row >= domain || wire >= wires || !isReduced(words, at + 3))
      throw malformed(`coefficient ${(at - 1) / (COEFFICIENT_BYTES / 4)} is out of range`);
  }
}

/**
 * Reads a .zkey. Checked: section table, fields, counts, every section's length, coefficient indices and ranges. Points are checked by
 * `checkKey`. Error: ZKEY_MALFORMED.
 */
export function readZkey(bytes: Uint8Array): Zkey {
  const sections = readSections(bytes);
  const section = (type: number, length?: number): Uint8Array => {
    const view = sections.get(type) ?? new Uint8Array();
    if (length !== undefined && view.length !== length)
      throw malformed(`section ${type} has ${view.length} bytes instead of ${length}`);
    return view;
  };
  if (section(1, 4)[0] !== 1 || section(1).some((byte, i) => i > 0 && byte !== 0))
    throw malformed("its protocol is not Groth16");
  const header = readHeader(section(2));
  const { wires, publics, domain } = header;
  checkCoefficients(section(4), header);
  if (section(10).length < LEAST_TRANSCRIPT_BYTES) throw malformed("its transcript is truncated");
  return {
    ...header,
    coefficients: section(4),
    ic: section(3, (publics + 1) * G1_BYTES),
    a: section(5, wires * G1_BYTES),
    b1: section(6, wires * G1_BYTES),
    b2: section(7, wires * G2_BYTES),
    c: section(8, (wires - publics - 1) * G1_BYTES),
    h: section(9, domain * G1_BYTES),
    transcript: section(10),
  };
}

/** What a record is made from, without looking at the rest. Error: ZKEY_MALFORMED. */
export function readZkeyHead(bytes: Uint8Array): ZkeyHeader & Pick<Zkey, "ic"> {
  const sections = readSections(bytes);
  const header = readHeader(sections.get(2) ?? new Uint8Array());
  const ic = sections.get(3) ?? new Uint8Array();
  if (ic.length !== (header.publics + 1) * G1_BYTES) throw malformed(`section 3 has ${ic.length} bytes`);
  return { ...header, ic };
}

function readSections(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  try {
    return readBinaryFile(bytes, ZKEY_FORMAT);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    throw new ProverError("ZKEY_MALFORMED", { reason: error.message.replace(/\.$/, "") }, { cause: error });
  }
}

function headerBytes(key: ZkeyHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const prime = (at: number, value: bigint): void => {
    view.setUint32(at, FIELD_BYTES, true);
    wordsOfBigint(value, new Uint32Array(bytes.buffer, at + 4, FIELD_WORDS), 0);
  };
  prime(0, BASE_FIELD);
  prime(36, FIELD);
  [key.wires, key.publics, key.domain].forEach((count, i) => view.setUint32(72 + 4 * i, count, true));
  let at = 84;
  for (const point of [key.alpha1, key.beta1, key.beta2, key.gamma2, key.delta1, key.delta2]) {
    bytes.set(point, at);
    at += point.length;
  }
  return bytes;
}

/** The file's bytes. Error: CIRCUIT_TOO_LARGE above 2 GiB. */
export function writeZkey(key: Zkey): Uint8Array {
  const { coefficients, ic, a, b1, b2, c, h, transcript } = key;
  const size = [coefficients, ic, a, b1, b2, c, h, transcript].reduce((sum, part) => sum + part.length, 1024);
  if (size > MAX_FILE_BYTES)
    throw new ProverError("CIRCUIT_TOO_LARGE", { needed: size, what: "bytes of key", limit: MAX_FILE_BYTES });
  const sections = [Uint8Array.of(1, 0, 0, 0), headerBytes(key), ic, coefficients, a, b1, b2, c, h, transcript];
  return writeBinaryFile(ZKEY_FORMAT, new Map(sections.map((section, i) => [i + 1, section])));
}
