// SPDX-License-Identifier: MIT
import { getAbiItem, parseEventLogs, type Address, type Client, type Hex } from "viem";
import { getLogs } from "viem/actions";
import type { EnclavedTally } from "../../core/receipt.ts";
import { verdictBoardAbi } from "./abi/verdict-board.ts";
import { readEndorsement, readQuote } from "./read-endorsement.ts";
import { familyOf, INTEL } from "./read-enclaves.ts";

const OPENED = getAbiItem({ abi: verdictBoardAbi, name: "CaseOpened" });

/** Blocks in which an event is looked for. */
export interface BlockRange {
  readonly fromBlock: bigint;
  readonly toBlock: bigint | "latest";
}

/** What a case showed the board, and when; null if no log tells of it. Errors are the client's. */
export async function readShown(client: Client, board: Address, caseId: bigint, range: BlockRange) {
  const logs = await getLogs(client, { address: board, event: OPENED, args: { caseId }, ...range });
  const [found] = parseEventLogs({ abi: verdictBoardAbi, eventName: "CaseOpened", logs });
  return found?.args ?? null;
}

/** A registration, and where what it rests on was brought. */
export interface Registered {
  readonly collateral: Address;
  readonly board: Address;
  /** As the registry has it. */
  readonly vendor: number;
  /** Of Intel's: the platform's certificate; else the case of the verdict. */
  readonly origin: Hex;
  readonly blockNumber: bigint;
  readonly transactionHash: Hex;
}

/** The evidence of a registration in one of its two forms. */
export type RegisteredEvidence = Pick<EnclavedTally, "quote" | "endorsement" | "board">;

export const NO_ENDORSEMENT: RegisteredEvidence["endorsement"] = {
  pck: "0x",
  ca: "0x",
  root: "0x",
  rootCrl: "0x",
  caCrl: "0x",
  tcbSigner: "0x",
  tcbInfo: "0x",
  tcbInfoSignature: "0x",
  identitySigner: "0x",
  identity: "0x",
  identitySignature: "0x",
};

/**
 * What a registration showed the chain: of Intel's the quote and what it rested on, from calls; of others the case, from the board's event.
 * Null where a call went through another contract, or no log tells of the case. Errors are the client's.
 */
export async function readRegisteredEvidence(
  client: Client,
  { collateral, board, vendor, origin, blockNumber, transactionHash, fromBlock }: Registered & { readonly fromBlock: bigint }, // prettier-ignore
): Promise<RegisteredEvidence | null> {
  if (familyOf(vendor) === INTEL) {
    const quote = await readQuote(client, transactionHash);
    if (quote === null) return null;
    const endorsement = await readEndorsement(client, { collateral, blockNumber, pckId: origin, quote, fromBlock });
    return endorsement === null ? null : { quote, endorsement, board: [] };
  }
  const shown = await readShown(client, board, BigInt(origin), { fromBlock, toBlock: blockNumber });
  if (shown === null) return null;
  const { caseId, vendor: of, openedAt, evidence, endorsements } = shown;
  return {
    quote: "0x",
    endorsement: NO_ENDORSEMENT,
    board: [{ board, caseId, vendor: of, openedAt, evidence, endorsements }],
  };
}
