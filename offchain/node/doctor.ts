// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, statfsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { createChain } from "../adapters/chain/create-chain.ts";
import { getBalance } from "../adapters/chain/actions/get-balance.ts";
import { getKey } from "../adapters/chain/actions/get-key.ts";
import { getHead } from "../adapters/chain/actions/get-head.ts";
import { getWorker } from "../adapters/chain/actions/get-worker.ts";
import { listProfiles } from "../adapters/chain/list-profiles.ts";
import { listWorkerIds } from "../adapters/chain/list-worker-ids.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { openKeyRing, type OpenKeyRing } from "../adapters/keys/key-ring.ts";
import { nodeCrypto } from "../adapters/keys/node-crypto.ts";
import { readPassword } from "../adapters/keys/private-file.ts";
import { systemClock } from "../adapters/observe/system-clock.ts";
import { fromHex } from "../core/bytes.ts";
import { isAssayError } from "../core/errors.ts";
import type { Logger } from "../core/ports/logger.ts";
import { ZERO_BYTES32 } from "../core/types.ts";
import { decodeKeyRecord, KEY_CEREMONY } from "../core/zk/key-record.ts";
import { chooseProver } from "../engines/zk/prover/choose-prover.ts";
import { checkAttester } from "./attester/check-attester.ts";
import { describeProver } from "./describe-prover.ts";
import { checkBeacon } from "./beacon/check-beacon.ts";
import { cipherFacts, judgeCiphers } from "./doctor-cipher.ts";
import { checkKeys } from "./doctor-keys.ts";
import { checkEnclave } from "./enclave/check-enclave.ts";
import { fine, poor, type Finding } from "./finding.ts";
import type { NodeConfig } from "./settings.ts";

export interface Check extends Finding {
  readonly name: string;
}

/** Wall clock against block time: more than this and something is wrong with this machine's clock, seconds. */
const MAX_SKEW_SEC = 30;
const SPARE_MIB = 512;

const pass = (name: string, detail: string): Check => ({ name, ...fine(detail) });
const fail = (name: string, detail: string, fix: string): Check => ({ name, ...poor(detail, fix) });

async function guarded(name: string, fix: string, check: () => Promise<Check> | Check): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return fail(name, detail, isAssayError(error) ? error.fix : fix);
  }
}

/** As `guarded`, for one look that yields several checks. */
async function severally(
  names: readonly string[],
  fix: string,
  look: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  let found: readonly Check[] = [];
  const failure = await guarded(names.join(", "), fix, async () => {
    found = await look();
    return pass("", "");
  });
  return failure.ok ? found : names.map((name) => ({ ...failure, name }));
}

