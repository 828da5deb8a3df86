// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { toWord, type Word } from "../../offchain/core/tagged-hash.ts";

/** Reads the flat number lists that scripts/generate/protocol-vectors.ts writes; see `layout` in each file. */
export class NumberVectors {
  readonly cases: number;
  readonly #data: readonly string[];
  #at = 0;

  constructor(name: string) {
    const file: unknown = JSON.parse(readFileSync(`test/fixtures/vectors/${name}.json`, "utf8"));
    const { cases, data } = file as { cases: string; data: string[] };
    this.cases = Number(cases);
    this.#data = data;
  }

  big(): bigint {
    return BigInt(this.#data[this.#at++] ?? "end");
  }

  number(): number {
    return Number(this.big());
  }

  flag(): boolean {
    return this.big() === 1n;
  }

  word(): Word {
    return toWord(this.big());
  }

  numbers(n: number): number[] {
    return Array.from({ length: n }, () => this.number());
  }

  bigs(n: number): bigint[] {
    return Array.from({ length: n }, () => this.big());
  }

  words(n: number): Word[] {
    return Array.from({ length: n }, () => this.word());
  }

  get isDone(): boolean {
    return this.#at === this.#data.length;
  }
}
