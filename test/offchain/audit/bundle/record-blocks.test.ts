// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createWalletClient, http, type Hex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { createJsonRpc, type JsonRpc } from "../../../../offchain/adapters/chain/json-rpc.ts";
import { headerHash } from "../../../../offchain/adapters/chain/block-header.ts";
import { orderedTrieRoot } from "../../../../offchain/adapters/chain/ordered-trie.ts";
import { openTransaction, rawTransaction } from "../../../../offchain/adapters/chain/recorded-transaction.ts";
import { findGifts } from "../../../../offchain/audit/bundle/find-gifts.ts";
import { movementOf } from "../../../../offchain/audit/bundle/movements.ts";
import { recordBlocks } from "../../../../offchain/audit/bundle/record-blocks.ts";
import {
  decodeGenesis,
  decodeGifts,
  decodeHeaders,
  decodeLogs,
  encodeLines,
  encodeOne,
  type Genesis,
} from "../../../../offchain/audit/bundle/recorded-blocks.ts";
import { startLocalChain, type LocalChain } from "../../../../offchain/audit/replay/local-chain.ts";
import { replayBlocks, type ChainFindings } from "../../../../offchain/audit/replay/replay-blocks.ts";
import { mineBlocks } from "../../../../scripts/demo/chain.ts";
import { expectCode } from "../../../support/expect-code.ts";

const MNEMONIC = "test test test test test test test test test test test junk";
const GENESIS: Genesis = {
  chainId: 31337,
  hardfork: "osaka",
  accounts: 5,
  balance: "0x21e19e0c9bab2400000",
  client: "",
};
const START = 1_900_000_000;
const BLOCK_GAS = 60_000_000;

