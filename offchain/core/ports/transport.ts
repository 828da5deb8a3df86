// SPDX-License-Identifier: MIT

/** A transport identity: 32-byte Ed25519 public key in lower-case hex, as in the worker's on-chain record. */
export type PeerId = `0x${string}`;

/** Where a peer is dialled. With `id` null the peer is not authenticated by the transport: only envelopes and hashes speak for it. */
export interface PeerAddress {
  readonly id: PeerId | null;
  /** `http://127.0.0.1:1234`, `/ip4/127.0.0.1/tcp/4001`, `memory://name`. */
  readonly url: string;
}

/** Who called, as far as the transport knows. HTTP and memory do not authenticate callers: `id` is null there, see the envelope. */
export interface PeerIdentity {
  readonly id: PeerId | null;
  /** For limits and logs only (an IP address, a memory name): never proof of anything. */
  readonly remote: string;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Wall-clock budget of the whole call, dial to last byte, in milliseconds from now. */
  readonly deadlineMs: number;
  /** More reply bytes than this end the call with REPLY_TOO_LARGE. */
  readonly maxReplyBytes: number;
}

export type Handler = (from: PeerIdentity, request: Uint8Array, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** One primitive: a request goes in, a stream comes out. The choice of transport is never a trust decision. */
export interface Transport {
  /** Registers a handler; before or after `start`. A second handler for one protocol is an error. */
  serve(protocol: string, handler: Handler): void;
  /** Chunk borders are not preserved, order and bytes are. Errors surface from the iterator, typed (module net). */
  call(peer: PeerAddress, protocol: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array>;
  start(): Promise<readonly PeerAddress[]>;
  /** Ends running calls and handlers, leaves no open handle. */
  stop(): Promise<void>;
}

/** A transport of one network. */
export interface SingleTransport extends Transport {
  readonly kind: "libp2p" | "http" | "memory";
}

/** The node's own transport key: proves to a caller that it reached the worker of the registry record. */
export interface TransportIdentity {
  readonly id: PeerId;
  /** Ed25519 signature, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}
