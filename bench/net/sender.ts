// SPDX-License-Identifier: GPL-3.0-or-later
// The other process of `bench -- net`: seals bytes on demand and serves them over every transport.
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { BlobServer } from "../../offchain/adapters/net/blob-server.ts";
import { CombinedTransport } from "../../offchain/adapters/net/combined-transport.ts";
import { HttpTransport } from "../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../offchain/adapters/net/libp2p-transport.ts";
import { MAX_LIMITS } from "../../offchain/adapters/net/limits.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryBlobStore } from "../../offchain/adapters/store/memory-blob-store.ts";
import { sealBlob, sealContext } from "../../offchain/core/seal.ts";
import type { Logger } from "../../offchain/core/ports/logger.ts";
import type { PeerAddress } from "../../offchain/core/ports/transport.ts";
import type { BenchKind } from "./bench-transport.ts";
import { serveRaw } from "./raw-tls.ts";
import { BENCH_SCOPE } from "./scope.ts";

export interface Sender {
  readonly addresses: Readonly<Record<BenchKind, PeerAddress>>;
  readonly rawPort: number;
}

export interface Published {
  readonly root: `0x${string}`;
  readonly grant: `0x${string}`;
  /** Of the sealed blob. */
  readonly size: number;
}

const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };
const transport = new CombinedTransport([new HttpTransport({}, { logger }), new Libp2pTransport({}, { logger })]);
transport.serve("/bench/echo/1", async function* (_from, request) {
  yield request;
});
const store = new MemoryBlobStore({ quotaBytes: 1 << 30 }, { clock: systemClock });
const blobs = new BlobServer({ limits: MAX_LIMITS }, { store, clock: systemClock, transport });
const [http, libp2p] = await transport.start();
if (http === undefined || libp2p === undefined) throw new TypeError("no address");
const plains = new Map<number, Uint8Array>();

async function answer({ bytes, recipient }: { readonly bytes: number; readonly recipient: string }): Promise<void> {
  const plain = plains.get(bytes) ?? new Uint8Array(randomBytes(bytes));
  plains.set(bytes, plain);
  await store.sweep(Number.MAX_SAFE_INTEGER); // the run before is over
  const recipients = [new Uint8Array(Buffer.from(recipient, "hex"))];
  const sealed = sealBlob(nodeCrypto, { context: sealContext(BENCH_SCOPE), recipients, plain });
  const { root, grant } = await blobs.publish(sealed, { expiresAtMs: Date.now() + 20_000 });
  process.send?.({ root, grant, size: sealed.length } satisfies Published);
}

process.on("message", (question: Parameters<typeof answer>[0]) => void answer(question));
process.on("disconnect", () => process.exit());
process.send?.({ addresses: { http, libp2p }, rawPort: await serveRaw() } satisfies Sender);
