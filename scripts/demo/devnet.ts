// SPDX-License-Identifier: GPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createPublicClient,
  createWalletClient,
  http,
  serializeCompactSignature,
  signatureToCompactSignature,
  type Hex,
} from "viem";
import { generatePrivateKey, privateKeyToAccount, sign } from "viem/accounts";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import { modelRegistryAbi } from "../../offchain/adapters/chain/abi/model-registry.ts";
import { stakeVaultAbi } from "../../offchain/adapters/chain/abi/stake-vault.ts";
import { workerBeaconAbi } from "../../offchain/adapters/chain/abi/worker-beacon.ts";
import { fromHex, toHex } from "../../offchain/core/bytes.ts";
import { decodeManifestFile, type ManifestFile } from "../../offchain/core/manifest.ts";
import { innerFolders } from "../../offchain/engines/she/model/folders.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { initNode } from "../../offchain/node/init.ts";
import { deployAssay, type Deployment } from "../deploy/deploy-assay.ts";
import { ADAPTER_TIMELOCK_SEC, admitCiphertexts } from "../deploy/deploy-referee.ts";
import { devnetParameters } from "../deploy/parameters.ts";
import { waitOnce } from "../deploy/wait-once.ts";
import { startChain, type DevChain } from "./chain.ts";
import type { Child, Children } from "./children.ts";
import { ATTESTER_VERDICTS, startDevnetEnclaves, type DevnetEnclaves, type EnclaveOptions } from "./devnet-enclaves.ts";
import { enlistWorker, publishEndpoints } from "./enlist-worker.ts";
import { DemoError } from "./errors.ts";
import { joinBoard } from "./join-board.ts";
import { makeProvingKeys } from "./proving-keys.ts";
import type { RunFolder } from "./run-folder.ts";

export interface DevWorker {
  readonly index: number;
  workerId: number;
  readonly operator: Hex;
  /** Holds the stake. */
  readonly owner: Hex;
  readonly endpoint: string;
  readonly monitorUrl: string;
  readonly devUrl: string;
  readonly child: Child;
  readonly logFile: string;
}

export interface Devnet {
  readonly chain: DevChain;
  readonly deployment: Deployment;
  readonly requesterKey: Hex;
  readonly models: ReadonlyMap<string, ManifestFile>;
  /** By index; `restart` replaces the entry. */
  readonly workers: DevWorker[];
  /** SIMULATED; null if none were asked for. */
  readonly enclaves: DevnetEnclaves | null;
  workerOf(workerId: number): DevWorker;
  /** A worker that lies at its next seat, and by default challenges when outvoted, or is honest again. Development only. */
  setFault(worker: DevWorker, mode: "wrong-digest" | "flip-coefficient" | "none", challenge?: boolean): Promise<void>;
  /** Starts a dead worker again, on the same port and from its own journal. */
  restart(index: number): Promise<DevWorker>;
}

/** What stands between a devnet's processes, such as proxies that fail on purpose. */
export interface DevnetNetwork {
  /** What worker `index` uses in place of the chain's own address. */
  rpcUrl(index: number, chainUrl: string): Promise<string>;
  /** Where worker `index` listens, and the address that others dial. */
  place(index: number): Promise<{ readonly port: number; readonly publicUrl: string }>;
}

