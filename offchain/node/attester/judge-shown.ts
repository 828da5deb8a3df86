// SPDX-License-Identifier: GPL-3.0-or-later
import { ChainError } from "../../adapters/chain/errors.ts";
import type { BoardCase } from "../../adapters/chain/verdict-board.ts";
import { encodeAbi } from "../../core/abi.ts";
import { fromHex, toHex, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { caseHash, judgeCase, type Judgement } from "../../engines/tee/board.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";

/** As the board: a larger part was never shown. */
const MOST_BYTES = 16_384;

/** A case's place: words are said of one case on one board of one chain. */
export interface CasePlace {
  readonly chainId: bigint;
  readonly board: Hex;
  readonly caseId: bigint;
}

export interface Shown {
  readonly evidence: Hex;
  readonly endorsements: Hex;
}

/**
 * What this verifier says of a case, from bytes that somebody gave, which must be those that the board keeps the hash of. Error:
 * NO_CONTRACT: a node that shows other bytes would have an honest attester lose its stake.
 */
export function judgeShown(place: CasePlace, known: BoardCase, shown: Shown, roots: TrustRoots): Judgement {
  const { chainId, board, caseId } = place;
  const { vendor, evidenceHash, openedAt } = known;
  const other = () =>
    new ChainError("NO_CONTRACT", { name: `evidence of case ${caseId}`, address: board, chain: Number(chainId) });
  if ([shown.evidence, shown.endorsements].some(({ length }) => length > 2 + 2 * MOST_BYTES)) throw other();
  const [evidence, endorsements] = [fromHex(shown.evidence), fromHex(shown.endorsements)];
  if (caseHash(vendor, evidence, endorsements) !== evidenceHash) throw other();
  return judgeCase({ ...place, vendor, evidence, endorsements, openedAt: BigInt(openedAt) }, roots);
}

/**
 * `VerdictBoard.digestOf`: what a word is said about. After a reorganisation a case's number may be another's, and the same bytes may be shown at another time,
 * at which they verify no more: that is another case, with a word of its own.
 */
export function caseDigest({ chainId, board, caseId }: CasePlace, known: BoardCase): Hex {
  const { vendor, evidenceHash, openedAt, challenge } = known;
  const types = ["string", "uint256", "address", "uint256", "uint8", "bytes32", "uint48", "bytes32"] as const;
  const values = ["assay.v1.attester-case", chainId, board, caseId, vendor, evidenceHash, openedAt, challenge] as const;
  return toHex(keccak256(encodeAbi(types, values)));
}
