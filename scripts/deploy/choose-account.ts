// SPDX-License-Identifier: GPL-3.0-or-later
import { type Account, type Address, createWalletClient, toHex, type Transport } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { openKeyFile } from "../../offchain/adapters/keys/key-file.ts";
import { readPassword } from "../../offchain/adapters/keys/private-file.ts";
import { DeployError } from "./errors.ts";

/** Who pays for a deployment: a key file, or an unlocked account of a local node. Errors: ACCOUNT_MISSING, the key file's. */
export async function chooseAccount(
  transport: Transport,
  files: { readonly "key-file"?: string; readonly "password-file"?: string },
): Promise<Account | Address> {
  const { "key-file": keyFile, "password-file": passwordFile } = files;
  if (keyFile !== undefined && passwordFile !== undefined) {
    const key = await openKeyFile(keyFile, { purpose: "owner", password: await readPassword(passwordFile) });
    return privateKeyToAccount(toHex(key.reveal()));
  }
  const [unlocked] = await createWalletClient({ transport }).getAddresses();
  if (unlocked === undefined) throw new DeployError("ACCOUNT_MISSING", {});
  return unlocked;
}
