// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { createChain } from "../adapters/chain/create-chain.ts";
import { publicUrl } from "../adapters/chain/rpc-transport.ts";
import { openKeyRing, operatorKeyPath } from "../adapters/keys/key-ring.ts";
import { nodeCrypto } from "../adapters/keys/node-crypto.ts";
import { readPassword } from "../adapters/keys/private-file.ts";
import { MAX_LIMITS } from "../adapters/net/limits.ts";
import { MonitorServer } from "../adapters/observe/monitor-server.ts";
import { PinoLogger } from "../adapters/observe/pino-logger.ts";
import { PromMetrics } from "../adapters/observe/prom-metrics.ts";
import { systemClock } from "../adapters/observe/system-clock.ts";
import { FileBlobStore } from "../adapters/store/file-blob-store.ts";
import { ProcessLock } from "../adapters/store/process-lock.ts";
import type { PeerAddress } from "../core/ports/transport.ts";
import { LOCAL_CHAIN_ID } from "../core/zk/verifying-key.ts";
import { HONEST, type Hex } from "../protocol/ports.ts";
import { attesterOptions, configuredRoots } from "./attester/open-attester.ts";
import { serveAttester } from "./attester/serve-attester.ts";
import { createBlobPort } from "./blob-port.ts";
import { bondLimitOf } from "./cipher/bond-limit.ts";
import { Closers } from "./closers.ts";
import { DevFaults } from "./dev-faults.ts";
import { committeeEnclave } from "./enclave/committee/committee-enclave.ts";
import { openCommittee } from "./enclave/committee/open-committee.ts";
import { openEnclave } from "./enclave/open-enclave.ts";
import { heldKeys } from "./judging-keys.ts";
import { bentShelf } from "./bent-shelf.ts";
import { guardedShelf } from "./guarded-shelf.ts";
import { createKeptTraces } from "./kept-traces.ts";
import { keyCheckOptions, KeyChecks } from "./key-checks.ts";
import { openJournal } from "./open-journal.ts";
import { openLinearChecks } from "./open-linear-checks.ts";
import { FolderModelShelf } from "./model-shelf.ts";
import { openTransport } from "./open-transport.ts";
import type { NodeConfig } from "./settings.ts";
import { StageProver } from "./stage-prover.ts";
import { Worker } from "./worker.ts";

export interface RunningNode {
  /** Operator (signer) address, lower case. */
  readonly operator: `0x${string}`;
  readonly transportId: `0x${string}`;
  /** X25519 key that inputs are sealed to. */
  readonly sealKey: `0x${string}`;
  /** Where peers dial. */
  readonly addresses: readonly PeerAddress[];
  readonly monitorUrl: string;
  /** Only in development. */
  readonly devUrl: string | null;
  readonly worker: Worker;
  /** Takes no new seats, finishes open ones for at most `drainSeconds`, then closes everything in reverse. */
  stop(): Promise<void>;
}

