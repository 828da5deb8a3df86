// SPDX-License-Identifier: GPL-3.0-or-later
// Deploys what takes ENCLAVE evidence beside deployments/<id>, and writes deployments/<id>/enclaves.json.
//
//   node scripts/deploy/enclaves.ts --id local                                          unlocked account of a local node
//   node scripts/deploy/enclaves.ts --rpc-url URL --id sepolia --key-file owner.json --password-file pw --timelock 0x…
//       [--simulated-root 0x…]   a development platform's root: chain 31337 only
//
// Then the router's timelock calls announce(4, evidence), and 48 hours later anyone add(4).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Address, createPublicClient, createWalletClient, getAddress, type Hex, http } from "viem";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { chooseAccount } from "./choose-account.ts";
import { deployEnclaves } from "./deploy-enclaves.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    "rpc-url": { type: "string", default: "http://127.0.0.1:8545" },
    id: { type: "string", default: "local" },
    "key-file": text,
    "password-file": text,
    timelock: text,
    "simulated-root": { type: "string", multiple: true, default: [] },
  },
});

const transport = http(values["rpc-url"]);
const folder = join("deployments", values.id);
const { registry, token, vault } = JSON.parse(readFileSync(join(folder, "addresses.json"), "utf8")) as Readonly<
  Record<"registry" | "token" | "vault", Address>
>;
const account = await chooseAccount(transport, values);
const publicClient = createPublicClient({ transport });
// An attester stakes as much as a tenth of a worker.
const minimumStake = await publicClient.readContract({
  address: vault,
  abi: stakeVaultAbi,
  functionName: "minimumStake",
});
const deployment = await deployEnclaves({
  publicClient,
  walletClient: createWalletClient({ transport, account }),
  models: registry,
  token,
  vault,
  attesterStake: minimumStake / 10n,
  simulatedRoots: values["simulated-root"] as Hex[],
  ...(values.timelock === undefined ? {} : { timelock: getAddress(values.timelock) }),
});
const path = join(folder, "enclaves.json");
writeFileSync(path, `${JSON.stringify(deployment, undefined, 2)}\n`);
console.log(JSON.stringify({ ...deployment, path }, undefined, 2));
