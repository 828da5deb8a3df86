// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import { createChain } from "../../adapters/chain/create-chain.ts";
import { readHistory } from "../../adapters/chain/read-history.ts";
import { silentLogger } from "../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../adapters/observe/system-clock.ts";
import { fromHex, type Hex } from "../../core/bytes.ts";
import { errorText } from "../../core/check.ts";
import { hasCode, isAssayError } from "../../core/errors.ts";
import type { PairingEngine } from "../../core/ports/pairing.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../core/receipt.ts";
import type { ReceiptReport } from "../../core/verify-receipt.ts";
import { CIPHER } from "../../core/types.ts";
import { verifyReceipts } from "../../core/verify-receipts.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import { EVIDENCE_CLASSES } from "../evidence/all.ts";
import type { EvidenceClaim, JobContext } from "../evidence/evidence-class.ts";
import { joinHistory } from "../fairness/history.ts";
import { reExecute } from "../re-execute.ts";
import { isCipherModel, loadBundledModel, type BundledModel } from "./bundled-model.ts";
import { checkBuilds, checkContracts, checkKey, checkModel, checkParameters } from "./check-deployment.ts";
import { checkDraws } from "./check-draws.ts";
import { checkPayouts } from "./check-payouts.ts";
import type { ClaimLog } from "./claim-log.ts";
import { bad, findingOf, firstBad, good, unknown, type Finding } from "./claims.ts";
import type { KnownBuild } from "./known-builds.ts";
import { startLocalChain, type LocalChain } from "./local-chain.ts";
import { openRecordedChain, replayBlocks, type ChainFindings, type RecordedChain } from "./replay-blocks.ts";

export interface ReplayOptions {
  /** The last block's hash, from somebody that the auditor believes: what makes it the chain that everybody saw. */
  readonly headHash?: Hex | undefined;
  /** The bundle's root, likewise. */
  readonly root?: Hex | undefined;
  /** What the auditor built from the sources; none: the deployed code is not compared. */
  readonly builds?: readonly KnownBuild[];
  readonly refuseDevelopmentKeys?: boolean;
  readonly pairing?: PairingEngine | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: string, done?: number, total?: number) => void;
}

export interface ReplayPorts {
  /** An ended job's receipt, put together from the chain at this endpoint. */
  readonly receiptOf: (rpcUrl: string, hub: Hex, fromBlock: number, jobId: Hex) => Promise<Receipt>;
}

/** What the replayed chain is asked through. */
interface Replayed {
  readonly local: LocalChain;
  readonly chain: Chain;
  readonly recorded: RecordedChain;
}

const NEEDS_REPLAY = unknown("the recorded chain did not come out, so nothing that rests on it was looked at");

function checkFiles(bundle: Bundle, root: Hex | undefined): Finding {
  if (root !== undefined && root !== bundle.root) return bad("manifest.json", `the bundle's root is ${bundle.root}`);
  for (const { path } of bundle.manifest.files) bundle.read(path);
  return good(
    `${bundle.manifest.files.length} files have the hashes of the manifest; root ${bundle.root}${root === undefined ? "" : ", as given"}`,
  );
}

function checkAnchor(bundle: Bundle, headHash: Hex | undefined): Finding {
  if (headHash === undefined)
    return unknown(
      "a chain that somebody made up replays as well as a real one: give --head, the last block's hash, from a source of your own",
    );
  const have = bundle.manifest.headHash;
  return have === headHash
    ? good(`block ${bundle.manifest.toBlock} has the hash that was given`)
    : bad("manifest.json", `the last block is ${have}`);
}

