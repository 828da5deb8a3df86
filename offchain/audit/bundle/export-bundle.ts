// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Chain } from "../../adapters/chain/chain.ts";
import { createJsonRpc, type JsonRpc } from "../../adapters/chain/json-rpc.ts";
import { codeAt, keyRecordAt, parametersAt, policyTableHash } from "../../adapters/chain/read-past.ts";
import { readHistory } from "../../adapters/chain/read-history.ts";
import { openTransaction } from "../../adapters/chain/recorded-transaction.ts";
import { fromHex, type Hex } from "../../core/bytes.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import { decodeReceipt } from "../../core/receipt.ts";
import { ZERO_BYTES32, type ModelManifest } from "../../core/types.ts";
import { loadAnyModel } from "../../engines/program/load-any-model.ts";
import { weightsFile } from "../../engines/she/model/build-cipher-model.ts";
import { innerFolders } from "../../engines/she/model/folders.ts";
import { isCipherFolder, loadCipherModel } from "../../engines/she/model/load-cipher-model.ts";
import { AuditError } from "../errors.ts";
import { EVIDENCE_CLASSES } from "../evidence/all.ts";
import { BALANCES_FILE, GENESIS_FILE } from "../replay/replay-blocks.ts";
import { DEFAULT_BUNDLE_BYTES, SEGMENT_BLOCKS, segmentPath } from "./artefacts.ts";
import { createBundleWriter, plannedBlock, type BundleWriter } from "./bundle-writer.ts";
import { encodeParameters } from "./chain-facts.ts";
import type { JobOpening } from "./job-opening.ts";
import { findGifts } from "./find-gifts.ts";
import { movementOf, type Movement } from "./movements.ts";
import { blockTag, recordBlocks, type RecordedSegment } from "./record-blocks.ts";
import {
  decodeHeaders,
  decodeLogs,
  decodeTransactions,
  encodeLines,
  encodeOne,
  type Genesis,
  type RecordedContract,
} from "./recorded-blocks.ts";

export interface ExportOptions {
  readonly folder: string;
  readonly rpcUrl: string;
  /** The deployment's first block. */
  readonly fromBlock: number;
  /** These jobs and those that they joined; else all that were requested in the range and have ended. */
  readonly jobs?: readonly Hex[] | undefined;
  /** Jobs requested from this block on. */
  readonly requestedFrom?: number | undefined;
  readonly toBlock?: number | undefined;
  /** Folders of models: their programs go into the bundle. Of other models only what the chain says. */
  readonly models?: readonly string[];
  /** Receipts that hold more than the chain knows: results, clients' claims. */
  readonly receipts?: ReadonlyMap<Hex, Uint8Array>;
  readonly openings?: ReadonlyMap<Hex, JobOpening>;
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: string, done?: number, total?: number) => void;
}

export interface ExportPorts {
  readonly chain: Chain;
  /** The receipt of an ended job, put together from the chain alone. Error: RECEIPT_UNAVAILABLE. */
  receiptOf(jobId: Hex): Promise<Uint8Array>;
}

export interface ExportReport {
  readonly folder: string;
  readonly root: Hex;
  readonly blocks: number;
  readonly headHash: Hex;
  readonly jobs: readonly Hex[];
  /** Jobs of the range that no receipt can show, and why: the bundle makes no claim about them. */
  readonly leftOut: readonly { readonly jobId: Hex; readonly why: string }[];
  readonly files: number;
  readonly bytes: number;
}

interface ChosenJobs {
  readonly jobs: readonly Hex[];
  readonly toBlock: number;
  readonly manifests: readonly { readonly modelId: Hex; readonly manifest: ModelManifest }[];
}

