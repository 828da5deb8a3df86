// SPDX-License-Identifier: GPL-3.0-or-later
import type { CallOptions, Handler, PeerAddress, SingleTransport, Transport } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";

const ADDRESSES = { http: /^https?:\/\//, libp2p: /^\//, memory: /^memory:\/\// } as const;

/** Several transports as one: everything is served on each, and a peer is called by the one that its address names. */
export class CombinedTransport implements Transport {
  readonly #transports: readonly SingleTransport[];

  /** In the order in which their addresses are announced. */
  constructor(transports: readonly [SingleTransport, ...SingleTransport[]]) {
    this.#transports = transports;
  }

  serve(protocol: string, handler: Handler): void {
    for (const transport of this.#transports) transport.serve(protocol, handler);
  }

  /** Error: NetError ADDRESS_INVALID for an address of none of them. */
  call(peer: PeerAddress, protocol: string, request: Uint8Array, options: CallOptions): AsyncIterable<Uint8Array> {
    const transport = this.#transports.find(({ kind }) => ADDRESSES[kind].test(peer.url));
    if (transport === undefined) {
      const kind = this.#transports.map((one) => one.kind).join(" or ");
      throw new NetError("ADDRESS_INVALID", { url: peer.url.slice(0, 200), kind, reason: "another scheme" });
    }
    return transport.call(peer, protocol, request, options);
  }

  /** All or none: one that cannot listen stops the others. */
  async start(): Promise<readonly PeerAddress[]> {
    try {
      const addresses: PeerAddress[] = [];
      for (const transport of this.#transports) addresses.push(...(await transport.start()));
      return addresses;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.stop()));
  }
}
