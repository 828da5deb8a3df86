// SPDX-License-Identifier: GPL-3.0-or-later
import { getOwnerOf } from "../../adapters/chain/actions/get-owner-of.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { readEnclaveContracts } from "../../adapters/chain/enclave-contracts.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import { listWorkerIds } from "../../adapters/chain/list-worker-ids.ts";
import {
  closeCase,
  countCases,
  findShown,
  freeSlot,
  postVerdict,
  quitAttesters,
  readBoard,
  readBoardPlace,
  readCase,
  readMember,
  readSaid,
  readSeats,
  readTerms,
  withdrawFromBoard,
  type BoardCase,
  type BoardMember,
  type CaseWord,
} from "../../adapters/chain/verdict-board.ts";
import type { Hex } from "../../core/bytes.ts";
import { hasCode } from "../../core/errors.ts";
import { NodeError } from "../errors.ts";

/** The verdict board as one account sees it. Errors of all: REVERTED, RPC_UNAVAILABLE; of writes TRANSACTION_* too. */
export interface BoardPort {
  readonly chainId: bigint;
  readonly board: Hex;
  readonly account: Hex;
  /** The latest case's number, 0 before the first. */
  count(): Promise<bigint>;
  /** Null where there is no such case: it may be gone with a reorganisation. */
  case(caseId: bigint): Promise<BoardCase | null>;
  /** Whether this account sits in the vote under way; null while its block does not exist, or nobody can be drawn. */
  isSeated(caseId: bigint, round: number): Promise<boolean | null>;
  /** What this account said, 0 nothing. */
  said(caseId: bigint, round: number): Promise<Hex>;
  /** What the case's event shows, by the word of the endpoint. Error: NO_CONTRACT if no log of that block tells of it. */
  shown(caseId: bigint, openedBlock: bigint): Promise<{ readonly evidence: Hex; readonly endorsements: Hex }>;
  /** What each verdict stakes, and the account's balance there, wei. */
  terms(): Promise<{ readonly stake: bigint; readonly balance: bigint }>;
  member(): Promise<BoardMember | null>;
  /** Returns the transaction's hash. Error: REVERTED with CaseReplaced if the number is another case's by now. */
  post(said: CaseWord): Promise<Hex>;
  close(caseId: bigint): Promise<void>;
  quit(): Promise<void>;
  free(slot: number): Promise<void>;
  /** Pays to the worker's owner. */
  withdraw(amount: bigint): Promise<void>;
}

export interface FindBoardOptions {
  /** Of enclaves; the one that the hub's router names if left out. */
  readonly registry?: Hex | undefined;
  /** Block of the deployment. */
  readonly fromBlock: bigint;
  /** Who looks; the chain's sender if left out. */
  readonly account?: Hex;
}

const unlessReverted =
  <T>(instead: T) =>
  (error: unknown): T => {
    if (hasCode(error, "REVERTED")) return instead;
    throw error;
  };
const lower = (address: string): Hex => `0x${address.slice(2).toLowerCase()}`;

/**
 * The board that the deployment's registry of enclaves believes; one of other workers or tokens is no board of this deployment, and
 * nothing is said there. Errors: NO_CONTRACT, READ_ONLY, BOARD_FOREIGN, REVERTED, RPC_UNAVAILABLE.
 */
export async function findBoard(chain: Chain, options: FindBoardOptions): Promise<BoardPort> {
  const { registry, fromBlock } = options;
  const as = options.account ?? chain.sender?.address;
  if (as === undefined) throw new ChainError("READ_ONLY", { purpose: "post" });
  const account = lower(as);
  const board = lower(await readBoard(chain, await readEnclaveContracts(chain, registry)));
  const place = await readBoardPlace(chain, board);
  const { vault, token } = chain.contracts;
  if (lower(place.vault) !== lower(vault) || lower(place.token) !== lower(token))
    throw new NodeError("BOARD_FOREIGN", { board, hub: chain.contracts.hub });
  return {
    chainId: BigInt(chain.chainId),
    board,
    account,
    count: async () => countCases(chain, board),
    case: async (caseId) => readCase(chain, board, caseId).catch(unlessReverted(null)),
    isSeated: async (caseId, round) => {
      const seats = await readSeats(chain, board, caseId, round).catch(unlessReverted(null));
      return seats === null ? null : seats.some((seat) => lower(seat) === account);
    },
    said: async (caseId, round) => readSaid(chain, board, caseId, round, account),
    shown: async (caseId, openedBlock) =>
      findShown(chain, board, caseId, { fromBlock: openedBlock, toBlock: openedBlock }),
    terms: async () => readTerms(chain, board, account),
    member: async () => readMember(chain, board, account),
    post: async (said) => (await postVerdict(chain, board, said)).transactionHash,
    close: async (caseId) => void (await closeCase(chain, board, caseId)),
    quit: async () => void (await quitAttesters(chain, board)),
    free: async (slot) => void (await freeSlot(chain, board, slot)),
    withdraw: async (amount) => {
      const [workerId] = await listWorkerIds(chain, { signer: account, fromBlock });
      if (workerId === undefined) throw new NodeError("NOT_REGISTERED", { chain: chain.chainId, address: account });
      await withdrawFromBoard(chain, board, amount, await getOwnerOf(chain, { workerId }));
    },
  };
}
