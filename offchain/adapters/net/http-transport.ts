// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
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
import { HttpServer } from "./http-server.ts";
import { CONTENT_TYPE, HEADER, STATUS } from "./http-wire.ts";
import { checkIdentity } from "./identity-proof.ts";
import { lowerLimits } from "./limits.ts";
import type { NetLimits } from "./limits.ts";
import { checkProtocol, ProtocolTable } from "./protocol-table.ts";

export interface HttpTransportOptions {
  /** Default 127.0.0.1; any other address is warned about. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** What others dial, if a proxy stands before us. */
  readonly publicUrl?: string;
  readonly limits?: Partial<NetLimits>;
}

interface Running {
  readonly server: HttpServer;
  readonly life: AbortController;
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  readonly addresses: PeerAddress[];
}

/**
 * A `Transport` over HTTP/1.1. Callees prove their transport identity per call; callers are anonymous and speak through envelopes. A
 * request on a kept connection that the peer closed meanwhile is sent once more: handlers must bear a repeated request.
 */
export class HttpTransport implements SingleTransport {
  readonly kind = "http";
  readonly #options: HttpTransportOptions;
  readonly #limits: NetLimits;
  readonly #logger: Logger;
  readonly #identity: TransportIdentity | null;
  readonly #protocols = new ProtocolTable();
  #running: Running | null = null;

  constructor(
    options: HttpTransportOptions,
    modules: { readonly logger: Logger; readonly identity?: TransportIdentity },
  ) {
    this.#options = options;
    this.#limits = lowerLimits(options.limits);
    this.#logger = modules.logger;
    this.#identity = modules.identity ?? null;
    if (options.publicUrl !== undefined) parseUrl(options.publicUrl);
  }

  serve(protocol: string, handler: Handler): void {
    this.#protocols.add(protocol, handler);
  }

