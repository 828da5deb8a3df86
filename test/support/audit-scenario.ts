// SPDX-License-Identifier: GPL-3.0-or-later
// A chain with one job of each simple kind of evidence, by real accounts and signatures, without waiting for workers.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeAbiParameters, keccak256, maxUint256, toHex as hexOf } from "viem";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { modelRegistryAbi } from "../../offchain/adapters/chain/abi/model-registry.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { exportBundle, type ExportOptions, type ExportReport } from "../../offchain/audit/bundle/export-bundle.ts";
import { encodeBundleManifest, type BundleManifest } from "../../offchain/audit/bundle/manifest.ts";
import { openBundle } from "../../offchain/audit/bundle/open-bundle.ts";
import { readHistory } from "../../offchain/adapters/chain/read-history.ts";
import type { JobContext } from "../../offchain/audit/evidence/evidence-class.ts";
import { joinHistory } from "../../offchain/audit/fairness/history.ts";
import { startLocalChain } from "../../offchain/audit/replay/local-chain.ts";
import { openRecordedChain, replayBlocks, type ChainFindings } from "../../offchain/audit/replay/replay-blocks.ts";
import { loadBundledModel } from "../../offchain/audit/replay/bundled-model.ts";
import { createMemoryLog, type ClaimLog } from "../../offchain/audit/replay/claim-log.ts";
import { replayBundle, type ReplayOptions, type ReplayPorts } from "../../offchain/audit/replay/replay-bundle.ts";
import { fromHex, toHex, type Hex } from "../../offchain/core/bytes.ts";
import { commitment, commitSet, revealDigest, type Claim } from "../../offchain/core/claim.ts";
import { boundaryDigest } from "../../offchain/core/batch-tensors.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { drawSeed, ROUND_0_STAGE } from "../../offchain/core/draw.ts";
import { domainSeparator, typedDigest, typeHash } from "../../offchain/core/eip712.ts";
import { jobId as jobIdOf } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import { decodeReceipt, encodeReceipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { signDigest } from "../../offchain/core/signature.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import {
  FLAG_SMALL_POOL,
  OPTIMISTIC,
  PROOF,
  VOTE,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type DigestKind,
  type Job,
  type Policy,
} from "../../offchain/core/types.ts";
import { prepareInput, rawWidth } from "../../offchain/core/program/preprocess.ts";
import { encodeProofEvidence } from "../../offchain/core/zk/evidence.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { createReferenceExecutor } from "../../offchain/engines/program/reference-executor.ts";
import { runModel } from "../../offchain/engines/program/run-model.ts";
import { connect } from "../../offchain/sdk/node/connect.ts";
import { fund, type TestChain } from "./cluster/chain.ts";
import { honestDigest, provenModel, provenTally } from "./proven-receipt.ts";

export const REWARD = 10n ** 15n;
const STAKE = 4_400n * 10n ** 18n;
export const WORKERS = 13;
export const FIRST_WORKER = 3;
/** Beyond the node's own accounts: its gas money is a gift. */
export const REQUESTER = 30;
export const EMPTY = { seats: [], boundaries: [], tallies: [], decided: 0 } as const;
export const MODEL_FOLDER = "models/tumor-mlp";

export interface Scenario {
  readonly voted: Hex;
  readonly proven: Hex;
  readonly sampled: Hex;
  /** Of the voted job. */
  readonly input: Uint8Array;
  readonly secret: Uint8Array;
}