/** Checks everything a worker needs, each on its own, without starting it. Never throws: a failure is a check with its fix. */
export async function runDoctor(config: NodeConfig, modules: { readonly logger: Logger }): Promise<readonly Check[]> {
  const life = new AbortController();
  let chain: Chain | null = null;
  let operator: `0x${string}` | null = null;
  let ring: OpenKeyRing | null = null;
  const checks = [
    await guarded("chain", "Check the RPC URL.", async () => {
      chain = await createChain(
        { rpcUrl: config.chain.rpcUrl, chainId: config.chain.id, hub: config.chain.hub },
        { clock: systemClock, random: Math.random, signal: life.signal, logger: modules.logger },
      );
      return pass("chain", `chain ${config.chain.id}, hub ${chain.contracts.hub}`);
    }),
    await guarded("clock", "Set the machine's clock (NTP).", async () => {
      if (chain === null) return fail("clock", "no chain to compare with", "Repair the chain check first.");
      const skew = Math.round(Date.now() / 1000 - Number((await getHead(chain)).timestamp));
      const detail = `${skew} s from the newest block`;
      if (config.chain.id === 31_337 || Math.abs(skew) <= MAX_SKEW_SEC) return pass("clock", detail);
      return fail("clock", detail, "Set the machine's clock (NTP), or use an endpoint that follows the chain.");
    }),
    await guarded("keys", "Make them with `assay node init`.", async () => {
      const password = await readPassword(config.keys.passwordFile);
      const options = { folder: config.keys.folder, password, development: config.node.development };
      const keys = await openKeyRing(options, { crypto: nodeCrypto });
      ring = keys;
      operator = keys.operator.address;
      const mode = statSync(config.keys.folder).mode & 0o077;
      if (mode !== 0) return fail("keys", "others may read the key folder", `chmod 700 ${config.keys.folder}`);
      return pass("keys", `operator ${operator}`);
    }),
    await guarded("disk", "Free some space.", () => {
      const folder = existsSync(config.store.folder) ? config.store.folder : dirname(config.store.folder);
      const { bavail, bsize } = statfsSync(folder);
      const free = Math.floor((bavail * bsize) / 1024 / 1024);
      if (free >= SPARE_MIB) return pass("disk", `${free} MiB free`);
      return fail("disk", `${free} MiB free`, `Free at least ${SPARE_MIB} MiB, or move store.folder.`);
    }),
    await guarded("models", "Fetch the model again.", async () => {
      const { loadModel } = await import("../engines/program/load-program.ts");
      const names: string[] = [];
      for (const folder of config.work.models) names.push((await loadModel(folder)).manifest.model.name);
      if (names.length === 0) return fail("models", "none configured", "List model folders in work.models.");
      return pass("models", names.join(", "));
    }),
    await guarded("executor", "Set work.executor to `reference`.", async () => {
      if (config.work.executor === "reference") return pass("executor", "reference (slow)");
      const { createOnnxExecutor } = await import("../engines/program/onnx-executor.ts");
      const executor = createOnnxExecutor({ threads: config.work.threads });
      const { name } = executor;
      await executor.close();
      return pass("executor", name);
    }),
    await guarded("prover", "Set prove.enabled to false, or fetch the models and keys again.", async () =>
      checkProver(config, chain),
    ),
    ...(await severally(["proving keys", "private weights"], "Fetch the model again.", () =>
      checkKeys(config, modules),
    )),
    await guarded("ports", "Choose another port.", async () => {
      await canListen(config.net.host, config.net.port);
      if (config.net.libp2p) await canListen(config.net.host, config.net.libp2pPort);
      await canListen(config.monitor.host, config.monitor.port);
      return pass("ports", `net ${config.net.port}, monitor ${config.monitor.port}`);
    }),
    await guarded("stake", "Register with `assay stake add`.", async () => {
      if (chain === null || operator === null)
        return fail("stake", "needs chain and keys", "Repair those checks first.");
      const { publicUrl, libp2p, libp2pUrl } = config.net;
      const announced = [publicUrl, libp2p ? libp2pUrl : ""].filter((address) => address !== "");
      return checkRecord(chain, operator, BigInt(config.chain.fromBlock), announced);
    }),
    await guarded("ciphertexts", "Fetch the model again.", async () => {
      if (chain === null || operator === null)
        return fail("ciphertexts", "needs chain and keys", "Repair those checks first.");
      return { name: "ciphertexts", ...judgeCiphers(await cipherFacts(chain, operator, config)) };
    }),
    await guarded("beacon", "Start the worker: it registers a hash chain by itself.", async () => {
      if (chain === null || ring === null) return fail("beacon", "needs chain and keys", "Repair those checks first.");
      return { name: "beacon", ...(await checkBeacon(chain, ring, BigInt(config.chain.fromBlock))) };
    }),
    await guarded("enclave", "Correct the section `enclave` of the configuration.", async () => {
      if (config.enclave.provider === "none") return pass("enclave", "off");
      if (chain === null || operator === null) return fail("enclave", "needs chain and keys", "Repair those checks first."); // prettier-ignore
      return { name: "enclave", ...(await checkEnclave(chain, operator, config)) };
    }),
    await guarded("attester", "Check attester.registry.", async () => {
      if (config.attester.duty === "off") return pass("attester", "off");
      if (chain === null || operator === null) return fail("attester", "needs chain and keys", "Repair those checks first."); // prettier-ignore
      return { name: "attester", ...(await checkAttester(chain, operator, config)) };
    }),
  ];
  // As the others see it: TypeScript does not follow assignments into the checks.
  (ring as OpenKeyRing | null)?.close();
  life.abort();
  return checks;
}

