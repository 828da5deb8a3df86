// SPDX-License-Identifier: GPL-3.0-or-later
// Serves as many MiB as asked, and how much its resident memory grew at most meanwhile. Prints its address.
//   node volume-sender.ts [libp2p]
import type { Logger } from "../../../../../offchain/core/ports/logger.ts";
import { HttpTransport } from "../../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../../offchain/adapters/net/libp2p-transport.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const transport =
  process.argv[2] === "libp2p" ? new Libp2pTransport({}, { logger }) : new HttpTransport({}, { logger });
let before = 0;
let peak = 0;
transport.serve("/test/volume/1", async function* (_from, request) {
  before = process.memoryUsage.rss();
  const chunks = ((request[0] ?? 0) * 256 + (request[1] ?? 0)) * 16;
  for (let i = 0; i < chunks; i++) {
    yield new Uint8Array(65_536).fill(i);
    peak = Math.max(peak, process.memoryUsage.rss());
  }
});
transport.serve("/test/growth/1", async function* () {
  yield new TextEncoder().encode(String(peak - before));
});
process.stdout.write(`${(await transport.start())[0]?.url}\n`);
