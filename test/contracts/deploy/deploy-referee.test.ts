// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";
import { getAddress, zeroAddress } from "viem";
import { cipherRefereeAbi } from "../../../offchain/adapters/chain/abi/cipher-referee.ts";
import { evidenceRouterAbi } from "../../../offchain/adapters/chain/abi/evidence-router.ts";
import { CIPHER } from "../../../offchain/core/types.ts";
import { deployAssay } from "../../../scripts/deploy/deploy-assay.ts";
import { deployReferee } from "../../../scripts/deploy/deploy-referee.ts";
import { expectCode } from "../../support/expect-code.ts";

describe("deployReferee", () => {
  it("R44: deploys a referee for a hub; it judges once it was announced for 48 hours, and never before", async () => {
    const { viem, networkHelpers } = await network.create("hardhatMainnet");
    const [walletClient, stranger] = await viem.getWalletClients();
    if (walletClient === undefined || stranger === undefined) return expect.fail("no accounts");
    const publicClient = await viem.getPublicClient();
    const { hub, router } = await deployAssay({ publicClient, walletClient });
    const route = { address: router, abi: evidenceRouterAbi } as const;
    const adapter = () => publicClient.readContract({ ...route, functionName: "adapterOf", args: [CIPHER] });

    const unused = await deployReferee({ publicClient, walletClient: stranger, hub });
    expect(await publicClient.readContract({ address: unused, abi: cipherRefereeAbi, functionName: "HUB" })).to.equal(
      getAddress(hub),
    );
    const judge = { address: unused, abi: cipherRefereeAbi, functionName: "JUDGE" } as const;
    expect(await publicClient.getCode({ address: await publicClient.readContract(judge) })).to.not.equal(undefined);
    expect(await adapter()).to.equal(zeroAddress);

    const referee = await deployReferee({ publicClient, walletClient, hub }, true);
    const account = stranger.account;
    const add = () => publicClient.simulateContract({ ...route, account, functionName: "add", args: [CIPHER] });
    expect(String(await add().catch((error: unknown) => error))).to.include("AdapterNotReady");
    await networkHelpers.time.increase(48 * 3600);
    await stranger.writeContract((await add()).request);
    expect(await adapter()).to.equal(getAddress(referee));
    return undefined;
  });

  it("error: ACCOUNT_MISSING; only the timelock announces", async () => {
    const { viem } = await network.create("hardhatMainnet");
    const [walletClient, stranger] = await viem.getWalletClients();
    if (walletClient === undefined || stranger === undefined) return expect.fail("no accounts");
    const publicClient = await viem.getPublicClient();
    const { hub } = await deployAssay({ publicClient, walletClient });
    const nobody = { ...walletClient, account: undefined } as unknown as typeof walletClient;
    await expectCode("ACCOUNT_MISSING", () => deployReferee({ publicClient, walletClient: nobody, hub }));
    const refused = await deployReferee({ publicClient, walletClient: stranger, hub }, true).catch(
      (error: unknown) => error,
    );
    expect(String(refused)).to.include("NotTimelock");
    return undefined;
  });
});
