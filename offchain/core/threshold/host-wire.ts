// SPDX-License-Identifier: MIT
import { concatBytes, utf8, type Hex } from "../bytes.ts";
import { ByteReader } from "../byte-reader.ts";
import { ByteWriter } from "../byte-writer.ts";
import { CoreError } from "../core-errors.ts";
import { MAX_KEY_BYTES } from "./committee-key.ts";
import { MAX_HEADER_BYTES } from "./sealed-input.ts";

/** What members' hosts answer to each other and to clients. Their word counts for nothing: all that they pass on is signed or sealed. */
export const COMMITTEE_PROTOCOL = "/assay/committee/1";
/** Longest reply. */
export const MAX_COMMITTEE_REPLY = 8_192;
const MAX_LIST = 32 * 4_100;

/** Unsigned: anybody asks for a key, or brings one. */
export type OpenAsk =
  | { readonly kind: "key"; readonly epoch: number }
  | { readonly kind: "publish"; readonly epoch: number; readonly key: Uint8Array };

/** In an envelope: of the members' operators while they make a key, and of a seat's that wants a share. */
export type SignedAsk =
  | { readonly kind: "commit"; readonly epoch: number; readonly mask: number; readonly attempt: number }
  | { readonly kind: "deal" | "judge"; readonly epoch: number; readonly mask: number; readonly attempt: number; readonly list: Uint8Array } // prettier-ignore
  | {
      readonly kind: "release";
      readonly boundary: number;
      readonly sender: Hex;
      /** Seal key of the asking host's enclave. */
      readonly receiver: Hex;
      readonly header: Uint8Array;
    };

const OPEN = { key: 0, publish: 1 } as const;
const ENVELOPED = 2;
const SIGNED = { commit: 0, deal: 1, judge: 2, release: 3 } as const;

export function encodeOpenAsk(ask: OpenAsk): Uint8Array {
  const writer = new ByteWriter().u8(OPEN[ask.kind]).u32be(ask.epoch);
  return (ask.kind === "publish" ? writer.raw(ask.key) : writer).finish();
}

/** Around an encoded envelope whose body is a `SignedAsk`. */
export const encodeEnveloped = (envelope: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(ENVELOPED), envelope);

export type CommitteeRequest = OpenAsk | { readonly kind: "enveloped"; readonly envelope: Uint8Array };

/** Errors: NOT_CANONICAL, BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE. */
export function decodeRequest(bytes: Uint8Array): CommitteeRequest {
  const reader = new ByteReader(bytes, "A committee's request");
  const kind = reader.u8();
  if (kind === ENVELOPED) return { kind: "enveloped", envelope: reader.raw(reader.remaining) };
  if (kind !== OPEN.key && kind !== OPEN.publish) throw reader.refuse(`kind ${kind}`);
  const epoch = reader.u32be();
  if (kind === OPEN.publish) return { kind: "publish", epoch, key: rest(reader, MAX_KEY_BYTES) };
  reader.end();
  return { kind: "key", epoch };
}

function rest(reader: ByteReader, limit: number): Uint8Array {
  if (reader.remaining > limit)
    throw new CoreError("TOO_LARGE", { what: "A committee's request", actual: `${reader.remaining} bytes`, limit });
  return reader.raw(reader.remaining).slice();
}

export function encodeSignedAsk(ask: SignedAsk): Uint8Array {
  const writer = new ByteWriter().u8(SIGNED[ask.kind]);
  if (ask.kind === "release")
    return writer.u16be(ask.boundary).fixed(ask.sender, 20).fixed(ask.receiver, 32).raw(ask.header).finish();
  writer.u32be(ask.epoch).u32be(ask.mask).u8(ask.attempt);
  return (ask.kind === "commit" ? writer : writer.raw(ask.list)).finish();
}

/** Errors: as `decodeRequest`. */
export function decodeSignedAsk(bytes: Uint8Array): SignedAsk {
  const reader = new ByteReader(bytes, "A committee's request");
  const number = reader.u8();
  const [kind] = Object.entries(SIGNED).find(([, one]) => one === number) ?? [];
  if (kind === undefined) throw reader.refuse(`kind ${number}`);
  if (kind === "release") {
    const [boundary, sender, receiver] = [reader.u16be(), reader.hex(20), reader.hex(32)];
    return { kind, boundary, sender, receiver, header: rest(reader, MAX_HEADER_BYTES) };
  }
  const [epoch, mask, attempt] = [reader.u32be(), reader.u32be(), reader.u8()];
  if (kind === "commit") {
    reader.end();
    return { kind, epoch, mask, attempt };
  }
  return { kind: kind as "deal" | "judge", epoch, mask, attempt, list: rest(reader, MAX_LIST) };
}

/** u8 1 ‖ what was asked for, or u8 0 ‖ why not, one word. */
export const encodeReply = (reply: Uint8Array | string): Uint8Array =>
  typeof reply === "string" ? concatBytes(Uint8Array.of(0), utf8(reply)) : concatBytes(Uint8Array.of(1), reply);

/** A refusal's word comes as a string. Error: NOT_CANONICAL. */
export function decodeReply(bytes: Uint8Array): Uint8Array | string {
  const [kind] = bytes;
  const body = bytes.subarray(1);
  if (kind === 1) return body;
  const word = String.fromCodePoint(...body.subarray(0, 48));
  if (kind === 0 && body.length <= 48 && /^[A-Z][A-Z0-9_]{1,47}$/.test(word)) return word;
  throw new CoreError("NOT_CANONICAL", { what: "A committee's reply", why: "it is neither an answer nor a word" });
}
