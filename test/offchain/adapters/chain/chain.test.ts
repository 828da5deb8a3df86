// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hexToBytes } from "viem";
import { approveTokens } from "../../../../offchain/adapters/chain/actions/approve-tokens.ts";
import { getAllowance } from "../../../../offchain/adapters/chain/actions/get-allowance.ts";
import { withdrawBalance } from "../../../../offchain/adapters/chain/actions/withdraw-balance.ts";
import { depositBalance } from "../../../../offchain/adapters/chain/actions/deposit-balance.ts";
import { devTokenAbi } from "../../../../offchain/adapters/chain/abi/dev-token.ts";
import { BundlingSender } from "../../../../offchain/adapters/chain/bundling-sender.ts";
import { BlockWatcher } from "../../../../offchain/adapters/chain/block-watcher.ts";
import { ChainClock } from "../../../../offchain/adapters/chain/chain-clock.ts";
import { createChain } from "../../../../offchain/adapters/chain/create-chain.ts";
import { MemoryJournal } from "../../../../offchain/adapters/store/memory-journal.ts";
import { packSignature, signDigest } from "../../../../offchain/core/signature.ts";
import { startTestChain, type TestChain } from "../../../support/cluster/chain.ts";
import { nullLogger, testClock, until } from "../../../support/cluster/cluster.ts";
import { expectCode } from "../../../support/expect-code.ts";

