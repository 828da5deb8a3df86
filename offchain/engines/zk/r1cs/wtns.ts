// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../../core/byte-reader.ts";
import { FIELD } from "../../../core/poseidon-constants.ts";
import { KitError } from "../kit/errors.ts";
import { guarded, malformed, readBinaryFile, writeBinaryFile } from "./binary-file.ts";
import { FIELD_BYTES, FIELD_WORDS, asWords, bigintOfWords, isReduced } from "./field-words.ts";
import { MAX_WIRES, WTNS_FORMAT, WTNS_HEADER_BYTES } from "./format.ts";
import { fieldHeader } from "./write-r1cs.ts";

const NAME = WTNS_FORMAT.name;

/** snarkjs's witness file: every value reduced, wire 0 is 1. Returns wires × 32 bytes, little-endian (a copy). Errors: FILE_MALFORMED, FILE_TOO_LARGE, FIELD_WRONG. */
export function readWtns(bytes: Uint8Array): Uint8Array {
  return guarded(NAME, () => {
    const sections = readBinaryFile(bytes, WTNS_FORMAT);
    const header = sections.get(1) ?? new Uint8Array();
    if (header.length !== WTNS_HEADER_BYTES) throw malformed(NAME, `its header has ${header.length} bytes`);
    const reader = new ByteReader(header, NAME);
    if (reader.u32le() !== FIELD_BYTES || bigintOfWords(asWords(reader.raw(FIELD_BYTES).slice()), 0) !== FIELD)
      throw new KitError("FIELD_WRONG", { format: NAME });
    const wires = reader.u32le();
    if (wires > MAX_WIRES)
      throw new KitError("FILE_TOO_LARGE", { format: NAME, what: "wires", actual: wires, limit: MAX_WIRES });
    const values = (sections.get(2) ?? new Uint8Array()).slice();
    if (wires === 0 || values.length !== wires * FIELD_BYTES)
      throw malformed(NAME, `its values have ${values.length} bytes for ${wires} wires`);
    const words = asWords(values);
    for (let wire = 0; wire < wires; wire++)
      if (!isReduced(words, wire * FIELD_WORDS)) throw malformed(NAME, `the value of wire ${wire} is not reduced`);
    if (bigintOfWords(words, 0) !== 1n) throw malformed(NAME, "wire 0 is not 1");
    return values;
  });
}

/** `values`: wires × 32 bytes, little-endian, reduced. */
export function writeWtns(values: Uint8Array): Uint8Array {
  const { bytes, view } = fieldHeader(WTNS_HEADER_BYTES);
  view.setUint32(36, values.length / FIELD_BYTES, true);
  return writeBinaryFile(
    WTNS_FORMAT,
    new Map([
      [1, bytes],
      [2, values],
    ]),
  );
}
