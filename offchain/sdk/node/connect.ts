// SPDX-License-Identifier: MIT
import { createClient, http, publicActions, type Account, type Address, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { assayPublicActions } from "../assay-public-actions.ts";
import { assayWalletActions } from "../assay-wallet-actions.ts";
import { nodeCrypto } from "./node-crypto.ts";

export interface ConnectParameters {
  readonly rpcUrl: string;
  readonly hub: Address;
  /** Block of the deployment: events are not searched before it. */
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
}

/** A read-only client with Assay's actions, for Node. */
export function connect(parameters: ConnectParameters) {
  const { rpcUrl, hub, fromBlock, pollMs } = parameters;
  return createClient({ transport: http(rpcUrl), pollingInterval: pollMs ?? 500, cacheTime: 0 })
    .extend(publicActions)
    .extend(assayPublicActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }));
}

/** The same with an account that signs and pays. */
export function connectWallet(parameters: ConnectParameters & { readonly privateKey: Hex }) {
  const { rpcUrl, hub, fromBlock, pollMs, privateKey } = parameters;
  const account: Account = privateKeyToAccount(privateKey);
  return createClient({ account, transport: http(rpcUrl), pollingInterval: pollMs ?? 500, cacheTime: 0 })
    .extend(publicActions)
    .extend(assayPublicActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }))
    .extend(assayWalletActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }));
}

export type AssayReader = ReturnType<typeof connect>;
export type AssayWallet = ReturnType<typeof connectWallet>;