/** Thirteen staked workers with tickets and a requester with a deposit, and what jobs are made with. Every transaction is a block. */
export async function startScenario(chain: TestChain) {
  const { deployment } = chain;
  const { hub, vault, token, chainId } = deployment;
  const domain = domainSeparator({ chainId: BigInt(chainId), hub });
  const { public: reader } = chain.clients(REQUESTER);
  const write = async (from: number, address: Hex, abi: unknown, functionName: string, args: readonly unknown[]) => {
    const { wallet, account } = chain.clients(from);
    const request = { chain: null, account, address, abi: abi as never, functionName, args, gas: 12_000_000n };
    const hash = await wallet.writeContract(request);
    const { status } = await reader.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new TypeError(`${functionName} reverted`);
  };
  const requester = chain.account(REQUESTER);
  await fund(chain, requester.address);
  await write(REQUESTER, token, devTokenAbi, "mint", [requester.address, 10n ** 30n]);
  for (const spender of [hub, vault]) await write(REQUESTER, token, devTokenAbi, "approve", [spender, maxUint256]);
  await write(REQUESTER, hub, assayHubAbi, "deposit", [10n ** 21n]);

  const separator = keccak256(
    encodeAbiParameters(
      [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }],
      [
        typeHash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
        keccak256(hexOf("Assay Vault")),
        keccak256(hexOf("1")),
        BigInt(chainId),
        vault,
      ],
    ),
  );
  const sign = (index: number, digest: Uint8Array) => signDigest(digest, fromHex(chain.account(index).privateKey, 32));
  for (let n = 0; n < WORKERS; n++) {
    const index = FIRST_WORKER + n;
    const { address } = chain.account(index);
    const struct = encodeAbiParameters(
      [{ type: "bytes32" }, { type: "address" }],
      [typeHash("Register(address owner)"), address],
    );
    const { r, vs } = sign(index, typedDigest(separator, keccak256(struct)));
    const id = hexOf(n + 1, { size: 32 });
    const profile = { transportId: id, sealKey: id, capabilities: 0n, expiry: 2 ** 40, endpoints: "" };
    await write(index, vault, stakeVaultAbi, "register", [address, profile, r, vs]);
    await write(REQUESTER, vault, stakeVaultAbi, "stake", [n + 1, STAKE]);
    const change = { workerId: n + 1, ticketClass: 0, add: 4, remove: [] };
    await write(index, vault, stakeVaultAbi, "applyChanges", [[change]]);
  }
  await write(REQUESTER, vault, stakeVaultAbi, "advanceEpoch", []);

  let nonce = 0n;
  /** Requests a job, mines its seed and says who sits: worker indexes. */
  const request = async (modelIdOf: Hex, inDigest: Hex, policy: Partial<Policy>, seats: number) => {
    const { timestamp } = await reader.getBlock();
    const spec = {
      modelId: modelIdOf,
      inDigest,
      inputRef: ZERO_BYTES32,
      stages: 1,
      policy: {
        mask: VOTE,
        k: 3,
        auditBps: 10_000,
        cls: 0,
        flags: FLAG_SMALL_POOL,
        seatStake: 28n * REWARD,
        window: 0,
        tWork: 20,
        tReveal: 8,
        ticketClass: 0,
        ...policy,
      },
      seatReward: REWARD,
      pokeFee: REWARD / 20n,
      insuredValue: 0n,
      client: ZERO_ADDRESS,
      callback: ZERO_ADDRESS,
      callbackGas: 0,
      expiry: Number(timestamp) + 1_700,
      paramsVersion: 0,
      resultKey: ZERO_BYTES32,
    };
    const job: Job = { requester: requester.address, nonce: nonce++, spec };
    await write(REQUESTER, hub, assayHubAbi, "request", [job.nonce, spec]);
    for (let i = 0; i < 3; i++) await chain.rpc("evm_mine");
    const id = jobIdOf({ chainId: BigInt(chainId), hub }, job);
    const slot = await reader.readContract({ address: hub, abi: assayHubAbi, functionName: "slot", args: [id] });
    const { hash } = await reader.getBlock({ blockNumber: BigInt(slot.seedRef) });
    const ids = await reader.readContract({
      address: vault,
      abi: stakeVaultAbi,
      functionName: "drawIds",
      args: [slot.tableVersion, 0, drawSeed(hash, id, ROUND_0_STAGE, 0), [], BigInt(seats)],
    });
    return { job, id, seats: ids.map((workerId) => ({ workerId, index: FIRST_WORKER + workerId - 1 })) };
  };

  return { domain, write, sign, request, reader };
}

