// SPDX-License-Identifier: GPL-3.0-or-later
import { CombinedTransport } from "../adapters/net/combined-transport.ts";
import { HttpTransport } from "../adapters/net/http-transport.ts";
import type { Logger } from "../core/ports/logger.ts";
import type { Transport, TransportIdentity } from "../core/ports/transport.ts";
import type { NodeConfig } from "./settings.ts";

/** HTTP, and libp2p beside it where it is wanted: its modules cost memory, so they are imported only then. */
export async function openTransport(
  { host, port, publicUrl, libp2p, libp2pPort, libp2pUrl }: NodeConfig["net"],
  modules: { readonly logger: Logger; readonly identity: TransportIdentity },
): Promise<Transport> {
  const http = new HttpTransport({ host, port, ...(publicUrl === "" ? {} : { publicUrl }) }, modules);
  if (!libp2p) return http;
  const { Libp2pTransport } = await import("../adapters/net/libp2p-transport.ts");
  const options = { host, port: libp2pPort, ...(libp2pUrl === "" ? {} : { publicUrl: libp2pUrl }) };
  return new CombinedTransport([http, new Libp2pTransport(options, modules)]);
}
