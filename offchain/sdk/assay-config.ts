// SPDX-License-Identifier: MIT
import type { Address } from "viem";
import type { CryptoPort } from "../core/crypto-port.ts";

/** What every action of a client shares. */
export interface AssayConfig {
  readonly hub: Address;
  /** `sdk/node/node-crypto.ts` on Node; browsers bring their own. */
  readonly crypto: CryptoPort;
  /** Block of the deployment: events are not searched before it. 0 by default. */
  readonly fromBlock?: bigint | undefined;
  /** How often the chain is asked while waiting; 1000 by default. */
  readonly pollMs?: number | undefined;
}

/** An action's parameters without those that the client knows; each may still be overridden. */
export type Configured<P> = Omit<P, keyof AssayConfig> & Partial<Pick<P, keyof AssayConfig & keyof P>>;
