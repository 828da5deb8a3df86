// SPDX-License-Identifier: MIT
import { assertLength, concatBytes, utf8 } from "./bytes.ts";
import { ByteWriter } from "./byte-writer.ts";
import { CoreError } from "./core-errors.ts";
import type { CryptoPort } from "./crypto-port.ts";

// RFC 9180, base mode, one message: DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, ChaCha20-Poly1305 0x0003.

const VERSION = utf8("HPKE-v1");
const KEM_SUITE = concatBytes(utf8("KEM"), Uint8Array.of(0x00, 0x20));
const HPKE_SUITE = concatBytes(utf8("HPKE"), Uint8Array.of(0x00, 0x20, 0x00, 0x01, 0x00, 0x03));
const EMPTY = new Uint8Array(0);
const MODE_BASE = 0;

interface Schedule {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

/** Labelled HKDF of RFC 9180, section 4, over one suite id. */
function labelled(port: CryptoPort, suite: Uint8Array) {
  return {
    extract: (salt: Uint8Array, label: string, secret: Uint8Array): Uint8Array =>
      port.hmacSha256(salt, concatBytes(VERSION, suite, utf8(label), secret)),
    /** At most 32 bytes: one block of HKDF-Expand. */
    expand: (key: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array => {
      const labelledInfo = concatBytes(new ByteWriter().u16be(length).finish(), VERSION, suite, utf8(label), info);
      return port.hmacSha256(key, concatBytes(labelledInfo, Uint8Array.of(1))).subarray(0, length);
    },
  };
}

/** Refuses low-order points: their result is known to everyone. */
function exchange(port: CryptoPort, privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  assertLength(publicKey, 32, "The X25519 public key");
  let shared: Uint8Array;
  try {
    shared = port.x25519(privateKey, publicKey);
  } catch (cause) {
    throw new CoreError("KEY_EXCHANGE", { why: "the point has low order" }, { cause });
  }
  let any = 0;
  for (const byte of shared) any |= byte;
  if (any === 0 || shared.length !== 32) throw new CoreError("KEY_EXCHANGE", { why: "the point has low order" });
  return shared;
}

function sharedSecret(port: CryptoPort, dh: Uint8Array, enc: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const { extract, expand } = labelled(port, KEM_SUITE);
  return expand(extract(EMPTY, "eae_prk", dh), "shared_secret", concatBytes(enc, publicKey), 32);
}

function keySchedule(port: CryptoPort, secret: Uint8Array, info: Uint8Array): Schedule {
  const { extract, expand } = labelled(port, HPKE_SUITE);
  const context = concatBytes(
    Uint8Array.of(MODE_BASE),
    extract(EMPTY, "psk_id_hash", EMPTY),
    extract(EMPTY, "info_hash", info),
  );
  const base = extract(secret, "secret", EMPTY);
  return { key: expand(base, "key", context, 32), nonce: expand(base, "base_nonce", context, 12) };
}

export interface HpkeMessage {
  /** Ephemeral public key, 32 bytes. */
  readonly enc: Uint8Array;
  /** Plain length + 16. */
  readonly sealed: Uint8Array;
}

/** Single-shot Seal to one public key. Says nothing about the sender. Error: KEY_EXCHANGE. */
export function hpkeSeal(
  port: CryptoPort,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plain: Uint8Array,
): HpkeMessage {
  const ephemeral = port.generateX25519();
  const dh = exchange(port, ephemeral.privateKey, publicKey);
  const { key, nonce } = keySchedule(port, sharedSecret(port, dh, ephemeral.publicKey, publicKey), info);
  return { enc: ephemeral.publicKey, sealed: port.chacha20Poly1305Seal(key, nonce, aad, plain) };
}

/** Single-shot Open. Null when it was made for another key, info or aad, or altered. Error: KEY_EXCHANGE. */
export function hpkeOpen(
  port: CryptoPort,
  privateKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  { enc, sealed }: HpkeMessage,
): Uint8Array | null {
  const dh = exchange(port, privateKey, enc);
  const secret = sharedSecret(port, dh, enc, port.x25519PublicKey(privateKey));
  const { key, nonce } = keySchedule(port, secret, info);
  return port.chacha20Poly1305Open(key, nonce, aad, sealed);
}
