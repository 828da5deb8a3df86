// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import type { BoardMember } from "../../adapters/chain/verdict-board.ts";
import type { Hex } from "../../core/bytes.ts";
import { fine, poor, type Finding } from "../finding.ts";
import type { NodeConfig } from "../settings.ts";
import { findBoard } from "./board-port.ts";
import { attesterOptions } from "./open-attester.ts";

export interface AttesterFacts {
  readonly member: BoardMember | null;
  readonly isLeaving: boolean;
  /** Wei: what each verdict stakes, and what is free for it. */
  readonly stake: bigint;
  readonly balance: bigint;
}

const JOIN = "Stop the worker and run `assay tee attest --join`.";

/** Whether an attester can say what it will be drawn for: the first thing to repair. Pure. */
export function judgeAttester({ member, isLeaving, stake, balance }: AttesterFacts): Finding {
  if (isLeaving) return fine(member === null ? `has left; ${balance} on the board` : "leaving");
  if (member === null) return poor("no attester of the board", JOIN);
  if (member.leftAt !== 0)
    return poor("left, or its reserve ran low: it is drawn no more", "Find out why (`attester.missed`, `attester.overruled`), then set attester.duty to `leave`."); // prettier-ignore
  const most = balance / stake;
  const room = `${most} verdicts can be staked, reserve ${member.reserve}`;
  if (most === 0n) return poor(room, "Deposit tokens on the board: who is drawn and cannot stake is fined where the vote fails."); // prettier-ignore
  return fine(room);
}

/** Errors: those of `findBoard`. */
export async function checkAttester(
  chain: Chain,
  account: Hex,
  config: Pick<NodeConfig, "chain" | "attester" | "rewards">,
): Promise<Finding> {
  const { registry, fromBlock, isLeaving } = attesterOptions(config);
  const board = await findBoard(chain, { registry, fromBlock, account });
  return judgeAttester({ member: await board.member(), isLeaving, ...(await board.terms()) });
}
