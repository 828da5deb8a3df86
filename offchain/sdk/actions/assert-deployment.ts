// SPDX-License-Identifier: MIT
import { isAddressEqual, keccak256, parseAbi, type Address, type Client, type Hex } from "viem";
import { getCode, readContract } from "viem/actions";
import { ChainError } from "../../adapters/chain/errors.ts";
import { checked } from "../checked.ts";
import { getDeployment, type Deployment } from "../deployment.ts";
import { SdkError } from "../errors.ts";

/** Contracts of a deployment by name, as in its `addresses.json`. */
export type DeploymentPart = Exclude<keyof Deployment, "chainId">;

export interface AssertDeploymentParameters {
  readonly hub: Address;
  readonly chainId?: number | undefined;
  /** What a deployments file names; parts that it does not name are not compared. */
  readonly addresses?: Readonly<Partial<Record<DeploymentPart, Address>>> | undefined;
  /** keccak256 of the code on chain, immutables included: `codeHashes` of a deployments file. */
  readonly codeHashes?: Readonly<Partial<Record<DeploymentPart, Hex>>> | undefined;
}
/** What stands there, and the code that it runs. */
export type AssertDeploymentReturnType = Deployment & { readonly codeHashes: Readonly<Record<DeploymentPart, Hex>> };

const PARTS = ["hub", "vault", "registry", "params", "randomness", "token"] as const satisfies DeploymentPart[];
const vaultViews = parseAbi(["function HUB() view returns (address)", "function TOKEN() view returns (address)"]);

/**
 * Checks a deployment before money goes there: the chain, code behind every part, that vault and hub name each other and one token, and
 * whatever a deployments file says. Trust: without `addresses` or `codeHashes` it only shows that the parts belong together, not that
 * they are Assay's; and the endpoint is believed.
 * Errors: WRONG_CHAIN, NO_CONTRACT, DEPLOYMENT_MISMATCH (naming the part), RPC_UNAVAILABLE, RPC_REJECTED.
 *
 * @example
 * await assertDeployment(client, { hub, chainId: 1, addresses, codeHashes });
 */
export async function assertDeployment(
  client: Client,
  parameters: AssertDeploymentParameters,
): Promise<AssertDeploymentReturnType> {
  const { hub, addresses = {}, codeHashes = {} } = parameters;
  const chainId = Number(await checked("eth_chainId", async () => client.request({ method: "eth_chainId" })));
  if (parameters.chainId !== undefined && chainId !== parameters.chainId)
    throw new ChainError("WRONG_CHAIN", { have: chainId, want: parameters.chainId });
  // Before anything is read from it: an empty address answers every call with nothing.
  const hubCode = await codeAt(client, "hub", hub, chainId);
  const deployment = await getDeployment(client, hub);
  const codes = await Promise.all(
    PARTS.map(async (part): Promise<[DeploymentPart, Hex]> => {
      const code = part === "hub" ? hubCode : await codeAt(client, part, deployment[part], chainId);
      return [part, keccak256(code)];
    }),
  );
  const found = Object.fromEntries(codes) as Record<DeploymentPart, Hex>;
  const [vaultHub, vaultToken] = await checked("vault", async () =>
    Promise.all([
      readContract(client, { address: deployment.vault, abi: vaultViews, functionName: "HUB" }),
      readContract(client, { address: deployment.vault, abi: vaultViews, functionName: "TOKEN" }),
    ]),
  );
  const mismatch = (name: string, address: Address) => new SdkError("DEPLOYMENT_MISMATCH", { name, address });
  if (!isAddressEqual(vaultHub, hub)) throw mismatch("vault of this hub", deployment.vault);
  if (!isAddressEqual(vaultToken, deployment.token)) throw mismatch("token of this vault", vaultToken);
  for (const part of PARTS) {
    const [address, code] = [addresses[part], codeHashes[part]];
    if (address !== undefined && !isAddressEqual(address, deployment[part])) throw mismatch(part, deployment[part]);
    if (code !== undefined && code.toLowerCase() !== found[part]) throw mismatch(part, deployment[part]);
  }
  return { ...deployment, codeHashes: found };
}

async function codeAt(client: Client, name: string, address: Address, chain: number): Promise<Hex> {
  const code = await checked("eth_getCode", async () => getCode(client, { address }));
  if (code === undefined || code === "0x") throw new ChainError("NO_CONTRACT", { name, address, chain });
  return code;
}
