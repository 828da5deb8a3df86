// SPDX-License-Identifier: MIT
import { setTimeout as wait } from "node:timers/promises";
import {
  createClient,
  publicActions,
  type Account,
  type Address,
  type Client,
  type Hex,
  type PublicActions,
  type Transport,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { rpcTransport } from "../../adapters/chain/rpc-transport.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { assayPublicActions } from "../assay-public-actions.ts";
import { assayWalletActions } from "../assay-wallet-actions.ts";
import { nodeCrypto } from "./node-crypto.ts";

export interface ConnectParameters {
  readonly rpcUrl: string;
  readonly hub: Address;
  /** Block of the deployment: events are not searched before it. */
  readonly fromBlock?: bigint | undefined;
  readonly pollMs?: number | undefined;
  /** Breaks off requests to the chain, also those under way. */
  readonly signal?: AbortSignal | undefined;
}

/** An endpoint that is silent is given up in less than 15 s: RPC_UNAVAILABLE. */
const REQUEST_TIMEOUT_MS = 6_000;
const TRIES = 2;

const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }),
};

const transportTo = ({ rpcUrl, signal }: ConnectParameters) =>
  rpcTransport(
    {
      rpcUrl,
      timeoutMs: REQUEST_TIMEOUT_MS,
      tries: TRIES,
      ...(signal === undefined ? {} : { signal, requestSignal: signal }),
    },
    { clock, random: Math.random },
  );

type ReadActions = PublicActions & ReturnType<ReturnType<typeof assayPublicActions>>;
type WriteActions = ReturnType<ReturnType<typeof assayWalletActions>>;
export type AssayReader = Client<Transport, undefined, undefined, undefined, ReadActions>;
export type AssayWallet = Client<Transport, undefined, Account, undefined, ReadActions & WriteActions>;

/** A read-only client with Assay's actions, for Node. */
export function connect(parameters: ConnectParameters): AssayReader {
  const { hub, fromBlock, pollMs } = parameters;
  return createClient({ transport: transportTo(parameters), pollingInterval: pollMs ?? 500, cacheTime: 0 })
    .extend(publicActions)
    .extend(assayPublicActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }));
}

/** The same with an account that signs and pays. */
export function connectWallet(parameters: ConnectParameters & { readonly privateKey: Hex }): AssayWallet {
  const { hub, fromBlock, pollMs, privateKey } = parameters;
  const account: Account = privateKeyToAccount(privateKey);
  return createClient({ account, transport: transportTo(parameters), pollingInterval: pollMs ?? 500, cacheTime: 0 })
    .extend(publicActions)
    .extend(assayPublicActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }))
    .extend(assayWalletActions({ hub, crypto: nodeCrypto, fromBlock, pollMs }));
}
