// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { network } from "hardhat";
import {
  type Address,
  type Hex,
  getAddress,
  keccak256,
  parseCompactSignature,
  toHex,
  zeroAddress,
  zeroHash,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { deployAssay } from "../../../scripts/deploy/deploy-assay.ts";

const { viem, networkHelpers } = await network.create("hardhatMainnet");

const M = 8_000n;
const hash = (text: string) => keccak256(toHex(text));

const manifest = {
  name: "digits",
  programRoot: hash("program"),
  stages: [
    {
      place: 0,
      inKind: 0,
      outKind: 0,
      probe: 0xffff,
      kernel: hash("kernel"),
      keyId: zeroHash,
      weightsX: zeroHash,
      weightsY: zeroHash,
      producers: [0xffff],
    },
  ],
  acceptedMasks: 1 << 1,
  workUnits: 7n,
  weightsHash: hash("weights"),
  reportHash: hash("report"),
  toolsHash: hash("tools"),
} as const;

describe("HubLens", () => {
  async function fixture() {
    const publicClient = await viem.getPublicClient();
    const wallets = await viem.getWalletClients();
    const [deployer] = wallets;
    if (deployer === undefined) return expect.fail("the local chain has no accounts");
    const made = await deployAssay({ publicClient, walletClient: deployer, parameterOverrides: { minimumStake: M } });
    const vault = await viem.getContractAt("StakeVault", made.vault);
    const token = await viem.getContractAt("DevToken", made.token);
    const lens = await viem.getContractAt("HubLens", made.lens);
    await token.write.mint([deployer.account.address, 1_000_000n]);
    await token.write.approve([made.vault, 1_000_000n]);

    const join = async (index: number, tickets: number): Promise<Address> => {
      const owner = wallets[index];
      if (owner === undefined) return expect.fail("too few accounts");
      const signer = privateKeyToAccount(generatePrivateKey());
      const signature = await signer.signTypedData({
        domain: { name: "Assay Vault", version: "1", chainId: 31337, verifyingContract: made.vault },
        types: { Register: [{ name: "owner", type: "address" }] },
        primaryType: "Register",
        message: { owner: owner.account.address },
      });
      const { r, yParityAndS } = parseCompactSignature(compact(signature));
      const profile = {
        transportId: hash("t"),
        sealKey: hash("s"),
        capabilities: 0n,
        expiry: 2 ** 47,
        endpoints: "",
      };
      const from = { account: owner.account };
      await vault.write.register([signer.address, profile, r, yParityAndS], from);
      await vault.write.stake([index, 4n * M]);
      const change = { workerId: index, ticketClass: 0, add: tickets, remove: [] };
      await vault.write.applyChanges([[change]], from);
      return owner.account.address;
    };
    const first = await join(1, 3);
    const second = await join(2, 5);
    await vault.write.advanceEpoch();
    return { made, vault, token, lens, deployer: deployer.account.address, first, second };
  }

  it("default: pool, workers and cells of a running table", async () => {
    const { lens, first, second, vault } = await networkHelpers.loadFixture(fixture);
    const pool = await lens.read.pool([0]);
    expect([pool.version, pool.workers, pool.overdue]).to.deep.equal([1, 2, 0]);
    expect([pool.ticketedStake, pool.riskLimit, pool.openRisk]).to.deep.equal([2n * M, M / 4n, 0n]);
    expect(pool.endsAt - pool.changesFrom).to.equal(300);

    const all = await lens.read.workers([0, 100]);
    expect(all.map(({ workerId, owner }) => [workerId, owner])).to.deep.equal([
      [1, getAddress(first)],
      [2, getAddress(second)],
    ]);
    expect((await lens.read.workers([2, 1])).map(({ worker }) => worker.tickets)).to.deep.equal([5]);
    expect(await lens.read.workers([3, 5])).to.deep.equal([]);

    expect(await lens.read.cellsOf([2, 0, 0, 100])).to.deep.equal([7, 6, 5, 4, 3]);
    expect(await lens.read.cellsOf([2, 0, 4, 2])).to.deep.equal([5, 4]);
    await networkHelpers.time.increase(300);
    const remove = await lens.read.cellsOf([1, 0, 0, 100]);
    await vault.write.applyChanges([[{ workerId: 1, ticketClass: 0, add: 0, remove }]], { account: first });
    expect(await vault.read.ticketsOf([1, 0])).to.equal(0);
  });

  it("behavior: wallet shows tokens, allowance, free balance and worker", async () => {
    const { lens, made, token, deployer, first } = await networkHelpers.loadFixture(fixture);
    const hub = await viem.getContractAt("AssayHub", made.hub);
    await token.write.approve([made.hub, 50n]);
    await hub.write.deposit([20n]);
    expect(await lens.read.wallet([deployer])).to.deep.include({ allowance: 30n, free: 20n, workerId: 0 });
    expect(await lens.read.wallet([first])).to.deep.include({ tokens: 0n, free: 0n, workerId: 1 });
  });

  it("R71: quote names what a request would be refused for", async () => {
    const { lens, made, vault, deployer } = await networkHelpers.loadFixture(fixture);
    const registry = await viem.getContractAt("ModelRegistry", made.registry);
    await vault.write.createTicketClass([{ minPrice: 11n, maxUnits: 6n, capabilities: 0n }]);
    await registry.write.register([manifest]);
    const policy = {
      mask: 1,
      k: 3,
      auditBps: 10_000,
      cls: 0,
      flags: 0,
      seatStake: 2_800n,
      window: 0,
      tWork: 10,
      tReveal: 8,
      ticketClass: 0,
    };
    const spec = {
      modelId: await registry.read.idOf([manifest]),
      inDigest: hash("in"),
      inputRef: zeroHash as Hex,
      stages: 1,
      policy,
      seatReward: 100n,
      pokeFee: 5n,
      insuredValue: 0n,
      client: zeroAddress,
      callback: zeroAddress,
      callbackGas: 0,
      expiry: 0,
      paramsVersion: 0,
      resultKey: zeroHash as Hex,
    };
    const good = await lens.read.quote([deployer, spec]);
    expect(good.escrow).to.equal(336n); // 1.02 * 3 * 100 + 6 * 5
    expect([good.started, good.maskAccepted, good.sizeAccepted]).to.deep.equal([true, true, true]);
    expect([good.workers, good.leastReward, good.free, good.riskLeft]).to.deep.equal([2, 0n, 0n, M / 4n]);

    const bad = await lens.read.quote([deployer, { ...spec, policy: { ...policy, mask: 2, ticketClass: 1 } }]);
    expect([bad.maskAccepted, bad.sizeAccepted, bad.workers]).to.deep.equal([false, false, 0]);
    expect(bad.leastReward).to.equal(77n);
  });
});

/** EIP-2098: the parity in the highest bit of s. */
function compact(signature: Hex): Hex {
  const [r, s, v] = [signature.slice(2, 66), signature.slice(66, 130), signature.slice(130)];
  const top = v === "1c" ? 1n << 255n : 0n;
  return `0x${r}${(BigInt(`0x${s}`) | top).toString(16).padStart(64, "0")}`;
}
