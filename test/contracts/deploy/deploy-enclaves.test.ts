// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";
import { getAddress, type Address } from "viem";
import { evidenceRouterAbi } from "../../../offchain/adapters/chain/abi/evidence-router.ts";
import { ENCLAVE } from "../../../offchain/core/types.ts";
import { deployAssay } from "../../../scripts/deploy/deploy-assay.ts";
import { deployEnclaves, type DeployEnclavesParameters } from "../../../scripts/deploy/deploy-enclaves.ts";
import { rootIdOf, packed } from "../../support/tee/intel-chain.ts";
import { REPORT, simulated } from "../../support/tee/simulated.ts";

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
const simulatedRoot = rootIdOf(packed(simulated().attest("dcap-tdx-v4", REPORT).evidence).root);

async function clients(chainId = 31337) {
  const { viem, networkHelpers } = await network.create({ network: "hardhatMainnet", override: { chainId } });
  const [walletClient] = await viem.getWalletClients();
  if (walletClient === undefined) return expect.fail("the local chain has no accounts");
  return { viem, networkHelpers, publicClient: await viem.getPublicClient(), walletClient };
}

const beside = (address: Address) => ({ models: address, token: address, vault: address, attesterStake: 10n ** 18n });

describe("deployEnclaves", () => {
  it("default: stands beside an Assay, whose router takes its judge after 48 hours", async () => {
    const { viem, networkHelpers, publicClient, walletClient } = await clients();
    const assay = await deployAssay({ publicClient, walletClient });
    const own = { models: assay.registry, token: assay.token, vault: assay.vault, attesterStake: 10n ** 18n };
    const made = await deployEnclaves({ publicClient, walletClient, ...own, simulatedRoots: [simulatedRoot] });
    const roots = await viem.getContractAt("ITrustRoots", made.roots);
    expect(await roots.read.classOf([2, simulatedRoot])).to.equal(2);
    const router = { address: assay.router, abi: evidenceRouterAbi } as const;
    const account = walletClient.account;
    await walletClient.writeContract({ ...router, functionName: "announce", args: [ENCLAVE, made.evidence], account });
    await networkHelpers.time.increase(48 * 3600);
    await walletClient.writeContract({ ...router, functionName: "add", args: [ENCLAVE], account });
    const judge = await publicClient.readContract({ ...router, functionName: "adapterOf", args: [ENCLAVE] });
    expect(getAddress(judge)).to.equal(getAddress(made.evidence));
  });

  it("R57: error: SIMULATED_REFUSED on every chain but a local one, before anything is sent; ROLE_MISSING", async () => {
    const { viem, publicClient, walletClient } = await clients(1);
    const { address } = walletClient.account;
    const failure = async (more: Partial<DeployEnclavesParameters>): Promise<unknown> =>
      deployEnclaves({ publicClient, walletClient, ...beside(address), ...more }).then(() => undefined, codeOf);
    expect(await failure({ timelock: address, simulatedRoots: [simulatedRoot] })).to.equal("SIMULATED_REFUSED");
    expect(await failure({})).to.equal("ROLE_MISSING");
    expect(await publicClient.getTransactionCount({ address })).to.equal(0);
    const made = await deployEnclaves({ publicClient, walletClient, ...beside(address), timelock: address });
    const roots = await viem.getContractAt("ITrustRoots", made.roots);
    expect(await roots.read.classOf([2, simulatedRoot])).to.equal(0);
  });

  it("error: DEPLOYMENT_FAILED when the account cannot pay", async () => {
    const { networkHelpers, publicClient, walletClient } = await clients();
    await networkHelpers.setBalance(walletClient.account.address, 1n);
    const error: unknown = await deployEnclaves({
      publicClient,
      walletClient,
      ...beside(walletClient.account.address),
    }).then(() => undefined, codeOf);
    expect(error).to.equal("DEPLOYMENT_FAILED");
  });
});
