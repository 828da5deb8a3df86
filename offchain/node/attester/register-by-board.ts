// SPDX-License-Identifier: GPL-3.0-or-later
import { approveTokens } from "../../adapters/chain/actions/approve-tokens.ts";
import { getBlockHash } from "../../adapters/chain/actions/get-block-hash.ts";
import { getEnclave } from "../../adapters/chain/actions/get-enclave.ts";
import { getHead } from "../../adapters/chain/actions/get-head.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import {
  countAttesters,
  depositToBoard,
  openCase,
  readBoard,
  readCase,
  readTerms,
  registerByVerdict,
} from "../../adapters/chain/verdict-board.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
import { requireBinding } from "../../engines/tee/bind.ts";
import { boardVendor, encodeEndorsements, factsOf } from "../../engines/tee/board.ts";
import { EvidenceError } from "../../engines/tee/errors.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import type { Endorsements, Evidence, Verdict } from "../../engines/tee/verdict.ts";
import { verifyEvidence } from "../../engines/tee/verify.ts";
import { NodeError } from "../errors.ts";
import type { ShownBinding } from "../enclave/register-enclave.ts";

/** Attesters that a case draws and pays; `VerdictBoard.SEATS`. */
export const BOARD_SEATS = 5;
/** What a challenge draws besides; `VerdictBoard.JURY`. */
export const BOARD_JURY = 11;

/** What a case costs at most, wei: a reward each. */
export const casePrice = (reward: bigint): bigint => BigInt(BOARD_SEATS) * reward;

export interface BoardEvidence {
  /** Writes as the worker. */
  readonly chain: Chain;
  readonly contracts: EnclaveContracts;
  /** An AMD report or a Nitro document, with the runtime that the enclave declares. */
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  readonly roots: TrustRoots;
  readonly binding: ShownBinding;
}

async function verifyBound(parameters: BoardEvidence, now: bigint, challenge: Hex): Promise<Verdict> {
  const { chain, contracts, evidence, endorsements, roots, binding } = parameters;
  if (chain.sender === null) throw new ChainError("READ_ONLY", { purpose: "register" });
  const verdict = verifyEvidence(evidence, endorsements, roots, now);
  requireBinding(verdict, evidence, {
    ...binding,
    chainId: BigInt(chain.chainId),
    registry: contracts.enclaves,
    worker: `0x${chain.sender.address.slice(2).toLowerCase().padStart(64, "0")}`,
    challenge,
  });
  return verdict;
}

/** Bytes behind the signed part are not shown: attesters refuse them. */
const used = ({ bytes }: Evidence, { usedBytes }: Verdict): Uint8Array => bytes.subarray(0, usedBytes);

/** Puts what is missing of `amount` on the account's balance at the board. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export async function fundBoard(chain: Chain, board: Hex, account: Hex, amount: bigint): Promise<void> {
  const { balance } = await readTerms(chain, board, account);
  if (balance >= amount) return;
  await approveTokens(chain, { spender: board, amount: amount - balance });
  await depositToBoard(chain, board, amount - balance);
}

/**
 * Shows an AMD or AWS enclave's evidence to the board and asks for a verdict; pays its five rewards. It is verified here first. Errors:
 * those of `verifyEvidence`, BINDING; ATTESTERS_FEW before anything is paid; REVERTED, READ_ONLY, RPC_UNAVAILABLE, TRANSACTION_*.
 */
export async function openBoardCase(
  parameters: BoardEvidence,
): Promise<{ readonly caseId: bigint; readonly board: Hex; readonly verdict: Verdict }> {
  const { chain, contracts, evidence, endorsements, binding } = parameters;
  const { timestamp } = await getHead(chain);
  const challenge = await getBlockHash(chain, { blockNumber: binding.challengeBlock });
  const verdict = await verifyBound(parameters, timestamp, challenge);
  const vendor = boardVendor(evidence.format);
  if (vendor === undefined || chain.sender === null)
    throw new EvidenceError("QUOTE", { detail: `${evidence.format} is verified on chain` });
  const board = await readBoard(chain, contracts);
  const account = chain.sender.address;
  const found = await countAttesters(chain, board, account, BOARD_SEATS);
  if (found < BOARD_SEATS) throw new NodeError("ATTESTERS_FEW", { board, found, needed: BOARD_SEATS });
  const { reward } = await readTerms(chain, board, account);
  await fundBoard(chain, board, account, casePrice(reward));
  const args = [vendor, toHex(used(evidence, verdict)), toHex(encodeEndorsements(endorsements)), binding.challengeBlock] as const; // prettier-ignore
  const caseId = await openCase(chain, board, args);
  return { caseId, board, verdict };
}

/**
 * Registers or renews a key by a verdict that stands. The facts are found again from the evidence, at the case's time. Errors: those
 * of `openBoardCase`; REVERTED with NotStanding while it does not stand.
 */
export async function registerBoardKey(
  parameters: BoardEvidence & { readonly caseId: bigint },
): Promise<{ readonly key: Hex; readonly expiry: number; readonly verdict: Verdict; readonly hash: Hex }> {
  const { chain, contracts, evidence, binding, caseId } = parameters;
  const board = await readBoard(chain, contracts);
  const known = await readCase(chain, board, caseId);
  const verdict = await verifyBound(parameters, BigInt(known.openedAt), known.challenge);
  const worker = chain.sender?.address ?? "0x";
  const facts = factsOf({ ...evidence, bytes: used(evidence, verdict) }, verdict);
  const args = [caseId, facts, { ...binding, worker }, toHex(evidence.runtime)] as const;
  const receipt = await registerByVerdict(chain, contracts, args);
  const { expiry } = await getEnclave(chain, { contracts, key: binding.key });
  return { key: binding.key, expiry, verdict, hash: receipt.transactionHash };
}
