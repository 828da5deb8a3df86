// SPDX-License-Identifier: GPL-3.0-or-later
// Deploys Assay and writes deployments/<id>/addresses.json.
//
//   node scripts/deploy/run.ts --rpc-url http://127.0.0.1:8545 --id local               unlocked account of a local node
//   node scripts/deploy/run.ts --rpc-url URL --id sepolia --key-file owner.json --password-file pw --token 0x…
//       [--guardian 0x…] [--treasury 0x…] [--timelock 0x…]
import { parseArgs } from "node:util";
import { type Address, createPublicClient, createWalletClient, getAddress, http } from "viem";
import { chooseAccount } from "./choose-account.ts";
import { deployAssay } from "./deploy-assay.ts";
import type { DeploymentParameters } from "./parameters.ts";
import { writeDeployment } from "./write-deployment.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: {
    "rpc-url": { type: "string", default: "http://127.0.0.1:8545" },
    id: { type: "string", default: "local" },
    "key-file": text,
    "password-file": text,
    token: text,
    guardian: text,
    treasury: text,
    timelock: text,
  },
});

const transport = http(values["rpc-url"]);
const publicClient = createPublicClient({ transport });

const overrides: { -readonly [Name in "token" | "guardian" | "treasury" | "timelock"]?: Address } = {};
for (const name of ["token", "guardian", "treasury", "timelock"] as const) {
  const value = values[name];
  if (value !== undefined) overrides[name] = getAddress(value);
}
const parameterOverrides: Partial<DeploymentParameters> = overrides;
const walletClient = createWalletClient({ transport, account: await chooseAccount(transport, values) });
const deployment = await deployAssay({ publicClient, walletClient, parameterOverrides });
console.log(JSON.stringify({ ...deployment, path: writeDeployment(deployment, values.id) }, undefined, 2));
