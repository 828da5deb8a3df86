// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, fromHex } from "../../../core/bytes.ts";

// Shares nothing with the strict reader: a mistake in one must not be mirrored by the other.

export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...contents);
  const size: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256);
  const length = body.length < 128 ? [body.length] : [0x80 + size.length, ...size];
  return concatBytes(Uint8Array.of(tag, ...length), body);
}

export const sequence = (...members: readonly Uint8Array[]): Uint8Array => der(0x30, ...members);
export const octets = (bytes: Uint8Array): Uint8Array => der(0x04, bytes);
export const bits = (bytes: Uint8Array, unused = 0): Uint8Array => der(0x03, Uint8Array.of(unused), bytes);
/** By the hex of the identifier's contents. */
export const oid = (hex: string): Uint8Array => der(0x06, fromHex(`0x${hex}`));

/** Non-negative integer from its magnitude. */
export function integer(magnitude: Uint8Array | number): Uint8Array {
  const bytes = typeof magnitude === "number" ? numberBytes(magnitude) : magnitude;
  const first = bytes.findIndex((byte) => byte !== 0);
  const short = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  return der(0x02, (short[0] ?? 0) >= 0x80 ? concatBytes(Uint8Array.of(0), short) : short);
}

function numberBytes(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
}

/** Unix seconds as RFC 5280 wants them. */
export function time(seconds: bigint): Uint8Array {
  const text = new Date(Number(seconds) * 1000).toISOString().replaceAll(/[-T:]|\.\d+/g, "");
  const isShort = Number(text.slice(0, 4)) < 2050;
  return der(isShort ? 0x17 : 0x18, new TextEncoder().encode(isShort ? text.slice(2) : text));
}

/** commonName and organizationName. */
export function distinguishedName(commonName: string, organisation: string): Uint8Array {
  const part = (id: string, text: string): Uint8Array =>
    der(0x31, sequence(oid(id), der(0x0c, new TextEncoder().encode(text))));
  return sequence(part("550403", commonName), part("55040a", organisation));
}

export function pem(...certificates: readonly Uint8Array[]): string {
  const block = (bytes: Uint8Array): string => {
    const lines =
      Buffer.from(bytes)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  };
  return certificates.map(block).join("");
}
