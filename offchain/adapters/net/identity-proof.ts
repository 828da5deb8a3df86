// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash, createPublicKey, verify } from "node:crypto";
import type { PeerId, TransportIdentity } from "../../core/ports/transport.ts";

/** DER head of RFC 8410 for an Ed25519 public key. */
const PUBLIC_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/**
 * What a callee signs to show that it holds the key of the worker's record: protocol, the caller's fresh nonce and the request. It says
 * who answered, not that the reply is unaltered on an open network: replies carry their own hashes and envelopes.
 */
function statement(protocol: string, nonce: Uint8Array, request: Uint8Array): Buffer {
  const hash = createHash("sha256").update(request).digest();
  return Buffer.concat([Buffer.from(`assay.v1.answer\n${protocol}\n`), nonce, hash]);
}

export function proveIdentity(
  identity: TransportIdentity,
  protocol: string,
  nonce: Uint8Array,
  request: Uint8Array,
): Uint8Array {
  return identity.sign(statement(protocol, nonce, request));
}

/** False for anything that is not exactly the expected worker's proof. */
export function checkIdentity(
  expected: PeerId,
  protocol: string,
  nonce: Uint8Array,
  request: Uint8Array,
  proof: Uint8Array,
): boolean {
  if (!/^0x[0-9a-f]{64}$/.test(expected) || proof.length !== 64) return false;
  try {
    const der = Buffer.concat([PUBLIC_HEAD, Buffer.from(expected.slice(2), "hex")]);
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return verify(null, statement(protocol, nonce, request), key, proof);
  } catch {
    return false; // not a point: nobody's identity
  }
}
