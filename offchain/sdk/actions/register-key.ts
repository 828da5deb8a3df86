// SPDX-License-Identifier: MIT
import type { Account, Address, Hex } from "viem";
import { readContract, writeContract } from "viem/actions";
import { keyRegistryAbi } from "../../adapters/chain/abi/key-registry.ts";
import { fromHex } from "../../core/bytes.ts";
import { keyIdOf } from "../../core/zk/key-record.ts";
import { checked } from "../checked.ts";
import { SdkError } from "../errors.ts";
import { keyRegistryOf } from "../key-registry.ts";
import { accountOf, type TransactionHash, type WalletLike } from "../send.ts";

export interface RegisterKeyParameters {
  readonly hub: Address;
  /** The encoded verifying-key record; its keccak256 is the key id that a model's stage table names. */
  readonly record: Hex;
  readonly account?: Account | Address | undefined;
}
/** Null if the key is there already: anyone may have added it, and it is the same for everyone. */
export type RegisterKeyReturnType = TransactionHash | null;

/**
 * Stores a verifying key at the hub's registry, for good and for everyone.
 * Errors: ACCOUNT_MISSING; NOT_SUPPORTED (the hub judges no proofs); KEY_MALFORMED; REVERTED.
 *
 * @example
 * const hash = await registerKey(wallet, { hub, record });
 */
export async function registerKey(
  client: WalletLike,
  parameters: RegisterKeyParameters,
): Promise<RegisterKeyReturnType> {
  const { hub, record } = parameters;
  const account = accountOf(client, parameters.account, "registerKey");
  const address = await keyRegistryOf(client, hub);
  if (address === null) throw new SdkError("NOT_SUPPORTED", { what: "proofs at this hub" });
  const call = { address, abi: keyRegistryAbi } as const;
  const keyId = keyIdOf(fromHex(record));
  const known = await checked("has", async () => readContract(client, { ...call, functionName: "has", args: [keyId] }));
  if (known) return null;
  return checked("add", async () =>
    writeContract(client, { ...call, functionName: "add", args: [record], account, chain: client.chain ?? null }),
  );
}
