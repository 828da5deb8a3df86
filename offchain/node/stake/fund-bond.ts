// SPDX-License-Identifier: GPL-3.0-or-later
import { approveTokens } from "../../adapters/chain/actions/approve-tokens.ts";
import { depositBalance } from "../../adapters/chain/actions/deposit-balance.ts";
import { getBalance } from "../../adapters/chain/actions/get-balance.ts";
import { getTokenBalance } from "../../adapters/chain/actions/get-token-balance.ts";
import { transferTokens } from "../../adapters/chain/actions/transfer-tokens.ts";
import { withdrawBalance } from "../../adapters/chain/actions/withdraw-balance.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { ChainError } from "../../adapters/chain/errors.ts";
import type { Hex } from "../../protocol/ports.ts";

export interface BondShortfall {
  /** What the operator must deposit to have the bond free, wei. */
  readonly deposit: bigint;
  /** What of it the owner must send first, wei: an earlier try may have left tokens with the operator. */
  readonly transfer: bigint;
}

/** What an operator's free balance at the hub lacks of `bond`. */
export async function bondShortfall(chain: Chain, operator: Hex, bond: bigint): Promise<BondShortfall> {
  const [free, held] = await Promise.all([
    getBalance(chain, { account: operator }),
    getTokenBalance(chain, { account: operator }),
  ]);
  const deposit = bond > free ? bond - free : 0n;
  const own = operator.toLowerCase() === chain.sender?.address.toLowerCase();
  return { deposit, transfer: own ? deposit : deposit > held ? deposit - held : 0n };
}

/**
 * The owner pays, the operator deposits: the hub credits the caller only, and challenges take their bond from the operator's balance.
 * Errors: READ_ONLY, REVERTED, TRANSACTION_*.
 */
export async function fundBond(
  chains: { readonly owner: Chain; readonly operator: Chain },
  { deposit, transfer }: BondShortfall,
): Promise<void> {
  const to = chains.operator.sender?.address;
  if (to === undefined) throw new ChainError("READ_ONLY", { purpose: "deposit" });
  if (transfer > 0n && to !== chains.owner.sender?.address)
    await transferTokens(chains.owner, { to, amount: transfer });
  await approveTokens(chains.operator, { spender: chains.operator.contracts.hub, amount: deposit });
  await depositBalance(chains.operator, { amount: deposit });
}

/** Pays the operator's whole free balance out, 0 if there is none. Errors: READ_ONLY, REVERTED, TRANSACTION_*. */
export async function takeBond(operator: Chain, to: Hex): Promise<bigint> {
  const account = operator.sender?.address;
  if (account === undefined) throw new ChainError("READ_ONLY", { purpose: "withdraw" });
  const amount = await getBalance(operator, { account });
  if (amount > 0n) await withdrawBalance(operator, { amount, to });
  return amount;
}