/** Which jobs, and the block until which the chain is recorded. Errors: JOB_NOT_IN_BUNDLE, RPC_UNAVAILABLE. */
async function chooseJobs(options: ExportOptions, { chain }: ExportPorts, head: number): Promise<ChosenJobs> {
  const { fromBlock, requestedFrom = 0, jobs: wanted } = options;
  const toBlock = Math.min(options.toBlock ?? head, head);
  const events = await readHistory(chain, { fromBlock: BigInt(fromBlock), toBlock: BigInt(toBlock) });
  const requested = new Map<Hex, number>();
  const ended = new Map<Hex, number>();
  const parents = new Map<Hex, readonly Hex[]>();
  const models = new Map<Hex, Hex>();
  for (const event of events) {
    const block = Number(event.blockNumber);
    if (event.eventName === "JobRequested") {
      requested.set(event.args.jobId, block);
      models.set(event.args.jobId, event.args.modelId);
    } else if (event.eventName === "JobJoined")
      parents.set(
        event.args.jobId,
        event.args.parents.map(({ jobId }) => jobId).filter((jobId) => jobId !== ZERO_BYTES32),
      );
    else if (event.eventName === "Finalized" || event.eventName === "Closed") ended.set(event.args.jobId, block);
  }
  const chosen = new Set<Hex>();
  const choose = (jobId: Hex): void => {
    if (chosen.has(jobId)) return;
    if (!ended.has(jobId)) throw new AuditError("JOB_NOT_IN_BUNDLE", { jobId });
    chosen.add(jobId);
    for (const parent of parents.get(jobId) ?? []) if (requested.has(parent)) choose(parent);
  };
  if (wanted === undefined) {
    for (const [jobId, block] of requested) if (block >= requestedFrom && ended.has(jobId)) choose(jobId);
  } else for (const jobId of wanted) choose(jobId);
  const jobs = [...requested.keys()].filter((jobId) => chosen.has(jobId));
  const used = new Set(jobs.map((jobId) => models.get(jobId)));
  const manifests = events.flatMap((event) =>
    event.eventName === "ModelRegistered" && used.has(event.args.modelId)
      ? [{ modelId: event.args.modelId, manifest: event.args.manifest }]
      : [],
  );
  // Of chosen jobs nothing later than their ends is needed, unless it was asked for.
  const last = Math.max(fromBlock, ...jobs.map((jobId) => ended.get(jobId) ?? 0));
  return { jobs, toBlock: wanted === undefined || options.toBlock !== undefined ? toBlock : last, manifests };
}

/** A segment from an interrupted export, if all of it is there and in order. */
function keptSegment(writer: BundleWriter, segment: number): RecordedSegment | null {
  const [headers, transactions, logs] = (["headers", "transactions", "logs"] as const).map((name) =>
    writer.kept(segmentPath(name, segment)),
  );
  if (headers == null || transactions == null || logs == null) return null;
  try {
    return {
      headers: decodeHeaders("", headers),
      transactions: decodeTransactions("", transactions),
      logs: decodeLogs("", logs),
    };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return null;
  }
}

interface Recorded {
  readonly headHash: Hex;
  readonly movements: readonly Movement[];
  readonly created: readonly { readonly address: Hex; readonly createdBy: Hex }[];
}

async function recordChain(
  writer: BundleWriter,
  rpc: JsonRpc,
  toBlock: number,
  { onProgress, signal }: ExportOptions,
): Promise<Recorded> {
  const movements: Movement[] = [];
  const created: { address: Hex; createdBy: Hex }[] = [];
  let headHash: Hex = ZERO_BYTES32;
  for (let from = 0; from <= toBlock; from += SEGMENT_BLOCKS) {
    signal?.throwIfAborted();
    onProgress?.("reading blocks", from, toBlock);
    const index = from / SEGMENT_BLOCKS;
    const to = Math.min(from + SEGMENT_BLOCKS - 1, toBlock);
    const segment = keptSegment(writer, index) ?? (await recordBlocks(rpc, from, to));
    for (const name of ["headers", "transactions", "logs"] as const)
      writer.put(segmentPath(name, index), encodeLines(segment[name]));
    const headers = new Map(segment.headers.map(({ header }) => [Number(header.number), header]));
    headHash = segment.headers.at(-1)?.hash ?? headHash;
    const outcomes = new Map(segment.logs.map((one) => [one.block, one.outcomes]));
    for (const { block, raw } of segment.transactions)
      for (const [i, bytes] of raw.entries()) {
        const [opened, outcome, header] = [await openTransaction(bytes), outcomes.get(block)?.[i], headers.get(block)];
        if (opened === null || outcome === undefined || header === undefined)
          throw new AuditError("CHAIN_LOST", { what: `transaction ${i} of block ${block}` });
        movements.push(movementOf(opened, outcome, header));
        if (outcome.ok && opened.creates !== null) created.push({ address: opened.creates, createdBy: opened.hash });
      }
  }
  return { headHash, movements, created };
}

