// SPDX-License-Identifier: GPL-3.0-or-later
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { toHex } from "../../core/bytes.ts";
import type { TransportIdentity } from "../../core/ports/transport.ts";
import type { Secret } from "../../core/secret.ts";

/** DER heads of RFC 8410 for Ed25519. */
const PRIVATE_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_HEAD_BYTES = 12;

/** An Ed25519 identity from its 32-byte seed. */
export function transportIdentity(seed: Secret<Uint8Array>): TransportIdentity {
  const der = Buffer.concat([PRIVATE_HEAD, seed.reveal()]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const spki = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    id: toHex(spki.subarray(PUBLIC_HEAD_BYTES)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}
