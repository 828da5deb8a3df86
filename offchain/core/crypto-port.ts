// SPDX-License-Identifier: MIT

export interface X25519KeyPair {
  /** 32 bytes, RFC 7748. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/**
 * The primitives that sealing needs and that platforms provide faster and better guarded than JavaScript. Implementations:
 * `adapters/keys` over node:crypto; a browser build passes its own. Nothing here decides anything: a wrong tag returns null.
 */
export interface CryptoPort {
  /** From the operating system's generator, nothing else. */
  randomBytes(length: number): Uint8Array;

  generateX25519(): X25519KeyPair;
  x25519PublicKey(privateKey: Uint8Array): Uint8Array;
  /** The shared point, 32 bytes. May return the all-zero result of a low-order point or throw on it: `seal` refuses both. */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;

  hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array;
  sha256(message: Uint8Array): Uint8Array;

  /** RFC 8439: 32-byte key, 12-byte nonce; returns ciphertext with the 16-byte tag appended. */
  chacha20Poly1305Seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array): Uint8Array;
  /** Null when the tag does not match or the input is shorter than a tag. */
  chacha20Poly1305Open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}
