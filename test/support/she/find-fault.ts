// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../offchain/core/bytes.ts";
import type { DisputedStep } from "../../../offchain/core/she/judge-step.ts";
import { LEVELS_A_MOVE, type StageTrace } from "../../../offchain/engines/she/trace/trace.ts";
import type { TracedStage } from "./traced-run.ts";

/** First place where two lists differ. */
function firstDifference<T>(mine: ArrayLike<T>, theirs: ArrayLike<T>): number {
  for (let i = 0; i < mine.length; i++) if (mine[i] !== theirs[i]) return i;
  throw new TypeError("nothing differs");
}

export interface FoundFault {
  readonly row: number;
  readonly coordinate: number;
  /** Nodes posted and picks made until there. */
  readonly moves: number;
}

/** What a challenger finds that knows `mine` and is shown `theirs`, node by node: the game without its chain. */
export function findFault(mine: StageTrace, theirs: StageTrace): FoundFault {
  let [index, moves] = [0, 0];
  for (let levels = mine.depth; levels > 0; levels -= Math.min(LEVELS_A_MOVE, levels)) {
    const width = 2 ** Math.min(LEVELS_A_MOVE, levels);
    index = index * width + firstDifference(mine.nodesBelow(levels, index), theirs.nodesBelow(levels, index));
    moves += 2;
  }
  const chunk = firstDifference(mine.chunkHashes(index), theirs.chunkHashes(index));
  const words = (trace: StageTrace) => new Uint32Array(trace.chunk(index, chunk).slice().buffer);
  return { row: index, coordinate: chunk * 256 + firstDifference(words(mine), words(theirs)), moves: moves + 4 };
}

/** The question that a game about `trace` ends with. */
export function questionAt(
  { facts, inDigest, keySetRoot }: TracedStage,
  trace: StageTrace,
  row: number,
  coordinate: number,
): DisputedStep {
  const node: Hex = trace.chunkHashes(row)[Math.floor(coordinate / 256)] ?? "0x";
  const { traceRoot } = trace.commitment(facts);
  return { stage: facts, inDigest, keySetRoot, traceRoot, row, node, coordinate, isRow: false };
}
