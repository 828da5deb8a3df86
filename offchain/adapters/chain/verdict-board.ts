// SPDX-License-Identifier: MIT
import {
  isAddressEqual,
  parseEventLogs,
  zeroAddress,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionReturnType,
  type Hex,
  type Log,
  type TransactionReceipt,
} from "viem";
import { enclaveRegistryAbi } from "./abi/enclave-registry.ts";
import { verdictBoardAbi } from "./abi/verdict-board.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import { writeContract, type Chain } from "./chain.ts";
import { toChainError } from "./decode-revert.ts";
import type { EnclaveContracts } from "./enclave-contracts.ts";
import { ChainError } from "./errors.ts";
import { readContract } from "./read-contract.ts";
import { readShown, type BlockRange } from "./read-shown.ts";

export type BoardCase = ContractFunctionReturnType<typeof verdictBoardAbi, "view", "caseOf">;
type OpenArgs = ContractFunctionArgs<typeof verdictBoardAbi, "nonpayable", "open">;
type ByVerdict = ContractFunctionArgs<typeof enclaveRegistryAbi, "nonpayable", "registerByVerdict">;

/** `state` of a case. */
export const CASE_OPEN = 1;
export const CASE_DECIDED = 2;
export const CASE_CHALLENGED = 3;
export const CASE_RULED = 4;
export const CASE_FAILED = 5;
/** From `leftAt` on a member can still be drawn for votes that began before, seconds. */
export const BOARD_NOTICE = 86_400;

const at = (board: Address) => ({ address: board, abi: verdictBoardAbi }) as const;

/** The board that a registry of enclaves believes. Errors: RPC_UNAVAILABLE, REVERTED. */
export const readBoard = async (chain: Chain, { enclaves }: EnclaveContracts): Promise<Address> =>
  readContract(chain, { address: enclaves, abi: enclaveRegistryAbi, functionName: "BOARD" });

/** Errors: RPC_UNAVAILABLE, REVERTED. */
export const readCase = async (chain: Chain, board: Address, caseId: bigint): Promise<BoardCase> =>
  readContract(chain, { ...at(board), functionName: "caseOf", args: [caseId] });

/** The latest case's number, 0 before the first. Errors: RPC_UNAVAILABLE, REVERTED. */
export const countCases = async (chain: Chain, board: Address): Promise<bigint> =>
  readContract(chain, { ...at(board), functionName: "cases" });

/** Accounts of the vote under way. Errors: REVERTED (SeedMissing, TooLate, AttestersTooFew), RPC_UNAVAILABLE. */
export const readSeats = async (chain: Chain, board: Address, caseId: bigint, round: number): Promise<readonly Address[]> =>
  readContract(chain, { ...at(board), functionName: "seatsOf", args: [caseId, round] }); // prettier-ignore

/** What an account said, 0 nothing. Errors: RPC_UNAVAILABLE, REVERTED. */
export const readSaid = async (chain: Chain, board: Address, caseId: bigint, round: number, account: Address): Promise<Hex> =>
  readContract(chain, { ...at(board), functionName: "saidBy", args: [caseId, round, account] }); // prettier-ignore

/** What a case showed. Errors: RPC_UNAVAILABLE, RPC_REJECTED; NO_CONTRACT if no log tells of it. */
export async function findShown(
  chain: Chain,
  board: Address,
  caseId: bigint,
  range: BlockRange,
): Promise<{ readonly evidence: Hex; readonly endorsements: Hex }> {
  try {
    const found = await readShown(chain.client, board, caseId, range);
    if (found === null)
      throw new ChainError("NO_CONTRACT", { name: `case ${caseId}`, address: board, chain: chain.chainId });
    return found;
  } catch (error) {
    if (error instanceof ChainError) throw error;
    throw toChainError(error, "eth_getLogs", chain.errors);
  }
}

/** A case that something happened to, and the block if it was its opening. */
export interface BoardEvent {
  readonly caseId: bigint;
  readonly openedBlock: bigint | null;
}

/** Which cases logs of the board tell of, in order; other logs are left out. */
export function boardEvents(logs: readonly Log[]): readonly BoardEvent[] {
  return parseEventLogs({ abi: verdictBoardAbi, logs: [...logs] }).flatMap(({ eventName, args, blockNumber }) =>
    "caseId" in args ? [{ caseId: args.caseId, openedBlock: eventName === "CaseOpened" ? blockNumber : null }] : [],
  );
}

/** An attester's place. */
export interface BoardMember {
  readonly slot: number;
  /** Unix seconds, 0 while a member. */
  readonly leftAt: number;
  /** Wei. */
  readonly reserve: bigint;
}

/** An account's place among the attesters, null if it has none. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function readMember(chain: Chain, board: Address, account: Address): Promise<BoardMember | null> {
  try {
    const slot = await readContract(chain, { ...at(board), functionName: "slotOf", args: [account] });
    const { leftAt, reserve } = await readContract(chain, { ...at(board), functionName: "attester", args: [slot] });
    return { slot, leftAt, reserve };
  } catch (error) {
    if (hasCode(error, "REVERTED") && isAssayError(error) && error.meta["name"] === "NotAttester") return null;
    throw error;
  }
}

/** Slots are read so many at a time. */
const SLOTS_AT_ONCE = 16;