async function readGenesis(rpc: JsonRpc, chainId: number): Promise<{ genesis: Genesis; accounts: ReadonlySet<Hex> }> {
  const accounts = (await rpc.call("eth_accounts")) as Hex[];
  const last = accounts.at(-1);
  if (last === undefined)
    throw new AuditError("CHAIN_NOT_LOCAL", { why: "its node has no published development accounts" });
  const balance = (await rpc.call("eth_getBalance", [last, "0x0"])) as Hex;
  const client = String(await rpc.call("web3_clientVersion"));
  const genesis = { chainId, hardfork: "osaka", accounts: accounts.length, balance, client } as const;
  return { genesis, accounts: new Set(accounts.map((one): Hex => `0x${one.slice(2).toLowerCase()}`)) };
}

/** A model's files, as far as its folder has them. `loadAnyModel` has checked them. */
const WEIGHTS = Array.from({ length: 8 }, (_, stage) => weightsFile(stage));
const MODEL_FILES = [
  "manifest.json",
  "model.json",
  "report.json",
  "leakage.json",
  "tokens",
  "program",
  "model.onnx",
] as const;

const CIPHER_FILES = ["manifest.json", "program", "report.json"] as const;

async function writeModels(writer: BundleWriter, folders: readonly string[], used: ReadonlySet<Hex>): Promise<void> {
  const inner = folders.flatMap(innerFolders);
  for (const folder of new Set([...folders, ...inner])) {
    const isCipher = await isCipherFolder(folder);
    const { manifest, ...model } = isCipher ? await loadCipherModel(folder) : await loadAnyModel(folder);
    if (!used.has(manifest.modelId)) continue;
    for (const name of isCipher ? [...CIPHER_FILES, ...WEIGHTS] : MODEL_FILES) {
      // The ONNX file of an integer program is only what it was compiled from.
      if (name === "model.onnx" && !("tolerance" in model)) continue;
      const path = join(folder, name);
      if (existsSync(path) && statSync(path).isFile())
        writer.put(`models/${manifest.modelId}/${name}`, new Uint8Array(readFileSync(path)));
    }
  }
}

/**
 * Writes everything that an auditor needs who has never seen the chain: every block from the first to the last that the jobs need, what the
 * deployment consists of, models, keys and receipts, and what requesters open. The same range of the same chain gives the same bytes. An
 * export that was interrupted is continued in the same folder. Errors: EXPORT_MISFIT, CHAIN_NOT_LOCAL, CHAIN_LOST, BUNDLE_TOO_LARGE,
 * JOB_NOT_IN_BUNDLE, RPC_UNAVAILABLE.
 */
