// SPDX-License-Identifier: MIT
import type { ColumnCipher } from "./journal.ts";
import type { TransportIdentity } from "./transport.ts";

/** Signs 32-byte digests. Callers write to the journal first (`Journal.writeBeforeSign`). */
export interface Signer {
  /** Lower-case 20-byte address. */
  readonly address: `0x${string}`;
  /** EIP-2098 compact, low-s signature: 64 bytes, the recovery bit in the top bit of s. */
  signDigest(digest: Uint8Array): Uint8Array;
}

export interface SealKeyPair {
  /** 8 bytes that name the key in a sealed blob's header: `sealKeyId` of core/seal. */
  readonly keyId: Uint8Array;
  readonly publicKey: Uint8Array;
  /** X25519 private key; `use` keeps it out of variables that could be printed. */
  use<T>(action: (privateKey: Uint8Array) => T): T;
}

/** The node's keys, opened. The owner's key is cold and never part of it. */
export interface KeyRing {
  readonly operator: Signer;
  readonly transport: TransportIdentity;
  /** Newest first; old ones live until their jobs end. */
  readonly sealKeys: readonly SealKeyPair[];
  /** Seals the journal's columns; derived from the operator key, so that a backup of both suffices. */
  readonly columnCipher: ColumnCipher;
  /**
   * 32 pseudo-random bytes that only this worker can compute: HMAC-SHA256 keyed by HKDF(operator key). Used for commit salts, so
   * that a lost journal still gives the same salt.
   */
  prf(label: string, input: Uint8Array): Uint8Array;
  close(): void;
}
