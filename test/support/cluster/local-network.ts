// SPDX-License-Identifier: GPL-3.0-or-later
import type { Handler, PeerAddress, Transport } from "../../../offchain/core/ports/transport.ts";

/** Transports that call each other in this process. Peers can be cut off. */
export class LocalNetwork {
  readonly #nodes = new Map<string, Map<string, Handler>>();
  readonly cut = new Set<string>();

  transport(name: string): Transport {
    const handlers = new Map<string, Handler>();
    const nodes = this.#nodes;
    const { cut } = this;
    nodes.set(`memory://${name}`, handlers);
    return {
      serve: (protocol, handler) => void handlers.set(protocol, handler),
      async *call(peer, protocol, request, options) {
        const handler = nodes.get(peer.url)?.get(protocol);
        if (handler === undefined || cut.has(peer.url) || cut.has(`memory://${name}`))
          throw new TypeError(`no ${peer.url}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
        yield* handler({ id: null, remote: name }, request, options.signal);
      },
      start: async (): Promise<PeerAddress[]> => [{ id: null, url: `memory://${name}` }],
      stop: async () => void nodes.delete(`memory://${name}`),
    };
  }
}
