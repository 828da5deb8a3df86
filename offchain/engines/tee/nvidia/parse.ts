// SPDX-License-Identifier: GPL-3.0-or-later
import { u16le } from "../bytes/fields.ts";
import { EvidenceError } from "../errors.ts";

// DMTF DSP0274 (SPDM) 1.1, GET_MEASUREMENTS and MEASUREMENTS, with NVIDIA's opaque fields.

const REQUEST = 37;
const SIGNATURE = 96;
const BLOCKS = 64;
const DIGEST = 48;
const FIELD = { driver: 3, vbios: 6, feature: 36 } as const;
const FEATURES = ["SPT", "MPT", "PPCIE"] as const;

export interface GpuReport {
  readonly nonce: Uint8Array;
  readonly blocks: readonly Uint8Array[];
  readonly driver: Uint8Array;
  readonly vbios: Uint8Array;
  readonly featureBytes: Uint8Array;
  /** Null where an older driver does not say. */
  readonly feature: (typeof FEATURES)[number] | null;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

const refuse = (detail: string): never => {
  throw new EvidenceError("QUOTE", { detail });
};

function readBlocks(record: Uint8Array, count: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let at = 0;
  for (let index = 1; index <= count; index++) {
    const length = u16le(record, at + 5);
    if (record.length - at < 7 + DIGEST) return refuse("a measurement is truncated");
    if (record[at] !== index || record[at + 1] !== 1) return refuse(`measurement ${index} is out of order`);
    if (length !== DIGEST || u16le(record, at + 2) !== 3 + length)
      return refuse(`measurement ${index} has another length`);
    out.push(record.subarray(at + 7, at + 7 + length));
    at += 7 + length;
  }
  return at === record.length ? out : refuse("bytes behind the measurements");
}

function readOpaque(bytes: Uint8Array): Map<number, Uint8Array> {
  const out = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const [type, length] = [u16le(bytes, at), u16le(bytes, at + 2)];
    if (bytes.length - at < 4 + length) return refuse("an opaque field is truncated");
    if (out.has(type)) return refuse("an opaque field occurs twice");
    out.set(type, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return out;
}

function featureOf(bytes: Uint8Array | undefined): GpuReport["feature"] {
  if (bytes === undefined) return null;
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return FEATURES[value] ?? refuse(`feature ${value}`);
}

/** Request and response as one text, as NVIDIA's driver returns them. Error: QUOTE. */
export function parseGpu(bytes: Uint8Array): GpuReport {
  if (bytes.length < REQUEST + 8 + 32 + 2 + SIGNATURE) return refuse("truncated");
  const response = bytes.subarray(REQUEST);
  if (bytes[0] !== 0x11 || bytes[1] !== 0xe0 || response[0] !== 0x11 || response[1] !== 0x60)
    return refuse("SPDM header");
  const blocks = response[4] ?? 0;
  const recordEnd = 8 + u16le(response, 5) + (response[7] ?? 0) * 65_536;
  const opaqueAt = recordEnd + 34;
  const opaqueEnd = opaqueAt + u16le(response, opaqueAt - 2);
  if (response.length !== opaqueEnd + SIGNATURE) return refuse("lengths do not add up");
  if (blocks !== BLOCKS) return refuse(`${blocks} measurements instead of ${BLOCKS}`);
  const opaque = readOpaque(response.subarray(opaqueAt, opaqueEnd));
  const [driver, vbios] = [opaque.get(FIELD.driver), opaque.get(FIELD.vbios)];
  if (driver === undefined || vbios === undefined) return refuse("driver or VBIOS version is missing");
  return {
    nonce: bytes.subarray(4, 36),
    blocks: readBlocks(response.subarray(8, recordEnd), blocks),
    driver,
    vbios,
    featureBytes: opaque.get(FIELD.feature) ?? new Uint8Array(),
    feature: featureOf(opaque.get(FIELD.feature)),
    signed: bytes.subarray(0, bytes.length - SIGNATURE),
    signature: bytes.subarray(bytes.length - SIGNATURE),
  };
}
