// SPDX-License-Identifier: MIT
import { erc20Abi, parseEventLogs, type Account, type Address, type Log } from "viem";
import { readContract, simulateContract, waitForTransactionReceipt, writeContract } from "viem/actions";
import { assayHubAbi } from "../../adapters/chain/abi/assay-hub.ts";
import { checked } from "../checked.ts";
import { getDeployment } from "../deployment.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";

export interface DepositParameters {
  readonly hub: Address;
  /** Token base units. */
  readonly amount: bigint;
  readonly account?: Account | Address | undefined;
}
/** Hash of the deposit's transaction. */
export type DepositReturnType = TransactionHash;

/**
 * Adds tokens to the account's free balance at the hub, approving them first if that is still needed (a second transaction).
 * Errors: ACCOUNT_MISSING; REVERTED with TransferMismatch, ERC20InsufficientBalance.
 *
 * @example
 * const hash = await deposit(wallet, { hub, amount: 10n ** 18n });
 */
export async function deposit(client: WalletLike, parameters: DepositParameters): Promise<DepositReturnType> {
  const { hub, amount } = parameters;
  const account = accountOf(client, parameters.account, "deposit");
  const { token } = await getDeployment(client, hub);
  const allowance = await checked("allowance", async () =>
    readContract(client, { address: token, abi: erc20Abi, functionName: "allowance", args: [account.address, hub] }),
  );
  if (allowance < amount) {
    const hash = await checked("approve", async () =>
      writeContract(client, {
        address: token,
        abi: erc20Abi,
        functionName: "approve",
        args: [hub, amount],
        account,
        chain: client.chain ?? null,
      }),
    );
    await checked("approve", async () => waitForTransactionReceipt(client, { hash, pollingInterval: 250 }));
  }
  return checked("deposit", async () =>
    writeContract(client, {
      address: hub,
      abi: assayHubAbi,
      functionName: "deposit",
      args: [amount],
      account,
      chain: client.chain ?? null,
    }),
  );
}

/** Dry run: throws what the deposit would throw; needs the approval to exist. */
deposit.call = async (client: WalletLike, parameters: DepositParameters): Promise<void> => {
  const { hub, amount } = parameters;
  const account = accountOf(client, parameters.account, "deposit");
  await checked("deposit", async () =>
    simulateContract(client, { address: hub, abi: assayHubAbi, functionName: "deposit", args: [amount], account }),
  );
};

/** The deposit's event in a transaction's logs. */
deposit.extractEvent = (logs: Log[]) => parseEventLogs({ abi: assayHubAbi, eventName: "Deposited", logs })[0];
