// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../../core/byte-reader.ts";
import { FIELD } from "../../../core/poseidon-constants.ts";
import { KitError } from "../kit/errors.ts";
import { guarded, malformed, readBinaryFile } from "./binary-file.ts";
import { ConstantPool } from "./constant-pool.ts";
import { FIELD_BYTES, FIELD_WORDS, asWords, bigintOfWords, isReduced } from "./field-words.ts";
import {
  MAX_CONSTRAINTS,
  MAX_FILE_BYTES,
  MAX_WIRES,
  R1CS_FORMAT,
  R1CS_HEADER_BYTES,
  SECTION_CONSTRAINTS,
  SECTION_HEADER,
  SECTION_LABELS,
} from "./format.ts";
import type { R1cs, SparseMatrix } from "./r1cs.ts";

const NAME = R1CS_FORMAT.name;
const ENTRY_WORDS = 1 + FIELD_WORDS;
/** Three empty linear combinations. */
const LEAST_ROW_WORDS = 3;

interface Header {
  readonly wires: number;
  readonly outputs: number;
  readonly publicInputs: number;
  readonly privateInputs: number;
  readonly labels: bigint;
  readonly constraints: number;
}

const limited = (what: string, actual: number, limit: number): number => {
  if (actual > limit) throw new KitError("FILE_TOO_LARGE", { format: NAME, what, actual, limit });
  return actual;
};

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length !== R1CS_HEADER_BYTES) {
    // circom for another curve writes another element size here: say that instead of a length.
    if (bytes.length >= 4 && new ByteReader(bytes, NAME).u32le() !== FIELD_BYTES)
      throw new KitError("FIELD_WRONG", { format: NAME });
    throw malformed(NAME, `its header has ${bytes.length} bytes`);
  }
  const reader = new ByteReader(bytes, NAME);
  if (reader.u32le() !== FIELD_BYTES || bigintOfWords(asWords(reader.raw(FIELD_BYTES).slice()), 0) !== FIELD)
    throw new KitError("FIELD_WRONG", { format: NAME });
  const header = {
    wires: limited("wires", reader.u32le(), MAX_WIRES),
    outputs: reader.u32le(),
    publicInputs: reader.u32le(),
    privateInputs: reader.u32le(),
    labels: reader.u64le(),
    constraints: limited("constraints", reader.u32le(), MAX_CONSTRAINTS),
  };
  if (1 + header.outputs + header.publicInputs + header.privateInputs > header.wires)
    throw malformed(NAME, "it declares more inputs and outputs than wires");
  if (header.labels < BigInt(header.wires)) throw malformed(NAME, "it declares more wires than labels");
  return header;
}