  async start(): Promise<PeerAddress[]> {
    if (this.#running) return this.#running.addresses;
    const host = this.#options.host ?? "127.0.0.1";
    const server = new HttpServer(this.#limits, this.#protocols, this.#identity);
    const port = await server.listen(host, this.#options.port ?? 0);
    const url = this.#options.publicUrl ?? `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (host !== "127.0.0.1" && host !== "::1") {
      this.#logger.warn("net.exposed", { url, fix: "Put a proxy with TLS before it, or bind 127.0.0.1." });
    }
    const agent = { keepAlive: true, maxSockets: this.#limits.socketsPerPeer, maxFreeSockets: 4, noDelay: true };
    this.#running = {
      server,
      life: new AbortController(),
      http: new HttpAgent(agent),
      https: new HttpsAgent(agent),
      addresses: [{ id: this.#identity?.id ?? null, url }],
    };
    return this.#running.addresses;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (!running) return;
    running.life.abort(new NetError("NOT_RUNNING", {}));
    running.http.destroy();
    running.https.destroy();
    await running.server.close();
  }

  call(peer: PeerAddress, protocol: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array> {
    const running = this.#running;
    const base = parseUrl(peer.url);
    checkProtocol(protocol);
    if (!running) throw new NetError("NOT_RUNNING", {});
    if (request.length > this.#limits.requestBytes) {
      throw new NetError("REQUEST_TOO_LARGE", { limit: this.#limits.requestBytes });
    }
    const body = request.slice(); // the caller may reuse its buffer
    const signal = AbortSignal.any([options.signal, running.life.signal]);
    return guardCall(peer, { ...options, signal }, this.#limits, (inner) =>
      this.#open(running, peer, new URL(protocol, base), protocol, body, inner),
    );
  }

  async *#open(running: Running, peer: PeerAddress, url: URL, protocol: string, body: Uint8Array, signal: AbortSignal) {
    const nonce = peer.id === null ? null : randomBytes(32);
    let response: IncomingMessage;
    try {
      response = await this.#send(running, peer, url, nonce, body, signal);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      response = await this.#send(running, peer, url, nonce, body, signal);
    }
    try {
      checkStatus(response, peer, protocol, this.#limits.requestBytes);
      if (peer.id !== null && nonce !== null) {
        const proof = Buffer.from(String(response.headers[HEADER.proof] ?? ""), "hex");
        if (!checkIdentity(peer.id, protocol, nonce, body, proof)) {
          const reason = proof.length === 0 ? "it gave no proof" : "its proof does not verify";
          throw new NetError("IDENTITY_MISMATCH", { peer: peer.url, expected: peer.id, reason });
        }
      }
      try {
        for await (const chunk of response as AsyncIterable<Buffer>) {
          yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length); // a plain view: a Buffer's slice() would share
        }
      } catch (cause) {
        signal.throwIfAborted();
        throw new NetError("REPLY_BROKEN", { peer: peer.url, reason: codeOf(cause) }, { cause });
      }
    } finally {
      if (!response.complete) response.destroy();
    }
  }

  async #send(
    running: Running,
    peer: PeerAddress,
    url: URL,
    nonce: Uint8Array | null,
    body: Uint8Array,
    signal: AbortSignal,
  ) {
    const secure = url.protocol === "https:";
    const headers: Record<string, string | number> = { "content-type": CONTENT_TYPE, "content-length": body.length };
    if (nonce) headers[HEADER.nonce] = Buffer.from(nonce).toString("hex");
    const settings = { method: "POST", headers, signal, maxHeaderSize: 8 << 10 };
    const call = secure
      ? httpsRequest(url, { ...settings, agent: running.https })
      : httpRequest(url, { ...settings, agent: running.http });
    const stopDialing = limitDial(call, peer, this.#limits.dialMs);
    try {
      return await new Promise<IncomingMessage>((resolve, reject) => {
        call.once("response", resolve);
        call.on("error", (cause: Error) => {
          if (signal.aborted) return reject(signal.reason as Error);
          if (cause instanceof NetError) return reject(cause);
          if (call.reusedSocket && codeOf(cause) === "ECONNRESET") return reject(new StaleConnection());
          // A parser error means somebody answered, but not with HTTP.
          if (codeOf(cause).startsWith("HPE_")) {
            return reject(new NetError("REPLY_BROKEN", { peer: peer.url, reason: codeOf(cause) }, { cause }));
          }
          return reject(new NetError("PEER_UNREACHABLE", { peer: peer.url, reason: codeOf(cause) }, { cause }));
        });
        call.end(body);
      });
    } finally {
      stopDialing();
    }
  }
}

/** Not an error of the call: the peer had closed a kept connection. */
class StaleConnection extends Error {}

/** Only connecting counts; waiting for a free socket is the call's own time. */
function limitDial(call: ClientRequest, peer: PeerAddress, limitMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const clear = () => clearTimeout(timer);
  call.once("socket", (socket) => {
    if (!socket.connecting) return;
    const error = new NetError("CALL_TIMEOUT", { peer: peer.url, phase: "dial", limitMs });
    timer = setTimeout(() => call.destroy(error), limitMs);
    socket.once("connect", clear);
  });
  return clear;
}

function checkStatus(response: IncomingMessage, peer: PeerAddress, protocol: string, limit: number): void {
  const status = response.statusCode ?? 0;
  switch (status) {
    case STATUS.ok:
      if (response.headers["content-type"] === CONTENT_TYPE) return;
      throw new NetError("REPLY_BROKEN", { peer: peer.url, reason: "another content type" });
    case STATUS.unknown:
      throw new NetError("PROTOCOL_UNKNOWN", { peer: peer.url, protocol });
    case STATUS.tooLarge:
      throw new NetError("REQUEST_TOO_LARGE", { limit });
    case STATUS.busy:
      throw new NetError("PEER_BUSY", { peer: peer.url });
    case STATUS.failed: {
      const code = String(response.headers[HEADER.error] ?? "");
      throw new NetError("REMOTE_FAILED", {
        peer: peer.url,
        code: /^[A-Z][A-Z0-9_]{1,47}$/.test(code) ? code : "INTERNAL",
      });
    }
    default:
      throw new NetError("REQUEST_REFUSED", { peer: peer.url, status });
  }
}

/** Scheme, host and port only: anything else in an on-chain endpoint could aim our request at another service. */
function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/";
  if (
    !plain ||
    url.username !== "" ||
    url.password !== "" ||
    url.search !== "" ||
    url.hash !== "" ||
    text.length > 200
  ) {
    throw new NetError("ADDRESS_INVALID", { url: text.slice(0, 200), kind: "http", reason: "not http(s)://host:port" });
  }
  return url;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
}