/** Audits a bundle into `log`: every claim that is not there yet. Errors: BUNDLE_INVALID where nothing can be read, REPLAY_CHAIN, RPC_UNAVAILABLE. */
export async function replayBundle(
  bundle: Bundle,
  log: ClaimLog,
  options: ReplayOptions,
  ports: ReplayPorts,
): Promise<void> {
  const { onProgress, signal } = options;
  const { manifest } = bundle;
  await log.judge("bundle/files", "every file has the hash of the manifest", "manifest.json", () =>
    checkFiles(bundle, options.root),
  );
  await log.judge("bundle/anchor", "it is the chain that everybody saw", "manifest.json", () =>
    checkAnchor(bundle, options.headHash),
  );

  onProgress?.("reading the recorded chain");
  const findings: ChainFindings = {};
  let replayed: Replayed | undefined;
  let local: LocalChain | undefined;
  try {
    const recorded = await tryReading(bundle, findings);
    if (recorded !== undefined) {
      const first = recorded.blocks[0]?.header.header;
      local = await startLocalChain(recorded.genesis, Number(first?.timestamp ?? 0), Number(first?.gasLimit ?? 0));
      await replayBlocks(recorded, local, findings, (block) => {
        signal?.throwIfAborted();
        onProgress?.("mining the blocks again", block, manifest.toBlock);
      });
    }
    await judgeChain(log, findings);
    if (recorded !== undefined && local !== undefined && findings.replay?.verdict === "ok") {
      const { hub, chainId } = manifest;
      const chain = await openDeployment(local, chainId, hub);
      if (chain !== undefined) replayed = { local, chain, recorded };
      await log.judge("chain/deployment", "an Assay deployment stands at the hub's address", "manifest.json", () =>
        chain === undefined
          ? bad("manifest.json", `no deployment of Assay at ${hub}`)
          : good(`hub ${hub}, vault ${chain.contracts.vault}`),
      );
    }
    await judgeRest(bundle, log, options, ports, replayed);
  } finally {
    await local?.close();
  }
}

async function tryReading(bundle: Bundle, findings: ChainFindings): Promise<RecordedChain | undefined> {
  try {
    const recorded = await openRecordedChain(bundle, findings);
    // What is not even signed or linked is not sent to a chain.
    return findings.headers?.verdict === "ok" && findings.transactions?.verdict === "ok" ? recorded : undefined;
  } catch (error) {
    const found = findingOf(error, "chain");
    findings.headers ??= found;
    return undefined;
  }
}

async function judgeChain(log: ClaimLog, findings: ChainFindings): Promise<void> {
  const says = {
    headers: "the recorded headers are one chain",
    transactions: "every transaction is signed by its sender, for this chain",
    replay: "running every transaction again makes the same blocks",
    logs: "the recorded logs are what the transactions say",
  } as const;
  for (const name of ["headers", "transactions", "replay", "logs"] as const)
    await log.judge(
      `chain/${name}`,
      says[name],
      "chain",
      () => findings[name] ?? unknown("an earlier claim about the chain is false"),
    );
}

async function openDeployment(local: LocalChain, chainId: number, hub: Hex): Promise<Chain | undefined> {
  try {
    return await createChain(
      { rpcUrl: local.url, chainId, hub },
      { clock: systemClock, random: Math.random, signal: new AbortController().signal, logger: silentLogger },
    );
  } catch (error) {
    if (
      hasCode(error, "NO_CONTRACT") ||
      hasCode(error, "WRONG_CHAIN") ||
      hasCode(error, "REVERTED") ||
      hasCode(error, "RPC_REJECTED")
    )
      return undefined;
    throw error;
  }
}

async function judgeRest(
  bundle: Bundle,
  log: ClaimLog,
  options: ReplayOptions,
  ports: ReplayPorts,
  replayed: Replayed | undefined,
): Promise<void> {
  const { manifest } = bundle;
  const onChain = async (test: (replayed: Replayed) => Finding | Promise<Finding>): Promise<Finding> =>
    replayed === undefined ? NEEDS_REPLAY : test(replayed);
  await log.judge("deployment/contracts", "the listed contracts run the listed code", "contracts.json", async () =>
    onChain(async ({ chain, recorded }) => checkContracts(bundle, chain, recorded)),
  );
  await log.judge("deployment/builds", "the deployed code is built from these sources", "contracts.json", async () =>
    onChain(async ({ chain, recorded }) => checkBuilds(chain, recorded, options.builds ?? [])),
  );
  await log.judge("deployment/parameters", "these are the deployment's parameters", "parameters.json", async () =>
    onChain(async ({ chain }) => checkParameters(bundle, chain)),
  );
  for (const { path } of bundle.ofClass("key"))
    await log.judge(path.slice(0, -".record".length), "the key is the registered one", path, async () =>
      onChain(async ({ chain }) => checkKey(bundle, chain, path)),
    );

  const events =
    replayed === undefined
      ? []
      : await readHistory(replayed.chain, { fromBlock: 0n, toBlock: BigInt(manifest.toBlock) });
  const history = joinHistory(events);
  const models = new Map<Hex, ReturnType<typeof loadBundledModel>>();
  const load = async (modelId: Hex) => {
    const loading = models.get(modelId) ?? loadBundledModel(bundle, modelId);
    models.set(modelId, loading);
    return loading;
  };
  const modelIds = bundle
    .ofClass("model")
    .flatMap(({ path }) => /^models\/(0x[0-9a-f]{64})\/manifest\.json$/.exec(path)?.[1] ?? []) as Hex[];
  for (const modelId of modelIds)
    await log.judge(
      `model/${modelId}`,
      "these are the registered model's files",
      `models/${modelId}/manifest.json`,
      async () => onChain(async () => checkModel(bundle, history, modelId, load)),
    );
  const jobs = await openJobs(bundle, options, ports, replayed);
  for (const [i, jobId] of manifest.jobs.entries()) {
    options.signal?.throwIfAborted();
    options.onProgress?.("judging jobs", i, manifest.jobs.length);
    await judgeJob({ bundle, log, options, ports, replayed, events, history, jobs, load }, jobId);
  }
}

