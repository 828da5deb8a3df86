// SPDX-License-Identifier: MIT
import { fromHex, toHex, type Hex } from "./bytes.ts";
import { errorText } from "./check.ts";
import { isAssayError } from "./errors.ts";
import type { RefereedTally } from "./receipt.ts";
import { checkCommitment, cipherStageHash, type CipherStage } from "./she/cipher-stage.ts";
import { CHUNK_RESIDUES, cipherLeaf, climbPath, treeDepth } from "./she/digest.ts";
import { portableHashes } from "./she/hashes.ts";
import { judgeStep } from "./she/judge-step.ts";
import { sheProfile } from "./she/profiles.ts";
import { KIND_CIPHER, type StageInfo, type Tally } from "./types.ts";

/** What a refereed stage is bound to. */
export interface RefereedScope {
  readonly info: StageInfo;
  /** What the stage takes by the record. */
  readonly inDigest: Hex;
  /** The job's `inputRef`. */
  readonly keySetRoot: Hex;
}

type Defence = RefereedTally["defences"][number];
type Game = RefereedTally["games"][number];
type Step = Game["steps"][number];

/** The residue is in the defender's trace, and the stage's operation makes it. Error: STEP_REFUSED. */
function stepFailure(stage: CipherStage, scope: RefereedScope, { traceRoot }: Defence, step: Step): string | undefined {
  const { degree } = stage.profile;
  const { row, coordinate, isRow } = step;
  if (row >= 2 ** stage.depth || coordinate >= degree) return "it is about no residue of the trace";
  const below = isRow ? 0 : treeDepth(degree / CHUNK_RESIDUES);
  const chunk = fromHex(step.chunk);
  const leaf = isRow ? new Uint8Array(32) : cipherLeaf(chunk, portableHashes);
  const index = row * 2 ** below + (isRow ? 0 : Math.floor(coordinate / CHUNK_RESIDUES));
  const path = step.path.map((word) => fromHex(word, 32));
  if (path.length !== stage.depth + below || toHex(climbPath(leaf, index, path, portableHashes)) !== traceRoot)
    return "its residue is not in the defender's trace";
  const operands = step.operands.map((one) => ({ chunk: fromHex(one.chunk), path: one.path }));
  const question = { stage, ...scope, traceRoot, row, coordinate, isRow, node: toHex(leaf) };
  judgeStep(question, { record: fromHex(step.record), recordPath: step.recordPath, chunk, operands }, portableHashes);
  return undefined;
}

function gameFailure(game: Game, ruling: RefereedTally, stage: CipherStage, scope: RefereedScope): string | undefined {
  const { defence: at, challenger, isDefended, isLate, steps } = game;
  const defence = ruling.defences[at];
  if (defence === undefined) return "it is against no defence";
  if (challenger === defence.party) return "a party plays against itself";
  // Who cannot show its step can only be late: nobody else ends a defender's game.
  if (!isDefended)
    return defence.isDefeated && isLate && steps.length === 0 ? undefined : "its defender lost otherwise";
  const [step] = steps;
  if ((step === undefined) !== isLate) return isLate ? "a step that nobody waited for" : "its step is missing";
  return step && stepFailure(stage, scope, defence, step);
}

function tallyFailure({ champion, defences }: RefereedTally, tally: Tally): string | undefined {
  if (tally.seats.length > 0 || tally.bond !== 0n) return "a court has neither seats nor a bond";
  if (BigInt(champion) === 0n || tally.challenger !== champion)
    return `the champion is ${champion}, not ${tally.challenger}`;
  const standing = defences.filter(({ isDefeated }) => !isDefeated);
  const [digest, ...more] = new Set(standing.map(({ outDigest }) => outDigest));
  if (digest === undefined || more.length > 0) return `${more.length + (digest ? 1 : 0)} digests stand instead of one`;
  if (tally.said.join() !== digest) return "another digest stands than the record says";
  if (BigInt(digest) <= 2n) return "the digest is reserved";
  return standing.some(({ party }) => party === champion) ? undefined : "the champion does not stand for it";
}

/**
 * What is wrong with a referee's ruling, re-done as far as a receipt can: facts, commitments and shown steps. That the picks were the
 * challengers' and that somebody was late, the chain alone saw. Never throws on hostile content.
 */
export function refereedFailure(ruling: RefereedTally, tally: Tally, scope: RefereedScope): string | undefined {
  try {
    const { info } = scope;
    if (info.inKind !== KIND_CIPHER || info.outKind !== KIND_CIPHER) return "the stage is not over ciphertexts";
    const { profile, ...facts } = ruling.facts;
    const stage: CipherStage = { ...facts, profile: sheProfile(profile) };
    if (cipherStageHash(stage) !== info.kernel) return "its facts are another stage's";
    const wrong = tallyFailure(ruling, tally);
    if (wrong !== undefined) return wrong;
    const { defences, games } = ruling;
    if (new Set(defences.map(({ party }) => party)).size !== defences.length) return "a party stands twice";
    for (const defence of defences) checkCommitment(stage, defence, portableHashes);
    for (const [i, game] of games.entries()) {
      const failure = gameFailure(game, ruling, stage, scope);
      if (failure !== undefined) return `game ${i}: ${failure}`;
    }
    const unfallen = defences.findIndex(
      ({ isDefeated }, i) => isDefeated !== games.some((game) => game.defence === i && !game.isDefended),
    );
    return unfallen < 0 ? undefined : `defence ${unfallen} fell in no game, or stands after one that it lost`;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return errorText(error);
  }
}

/** Of a receipt's rulings, in words. */
export function rulingsText(rulings: readonly RefereedTally[]): string {
  const games = rulings.flatMap((ruling) => ruling.games);
  const shown = games.filter(({ steps }) => steps.length > 0).length;
  return `${games.length} games: ${shown} ended by a step that holds, ${games.length - shown} by lateness, which the chain saw`;
}