/** How many other than `account` are attesters now, counted up to `most`. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function countAttesters(chain: Chain, board: Address, account: Address, most: number): Promise<number> {
  const slots = await readContract(chain, { ...at(board), functionName: "attesters" });
  let found = 0;
  // Slot 0 is nobody's.
  for (let first = 1; first < slots && found < most; first += SLOTS_AT_ONCE) {
    const some = Array.from({ length: Math.min(SLOTS_AT_ONCE, slots - first) }, (_, i) => first + i);
    const members = await Promise.all(
      some.map(async (slot) => readContract(chain, { ...at(board), functionName: "attester", args: [slot] })),
    );
    found += members.filter(
      (one) => one.leftAt === 0 && one.account !== zeroAddress && !isAddressEqual(one.account, account),
    ).length;
  }
  return Math.min(found, most);
}

/** Whose workers may join, and in what they stake. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function readBoardPlace(
  chain: Chain,
  board: Address,
): Promise<{ readonly vault: Address; readonly token: Address }> {
  const [vault, token] = await Promise.all([
    readContract(chain, { ...at(board), functionName: "VAULT" }),
    readContract(chain, { ...at(board), functionName: "TOKEN" }),
  ]);
  return { vault, token };
}

/** What a challenge takes, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export const readBond = async (chain: Chain, board: Address): Promise<bigint> =>
  readContract(chain, { ...at(board), functionName: "bond" });

/** What joining and each verdict stake, what a verdict earns, and the account's balance there, wei. Errors: RPC_UNAVAILABLE, REVERTED. */
export async function readTerms(
  chain: Chain,
  board: Address,
  account: Address,
): Promise<{ readonly stake: bigint; readonly reward: bigint; readonly balance: bigint }> {
  const [stake, reward, balance] = await Promise.all([
    readContract(chain, { ...at(board), functionName: "STAKE" }),
    readContract(chain, { ...at(board), functionName: "REWARD" }),
    readContract(chain, { ...at(board), functionName: "balanceOf", args: [account] }),
  ]);
  return { stake, reward, balance };
}

/** Adds approved tokens to the account's balance there. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const depositToBoard = async (chain: Chain, board: Address, amount: bigint): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "deposit", args: [amount] });

/** Makes the account an attester. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const joinAttesters = async (chain: Chain, board: Address): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "join", args: [] });

/** Asks for a verdict. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*; NO_CONTRACT if the board tells of no case. */
export async function openCase(chain: Chain, board: Address, args: OpenArgs): Promise<bigint> {
  const { logs } = await writeContract(chain, { ...at(board), functionName: "open", args });
  const [found] = parseEventLogs({ abi: verdictBoardAbi, eventName: "CaseOpened", logs });
  if (found === undefined) throw new ChainError("NO_CONTRACT", { name: "VerdictBoard", address: board, chain: chain.chainId }); // prettier-ignore
  return found.args.caseId;
}

/** A word about a case, and which case that is: its number may be another's after a reorganisation. */
export interface CaseWord {
  readonly caseId: bigint;
  /** `digestOf` the case, counted from what was verified. */
  readonly about: Hex;
  readonly word: Hex;
}

/** Says a word in the vote under way. Errors: REVERTED (CaseReplaced), RPC_UNAVAILABLE, TRANSACTION_*. */
export const postVerdict = async (chain: Chain, board: Address, { caseId, about, word }: CaseWord): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "post", args: [caseId, about, word] }); // prettier-ignore

/** Asks eleven others about the verdict `word`. Errors: REVERTED (CaseReplaced, VerdictReplaced), RPC_UNAVAILABLE, TRANSACTION_*. */
export const challengeCase = async (chain: Chain, board: Address, { caseId, about, word }: CaseWord): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "challenge", args: [caseId, about, word] }); // prettier-ignore

/** Ends a case that can go no further. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const closeCase = async (chain: Chain, board: Address, caseId: bigint): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "close", args: [caseId] });

/** Ends the account's membership for draws to come. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const quitAttesters = async (chain: Chain, board: Address): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "quit", args: [] });

/** Gives a former member's reserve back to its balance. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const freeSlot = async (chain: Chain, board: Address, slot: number): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "free", args: [slot] });

/** Pays tokens of the account's balance there out. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const withdrawFromBoard = async (chain: Chain, board: Address, amount: bigint, to: Address): Promise<TransactionReceipt> =>
  writeContract(chain, { ...at(board), functionName: "withdraw", args: [amount, to] }); // prettier-ignore

/** Registers a key by a verdict that stands. Errors: REVERTED, RPC_UNAVAILABLE, TRANSACTION_*. */
export const registerByVerdict = async (
  chain: Chain,
  { enclaves }: EnclaveContracts,
  args: ByVerdict,
): Promise<TransactionReceipt> =>
  writeContract(chain, { address: enclaves, abi: enclaveRegistryAbi, functionName: "registerByVerdict", args });
