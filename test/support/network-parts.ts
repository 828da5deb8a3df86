// SPDX-License-Identifier: GPL-3.0-or-later
import { KIND_PUBLIC, PLACE_CLIENT, PRODUCER_INPUT, type ModelManifest } from "../../offchain/core/types.ts";
import { Prng } from "./prng.ts";
import { sampleManifest } from "./sample-receipt.ts";

/** Manifests that a registry takes, with client stages anywhere and random producers. */
export function partCases(count: number): ModelManifest[] {
  const rng = new Prng(11);
  return Array.from({ length: count }, (_, i) => {
    const base = sampleManifest(rng.int(1, 8));
    const most = base.stages.length - 1;
    // Half as jobs can ask for, the others with client stages anywhere.
    const [before, after] = [rng.int(0, most), rng.int(0, most)];
    const anywhere = rng.chance(0.3);
    const isClient = (at: number): boolean => (anywhere ? rng.chance(0.4) : at < before || most - at < after);
    const stages = base.stages.map((stage, at) => {
      const pool = [...Array.from({ length: at }, (_unused, p) => p).slice(-3), PRODUCER_INPUT];
      const joins = at > 1 && rng.chance(0.4);
      const producers = joins
        ? pool.filter((producer) => producer === at - 1 || rng.chance(producer === PRODUCER_INPUT ? 0.3 : 0.6))
        : stage.producers;
      const place = isClient(at) ? PLACE_CLIENT : stage.place;
      return { ...stage, inKind: KIND_PUBLIC, outKind: KIND_PUBLIC, place, producers };
    });
    const onNetwork = stages.some(({ place }) => place !== PLACE_CLIENT);
    // One stage at least is the network's.
    const fixed = onNetwork ? stages : stages.map((stage) => ({ ...stage, place: 0 }));
    return { ...base, name: `part ${i}`, stages: fixed };
  });
}