type BundledJob = { readonly receipt: Receipt; readonly report: ReceiptReport };
interface Jobs {
  readonly bundled: ReadonlyMap<Hex, BundledJob>;
  readonly failures: ReadonlyMap<Hex, Finding>;
  readonly rebuilt: (jobId: Hex) => Promise<Receipt>;
}

/** Reads all receipts and checks them together, proofs of all in one product. */
async function openJobs(
  bundle: Bundle,
  options: ReplayOptions,
  ports: ReplayPorts,
  replayed: Replayed | undefined,
): Promise<Jobs> {
  const { manifest } = bundle;
  const opened: { jobId: Hex; receipt: Receipt }[] = [];
  const failures = new Map<Hex, Finding>();
  const cache = new Map<Hex, Promise<Receipt>>();
  const rebuilt = async (jobId: Hex): Promise<Receipt> => {
    const made =
      cache.get(jobId) ?? ports.receiptOf(replayed?.local.url ?? "", manifest.hub, manifest.fromBlock, jobId);
    cache.set(jobId, made);
    return made;
  };
  for (const jobId of manifest.jobs) {
    const path = `jobs/${jobId}/receipt`;
    try {
      const receipt = decodeReceipt(bundle.read(path));
      if (receipt.jobId === jobId) opened.push({ jobId, receipt });
      else failures.set(jobId, bad(path, `it is the receipt of job ${receipt.jobId}`));
    } catch (error) {
      failures.set(jobId, findingOf(error, path));
    }
  }
  const asked = [];
  for (const { jobId, receipt } of opened) {
    // The record that the replayed chain holds vouches for commitments which seats posted themselves.
    const onChain = replayed === undefined ? undefined : await rebuilt(jobId).catch(() => undefined);
    const expected = {
      chainId: BigInt(manifest.chainId),
      hub: manifest.hub,
      jobId,
      ...(onChain === undefined ? {} : { recordHash: onChain.recordHash, outDigest: onChain.outDigest }),
    };
    asked.push({ receipt, expected });
  }
  const { refuseDevelopmentKeys = false, pairing } = options;
  const reports = await verifyReceipts(asked, { refuseDevelopmentKeys }, pairing);
  const bundled = new Map(
    opened.flatMap(({ jobId, receipt }, i) => {
      const report = reports[i];
      return report === undefined ? [] : [[jobId, { receipt, report }] as const];
    }),
  );
  return { bundled, failures, rebuilt };
}

interface JobWork {
  readonly bundle: Bundle;
  readonly log: ClaimLog;
  readonly options: ReplayOptions;
  readonly ports: ReplayPorts;
  readonly replayed: Replayed | undefined;
  readonly events: JobContext["events"];
  readonly history: JobContext["history"];
  readonly jobs: Jobs;
  readonly load: (modelId: Hex) => ReturnType<typeof loadBundledModel>;
}

/** The receipt is what the replayed chain gives, but for what only its client could add. */
async function checkReceipt({ jobs, bundle }: JobWork, { receipt, jobId, path }: JobContext): Promise<Finding> {
  const own = await jobs.rebuilt(jobId);
  const { clientClaims, output, outputSalt } = receipt;
  const expected = encodeReceipt({ ...own, hub: receipt.hub, clientClaims, output, outputSalt });
  if (Buffer.compare(expected, bundle.read(path)) === 0) return good("the chain gives the same receipt, byte for byte");
  const differs = (Object.keys(own) as (keyof Receipt)[]).find(
    (name) =>
      !["clientClaims", "output", "outputSalt", "hub"].includes(name) && text(own[name]) !== text(receipt[name]),
  );
  return bad(`${path}, ${differs ?? "encoding"}`, "the replayed chain gives another receipt");
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === "bigint" ? String(one) : typeof one === "string" ? one.toLowerCase() : one,
  );

