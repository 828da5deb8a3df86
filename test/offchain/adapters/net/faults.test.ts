// SPDX-License-Identifier: GPL-3.0-or-later
import { HttpTransport } from "../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import type { Logger } from "../../../../offchain/core/ports/logger.ts";
import { networkFaults } from "../../../ports/network-faults.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

networkFaults(
  "HttpTransport",
  ({ identity, limits }) => new HttpTransport(limits ? { limits } : {}, identity ? { logger, identity } : { logger }),
  { urlOf: (port) => `http://127.0.0.1:${port}`, portOf: (url) => Number(new URL(url).port), isProtected: false },
);
networkFaults(
  "Libp2pTransport",
  ({ identity, limits }) => new Libp2pTransport(limits ? { limits } : {}, identity ? { logger, identity } : { logger }),
  {
    urlOf: (port) => `/ip4/127.0.0.1/tcp/${port}`,
    portOf: (url) => Number(url.split("/").at(-1)),
    isProtected: true,
  },
);
