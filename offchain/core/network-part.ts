// SPDX-License-Identifier: MIT
import { PLACE_CLIENT, PRODUCER_INPUT, type ModelManifest, type StageInfo } from "./types.ts";

/**
 * The stages that jobs are about: the network's, numbered from 0. Client stages stand before and after them, a chain each, so that one
 * boundary comes from the client (the job's input) and one goes back to it (the result). Mirror of ModelRegistry._networkOf.
 */
export interface NetworkPart<S = StageInfo> {
  /** Place in the manifest of the job's stage 0; as many stages before it are the client's. */
  readonly first: number;
  /** One past the last network stage: the client's from here on. */
  readonly end: number;
  /** The job's stage table, producers numbered among themselves. */
  readonly table: readonly S[];
}

type Placed = Pick<StageInfo, "place" | "producers">;

const follows = ({ producers }: Placed, stage: number): boolean =>
  producers.length === 1 && producers[0] === (stage === 0 ? PRODUCER_INPUT : stage - 1);

/** Null where something else of the client's is read than its last boundary, the raw input above all. */
function renumber(producers: readonly number[], first: number): readonly number[] | null {
  if (first === 0) return producers;
  if (producers.some((producer) => producer === PRODUCER_INPUT || producer + 1 < first)) return null;
  const inner = producers.filter((producer) => producer >= first).map((producer) => producer - first);
  // The job's input sorts last.
  return inner.length === producers.length ? inner : [...inner, PRODUCER_INPUT];
}

/** Null where client stages stand elsewhere: no job asks for such a model. */
export function networkPart<S extends Placed>(stages: readonly S[]): NetworkPart<S> | null {
  const isClient = ({ place }: Placed): boolean => place === PLACE_CLIENT;
  const first = stages.findIndex((stage) => !isClient(stage));
  const end = stages.findLastIndex((stage) => !isClient(stage)) + 1;
  if (first < 0) return null;
  const outside = [...stages.entries()].filter(([at]) => at < first || at >= end);
  if (!outside.every(([at, stage]) => follows(stage, at))) return null;
  const table: S[] = [];
  for (const stage of stages.slice(first, end)) {
    const producers = renumber(stage.producers, first);
    if (producers === null || isClient(stage)) return null;
    table.push({ ...stage, producers });
  }
  return { first, end, table };
}

/** The stage table of a model's jobs: what `stagesHash` in the registry is over. */
export const jobTable = ({ stages }: Pick<ModelManifest, "stages">): readonly StageInfo[] =>
  networkPart(stages)?.table ?? stages;

/** Where a job's stage stands in the manifest. */
export const manifestStage = ({ stages }: Pick<ModelManifest, "stages">, stage: number): number =>
  stage + (networkPart(stages)?.first ?? 0);

export const hasClientStages = ({ stages }: Pick<ModelManifest, "stages">): boolean =>
  stages.some(({ place }) => place === PLACE_CLIENT);
