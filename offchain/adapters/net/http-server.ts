// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { isAssayError } from "../../core/errors.ts";
import type { TransportIdentity } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";
import { CONTENT_TYPE, HEADER, STATUS } from "./http-wire.ts";
import { proveIdentity } from "./identity-proof.ts";
import { MAX_LIMITS } from "./limits.ts";
import type { NetLimits } from "./limits.ts";
import type { ProtocolTable } from "./protocol-table.ts";
import { untilAborted } from "./until-aborted.ts";

/** The listening half of `HttpTransport`: POST <protocol>, chunked reply. */
export class HttpServer {
  readonly #server: Server;
  readonly #limits: NetLimits;
  readonly #protocols: ProtocolTable;
  readonly #identity: TransportIdentity | null;
  readonly #life = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(limits: NetLimits, protocols: ProtocolTable, identity: TransportIdentity | null) {
    this.#limits = limits;
    this.#protocols = protocols;
    this.#identity = identity;
    const settings = {
      maxHeaderSize: 8 << 10,
      headersTimeout: Math.min(limits.dialMs, limits.idleMs),
      requestTimeout: limits.idleMs,
      keepAliveTimeout: limits.idleMs,
      connectionsCheckingInterval: 1_000,
      noDelay: true,
    };
    this.#server = createServer(settings, (request, response) => this.#accept(request, response));
    this.#server.maxConnections = limits.connections;
    // After listening, an "error" is a connection that could not be taken (no file descriptor left): without a listener it would
    // end the process.
    this.#server.on("error", () => undefined);
    this.#server.on("clientError", (_error, socket) => socket.destroy());
    // Expect, upgrade and CONNECT have no meaning here.
    this.#server.on("checkContinue", (_request, response: ServerResponse) => void response.writeHead(417).end());
    this.#server.on("upgrade", (_request, socket) => socket.destroy());
    this.#server.on("connect", (_request, socket) => socket.destroy());
  }

  /** Error LISTEN_FAILED. Returns the port. */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException) =>
        reject(new NetError("LISTEN_FAILED", { host, port, reason: cause.code ?? "unknown" }, { cause }));
      this.#server.once("error", failed);
      this.#server.listen(port, host, () => {
        this.#server.off("error", failed);
        resolve();
      });
    });
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  async close(): Promise<void> {
    this.#life.abort(new NetError("NOT_RUNNING", {}));
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    await Promise.allSettled(this.#running);
  }

  #accept(request: IncomingMessage, response: ServerResponse): void {
    const work = this.#answer(request, response).catch(() => void response.destroy());
    this.#running.add(work);
    void work.then(() => this.#running.delete(work));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = async (status: number, code?: string): Promise<void> => {
      if (code !== undefined) response.setHeader(HEADER.error, code);
      await discardBody(request);
      // What is still unread makes the connection useless for another request.
      if (!request.complete) response.setHeader("connection", "close");
      response.writeHead(status, { "content-length": 0 }).end();
    };
    if (request.method !== "POST") return await refuse(STATUS.method);
    // A web page cannot send this type across origins without asking first, and we never agree.
    if (request.headers["content-type"] !== CONTENT_TYPE) return await refuse(STATUS.type);
    const protocol = request.url ?? "";
    const handler = this.#protocols.find(protocol);
    if (!handler) return await refuse(STATUS.unknown);
    if (this.#running.size >= this.#limits.handlers) return await refuse(STATUS.busy);
    const body = await readBody(request, this.#limits.requestBytes);
    if (body === null) return await refuse(STATUS.tooLarge);
    const nonce = String(request.headers[HEADER.nonce] ?? "");
    if (nonce !== "") {
      if (!/^[0-9a-f]{64}$/.test(nonce)) return await refuse(STATUS.malformed);
      if (this.#identity) {
        const proof = proveIdentity(this.#identity, protocol, Buffer.from(nonce, "hex"), body);
        response.setHeader(HEADER.proof, Buffer.from(proof).toString("hex"));
      }
    }
    const left = new AbortController();
    response.once("close", () => left.abort(new NetError("CALL_ABORTED", { peer: "the caller" })));
    const limit = setTimeout(() => left.abort(timeoutOf(this.#limits.callMs)), this.#limits.callMs);
    const signal = AbortSignal.any([left.signal, this.#life.signal]);
    try {
      const from = { id: null, remote: request.socket.remoteAddress ?? "unknown" };
      await this.#stream(handler(from, body, signal), response, signal);
    } catch (error) {
      if (signal.aborted || response.headersSent) response.destroy();
      else await refuse(STATUS.failed, isAssayError(error) ? error.code : "INTERNAL");
    } finally {
      clearTimeout(limit);
    }
  }

  /** Takes the next chunk from the handler only after the reader made room: memory is bounded by one chunk and a socket's buffer. */
  async #stream(chunks: AsyncIterable<Uint8Array>, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const begin = () => response.headersSent || response.writeHead(STATUS.ok, { "content-type": CONTENT_TYPE });
    for await (const chunk of untilAborted(chunks, signal)) {
      begin();
      if (chunk.length > 0 && !response.write(chunk)) await this.#drained(response, signal);
    }
    begin();
    response.end();
  }

  /** Waits for the reader; a reader that takes nothing for the idle limit loses the call. */
  async #drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(idle);
        signal.removeEventListener("abort", aborted);
        how();
      };
      const aborted = () => settle(() => reject(signal.reason as Error));
      const idle = setTimeout(() => settle(() => reject(timeoutOf(this.#limits.idleMs))), this.#limits.idleMs);
      response.once("drain", () => settle(resolve));
      if (signal.aborted) aborted();
      else signal.addEventListener("abort", aborted, { once: true });
    });
  }
}

function timeoutOf(limitMs: number): Error {
  return new NetError("CALL_TIMEOUT", { peer: "the caller", phase: "serve", limitMs });
}

/** Reads a lawful body away, so that its sender reads our answer instead of a reset; `requestTimeout` bounds the time. */
async function discardBody(request: IncomingMessage): Promise<void> {
  if (request.complete || !(Number(request.headers["content-length"] ?? Infinity) <= MAX_LIMITS.requestBytes)) return;
  await new Promise<void>((resolve) => request.once("close", resolve).once("end", resolve).resume());
}

/** Null when larger than `limit`; nothing beyond it is kept. */
async function readBody(request: IncomingMessage, limit: number): Promise<Uint8Array | null> {
  if (Number(request.headers["content-length"] ?? 0) > limit) return null;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > limit) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
