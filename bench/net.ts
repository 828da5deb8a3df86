// SPDX-License-Identifier: GPL-3.0-or-later
import { fork } from "node:child_process";
import { once } from "node:events";
import { BlobFetcher } from "../offchain/adapters/net/blob-fetcher.ts";
import { MAX_LIMITS } from "../offchain/adapters/net/limits.ts";
import { systemClock } from "../offchain/adapters/observe/system-clock.ts";
import { nodeCrypto } from "../offchain/adapters/keys/node-crypto.ts";
import { MemoryBlobStore } from "../offchain/adapters/store/memory-blob-store.ts";
import { openSealedBlob, sealContext } from "../offchain/core/seal.ts";
import type { Transport } from "../offchain/core/ports/transport.ts";
import type { BenchSuite } from "../scripts/bench.ts";
import { benchTransport, type BenchKind } from "./net/bench-transport.ts";
import { receiveRaw } from "./net/raw-tls.ts";
import { BENCH_SCOPE } from "./net/scope.ts";
import type { Published, Sender } from "./net/sender.ts";

const MIB = 1 << 20;
const RUNS = 5;
const CALLS = 400;
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** The sender runs in a process of its own; answers to one question at a time. */
async function startSender() {
  const child = fork(new URL("./net/sender.ts", import.meta.url).pathname);
  const [hello] = (await once(child, "message")) as [Sender];
  const ask = async (question: { readonly bytes: number; readonly recipient: string }): Promise<Published> => {
    child.send(question);
    const [answer] = (await once(child, "message")) as [Published];
    return answer;
  };
  return { hello, ask, stop: () => child.disconnect() };
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const before = performance.now();
  const value = await work();
  return { ms: performance.now() - before, value };
}

/** Request to last byte of a small call, milliseconds. */
async function latency(transport: Transport, peer: Sender["addresses"][BenchKind]): Promise<number> {
  const request = new Uint8Array(2_048);
  const samples: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const { ms } = await timed(async () => {
      const options = { signal: new AbortController().signal, deadlineMs: 5_000, maxReplyBytes: 4_096 };
      for await (const chunk of transport.call(peer, "/bench/echo/1", request, options)) void chunk;
    });
    if (i >= CALLS / 4) samples.push(ms);
  }
  return median(samples);
}

export const suite: BenchSuite = {
  name: "net",
  async run(report, progress) {
    const sender = await startSender();
    const privateKey = nodeCrypto.randomBytes(32);
    const recipient = Buffer.from(nodeCrypto.x25519PublicKey(privateKey)).toString("hex");
    const transports = new Map<BenchKind, Transport>();
    for (const kind of ["http", "libp2p"] as const) {
      const transport = benchTransport(kind);
      await transport.start();
      transports.set(kind, transport);
    }
    /** Sealed by the sender, fetched part by part, each part verified, opened here. */
    const whole = async (kind: BenchKind, bytes: number): Promise<number> => {
      const store = new MemoryBlobStore({ quotaBytes: 256 * MIB }, { clock: systemClock });
      const transport = transports.get(kind) as Transport;
      const fetcher = new BlobFetcher({ limits: MAX_LIMITS }, { transport, store, clock: systemClock });
      const { ms } = await timed(async () => {
        const { root, grant, size } = await sender.ask({ bytes, recipient });
        const signal = new AbortController().signal;
        const holders = [{ peer: sender.hello.addresses[kind], grant }];
        const sealed = await fetcher.fetch({ root, bytes: size, holders, signal, maxBytes: 128 * MIB });
        openSealedBlob(nodeCrypto, sealed, { context: sealContext(BENCH_SCOPE), privateKey });
      });
      return ms;
    };
    const raw = async (bytes: number): Promise<number> =>
      (await timed(() => receiveRaw(sender.hello.rawPort, bytes))).ms;
    for (const size of [64 * MIB, 64 << 10]) {
      const name = size >= MIB ? `${size / MIB} MiB` : `${size >> 10} KiB`;
      progress(name);
      const samples = new Map<string, number[]>([
        ["tls", []],
        ["http", []],
        ["libp2p", []],
      ]);
      // Interleaved: a slow moment of the machine hits all.
      for (let run = 0; run <= RUNS; run++) {
        for (const [kind, list] of samples) {
          const ms = kind === "tls" ? await raw(size) : await whole(kind as BenchKind, size);
          if (run > 0) list.push(ms);
        }
      }
      const base = median(samples.get("tls") ?? []);
      const rate = (ms: number) => size / MIB / (ms / 1_000);
      report({ case: name, metric: "raw node:tls", value: rate(base), unit: "MiB/s" });
      for (const kind of ["http", "libp2p"] as const) {
        const ms = median(samples.get(kind) ?? []);
        report({
          case: name,
          metric: `${kind}, sealed end to end`,
          value: rate(ms),
          unit: "MiB/s",
          baseline: "raw node:tls",
          ratio: base / ms,
        });
      }
    }
    for (const [kind, transport] of transports) {
      progress(`${kind} calls`);
      const ms = await latency(transport, sender.hello.addresses[kind]);
      report({ case: "2 KiB call", metric: kind, value: ms, unit: "ms" });
    }
    for (const transport of transports.values()) await transport.stop();
    sender.stop();
  },
};