export async function exportBundle(options: ExportOptions, ports: ExportPorts): Promise<ExportReport> {
  const { folder, rpcUrl, fromBlock, onProgress, signal, openings = new Map(), receipts = new Map() } = options;
  const { chain } = ports;
  const hub = chain.contracts.hub.toLowerCase() as Hex;
  const rpc = createJsonRpc(rpcUrl, signal);
  const { genesis, accounts } = await readGenesis(rpc, chain.chainId);
  const head = Number(await rpc.call("eth_blockNumber"));
  onProgress?.("choosing jobs");
  // A chain that runs on has another head now: what an interrupted export planned stays.
  const planned = options.toBlock ?? plannedBlock(folder);
  const { jobs, toBlock, manifests } = await chooseJobs({ ...options, toBlock: planned }, ports, head);
  const top = (await rpc.call("eth_getBlockByNumber", [blockTag(toBlock), false])) as { hash: Hex } | null;
  // The head's hash names all blocks before it: another chain is another export.
  const plan = `${JSON.stringify({ hub, fromBlock, toBlock, headHash: top?.hash, jobs })}\n`;
  const writer = createBundleWriter(folder, plan, options.maxBytes ?? DEFAULT_BUNDLE_BYTES);
  let [files, bytes] = [0, 0];
  const counting: BundleWriter = {
    ...writer,
    put: (path, content, isPrivate) => {
      writer.put(path, content, isPrivate);
      files++;
      bytes += content.length;
    },
  };

  counting.put(GENESIS_FILE, encodeOne(genesis));
  const { headHash, movements, created } = await recordChain(counting, rpc, toBlock, options);
  onProgress?.("looking for balances that no transaction explains");
  counting.put(
    BALANCES_FILE,
    encodeOne(await findGifts(rpc, movements, toBlock, { accounts, balance: BigInt(genesis.balance) })),
  );
  onProgress?.("reading contracts, parameters and keys");
  const contracts: RecordedContract[] = [];
  for (const { address, createdBy } of created)
    contracts.push({ address, createdBy, code: await codeAt(chain, address, toBlock) });
  counting.put("contracts.json", encodeOne(contracts));
  counting.put("parameters.json", encodeParameters(await policyTableHash(chain), await parametersAt(chain, toBlock)));
  const keyIds = new Set(manifests.flatMap(({ manifest }) => manifest.stages.map(({ keyId }) => keyId)));
  for (const keyId of [...keyIds].toSorted()) {
    const record = await keyRecordAt(chain, keyId, toBlock);
    if (record !== null) counting.put(`keys/${keyId}.record`, fromHex(record));
  }
  await writeModels(counting, options.models ?? [], new Set(manifests.map(({ modelId }) => modelId)));
  const leftOut: { jobId: Hex; why: string }[] = [];
  /** Null: it is left out. A job that was asked for by its id is not. */
  const receiptOf = async (jobId: Hex): Promise<Uint8Array | null> =>
    ports.receiptOf(jobId).catch((error: unknown) => {
      if (options.jobs !== undefined || !hasCode(error, "RECEIPT_UNAVAILABLE")) throw error;
      leftOut.push({ jobId, why: String(error.meta["why"]) });
      return null;
    });
  for (const [i, jobId] of jobs.entries()) {
    signal?.throwIfAborted();
    onProgress?.("collecting receipts", i, jobs.length);
    const found = receipts.get(jobId) ?? counting.kept(`jobs/${jobId}/receipt`);
    const receipt = found ?? (await receiptOf(jobId));
    if (receipt === null) continue;
    counting.put(`jobs/${jobId}/receipt`, receipt);
    const opening = openings.get(jobId);
    if (opening?.input !== undefined) counting.put(`jobs/${jobId}/input`, opening.input, true);
    if (opening?.secret !== undefined)
      counting.put(`jobs/${jobId}/secret`, new TextEncoder().encode(opening.secret), true);
    const decoded = decodeReceipt(receipt);
    for (const { applies, collect } of EVIDENCE_CLASSES)
      for (const { file, content } of (applies(decoded) &&
        (await collect?.({ chain, jobId, receipt: decoded, opening }))) ||
        [])
        counting.put(`jobs/${jobId}/${file}`, content);
  }
  const { chainId } = chain;
  const shown = jobs.filter((jobId) => !leftOut.some((one) => one.jobId === jobId));
  const root = writer.close({ format: "assay.bundle", version: 1, chainId, hub, fromBlock, toBlock, headHash, jobs: shown }); // prettier-ignore
  return { folder, root, blocks: toBlock + 1, headHash, jobs: shown, leftOut, files, bytes };
}
