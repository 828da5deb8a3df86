// SPDX-License-Identifier: MIT
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import type { Hex } from "../bytes.ts";
import { MAX_STAGES } from "../types.ts";

/**
 * What the seats of one stage over ciphertexts are given: the body roots of all the job's keys (`keySetRoot` is their tree), the keys that
 * the stage lists and no others, and the ciphertext that it takes where no stage before it makes it. Nothing of it is secret; it travels
 * sealed all the same, so that nobody else gets the keys. A seat that serves disputes keeps it in the same form.
 *
 * Bytes: "ASCP" ‖ u8 version = 1 ‖ u16be stage ‖ u16be n ‖ n × body root ‖ u16be m ‖ m × (u32be length ‖ key) ‖ u32be length ‖ ciphertext.
 * Any other encoding is refused. Whether they are keys and a ciphertext is for `CipherSeat` to say.
 */
export interface CipherParcel {
  readonly stage: number;
  /** In the order of the program's key list. */
  readonly keyBodies: readonly Hex[];
  /** In the order in which the stage lists them. */
  readonly keys: readonly Uint8Array[];
  /** Empty: it comes from the stage before. */
  readonly input: Uint8Array;
}

const MAGIC = 0x41534350;
const WHAT = "The parcel of an encrypted stage";
const MAX_KEYS = 512;
/** Of all keys of a stage (she.md section 7). */
export const MAX_STAGE_KEY_BYTES = 16 * 1024 * 1024;
/** Of a ciphertext of the largest profile, all rows present. */
export const MAX_CIPHERTEXT_BYTES = 32 + 2 * 7 * 4 * 16_384;

/** Longest parcel: keys, a ciphertext, 512 body roots. */
export const MAX_PARCEL_BYTES = MAX_STAGE_KEY_BYTES + MAX_CIPHERTEXT_BYTES + (1 << 16);

/** Whether bytes claim to be a parcel: other things travel sealed as well. */
export const isCipherParcel = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === MAGIC;

/** Errors: NOT_CANONICAL, TOO_LARGE. */
export function encodeCipherParcel({ stage, keyBodies, keys, input }: CipherParcel): Uint8Array {
  const writer = new ByteWriter().u32be(MAGIC).u8(1).u16be(stage).u16be(keyBodies.length);
  for (const body of keyBodies) writer.fixed(body, 32, "A body root");
  writer.u16be(keys.length);
  for (const key of keys) writer.u32be(key.length).raw(key);
  const bytes = writer.u32be(input.length).raw(input).finish();
  decodeCipherParcel(bytes); // one set of rules for both directions
  return bytes;
}

/**
 * Accepts exactly what `encodeCipherParcel` makes; keys and input are views of the bytes. Errors: NOT_CANONICAL, TOO_LARGE,
 * VERSION_UNKNOWN, BYTES_TRUNCATED, BYTES_TRAILING.
 */
export function decodeCipherParcel(bytes: Uint8Array): CipherParcel {
  const reader = new ByteReader(bytes, WHAT);
  if (reader.u32be() !== MAGIC) throw reader.refuse("it does not begin with ASCP");
  const version = reader.u8();
  if (version !== 1) throw reader.refuse(`version ${version}`);
  const stage = reader.u16be();
  if (stage >= MAX_STAGES) throw reader.refuse(`stage ${stage}`);
  const keyBodies = Array.from({ length: reader.count(reader.u16be(), MAX_KEYS, 32) }, () => reader.hex(32));
  const count = reader.count(reader.u16be(), MAX_KEYS, 5);
  if (count > keyBodies.length) throw reader.refuse(`${count} keys of a set of ${keyBodies.length}`);
  let total = 0;
  const keys = Array.from({ length: count }, () => {
    const length = reader.u32be();
    total += length;
    if (length === 0 || total > MAX_STAGE_KEY_BYTES) throw reader.refuse(`keys of ${total} bytes`);
    return reader.raw(length);
  });
  const length = reader.u32be();
  if (length > MAX_CIPHERTEXT_BYTES) throw reader.refuse(`a ciphertext of ${length} bytes`);
  const input = reader.raw(length);
  reader.end();
  return { stage, keyBodies, keys, input };
}