/** Runs the jobs. */
export async function runScenario(chain: TestChain): Promise<Scenario> {
  const { hub, registry, keys } = chain.deployment;
  const { domain, write, sign, request, reader } = await startScenario(chain);
  const model = await loadModel(MODEL_FOLDER);
  const toy = provenModel(1);
  await write(REQUESTER, registry, modelRegistryAbi, "register", [model.manifest.model]);
  await write(REQUESTER, registry, modelRegistryAbi, "register", [toy.manifest]);
  for (const { bytes } of toy.keys) await write(REQUESTER, keys, keyRegistryAbi, "add", [toHex(bytes)]);

  // A real model, a private input, three seats that agree.
  const secret = new Uint8Array(32).fill(7);
  const tensor = prepareInput(
    model.preprocess,
    Array.from({ length: rawWidth(model.preprocess) }, (_, i) => i % 13),
  );
  const input = encodeTensor(tensor);
  const { output, stages } = await runModel(model, tensor, createReferenceExecutor());
  const probe = stages[0]?.probe;
  if (probe === undefined || probe === null) throw new TypeError("the model has no probe");
  const payload = publicDigest(encodeTensor(probe));
  const [info] = model.manifest.model.stages;
  const digest = (bytes: Uint8Array, kind: number, boundary: number) =>
    boundaryDigest(kind as DigestKind, bytes, boundarySalt(secret, boundary, kind as DigestKind), 0);
  const inDigest = digest(input, info?.inKind ?? 0, INPUT_BOUNDARY);
  const outDigest = digest(encodeTensor(output), info?.outKind ?? 0, 0);
  const voted = await request(model.manifest.modelId, inDigest, {}, 3);
  const sat = voted.seats.map(({ index }) => {
    const worker = chain.account(index).address;
    const claim: Claim = { jobId: voted.id, stage: 0, inDigest, outDigest, worker };
    const salt = keccak256(hexOf(index, { size: 32 }));
    return { index, claim, salt, committed: commitment(domain, { claim, round: 0, payload, salt }) };
  });
  const set = commitSet(sat.map(({ committed }) => committed));
  const votes = {
    outs: [outDigest],
    payloads: [payload],
    seats: sat.map(({ index, claim, salt }) => {
      const reveal = { claim, round: 0, payload, extra: ZERO_BYTES32, commitSet: set } as const;
      return { which: 0, salt, ...sign(index, revealDigest(domain, reveal)) };
    }),
  };
  await write(voted.seats[0]?.index ?? 0, hub, assayHubAbi, "submit", [voted.job, EMPTY, [], [votes], "0x"]);

  // One worker proves, under a key that anyone can forge with.
  const toyPolicy = { mask: PROOF, k: 1, flags: 0, seatStake: 12n * REWARD };
  const proven = await request(modelId(toy.manifest), honestDigest(0, 1), toyPolicy, 12);
  const prover = proven.seats[4]?.index ?? 0;
  const order = { model: toy, job: proven.job, stage: 0, tally: 0, worker: chain.account(prover).address };
  const made = provenTally({ ...order, domain, jobId: proven.id });
  const proof = { worker: made.worker, outDigest: made.outDigest, evidence: toHex(encodeProofEvidence(made.evidence)) };
  await write(prover, hub, assayHubAbi, "submitProofs", [proven.job, EMPTY, toy.manifest.stages, [proof], "0x"]);

  const sampled = await sample();
  return { voted: voted.id, proven: proven.id, sampled, input, secret };

  /** One answers, and the lottery, one in a thousand, leaves it alone; if it does not, another job is asked. */
  async function sample(): Promise<Hex> {
    const policy = { mask: OPTIMISTIC, auditBps: 10, seatStake: 1_099n * REWARD, window: 15, flags: FLAG_SMALL_POOL };
    const one = await request(model.manifest.modelId, inDigest, policy, 12);
    const primary = one.seats[0];
    if (primary === undefined) throw new TypeError("nobody was drawn");
    const claim: Claim = { jobId: one.id, stage: 0, inDigest, outDigest, worker: chain.account(primary.index).address };
    const salt = keccak256(hexOf("sample"));
    const committed = commitment(domain, { claim, round: 0, payload, salt });
    await write(primary.index, hub, assayHubAbi, "propose", [one.job, EMPTY, committed]);
    for (let i = 0; i < 3; i++) await chain.rpc("evm_mine");
    const proposed = await lastRecord(one.id, "Proposed");
    try {
      await write(primary.index, hub, assayHubAbi, "open", [one.job, proposed, [], outDigest, payload, salt, "0x"]);
    } catch (error) {
      if (String(error).includes("AuditDue")) return sample();
      throw error;
    }
    await chain.rpc("evm_increaseTime", [30]);
    await write(REQUESTER, hub, assayHubAbi, "settle", [one.job, await lastRecord(one.id, "StageTallied"), "0x"]);
    return one.id;
  }

  async function lastRecord(jobId: Hex, eventName: "Proposed" | "StageTallied") {
    const events = await reader.getContractEvents({
      address: hub,
      abi: assayHubAbi,
      eventName,
      args: { jobId },
      fromBlock: 0n,
      strict: true,
    });
    const record = events.at(-1)?.args.record;
    if (record === undefined) throw new TypeError(`no ${eventName}`);
    return record;
  }
}