/** What proves, and under keys of which class the models' stages can be proven: development keys convince nobody elsewhere. */
async function checkProver(config: NodeConfig, chain: Chain | null): Promise<Check> {
  if (!config.prove.enabled) return pass("prover", "off");
  const { loadModel } = await import("../engines/program/load-program.ts");
  const models: string[] = [];
  for (const folder of config.work.models) {
    const { model } = (await loadModel(folder)).manifest;
    const keyIds = model.stages.flatMap(({ keyId }) => (keyId === ZERO_BYTES32 ? [] : [keyId]));
    if (keyIds.length === 0) continue;
    if (chain === null) return fail("prover", "no chain to look keys up on", "Repair the chain check first.");
    const classes = new Set<string>();
    for (const keyId of keyIds) {
      const record = await getKey(chain, { keyId });
      if (record === null)
        return fail("prover", `${model.name}: key ${keyId} is not in the registry`, "Add it with `assay zk`.");
      classes.add(decodeKeyRecord(fromHex(record)).cls === KEY_CEREMONY ? "CEREMONY" : "DEVELOPMENT");
    }
    models.push(`${model.name} (${[...classes].join(", ")} keys)`);
  }
  const { threads, memoryMiB } = config.prove;
  const proves = models.length === 0 ? "no model has keys" : models.join(", ");
  const what = describeProver(chooseProver(config.prove.prover));
  return pass("prover", `${threads} threads, ${memoryMiB} MiB, ${proves}; ${what}`);
}

async function checkRecord(
  chain: Chain,
  signer: `0x${string}`,
  fromBlock: bigint,
  announced: readonly string[],
): Promise<Check> {
  const [workerId] = await listWorkerIds(chain, { signer, fromBlock });
  if (workerId === undefined)
    return fail("stake", `no worker has the signer ${signer}`, "Register it with `assay stake add`.");
  const [record, free, profiles] = await Promise.all([
    getWorker(chain, { workerId }),
    getBalance(chain, { account: signer }),
    listProfiles(chain, { workerIds: [workerId], fromBlock }),
  ]);
  const now = Number((await getHead(chain)).timestamp);
  if (record.expiry <= now)
    return fail(
      "stake",
      `the record of worker ${workerId} has expired`,
      "Publish a new profile with `assay stake add`.",
    );
  if (record.jailedUntil > now)
    return fail("stake", `worker ${workerId} is jailed until ${record.jailedUntil}`, "Wait, and find out why.");
  if (record.tickets === 0)
    return fail("stake", `worker ${workerId} holds no tickets`, "Stake more, or take tickets with `assay stake add`.");
  const endpoints = profiles[0]?.profile.endpoints ?? "";
  const unnamed = announced.find((address) => !endpoints.split(/\s+/).includes(address));
  if (unnamed !== undefined)
    return fail(
      "stake",
      `the record names ${endpoints}, not ${unnamed}`,
      "Publish the profile again with `assay stake add`.",
    );
  if (free === 0n)
    return fail(
      "stake",
      `worker ${workerId} has no free balance`,
      "Deposit with `assay stake add --bond`: outvoted workers need a bond to challenge.",
    );
  return pass("stake", `worker ${workerId}, ${record.tickets} tickets, stake ${record.stake}`);
}

async function canListen(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  await new Promise<void>((resolve) => void server.close(() => resolve()));
}
