// SPDX-License-Identifier: GPL-3.0-or-later
import type { ValueInfo } from "../../../../core/program/analyse.ts";
import type { DemandBuilder } from "../context.ts";
import type { Demand, PairDemand, PlainRange, SignedElements } from "./choose.ts";
import type { SiteClass } from "./sites.ts";

/** Gathers what layers and boundaries need, equal sites counted together. */
export class Demands implements DemandBuilder, Demand {
  readonly #sites = new Map<string, SiteClass>();
  readonly ranges: PlainRange[] = [];
  readonly signed: SignedElements[] = [];
  readonly #pairs = new Map<string, PairDemand>();
  /** Intervals of inputs: the plan takes one exact range or two sides. */
  readonly intervals: { lo: bigint; hi: bigint; count: number }[] = [];
  readonly challenges: boolean;
  #count = 0;

  constructor(challenges = true) {
    this.challenges = challenges;
  }

  get sites(): readonly SiteClass[] {
    return [...this.#sites.values()];
  }

  get fixedConstraints(): number {
    return this.#count;
  }

  site(site: SiteClass, count: number): void {
    const known = this.#sites.get(site.key);
    if (known === undefined) this.#sites.set(site.key, { ...site, count });
    else known.count += count;
  }

  get pairs(): ReadonlyMap<string, PairDemand> {
    return this.#pairs;
  }

  range(range: PlainRange): void {
    this.ranges.push(range);
  }

  pair(functionKey: string, first: bigint, last: bigint, count: number): void {
    const known = this.#pairs.get(functionKey);
    this.#pairs.set(functionKey, {
      first: known === undefined || first < known.first ? first : known.first,
      last: known === undefined || last > known.last ? last : known.last,
      count: (known?.count ?? 0) + count,
    });
  }

  fixed(count: number): void {
    this.#count += count;
  }

  /** lo <= x <= hi for `count` elements. */
  interval(lo: bigint, hi: bigint, count: number): void {
    if (lo === hi) this.#count += count;
    else this.intervals.push({ lo, hi, count });
  }

  #word(count: number, fixed: number): void {
    this.range({ exact: true, bits: 8, count: 3 * count });
    this.range({ exact: true, bits: 7, count });
    this.#count += fixed * count;
  }

  /** Elements of an input: their range and their bytes. */
  input(dtype: "i8" | "i32", lo: number, hi: number, count: number, key: string, wordCost = 1): void {
    if (dtype === "i32") this.#word(count, wordCost);
    if (dtype === "i32" || lo >= 0) this.interval(BigInt(lo), BigInt(hi), count);
    else this.signed.push({ key, lo, hi, count, proved: false });
  }

  /** Elements of the output, whose range the layers have proved: their bytes. */
  output({ dtype, lo, hi }: ValueInfo, count: number, wordCost: number): void {
    if (dtype !== "i8") this.#word(count, wordCost);
    else if (lo < 0n) this.signed.push({ key: "out", lo: Number(lo), hi: Number(hi), count, proved: true });
  }
}
