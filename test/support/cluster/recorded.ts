// SPDX-License-Identifier: GPL-3.0-or-later
// Whatever a worker writes or tells, kept where a test can search it for what nobody may read.
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import type { BlobStore } from "../../../offchain/core/ports/blob-store.ts";
import type { Journal } from "../../../offchain/core/ports/journal.ts";
import type { Logger } from "../../../offchain/core/ports/logger.ts";
import type { Cluster } from "./cluster.ts";
import { testClock } from "./cluster.ts";
import { memoryStore } from "./memory-blobs.ts";

/** Errors with their causes, bytes as characters: whatever could be read by somebody. */
export const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === "bigint") return String(v);
    if (v instanceof Error) return `${v.message} ${String(v.cause)}`;
    return v instanceof Uint8Array ? Buffer.from(v).toString("latin1") : v;
  }) ?? "";

export function recordedJournal(written: Buffer[]): Journal {
  const journal = new MemoryJournal({ clock: testClock });
  return new Proxy(journal, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        written.push(Buffer.from(textOf(args)));
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

export function recordedStore(written: Buffer[]): BlobStore {
  const store = memoryStore(testClock);
  const put: BlobStore["put"] = async (bytes, options) => {
    written.push(Buffer.from(bytes));
    return store.put(bytes, options);
  };
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      return name === "put" ? put : typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export function recordingLogger(lines: string[]): Logger {
  const keep = (evt: string, fields?: unknown): void => void lines.push(`${evt} ${textOf(fields)}`);
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
  return logger;
}

/** All calldata, logs and topics of a chain, as bytes and as text. */
export async function chainBytes({ client }: Cluster): Promise<readonly Buffer[]> {
  const blocks = Number(await client.public.getBlockNumber());
  const all: string[] = [];
  for (let number = 0; number <= blocks; number += 1) {
    const block = await client.public.getBlock({ blockNumber: BigInt(number), includeTransactions: true });
    all.push(...block.transactions.map(({ input }) => input));
  }
  const events = await client.public.getLogs({ fromBlock: 0n });
  all.push(...events.map(({ data, topics }) => `${data}${topics.join("")}`));
  return [Buffer.from(all.join("").replaceAll("0x", ""), "hex"), Buffer.from(all.join())];
}
