// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import type { History } from "./history.ts";
import { measurePerformance, type ModelPerformance, type Performance } from "./performance.ts";
import { measureSelection, type Selection } from "./selection.ts";

/** Beyond so many standard deviations one worker in 370 is by chance. */
const FAR = 3;

export interface FairnessReport {
  readonly version: 1;
  readonly chainId: number;
  readonly hub: Hex;
  readonly fromBlock: number;
  readonly toBlock: number;
  readonly jobs: number;
  readonly selection: readonly Selection[];
  /** Workers whose seats are further from their tickets than chance explains. */
  readonly outliers: readonly number[];
  readonly workers: readonly (Performance & { readonly workerId: number; readonly owner: Hex | null })[];
  readonly operators: readonly (Performance & { readonly owner: Hex; readonly workers: number })[];
  readonly models: readonly (ModelPerformance & { readonly modelId: Hex; readonly name: string })[];
  /** Token base units for a work unit. */
  readonly pay: readonly { readonly owner: Hex; readonly model: string; readonly perWorkUnit: number }[];
  readonly limits: readonly string[];
}

const LIMITS = [
  "Seats of voted jobs only are measured against tickets: provers' and primaries' places are asked for, not drawn.",
  "A worker that is slow, or far away, earns less without anybody treating it unfairly: agreed seats are paid alike.",
  "One operator may hold several owners' accounts; the chain does not know.",
  "Work units are what models say of themselves in their manifests.",
];

/** Who was drawn, paid and slashed how often, from what the chain said. Pure: the same history, the same report. */
export function fairnessReport(
  history: History,
  about: Pick<FairnessReport, "chainId" | "hub" | "fromBlock" | "toBlock">,
): FairnessReport {
  const selection = measureSelection(history);
  const { workers, operators, models, pay } = measurePerformance(history);
  const nameOf = (modelId: Hex) => history.models.get(modelId)?.name ?? modelId;
  const workersOf = (owner: Hex) => [...workers.keys()].filter((id) => history.owners.get(id) === owner).length;
  return {
    version: 1,
    ...about,
    jobs: history.jobs.length,
    selection,
    outliers: selection.filter(({ sigmas }) => Math.abs(sigmas) > FAR).map(({ workerId }) => workerId),
    workers: [...workers]
      .map(([workerId, sum]) => ({ workerId, owner: history.owners.get(workerId) ?? null, ...sum }))
      .toSorted((a, b) => a.workerId - b.workerId),
    operators: [...operators].map(([owner, sum]) => ({ owner, workers: workersOf(owner), ...sum })),
    models: [...models].map(([modelId, sum]) => ({ modelId, name: nameOf(modelId), ...sum })),
    pay: [...pay].flatMap(([owner, byModel]) =>
      [...byModel]
        .filter(([, { workUnits }]) => workUnits > 0)
        .map(([model, { earned, workUnits }]) => ({
          owner,
          model: nameOf(model),
          perWorkUnit: Number(earned) / workUnits,
        })),
    ),
    limits: LIMITS,
  };
}
