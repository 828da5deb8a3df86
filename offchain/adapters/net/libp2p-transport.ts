// SPDX-License-Identifier: GPL-3.0-or-later
import { identify } from "@libp2p/identify";
import type { Connection, Libp2p, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { isLibp2pEndpoint } from "../../core/endpoints.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type {
  CallOptions,
  Handler,
  PeerAddress,
  SingleTransport,
  TransportIdentity,
} from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";
import { guardCall } from "./guard-call.ts";
import { answerStream } from "./libp2p-answer.ts";
import { libp2pKey, libp2pPeerId, peerIdOf } from "./libp2p-identity.ts";
import { readStream, writeStream } from "./libp2p-stream.ts";
import { ChunkReader, lengthHead, MAX_FRAME_BYTES, REPLY } from "./libp2p-wire.ts";
import { lowerLimits } from "./limits.ts";
import type { NetLimits } from "./limits.ts";
import { checkProtocol, ProtocolTable } from "./protocol-table.ts";

export interface Libp2pTransportOptions {
  /** Default 127.0.0.1; any other address is warned about. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What others dial, `/dns4/worker.example/tcp/4001`, if it is not what we listen on. */
  readonly publicUrl?: string;
  readonly limits?: Partial<NetLimits>;
}

/** Calls to one peer at once; libp2p's own default is 64. */
const MAX_OUTBOUND_STREAMS = 512;

/** A window below the read buffer: a sender that keeps to it can never overflow a reader that pauses. */
const STREAM = { maxStreamWindowSize: 1 << 20, maxReadBufferLength: 4 << 20, maxWriteBufferLength: 4 << 20 };

interface Running {
  readonly node: Libp2p;
  readonly life: AbortController;
  readonly answers: Set<Promise<void>>;
  readonly addresses: PeerAddress[];
}

/**
 * A `Transport` over libp2p: TCP, Noise, yamux. Both ends prove their transport identity in Noise's handshake, so handlers learn who
 * calls; a peer that cannot is not spoken to, named or not. Which worker has which identity is read from the on-chain record: nothing
 * here discovers peers. One connection a peer, one stream a call.
 */
export class Libp2pTransport implements SingleTransport {
  readonly kind = "libp2p";
  readonly #options: Libp2pTransportOptions;
  readonly #limits: NetLimits;
  readonly #logger: Logger;
  readonly #identity: TransportIdentity | null;
  readonly #protocols = new ProtocolTable();
  readonly #names: string[] = [];
  #running: Running | null = null;

  constructor(
    options: Libp2pTransportOptions,
    modules: { readonly logger: Logger; readonly identity?: TransportIdentity },
  ) {
    this.#options = options;
    this.#limits = lowerLimits(options.limits);
    this.#logger = modules.logger;
    this.#identity = modules.identity ?? null;
    if (options.publicUrl !== undefined) parseAddress(options.publicUrl);
  }

