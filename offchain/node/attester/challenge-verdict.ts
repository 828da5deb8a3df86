// SPDX-License-Identifier: GPL-3.0-or-later
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import { getTokenBalance } from "../../adapters/chain/actions/get-token-balance.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import {
  CASE_CHALLENGED,
  CASE_DECIDED,
  CASE_OPEN,
  challengeCase,
  closeCase,
  findShown,
  readBond,
  readCase,
  readTerms,
  withdrawFromBoard,
  type BoardCase,
} from "../../adapters/chain/verdict-board.ts";
import type { Hex } from "../../core/bytes.ts";
import type { Judgement } from "../../engines/tee/board.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import { NodeError } from "../errors.ts";
import { caseDigest, judgeShown } from "./judge-shown.ts";
import { fundBoard } from "./register-by-board.ts";

export interface ChallengeParameters {
  /** Writes as whoever challenges, and pays the bond from its tokens. */
  readonly chain: Chain;
  readonly board: Hex;
  readonly roots: TrustRoots;
  readonly caseId: bigint;
}

export interface Challenged {
  /** The verdict that is doubted, and what this verifier says instead. */
  readonly verdict: Hex;
  readonly own: Judgement;
  /** Wei. */
  readonly bond: bigint;
  /** Until when the eleven vote, Unix seconds. */
  readonly deadline: number;
  readonly hash: Hex;
}

/** Blocks from a case's opening to the one that draws its first seats. */
const DRAW_DELAY = 2n;

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(".000", "");

function requireSender({ sender }: Chain): Hex {
  if (sender === null) throw new ChainError("READ_ONLY", { purpose: "challenge" });
  return sender.address;
}

/** Errors: VERDICT_PENDING, VERDICT_FINAL. */
function requireOpen({ state, deadline }: BoardCase, caseId: bigint, now: bigint): void {
  const isOver = now > BigInt(deadline);
  if (state === CASE_OPEN && !isOver) throw new NodeError("VERDICT_PENDING", { case: caseId, until: timeOf(deadline) });
  if (state === CASE_CHALLENGED) throw new NodeError("VERDICT_PENDING", { case: caseId, until: timeOf(deadline) });
  if (state !== CASE_DECIDED || isOver) throw new NodeError("VERDICT_FINAL", { case: caseId });
}

/**
 * Doubts a verdict: eleven others verify the same bytes. They are verified here first, from the chain's own copy, and nothing is paid to
 * doubt what is true, nor if a reorganisation puts another case or verdict under the number meanwhile. Errors: VERDICT_PENDING while it is voted on, VERDICT_FINAL once nobody can challenge, VERDICT_HOLDS if this
 * verifier agrees, TOKENS_MISSING; NO_CONTRACT where the endpoint does not show the bytes; READ_ONLY, REVERTED, RPC_UNAVAILABLE,
 * TRANSACTION_*.
 */
export async function challengeVerdict({ chain, board, roots, caseId }: ChallengeParameters): Promise<Challenged> {
  const account = requireSender(chain);
  const [known, { timestamp }] = await Promise.all([readCase(chain, board, caseId), getHead(chain)]);
  requireOpen(known, caseId, timestamp);
  // Nobody challenged yet, so the seed's block is still the first draw's.
  const opened = BigInt(known.seedBlock) - DRAW_DELAY;
  const shown = await findShown(chain, board, caseId, { fromBlock: opened, toBlock: opened });
  const place = { chainId: BigInt(chain.chainId), board, caseId };
  const own = judgeShown(place, known, shown, roots);
  if (own.word === known.word) throw new NodeError("VERDICT_HOLDS", { case: caseId });
  const [bond, { balance }, tokens] = await Promise.all([
    readBond(chain, board),
    readTerms(chain, board, account),
    getTokenBalance(chain, { account }),
  ]);
  if (balance + tokens < bond) throw new NodeError("TOKENS_MISSING", { account, have: balance + tokens, need: bond });
  await fundBoard(chain, board, account, bond);
  const doubted = { caseId, about: caseDigest(place, known), word: known.word };
  const { transactionHash: hash } = await challengeCase(chain, board, doubted);
  const { deadline } = await readCase(chain, board, caseId);
  return { verdict: known.word, own, bond, deadline, hash };
}

export interface Collected {
  /** What stands now; 0 if nothing does. */
  readonly word: Hex;
  /** Paid out, wei. */
  readonly amount: bigint;
}

/**
 * Takes back what a challenge left on the account's balance there, ending a case whose jury hung. Errors: VERDICT_PENDING while the eleven
 * vote; READ_ONLY, REVERTED, RPC_UNAVAILABLE, TRANSACTION_*.
 */
export async function collectChallenge({
  chain,
  board,
  caseId,
}: Omit<ChallengeParameters, "roots">): Promise<Collected> {
  const account = requireSender(chain);
  const [known, { timestamp }] = await Promise.all([readCase(chain, board, caseId), getHead(chain)]);
  if (known.state === CASE_CHALLENGED) {
    const { deadline } = known;
    if (timestamp <= BigInt(deadline))
      throw new NodeError("VERDICT_PENDING", { case: caseId, until: timeOf(deadline) });
    await closeCase(chain, board, caseId);
  }
  const [{ word }, { balance }] = await Promise.all([readCase(chain, board, caseId), readTerms(chain, board, account)]);
  if (balance > 0n) await withdrawFromBoard(chain, board, balance, account);
  return { word, amount: balance };
}
