// SPDX-License-Identifier: GPL-3.0-or-later
import { HttpTransport } from "../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../offchain/adapters/net/libp2p-transport.ts";
import type { Logger } from "../../offchain/core/ports/logger.ts";
import type { Transport } from "../../offchain/core/ports/transport.ts";

export type BenchKind = "http" | "libp2p";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

export const benchTransport = (kind: BenchKind): Transport =>
  kind === "http" ? new HttpTransport({}, { logger }) : new Libp2pTransport({}, { logger });