  serve(protocol: string, handler: Handler): void {
    this.#protocols.add(protocol, handler);
    this.#names.push(protocol);
    if (this.#running) this.#handle(this.#running, protocol);
  }

  async start(): Promise<PeerAddress[]> {
    if (this.#running) return this.#running.addresses;
    const { host = "127.0.0.1", port = 0 } = this.#options;
    const listen = `/${host.includes(":") ? "ip6" : "ip4"}/${host}/tcp/${port}`;
    const { connections, dialMs, handlers, idleMs } = this.#limits;
    const node = await createLibp2p({
      privateKey: await libp2pKey(this.#identity),
      start: false,
      addresses: { listen: [listen] },
      transports: [tcp({ maxConnections: connections, inboundSocketInactivityTimeout: 2 * idleMs })],
      connectionEncrypters: [noise()],
      // A caller may open all its streams before our side of the connection is ready: they are no more than later ones.
      streamMuxers: [yamux({ maxInboundStreams: 4 * handlers, maxEarlyStreams: 4 * handlers, streamOptions: STREAM })],
      connectionManager: {
        maxConnections: 2 * connections,
        maxIncomingPendingConnections: connections,
        inboundConnectionThreshold: connections,
        dialTimeout: dialMs,
        inboundUpgradeTimeout: Math.min(dialMs, idleMs),
        // Peers are dialled when there is something to say, and only then.
        reconnectRetries: 0,
      },
      services: { identify: identify(), ping: ping() },
    });
    try {
      await node.start();
    } catch (cause) {
      await node.stop();
      throw new NetError("LISTEN_FAILED", { host, port, reason: listenReason(cause) }, { cause });
    }
    const bound =
      node
        .getMultiaddrs()[0]
        ?.toString()
        .replace(/\/p2p\/.*$/, "") ?? listen;
    const url = this.#options.publicUrl ?? bound;
    if (host !== "127.0.0.1" && host !== "::1") {
      this.#logger.warn("net.exposed", { url, fix: "Let a firewall pass this port only, or bind 127.0.0.1." });
    }
    const running: Running = {
      node,
      life: new AbortController(),
      answers: new Set(),
      addresses: [{ id: this.#identity?.id ?? null, url }],
    };
    for (const protocol of this.#names) this.#handle(running, protocol);
    this.#running = running;
    return running.addresses;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    running.life.abort(new NetError("NOT_RUNNING", {}));
    await Promise.all(running.answers);
    await running.node.stop();
  }

  call(peer: PeerAddress, protocol: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array> {
    const running = this.#running;
    const address = parseAddress(peer.url);
    checkProtocol(protocol);
    if (!running) throw new NetError("NOT_RUNNING", {});
    if (request.length > this.#limits.requestBytes) {
      throw new NetError("REQUEST_TOO_LARGE", { limit: this.#limits.requestBytes });
    }
    const body = request.slice(); // the caller may reuse its buffer
    const signal = AbortSignal.any([options.signal, running.life.signal]);
    return guardCall(peer, { ...options, signal }, this.#limits, (inner) =>
      this.#ask(running.node, peer, address, protocol, body, inner),
    );
  }

  #handle({ node, answers, life }: Running, protocol: string): void {
    const serve = (stream: Stream, { remotePeer, remoteAddr }: Connection) => {
      const from = { id: peerIdOf(remotePeer), remote: remoteAddr.toString() };
      const handler = answers.size < this.#limits.handlers ? (this.#protocols.find(protocol) ?? null) : null;
      const answer = answerStream(stream, from, handler, this.#limits, life.signal);
      answers.add(answer);
      void answer.then(() => answers.delete(answer));
    };
    // More than are answered, so that the rest hears "busy".
    const maxInboundStreams = 4 * this.#limits.handlers;
    node
      .handle(protocol, serve, { maxInboundStreams, maxOutboundStreams: MAX_OUTBOUND_STREAMS })
      .catch((error: unknown) => this.#logger.error("net.protocol", { protocol, error: String(error) }));
  }

  async *#ask(
    node: Libp2p,
    peer: PeerAddress,
    address: Multiaddr,
    protocol: string,
    request: Uint8Array,
    signal: AbortSignal,
  ) {
    const stream = await this.#open(node, peer, address, protocol, signal);
    const abort = () => stream.abort(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    const reader = new ChunkReader(readStream(stream));
    try {
      // The answer may come before the request has gone: "busy", or that it is too large.
      const sent = writeStream(stream, lengthHead(request.length), signal)
        .then(() => writeStream(stream, request, signal))
        .catch(() => undefined); // a broken stream is seen by the reader
      yield* readReply(reader, peer, this.#limits.requestBytes);
      await sent;
      await stream.close({ signal });
    } catch (error) {
      stream.abort(error as Error);
      signal.throwIfAborted();
      if (error instanceof NetError) throw error;
      throw new NetError("REPLY_BROKEN", { peer: peer.url, reason: nameOf(error) }, { cause: error });
    } finally {
      signal.removeEventListener("abort", abort);
      if (stream.status === "open" && stream.writeStatus !== "closed") {
        stream.abort(new NetError("CALL_ABORTED", { peer: peer.url })); // the reader left early
      }
      await reader.close();
    }
  }

  async #open(node: Libp2p, peer: PeerAddress, address: Multiaddr, protocol: string, signal: AbortSignal) {
    const askedMs = Date.now();
    for (;;) {
      const connection = await this.#dial(node, peer, address, signal);
      try {
        return await connection.newStream(protocol, { signal, maxOutboundStreams: MAX_OUTBOUND_STREAMS });
      } catch (cause) {
        signal.throwIfAborted();
        if (nameOf(cause) === "UnsupportedProtocolError") {
          throw new NetError("PROTOCOL_UNKNOWN", { peer: peer.url, protocol });
        }
        if (connection.timeline.open >= askedMs) {
          throw new NetError("REPLY_BROKEN", { peer: peer.url, reason: nameOf(cause) }, { cause });
        }
        // A kept connection that the peer closed meanwhile: once more over a new one.
        connection.abort(new NetError("PEER_UNREACHABLE", { peer: peer.url, reason: "it closed the connection" }));
      }
    }
  }

  /** A kept connection or a new one, of whom the record names. */
  async #dial(node: Libp2p, peer: PeerAddress, address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    const expected = peer.id === null ? null : libp2pPeerId(peer.id);
    const mismatch = (reason: string, cause?: unknown) =>
      new NetError("IDENTITY_MISMATCH", { peer: peer.url, expected: peer.id ?? "", reason }, { cause });
    if (peer.id !== null && expected === null) throw mismatch("nobody can prove this identity");
    const target = expected === null ? address : address.encapsulate(`/p2p/${expected.toString()}`);
    // libp2p finds a kept connection by identity; of a peer without a name we know its address only.
    const kept = expected === null ? node.getConnections().find((one) => isTo(one, address)) : undefined;
    if (kept !== undefined) return kept;
    const limitMs = this.#limits.dialMs;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort(new NetError("CALL_TIMEOUT", { peer: peer.url, phase: "dial", limitMs })),
      limitMs,
    );
    try {
      const connection = await node.dial(target, { signal: AbortSignal.any([signal, late.signal]) });
      if (peer.id !== null && peerIdOf(connection.remotePeer) !== peer.id) throw mismatch("it proved another identity");
      return connection;
    } catch (cause) {
      signal.throwIfAborted();
      late.signal.throwIfAborted();
      if (cause instanceof NetError) throw cause;
      const errors = [cause, ...(cause instanceof AggregateError ? (cause.errors as unknown[]) : [])];
      const names = errors.map(nameOf);
      const isOther = errors.some(
        (error) => /UnexpectedPeer|InvalidCrypto|EncryptionFailed/.test(nameOf(error)) && !isBrokenOff(error),
      );
      if (isOther && peer.id !== null) throw mismatch("its handshake does not verify", cause);
      throw new NetError("PEER_UNREACHABLE", { peer: peer.url, reason: names.at(-1) ?? "unknown" }, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

const isTo = ({ direction, remoteAddr, status }: Connection, address: Multiaddr): boolean =>
  direction === "outbound" &&
  status === "open" &&
  remoteAddr.toString().replace(/\/p2p\/.*$/, "") === address.toString();

async function* readReply(reader: ChunkReader, peer: PeerAddress, limit: number): AsyncGenerator<Uint8Array> {
  const broken = (reason: string) => new NetError("REPLY_BROKEN", { peer: peer.url, reason });
  switch ((await reader.exactly(1))?.[0]) {
    case REPLY.ok:
      break;
    case REPLY.busy:
      throw new NetError("PEER_BUSY", { peer: peer.url });
    case REPLY.tooLarge:
      throw new NetError("REQUEST_TOO_LARGE", { limit });
    case REPLY.failed: {
      const length = (await reader.exactly(1))?.[0];
      const code = new TextDecoder().decode((length === undefined ? null : await reader.exactly(length)) ?? undefined);
      throw new NetError("REMOTE_FAILED", {
        peer: peer.url,
        code: /^[A-Z][A-Z0-9_]{1,47}$/.test(code) ? code : "INTERNAL",
      });
    }
    case undefined:
      throw broken("it ended before its status");
    default:
      throw broken("an unknown status");
  }
  for (;;) {
    let left = await reader.length();
    if (left === null) throw broken("it ended before its last frame");
    if (left === 0) return;
    if (left > MAX_FRAME_BYTES) throw broken("a frame above the limit");
    while (left > 0) {
      const part = await reader.some(left);
      if (part === null) throw broken("it ended within a frame");
      left -= part.length;
      yield part;
    }
  }
}

/** Host and TCP port only; the identity stands in the record beside it. */
function parseAddress(text: string): Multiaddr {
  const wrong = (cause?: unknown) =>
    new NetError(
      "ADDRESS_INVALID",
      { url: text.slice(0, 200), kind: "libp2p", reason: "not /ip4/host/tcp/port or /dns4/host/tcp/port" },
      { cause },
    );
  if (!isLibp2pEndpoint(text)) throw wrong();
  try {
    return multiaddr(text);
  } catch (cause) {
    throw wrong(cause);
  }
}

const nameOf = (error: unknown): string =>
  error instanceof Error ? ("code" in error && typeof error.code === "string" ? error.code : error.name) : "unknown";

/** libp2p says what went wrong within a handshake in words only. A connection that was cut there accuses nobody. */
const isBrokenOff = (error: unknown): boolean =>
  error instanceof Error && /Unexpected EOF|ECONNRESET|EPIPE|stream (was )?(reset|closed|aborted)/i.test(error.message);

/** libp2p wraps what the listener said. */
function listenReason(cause: unknown): string {
  const match = /E[A-Z]{4,}/.exec(String(cause instanceof AggregateError ? cause.errors : cause));
  return match?.[0] ?? nameOf(cause);
}
