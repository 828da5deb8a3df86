// SPDX-License-Identifier: GPL-3.0-or-later
import { ByteReader } from "../../core/byte-reader.ts";
import { ByteWriter } from "../../core/byte-writer.ts";
import type { Hex } from "../../core/bytes.ts";
import { NetError } from "./errors.ts";

export const BLOB_PROTOCOL = "/assay/blob/1";

/** One question about parts; HAVE is answered by a bitmap, GET by the part's bytes. */
export type BlobRequest =
  | { readonly op: "HAVE"; readonly grant: Hex; readonly parts: readonly Hex[] }
  | { readonly op: "GET"; readonly grant: Hex; readonly part: Hex };

/** As many as fit the request limit of 1 MiB. */
export const MAX_HAVE = 32_000;

/** u8 version ‖ u8 op (1 HAVE, 2 GET) ‖ grant (16) ‖ HAVE: u16be count, digests; GET: digest. */
export function encodeBlobRequest(request: BlobRequest): Uint8Array {
  const writer = new ByteWriter()
    .u8(1)
    .u8(request.op === "HAVE" ? 1 : 2)
    .fixed(request.grant, 16, "A grant");
  if (request.op === "GET") return writer.fixed(request.part, 32, "A part's digest").finish();
  writer.u16be(request.parts.length);
  for (const part of request.parts) writer.fixed(part, 32, "A part's digest");
  return writer.finish();
}

/** Strict. Error MESSAGE_MALFORMED. */
export function decodeBlobRequest(bytes: Uint8Array): BlobRequest {
  const wrong = (reason: string, cause?: unknown) =>
    new NetError("MESSAGE_MALFORMED", { kind: "blob", reason }, { cause });
  try {
    const reader = new ByteReader(bytes, "The blob request");
    if (reader.u8() !== 1) throw wrong("unknown version");
    const op = reader.u8();
    const grant = reader.hex(16);
    if (op === 2) {
      const part = reader.hex(32);
      reader.end();
      return { op: "GET", grant, part };
    }
    if (op !== 1) throw wrong("unknown operation");
    const count = reader.count(reader.u16be(), MAX_HAVE, 32);
    const parts = Array.from({ length: count }, () => reader.hex(32));
    reader.end();
    return { op: "HAVE", grant, parts };
  } catch (cause) {
    throw cause instanceof NetError ? cause : wrong("bad encoding", cause);
  }
}
