// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { getContractEvents, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { keyRegistryAbi } from "../../offchain/adapters/chain/abi/key-registry.ts";
import type { Chain } from "../../offchain/adapters/chain/chain.ts";
import { readEnclaveContracts } from "../../offchain/adapters/chain/enclave-contracts.ts";
import { joinAttesters, readBoard, readTerms } from "../../offchain/adapters/chain/verdict-board.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { modelId } from "../../offchain/core/model.ts";
import type { Logger } from "../../offchain/core/ports/logger.ts";
import { ENCLAVE, PROOF, type ModelManifest } from "../../offchain/core/types.ts";
import { QuoteServerProvider } from "../../offchain/engines/tee/provider/quote-server.ts";
import { fundBoard } from "../../offchain/node/attester/register-by-board.ts";
import { Attester } from "../../offchain/node/attester/serve-attester.ts";
import { EnclaveKeeper } from "../../offchain/node/enclave/keep-enclave.ts";
import { endorseSimulated } from "../../offchain/node/enclave/open-enclave.ts";
import { StageProver } from "../../offchain/node/stage-prover.ts";
import type { EnclavePort } from "../../offchain/protocol/ports.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { startSimulatedEnclaves, type SimulatedEnclaves } from "../../scripts/deploy/simulated-enclaves.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullMetrics, testClock, until, type EnclaveParts } from "../support/cluster/cluster.ts";
import { provenModel, type ProvenModel } from "../support/cluster/proven-model.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { BUNDLE, startInner, type TestInner } from "../support/tee/inner.ts";

const WORKERS = 12;
/** From here on workers' enclaves are AWS's, whose evidence attesters judge; before it Intel's. */
const AWS_FROM = 9;
const ATTESTERS = 6;
const values = [3, -7, 50, 11];
const input = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, v: unknown) => {
    if (typeof v === "bigint") return String(v);
    if (v instanceof Error) return `${v.message} ${String(v.cause)}`;
    return v instanceof Uint8Array ? Buffer.from(v).toString("latin1") : v;
  }) ?? "";