function checkLabels(bytes: Uint8Array, header: Header): void {
  if (bytes.length !== 8 * header.wires) throw malformed(NAME, `its label map has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let wire = 0; wire < header.wires; wire++)
    if (view.getBigUint64(8 * wire, true) >= header.labels) throw malformed(NAME, `wire ${wire} has an unknown label`);
}

/** First pass: how many entries each matrix has, with every length checked, before anything is allocated. */
function countEntries(words: Uint32Array, constraints: number): [number, number, number] {
  const counts: [number, number, number] = [0, 0, 0];
  let at = 0;
  for (let row = 0; row < constraints; row++) {
    for (let side = 0; side < 3; side++) {
      const entries = words[at];
      if (entries === undefined) throw malformed(NAME, `constraint ${row} is truncated`);
      if (entries * ENTRY_WORDS > words.length - at - 1) throw malformed(NAME, `constraint ${row} is truncated`);
      counts[side as 0 | 1 | 2] += entries;
      at += 1 + entries * ENTRY_WORDS;
    }
  }
  if (at !== words.length) throw malformed(NAME, "bytes follow the last constraint");
  return counts;
}

interface Filling {
  readonly offsets: Uint32Array;
  readonly wires: Uint32Array;
  readonly coefficients: Uint32Array;
  at: number;
}

/** circom orders a row by the bytes of its little-endian wire numbers; a wire that occurs twice is an error in any order. */
function sortRow({ wires, coefficients, at }: Filling, from: number, row: number): void {
  const order = Array.from({ length: at - from }, (_, i) => from + i).toSorted(
    (i, j) => (wires[i] ?? 0) - (wires[j] ?? 0),
  );
  const sorted = order.map((i) => [wires[i] ?? 0, coefficients[i] ?? 0] as const);
  for (const [i, [wire, coefficient]] of sorted.entries()) {
    if (i > 0 && wire === sorted[i - 1]?.[0]) throw malformed(NAME, `constraint ${row} names wire ${wire} twice`);
    wires[from + i] = wire;
    coefficients[from + i] = coefficient;
  }
}

function readConstraints(bytes: Uint8Array, header: Header): Pick<R1cs, "a" | "b" | "c" | "constants"> {
  if (bytes.length % 4 !== 0) throw malformed(NAME, "its constraints are not whole words");
  if (header.constraints * LEAST_ROW_WORDS * 4 > bytes.length) throw malformed(NAME, "its constraints are truncated");
  const words = asWords(bytes);
  const sides: Filling[] = countEntries(words, header.constraints).map((entries) => ({
    offsets: new Uint32Array(header.constraints + 1),
    wires: new Uint32Array(entries),
    coefficients: new Uint32Array(entries),
    at: 0,
  }));
  const pool = new ConstantPool();
  let at = 0;
  for (let row = 0; row < header.constraints; row++) {
    for (const side of sides) {
      const end = at + 1 + (words[at] ?? 0) * ENTRY_WORDS;
      const from = side.at;
      let before = -1;
      let ascending = true;
      for (at += 1; at < end; at += ENTRY_WORDS) {
        const wire = words[at] ?? 0;
        if (wire >= header.wires) throw malformed(NAME, `constraint ${row} names wire ${wire} of ${header.wires}`);
        ascending &&= wire > before;
        before = wire;
        if (!isReduced(words, at + 1)) throw malformed(NAME, `a coefficient of constraint ${row} is not reduced`);
        if (isZero(words, at + 1)) throw malformed(NAME, `a coefficient of constraint ${row} is 0`);
        side.wires[side.at] = wire;
        side.coefficients[side.at++] = pool.idOfWords(words, at + 1);
      }
      if (!ascending) sortRow(side, from, row);
      side.offsets[row + 1] = side.at;
    }
  }
  const matrix = ({ offsets, wires, coefficients }: Filling): SparseMatrix => ({ offsets, wires, coefficients });
  const [a, b, c] = sides.map(matrix) as [SparseMatrix, SparseMatrix, SparseMatrix];
  return { a, b, c, constants: pool.constants };
}

function isZero(words: Uint32Array, at: number): boolean {
  for (let i = 0; i < FIELD_WORDS; i++) if (words[at + i] !== 0) return false;
  return true;
}

/**
 * Reads iden3's standard .r1cs, as circom and `writeR1cs` make it. Everything a stranger can bend is checked: section table, lengths,
 * field, counts, wire indices, canonical coefficients, label map. Errors: FILE_MALFORMED, FILE_TOO_LARGE, FIELD_WRONG.
 */
export function readR1cs(bytes: Uint8Array): R1cs {
  limited("bytes", bytes.length, MAX_FILE_BYTES);
  return guarded(NAME, () => {
    const sections = readBinaryFile(bytes, R1CS_FORMAT);
    const section = (type: number): Uint8Array => sections.get(type) ?? new Uint8Array();
    const header = readHeader(section(SECTION_HEADER));
    checkLabels(section(SECTION_LABELS), header);
    const { wires, outputs, publicInputs, privateInputs } = header;
    return {
      wires,
      outputs,
      publicInputs,
      privateInputs,
      ...readConstraints(section(SECTION_CONSTRAINTS), header),
    };
  });
}
