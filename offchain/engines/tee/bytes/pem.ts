// SPDX-License-Identifier: GPL-3.0-or-later
import { EvidenceError } from "../errors.ts";

const MAX_PEM_BYTES = 32_768;
const MAX_CERTIFICATES = 8;
const BLOCK = /-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n*/y;
const base64Line = /^(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{1,64}={0,2}$/;

const refuse = (detail: string): never => {
  throw new EvidenceError("PEM", { detail });
};

/**
 * Certificates of a PEM text, in its order (RFC 7468, strict form: 64 columns, nothing between or around the blocks). Line
 * ends may be CR LF, and one zero byte may end the text, as in Intel's quotes. Error: PEM.
 */
export function readPem(text: string): Uint8Array[] {
  if (text.length > MAX_PEM_BYTES) return refuse("too long");
  const plain = text.replaceAll("\r\n", "\n").replace(/\0$/, "");
  const out: Uint8Array[] = [];
  for (BLOCK.lastIndex = 0; BLOCK.lastIndex < plain.length;) {
    const body = BLOCK.exec(plain)?.[1];
    if (body === undefined) return refuse("something that is no certificate block");
    if (out.length === MAX_CERTIFICATES) return refuse("too many certificates");
    if (!base64Line.test(body)) return refuse("base64 lines");
    const joined = body.replaceAll("\n", "");
    const der = Buffer.from(joined, "base64");
    // Equal again only if the padding is right and its spare bits are zero.
    if (der.toString("base64") !== joined) return refuse("base64 is not canonical");
    out.push(new Uint8Array(der));
  }
  return out.length === 0 ? refuse("no certificate") : out;
}

/** A certificate in the form that `readPem` takes. */
export function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
