// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as wait } from "node:timers/promises";
import type { MemoryTransport } from "./memory-transport.ts";

export interface MemoryNetworkOptions {
  /** Added before each request and each chunk. */
  readonly delayMs?: number;
  /** Share of requests and chunks that vanish, 0..1. */
  readonly loss?: number;
  /** For `loss`; a seeded generator makes a run repeatable. */
  readonly random?: () => number;
}

/** Joins memory transports of one process; can be slow, lossy and partitioned. */
export class MemoryNetwork {
  readonly #members = new Map<string, MemoryTransport>();
  readonly #random: () => number;
  #delayMs: number;
  #loss: number;
  #cut: ReadonlySet<string> = new Set();

  constructor(options: MemoryNetworkOptions = {}) {
    this.#delayMs = options.delayMs ?? 0;
    this.#loss = options.loss ?? 0;
    this.#random = options.random ?? Math.random;
  }

  /** From now on members in `names` reach only each other, and the others only each other. An empty list heals the network. */
  partition(names: readonly string[]): void {
    this.#cut = new Set(names);
  }

  disturb(options: { readonly delayMs?: number; readonly loss?: number }): void {
    this.#delayMs = options.delayMs ?? this.#delayMs;
    this.#loss = options.loss ?? this.#loss;
  }

  join(name: string, member: MemoryTransport): boolean {
    if (this.#members.has(name)) return false;
    this.#members.set(name, member);
    return true;
  }

  leave(name: string, member: MemoryTransport): void {
    if (this.#members.get(name) === member) this.#members.delete(name);
  }

  find(name: string): MemoryTransport | undefined {
    return this.#members.get(name);
  }

  /** Carries one message; never resolves (until aborted) if it is lost or the two are apart. */
  async carry(from: string, to: string, signal: AbortSignal): Promise<void> {
    if (this.#delayMs > 0) await wait(this.#delayMs, undefined, { signal });
    const lost = this.#loss > 0 && this.#random() < this.#loss;
    if (!lost && this.#cut.has(from) === this.#cut.has(to)) return;
    await new Promise<never>((_resolve, reject) => {
      const fail = () => reject(signal.reason as Error);
      if (signal.aborted) fail();
      else signal.addEventListener("abort", fail, { once: true });
    });
  }
}
