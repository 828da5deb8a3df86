// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import {
  CASE_CHALLENGED,
  CASE_OPEN,
  countCases,
  findShown,
  postVerdict,
  readCase,
  readSaid,
  readSeats,
  type BoardCase,
} from "../../adapters/chain/verdict-board.ts";
import { fromHex, type Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";
import { caseHash, judgeCase, type Judgement } from "../../engines/tee/board.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";

export interface AttestParameters {
  /** Writes as the attester: its worker's signer. */
  readonly chain: Chain;
  readonly board: Hex;
  readonly roots: TrustRoots;
  /** First block of the board's life. */
  readonly fromBlock: bigint;
}

export interface Attested extends Judgement {
  readonly caseId: bigint;
  readonly round: number;
  readonly hash: Hex;
}

/** A verdict can be challenged for a week, and its jury votes for at most a day: older cases are over. */
const REACH_SECONDS = 9 * 86_400;

/** The seats of a vote, or none while its block does not exist yet or its time is over. */
async function seatsOf(chain: Chain, board: Hex, caseId: bigint, round: number): Promise<readonly Hex[]> {
  try {
    return await readSeats(chain, board, caseId, round);
  } catch (error) {
    if (isAssayError(error) && error.code === "REVERTED") return [];
    throw error;
  }
}

/**
 * What this verifier says of a case, from the bytes that the board showed, which must be those that it keeps the hash of. Errors:
 * NO_CONTRACT, RPC_UNAVAILABLE, RPC_REJECTED.
 */
export async function judgeShown(
  { chain, board, roots, fromBlock }: AttestParameters,
  caseId: bigint,
  known: BoardCase,
): Promise<Judgement> {
  const shown = await findShown(chain, board, caseId, fromBlock);
  const { vendor } = known;
  const [evidence, endorsements] = [fromHex(shown.evidence), fromHex(shown.endorsements)];
  // A node that shows other bytes would have an honest attester lose its stake.
  if (caseHash(vendor, evidence, endorsements) !== known.evidenceHash)
    throw new ChainError("NO_CONTRACT", { name: `evidence of case ${caseId}`, address: board, chain: chain.chainId });
  const place = { chainId: BigInt(chain.chainId), board, caseId };
  return judgeCase({ ...place, vendor, evidence, endorsements, openedAt: BigInt(known.openedAt) }, roots);
}

/**
 * An attester's duty, once: verifies every case in whose vote under way this account sits, and posts. It says what its own verifier
 * says, never what others posted. Errors: READ_ONLY, REVERTED, RPC_UNAVAILABLE, NO_CONTRACT, TRANSACTION_*.
 */
export async function attestCases(parameters: AttestParameters): Promise<readonly Attested[]> {
  const { chain, board } = parameters;
  if (chain.sender === null) throw new ChainError("READ_ONLY", { purpose: "post" });
  const account = chain.sender.address;
  const { timestamp } = await getHead(chain);
  const done: Attested[] = [];
  for (let caseId = await countCases(chain, board); caseId > 0n; caseId -= 1n) {
    const known = await readCase(chain, board, caseId);
    if (BigInt(known.openedAt + REACH_SECONDS) < timestamp) break;
    const votes = known.state === CASE_OPEN || known.state === CASE_CHALLENGED;
    if (!votes || BigInt(known.deadline) < timestamp) continue;
    const seats = await seatsOf(chain, board, caseId, known.round);
    if (!seats.some((seat) => seat.toLowerCase() === account.toLowerCase())) continue;
    if ((await readSaid(chain, board, caseId, known.round, account)) !== ZERO_BYTES32) continue;
    const judgement = await judgeShown(parameters, caseId, known);
    const receipt = await postVerdict(chain, board, caseId, judgement.word);
    done.push({ ...judgement, caseId, round: known.round, hash: receipt.transactionHash });
  }
  return done;
}
