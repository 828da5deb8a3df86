// SPDX-License-Identifier: MIT
import { hasClientStages } from "../network-part.ts";
import { KIND_CIPHER, PLACE_NETWORK, PRODUCER_INPUT, type ModelManifest } from "../types.ts";
import type { Exposure, LeakageFigures } from "./leakage-limits.ts";
import { leakageAfter, type LeakageReport } from "./leakage-report.ts";

/** A SPLIT stage that reads the job's input itself hides nothing of it. */
export const RAW_INPUT_LEAKAGE: LeakageFigures = { recoveryPpm: 1_000_000, dcorPpm: 1_000_000 };

const worse = (a: LeakageFigures, b: LeakageFigures): LeakageFigures => ({
  recoveryPpm: Math.max(a.recoveryPpm, b.recoveryPpm),
  dcorPpm: Math.max(a.dcorPpm, b.dcorPpm),
});

/**
 * What the network's operators see of a model with client stages: every boundary that enters or leaves a network stage, with its
 * figures. Empty where no stage is the client's: there nothing is withheld. `operators`: how many each stage has, for reports count
 * over the whole program.
 */
export function networkExposure(
  { stages }: Pick<ModelManifest, "stages">,
  operators: readonly number[],
  leakage: LeakageReport | null,
): Exposure {
  if (!hasClientStages({ stages })) return [];
  const seen = new Set(
    stages.flatMap(({ place, producers, inKind, outKind }, at) =>
      place === PLACE_NETWORK
        ? // Ciphertexts show nothing.
          [...(inKind === KIND_CIPHER ? [] : producers), ...(outKind === KIND_CIPHER ? [] : [at])]
        : [],
    ),
  );
  const first = stages.findIndex(({ place }) => place === PLACE_NETWORK);
  // Whoever has first stages adds the report's noise to what they give; whoever has none adds none.
  const noise = first > 0 ? (leakage?.noise ?? null) : null;
  const statedOf = (producer: number): LeakageFigures | null => {
    const after = operators.slice(0, producer + 1).reduce((sum, count) => sum + count, -1);
    return leakage === null ? null : leakageAfter(leakage, after, noise);
  };
  const figuresOf = (producer: number): LeakageFigures | null => {
    if (producer === PRODUCER_INPUT) return RAW_INPUT_LEAKAGE;
    const stated = statedOf(producer);
    if (noise === null || stated === null) return stated;
    // Measured with noise of its own, made from the noised one: say no less than of that one.
    const noised = statedOf(first - 1);
    return noised && worse(stated, noised);
  };
  return [...seen].map((producer) => ({
    boundary: producer === PRODUCER_INPUT ? "the raw input" : `the boundary after stage ${producer}`,
    figures: figuresOf(producer),
  }));
}
