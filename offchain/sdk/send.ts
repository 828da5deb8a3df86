// SPDX-License-Identifier: MIT
import type { Account, Address, Client, Hex } from "viem";
import { parseAccount } from "viem/accounts";
import { SdkError } from "./errors.ts";

/** A client that signs. */
export type WalletLike = Client;

/** The account that an action signs with: its own parameter, else the client's. */
export function accountOf(client: WalletLike, given: Account | Address | undefined, action: string): Account {
  const account = given ?? client.account;
  if (account === undefined) throw new SdkError("ACCOUNT_MISSING", { action });
  return parseAccount(account);
}

/** Result of a write: identity of the transaction; wait for it with viem's `waitForTransactionReceipt`. */
export type TransactionHash = Hex;
