// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { ByteWriter } from "../../../core/byte-writer.ts";
import { u16le } from "../bytes/fields.ts";
import { pemOf, readPem } from "../bytes/pem.ts";
import { EvidenceError } from "../errors.ts";
import type { Evidence } from "../verdict.ts";
import { parseQuote } from "./parse.ts";

/** What a chain takes of a quote: a fifth of its bytes, for certificates are registered once. */
export interface PackedQuote {
  /** Signed part, signature, attestation key, QE report, its signature, QE authentication data. */
  readonly packed: Uint8Array;
  readonly isTdx: boolean;
  /** DER. */
  readonly pck: Uint8Array;
  readonly ca: Uint8Array;
  readonly root: Uint8Array;
}

/** DER of PCK, CA and root, as a quote carries them. */
export type QuoteChain = Pick<PackedQuote, "pck" | "ca" | "root">;

const SIGNATURE = 64;
const QE_REPORT = 384;
const BODIES = { sgx: 384, td10: 584, td15: 648 } as const;

/**
 * A packed quote with its certificates again: what `packQuote` was given, but for unsigned filling and the form of the PEM text.
 * Whether its parts make sense is for `verifyEvidence` to say. Error: QUOTE where they cannot be told apart.
 */
export function unpackQuote(packed: Uint8Array, { pck, ca, root }: QuoteChain): Omit<Evidence, "runtime"> {
  const refuse = (detail: string): never => {
    throw new EvidenceError("QUOTE", { detail });
  };
  if (packed.length < 60) return refuse("truncated");
  const [version, isTdx] = [u16le(packed, 0), packed[4] === 0x81];
  const format = `dcap-${isTdx ? "tdx" : "sgx"}-v${version}`;
  if (format !== "dcap-sgx-v3" && format !== "dcap-tdx-v4" && format !== "dcap-tdx-v5") return refuse(`form ${format}`);
  const body = version === 3 ? BODIES.sgx : version === 4 ? BODIES.td10 : u16le(packed, 48) === 3 ? BODIES.td15 : BODIES.td10; // prettier-ignore
  const bodyEnd = (version === 5 ? 54 : 48) + body;
  const qeAt = bodyEnd + 2 * SIGNATURE;
  const authAt = qeAt + QE_REPORT + SIGNATURE;
  if (packed.length < authAt) return refuse("truncated");
  const text = utf8([pck, ca, root].map(pemOf).join(""));
  const authData = packed.subarray(authAt);
  if (authData.length > 0xffff) return refuse("authentication data");
  const tail = new ByteWriter().raw(packed.subarray(qeAt, authAt)).u16le(authData.length).raw(authData);
  const certified = tail.u16le(5).u32le(text.length).raw(text).finish();
  const outer = new ByteWriter().raw(packed.subarray(bodyEnd, qeAt));
  if (version !== 3) outer.u16le(6).u32le(certified.length);
  const signatureData = outer.raw(certified).finish();
  const bytes = new ByteWriter()
    .raw(packed.subarray(0, bodyEnd))
    .u32le(signatureData.length)
    .raw(signatureData)
    .finish();
  return { format, bytes };
}

/** Errors: QUOTE, QE, PEM, CHAIN. */
export function packQuote({ bytes, format }: Evidence): PackedQuote {
  const quote = parseQuote(bytes, format);
  const [pck, ca, root] = readPem(quote.chain);
  if (pck === undefined || ca === undefined || root === undefined)
    throw new EvidenceError("CHAIN", { detail: "it is not PCK, CA and root" });
  const { signed, signature, attestationKey, qeReport, qeSignature, qeAuthData, isTdx } = quote;
  return {
    packed: concatBytes(signed, signature, attestationKey, qeReport, qeSignature, qeAuthData),
    isTdx,
    pck,
    ca,
    root,
  };
}
