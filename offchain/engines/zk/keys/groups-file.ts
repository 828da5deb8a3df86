// SPDX-License-Identifier: GPL-3.0-or-later
import { ProverError } from "../prover/errors.ts";
import { G1_BYTES, G2_BYTES } from "./zkey-file.ts";

export const GROUP_WEIGHTS = 1;
export const GROUP_ROUND1 = 2;

/** Committed wires and their only published points, each divided by the group's own delta. */
export interface KeyGroup {
  readonly tag: typeof GROUP_WEIGHTS | typeof GROUP_ROUND1;
  readonly delta1: Uint8Array;
  readonly delta2: Uint8Array;
  /** Strictly ascending. */
  readonly wires: Uint32Array;
  /** One point a wire, in the same order, in the zkey's form. */
  readonly points: Uint8Array;
}

const MAGIC = 0x474b5a41; // "AZKG", little-endian
const VERSION = 1;
const ENTRY_BYTES = 4 + G1_BYTES;
const GROUP_HEADER_BYTES = 1 + G1_BYTES + G2_BYTES + 4;
const malformed = (reason: string) => new ProverError("GROUPS_MALFORMED", { reason });

/** Tags ascend, so a group occurs once; a one-round key has none. Points are checked by `checkKey`. Error: GROUPS_MALFORMED. */
export function readGroups(bytes: Uint8Array): readonly KeyGroup[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 8 || view.getUint32(0, true) !== MAGIC) throw malformed("it does not begin with its magic");
  if (view.getUint32(4, true) !== VERSION) throw malformed(`its version is ${view.getUint32(4, true)}`);
  const groups: KeyGroup[] = [];
  let at = 8;
  while (at < bytes.length) {
    if (bytes.length - at < GROUP_HEADER_BYTES) throw malformed("a group's header is truncated");
    const tag = view.getUint8(at);
    if (tag !== GROUP_WEIGHTS && tag !== GROUP_ROUND1) throw malformed(`group tag ${tag} is unknown`);
    if (tag <= (groups.at(-1)?.tag ?? 0)) throw malformed("its groups do not ascend");
    const delta1 = bytes.subarray(at + 1, at + 1 + G1_BYTES);
    const delta2 = bytes.subarray(at + 1 + G1_BYTES, at + GROUP_HEADER_BYTES - 4);
    const count = view.getUint32(at + GROUP_HEADER_BYTES - 4, true);
    at += GROUP_HEADER_BYTES;
    if (count * ENTRY_BYTES > bytes.length - at) throw malformed(`group ${tag} is truncated`);
    const wires = new Uint32Array(count);
    const points = new Uint8Array(count * G1_BYTES);
    let before = 0;
    for (let i = 0; i < count; i++, at += ENTRY_BYTES) {
      const wire = view.getUint32(at, true);
      if (wire <= before) throw malformed(`the wires of group ${tag} do not ascend`);
      before = wire;
      wires[i] = wire;
      points.set(bytes.subarray(at + 4, at + ENTRY_BYTES), i * G1_BYTES);
    }
    groups.push({ tag, delta1, delta2, wires, points });
  }
  return groups;
}

export function writeGroups(groups: readonly KeyGroup[]): Uint8Array {
  const size = groups.reduce((sum, { wires }) => sum + GROUP_HEADER_BYTES + wires.length * ENTRY_BYTES, 8);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  let at = 8;
  for (const { tag, delta1, delta2, wires, points } of groups) {
    bytes[at] = tag;
    bytes.set(delta1, at + 1);
    bytes.set(delta2, at + 1 + G1_BYTES);
    view.setUint32(at + GROUP_HEADER_BYTES - 4, wires.length, true);
    at += GROUP_HEADER_BYTES;
    for (const [i, wire] of wires.entries()) {
      view.setUint32(at, wire, true);
      bytes.set(points.subarray(i * G1_BYTES, (i + 1) * G1_BYTES), at + 4);
      at += ENTRY_BYTES;
    }
  }
  return bytes;
}
