// SPDX-License-Identifier: GPL-3.0-or-later
import { FIELD } from "../../../core/poseidon-constants.ts";
import { writeBinaryFile } from "./binary-file.ts";
import { FIELD_BYTES, FIELD_WORDS, wordsOfBigint } from "./field-words.ts";
import { R1CS_FORMAT, R1CS_HEADER_BYTES, SECTION_CONSTRAINTS, SECTION_HEADER, SECTION_LABELS } from "./format.ts";
import { constraintCount, type R1cs } from "./r1cs.ts";

/** Field size, prime, and what follows. */
export function fieldHeader(length: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, FIELD_BYTES, true);
  wordsOfBigint(FIELD, new Uint32Array(bytes.buffer, 4, FIELD_WORDS), 0);
  return { bytes, view };
}

function header(r1cs: R1cs): Uint8Array {
  const { bytes, view } = fieldHeader(R1CS_HEADER_BYTES);
  view.setUint32(36, r1cs.wires, true);
  view.setUint32(40, r1cs.outputs, true);
  view.setUint32(44, r1cs.publicInputs, true);
  view.setUint32(48, r1cs.privateInputs, true);
  view.setBigUint64(52, BigInt(r1cs.wires), true);
  view.setUint32(60, constraintCount(r1cs), true);
  return bytes;
}

function constraints(r1cs: R1cs): Uint8Array {
  const sides = [r1cs.a, r1cs.b, r1cs.c];
  const rows = constraintCount(r1cs);
  const entries = sides.reduce((sum, side) => sum + side.wires.length, 0);
  const words = new Uint32Array(3 * rows + entries * (1 + FIELD_WORDS));
  const constants = new Uint32Array(r1cs.constants.length * FIELD_WORDS);
  for (const [i, constant] of r1cs.constants.entries()) wordsOfBigint(constant, constants, i * FIELD_WORDS);
  let at = 0;
  for (let row = 0; row < rows; row++)
    for (const { offsets, wires, coefficients } of sides) {
      const [from = 0, to = 0] = [offsets[row], offsets[row + 1]];
      words[at++] = to - from;
      for (let entry = from; entry < to; entry++) {
        words[at++] = wires[entry] ?? 0;
        const constant = (coefficients[entry] ?? 0) * FIELD_WORDS;
        for (let i = 0; i < FIELD_WORDS; i++) words[at++] = constants[constant + i] ?? 0;
      }
    }
  return new Uint8Array(words.buffer);
}

/** The label map says that every wire is its own label. */
function labels(wires: number): Uint8Array {
  const words = new Uint32Array(2 * wires);
  for (let wire = 0; wire < wires; wire++) words[2 * wire] = wire;
  return new Uint8Array(words.buffer);
}

/** iden3's standard .r1cs. One circuit has one encoding: the bytes depend on nothing else, and `readR1cs` gives the circuit back. */
export function writeR1cs(r1cs: R1cs): Uint8Array {
  return writeBinaryFile(
    R1CS_FORMAT,
    new Map([
      [SECTION_HEADER, header(r1cs)],
      [SECTION_CONSTRAINTS, constraints(r1cs)],
      [SECTION_LABELS, labels(r1cs.wires)],
    ]),
  );
}