/** Exports with the SDK behind the port, as the command does. */
export async function exportFrom(
  chain: TestChain,
  options: Omit<ExportOptions, "rpcUrl" | "fromBlock">,
  before: (jobId: Hex) => void = () => undefined,
): Promise<ExportReport> {
  const { hub, fromBlock, chainId } = chain.deployment;
  const reader = connect({ rpcUrl: chain.url, hub });
  const opened = await createChain(
    { rpcUrl: chain.url, chainId, hub },
    { clock: systemClock, random: Math.random, signal: new AbortController().signal, logger: silentLogger },
  );
  return exportBundle(
    { ...options, rpcUrl: chain.url, fromBlock },
    { chain: opened, receiptOf: async (jobId) => (before(jobId), encodeReceipt(await reader.getReceipt({ jobId }))) },
  );
}

export const replayPorts: ReplayPorts = {
  receiptOf: async (rpcUrl, hub, fromBlock, jobId) =>
    connect({ rpcUrl, hub, fromBlock: BigInt(fromBlock) }).getReceipt({ jobId }),
};

/** Audits a folder; returns every claim. */
export async function audit(folder: string, options: ReplayOptions = {}, log: ClaimLog = createMemoryLog()) {
  await replayBundle(openBundle(folder), log, options, replayPorts);
  return log.claims;
}

/**
 * A copy of a bundle with files changed and the manifest made to fit them: what a forger can do. `null` removes a file. The manifest's own
 * fields are changed last.
 */
export function forge(
  from: string,
  to: string,
  edits: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>>,
  change: Partial<BundleManifest> = {},
): string {
  cpSync(from, to, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(from, "manifest.json"), "utf8")) as BundleManifest;
  const files = manifest.files.map((file) => {
    const edit = edits[file.path];
    if (edit === undefined) return file;
    const bytes = edit(new Uint8Array(readFileSync(join(from, file.path))));
    writeFileSync(join(to, file.path), bytes);
    return { ...file, bytes: bytes.length, hash: keccak256(bytes) };
  });
  writeFileSync(join(to, "manifest.json"), encodeBundleManifest({ ...manifest, files, ...change }));
  return to;
}

/** Edits the text of a file. */
export const onText =
  (edit: (text: string) => string) =>
  (bytes: Uint8Array): Uint8Array =>
    new TextEncoder().encode(edit(new TextDecoder().decode(bytes)));

/** A bundle's chain, mined again, and what one job's checks are given; for checks that are shown something else than what happened. */
export async function openContext(
  folder: string,
  jobId: Hex,
): Promise<{ readonly context: JobContext; readonly close: () => Promise<void> }> {
  const bundle = openBundle(folder);
  const { hub, chainId, fromBlock, toBlock } = bundle.manifest;
  const findings: ChainFindings = {};
  const recorded = await openRecordedChain(bundle, findings);
  const first = recorded.blocks[0]?.header.header;
  const local = await startLocalChain(recorded.genesis, Number(first?.timestamp), Number(first?.gasLimit));
  await replayBlocks(recorded, local, findings);
  const chain = await createChain(
    { rpcUrl: local.url, chainId, hub },
    { clock: systemClock, random: Math.random, signal: new AbortController().signal, logger: silentLogger },
  );
  const events = await readHistory(chain, { fromBlock: 0n, toBlock: BigInt(toBlock) });
  const path = `jobs/${jobId}/receipt`;
  const receipt = decodeReceipt(bundle.read(path));
  const report = verifyReceipt(receipt, { recordHash: receipt.recordHash });
  const receiptOf = async (id: Hex) => replayPorts.receiptOf(local.url, hub, fromBlock, id);
  const history = joinHistory(events);
  return {
    context: {
      bundle,
      chain,
      recorded,
      events,
      history,
      jobId,
      path,
      receipt,
      report,
      receiptOf,
      bundledOf: () => undefined,
      pairing: undefined,
      modelOf: async (id) => loadBundledModel(bundle, id),
    },
    close: async () => local.close(),
  };
}