describe("R62: critical jobs that a pair of enclaves answers", function suite() {
  this.timeout(300_000);
  const folder = temporaryFolder();
  let model: ProvenModel;
  let manifest: ModelManifest;
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let simulation: SimulatedEnclaves;
  let prover: StageProver;
  const keepers: EnclaveKeeper[] = [];
  const chains: Chain[] = [];
  const inners: TestInner[][] = Array.from({ length: WORKERS }, () => []);
  const logs: string[] = [];
  /** Bent ports, by worker. */
  const bent = new Map<number, (port: EnclavePort) => Partial<EnclavePort>>();
  let provings = 0;

  const recording = (): Logger => {
    const keep = (evt: string, fields?: unknown): void => void logs.push(`${evt} ${textOf(fields)}`);
    const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger };
    return logger;
  };

  function enclaveOf(i: number, modules: EnclaveParts): EnclavePort {
    const server = simulation.servers[i < AWS_FROM ? 0 : 1];
    if (server === undefined) throw new TypeError("no server");
    chains[i] = modules.chain;
    const keeper = new EnclaveKeeper(
      { modelId: modelId(manifest), renewBeforeSec: 3_600, watchMs: 200, simulatedAllowed: true, critical: true, proves: true }, // prettier-ignore
      {
        ...modules,
        metrics: nullMetrics,
        assertMayVote: async () => undefined,
        launch: async () => {
          const inner = startInner({
            manifest,
            stage: async (_, stage) => model.runner(stage),
            provider: new QuoteServerProvider({ url: server.url, bundleDigest: BUNDLE }),
            prover,
          });
          inners[i]?.push(inner);
          return inner.client;
        },
        endorse: async () => endorseSimulated(server.url),
      },
    );
    keepers[i] = keeper;
    const port: EnclavePort = {
      canProve: true,
      serves: (spec) => keeper.serves(spec),
      open: async (...args) => keeper.open(...args),
      order: async (...args) => keeper.order(...args),
      run: async (...args) => keeper.run(...args),
      prove: async (...args) => {
        provings += 1;
        return keeper.prove(...args);
      },
      forget: (jobId) => keeper.forget(jobId),
    };
    const now = (): EnclavePort => ({ ...port, ...bent.get(i)?.(port) });
    return {
      ...port,
      order: async (...args) => now().order(...args),
      run: async (...args) => now().run(...args),
      prove: async (...args) => now().prove(...args),
    };
  }

  /** The first workers are attesters too, and judge what the others show. */
  async function registerAll(): Promise<void> {
    const [first] = chains;
    if (first === undefined) throw new TypeError("no worker");
    const board = await readBoard(first, await readEnclaveContracts(first));
    const { roots } = await endorseSimulated(simulation.servers[1]?.url ?? "");
    // The chain's clock is two days ahead of this machine's.
    const duty = { confirmations: 0, verdicts: 9, isLeaving: false, maxSkewSec: 10 ** 9, payEverySec: 0, spreadSec: 0, fromBlock: 0n, maxRange: 500, pollMs: 20 }; // prettier-ignore
    const attesters = await Promise.all(
      chains.slice(0, ATTESTERS).map(async (one) => {
        const account = one.sender?.address ?? "0x";
        const { stake } = await readTerms(one, board, account);
        await fundBoard(one, board, account, 10n * stake);
        await joinAttesters(one, board);
        const journal = new MemoryJournal({ clock: testClock });
        const modules = { chain: one, clock: testClock, roots, journal, logger: silentLogger, metrics: nullMetrics };
        return Attester.open(duty, { ...modules, random: () => 0 });
      }),
    );
    for (const keeper of keepers) void keeper.keep();
    await until(120_000, async () => {
      await chain.rpc("evm_mine");
      for (const one of attesters) await one.pass();
      return keepers.every(({ status }) => status !== null) ? true : null;
    });
  }

  before(async () => {
    model = await provenModel(1, folder);
    manifest = { ...model.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) };
    prover = new StageProver(
      { keyFolder: folder, cacheFolder: folder, chainId: 31_337n, memoryMiB: 1_024, threads: 2, maxLoad: 8 },
      {
        logger: silentLogger,
        programs: { table: () => manifest.stages, program: async (_, stage) => model.programs[stage] ?? null },
      },
    );
    chain = await startTestChain();
    const { public: publicClient, wallet: walletClient } = chain.clients(0);
    simulation = await startSimulatedEnclaves({
      publicClient,
      walletClient,
      deployment: chain.deployment,
      bundleDigests: [BUNDLE],
      seeds: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
      formats: ["dcap-tdx-v4", "nitro-cose"],
      advance: async (seconds) => {
        await chain.rpc("evm_increaseTime", [seconds]);
        await chain.rpc("evm_mine");
      },
    });
    cluster = await Cluster.start(
      chain,
      { workers: WORKERS, http: true, logger: recording, enclave: enclaveOf, journal: () => new MemoryJournal({ clock: testClock }) }, // prettier-ignore
      manifest,
    );
    wallet = await createRequester(chain);
    for (const record of model.records) {
      const add = { address: chain.deployment.keys, abi: keyRegistryAbi, functionName: "add", chain: null } as const;
      await wallet.waitForTransactionReceipt({ hash: await writeContract(wallet, { ...add, args: [record] }) });
    }
    await registerAll();
    await mineEvery(chain, 250);
  });
  afterEach(() => bent.clear());
  after(async () => {
    await cluster?.stop();
    for (const inner of inners.flat()) inner.client.close();
    await simulation?.close();
    await prover?.close();
    await chain?.close();
  });

  const request = async (change: Partial<Parameters<AssayWallet["requestInferenceSync"]>[0]> = {}) =>
    wallet.requestInferenceSync({
      preset: "critical-enclave",
      manifest,
      input,
      deposit: true,
      enclaves: { allowSimulated: true },
      ...change,
    });
  const eventsOf = async (jobId: `0x${string}`) => {
    const filter = { address: chain.deployment.hub, abi: assayHubAbi, fromBlock: 0n, strict: true } as const;
    const all = await getContractEvents(wallet, filter);
    return all.filter(({ args }) => "jobId" in args && args.jobId === jobId);
  };

  it("R62: default: two vendors and two operators say one digest, one proves it inside, and both are paid", async () => {
    const done = await request();
    expect([...done.output.data].map(Number)).to.deep.equal(model.run(values));
    const events = await eventsOf(done.jobId);
    const proven = events.find(({ eventName }) => eventName === "Proven");
    const seconded = events.find(({ eventName }) => eventName === "Seconded");
    if (proven?.eventName !== "Proven" || seconded?.eventName !== "Seconded") return expect.fail("no pair");
    const familyOf = (workerId: number) =>
      (cluster.workers.find((one) => one.workerId === workerId)?.index ?? 0) < AWS_FROM;
    expect(familyOf(proven.args.workerId)).to.not.equal(familyOf(seconded.args.workerId));
    expect(provings).to.equal(1);
    const receipt = await wallet.getReceipt({ jobId: done.jobId });
    expect(receipt.proofs.length).to.equal(1);
    return undefined;
  });
});