export interface DevnetOptions {
  readonly folder: RunFolder;
  readonly workers: number;
  readonly models: readonly string[];
  /** Folders of polynomial models: of these, the models over ciphertexts are registered, and the hub takes such jobs. */
  readonly ciphers?: readonly string[];
  /** Seeds from the workers on duty instead of single blocks. */
  readonly beacon?: boolean;
  readonly enclaves?: EnclaveOptions;
  readonly network?: DevnetNetwork;
  readonly children: Children;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

const TOKEN = 10n ** 18n;
const READY_MS = 90_000;
const GAS_MONEY = "0x8ac7230489e80000000"; // 2560 ether
/** Covers the bonds of several escalations to eleven seats at a reward of one token. */
const OPERATOR_DEPOSIT = 200n * TOKEN;
/** Stays in the account, from where the referee of ciphertexts takes bonds: two at a reward of one token. */
const OPERATOR_BONDS = 100n * TOKEN;
/** Stays there too: what an attester stakes, or an enclave pays its attesters. */
const OPERATOR_VERDICTS = 10n * TOKEN;
export const BLOCK_MS = 1_000;
/** From the block that calls for workers on duty to the last that may be the seed of their draw. */
const BEAT_BLOCKS = 8;

const COMPILE_CACHE = resolve("build/compile-cache");
/** Compiled circuits and development keys: made once, then found by all workers of all runs. */
const PROVING_CACHE = resolve("build/zk-cache");
// Sixteen processes parse the same modules: the cache saves half of their start; small generations keep them light.
const WORKER_ENV = { NODE_COMPILE_CACHE: COMPILE_CACHE, NODE_OPTIONS: "--max-semi-space-size=1" };

/** The cache is written when a process ends, and workers do not: one that ends at once fills it for all of them. */
async function fillCompileCache(children: Children, logFile: string): Promise<void> {
  mkdirSync(COMPILE_CACHE, { recursive: true });
  const args = [resolve("offchain/cli/main.ts"), "node", "start", "--help"];
  const child = children.start({ name: "compile cache", command: process.execPath, args, env: WORKER_ENV, logFile });
  await child.exited;
}

interface Place {
  readonly index: number;
  readonly folder: string;
  readonly operatorKey: Hex;
  readonly ownerKey: Hex;
  /** 0: any free one. */
  readonly port: number;
}
interface Ready {
  readonly operator: Hex;
  readonly transportId: Hex;
  readonly sealKey: Hex;
  readonly endpoints: readonly string[];
  readonly monitorUrl: string;
  readonly devUrl: string;
}

/** Chain, contracts, registered models and `workers` worker processes, each with keys, stake and store of its own. */
export async function startDevnet(options: DevnetOptions): Promise<Devnet> {
  const { folder, children, signal, progress, ciphers = [] } = options;
  const { enclaves: enclaveOptions } = options;
  const behindSec = ciphers.length > 0 || enclaveOptions !== undefined ? ADAPTER_TIMELOCK_SEC : 0;
  progress("starting the chain");
  const [chain] = await Promise.all([
    startChain(children, join(folder.logs, "chain.log"), signal, behindSec),
    fillCompileCache(children, join(folder.logs, "compile-cache.log")),
  ]);
  const requesterKey = generatePrivateKey();
  const deployerKey = generatePrivateKey();
  const fund = async (key: Hex): Promise<void> =>
    void (await chain.rpc("hardhat_setBalance", [privateKeyToAccount(key).address, GAS_MONEY]));
  await Promise.all([fund(requesterKey), fund(deployerKey)]);
  const account = privateKeyToAccount(deployerKey);
  const transport = http(chain.url);
  const publicClient = createPublicClient({ transport, pollingInterval: 50, cacheTime: 0 });
  const walletClient = createWalletClient({ account, transport });
  progress("deploying the contracts");
  const randomness = options.beacon === true ? "workers" : "blocks";
  const deployment = await deployAssay({ publicClient, walletClient, parameterOverrides: { randomness } });
  const done = async (hash: Promise<Hex>) => publicClient.waitForTransactionReceipt({ hash: await hash });
  const clients = { publicClient, walletClient };
  const advance = async (seconds: number): Promise<void> => {
    progress("letting the judges of new evidence wait their two days of chain time");
    await chain.rpc("evm_increaseTime", [seconds]);
    await chain.rpc("evm_mine", []);
  };
  const [, enclaves] = await waitOnce(
    advance,
    async (wait) => (ciphers.length > 0 ? admitCiphertexts({ ...clients, hub: deployment.hub }, wait) : null),
    async (wait) =>
      enclaveOptions === undefined
        ? null
        : startDevnetEnclaves(enclaveOptions, options.workers, chain, deployment, { ...clients, advance: wait }),
  );

  progress(`making keys and starting ${options.workers} workers`);
  const { network } = options;
  const placing = Array.from({ length: options.workers }, async (_, index) => ({
    index,
    folder: join(folder.workers, `worker-${String(index + 1).padStart(2, "0")}`),
    operatorKey: generatePrivateKey(),
    ownerKey: generatePrivateKey(),
    rpcUrl: (await network?.rpcUrl(index, chain.url)) ?? chain.url,
    ...((await network?.place(index)) ?? { port: 0, publicUrl: "" }),
  }));
  const places = await Promise.all(placing);
  const spawnWorker = async (place: Place, extra: readonly string[] = []) =>
    startWorker(children, folder, place, extra, signal);
  let started = 0;
  const launch = async (place: (typeof places)[number], others: Promise<unknown>): Promise<DevWorker> => {
    const { index, operatorKey, ownerKey } = place;
    const { transportId, sealKey } = await initNode({
      folder: place.folder,
      development: true,
      operatorKey: new Secret(fromHex(operatorKey)),
      values: {
        "chain.rpcUrl": place.rpcUrl,
        "chain.id": deployment.chainId,
        "chain.hub": deployment.hub,
        "chain.fromBlock": deployment.fromBlock,
        "chain.confirmations": 0,
        "chain.pollMs": 250,
        "net.port": place.port,
        "net.publicUrl": place.publicUrl,
        "monitor.port": 0,
        "prove.cache": PROVING_CACHE,
        "work.models": [...options.models, ...ciphers].map((model) => resolve(model)),
        "table.upkeep": false,
        ...enclaves?.settings(index),
      },
    });
    await Promise.all([fund(operatorKey), fund(ownerKey)]);
    // Before the worker runs: one that has an enclave sends transactions of its own from this account.
    await depositFor(chain, deployment, operatorKey);
    const enlisting = {
      rpcUrl: chain.url,
      deployment,
      ownerKey,
      signer: privateKeyToAccount(operatorKey).address,
      signDigest: async (hash: Hex) =>
        serializeCompactSignature(signatureToCompactSignature(await sign({ hash, privateKey: operatorKey }))),
      profile: { transportId, sealKey, endpoints: "" },
      stake: devnetParameters.minimumStake,
      capabilities: enclaves?.capabilitiesOf(index) ?? [],
      classes: enclaves?.classesOf(index) ?? [],
    };
    const workerId = await enlistWorker(enlisting);
    if (enclaves?.isAttester(index) === true) {
      const { board } = enclaves.simulation.deployment;
      await joinBoard({ rpcUrl: chain.url, deployment, board, operatorKey, verdicts: ATTESTER_VERDICTS, signal });
    }
    await others;
    const spawned = await spawnWorker(place);
    started += 1;
    progress(`${started} of ${options.workers} workers run`);
    await publishEndpoints(enlisting, workerId, spawned.ready.endpoints.join(" "));
    return toWorker(place, workerId, spawned);
  };
  // Attesters first, then those that they judge; the others start meanwhile.
  const launching: Promise<DevWorker>[] = [];
  for (const wave of [0, 1, 2]) {
    const earlier = Promise.all(launching);
    const next = places.filter(({ index }) => (enclaves?.waveOf(index) ?? 0) === wave);
    launching.push(...next.map(async (place) => launch(place, earlier)));
  }

  progress("registering the models and their verifying keys");
  const models = new Map<string, ManifestFile>();
  const keys = new Set<Hex>();
  const register = async (path: string): Promise<void> => {
    const file = readManifestFile(path);
    models.set(file.model.name, file);
    const at = { chain: null, address: deployment.registry, abi: modelRegistryAbi } as const;
    await done(walletClient.writeContract({ ...at, functionName: "register", args: [file.model] }));
  };
  for (const path of options.models) {
    for (const record of await makeProvingKeys({ folder: path, cacheFolder: PROVING_CACHE, signal, progress }))
      keys.add(toHex(record));
    await register(path);
  }
  if (ciphers.length > 0)
    for (const path of [...options.models, ...ciphers].flatMap(innerFolders)) await register(path);
  for (const record of keys)
    await done(
      walletClient.writeContract({
        chain: null,
        address: deployment.keys,
        abi: keyRegistryAbi,
        functionName: "add",
        args: [record],
      }),
    );
  await done(
    walletClient.writeContract({
      chain: null,
      address: deployment.token,
      abi: devTokenAbi,
      functionName: "mint",
      args: [privateKeyToAccount(requesterKey).address, 1_000_000n * TOKEN],
    }),
  );
  const workers = (await Promise.all(launching)).toSorted((a, b) => a.index - b.index);
  const atBeacon = { chain: null, address: deployment.randomness, abi: workerBeaconAbi } as const;
  if (options.beacon === true) {
    progress("waiting for the workers' hash chains");
    const hasChain = async ({ workerId }: DevWorker): Promise<boolean> =>
      (await publicClient.readContract({ ...atBeacon, functionName: "chainOf", args: [workerId] })).from !== 0;
    while (!(await Promise.all(workers.map(hasChain))).every(Boolean) && !signal.aborted) await sleep(100);
  }
  await done(
    walletClient.writeContract({
      chain: null,
      address: deployment.vault,
      abi: stakeVaultAbi,
      functionName: "advanceEpoch",
      gas: 10_000_000n,
    }),
  );
  if (options.beacon === true) {
    await done(walletClient.writeContract({ ...atBeacon, functionName: "summon" }));
    await chain.mine(BEAT_BLOCKS); // to the end of that beat
    await done(walletClient.writeContract({ ...atBeacon, functionName: "seat" }));
  }
  if (enclaves !== null) {
    progress("waiting for the registrations of the SIMULATED enclaves");
    while (!(await Promise.all(workers.map(hasEnclave))).every(Boolean) && !signal.aborted) {
      await enclaves.passTime();
      await sleep(100);
    }
  }
  await chain.mineEvery(BLOCK_MS);
  const restart = async (index: number): Promise<DevWorker> => {
    const place = places[index];
    const old = workers[index];
    if (place === undefined || old === undefined) throw new DemoError("WORKER_UNKNOWN", { worker: index });
    const port = place.port === 0 ? new URL(old.endpoint).port : String(place.port);
    const worker = toWorker(place, old.workerId, await spawnWorker(place, ["--net-port", port]));
    workers[index] = worker;
    return worker;
  };
  return {
    chain,
    deployment,
    requesterKey,
    models,
    workers,
    enclaves,
    workerOf: (workerId) => {
      const worker = workers.find((one) => one.workerId === workerId);
      if (worker === undefined) throw new DemoError("WORKER_UNKNOWN", { worker: workerId });
      return worker;
    },
    setFault: async (worker, mode, challenge = true) => {
      const reply = await fetch(new URL("/dev/fault", worker.devUrl), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ mode, challenge }),
      });
      if (!reply.ok) throw new DemoError("FAULT_REFUSED", { worker: worker.workerId, status: reply.status });
    },
    restart,
  };
}

