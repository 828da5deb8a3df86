// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../../core/byte-reader.ts";
import { isAssayError, type AssayError } from "../../../core/errors.ts";
import { KitError } from "../kit/errors.ts";

/** What iden3's binary files (.r1cs, .wtns, .zkey) share: a magic, a version, then sections of u32 type and u64 length. */
export interface BinaryFormat {
  readonly name: string;
  readonly magic: string;
  readonly version: number;
  /** Every one of these sections must occur exactly once, and no other. */
  readonly sections: readonly number[];
}

export const malformed = (format: string, reason: string) => new KitError("FILE_MALFORMED", { format, reason });

/** Views of the sections. Error: FILE_MALFORMED for a wrong magic or version, unknown, missing or repeated sections, or surplus. */
export function readBinaryFile(bytes: Uint8Array, format: BinaryFormat): ReadonlyMap<number, Uint8Array> {
  return guarded(format.name, () => {
    const reader = new ByteReader(bytes, format.name);
    const magic = String.fromCharCode(...reader.raw(4));
    if (magic !== format.magic) throw malformed(format.name, "it does not begin with its magic");
    const version = reader.u32le();
    if (version !== format.version) throw malformed(format.name, `its version is ${version}`);
    const count = reader.u32le();
    if (count !== format.sections.length) throw malformed(format.name, `it has ${count} sections`);
    const sections = new Map<number, Uint8Array>();
    for (let i = 0; i < count; i++) {
      const type = reader.u32le();
      if (!format.sections.includes(type)) throw malformed(format.name, `section ${type} is unknown`);
      if (sections.has(type)) throw malformed(format.name, `section ${type} occurs twice`);
      const length = reader.u64le();
      if (length > BigInt(reader.remaining)) throw malformed(format.name, `section ${type} is truncated`);
      sections.set(type, reader.raw(Number(length)));
    }
    reader.end();
    return sections;
  });
}

/** Runs a reader of stranger's bytes; core's own complaints become FILE_MALFORMED of this format. */
export function guarded<T>(format: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (isAssayError(error) && error.module === "core") throw wrapped(format, error);
    throw error;
  }
}

const wrapped = (format: string, cause: AssayError) =>
  new KitError("FILE_MALFORMED", { format, reason: cause.message.replace(/\.$/, "") }, { cause });

/** The sections in the given order, after magic, version and count. */
export function writeBinaryFile(format: BinaryFormat, sections: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const size = format.sections.reduce((sum, type) => sum + 12 + (sections.get(type)?.length ?? 0), 12);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  for (let i = 0; i < 4; i++) out[i] = format.magic.charCodeAt(i);
  view.setUint32(4, format.version, true);
  view.setUint32(8, format.sections.length, true);
  let at = 12;
  for (const type of format.sections) {
    const section = sections.get(type) ?? new Uint8Array();
    view.setUint32(at, type, true);
    view.setBigUint64(at + 4, BigInt(section.length), true);
    out.set(section, at + 12);
    at += 12 + section.length;
  }
  return out;
}
