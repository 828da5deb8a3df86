// SPDX-License-Identifier: GPL-3.0-or-later
import type { Handler } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";

const NAME = /^\/[a-z0-9]{1,16}\/[a-z0-9-]{1,32}\/[0-9]{1,4}$/;

export function checkProtocol(protocol: string): string {
  if (!NAME.test(protocol)) throw new NetError("PROTOCOL_NAME", { protocol: protocol.slice(0, 80) });
  return protocol;
}

/** Handlers by protocol. */
export class ProtocolTable {
  readonly #handlers = new Map<string, Handler>();

  add(protocol: string, handler: Handler): void {
    if (this.#handlers.has(checkProtocol(protocol))) throw new NetError("PROTOCOL_TAKEN", { protocol });
    this.#handlers.set(protocol, handler);
  }

  find(protocol: string): Handler | undefined {
    return this.#handlers.get(protocol);
  }
}