/** Key of a worker's registered enclave, by its own word; null if it has none. */
export async function enclaveOf({ monitorUrl }: DevWorker): Promise<Hex | null> {
  const reply = await fetch(new URL("/status", monitorUrl));
  const { enclave } = (await reply.json()) as { readonly enclave: { readonly key: Hex } | null };
  return enclave?.key ?? null;
}

/** Whether a worker's enclave is registered, by its own word. */
export const hasEnclave = async (worker: DevWorker): Promise<boolean> => (await enclaveOf(worker)) !== null;

const toWorker = (
  { index, ownerKey }: Place,
  workerId: number,
  { child, ready, logFile }: { readonly child: Child; readonly ready: Ready; readonly logFile: string },
): DevWorker => ({
  index,
  logFile,
  owner: privateKeyToAccount(ownerKey).address,
  workerId,
  operator: ready.operator,
  endpoint: ready.endpoints[0] ?? "",
  monitorUrl: ready.monitorUrl,
  devUrl: ready.devUrl,
  child,
});

async function startWorker(
  children: Children,
  folder: RunFolder,
  place: Place,
  extra: readonly string[],
  signal: AbortSignal,
): Promise<{ child: Child; ready: Ready; logFile: string }> {
  const logFile = join(folder.logs, `worker-${String(place.index + 1).padStart(2, "0")}.log`);
  const { promise, resolve: found, reject } = Promise.withResolvers<Ready>();
  const child = children.start({
    name: `worker ${place.index + 1}`,
    command: process.execPath,
    args: [
      resolve("offchain/cli/main.ts"),
      "node",
      "start",
      "--config",
      join(place.folder, "assay.toml"),
      "--json",
      ...extra,
    ],
    env: WORKER_ENV,
    logFile,
    onLine: (line) => {
      const value: unknown = line.startsWith('{"ready":true') ? JSON.parse(line) : undefined;
      if (value !== undefined) found(value as Ready);
    },
  });
  const timer = setTimeout(
    () => reject(new DemoError("WORKER_SILENT", { index: place.index + 1, seconds: READY_MS / 1000, logFile })),
    READY_MS,
  );
  const stop = (): void => reject(new DemoError("INTERRUPTED", {}));
  signal.addEventListener("abort", stop, { once: true });
  void child.exited.then((code) =>
    reject(new DemoError("CHILD_ENDED", { name: `worker ${place.index + 1}`, code, logFile })),
  );
  try {
    return { child, ready: await promise, logFile };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Of the worker's hot key: a free balance to challenge with, and tokens for bonds. */
async function depositFor(chain: DevChain, { token, hub }: Deployment, key: Hex): Promise<void> {
  const account = privateKeyToAccount(key);
  const transport = http(chain.url);
  const wallet = createWalletClient({ account, transport });
  const reader = createPublicClient({ transport, pollingInterval: 50, cacheTime: 0 });
  const done = async (hash: Promise<Hex>) => reader.waitForTransactionReceipt({ hash: await hash });
  const atToken = { chain: null, address: token, abi: devTokenAbi } as const;
  const minted = OPERATOR_DEPOSIT + OPERATOR_BONDS + OPERATOR_VERDICTS;
  await done(wallet.writeContract({ ...atToken, functionName: "mint", args: [account.address, minted] }));
  await done(wallet.writeContract({ ...atToken, functionName: "approve", args: [hub, OPERATOR_DEPOSIT] }));
  await done(
    wallet.writeContract({
      chain: null,
      address: hub,
      abi: assayHubAbi,
      functionName: "deposit",
      args: [OPERATOR_DEPOSIT],
    }),
  );
}

export function readManifestFile(modelFolder: string): ManifestFile {
  const path = join(modelFolder, "manifest.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new DemoError("MODEL_MISSING", { path }, { cause });
  }
  return decodeManifestFile(text);
}

/** The file that other commands take as `--devnet`. */
export function writeDevnetFile(devnet: Devnet, folder: RunFolder, path = join(folder.path, "devnet.json")): string {
  const requesterKeyFile = join(folder.path, "requester.key");
  writeFileSync(requesterKeyFile, `${devnet.requesterKey}\n`, { mode: 0o600 });
  const { chainId, hub, lens, token, fromBlock } = devnet.deployment;
  const content = {
    version: 1,
    rpcUrl: devnet.chain.url,
    chainId,
    hub,
    lens,
    token,
    fromBlock,
    requesterKeyFile: resolve(requesterKeyFile),
    models: Object.fromEntries([...devnet.models].map(([name, { modelId }]) => [name, modelId])),
    workers: devnet.workers.map(({ workerId, child, endpoint }) => ({ workerId, pid: child.pid, endpoint })),
  };
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  return path;
}
