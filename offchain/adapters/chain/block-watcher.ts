// SPDX-License-Identifier: MIT
import type { Address, Client, Log } from "viem";
import { getBlock, getLogs } from "viem/actions";
import type { Clock } from "../../core/ports/clock.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { mayHoldLogs } from "./logs-bloom.ts";
import { ChainError } from "./errors.ts";
import { PollPace } from "./poll-pace.ts";

export interface Head {
  readonly number: bigint;
  readonly hash: `0x${string}`;
  readonly parentHash: `0x${string}`;
  /** Unix seconds. */
  readonly timestamp: bigint;
  /** Whether the block may hold logs of the watched addresses. */
  readonly mayConcern: boolean;
}

/** Consecutive blocks, delivered at least once and in order. */
export interface BlockBatch {
  readonly from: bigint;
  readonly to: Head;
  readonly logs: readonly Log[];
}

export interface BlockWatcherOptions {
  readonly chainId: bigint;
  readonly addresses: readonly Address[];
  /** First block that can matter: the deployment's. */
  readonly fromBlock: bigint;
  /** Blocks on top of a block before it is delivered. 0 on the devnet. */
  readonly confirmations: number;
  /** Most blocks in one `eth_getLogs`. */
  readonly maxRange: number;
  readonly pollMs: number;
}

export interface BlockWatcherModules {
  readonly client: Client;
  readonly cursors: Pick<Journal, "cursor" | "setCursor" | "recentCursors" | "rewindTo">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

export interface BlockHandlers {
  /** The newest block, before its logs are delivered: for clocks. */
  onHead(head: Head): void;
  /** Must be idempotent: a crash between delivery and cursor delivers the batch again. */
  onBatch(batch: BlockBatch): Promise<void>;
  /** Blocks above `number` are gone; what they said must be read again. */
  onRewind(number: bigint): Promise<void>;
  onStatus?(status: "up" | "down", error?: unknown): void;
}

const REMEMBERED = 256;

/**
 * Follows the chain from the journal's cursor: back-fill in bounded ranges, then block by block. Block hashes are compared with the
 * cursor's, so a reorganisation is noticed and walked back to the last common block. Never gives up on an endpoint that is down.
 */
export class BlockWatcher {
  readonly #options: BlockWatcherOptions;
  readonly #modules: BlockWatcherModules;
  readonly #handlers: BlockHandlers;
  readonly #pace: PollPace;
  #head: Head | null = null;
  #down = false;

  constructor(options: BlockWatcherOptions, modules: BlockWatcherModules, handlers: BlockHandlers) {
    this.#options = options;
    this.#modules = modules;
    this.#handlers = handlers;
    this.#pace = new PollPace(options.pollMs, modules.clock);
  }

  get head(): Head | null {
    return this.#head;
  }

  /** Up to date: everything up to the confirmed head was delivered in the last round. */
  get isUp(): boolean {
    return !this.#down && this.#head !== null;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#modules;
    let failures = 0;
    while (!signal.aborted) {
      let pause: number;
      try {
        const more = await this.poll();
        pause = this.#pace.pauseMs();
        if (this.#down || failures > 0) {
          this.#down = false;
          logger.info("chain.up");
          this.#handlers.onStatus?.("up");
        }
        failures = 0;
        if (more) continue;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (!this.#down) {
          this.#down = true;
          logger.warn("chain.down", { error });
          this.#handlers.onStatus?.("down", error);
        }
        pause = Math.min(this.#options.pollMs * 2 ** Math.min(failures, 5), 15_000) * (0.5 + random() / 2);
      }
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  /** One round; true if more blocks wait. */
  async poll(): Promise<boolean> {
    const { client, cursors, metrics } = this.#modules;
    const { confirmations, maxRange, chainId, fromBlock } = this.#options;
    const head = await this.#block();
    const isNew = this.#head?.hash !== head.hash;
    this.#head = head;
    if (isNew) {
      this.#pace.observe(head.number);
      metrics?.set("assay_chain_head_number", {}, Number(head.number));
      this.#handlers.onHead(head);
    }
    const cursor = cursors.cursor();
    if (cursor !== null && cursor.chainId === chainId && !(await this.#isCanonical(cursor, head))) {
      await this.#rewind(cursor.number);
      return true;
    }
    const from = cursor === null || cursor.chainId !== chainId ? fromBlock : cursor.number + 1n;
    const target = head.number - BigInt(confirmations);
    if (from > target) return false;
    const last = from + BigInt(maxRange) - 1n < target ? from + BigInt(maxRange) - 1n : target;
    const to = last === head.number ? head : await this.#block(last);
    const isQuiet = from === to.number && !to.mayConcern;
    const logs = isQuiet
      ? []
      : await getLogs(client, { address: [...this.#options.addresses], fromBlock: from, toBlock: to.number });
    // The chain may have changed between the two answers: then the logs belong to another fork and the next round sorts it out.
    if (logs.some((log) => log.blockNumber === to.number && log.blockHash !== to.hash)) return true;
    const ordered = logs.toSorted((a, b) => Number(a.blockNumber - b.blockNumber) || a.logIndex - b.logIndex);
    await this.#handlers.onBatch({ from, to, logs: ordered });
    cursors.setCursor({ chainId, number: to.number, hash: to.hash });
    metrics?.set("assay_chain_processed_number", {}, Number(to.number));
    return to.number < target;
  }

  async #isCanonical(cursor: { number: bigint; hash: string }, head: Head): Promise<boolean> {
    if (cursor.number === head.number) return cursor.hash === head.hash;
    if (cursor.number + 1n === head.number) return cursor.hash === head.parentHash;
    if (cursor.number > head.number) {
      // A shorter chain is either a reorganisation or an endpoint that lags behind: the block below tells them apart.
      const known = this.#modules.cursors.recentCursors(REMEMBERED).find((entry) => entry.number === head.number);
      return known?.hash === head.hash && this.#options.confirmations > 0;
    }
    return (await this.#block(cursor.number)).hash === cursor.hash;
  }

  async #rewind(from: bigint): Promise<void> {
    const { cursors, metrics, logger } = this.#modules;
    metrics?.count("assay_chain_reorgs_total", {});
    const head = this.#head?.number ?? 0n;
    for (const entry of cursors.recentCursors(REMEMBERED)) {
      if (entry.number > head) continue;
      const block = await this.#block(entry.number);
      if (block.hash !== entry.hash) continue;
      logger.warn("chain.reorg", { block: entry.number, count: Number(from - entry.number) });
      await this.#handlers.onRewind(entry.number);
      cursors.rewindTo(entry.number);
      return;
    }
    const start = this.#options.fromBlock - 1n;
    logger.error("chain.reorg", {
      block: start,
      error: new ChainError("REORG_TOO_DEEP", { block: from, depth: REMEMBERED }),
    });
    await this.#handlers.onRewind(start);
    cursors.rewindTo(start);
  }

  async #block(number?: bigint): Promise<Head> {
    const block = await getBlock(this.#modules.client, number === undefined ? {} : { blockNumber: number });
    const { hash, parentHash, timestamp, logsBloom, transactions } = block;
    const mayConcern =
      transactions.length > 0 && this.#options.addresses.some((address) => mayHoldLogs(logsBloom, address));
    return { number: block.number, hash, parentHash, timestamp, mayConcern };
  }
}
