// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { pad, toHex } from "viem";
import { assayHubAbi } from "../../../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../../../offchain/adapters/chain/abi/dev-token.ts";
import { BlockWatcher } from "../../../../offchain/adapters/chain/block-watcher.ts";
import { createChain } from "../../../../offchain/adapters/chain/create-chain.ts";
import { mayHoldLogs } from "../../../../offchain/adapters/chain/logs-bloom.ts";
import { PollPace } from "../../../../offchain/adapters/chain/poll-pace.ts";
import { MemoryJournal } from "../../../../offchain/adapters/store/memory-journal.ts";
import { startTestChain, type TestChain } from "../../../support/cluster/chain.ts";
import { nullLogger, testClock } from "../../../support/cluster/cluster.ts";

describe("poll-pace", () => {
  it("default: rests while no block can come, then asks at the poll interval", () => {
    let now = 0;
    const pace = new PollPace(250, { monotonicMs: () => now });
    for (let number = 1n; number <= 5n; number += 1n) {
      pace.observe(number);
      now += 1_000;
    }
    now -= 1_000;
    expect(pace.pauseMs()).to.equal(700);
    now += 600;
    expect(pace.pauseMs()).to.equal(250);
  });

  it("behavior: an unknown pace, a rewind and bursts are polled at the interval; the rest is bounded", () => {
    let now = 0;
    const pace = new PollPace(100, { monotonicMs: () => now });
    expect(pace.pauseMs()).to.equal(100);
    for (let number = 1n; number <= 5n; number += 1n, now += 60_000) pace.observe(number);
    pace.observe(6n);
    expect(pace.pauseMs()).to.equal(800);
    now += 10;
    pace.observe(7n);
    expect(pace.pauseMs()).to.equal(100);
    pace.observe(3n);
    expect(pace.pauseMs()).to.equal(100);
  });
});

describe("rpc load", function suite() {
  this.timeout(30_000);
  let node: TestChain;
  before(async () => {
    node = await startTestChain();
  });
  after(() => node.close());

  it("behavior: an empty bloom proves nothing, a short one neither (a chain that leaves it out loses no logs)", () => {
    expect(mayHoldLogs(null, node.deployment.hub)).to.equal(true);
    expect(mayHoldLogs(pad("0x", { size: 256 }), node.deployment.hub)).to.equal(true);
    expect(mayHoldLogs("0x01", node.deployment.hub)).to.equal(true);
    expect(mayHoldLogs(pad("0x01", { size: 256 }), node.deployment.hub)).to.equal(false);
  });

  it("behavior: eth_getLogs is asked once a range and only for blocks that may concern the deployment (R72)", async () => {
    const { public: reader, wallet, account } = node.clients(3);
    const { hub, token } = node.deployment;
    const calls: string[] = [];
    const journal = new MemoryJournal({ clock: testClock });
    const { client } = await createChain(
      { rpcUrl: node.url, chainId: 31337, hub },
      { clock: testClock, random: Math.random, signal: new AbortController().signal, logger: nullLogger, journal },
    );
    const counted = {
      ...client,
      request: (async (call: { method: string }) => {
        calls.push(call.method);
        return client.request(call as never);
      }) as typeof client.request,
    };
    const seen: string[] = [];
    const watcher = new BlockWatcher(
      { chainId: 31337n, addresses: [hub], fromBlock: 1n, confirmations: 0, maxRange: 1_000, pollMs: 20 },
      { client: counted, cursors: journal, clock: testClock, random: Math.random, logger: nullLogger },
      {
        onHead: () => undefined,
        onBatch: async ({ logs }) => void seen.push(...logs.map(({ transactionHash }) => transactionHash ?? "")),
        onRewind: async () => undefined,
      },
    );
    const count = async () => {
      calls.length = 0;
      await watcher.poll();
      return {
        blocks: calls.filter((one) => one === "eth_getBlockByNumber").length,
        logs: calls.filter((one) => one === "eth_getLogs").length,
      };
    };
    const send = async (
      address: `0x${string}`,
      abi: readonly unknown[],
      functionName: string,
      args: readonly unknown[],
    ) => {
      const hash = await wallet.writeContract({ chain: null, account, address, abi: abi as never, functionName, args });
      await reader.waitForTransactionReceipt({ hash });
      return hash;
    };
    expect(await count()).to.deep.equal({ blocks: 1, logs: 1 });
    expect(await count(), "no new block").to.deep.equal({ blocks: 1, logs: 0 });
    await node.rpc("hardhat_mine", ["0x1"]);
    expect(await count(), "an empty block").to.deep.equal({ blocks: 1, logs: 0 });
    await send(token, devTokenAbi, "mint", [account.address, 10n]);
    expect(await count(), "a block of others").to.deep.equal({ blocks: 1, logs: 0 });
    await send(token, devTokenAbi, "approve", [hub, 10n]);
    const hash = await send(hub, assayHubAbi, "deposit", [10n]);
    // Two blocks at once: the cursor's hash is compared, the range is asked for once, the blocks between are not fetched.
    expect(await count(), "a range").to.deep.equal({ blocks: 2, logs: 1 });
    expect(seen.filter((one) => one === hash)).to.have.lengthOf(1);
    const single = await send(hub, assayHubAbi, "withdraw", [10n, account.address]);
    expect(await count(), "a block that concerns the hub").to.deep.equal({ blocks: 1, logs: 1 });
    expect(seen).to.include(single);
    expect(toHex(journal.cursor()?.number ?? 0n)).to.equal(await node.rpc("eth_blockNumber"));
  });
});
