// SPDX-License-Identifier: GPL-3.0-or-later
import type { KeyFiles } from "../keys/key-files.ts";
import type { Prover, ProvingKey } from "../prover/prover.ts";

/** Opened keys, least recently used first to go, within a total of `memoryMiB`. For one caller at a time. */
export class WarmKeys {
  readonly #prover: Prover;
  readonly #memoryMiB: number;
  readonly #threads: number;
  /** By path; a Map keeps the order of insertion. */
  readonly #keys = new Map<string, ProvingKey>();

  constructor(prover: Prover, { memoryMiB, threads }: { readonly memoryMiB: number; readonly threads: number }) {
    this.#prover = prover;
    this.#memoryMiB = memoryMiB;
    this.#threads = threads;
  }

  get count(): number {
    return this.#keys.size;
  }

  get residentMiB(): number {
    return [...this.#keys.values()].reduce((sum, key) => sum + key.residentMiB, 0);
  }

  /** Of the largest key. */
  get largestMiB(): number {
    return Math.max(0, ...[...this.#keys.values()].map((key) => key.residentMiB));
  }

  /** Opens the key unless it is warm, and closes others until all fit again; the asked one always stays. */
  async get(files: KeyFiles): Promise<ProvingKey> {
    const warm = this.#keys.get(files.zkey);
    const key = warm ?? (await this.#prover.open(files, { memoryMiB: this.#memoryMiB, threads: this.#threads }));
    this.#keys.delete(files.zkey);
    this.#keys.set(files.zkey, key);
    for (const [path, other] of this.#keys) {
      if (this.residentMiB <= this.#memoryMiB || other === key) break;
      this.#keys.delete(path);
      await other.close();
    }
    return key;
  }

  async close(): Promise<void> {
    const keys = [...this.#keys.values()];
    this.#keys.clear();
    await Promise.all(keys.map((key) => key.close()));
  }
}