const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString("hex")}`;

/**
 * Starts a worker, top to bottom: logger, lock, keys, store, metrics, chain, net, models, services, API. What was opened is closed
 * again when a later step fails. Errors: those of each step (KEY_LOCKED, WRONG_CHAIN, RPC_UNAVAILABLE, LISTEN_FAILED, …).
 */
export async function startNode(config: NodeConfig): Promise<RunningNode> {
  const closers = new Closers();
  const { level, format, file } = config.log;
  const logger = PinoLogger.create({ level, format, ...(file === "" ? {} : { file }) });
  const life = new AbortController();
  const { signal } = life;
  const { development } = config.node;
  try {
    // Keys: the lock first, so that a second process never even reads them.
    const keyOptions = { folder: config.keys.folder, development };
    const lock = new ProcessLock(operatorKeyPath(keyOptions));
    closers.push("lock", () => lock.release());
    const password = await readPassword(config.keys.passwordFile);
    const keys = await openKeyRing({ ...keyOptions, password }, { crypto: nodeCrypto });
    closers.push("keys", () => keys.close());

    // Store
    const hub = config.chain.hub.toLowerCase();
    const journal = openJournal(config, keys);
    closers.push("journal", () => journal.close());
    const store = await FileBlobStore.open(
      { root: join(config.store.folder, "blobs"), quotaBytes: config.store.quotaMiB * 1024 * 1024 },
      { clock: systemClock },
    );
    const metrics = new PromMetrics();

    // Chain
    const chain = await createChain(
      {
        rpcUrl: config.chain.rpcUrl,
        chainId: config.chain.id,
        hub: config.chain.hub,
        pollMs: Math.min(config.chain.pollMs, 1_000),
        maxFeePerGas: BigInt(config.chain.maxFeeGwei) * 1_000_000_000n,
      },
      {
        clock: systemClock,
        random: Math.random,
        signal,
        logger,
        metrics,
        signer: keys.operator,
        journal,
      },
    );

    // Net
    const transport = await openTransport(config.net, { logger, identity: keys.transport });

    // Models
    const models = await FolderModelShelf.open(
      {
        folders: config.work.models,
        executor: config.work.executor,
        threads: config.work.threads,
        judges: BigInt(config.chain.id) === LOCAL_CHAIN_ID ? null : await heldKeys(config.prove.keys),
      },
      { logger },
    );
    closers.push("models", () => models.close());

    // Keys and private weights: also who only votes must know what a proof may overrule
    const checkOptions = keyCheckOptions(config);
    const checks = new KeyChecks(checkOptions, { programs: models, logger });
    closers.push("checks", () => checks.close());
    await checks.prepare();

    // Prover: everything heavy is imported with the first proof
    const prover = config.prove.enabled
      ? new StageProver({ ...checkOptions, maxLoad: config.prove.maxWaiting }, { programs: models, logger, checks })
      : null;
    if (prover !== null) closers.push("prover", () => prover.close());

    const linear = openLinearChecks(config, { prover, keys, crypto: nodeCrypto, clock: systemClock, logger, signal });
    if (linear !== null) closers.push("linear checks", () => linear.close());

    // Enclave: jobs that ask for one never show this process their inputs
    const assertMayVote = async (modelId: Hex, stage: number) => checks.assertMayVote(modelId, stage);
    const enclave = openEnclave(config, { models, chain, assertMayVote, clock: systemClock, logger, metrics, signal });

    const committee = openCommittee(config, {
      enclave,
      chain,
      transport,
      operator: keys.operator,
      crypto: nodeCrypto,
      clock: systemClock,
      logger,
      signal,
    });

    // Development switches
    const faults = development
      ? new DevFaults({ development, chainId: config.chain.id, port: config.node.devPort }, { logger })
      : null;
    const devUrl = faults === null ? null : await faults.start();
    if (faults !== null) closers.push("dev", () => faults.stop());
    const guarded = guardedShelf(models, checks);
    const honest = { ...HONEST, mayChallenge: config.work.challenge };

    // Services
    const blobs = createBlobPort(MAX_LIMITS, { store, clock: systemClock, transport });
    const worker = new Worker(
      {
        fromBlock: BigInt(config.chain.fromBlock),
        confirmations: config.chain.confirmations,
        maxRange: config.chain.maxRange,
        pollMs: config.chain.pollMs,
        claimEveryMs: config.rewards.claimMinutes * 60_000,
        upkeep: config.table.upkeep,
        bondLimit: bondLimitOf(config),
        desk: {
          input: { maxBlobBytes: config.work.maxInputMiB * 1024 * 1024, maxPending: 256, maxPendingPerPeer: 32 },
          work: { maxRunning: config.work.maxRunning, maxWaiting: config.work.maxWaiting },
          maxTracked: config.work.maxTracked,
          tickMs: 100,
        },
      },
      {
        chain,
        transport,
        journal,
        keys,
        blobs,
        traces: createKeptTraces({ journal, blobs, seat: (modelId, stage) => models.ciphers.seat(modelId, stage) }),
        crypto: nodeCrypto,
        models: faults === null ? guarded : bentShelf(guarded, () => faults.isBent),
        prover,
        enclave: enclave === null || committee === null ? enclave : committeeEnclave(enclave, committee),
        checks: linear?.desk,
        clock: systemClock,
        logger,
        metrics,
        behaviour: () => (faults === null || faults.behaviour === HONEST ? honest : faults.behaviour),
        watch: config.work.watch,
        randomBytes: (length) => nodeCrypto.randomBytes(length),
        signal,
        checkpoint: crashPoint(config.node.crashAt),
      },
    );
    await worker.start();
    const kept = Promise.all([enclave?.keep(), committee?.keep()]);
    const attests =
      config.attester.duty === "off"
        ? null
        : serveAttester(attesterOptions(config), {
            chain,
            journal,
            logger,
            metrics,
            clock: systemClock,
            signal,
            random: Math.random,
            roots: configuredRoots(config),
          });
    closers.push("loops", async () => {
      life.abort();
      await Promise.all([worker.stopped(), kept, attests]);
    });
    const addresses = await transport.start();
    closers.push("transport", () => transport.stop());
    const sweep = setInterval(() => void store.sweep(Date.now()).catch(() => undefined), 600_000);
    sweep.unref();
    closers.push("sweep", () => clearInterval(sweep));

    // API
    const monitor = new MonitorServer(
      { host: config.monitor.host, port: config.monitor.port },
      {
        metrics,
        logger,
        readiness: () => ({
          ready: worker.isReady,
          checks: { chain: worker.watcher.isUp, keys: true, draining: !worker.desk.isDraining },
        }),
        status: () => ({
          operator: keys.operator.address,
          chain: config.chain.id,
          hub,
          block: worker.watcher.head?.number ?? null,
          rpc: publicUrl(config.chain.rpcUrl),
          addresses: addresses.map(({ url }) => url),
          models: models.modelIds,
          development,
          load: worker.desk.work.load,
          prover: prover === null ? null : { name: prover.name, load: prover.load, maxLoad: prover.maxLoad },
          enclave: enclave?.status ?? null,
          openSeats: worker.desk.openSeats,
          games: worker.disputes?.games ?? 0,
          jobs: worker.desk.sessions.length,
          skewSeconds: Math.round(chain.clock.skewSec()),
        }),
      },
    );
    const monitorUrl = await monitor.start();
    closers.push("monitor", () => monitor.stop());
    if (development) logger.warn("node.development", { chain: config.chain.id });
    const [address] = addresses;
    logger.info("node.started", {
      address: keys.operator.address,
      ...(address === undefined ? {} : { url: address.url }),
      pid: process.pid,
    });
    let stopping: Promise<void> | null = null;
    return {
      operator: keys.operator.address,
      transportId: keys.transport.id,
      sealKey: hex(keys.sealKeys[0]?.publicKey ?? new Uint8Array()),
      addresses,
      monitorUrl,
      devUrl,
      worker,
      stop: () =>
        (stopping ??= (async () => {
          logger.info("node.draining", { count: worker.desk.openSeats });
          await worker.drain(config.node.drainSeconds * 1_000);
          await closers.closeAll(logger);
          logger.info("node.stopped");
        })()),
    };
  } catch (error) {
    life.abort();
    await closers.closeAll(logger);
    throw error;
  }
}

/** Development: SIGKILL to itself at one named point, so that a test can stop a worker between any two steps. */
function crashPoint(crashAt: string): (step: string) => void {
  if (crashAt === "") return () => undefined;
  return (step) => {
    if (step === crashAt) process.kill(process.pid, "SIGKILL");
  };
}
