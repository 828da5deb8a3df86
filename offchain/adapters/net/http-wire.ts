// SPDX-License-Identifier: GPL-3.0-or-later

export const CONTENT_TYPE = "application/vnd.assay";

export const HEADER = {
  /** 32 random bytes of the caller, hex: asks for an identity proof. */
  nonce: "assay-nonce",
  /** Ed25519 signature, hex. */
  proof: "assay-proof",
  /** Code of the typed error that ended the handler before its first byte. */
  error: "assay-error",
} as const;

export const STATUS = {
  ok: 200,
  malformed: 400,
  unknown: 404,
  method: 405,
  tooLarge: 413,
  type: 415,
  failed: 500,
  busy: 503,
} as const;
