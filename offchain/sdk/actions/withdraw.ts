// SPDX-License-Identifier: MIT
import { parseEventLogs, type Account, type Address, type Log } from "viem";
import { simulateContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { checked } from "../checked.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";

export interface WithdrawParameters {
  readonly hub: Address;
  /** Token base units. */
  readonly amount: bigint;
  /** The account itself by default. */
  readonly to?: Address | undefined;
  readonly account?: Account | Address | undefined;
}
/** Hash of the withdrawal's transaction. */
export type WithdrawReturnType = TransactionHash;

/**
 * Pays free balance out. Never paused.
 * Errors: ACCOUNT_MISSING; REVERTED with BalanceTooLow.
 *
 * @example
 * const hash = await withdraw(wallet, { hub, amount: 10n ** 18n });
 */
export async function withdraw(client: WalletLike, parameters: WithdrawParameters): Promise<WithdrawReturnType> {
  const account = accountOf(client, parameters.account, "withdraw");
  return checked("withdraw", async () =>
    writeContract(client, {
      address: parameters.hub,
      abi: assayHubAbi,
      functionName: "withdraw",
      args: [parameters.amount, parameters.to ?? account.address],
      account,
      chain: client.chain ?? null,
    }),
  );
}

/** Dry run: throws what the withdrawal would throw. */
withdraw.call = async (client: WalletLike, parameters: WithdrawParameters): Promise<void> => {
  const account = accountOf(client, parameters.account, "withdraw");
  await checked("withdraw", async () =>
    simulateContract(client, {
      address: parameters.hub,
      abi: assayHubAbi,
      functionName: "withdraw",
      args: [parameters.amount, parameters.to ?? account.address],
      account,
    }),
  );
};

/** The withdrawal's event in a transaction's logs. */
withdraw.extractEvent = (logs: Log[]) => parseEventLogs({ abi: assayHubAbi, eventName: "Withdrawn", logs })[0];
