// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { http, createPublicClient, createWalletClient, defineChain, getAddress, zeroHash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { blockSeedAbi } from "../../../offchain/adapters/chain/abi/block-seed.ts";
import { hubLensAbi } from "../../../offchain/adapters/chain/abi/hub-lens.ts";
import { protocolParamsAbi } from "../../../offchain/adapters/chain/abi/protocol-params.ts";
import { stakeVaultAbi } from "../../../offchain/adapters/chain/abi/stake-vault.ts";
import { policyTableHash } from "../../../offchain/core/policy-rules.ts";
import { type Deployment, deployAssay } from "../../../scripts/deploy/deploy-assay.ts";
import { developmentSet, type DeploymentParameters } from "../../../scripts/deploy/parameters.ts";
import { writeDeployment } from "../../../scripts/deploy/write-deployment.ts";

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

async function clients() {
  const { viem } = await network.create("hardhatMainnet");
  const [walletClient] = await viem.getWalletClients();
  if (walletClient === undefined) return expect.fail("the local chain has no accounts");
  return { publicClient: await viem.getPublicClient(), walletClient };
}

describe("deployAssay", () => {
  it("default: deploys, wires and describes everything on a local chain", async () => {
    const { publicClient, walletClient } = await clients();
    const made = await deployAssay({ publicClient, walletClient });

    const told = await publicClient.readContract({
      address: made.lens,
      abi: hubLensAbi,
      functionName: "deployment",
    });
    for (const part of ["hub", "token", "vault", "registry", "params", "randomness"] as const)
      expect(told[part], part).to.equal(getAddress(made[part]));
    expect(told.minimumStake).to.equal(4_400n * 10n ** 18n);
    expect([told.unbondingPeriod, told.epochLength]).to.deep.equal([3_600, 600]);
    expect(told.policyTableHash).to.equal(policyTableHash());
    expect(made.chainId).to.equal(31337);

    const set = await publicClient.readContract({
      address: made.params,
      abi: protocolParamsAbi,
      functionName: "parameters",
      args: [0],
    });
    expect(set).to.deep.equal(developmentSet);
  });

  it("behavior: overrides reach the contracts, and a second deployment shares nothing with the first", async () => {
    const { publicClient, walletClient } = await clients();
    const first = await deployAssay({ publicClient, walletClient });
    const second = await deployAssay({
      publicClient,
      walletClient,
      parameterOverrides: { token: first.token, minimumStake: 80n, epochSeconds: 20, policyTableHash: zeroHash },
    });
    const vault = { address: second.vault, abi: stakeVaultAbi } as const;
    expect(second.token).to.equal(first.token);
    expect(second.hub).not.to.equal(first.hub);
    expect(await publicClient.readContract({ ...vault, functionName: "minimumStake" })).to.equal(80n);
    expect(await publicClient.readContract({ ...vault, functionName: "epochLength" })).to.equal(20);
    const seeds = { address: second.randomness, abi: blockSeedAbi, functionName: "maxInsured" } as const;
    expect(await publicClient.readContract(seeds)).to.equal(8n);
  });

  it("behavior: works against a node over HTTP with a local key, block by block", async () => {
    const server = await network.createServer("hardhatMainnet", "127.0.0.1");
    const { address, port } = await server.listen();
    try {
      const transport = http(`http://${address}:${port}`);
      const chain = defineChain({
        id: 31337,
        name: "local",
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
        rpcUrls: { default: { http: [`http://${address}:${port}`] } },
      });
      const publicClient = createPublicClient({ transport, chain });
      // Hardhat's published first development key.
      const account = privateKeyToAccount("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
      const walletClient = createWalletClient({ transport, chain, account });
      const made = await deployAssay({ publicClient, walletClient });
      expect(await publicClient.getCode({ address: made.hub })).not.to.equal(undefined);
    } finally {
      await server.close();
    }
  });

  it("error: TOKEN_MISSING, ROLE_MISSING: off local chains nothing falls to the deployer by default", async () => {
    const { viem } = await network.create({ network: "hardhatMainnet", override: { chainId: 1 } });
    const publicClient = await viem.getPublicClient();
    const [walletClient] = await viem.getWalletClients();
    if (walletClient === undefined) return expect.fail("the chain has no accounts");
    const { address } = walletClient.account;
    const failure = async (parameterOverrides: Partial<DeploymentParameters>): Promise<unknown> =>
      deployAssay({ publicClient, walletClient, parameterOverrides }).then(() => undefined, codeOf);
    expect(await failure({})).to.equal("TOKEN_MISSING");
    expect(await failure({ token: address })).to.equal("ROLE_MISSING");
    expect(await failure({ token: address, guardian: address, treasury: address })).to.equal("ROLE_MISSING");
  });

  it("error: ACCOUNT_MISSING", async () => {
    const { publicClient } = await clients();
    const walletClient = createWalletClient({ transport: http("http://127.0.0.1:1") });
    const error: unknown = await deployAssay({ publicClient, walletClient }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(codeOf(error)).to.equal("ACCOUNT_MISSING");
  });

  it("error: DEPLOYMENT_FAILED, when a constructor refuses its numbers", async () => {
    const { publicClient, walletClient } = await clients();
    const unsafe = { ...developmentSet, lateCourt: 3_600 };
    const error: unknown = await deployAssay({
      publicClient,
      walletClient,
      parameterOverrides: { sets: [unsafe] },
    }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(codeOf(error)).to.equal("DEPLOYMENT_FAILED");
  });

  it("behavior: writeDeployment keeps what deployAssay returned", () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-"));
    try {
      const at = "0x0000000000000000000000000000000000000001";
      const early = { token: at, registry: at, params: at, randomness: at, keys: at, proofAdapter: at } as const;
      const late = { router: at, vault: at, hub: at, lens: at } as const;
      const made: Deployment = { chainId: 31337, fromBlock: 7, ...early, ...late };
      expect(JSON.parse(readFileSync(writeDeployment(made, "local", folder), "utf8"))).to.deep.equal(made);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
