// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";
import { getAddress } from "viem";
import { policyTableHash } from "../../../offchain/core/policy-rules.ts";
import { assayModule } from "../../../scripts/deploy/ignition-module.ts";
import { productionParameters } from "../../../scripts/deploy/parameters.ts";

const { ignition, viem } = await network.create("hardhatMainnet");

describe("assayModule", () => {
  it("default: deploys with production numbers, hub and vault naming each other", async () => {
    const [deployer] = await viem.getWalletClients();
    if (deployer === undefined) return expect.fail("the local chain has no accounts");
    const client = await viem.getPublicClient();
    const token = await viem.deployContract("DevToken");
    const firstNonce = await client.getTransactionCount({ address: deployer.account.address });
    const made = await ignition.deploy(
      assayModule({
        ...productionParameters,
        policyTableHash: policyTableHash(),
        token: token.address,
        deployer: deployer.account.address,
        firstNonce,
      }),
    );
    const vault = await viem.getContractAt("StakeVault", made.vault.address);
    const hub = await viem.getContractAt("AssayHub", made.hub.address);
    expect(await vault.read.HUB()).to.equal(getAddress(hub.address));
    expect(await hub.read.vault()).to.equal(getAddress(vault.address));
    expect(await vault.read.unbondingPeriod()).to.equal(14 * 86_400);
    const params = await viem.getContractAt("ProtocolParams", made.params.address);
    expect((await params.read.parameters([1])).minWindow).to.equal(600);
  });
});
