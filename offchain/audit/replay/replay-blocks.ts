// SPDX-License-Identifier: GPL-3.0-or-later
import { HEADER_FIELDS, headerHash, type BlockHeader } from "../../adapters/chain/block-header.ts";
import { orderedTrieRoot } from "../../adapters/chain/ordered-trie.ts";
import { openTransaction, type OpenedTransaction } from "../../adapters/chain/recorded-transaction.ts";
import type { Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import { readOutcome } from "../bundle/record-blocks.ts";
import {
  decodeGenesis,
  decodeGifts,
  decodeHeaders,
  decodeLogs,
  decodeTransactions,
  type Genesis,
  type Gift,
  type RecordedHeader,
  type RecordedOutcome,
} from "../bundle/recorded-blocks.ts";
import { bad, good, type Finding } from "./claims.ts";
import type { LocalChain } from "./local-chain.ts";

export const GENESIS_FILE = "chain/genesis.json";
export const BALANCES_FILE = "chain/balances.json";

/** A block as recorded: nothing of it is believed yet. */
export interface RecordedBlock {
  readonly header: RecordedHeader;
  readonly raw: readonly Hex[];
  readonly outcomes: readonly RecordedOutcome[];
}

/** The recorded chain, taken apart. Later checks read transactions and hashes from it once the replay has confirmed them. */
export interface RecordedChain {
  readonly genesis: Genesis;
  readonly gifts: readonly Gift[];
  readonly blocks: readonly RecordedBlock[];
  /** In chain order; filled by `checkTransactions`. */
  readonly transactions: readonly {
    readonly block: number;
    readonly ok: boolean;
    readonly opened: OpenedTransaction;
  }[];
}

/** What a replay found, by claim; a claim that is not reached has none. */
export interface ChainFindings {
  headers?: Finding;
  transactions?: Finding;
  replay?: Finding;
  logs?: Finding;
}

/** Reads the chain's part of a bundle and checks what needs no chain: hashes, links, signatures. Errors: BUNDLE_INVALID. */
export async function openRecordedChain(bundle: Bundle, findings: ChainFindings): Promise<RecordedChain> {
  const { toBlock, headHash, chainId } = bundle.manifest;
  const genesis = decodeGenesis(GENESIS_FILE, bundle.read(GENESIS_FILE));
  const gifts = decodeGifts(BALANCES_FILE, bundle.read(BALANCES_FILE));
  const blocks: RecordedBlock[] = [];
  const transactions: { block: number; ok: boolean; opened: OpenedTransaction }[] = [];
  let parent: Hex | undefined;
  for (let segment = 0; segment * SEGMENT_BLOCKS <= toBlock; segment++) {
    const paths = (["headers", "transactions", "logs"] as const).map((name) => segmentPath(name, segment));
    const [headersPath = "", transactionsPath = "", logsPath = ""] = paths;
    const headers = decodeHeaders(headersPath, bundle.read(headersPath));
    const raws = new Map(
      decodeTransactions(transactionsPath, bundle.read(transactionsPath)).map(({ block, raw }) => [block, raw]),
    );
    const logs = new Map(decodeLogs(logsPath, bundle.read(logsPath)).map(({ block, outcomes }) => [block, outcomes]));
    for (const { hash, header } of headers) {
      const n = blocks.length;
      const where = `${headersPath}, block ${n}`;
      if (Number(header.number) !== n) findings.headers ??= bad(where, `it has number ${Number(header.number)}`);
      if (headerHash(header) !== hash) findings.headers ??= bad(where, "its fields have another hash");
      if (parent !== undefined && header.parentHash !== parent)
        findings.headers ??= bad(where, "it does not follow the block before it");
      parent = hash;
      const raw = raws.get(n) ?? [];
      raws.delete(n);
      const outcomes = logs.get(n) ?? [];
      logs.delete(n);
      if (raw.length > 0 && orderedTrieRoot(raw) !== header.transactionsRoot)
        findings.transactions ??= bad(
          `${transactionsPath}, block ${n}`,
          "these are not the transactions of its header",
        );
      for (const [i, bytes] of raw.entries()) {
        const opened = await openTransaction(bytes);
        const place = `${transactionsPath}, block ${n}, transaction ${i}`;
        if (opened === null) findings.transactions ??= bad(place, "it is no signed transaction in its one spelling");
        else if (opened.chainId !== undefined && opened.chainId !== chainId)
          findings.transactions ??= bad(place, `it was signed for chain ${opened.chainId}`);
        else transactions.push({ block: n, ok: outcomes[i]?.ok ?? false, opened });
      }
      blocks.push({ header: { hash, header }, raw, outcomes });
    }
    const [stray] = raws.keys();
    if (stray !== undefined) findings.transactions ??= bad(`${transactionsPath}, block ${stray}`, "no such block here");
    const [strayLogs] = logs.keys();
    if (strayLogs !== undefined) findings.logs ??= bad(`${logsPath}, block ${strayLogs}`, "no such block here");
  }
  const last = segmentPath("headers", Math.floor(toBlock / SEGMENT_BLOCKS));
  if (blocks.length !== toBlock + 1)
    findings.headers ??= bad(last, `${blocks.length} blocks instead of ${toBlock + 1}`);
  else if (parent !== headHash) findings.headers ??= bad(last, "the last block is not the one that the manifest names");
  if (genesis.chainId !== chainId)
    findings.headers = bad(GENESIS_FILE, `it is chain ${genesis.chainId}, the manifest says ${chainId}`);
  findings.headers ??= good(`${blocks.length} headers have the hashes they claim and follow each other`);
  findings.transactions ??= good(
    `${transactions.length} transactions are those of their headers, signed by their senders for this chain`,
  );
  return { genesis, gifts, blocks, transactions };
}

type Shown = Readonly<Record<string, unknown>>;

/** Fields that follow from executing the block's transactions on the state before. */
const EXECUTED = new Set(["stateRoot", "receiptsRoot", "logsBloom", "gasUsed"]);

/** Which artefact is to blame for a block that came out otherwise. */
function blame(n: number, header: BlockHeader, shown: Shown, isGiven: boolean): Finding {
  const differs = HEADER_FIELDS.filter((field) => header[field] !== String(shown[field]).toLowerCase());
  const segment = Math.floor(n / SEGMENT_BLOCKS);
  const place = (name: "headers" | "transactions") => `${segmentPath(name, segment)}, block ${n}`;
  if (n === 0) return bad(GENESIS_FILE, `the chain begins otherwise: ${differs.join(", ")}`);
  if (differs.includes("transactionsRoot"))
    return bad(place("transactions"), "its transactions are not those of its header");
  const set = differs.filter((field) => !EXECUTED.has(field));
  if (set.length > 0) return bad(place("headers"), `no local chain makes this block: ${set.join(", ")}`);
  const isState = differs.join() === "stateRoot";
  if (isState && isGiven)
    return bad(`${BALANCES_FILE}, before block ${n}`, "with these balances the block leaves another state");
  if (isState)
    return bad(
      place("headers"),
      "the block leaves another state: its time or root is not the real one, or state was changed by neither a transaction nor a recorded balance",
    );
  return bad(place("headers"), `executing its transactions gives another ${differs.join(", ")}`);
}

const isSame = (a: RecordedOutcome | undefined, b: RecordedOutcome): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * Mines every recorded block again on a fresh chain: the same signed bytes in the same order, at the same times. If every block has the
 * recorded hash, so have its state, receipts and logs: nothing of the recording is believed, and a difference is a finding with its place.
 * Errors: RPC_UNAVAILABLE.
 */
export async function replayBlocks(
  recorded: RecordedChain,
  chain: LocalChain,
  findings: ChainFindings,
  onBlock: (block: number) => void = () => {},
): Promise<void> {
  const gifts = Map.groupBy(recorded.gifts, ({ afterBlock }) => afterBlock);
  for (const [
    n,
    {
      header: { hash, header },
      raw,
      outcomes,
    },
  ] of recorded.blocks.entries()) {
    const refused = n === 0 ? undefined : await mine(chain, n, header, raw);
    if (refused !== undefined) return void (findings.replay = refused);
    const shown = (await chain.rpc.call("eth_getBlockByNumber", [header.number, false])) as Shown | null;
    if (shown === null || shown["hash"] !== hash)
      return void (findings.replay = blame(n, header, shown ?? {}, gifts.has(n - 1)));
    const hashes = shown["transactions"] as Hex[];
    const receipts = (await chain.rpc.batch(
      hashes.map((one) => ["eth_getTransactionReceipt", [one]] as const),
    )) as Shown[];
    const logsPath = `${segmentPath("logs", Math.floor(n / SEGMENT_BLOCKS))}, block ${n}`;
    for (const [i, receipt] of receipts.entries())
      if (!isSame(outcomes[i], readOutcome(receipt)))
        findings.logs ??= bad(
          `${logsPath}, transaction ${i}`,
          `transaction ${hashes[i]} says something else when it runs`,
        );
    if (outcomes.length !== hashes.length)
      findings.logs ??= bad(logsPath, `${outcomes.length} outcomes of ${hashes.length}`);
    for (const { account, balance } of gifts.get(n) ?? [])
      await chain.rpc.call("hardhat_setBalance", [account, balance]);
    onBlock(n);
  }
  findings.replay = good(
    `all ${recorded.blocks.length} blocks came out again with their hashes: every log and every word of storage, bit for bit`,
  );
  const said = recorded.blocks.reduce(
    (sum, { outcomes }) => sum + outcomes.reduce((s, { logs }) => s + logs.length, 0),
    0,
  );
  findings.logs ??= good(`${said} recorded logs are what the transactions say when they run`);
}

/** Sends and mines one block; a finding if the chain refuses a transaction. */
async function mine(
  chain: LocalChain,
  n: number,
  header: BlockHeader,
  raw: readonly Hex[],
): Promise<Finding | undefined> {
  const segment = Math.floor(n / SEGMENT_BLOCKS);
  for (const [i, bytes] of raw.entries())
    try {
      await chain.rpc.call("eth_sendRawTransaction", [bytes]);
    } catch (error) {
      if (!isAssayError(error) || error.code !== "RPC_REJECTED") throw error;
      const why = String(error.meta["reason"]);
      // Whose gas money is missing was given it by nobody that the bundle names.
      if (/enough funds|insufficient/i.test(why)) return bad(`${BALANCES_FILE}, before block ${n}`, why);
      return bad(`${segmentPath("transactions", segment)}, block ${n}, transaction ${i}`, why);
    }
  try {
    await chain.rpc.batch([
      ["evm_setNextBlockTimestamp", [Number(header.timestamp)]],
      ["hardhat_setPrevRandao", [header.mixHash]],
      ["hardhat_setNextBlockBaseFeePerGas", [header.baseFeePerGas]],
      ["evm_mine", []],
    ]);
  } catch (error) {
    if (!isAssayError(error) || error.code !== "RPC_REJECTED") throw error;
    return bad(`${segmentPath("headers", segment)}, block ${n}`, String(error.meta["reason"]));
  }
  return undefined;
}
