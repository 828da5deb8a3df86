// SPDX-License-Identifier: GPL-3.0-or-later
import { HEADER_FIELDS, headerHash, type BlockHeader } from "../../adapters/chain/block-header.ts";
import type { JsonRpc, RpcCall } from "../../adapters/chain/json-rpc.ts";
import { rawTransaction } from "../../adapters/chain/recorded-transaction.ts";
import type { Hex } from "../../core/bytes.ts";
import { AuditError } from "../errors.ts";
import type { RecordedHeader, RecordedLogs, RecordedOutcome, RecordedTransactions } from "./recorded-blocks.ts";

/** What a node shows; fields are believed only as far as they fit a header's hash. */
type Shown = Readonly<Record<string, unknown>>;

export interface RecordedSegment {
  readonly headers: readonly RecordedHeader[];
  readonly transactions: readonly RecordedTransactions[];
  readonly logs: readonly RecordedLogs[];
}

export const blockTag = (block: number): Hex => `0x${block.toString(16)}`;
const lower = (hex: unknown): Hex => String(hex).toLowerCase() as Hex;
const lost = (what: string) => new AuditError("CHAIN_LOST", { what });

function readHeader(shown: Shown): RecordedHeader {
  const header = Object.fromEntries(HEADER_FIELDS.map((field) => [field, lower(shown[field])])) as BlockHeader;
  const hash = lower(shown["hash"]);
  if (headerHash(header) !== hash)
    throw new AuditError("CHAIN_NOT_LOCAL", { why: `block ${Number(header.number)} has a header of other rules` });
  return { hash, header };
}

export function readOutcome(shown: Shown): RecordedOutcome {
  const logs = (shown["logs"] as Shown[]).map(({ address, topics, data }) => ({
    address: lower(address),
    topics: (topics as unknown[]).map(lower),
    data: lower(data),
  }));
  return {
    hash: lower(shown["transactionHash"]),
    ok: shown["status"] === "0x1",
    gasUsed: Number(shown["gasUsed"]),
    logs,
  };
}

/** Reads blocks `from` to `to`, whole. Errors: CHAIN_LOST, CHAIN_NOT_LOCAL (headers of other rules, senders without a signature), RPC_UNAVAILABLE. */
export async function recordBlocks(rpc: JsonRpc, from: number, to: number): Promise<RecordedSegment> {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const blocks = (await rpc.batch(
    numbers.map((n): RpcCall => ["eth_getBlockByNumber", [blockTag(n), true]]),
  )) as (Shown | null)[];
  const held = blocks.map((block, i) => {
    if (block === null) throw lost(`block ${numbers[i]}`);
    return { block: numbers[i] ?? 0, header: readHeader(block), shown: block["transactions"] as Shown[] };
  });
  for (const [i, { header }] of held.entries())
    // `hardhat_mine` skips many blocks at once, and gives them no real headers.
    if (i > 0 && header.header.parentHash !== held[i - 1]?.header.hash)
      throw new AuditError("CHAIN_NOT_LOCAL", {
        why: `block ${numbers[i]} does not follow the one before: it was skipped to`,
      });
  const all = held.flatMap(({ shown }) => shown);
  const receipts = (await rpc.batch(
    all.map(({ hash }): RpcCall => ["eth_getTransactionReceipt", [hash]]),
  )) as (Shown | null)[];
  const byHash = new Map(receipts.flatMap((one) => (one === null ? [] : [[lower(one["transactionHash"]), one]])));
  const segment = {
    headers: held.map(({ header }) => header),
    transactions: [] as RecordedTransactions[],
    logs: [] as RecordedLogs[],
  };
  for (const { block, shown } of held) {
    if (shown.length === 0) continue;
    const raw: Hex[] = [];
    const outcomes: RecordedOutcome[] = [];
    for (const transaction of shown) {
      const hash = lower(transaction["hash"]);
      const signed = rawTransaction(transaction);
      const receipt = byHash.get(hash);
      if (receipt === undefined) throw lost(`receipt of transaction ${hash}`);
      if (signed === null)
        throw new AuditError("CHAIN_NOT_LOCAL", { why: `transaction ${hash} has no signature of its sender` });
      raw.push(signed);
      outcomes.push(readOutcome(receipt));
    }
    segment.transactions.push({ block, raw });
    segment.logs.push({ block, outcomes });
  }
  return segment;
}
