// SPDX-License-Identifier: GPL-3.0-or-later
// A worker's listener under attack: says its address, then at each line on stdin how much its memory has grown since it listened.
//   node flooded-server.ts http|libp2p LIMITS
import { createInterface } from "node:readline";
import { ed25519 } from "@noble/curves/ed25519.js";
import { toHex } from "../../../../../offchain/core/bytes.ts";
import type { Logger } from "../../../../../offchain/core/ports/logger.ts";
import { HttpTransport } from "../../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../../offchain/adapters/net/libp2p-transport.ts";
import type { NetLimits } from "../../../../../offchain/adapters/net/limits.ts";

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const [, , kind, given = "{}"] = process.argv;
const key = new Uint8Array(32).fill(1);
const identity = {
  id: toHex(ed25519.getPublicKey(key)),
  sign: (message: Uint8Array) => ed25519.sign(message, key),
};
const limits = JSON.parse(given) as Partial<NetLimits>;
const transport =
  kind === "libp2p"
    ? new Libp2pTransport({ limits }, { logger, identity })
    : new HttpTransport({ limits }, { logger, identity });
transport.serve("/test/echo/1", async function* (_from, request) {
  yield request;
});
const [address] = await transport.start();
const before = process.memoryUsage.rss();
let peak = before;
const look = () => (peak = Math.max(peak, process.memoryUsage.rss()));
setInterval(look, 5).unref();
process.stdout.write(`${address?.url ?? ""}\n`);
for await (const _ of createInterface(process.stdin)) {
  look();
  process.stdout.write(`${peak - before}\n`);
}
