// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "../../../core/bytes.ts";
import { CHUNK_RESIDUES, wordPath, wordTree } from "../../../core/she/digest.ts";
import { SheError } from "../../../core/she/errors.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import type { StepProof } from "../../../core/she/judge-step.ts";
import { LEVELS_A_MOVE, type StageTrace } from "./trace.ts";

/** A game's state, as `CipherReferee.gameOf` tells it. */
export interface GameView {
  readonly phase: "tree" | "row" | "chunk" | "step";
  /** Levels of the trace still to descend. */
  readonly levels: number;
  /** The path so far, then the row. */
  readonly row: number;
  /** The chunk's first coordinate, then the residue's. */
  readonly coordinate: number;
}

export type DefenderMove =
  | { readonly kind: "post"; readonly nodes: readonly Hex[] }
  | { readonly kind: "postChunk"; readonly chunk: Uint8Array }
  | { readonly kind: "proveStep"; readonly proof: StepProof };

export type ChallengerMove =
  | { readonly kind: "pick"; readonly index: number; readonly node: Hex; readonly path: readonly Hex[] }
  | { readonly kind: "pickResidue"; readonly index: number };

/** What whoever stands for a trace does next. Error: STEP_REFUSED if the game is about a row that this trace does not have. */
export function defenderMove(trace: StageTrace, { phase, levels, row, coordinate }: GameView): DefenderMove {
  if (phase === "tree") return { kind: "post", nodes: trace.nodesBelow(levels, row) };
  // Where there is no row, that is shown at once: there are no chunks to descend to.
  if (phase === "row" && trace.hasRow(row)) return { kind: "post", nodes: trace.chunkHashes(row) };
  if (phase === "chunk") return { kind: "postChunk", chunk: trace.chunk(row, coordinate / CHUNK_RESIDUES) };
  return { kind: "proveStep", proof: trace.proofOf(row, coordinate) };
}

const refuse = (reason: string) => new SheError("STEP_REFUSED", { reason });

function firstDifference<T>(mine: ArrayLike<T>, theirs: ArrayLike<T>, isRow = true): number {
  // Whatever is shown of a row that there is not is wrong.
  if (!isRow) return 0;
  for (let i = 0; i < mine.length; i++) if (mine[i] !== theirs[i]) return i;
  throw refuse("what was posted is what this trace has: there is nothing to contest");
}

/**
 * What whoever contests a trace does next: the first of the posted that differs from its own, so that all rows before it are agreed.
 * `posted`: nodes, or the chunk in phase "chunk"; the referee has checked that they are what was picked before. Error: STEP_REFUSED
 * if nothing differs.
 */
export function challengerMove(
  trace: StageTrace,
  { phase, levels, row, coordinate }: GameView,
  posted: readonly Hex[] | Uint8Array,
  hashes: SheHashes,
): ChallengerMove {
  if (posted instanceof Uint8Array) {
    if (phase !== "chunk" || posted.length !== 4 * CHUNK_RESIDUES) throw refuse("no chunk was to be posted");
    const words = (bytes: Uint8Array) => new Uint32Array(bytes.slice().buffer);
    return {
      kind: "pickResidue",
      index: firstDifference(words(trace.chunk(row, coordinate / CHUNK_RESIDUES)), words(posted), trace.hasRow(row)),
    };
  }
  const own = phase === "tree" ? trace.nodesBelow(levels, row) : trace.chunkHashes(row);
  if (posted.length !== own.length) throw refuse(`${posted.length} nodes instead of ${own.length}`);
  const index = firstDifference(own, posted, phase === "tree" || trace.hasRow(row));
  const tree = wordTree(
    posted.map((word) => fromHex(word, 32)),
    hashes,
  );
  return { kind: "pick", index, node: posted[index] ?? "0x", path: wordPath(tree, index).map(toHex) };
}

/** The game's state behind a pick. */
export function afterPick(game: GameView, move: ChallengerMove): GameView {
  if (move.kind === "pickResidue") return { ...game, phase: "step", coordinate: game.coordinate + move.index };
  if (game.phase === "row") return { ...game, phase: "chunk", coordinate: move.index * CHUNK_RESIDUES };
  const step = Math.min(LEVELS_A_MOVE, game.levels);
  const levels = game.levels - step;
  return { ...game, phase: levels === 0 ? "row" : "tree", levels, row: game.row * 2 ** step + move.index };
}
