// SPDX-License-Identifier: GPL-3.0-or-later
import { generateKeyPair, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey, PeerId as Libp2pPeerId } from "@libp2p/interface";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import { fromHex, toHex } from "../../core/bytes.ts";
import type { PeerId, TransportIdentity } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";

/** Ed25519 keys of this many raw bytes are the only ones that a worker's record can name. */
const KEY_BYTES = 32;

/** The node's identity as libp2p's key: Noise asks it for one signature a handshake, and the seed stays in the key ring. */
export async function libp2pKey(identity: TransportIdentity | null): Promise<Ed25519PrivateKey> {
  if (identity === null) return await generateKeyPair("Ed25519");
  const publicKey = publicKeyFromRaw(fromHex(identity.id));
  if (publicKey.type !== "Ed25519") throw new NetError("IDENTITY_INVALID", { id: identity.id });
  return {
    type: "Ed25519",
    publicKey,
    /** libp2p reads it only to export or store a key, which this node never does. */
    get raw(): Uint8Array {
      throw new NetError("IDENTITY_INVALID", { id: identity.id });
    },
    equals: (other?: { readonly publicKey?: unknown }) => publicKey.equals(other?.publicKey),
    sign: (message: Uint8Array | { subarray(): Uint8Array }) => identity.sign(message.subarray()),
  };
}

/** The worker's record names a raw key; libp2p names it by its multihash. Null for 32 bytes that cannot be a key's. */
export function libp2pPeerId(id: PeerId): Libp2pPeerId | null {
  if (!/^0x[0-9a-f]{64}$/.test(id)) return null;
  const publicKey = publicKeyFromRaw(fromHex(id));
  return publicKey.type === "Ed25519" ? peerIdFromPublicKey(publicKey) : null;
}

/** Null for a peer whose key is of a kind that no record can name. */
export function peerIdOf(peer: Libp2pPeerId): PeerId | null {
  return peer.type === "Ed25519" && peer.publicKey.raw.length === KEY_BYTES ? toHex(peer.publicKey.raw) : null;
}