describe("recorded blocks", function suite() {
  this.timeout(120_000);
  let chain: LocalChain;
  let head = 0;
  const stranger = mnemonicToAccount(MNEMONIC, { addressIndex: 40 });

  /** A block of 150 transactions of three types, gifts before and after, twice to the same account. */
  before(async () => {
    chain = await startLocalChain(GENESIS, START, BLOCK_GAS);
    const walletOf = (i: number) =>
      createWalletClient({ account: mnemonicToAccount(MNEMONIC, { addressIndex: i }), transport: http(chain.url) });
    const give = async (balance: Hex) => chain.rpc.call("hardhat_setBalance", [stranger.address, balance]);
    const sender = walletOf(0);
    // Before any block, to one that will spend it and to one of the node's own.
    const early = mnemonicToAccount(MNEMONIC, { addressIndex: 41 });
    await chain.rpc.call("hardhat_setBalance", [early.address, "0xde0b6b3a7640002"]);
    await chain.rpc.call("hardhat_setBalance", [sender.account.address, "0xde0b6b3a7640003"]);
    const fees = { maxFeePerGas: 5_000_000_000n, maxPriorityFeePerGas: 1_000_000_000n };
    const common = { chain: null, to: stranger.address, value: 3n, gas: 30_000n } as const;
    for (let nonce = 0; nonce < 150; nonce++) {
      const kinds = [
        { ...fees },
        { gasPrice: 5_000_000_000n, type: "legacy" },
        { gasPrice: 5_000_000_000n, type: "eip2930", accessList: [] },
      ] as const;
      await sender.sendTransaction({ ...common, ...(kinds[nonce % 3] as object), nonce } as never);
    }
    await walletOf(41).sendTransaction({ ...common, ...fees, nonce: 0 } as never);
    await chain.rpc.call("evm_mine");
    await give("0xde0b6b3a7640000");
    await chain.rpc.call("evm_mine");
    await chain.rpc.call("evm_mine");
    await walletOf(40).sendTransaction({
      ...common,
      ...fees,
      to: null,
      data: "0x600b380380600b5f395ff35f",
      nonce: 0,
      gas: 100_000n,
    } as never);
    await chain.rpc.call("evm_mine");
    await give("0xde0b6b3a7640001");
    await chain.rpc.call("evm_mine");
    head = Number(await chain.rpc.call("eth_blockNumber"));
  });
  after(async () => chain.close());

  it("default: what is recorded hashes to its header, whatever the type, and is replayed to the same hashes", async () => {
    const { headers, transactions, logs } = await recordBlocks(chain.rpc, 0, head);
    expect(headers.map(({ header }) => headerHash(header))).to.deep.equal(headers.map(({ hash }) => hash));
    expect(transactions.map(({ raw }) => raw.length)).to.deep.equal([151, 1]);
    for (const { block, raw } of transactions)
      expect(orderedTrieRoot(raw)).to.equal(headers[block]?.header.transactionsRoot);
    const movements = [];
    const opened = [];
    for (const { block, raw } of transactions)
      for (const [i, bytes] of raw.entries()) {
        const one = await openTransaction(bytes);
        const outcome = logs.find((found) => found.block === block)?.outcomes[i];
        const header = headers[block]?.header;
        if (one === null || outcome === undefined || header === undefined) throw new TypeError("it cannot be opened");
        expect(one.hash).to.equal(outcome.hash);
        movements.push(movementOf(one, outcome, header));
        opened.push({ block, ok: outcome.ok, opened: one });
      }
    const gifts = await findGifts(chain.rpc, movements, head, {
      accounts: new Set(
        [0, 1, 2, 3, 4].map((i) => mnemonicToAccount(MNEMONIC, { addressIndex: i }).address.toLowerCase() as Hex),
      ),
      balance: BigInt(GENESIS.balance),
    });
    expect(gifts.map(({ afterBlock, balance }) => [afterBlock, balance])).to.have.deep.members([
      [0, "0xde0b6b3a7640002"],
      [0, "0xde0b6b3a7640003"],
      [1, "0xde0b6b3a7640000"],
      [4, "0xde0b6b3a7640001"],
    ]);
    const blocks = headers.map((header, n) => ({
      header,
      raw: transactions.find(({ block }) => block === n)?.raw ?? [],
      outcomes: logs.find(({ block }) => block === n)?.outcomes ?? [],
    }));
    const again = await startLocalChain(GENESIS, START, BLOCK_GAS);
    const findings: ChainFindings = {};
    await replayBlocks({ genesis: GENESIS, gifts, blocks, transactions: opened }, again, findings);
    await again.close();
    expect(findings.replay?.verdict, findings.replay?.detail).to.equal("ok");
    expect(findings.logs?.verdict).to.equal("ok");
  });

  it("error: CHAIN_LOST, CHAIN_NOT_LOCAL, a node that lost blocks, or made ones that no chain makes again", async () => {
    const through = (edit: (method: string, answer: unknown) => unknown): JsonRpc => ({
      call: async (method, params) => edit(method, await chain.rpc.call(method, params)),
      batch: async (calls) => {
        const answers = await chain.rpc.batch(calls);
        return answers.map((answer, i) => edit(calls[i]?.[0] ?? "", answer));
      },
    });
    const losing = (lost: string) => through((method, answer) => (method === lost ? null : answer));
    await expectCode("CHAIN_LOST", async () => recordBlocks(losing("eth_getBlockByNumber"), 0, head));
    await expectCode("CHAIN_LOST", async () => recordBlocks(losing("eth_getTransactionReceipt"), 0, head));
    const changing = (fields: object) =>
      through((method, answer) => (method === "eth_getBlockByNumber" ? { ...(answer as object), ...fields } : answer));
    await expectCode("CHAIN_NOT_LOCAL", async () => recordBlocks(changing({ gasUsed: "0x1" }), 0, head));
    const impersonated = through((method, answer) => {
      const { transactions } = (answer ?? {}) as { transactions?: object[] };
      return method === "eth_getBlockByNumber"
        ? { ...(answer as object), transactions: transactions?.map((one) => ({ ...one, s: "0x1" })) }
        : answer;
    });
    await expectCode("CHAIN_NOT_LOCAL", async () => recordBlocks(impersonated, 0, head));
    // Many blocks at once: the node only pretends that they were there.
    const skipping = await startLocalChain(GENESIS, START, BLOCK_GAS);
    await skipping.rpc.call("hardhat_mine", ["0x8"]);
    await expectCode("CHAIN_NOT_LOCAL", async () => recordBlocks(skipping.rpc, 0, 8));
    await skipping.close();
    // A devnet with a beacon waits for the end of a beat: block by block.
    const waiting = await startLocalChain(GENESIS, START, BLOCK_GAS);
    await mineBlocks(async (method, params) => waiting.rpc.call(method, params), 8);
    expect((await recordBlocks(waiting.rpc, 0, 8)).headers).to.have.length(9);
    await waiting.close();
  });

  it("error: REPLAY_CHAIN, RPC_REJECTED, RPC_UNAVAILABLE: a chain that cannot start, refuses, or is gone", async () => {
    await expectCode("REPLAY_CHAIN", async () => startLocalChain({ ...GENESIS, chainId: -1 }, START, BLOCK_GAS));
    await expectCode("RPC_REJECTED", async () => chain.rpc.call("eth_sendRawTransaction", ["0x00"]));
    const gone = await startLocalChain(GENESIS, START, BLOCK_GAS);
    await gone.close();
    await expectCode("RPC_UNAVAILABLE", async () => createJsonRpc(gone.url).call("eth_blockNumber"));
  });

  it("behavior: no bytes of strangers are taken for a transaction or a record in two spellings", async () => {
    const [{ raw } = { raw: [] }] = (await recordBlocks(chain.rpc, 1, 1)).transactions;
    const [signed = "0x"] = raw;
    for (const bytes of ["0x", "0x02", "0xff", signed.slice(0, -2), `${signed}00`, signed.replace("0x02", "0x04")])
      expect(await openTransaction(bytes as Hex), bytes).to.equal(null);
    expect(rawTransaction({})).to.equal(null);
    expect(rawTransaction({ type: "0x7e", r: "0x1", s: "0x1" })).to.equal(null);
    const encoded = encodeOne(GENESIS);
    expect(decodeGenesis("genesis", encoded)).to.deep.equal(GENESIS);
    const text = new TextDecoder().decode(encoded);
    const refused = [
      text.trimEnd(),
      `${text}\n`,
      text + text,
      text.replace(":5", ":5.5"),
      text.replace(":5", ": 5"),
      text.replace("osaka", "paris"),
      "{}\n",
      "\n",
      "x\n",
    ];
    for (const wrong of refused)
      await expectCode("BUNDLE_INVALID", () => decodeGenesis("genesis", new TextEncoder().encode(wrong)));
    const { headers } = await recordBlocks(chain.rpc, 0, 1);
    const lines = encodeLines(headers);
    expect(decodeHeaders("headers", lines)).to.deep.equal(headers);
    await expectCode("BUNDLE_INVALID", () => decodeHeaders("headers", lines.subarray(0, lines.length - 1)));
    await expectCode("BUNDLE_INVALID", () => decodeLogs("logs", lines));
    await expectCode("BUNDLE_INVALID", () =>
      decodeGifts("gifts", encodeOne([{ afterBlock: 1, account: "0x12", balance: "0x01" }])),
    );
  });
});
