// SPDX-License-Identifier: GPL-3.0-or-later
import { NetError } from "../../../offchain/adapters/net/errors.ts";
import { guardCall } from "../../../offchain/adapters/net/guard-call.ts";
import { MAX_LIMITS } from "../../../offchain/adapters/net/limits.ts";
import type { Handler, PeerAddress, Transport } from "../../../offchain/core/ports/transport.ts";

/** Transports that call each other in this process. Peers can be cut off. */
export class LocalNetwork {
  readonly #nodes = new Map<string, Map<string, Handler>>();
  readonly cut = new Set<string>();
  /** Sees every call. */
  onCall: (call: { readonly from: string; readonly to: string; readonly protocol: string }) => void = () => undefined;

  transport(name: string): Transport {
    const handlers = new Map<string, Handler>();
    const nodes = this.#nodes;
    const { cut } = this;
    const seen = (to: string, protocol: string) => this.onCall({ from: `memory://${name}`, to, protocol });
    nodes.set(`memory://${name}`, handlers);
    return {
      serve: (protocol, handler) => void handlers.set(protocol, handler),
      call: (peer, protocol, request, options) =>
        guardCall(peer, options, MAX_LIMITS, async function* open(signal) {
          const handler = nodes.get(peer.url)?.get(protocol);
          if (handler === undefined || cut.has(peer.url) || cut.has(`memory://${name}`))
            throw new NetError("PEER_UNREACHABLE", { peer: peer.url, reason: "cut off" });
          seen(peer.url, protocol);
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield* handler({ id: null, remote: name }, request, signal);
        }),
      start: async (): Promise<PeerAddress[]> => [{ id: null, url: `memory://${name}` }],
      stop: async () => void nodes.delete(`memory://${name}`),
    };
  }
}
