// SPDX-License-Identifier: GPL-3.0-or-later
import { randomBytes } from "node:crypto";
import { isAssayError } from "../../core/errors.ts";
import type {
  CallOptions,
  Handler,
  PeerAddress,
  SingleTransport,
  TransportIdentity,
} from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";
import { guardCall } from "./guard-call.ts";
import { checkIdentity, proveIdentity } from "./identity-proof.ts";
import { lowerLimits } from "./limits.ts";
import type { NetLimits } from "./limits.ts";
import type { MemoryNetwork } from "./memory-network.ts";
import { checkProtocol, ProtocolTable } from "./protocol-table.ts";
import { untilAborted } from "./until-aborted.ts";

export interface MemoryTransportOptions {
  /** Address `memory://<name>`. */
  readonly name: string;
  readonly limits?: Partial<NetLimits>;
}

/** A `Transport` inside one process: tests and the requester next to its own worker. */
export class MemoryTransport implements SingleTransport {
  readonly kind = "memory";
  readonly #name: string;
  readonly #limits: NetLimits;
  readonly #network: MemoryNetwork;
  readonly #identity: TransportIdentity | null;
  readonly #protocols = new ProtocolTable();
  #life: AbortController | null = null;
  #running = 0;

  constructor(
    options: MemoryTransportOptions,
    modules: { readonly network: MemoryNetwork; readonly identity?: TransportIdentity },
  ) {
    this.#name = options.name;
    this.#limits = lowerLimits(options.limits);
    this.#network = modules.network;
    this.#identity = modules.identity ?? null;
  }

  serve(protocol: string, handler: Handler): void {
    this.#protocols.add(protocol, handler);
  }

  async start(): Promise<PeerAddress[]> {
    const url = `memory://${this.#name}`;
    if (!this.#life) {
      if (!this.#network.join(this.#name, this)) {
        throw new NetError("LISTEN_FAILED", { host: url, port: 0, reason: "EADDRINUSE" });
      }
      this.#life = new AbortController();
    }
    return [{ id: this.#identity?.id ?? null, url }];
  }

  async stop(): Promise<void> {
    this.#network.leave(this.#name, this);
    this.#life?.abort(new NetError("NOT_RUNNING", {}));
    this.#life = null;
  }

  call(peer: PeerAddress, protocol: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array> {
    const life = this.#life;
    const name = nameOf(peer);
    checkProtocol(protocol);
    if (!life) throw new NetError("NOT_RUNNING", {});
    if (request.length > this.#limits.requestBytes) {
      throw new NetError("REQUEST_TOO_LARGE", { limit: this.#limits.requestBytes });
    }
    const copy = request.slice();
    const signal = AbortSignal.any([options.signal, life.signal]);
    return guardCall(peer, { ...options, signal }, this.#limits, (inner) =>
      this.#open(peer, name, protocol, copy, inner),
    );
  }

  async *#open(peer: PeerAddress, name: string, protocol: string, request: Uint8Array, signal: AbortSignal) {
    const target = this.#network.find(name);
    if (!target) throw new NetError("PEER_UNREACHABLE", { peer: peer.url, reason: "nobody has this name" });
    await this.#network.carry(this.#name, name, signal);
    const nonce = randomBytes(32);
    const reply = target.answer(this.#name, protocol, request, nonce, signal);
    const { value: proof } = await reply.next();
    if (peer.id !== null && !checkIdentity(peer.id, protocol, nonce, request, proof ?? new Uint8Array())) {
      throw new NetError("IDENTITY_MISMATCH", {
        peer: peer.url,
        expected: peer.id,
        reason: "its proof does not verify",
      });
    }
    for await (const chunk of reply) {
      await this.#network.carry(name, this.#name, signal);
      yield chunk.slice();
    }
  }

  /** Called by the other end: first the identity proof, then the handler's chunks. */
  async *answer(from: string, protocol: string, request: Uint8Array, nonce: Uint8Array, caller: AbortSignal) {
    const url = `memory://${this.#name}`;
    const life = this.#life;
    if (!life) throw new NetError("PEER_UNREACHABLE", { peer: url, reason: "it stopped" });
    if (request.length > this.#limits.requestBytes) {
      throw new NetError("REQUEST_TOO_LARGE", { limit: this.#limits.requestBytes });
    }
    const handler = this.#protocols.find(protocol);
    if (!handler) throw new NetError("PROTOCOL_UNKNOWN", { peer: url, protocol });
    if (this.#running >= this.#limits.handlers) throw new NetError("PEER_BUSY", { peer: url });
    this.#running++;
    try {
      yield this.#identity ? proveIdentity(this.#identity, protocol, nonce, request) : new Uint8Array();
      const signal = AbortSignal.any([caller, life.signal]);
      let sent = false;
      try {
        for await (const chunk of untilAborted(handler({ id: null, remote: from }, request, signal), signal)) {
          sent = true;
          yield chunk;
        }
      } catch (cause) {
        if (caller.aborted) throw cause;
        if (life.signal.aborted || sent)
          throw new NetError("REPLY_BROKEN", { peer: url, reason: "it broke off" }, { cause });
        throw new NetError("REMOTE_FAILED", { peer: url, code: isAssayError(cause) ? cause.code : "INTERNAL" });
      }
    } finally {
      this.#running--;
    }
  }
}

function nameOf(peer: PeerAddress): string {
  const name = /^memory:\/\/([\w.-]{1,64})$/.exec(peer.url)?.[1];
  if (name === undefined) {
    throw new NetError("ADDRESS_INVALID", { url: peer.url.slice(0, 200), kind: "memory", reason: "not memory://name" });
  }
  return name;
}
