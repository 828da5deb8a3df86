// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";

const { ethers, viem, networkHelpers } = await network.create("hardhatMainnet");

const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
const RING = 8_191;
// Hardhat's chain has a contract there that only says that it does not support EIP-2935: this is the EIP's own code, and
// the tests play the system call that fills its ring.
const HISTORY_CODE =
  "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";

describe("BlockSeed", () => {
  const seedAfter = async (blocks: number) => {
    const seeds = await viem.deployContract("BlockSeed", [8_000n]);
    const client = await viem.getPublicClient();
    const ref = Number(await client.getBlockNumber());
    const { hash } = await client.getBlock({ blockNumber: BigInt(ref) });
    await networkHelpers.mine(blocks);
    const contract = await ethers.getContractAt("BlockSeed", seeds.address);
    return { seeds, contract, ref, hash };
  };
  const expectLost = async ({ contract, ref }: Awaited<ReturnType<typeof seedAfter>>) =>
    expect(contract.getFunction("seedOf")(ref))
      .to.be.revertedWithCustomError(contract, "SeedLost")
      .withArgs(BigInt(ref));

  it("R16: answers by the opcode for 256 blocks, with or without a history contract", async () => {
    for (const blocks of [1, 256]) {
      const { seeds, ref, hash } = await seedAfter(blocks);
      expect(await seeds.read.seedOf([ref]), `${blocks} blocks later`).to.equal(hash);
    }
  });

  it("error: SeedLost after 256 blocks where the chain has no history contract", async () => {
    await expectLost(await seedAfter(257));
    await networkHelpers.setCode(HISTORY, "0x");
    await expectLost(await seedAfter(257));
  });

  it("R16: outlives the opcode's reach by EIP-2935, and is then lost, never another block's", async () => {
    await networkHelpers.setCode(HISTORY, HISTORY_CODE);
    for (const blocks of [257, RING - 1, RING]) {
      const { seeds, ref, hash } = await seedAfter(blocks);
      await networkHelpers.setStorageAt(HISTORY, ref % RING, hash);
      expect(await seeds.read.seedOf([ref]), `${blocks} blocks later`).to.equal(hash);
    }
    const late = await seedAfter(RING + 1);
    await networkHelpers.setStorageAt(HISTORY, late.ref % RING, late.hash); // by now a newer block's place
    await expectLost(late);
  });
});
