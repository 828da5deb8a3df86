// SPDX-License-Identifier: GPL-3.0-or-later
import type { JsonRpc, RpcCall } from "../../adapters/chain/json-rpc.ts";
import type { Hex } from "../../core/bytes.ts";
import { blockTag } from "./record-blocks.ts";
import type { Movement } from "./movements.ts";
import type { Gift } from "./recorded-blocks.ts";

/** What the node's published accounts have at block 0. */
export interface Beginning {
  /** In lower case. */
  readonly accounts: ReadonlySet<Hex>;
  readonly balance: bigint;
}

/** An account's balance may change at these blocks by transactions, and nowhere else. */
interface Account {
  readonly address: Hex;
  /** Sum of what came and went, by block. */
  readonly moves: ReadonlyMap<number, bigint>;
}

function accountsOf(movements: readonly Movement[]): Account[] {
  const accounts = new Map<Hex, Map<number, bigint>>();
  const move = (address: Hex, block: number, amount: bigint): void => {
    const moves = accounts.get(address) ?? new Map<number, bigint>();
    moves.set(block, (moves.get(block) ?? 0n) + amount);
    accounts.set(address, moves);
  };
  for (const { from, to, value, block, cost } of movements) {
    move(from, block, -cost);
    if (to !== null && value > 0n) move(to, block, value);
  }
  return [...accounts].map(([address, moves]) => ({ address, moves }));
}

/**
 * Balances that development nodes were told to set (`hardhat_setBalance`), found from balances that the transactions do not explain: the
 * one fact about a local chain's state that stands in none of its blocks. Errors: RPC_UNAVAILABLE, RPC_REJECTED.
 */
export async function findGifts(
  rpc: JsonRpc,
  movements: readonly Movement[],
  toBlock: number,
  beginning: Beginning,
): Promise<Gift[]> {
  const found = await Promise.all(
    accountsOf(movements).map(async (account) => giftsOf(rpc, account, toBlock, beginning)),
  );
  return found.flat().toSorted((a, b) => a.afterBlock - b.afterBlock || (a.account < b.account ? -1 : 1));
}

async function giftsOf(
  rpc: JsonRpc,
  { address, moves }: Account,
  toBlock: number,
  beginning: Beginning,
): Promise<Gift[]> {
  const known = new Map<number, bigint>();
  const ask = async (blocks: readonly number[]): Promise<void> => {
    const missing = blocks.filter((block) => !known.has(block));
    const calls = missing.map((block): RpcCall => ["eth_getBalance", [address, blockTag(block)]]);
    for (const [i, balance] of (await rpc.batch(calls)).entries()) known.set(missing[i] ?? 0, BigInt(String(balance)));
  };
  const at = async (block: number): Promise<bigint> => {
    await ask([block]);
    return known.get(block) ?? 0n;
  };
  const gifts: Gift[] = [];
  const blocks = [...moves.keys()].toSorted((a, b) => a - b);
  await ask([0, ...blocks.flatMap((block) => [block - 1, block]), toBlock].filter((block) => block >= 0));
  let from = 0;
  let balance = beginning.accounts.has(address) ? beginning.balance : 0n;
  // Set before the first block was mined.
  const first = await at(0);
  if (first !== balance) gifts.push({ afterBlock: 0, account: address, balance: `0x${first.toString(16)}` });
  balance = first;
  /** Between two blocks without transactions of this account; each step of its balance is a gift. */
  const search = async (to: number): Promise<void> => {
    while ((await at(to)) !== balance) {
      let [low, high] = [from, to];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if ((await at(middle)) === balance) low = middle;
        else high = middle;
      }
      balance = await at(high);
      from = high;
      gifts.push({ afterBlock: high, account: address, balance: `0x${balance.toString(16)}` });
    }
  };
  for (const block of blocks) {
    await search(block - 1);
    balance += moves.get(block) ?? 0n;
    from = block;
    const after = await at(block);
    // Set between this block and the next.
    if (after !== balance) gifts.push({ afterBlock: block, account: address, balance: `0x${after.toString(16)}` });
    balance = after;
  }
  await search(toBlock);
  return gifts;
}
