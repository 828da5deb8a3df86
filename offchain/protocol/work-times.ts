// SPDX-License-Identifier: GPL-3.0-or-later
import { ADVERT_WORK, type AdvertEntry, type AdvertWork } from "../core/advert.ts";
import type { Hex } from "./ports.ts";

/** The newest times count: a machine's load changes. */
const KEPT = 64;
const MAX_US = 2 ** 32 - 1;

/** How long this worker's own stages and proofs took: what it may advertise. */
export class WorkTimes {
  readonly #times = new Map<Hex, Map<string, number[]>>();

  record(modelId: Hex, stage: number, work: AdvertWork, ms: number): void {
    const ofModel = this.#times.get(modelId) ?? new Map<string, number[]>();
    this.#times.set(modelId, ofModel);
    const key = `${stage}/${work}`;
    const times = ofModel.get(key) ?? [];
    ofModel.set(key, [...times, Math.min(MAX_US, Math.max(0, Math.round(ms * 1_000)))].slice(-KEPT));
  }

  has(modelId: Hex): boolean {
    return this.#times.has(modelId);
  }

  /** In an advert's order. */
  entries(modelId: Hex): readonly AdvertEntry[] {
    return [...(this.#times.get(modelId) ?? [])]
      .map(([key, times]) => {
        const [stage = "", work = ""] = key.split("/");
        const sorted = times.toSorted((a, b) => a - b);
        const at = (share: number): number =>
          sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
        return {
          stage: Number(stage),
          work: work as AdvertWork,
          samples: sorted.length,
          p50Us: at(0.5),
          p99Us: at(0.99),
        };
      })
      .toSorted((a, b) => a.stage - b.stage || ADVERT_WORK.indexOf(a.work) - ADVERT_WORK.indexOf(b.work));
  }
}