describe("adapters/chain", function suite() {
  this.timeout(180_000);
  let node: TestChain;
  let life: AbortController;

  before(async () => {
    node = await startTestChain();
  });
  beforeEach(() => {
    life = new AbortController();
  });
  afterEach(() => life.abort());
  after(() => node.close());

  const connect = async (options: { rpcUrl?: string; chainId?: number; hub?: string } = {}, account = 5) => {
    const { address, privateKey } = node.account(account);
    const journal = new MemoryJournal({ clock: testClock });
    const signer = {
      address: address.toLowerCase() as `0x${string}`,
      signDigest: (digest: Uint8Array) => packSignature(signDigest(digest, hexToBytes(privateKey))),
    };
    const chain = await createChain(
      { rpcUrl: node.url, chainId: 31337, hub: node.deployment.hub, pollMs: 20, ...options },
      { clock: testClock, random: Math.random, signal: life.signal, logger: nullLogger, signer, journal },
    );
    return { chain, journal, address };
  };

  it("default: transactions at once get nonces in order and stand in the journal as mined", async () => {
    const { chain, journal, address } = await connect();
    const spender = node.deployment.vault;
    const receipts = await Promise.all([1n, 2n, 3n, 4n].map((amount) => approveTokens(chain, { spender, amount })));
    expect(new Set(receipts.map(({ transactionHash }) => transactionHash)).size).to.equal(4);
    expect(await getAllowance(chain, { owner: address, spender })).to.equal(4n);
    expect(journal.transactions({ status: "mined" })).to.have.lengthOf(4);
  });

  it("error: REVERTED with the Solidity error's name and arguments; nothing is sent", async () => {
    const { chain, journal, address } = await connect({}, 6);
    const error = await expectCode("REVERTED", () => withdrawBalance(chain, { amount: 5n, to: address }));
    expect(Reflect.get(Object(error), "meta")).to.deep.include({ name: "BalanceTooLow", args: "0, 5" });
    expect(journal.transactions({})).to.deep.equal([]);
  });

  it("behavior: calls in one bundle: of two that cannot both be, the second is refused with the hub's own reason", async () => {
    const { chain, journal, address } = await connect({}, 7);
    const { wallet, public: reader } = node.clients(0);
    const { token, hub } = node.deployment;
    const write = async (call: Parameters<typeof wallet.writeContract>[0]) =>
      reader.waitForTransactionReceipt({ hash: await wallet.writeContract(call) });
    await write({ chain: null, address: token, abi: devTokenAbi, functionName: "mint", args: [address, 10n] });
    await approveTokens(chain, { spender: hub, amount: 10n });
    await depositBalance(chain, { amount: 10n });
    const options = { hub: chain.contracts.hub, busyMs: 60_000, waitMs: 100 };
    if (chain.sender === null) return expect.fail("it cannot write");
    const bundling = { ...chain, sender: new BundlingSender(chain.sender, options, testClock, life.signal) };
    await withdrawBalance(bundling, { amount: 1n, to: address });
    const before = journal.transactions({ status: "mined" }).length;
    const [first, second] = [6n, 7n].map(async (amount) => withdrawBalance(bundling, { amount, to: address }));
    const error = await expectCode("REVERTED", async () => second);
    expect(Reflect.get(Object(error), "meta")).to.deep.include({ name: "BalanceTooLow", args: "3, 7" });
    expect((await first)?.status).to.equal("success");
    const sent = journal.transactions({ status: "mined" }).slice(before);
    expect(sent.map(({ purpose }) => purpose)).to.deep.equal(["submitMany"]);
  });

  it("error: WRONG_CHAIN, NO_CONTRACT, RPC_UNAVAILABLE at the start", async () => {
    await expectCode("WRONG_CHAIN", () => connect({ chainId: 1 }));
    await expectCode("NO_CONTRACT", () => connect({ hub: `0x${"12".repeat(20)}` }));
    await expectCode("NO_CONTRACT", () => connect({ hub: "0x12" }));
    await expectCode("RPC_UNAVAILABLE", () => connect({ rpcUrl: "http://127.0.0.1:9" }));
  });

  const watch = async (rpcUrl?: string) => {
    const { chain, journal } = await connect(rpcUrl === undefined ? {} : { rpcUrl });
    const blocks: bigint[] = [];
    const rewinds: bigint[] = [];
    const states: string[] = [];
    const options = {
      chainId: 31337n,
      addresses: [node.deployment.token],
      fromBlock: 1n,
      confirmations: 0,
      maxRange: 4,
      pollMs: 20,
    };
    const watcher = new BlockWatcher(
      options,
      { client: chain.client, cursors: journal, clock: testClock, random: Math.random, logger: nullLogger },
      {
        onHead: () => undefined,
        onBatch: async ({ from, to }) => {
          for (let n = from; n <= to.number; n += 1n) blocks.push(n);
        },
        onRewind: async (number) => void rewinds.push(number),
        onStatus: (status) => states.push(status),
      },
    );
    void watcher.run(life.signal);
    return { watcher, blocks, rewinds, states };
  };
  const headNumber = async () => BigInt(String(await node.rpc("eth_blockNumber")));

  it("behavior: back-fill in bounded ranges delivers every block once, in order", async () => {
    const { blocks } = await watch();
    const head = await headNumber();
    await until(60_000, () => (blocks.at(-1) === head ? true : null));
    expect(blocks).to.deep.equal(Array.from({ length: Number(head) }, (_, i) => BigInt(i + 1)));
  });

  it("behavior: a reorganisation is walked back to the last common block and read again", async () => {
    const { blocks, rewinds } = await watch();
    const start = await headNumber();
    await until(60_000, () => (blocks.at(-1) === start ? true : null));
    const snapshot = await node.rpc("evm_snapshot");
    await node.rpc("hardhat_mine", ["0x3"]);
    await until(60_000, () => (blocks.at(-1) === start + 3n ? true : null));
    await node.rpc("evm_revert", [snapshot]);
    await node.rpc("evm_increaseTime", [1000]);
    await node.rpc("hardhat_mine", ["0x4"]);
    await until(60_000, () => (rewinds.length > 0 && blocks.at(-1) === start + 4n ? true : null));
    expect(rewinds[0]).to.equal(start);
    expect(blocks.slice(-4)).to.deep.equal([start + 1n, start + 2n, start + 3n, start + 4n]);
  });

  it("behavior: RPC down and back: it says so, keeps trying, and misses nothing", async () => {
    let isDown = false;
    const proxy: Server = createServer((incoming, outgoing) => {
      if (isDown) return void incoming.socket.destroy();
      const forward = httpRequest(node.url, { method: incoming.method, headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(forward);
    });
    await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = proxy.address() as AddressInfo;
      const { blocks, states } = await watch(`http://127.0.0.1:${port}`);
      const start = await headNumber();
      await until(60_000, () => (blocks.at(-1) === start ? true : null));
      isDown = true;
      await until(60_000, () => (states.at(-1) === "down" ? true : null));
      await node.rpc("hardhat_mine", ["0x5"]);
      isDown = false;
      await until(60_000, () => (states.at(-1) === "up" && blocks.at(-1) === start + 5n ? true : null));
      expect(new Set(blocks).size).to.equal(blocks.length);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  it("behavior: chain time does not follow a wrong or jumping wall clock", () => {
    let monotonic = 0;
    const clock = new ChainClock({ nowMs: () => 9e12, monotonicMs: () => monotonic, sleep: async () => undefined });
    expect(clock.now()).to.equal(0);
    clock.observe(1_000n);
    monotonic += 500;
    expect(clock.now()).to.equal(1_000.5);
    expect(clock.skewSec()).to.be.greaterThan(1e6);
    clock.observe(900n); // a reorganisation to an older block
    expect(clock.now()).to.equal(900);
  });
});
