// SPDX-License-Identifier: MIT
import type { Hex } from "./bytes.ts";
import { concatBytes, utf8 } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";

/** Asks one worker how fast it was; the request is a model id. */
export const ADVERT_PROTOCOL = "/assay/advert/1";
export const MAX_ADVERT_BYTES = 4_096;
const MAX_ENTRIES = 64;
export const ADVERT_SIGNATURE_BYTES = 64;

/** What a time is of: a stage run in clear, a proof of it, a stage evaluated on ciphertexts. */
export const ADVERT_WORK = ["run", "proof", "cipher"] as const;
export type AdvertWork = (typeof ADVERT_WORK)[number];

/** Measured times of one stage. */
export interface AdvertEntry {
  readonly stage: number;
  readonly work: AdvertWork;
  /** Runs behind the numbers, at most the worker's memory of them. */
  readonly samples: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** A worker's own word on how fast it is for one model. It buys no seat: quotes take the median of several. */
export interface Advert {
  readonly chainId: bigint;
  readonly hub: Hex;
  readonly modelId: Hex;
  /** Unix seconds. */
  readonly time: bigint;
  /** Stages that run or wait, and those that may run at once. */
  readonly load: number;
  readonly capacity: number;
  /** Ascending by stage, then in the order of `ADVERT_WORK`. */
  readonly entries: readonly AdvertEntry[];
}

const invalid = (why: string) => new CoreError("MESSAGE_INVALID", { kind: "advert", why });
const orderOf = ({ stage, work }: AdvertEntry): number => stage * ADVERT_WORK.length + ADVERT_WORK.indexOf(work);

export function encodeAdvert(advert: Advert): Uint8Array {
  const writer = new ByteWriter().u8(1).u64be(advert.chainId).fixed(advert.hub, 20).fixed(advert.modelId, 32);
  writer.u64be(advert.time).u16be(advert.load).u16be(advert.capacity).u16be(advert.entries.length);
  for (const { stage, work, samples, p50Us, p99Us } of advert.entries)
    writer.u8(stage).u8(ADVERT_WORK.indexOf(work)).u32be(samples).u32be(p50Us).u32be(p99Us);
  const bytes = writer.finish();
  decodeAdvert(bytes);
  return bytes;
}

/** Errors: those of `ByteReader`, VERSION_UNKNOWN, MESSAGE_INVALID. */
export function decodeAdvert(bytes: Uint8Array): Advert {
  const reader = new ByteReader(bytes, "The advert message");
  const version = reader.u8();
  if (version !== 1) throw new CoreError("VERSION_UNKNOWN", { what: "The advert message", version });
  const [chainId, hub, modelId, time] = [reader.u64be(), reader.hex(20), reader.hex(32), reader.u64be()];
  const [load, capacity] = [reader.u16be(), reader.u16be()];
  const entries = Array.from({ length: reader.count(reader.u16be(), MAX_ENTRIES, 14) }, (): AdvertEntry => {
    const [stage, kind] = [reader.u8(), reader.u8()];
    const work = ADVERT_WORK[kind];
    if (work === undefined) throw invalid("unknown work");
    return { stage, work, samples: reader.u32be(), p50Us: reader.u32be(), p99Us: reader.u32be() };
  });
  reader.end();
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1];
    if (before !== undefined && orderOf(before) >= orderOf(entry)) throw invalid("entries do not ascend");
    if (entry.samples === 0 || entry.p50Us > entry.p99Us) throw invalid("an entry that nobody measured");
  }
  return { chainId, hub, modelId, time, load, capacity, entries };
}

/** What the worker's transport key signs. */
export const advertStatement = (bytes: Uint8Array): Uint8Array => concatBytes(utf8("assay.v1.advert\n"), bytes);