function checkEvidence({ report, path }: JobContext): Finding {
  const failed = report.checks.find(({ ok }) => !ok);
  if (failed !== undefined) return bad(`${path}, ${failed.name}`, failed.detail);
  return good(`${report.checks.length} checks: ${report.checks.map(({ name }) => name).join(", ")}`);
}

/** Runs the integer program again on what the requester opened. */
async function checkExecution({ bundle, load }: JobWork, { receipt, jobId }: JobContext): Promise<Finding> {
  const path = `jobs/${jobId}/input`;
  const { modelId } = receipt.job.spec;
  if (!bundle.has(path)) return unknown("the requester opened no input in this bundle");
  if (!bundle.has(`models/${modelId}/manifest.json`)) return unknown("the bundle lacks the model's files");
  const secretPath = `jobs/${jobId}/secret`;
  const secret = bundle.has(secretPath)
    ? fromHex(new TextDecoder().decode(bundle.read(secretPath)).trim(), 32, "The job secret")
    : undefined;
  const model = await load(modelId).catch((error: unknown) => error);
  // Named by the model's own claim.
  if (isAssayError(model)) return unknown(`the bundle's files are not the model's: ${errorText(model)}`);
  if (model instanceof Error) throw model;
  const opened = { input: bundle.read(path), secret };
  const loaded = model as BundledModel;
  if (isCipherModel(loaded)) return unknown("the bundle's model is one over ciphertexts");
  const checks = await reExecute(receipt, loaded, opened);
  const failed = checks.find(({ ok }) => !ok);
  if (failed === undefined) return good(checks.map(({ detail }) => detail).join("; "));
  return bad(failed.name === "re-execution input" ? path : `jobs/${jobId}/receipt`, `${failed.name}: ${failed.detail}`);
}

async function judgeJob(work: JobWork, jobId: Hex): Promise<void> {
  const { bundle, log, options, replayed, events, history, jobs } = work;
  const path = `jobs/${jobId}/receipt`;
  const found = jobs.bundled.get(jobId);
  const context: JobContext | undefined =
    found === undefined || replayed === undefined
      ? undefined
      : {
          bundle,
          chain: replayed.chain,
          recorded: replayed.recorded,
          events,
          history,
          jobId,
          path,
          ...found,
          receiptOf: jobs.rebuilt,
          bundledOf: (id) => jobs.bundled.get(id),
          pairing: options.pairing,
          modelOf: work.load,
        };
  const core: readonly EvidenceClaim[] = [
    { name: "receipt", says: "the receipt is what the chain gives", check: async (one) => checkReceipt(work, one) },
    { name: "evidence", says: "the receipt's evidence decides its result", check: checkEvidence },
    { name: "draws", says: "seats were drawn from tickets and seeds", check: checkDraws },
    { name: "payouts", says: "money moved as settlement's rules say", check: checkPayouts },
  ];
  const execution = { name: "re-execution", says: "the program gives this result", check: async (one: JobContext) => checkExecution(work, one) }; // prettier-ignore
  // Over ciphertexts the program is evaluated a stage a claim.
  const isCipher = found !== undefined && (found.receipt.job.spec.policy.mask & CIPHER) !== 0;
  const extra = found === undefined ? [] : EVIDENCE_CLASSES.filter(({ applies }) => applies(found.receipt));
  const own = found === undefined ? [] : extra.flatMap(({ claims, more }) => [...claims, ...(more?.(found.receipt) ?? [])]); // prettier-ignore
  for (const { name, says, check } of [...core, ...(isCipher ? [] : [execution]), ...own])
    await log.judge(`job/${jobId}/${name}`, says, path, async () => {
      const failure = jobs.failures.get(jobId);
      if (failure !== undefined) return name === "receipt" ? failure : unknown("its receipt cannot be read");
      return context === undefined ? NEEDS_REPLAY : check(context);
    });
}

/** Whether nothing is false. What could not be checked is told apart. */
export const holds = (log: ClaimLog): boolean => firstBad(log.claims) === undefined;
