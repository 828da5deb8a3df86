// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { climbPath, cipherLeaf, wordTreeRoot } from "../../../../offchain/core/she/digest.ts";
import { judgeStep } from "../../../../offchain/core/she/judge-step.ts";
import { ROW_OP, type RowOp } from "../../../../offchain/core/she/row-operation.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { lowerStage } from "../../../../offchain/engines/she/trace/lower-stage.ts";
import { afterPick, challengerMove, defenderMove, type GameView } from "../../../../offchain/engines/she/trace/play.ts";
import type { StageTrace } from "../../../../offchain/engines/she/trace/trace.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { smallProfile } from "../../../support/she/small-profile.ts";
import { polyPerceptron } from "../../../support/she/toy-programs.ts";
import { tracedStages, traceOf, type TracedStage } from "../../../support/she/traced-run.ts";

/** The referee's part of a game, as CipherReferee.sol plays it: checks each move, judges the step. Counts moves. */
function play(stage: TracedStage, defender: StageTrace, challenger: StageTrace): { winner: string; moves: number } {
  const { facts, inDigest, keySetRoot } = stage;
  const { traceRoot } = defender.commitment(facts);
  let game: GameView = { phase: "tree", levels: facts.depth, row: 0, coordinate: 0 };
  let node: Hex = traceRoot;
  for (let moves = 1; ; moves += 2) {
    const move = defenderMove(defender, game);
    if (move.kind === "proveStep") {
      const { row, coordinate, phase } = game;
      const step = { stage: facts, inDigest, keySetRoot, traceRoot, row, node, coordinate, isRow: phase === "row" };
      try {
        judgeStep(step, move.proof, nodeHashes);
        return { winner: "defender", moves };
      } catch {
        return { winner: "challenger", moves };
      }
    }
    const posted = move.kind === "post" ? move.nodes : move.chunk;
    const shown =
      move.kind === "post"
        ? wordTreeRoot(
            move.nodes.map((word) => fromHex(word, 32)),
            nodeHashes,
          )
        : cipherLeaf(move.chunk, nodeHashes);
    expect(toHex(shown), "what is posted is what was picked").to.equal(node);
    const pick = challengerMove(challenger, game, posted, nodeHashes);
    if (pick.kind === "pick") {
      const path = pick.path.map((word) => fromHex(word, 32));
      expect(toHex(climbPath(fromHex(pick.node, 32), pick.index, path, nodeHashes))).to.equal(node);
      node = pick.node;
    }
    game = afterPick(game, pick);
  }
}

describe("games about traces", () => {
  const [stage = expect.fail("no stage")] = tracedStages(polyPerceptron([40, 6, 2], new Prng(5)), {
    profile: smallProfile(512, 6),
  });
  const { operations } = lowerStage(stage.compiled.plan, 0);
  const lieAbout = (row: number, coordinate: number) => {
    const prime = stage.facts.profile.primes[operations[row]?.prime ?? 0] ?? 0;
    return traceOf(stage, (at, values) => {
      if (at === row) values[coordinate] = ((values[coordinate] ?? 0) + 1) % prime;
    });
  };

  it("R44: whoever changed one residue loses on both sides of a game, in at most 13 transactions", () => {
    const honest = traceOf(stage);
    const rng = new Prng(77);
    for (const op of Object.keys(ROW_OP) as RowOp[]) {
      if (op === "none") continue;
      const rows = operations.flatMap((operation, row) => (operation.op === op ? [row] : []));
      const lie = lieAbout(rows[rng.int(0, rows.length - 1)] ?? 0, rng.int(0, 511));
      const attack = play(stage, lie, honest);
      expect(attack.winner, op).to.equal("challenger");
      expect(play(stage, honest, lie).winner, op).to.equal("defender");
      // And the defence and the challenge that opened it.
      expect(attack.moves + 2).to.be.at.most(13);
    }
  }).timeout(60_000);

  it("error: STEP_REFUSED: nobody contests what it agrees with, or what is no move", async () => {
    const honest = traceOf(stage);
    const game: GameView = { phase: "tree", levels: stage.facts.depth, row: 0, coordinate: 0 };
    const nodes = honest.nodesBelow(stage.facts.depth, 0);
    await expectCode("STEP_REFUSED", () => challengerMove(honest, game, nodes, nodeHashes));
    await expectCode("STEP_REFUSED", () => challengerMove(honest, game, nodes.slice(1), nodeHashes));
    await expectCode("STEP_REFUSED", () => challengerMove(honest, game, new Uint8Array(1024), nodeHashes));
    const row: GameView = { ...game, phase: "chunk", levels: 0 };
    await expectCode("STEP_REFUSED", () => challengerMove(honest, row, new Uint8Array(1020), nodeHashes));
  });

  it("behavior: where there is no row the defender shows that, and whatever else is shown is contested", () => {
    const honest = traceOf(stage);
    const none = operations.findIndex(({ op }) => op === "none");
    const game: GameView = { phase: "row", levels: 0, row: none, coordinate: 0 };
    expect(defenderMove(honest, game).kind).to.equal("proveStep");
    // Zeros are not nothing: a liar may have put a row of them there.
    const zeros = honest.chunkHashes(none);
    expect(challengerMove(honest, game, zeros, nodeHashes)).to.include({ kind: "pick", index: 0 });
    const chunk = challengerMove(honest, { ...game, phase: "chunk" }, new Uint8Array(1024), nodeHashes);
    expect(chunk).to.deep.equal({ kind: "pickResidue", index: 0 });
  });
});
