// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getContractEvents } from "viem/actions";
import { hexToBytes, toHex } from "viem";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { measurementRegistryAbi } from "../../offchain/adapters/chain/abi/measurement-registry.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import { openBundle } from "../../offchain/audit/bundle/open-bundle.ts";
import { enclaveEvidence } from "../../offchain/audit/evidence/enclave.ts";
import type { JobContext } from "../../offchain/audit/evidence/evidence-class.ts";
import { checkBuilds } from "../../offchain/audit/replay/check-deployment.ts";
import { readBuilds } from "../../offchain/audit/replay/known-builds.ts";
import { hasCode } from "../../offchain/core/errors.ts";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { modelId as modelIdOf } from "../../offchain/core/model.ts";
import { decodeReceipt, encodeReceipt, type EnclavedTally, type Receipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { DEVELOPMENT_RULES, type CommitteeRules } from "../../offchain/core/threshold/draw-committee.ts";
import { COMMITTEE_PROTOCOL, decodeReply, encodeOpenAsk } from "../../offchain/core/threshold/host-wire.ts";
import { SEALED_SHARE_BYTES } from "../../offchain/core/threshold/sealed-input.ts";
import { readCollateralBundle } from "../../offchain/engines/tee/collateral-file.ts";
import { fetchSimulatedCollateral, QuoteServerProvider } from "../../offchain/engines/tee/provider/quote-server.ts";
import { MemberCalls } from "../../offchain/node/enclave/committee/call-members.ts";
import { committeeEnclave } from "../../offchain/node/enclave/committee/committee-enclave.ts";
import { CommitteeHost } from "../../offchain/node/enclave/committee/committee-host.ts";
import { EnclaveKeeper } from "../../offchain/node/enclave/keep-enclave.ts";
import { simulatedRoots } from "../../offchain/node/enclave/open-enclave.ts";
import { NodeError } from "../../offchain/node/errors.ts";
import type { EnclaveAnswer, EnclavePort } from "../../offchain/protocol/ports.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { findEnclaves } from "../../offchain/sdk/find-enclaves.ts";
import { startSimulatedEnclaves, type SimulatedEnclaves } from "../../scripts/deploy/simulated-enclaves.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, nullMetrics, until, type EnclaveParts } from "../support/cluster/cluster.ts";
import { chainBytes, recordedJournal, recordedStore, recordingLogger } from "../support/cluster/recorded.ts";
import { decodePlan } from "../../offchain/core/planning/encode-plan.ts";
import { enclavePlanRequest, replanEnclaves } from "../../offchain/core/planning/enclave-plan.ts";
import { plannedEnclave } from "../../offchain/core/verify-schedule.ts";
import type { ModelManifest } from "../../offchain/core/types.ts";
import { jobTable } from "../../offchain/core/network-part.ts";
import type { ScheduledPort, ScheduledRun } from "../../offchain/protocol/scheduled-port.ts";
import { scheduledManifest } from "../support/tee/scheduled.ts";
import { createRequester } from "../support/cluster/requester.ts";
import { request as requestCommand } from "../../offchain/cli/commands/request.ts";
import { captureCli, type Captured } from "../support/capture-cli.ts";
import { addOneFolder, addOneInPlace } from "../support/tee/add-one-folder.ts";
import { audit, exportFrom, forge, onText, openContext } from "../support/audit-scenario.ts";
import { expectCode } from "../support/expect-code.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { keccakText } from "../../offchain/core/tagged-hash.ts";
import { BUNDLE, enclaveManifest, startInner, type TestInner } from "../support/tee/inner.ts";

const WORKERS = 12;
/** Runs other code than any listed image. */
const STRANGE = 11;
/** On the platform that is denied later. */
const DENIED = 10;
/** Have a second enclave each, of a model whose two stages no enclave may have both of. */
const SHARERS = [1, 2, 3, 4] as const;
const OTHER = keccakText("another bundle");
const bytesOf = (data: readonly number[]): Buffer => Buffer.from(Int8Array.from(data));
const input = { dtype: "i8" as const, dims: [32], data: Int8Array.from({ length: 32 }, (_, i) => 3 * i - 40) };
const output = [...input.data].map((value) => value + 1);
const policy = { tWork: 60, tReveal: 60, window: 4 };
const shared = { dtype: "i8" as const, dims: [64], data: Int8Array.from({ length: 64 }, (_, i) => (37 * i) % 120) };
const sharedPlus = (n: number): Buffer => bytesOf([...shared.data].map((value) => value + n));
describe("R58: jobs that enclaves answer", function suite() {
  this.timeout(240_000);
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;
  let simulation: SimulatedEnclaves;
  const { folder: modelFolder, manifest } = addOneFolder(enclaveManifest(), input.data.length);
  const keepers: EnclaveKeeper[] = [];
  const inners: TestInner[][] = Array.from({ length: WORKERS }, () => []);
  const parts: EnclaveParts[] = [];
  const committees: CommitteeHost[] = [];
  const manifestOfTwo = scheduledManifest();
  const sharers = new Map<number, { readonly keeper: EnclaveKeeper; readonly inners: TestInner[] }>();
  /** Runs that enclaves took, in order, and what happens before one computes. */
  const runs: { readonly worker: number; readonly run: ScheduledRun }[] = [];
  let beforeCompute: (worker: number, run: ScheduledRun) => void = () => undefined;
  const logs: string[] = [];
  /** Bent answers, by worker. */
  const bent = new Map<
    number,
    (answer: EnclaveAnswer, jobId: `0x${string}`) => EnclaveAnswer | Promise<EnclaveAnswer>
  >();

  /** All that was ever written by a worker. */
  const written: Buffer[][] = Array.from({ length: WORKERS }, () => []);
  function keeperOf(i: number, modules: EnclaveParts, model: ModelManifest, own: TestInner[]): EnclaveKeeper {
    const server = simulation.servers[i === DENIED ? 1 : 0];
    if (server === undefined) throw new TypeError("no server");
    const bundleDigest = i === STRANGE ? OTHER : BUNDLE;
    const keeper = new EnclaveKeeper(
      {
        modelId: modelIdOf(model),
        renewBeforeSec: 3_600,
        watchMs: 200,
        simulatedAllowed: true,
        critical: true,
        proves: true,
      },
      {
        ...modules,
        metrics: nullMetrics,
        assertMayVote: async () => undefined,
        launch: async () => {
          const inner = startInner({
            manifest: model,
            stage: addOneInPlace,
            bundleDigest,
            provider: new QuoteServerProvider({ url: server.url, bundleDigest }),
          });
          own.push(inner);
          return inner.client;
        },
        endorse: async () => {
          const { bundle, root } = await fetchSimulatedCollateral(server.url);
          return { endorsements: readCollateralBundle(bundle), roots: simulatedRoots(root) };
        },
      },
    );
    return keeper;
  }

  function enclaveOf(i: number, modules: EnclaveParts): EnclavePort {
    const keeper = keeperOf(i, modules, manifest, inners[i] ?? []);
    void keeper.keep();
    keepers[i] = keeper;
    parts[i] = modules;
    return {
      canProve: keeper.canProve,
      ...(SHARERS.some((one) => one === i) ? { scheduled: scheduledOf(i, modules) } : {}),
      serves: (spec) => keeper.serves(spec),
      order: async (...args) => keeper.order(...args),
      prove: async (...args) => keeper.prove(...args),
      open: async (...args) => {
        const committee = committees[i];
        await (committee === undefined ? keeper : committeeEnclave(keeper, committee)).open(...args);
      },
      forget: (jobId) => keeper.forget(jobId),
      run: async (jobId, stage) => {
        const answer = await keeper.run(jobId, stage);
        return (await bent.get(i)?.(answer, jobId)) ?? answer;
      },
    };
  }

  function scheduledOf(i: number, modules: EnclaveParts): ScheduledPort {
    const own: TestInner[] = [];
    const keeper = keeperOf(i, modules, manifestOfTwo, own);
    sharers.set(i, { keeper, inners: own });
    const { scheduled } = keeper;
    return {
      ...scheduled,
      schedule: async (...order) => {
        const run = await scheduled.schedule(...order);
        runs.push({ worker: i, run });
        return run;
      },
      compute: async (jobId) => {
        const newest = runs.findLast(({ worker }) => worker === i);
        if (newest !== undefined) beforeCompute(i, newest.run);
        return scheduled.compute(jobId);
      },
    };
  }

  before(async () => {
    chain = await startTestChain();
    const { public: publicClient, wallet: walletClient } = chain.clients(0);
    simulation = await startSimulatedEnclaves({
      publicClient,
      walletClient,
      deployment: chain.deployment,
      bundleDigests: [BUNDLE],
      seeds: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
      advance: async (seconds) => {
        await chain.rpc("evm_increaseTime", [seconds]);
        await chain.rpc("evm_mine");
      },
    });
    cluster = await Cluster.start(
      chain,
      {
        workers: WORKERS,
        http: true,
        logger: () => recordingLogger(logs),
        enclave: enclaveOf,
        models: () => ({ table: (id) => jobTable(id === modelIdOf(manifestOfTwo) ? manifestOfTwo : manifest) }),
        journal: (i) => recordedJournal(written[i] ?? []),
        store: (i) => recordedStore(written[i] ?? []),
      },
      manifest,
    );
    wallet = await createRequester(chain);
    await mineEvery(chain, 250);
    await wallet.waitForTransactionReceipt({ hash: await wallet.registerModel({ manifest: manifestOfTwo }) });
    await until(120_000, () => (keepers.every((one, i) => i === STRANGE || one.status !== null) ? true : null));
  });
  const everyInner = (): TestInner[] => [...inners.flat(), ...[...sharers.values()].flatMap((one) => one.inners)];
  afterEach(() => {
    bent.clear();
    beforeCompute = () => undefined;
  });
  after(async () => {
    await cluster.stop();
    for (const inner of everyInner()) inner.client.close();
    await simulation.close();
    await chain.close();
  });

  const request = async (auditBps = 0, change: Partial<Parameters<AssayWallet["requestInferenceSync"]>[0]> = {}) =>
    wallet.requestInferenceSync({
      preset: "fast-enclave",
      manifest,
      input,
      deposit: true,
      policy: { ...policy, auditBps },
      enclaves: { allowSimulated: true },
      ...change,
    });
  const receiptOf = async (jobId: `0x${string}`): Promise<Receipt> => wallet.getReceipt({ jobId });
  const failing = ({ checks }: { readonly checks: readonly { readonly name: string; readonly ok: boolean }[] }) =>
    checks.filter(({ ok }) => !ok).map(({ name }) => name);
  let alone: Receipt;
  let audited: `0x${string}`;
  /** Of two enclaves, one of which died with its stage. */
  let replanned: Receipt;

  it("R58: default: one enclave answers, its signature opens the answer, and the receipt is verified again from bytes", async () => {
    const done = await request();
    expect([...done.output.data]).to.deep.equal(output);
    alone = await receiptOf(done.jobId);
    const { hub } = chain.deployment;
    const simulatedRootsOf = { simulatedRoots: simulation.roots };
    const online = await verifyReceiptFile(encodeReceipt(alone), { ...simulatedRootsOf, rpcUrl: chain.url, hub });
    expect(failing(online)).to.deep.equal([]);
    expect(online.guarantee).to.deep.include({
      evidence: ["ENCLAVE (SIMULATED)", "OPTIMISTIC"],
      seats: 1,
      endToEnd: false,
    });
    expect(online.checks.find(({ name }) => name.startsWith("enclave of"))?.detail).to.match(
      /^SIMULATED, proves nothing.*intel-tdx, UpToDate at /,
    );
    // Offline: only that its commitment was a transaction's is not known.
    expect(failing(await verifyReceiptFile(encodeReceipt(alone), simulatedRootsOf))).to.deep.equal(["posted"]);
    // A production auditor pins vendors only.
    expect(failing(await verifyReceiptFile(encodeReceipt(alone)))).to.deep.equal(["posted", "enclave of tally 0"]);
  });

  it("R75: error: a receipt whose enclave, quote, time or mark is another's fails", () => {
    const [one] = alone.enclaves as [EnclavedTally];
    const { recordHash } = alone;
    expect(failing(verifyReceipt(alone, { recordHash }))).to.deep.equal([]);
    const other = toHex(hexToBytes(keccakText("other")));
    const flip = (hex: `0x${string}`, at: number): `0x${string}` => {
      const bytes = hexToBytes(hex);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return toHex(bytes);
    };
    const core: readonly Partial<EnclavedTally>[] = [
      { key: cluster.client.account.address.toLowerCase() as `0x${string}` },
      { epoch: one.epoch + 1 },
      { channelHash: other },
      { r: other },
      { sealKey: other },
      { channelKey: other },
      { challenge: other },
      { registry: chain.deployment.hub },
      { runtime: flip(one.runtime, 40) },
      { runtime: flip(one.runtime, 70) },
      { quote: flip(one.quote, 600) },
    ];
    for (const change of core)
      expect(
        failing(verifyReceipt({ ...alone, enclaves: [{ ...one, ...change }] }, { recordHash })),
        Object.keys(change).join(),
      ).to.include("enclaves");
    expect(failing(verifyReceipt({ ...alone, enclaves: [] }, { recordHash }))).to.include("enclaves");
    expect(() => decodeReceipt(encodeReceipt({ ...alone, enclaves: [one, one] }))).to.throw();
  });

  it("R75: error: evidence that the vendor did not sign, or not then, fails with its clause", async () => {
    const [one] = alone.enclaves as [EnclavedTally];
    const judge = async (change: Partial<EnclavedTally>) => {
      const report = await verifyReceiptFile(encodeReceipt({ ...alone, enclaves: [{ ...one, ...change }] }), {
        simulatedRoots: simulation.roots,
      });
      return report.checks.find(({ name, ok }) => name === "enclave of tally 0" && !ok)?.detail ?? "";
    };
    const flip = (hex: `0x${string}`, at: number): `0x${string}` => `0x${hex.slice(2, 2 + 2 * at)}${hex.slice(2 + 2 * at, 4 + 2 * at) === "00" ? "01" : "00"}${hex.slice(4 + 2 * at)}`; // prettier-ignore
    const { endorsement } = one;
    // The measured image, the quote's signature, the quoting enclave's report.
    for (const at of [200, 640, 800])
      expect(await judge({ quote: flip(one.quote, at) }), `byte ${at}`).to.match(/^(QUOTE|QE|TD|BINDING)/);
    expect(await judge({ registeredAt: one.registeredAt + 40 * 86_400 })).to.match(/^(CHAIN|CRL|COLLATERAL)/);
    expect(await judge({ registeredAt: one.registeredAt - 40 * 86_400 })).to.match(/^(CHAIN|CRL|COLLATERAL)/);
    expect(await judge({ endorsement: { ...endorsement, rootCrl: endorsement.caCrl } })).to.match(/^CRL/);
    expect(await judge({ endorsement: { ...endorsement, tcbInfo: endorsement.identity } })).to.match(/^COLLATERAL/);
    expect(await judge({ endorsement: { ...endorsement, pck: endorsement.ca } })).to.match(/^(CHAIN|QE|DER)/);
    expect(await judge({ simulated: false })).to.equal("it hides that it is SIMULATED");
  });

  it("R58: default: an audited answer is voted on by three enclaves, and its receipt says so", async () => {
    const done = await request(10_000);
    expect([...done.output.data]).to.deep.equal(output);
    const receipt = await receiptOf(done.jobId);
    audited = done.jobId;
    expect(receipt.enclaves).to.deep.equal([]);
    const report = await verifyReceiptFile(encodeReceipt(receipt), { rpcUrl: chain.url, hub: chain.deployment.hub });
    expect(failing(report)).to.deep.equal([]);
    expect(report.guarantee?.evidence).to.deep.equal(["VOTE"]);
  });

  it("R57: error: the client seals to no SIMULATED enclave unasked, to no image it does not trust, to none that ends too early", async () => {
    const workers = cluster.workers.map(({ keys }) => keys.operator.address);
    const { timestamp } = await cluster.client.public.getBlock();
    const query = { hub: chain.deployment.hub, modelId: cluster.modelId, workers, until: Number(timestamp) + 1_000 };
    const look = async (change: Partial<Parameters<typeof findEnclaves>[1]>) =>
      findEnclaves(wallet, { ...query, ...change });
    const trust = { allowSimulated: true };
    const all = await look({ trust });
    expect([...all.refused.values()]).to.deep.equal(["it has registered no enclave for this model"]);
    expect(all.found.size).to.equal(WORKERS - 1);
    const reasons = async (change: Parameters<typeof look>[0]) => new Set((await look(change)).refused.values());
    expect([...(await reasons({}))].join()).to.include("SIMULATED");
    expect([...(await reasons({ trust: { ...trust, images: [OTHER] } }))].join()).to.include("which you do not trust");
    expect([...(await reasons({ trust, until: Number(timestamp) + 8 * 86_400 }))].join()).to.include(
      "ends before the job may",
    );
    expect((await look({ trust, modelId: OTHER })).found.size).to.equal(0);
    const [first] = all.found.values();
    const trusted = await look({ trust: { ...trust, images: [first?.measurementId ?? "0x"] } });
    // The other platform's module makes another measurement of the same code.
    expect(trusted.found.size).to.equal(WORKERS - 2);
    // Nothing leaves: not to the operators' own keys either.
    const before = logs.length;
    const error = await expectCode("JOB_CLOSED", async () =>
      request(0, { enclaves: {}, policy: { ...policy, tWork: 10, auditBps: 0 } }),
    );
    expect(hasCode((error as Error).cause, "DELIVERY_FAILED")).to.equal(true);
    expect(logs.slice(before).join("\n")).to.not.include("input.passed-on");
  });

  it("R75: error: an answer with another enclave's signature, an old epoch's or none is not opened, and earns nothing", async () => {
    const earned = async (): Promise<bigint> => {
      const accounts = await Promise.all(
        cluster.workers.map(async ({ workerId }) =>
          cluster.client.public.readContract({
            address: chain.deployment.hub,
            abi: assayHubAbi,
            functionName: "account",
            args: [workerId],
          }),
        ),
      );
      return accounts.reduce((sum, account) => sum + account.earned, 0n);
    };
    const before = await earned();
    const slashed = async () => eventCount("Slashed");
    const fines = await slashed();
    for (let i = 0; i < WORKERS; i += 1)
      bent.set(i, (answer) => {
        const { evidence } = answer;
        // Signed by nobody that is registered; or for an epoch that is not.
        const changed =
          i % 2 === 0
            ? `${evidence.slice(0, -2)}${evidence.endsWith("00") ? "01" : "00"}`
            : `${evidence.slice(0, 66)}0009${evidence.slice(70)}`;
        return { ...answer, evidence: changed as `0x${string}` };
      });
    const times = { ...policy, tWork: 20, tReveal: 10, auditBps: 0 };
    await expectCode("JOB_CLOSED", async () => request(0, { policy: times }));
    expect(await earned()).to.equal(before);
    expect((await slashed()) - fines).to.equal(1);
  });

  async function eventCount(eventName: "Slashed"): Promise<number> {
    const filter = { address: chain.deployment.hub, abi: assayHubAbi, eventName, fromBlock: 0n, strict: true } as const;
    return (await getContractEvents(cluster.client.public, filter)).length;
  }

  // --- Inputs encrypted once to a drawn committee

  const rules: CommitteeRules = { epochBlocks: 0, n: 4, t: 3, perFamily: 4, perOperator: 1, perPlatform: 4, allowSimulated: true }; // prettier-ignore
  let drawn: CommitteeRules;
  /** With a key made by at least four. */
  let epoch = 1;
  /** Workers whose hosts change the shares that they pass on, answer late, or not at all. */
  const [wrong, late, gone] = [new Set<number>(), new Set<number>(), new Set<number>()];
  const saidWrong = (): string[] => logs.filter((line) => line.startsWith("committee.share-wrong"));
  const memberWorkers = (): number[] => {
    const { members } = committees.find((one) => one.keyOf(epoch) !== null)?.keyOf(epoch)?.committee ?? { members: [] };
    return members.map(({ worker }) => cluster.workers.findIndex(({ keys }) => keys.operator.address === worker));
  };

  /** Hosts that go by these rules, once the epoch that begins now has a key. */
  const startCommittees = async (by: CommitteeRules): Promise<void> => {
    drawn = by;
    for (const [i, modules] of parts.entries()) {
      const { keys, transport } = modules;
      const own = new CommitteeHost(
        { rules: drawn, fromBlock: 0n, maxRange: 500n, confirmations: 0, watchMs: 100 },
        { ...modules, crypto: nodeCrypto, operator: keys.operator, enclave: () => keepers[i]?.hosted ?? null },
      );
      const isServing = committees[i] !== undefined;
      committees[i] = own;
      void own.keep();
      if (isServing) continue;
      transport.serve(COMMITTEE_PROTOCOL, async function* answer(_from, asked) {
        if (gone.has(i)) throw new NodeError("ENCLAVE_LOST", { reason: "it is away" });
        const reply = (await committees[i]?.serve(asked)) ?? new Uint8Array();
        const isShare = reply.length === 1 + SEALED_SHARE_BYTES;
        if (isShare && late.has(i)) await until(60_000, () => (saidWrong().length > 0 ? true : null));
        yield isShare && wrong.has(i) ? reply.map((byte, at) => (at === 100 ? byte ^ 1 : byte)) : reply;
      });
    }
    const height = Number(await cluster.client.public.getBlockNumber({ cacheTime: 0 }));
    epoch = Math.floor(height / by.epochBlocks) + 1;
    // One by one: a bundle records no blocks that were skipped to.
    for (let i = height; i < epoch * by.epochBlocks; i += 1) await chain.rpc("evm_mine");
    await until(120_000, () => (committees.filter((one) => one.keyOf(epoch) !== null).length >= 4 ? true : null));
  };

  it("R63: default: of an input encrypted once to a drawn committee the seated enclave needs three shares of four, one host's wrong share is named, the job is answered", async () => {
    // Epochs that outlast this suite on a slow machine; the first draw is near.
    const epochBlocks = Number(await cluster.client.public.getBlockNumber({ cacheTime: 0 })) + 600;
    await startCommittees({ ...rules, epochBlocks });
    const [first = -1, second = -1] = memberWorkers();
    wrong.add(first);
    late.add(second);
    const done = await request(0, { committee: drawn });
    expect([...done.output.data]).to.deep.equal(output);
    expect(done.delivery.failed.length).to.be.lessThan(3);
    await until(60_000, () => (saidWrong().length > 0 ? true : null));
    expect(saidWrong()[0]).to.include(cluster.workers[first]?.keys.operator.address);
    const receipt = await receiptOf(done.jobId);
    const report = await verifyReceiptFile(encodeReceipt(receipt), { simulatedRoots: simulation.roots, rpcUrl: chain.url, hub: chain.deployment.hub }); // prettier-ignore
    expect(failing(report)).to.deep.equal([]);
    [wrong, late].forEach((set) => set.clear());
  });

  it("R63: error: hosts refuse strangers, other epochs, keys that members have not signed, and shares for who has no seat", async () => {
    const [member = -1] = memberWorkers();
    const { keys: own } = cluster.workers[STRANGE] as (typeof cluster.workers)[number];
    const to = cluster.workers[member]?.keys.operator.address ?? "0x";
    const callsOf = (i: number) => {
      const { keys, ...rest } = parts[i] as EnclaveParts;
      return new MemberCalls({ ...rest, operator: keys.operator }, 0n);
    };
    const calls = callsOf(STRANGE);
    const says = async (reason: string, call: Promise<unknown>) => {
      const error = (await expectCode("COMMITTEE_CALL", async () => call)) as { readonly meta: { readonly reason: string } }; // prettier-ignore
      expect(error.meta.reason).to.equal(reason);
    };
    const round = { epoch: 1, mask: 15, attempt: 3 };
    const none = keccakText("no job");
    await says("STRANGER", calls.signed(to, none, { kind: "commit", ...round }));
    await says("EPOCH", calls.signed(to, none, { kind: "commit", ...round, epoch: 9 }));
    await says("KEY_UNKNOWN", calls.open(to, { kind: "key", epoch: 9 }));
    const [other = -1] = memberWorkers().filter((i) => i !== member);
    await says("KEY_KNOWN", callsOf(other).signed(to, none, { kind: "commit", ...round }));
    const release = { kind: "release", boundary: 0xffff, sender: own.operator.address, receiver: none, header: new Uint8Array(300) } as const; // prettier-ignore
    for (const jobId of [none, alone.jobId]) await says("SEAT_UNKNOWN", calls.signed(to, jobId, release));
    const serve = async (bytes: Uint8Array) => decodeReply((await committees[member]?.serve(bytes)) ?? bytes);
    const key = await calls.open(to, { kind: "key", epoch: 1 });
    // A host that has none yet takes no forged one.
    const fresh = new CommitteeHost(
      { rules: drawn, fromBlock: 0n, maxRange: 500n, confirmations: 0, watchMs: 100 },
      { ...(parts[STRANGE] as EnclaveParts), crypto: nodeCrypto, operator: own.operator, enclave: () => null },
    );
    const forged = key.map((byte, at) => (at === key.length - 1 ? byte ^ 1 : byte));
    for (const bytes of [forged, new Uint8Array(), key.subarray(1)])
      expect(decodeReply(await fresh.serve(encodeOpenAsk({ kind: "publish", epoch: 1, key: bytes })))).to.equal("COMMITTEE_KEY"); // prettier-ignore
    expect(fresh.keyOf(1)).to.equal(null);
    expect(decodeReply(await fresh.serve(encodeOpenAsk({ kind: "publish", epoch: 1, key })))).to.deep.equal(new Uint8Array()); // prettier-ignore
    expect(fresh.keyOf(1)?.signatures).to.have.lengthOf(4);
    for (const garbage of [new Uint8Array(), Uint8Array.of(7), Uint8Array.of(2, 1, 2, 3), new Uint8Array(40).fill(2)])
      expect(await serve(garbage)).to.match(/^(BYTES_TRUNCATED|NOT_CANONICAL|VERSION_UNKNOWN|TOO_LARGE)$/);
  });

  it("R63: error: with two shares of three left a host says SHARES_MISSING, the job ends without an answer, and a client seals nothing", async () => {
    const before = logs.length;
    // After the input is sealed, before it leaves: three of four are away, and one of a seat's own enclave makes two.
    const leave = () => memberWorkers().slice(1).forEach((i) => gone.add(i)); // prettier-ignore
    await expectCode("JOB_CLOSED", async () =>
      request(0, { committee: drawn, policy: { ...policy, tWork: 20 }, beforeDelivery: leave }),
    );
    const refused = (line: string): boolean => line.startsWith("offer.failed") && line.includes("good shares came");
    await until(60_000, () => (logs.slice(before).some(refused) ? true : null));
    await expectCode("SHARES_MISSING", async () => request(0, { committee: drawn }));
    gone.clear();
    // Nor to a committee of enclaves that the client does not trust, or that its own rules do not draw.
    await expectCode("COMMITTEE_KEY", async () => request(0, { committee: drawn, enclaves: {} }));
    await expectCode("COMMITTEE_SMALL", async () => request(0, { committee: { ...drawn, allowSimulated: false } }));
    await expectCode("COMMITTEE_KEY", async () => request(0, { committee: { ...drawn, t: 2 } }));
  });

  it("R63: the same by command, over the rules of a development chain; too few members are an error that says what to do, before anything is paid", async () => {
    await startCommittees(DEVELOPMENT_RULES);
    const file = (name: string, content: string): string => {
      const path = join(temporaryFolder(), name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const numbers = file("input.json", JSON.stringify([...input.data]));
    const key = file("requester.key", chain.account(3).privateKey);
    const access = ["--rpc", chain.url, "--hub", chain.deployment.hub, "--key-file", key, "--json"];
    const cli = async (...argv: string[]) =>
      captureCli([requestCommand], ["request", modelFolder, numbers, ...argv, ...access]);
    const terms = ["--preset", "fast-enclave", "--allow-simulated", "--deposit", "--audit-bps", "0", "--window", "4"];
    const asked = {
      abi: assayHubAbi,
      address: chain.deployment.hub,
      eventName: "JobRequested",
      fromBlock: 0n,
    } as const;
    const jobs = async () => (await getContractEvents(cluster.client.public, asked)).length;
    const errorOf = ({ out }: Captured) =>
      (JSON.parse(out) as { readonly error: Readonly<Record<string, string>> }).error;

    const receipt = join(temporaryFolder(), "job.receipt");
    // The policy's own time to work is ten blocks: real seconds here, for other suites may have the processors.
    await mineEvery(chain, 1_000);
    const done = await cli(...terms, "--committee", "development", "--receipt", receipt);
    await mineEvery(chain, 250);
    expect(done.code, done.out + done.err).to.equal(0);
    const told = JSON.parse(done.out) as Readonly<Record<string, unknown>>;
    // The last number is the largest; the enclave has made it one larger.
    expect(told["answer"]).to.deep.equal({ label: "place 31", index: 31, scores: output });
    expect(told).to.include({ receiptValid: true, receipt });
    expect(Object.keys(told)).to.have.members(["jobId", "answer", "outDigest", "quoted", "escrow", "returned", "fee", "likely", "finalSec", "quotedSec", "receiptValid", "receipt"]); // prettier-ignore
    const report = await verifyReceiptFile(new Uint8Array(readFileSync(receipt)), { simulatedRoots: simulation.roots, rpcUrl: chain.url, hub: chain.deployment.hub }); // prettier-ignore
    expect(failing(report)).to.deep.equal([]);

    const before = await jobs();
    expect(before).to.be.greaterThan(0);
    // One member of four is there, and nobody else, for the epoch before has a committee too.
    const [there] = memberWorkers();
    for (const i of cluster.workers.keys()) if (i !== there) gone.add(i);
    const few = await cli(...terms, "--committee", "development");
    gone.clear();
    expect([few.code, errorOf(few)["code"]]).to.deep.equal([75, "SHARES_MISSING"]);
    expect(errorOf(few)["message"]).to.contain("1 good shares came of the 3");
    expect(errorOf(few)["fix"]).to.contain("Try again when more members of the committee answer");
    // Nobody is drawn by the rules of a chain with hundreds of thousands of blocks.
    const none = await cli(...terms, "--committee", "standard");
    expect([none.code, errorOf(none)["code"]]).to.deep.equal([75, "COMMITTEE_SMALL"]);
    // Development enclaves are not taken for others by who did not say so.
    const strict = await cli("--preset", "fast-enclave", "--deposit", "--committee", "development");
    expect([strict.code, errorOf(strict)["code"]]).to.deep.equal([75, "COMMITTEE_KEY"]);
    expect((await cli("--preset", "general-vote", "--committee", "standard")).code).to.equal(2);
    expect(await jobs(), "nothing was asked for").to.equal(before);
  });

  const share = async () =>
    wallet.requestInferenceSync({
      preset: "fast-enclave",
      manifest: manifestOfTwo,
      input: shared,
      deposit: true,
      policy: { tWork: 60, tReveal: 60 },
      enclaves: { allowSimulated: true },
    });
  const workerIdOf = (i: number): number => cluster.workers[i]?.workerId ?? 0;
  const told = { abi: assayHubAbi, fromBlock: 0n, strict: true } as const;
  const plansOf = async (jobId: `0x${string}`) => {
    const found = await getContractEvents(cluster.client.public, { ...told, address: chain.deployment.hub, eventName: "Scheduled", args: { jobId } }); // prettier-ignore
    return found.map(({ args }) => decodePlan(hexToBytes(args.plan)));
  };
  const provenOf = async (jobId: `0x${string}`) => {
    const found = await getContractEvents(cluster.client.public, { ...told, address: chain.deployment.hub, eventName: "Proven", args: { jobId } }); // prettier-ignore
    return found.map(({ args }) => [args.stage, args.workerId]);
  };

  // Not before committees are drawn from all that is registered: nobody hosts these enclaves there.
  const startSharers = async (): Promise<void> => {
    const all = [...sharers.values()].map(({ keeper }) => keeper);
    for (const keeper of all) void keeper.keep();
    await until(180_000, () => (all.every(({ status }) => status !== null) ? true : null));
  };

  it("R60: default: two enclaves of two workers share a model; the boundary goes from one to the other, and the chain has both results", async () => {
    await startSharers();
    const { jobId, output: answer } = await share();
    expect(Buffer.from(answer.data as Int8Array)).to.deep.equal(sharedPlus(2));
    const [first, second] = runs.slice(-2).toSorted((a, b) => a.run.first - b.run.first);
    expect(first?.worker).to.not.equal(second?.worker);
    expect(await provenOf(jobId)).to.deep.equal([[0, workerIdOf(first?.worker ?? -1)], [1, workerIdOf(second?.worker ?? -1)]]); // prettier-ignore
    const [plan, ...more] = await plansOf(jobId);
    expect(more).to.deep.equal([]);
    expect(plan?.jobId).to.equal(jobId);
    expect(plan?.runs.map(({ first: from, last }) => [from, last])).to.deep.equal([[0, 0], [1, 1]]); // prettier-ignore
    // Anybody plans the same, and recomputes the channel; who trusts other enclaves would have planned otherwise.
    const seen = { jobId, manifest: manifestOfTwo };
    const checkedAgain = await wallet.checkSchedule({ ...seen, enclaves: { allowSimulated: true } });
    expect(failing(checkedAgain)).to.deep.equal([]);
    expect(checkedAgain.checks.map(({ name }) => name)).to.deep.equal(["plans", "stage 0", "stage 1"]);
    expect(failing(await wallet.checkSchedule(seen))).to.deep.equal(["plans"]);
    const receipt = await wallet.getReceipt({ jobId, manifest: manifestOfTwo });
    const anchors = { simulatedRoots: simulation.roots, rpcUrl: chain.url, hub: chain.deployment.hub };
    const judged = async (one: Receipt) => verifyReceiptFile(encodeReceipt(one), anchors);
    const online = await judged(receipt);
    expect(online.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(online.checks.map(({ name }) => name)).to.include.members(["plans", "chain plans", "chain enclaves"]);
    expect(online.guarantee?.evidence).to.deep.equal(["ENCLAVE (SIMULATED)"]);
    expect(failing(await verifyReceiptFile(encodeReceipt(receipt), { simulatedRoots: simulation.roots }))).to.deep.equal([]); // prettier-ignore
    // Without the simulated root neither stage is believed.
    expect(failing(await verifyReceiptFile(encodeReceipt(receipt)))).to.deep.equal(["enclave of tally 0", "enclave of tally 1"]); // prettier-ignore
    // Whatever is consistent in itself, the chain knows better: a plan that it was never told, an enclave as it never had it.
    const [shown] = receipt.schedule as [Receipt["schedule"][number]];
    const facts = { jobId, table: jobTable(manifestOfTwo), expiry: receipt.job.spec.expiry };
    const from = enclavePlanRequest(facts, shown.candidates.map(plannedEnclave));
    const [, lost] = plan?.runs ?? [];
    const { bytes } = replanEnclaves(from, decodePlan(hexToBytes(shown.plans[0] ?? "0x")), 1, [lost?.worker ?? "0x"]);
    const invented = { ...receipt, schedule: [{ ...shown, plans: [...shown.plans, toHex(bytes)] }] };
    expect(failing(verifyReceipt(invented))).to.deep.equal([]);
    expect(failing(await judged(invented))).to.deep.equal(["chain plans"]);
    const idle = shown.candidates.findIndex(({ key }) => !receipt.enclaves.some((one) => one.key === key));
    const bentAt = (at: number) => ({ ...shown, candidates: shown.candidates.map((one, i) => (i === at ? { ...one, vendor: one.vendor ^ 3 } : one)) }); // prettier-ignore
    const strange = { ...receipt, schedule: [bentAt(idle)] };
    expect(failing(verifyReceipt(strange))).to.deep.equal([]);
    expect(failing(await judged(strange))).to.deep.equal(["chain enclaves"]);
  });

  it("R61: behavior: an enclave that dies with its stage is replaced by a new plan, which the chain is told", async () => {
    const dead: number[] = [];
    beforeCompute = (worker, run) => {
      if (run.first !== 1 || dead.length > 0) return;
      dead.push(worker);
      sharers.get(worker)?.inners.at(-1)?.client.close();
    };
    const { jobId, output: answer } = await share();
    expect(Buffer.from(answer.data as Int8Array)).to.deep.equal(sharedPlus(2));
    const plans = await plansOf(jobId);
    expect(plans).to.have.lengthOf(2);
    const [before, after] = plans.map(({ runs: list }) => list.map(({ worker }) => worker));
    expect(after?.[0]).to.equal(before?.[0]);
    expect(after?.[1]).to.not.equal(before?.[1]);
    expect((await provenOf(jobId)).map(([, id]) => id)).to.not.include(workerIdOf(dead[0] ?? -1));
    expect(failing(await wallet.checkSchedule({ jobId, manifest: manifestOfTwo, enclaves: { allowSimulated: true } }))).to.deep.equal([]); // prettier-ignore
    replanned = await receiptOf(jobId);
    const anchors = { simulatedRoots: simulation.roots, rpcUrl: chain.url, hub: chain.deployment.hub };
    expect(failing(await verifyReceiptFile(encodeReceipt(replanned), anchors))).to.deep.equal([]);
    expect(replanned.enclaves.map(({ plan }) => plan)).to.deep.equal([0, 1]);
    // The first plan's promise is no plan of what came of it.
    const schedule = replanned.schedule.map((one) => ({ ...one, plans: one.plans.slice(1) }));
    expect(failing(verifyReceipt({ ...replanned, schedule }))).to.include("plans");
  });

  it("R69, R75: behavior: an auditor replays such jobs offline; of attestations the first artefact that does not fit is named", async () => {
    const work = temporaryFolder();
    const { jobId } = alone;
    const folder = join(work, "bundle");
    await exportFrom(chain, { folder, jobs: [jobId, audited, replanned.jobId] });
    const placeOf = (id: string, { key }: EnclavedTally, name: string) => `jobs/${id}/enclaves/${key.toLowerCase()}.${name}`; // prettier-ignore
    const [only] = alone.enclaves as [EnclavedTally];
    const place = (name: string) => placeOf(jobId, only, name);
    const sharedQuotes = replanned.enclaves.map((one) => placeOf(replanned.jobId, one, "quote"));
    expect(openBundle(folder).ofClass("quote").map(({ path }) => path)).to.have.members([place("quote"), ...sharedQuotes]); // prettier-ignore
    const flipAt = (at: number) => (bytes: Uint8Array) => bytes.with(at, (bytes[at] ?? 0) ^ 1);
    const second = sharedQuotes[1] ?? "";
    const forged = forge(folder, join(work, "forged"), { [place("quote")]: flipAt(300), [second]: flipAt(300) });
    const claims = await audit(forged);
    const named = claims.filter(({ verdict }) => verdict === "false").map(({ id, artefact }) => [id, artefact]);
    expect(named).to.deep.equal([
      [`job/${jobId}/attestations`, place("quote")],
      [`job/${replanned.jobId}/attestations`, second],
    ]);
    const ofJob = (id: string) => claims.filter(({ id: one }) => one.startsWith(`job/${id}/`));
    expect(ofJob(audited).find(({ id }) => id.endsWith("/attestations"))?.detail).to.include("votes decided it");
    const open = ofJob(jobId).filter(({ verdict }) => verdict === "not checkable");
    expect(open.map(({ id }) => id)).to.deep.equal([`job/${jobId}/re-execution`]);
    const ofShared = new Map(ofJob(replanned.jobId).map(({ id, ...one }) => [id.split("/")[2], one]));
    for (const name of ["receipt", "evidence", "enclaves", "plans", "payouts"])
      expect(ofShared.get(name)?.verdict, name).to.equal("ok");
    expect(ofShared.get("plans")?.detail).to.match(/^2 plans follow from enclaves of 4 of 12 candidates; the registry had all of them in block /); // prettier-ignore

    const { context, close } = await openContext(folder, jobId);
    const [registered, attested] = enclaveEvidence.claims.map(
      ({ check }) =>
        async (change: Partial<JobContext> = {}) =>
          check({ ...context, ...change }),
    );
    if (registered === undefined || attested === undefined) throw new TypeError("no claims");
    expect(await registered()).to.include({ verdict: "ok" });
    const fits = await attested();
    expect(fits.verdict).to.equal("ok");
    expect(fits.detail).to.match(/^SIMULATED, proves nothing about hardware: intel-tdx, UpToDate at /);

    // Another collateral, or none.
    const other = forge(folder, join(work, "other"), { [place("collateral.json")]: onText((text) => text.replace('"pck_crl": "30', '"pck_crl": "31')) }); // prettier-ignore
    const collateral = { verdict: "false", artefact: place("collateral.json") };
    expect(await attested({ bundle: openBundle(other) })).to.include(collateral);
    const short = forge(folder, join(work, "short"), { [place("quote")]: (bytes) => bytes.subarray(0, 700) });
    expect(await attested({ bundle: openBundle(short) })).to.include({ verdict: "false", artefact: place("quote") });
    const { bundle } = context;
    const lacking = { ...bundle, has: (path: string) => !path.endsWith(".json") && bundle.has(path) };
    expect(await attested({ bundle: lacking })).to.include({ ...collateral, detail: "it is missing" });
    // A receipt that shows another registration, with quote and collateral to fit.
    const [shown] = context.receipt.enclaves as [EnclavedTally];
    const changed = async (change: Partial<EnclavedTally>): Promise<Partial<JobContext>> => {
      const receipt = { ...context.receipt, enclaves: [{ ...shown, ...change }] };
      const files = await enclaveEvidence.collect?.({ chain: context.chain, jobId, receipt, opening: undefined });
      const read = (path: string) => files?.find(({ file }) => path.endsWith(file))?.content ?? bundle.read(path);
      return { receipt, bundle: { ...bundle, read } };
    };
    const strange = toHex(hexToBytes(keccakText("other")));
    const place0 = `${context.path}, enclave of tally 0`;
    for (const [change, why] of [
      [{ registry: chain.deployment.hub }, /asks registry/],
      [{ key: chain.deployment.hub }, /never took key/],
      [{ epoch: shown.epoch + 1 }, /never took key .* epoch 2/],
      [{ sealKey: strange }, /another seal key/],
      [{ challenge: strange }, /another challenge/],
      [{ simulated: false }, /another mark of simulation/],
      [{ registeredAt: shown.registeredAt + 1 }, /another time/],
    ] as const) {
      const found = await registered(await changed(change));
      expect(found, JSON.stringify(change)).to.include({ verdict: "false", artefact: place0 });
      expect(found.detail).to.match(why);
    }
    const tooLate = await attested(await changed({ registeredAt: shown.registeredAt + 40 * 86_400 }));
    expect([tooLate.verdict, tooLate.artefact]).to.deep.equal(["false", place0]);
    expect(tooLate.detail).to.match(/^(CHAIN|CRL|COLLATERAL)/);
    const unpinned = await attested(await changed({ endorsement: { ...shown.endorsement, root: shown.endorsement.ca } })); // prettier-ignore
    expect(unpinned.detail).to.include("the chain pins no root");
    // Of enclaves that shared a program: other plans than the chain was told, other enclaves than it had then.
    const ofTwo = { ...context, jobId: replanned.jobId, path: `jobs/${replanned.jobId}/receipt`, receipt: replanned };
    const [plansClaim] = enclaveEvidence.more?.(replanned) ?? [];
    if (plansClaim === undefined) throw new TypeError("no claim of plans");
    const [scheduled] = replanned.schedule as [Receipt["schedule"][number]];
    const [firstPlan, nextPlan] = scheduled.plans as [`0x${string}`, `0x${string}`];
    const planned = async (change: Partial<typeof scheduled>) =>
      plansClaim.check({ ...ofTwo, receipt: { ...replanned, schedule: [{ ...scheduled, ...change }] } });
    expect(await planned({})).to.include({ verdict: "ok" });
    for (const [plans, at] of [
      [[], 0],
      [[firstPlan], 1],
      [[nextPlan], 0],
      [[nextPlan, firstPlan], 0],
      [[firstPlan, nextPlan, nextPlan], 2],
    ] as const)
      expect(await planned({ plans }), `${plans.length} plans`).to.include({ verdict: "false", artefact: `${ofTwo.path}, plan ${at}` }); // prettier-ignore
    const [had, ...others] = scheduled.candidates as [(typeof scheduled.candidates)[number]];
    const wherePlanned = `${ofTwo.path}, planned enclave of worker ${had.workerId}`;
    for (const [change, why] of [
      [{ key: only.key }, /another worker/],
      [{ key: chain.deployment.hub }, /another worker/],
      [{ vendor: 2 }, /another vendor/],
      [{ status: 1 }, /another status/],
      [{ expiry: had.expiry + 1 }, /another expiry/],
    ] as const) {
      const bentPlan = await planned({ candidates: [{ ...had, ...change }, ...others] });
      expect(bentPlan, JSON.stringify(change)).to.include({ verdict: "false", artefact: wherePlanned });
      expect(bentPlan.detail).to.match(why);
    }
    const swapped = { ...replanned, enclaves: replanned.enclaves.map((one) => ({ ...one, epoch: one.epoch + 1 })) };
    expect(await registered({ ...ofTwo, receipt: swapped })).to.include({ verdict: "false", artefact: `${ofTwo.path}, enclave of tally 0` }); // prettier-ignore
    // A later version of what takes the keys, whose rules these checks do not know.
    const builds = readBuilds("artifacts/contracts");
    const later = builds.map((build) =>
      build.name === "EnclaveRegistry" ? { ...build, bytecode: build.bytecode.replace(/^0x..../, "0x6142") } : build,
    );
    expect(await checkBuilds(context.chain, context.recorded, builds)).to.include({ verdict: "ok" });
    const found = await checkBuilds(context.chain, context.recorded, later);
    expect(found).to.include({ verdict: "false", artefact: "contracts.json, enclaves" });
    await close();
  });

  it("R58: behavior: no planted secret is on the host's side: logs, chain, journals, blobs or the wire to the enclaves", async () => {
    const hidden = [
      bytesOf([...input.data]),
      bytesOf(output),
      ...[0, 1, 2].map(sharedPlus),
      ...everyInner().flatMap(({ secrets }) => secrets.map((one) => Buffer.from(one))),
    ];
    expect(hidden.length).to.be.greaterThan(3 * WORKERS);
    const [onChain = Buffer.alloc(0), chainsText = Buffer.alloc(0)] = await chainBytes(cluster);
    const places: [string, Buffer][] = [
      ["chain", onChain],
      ["chain's text", chainsText],
      ["logs", Buffer.from(logs.join("\n"))],
    ];
    for (const [i, all] of written.entries()) places.push([`journal and blobs ${i}`, Buffer.concat(all)]);
    expect(places.some(([, bytes]) => bytes.includes("outDigest"))).to.equal(true);
    for (const [i, inner] of everyInner().entries()) places.push([`wire ${i}`, Buffer.from(inner.wire())]);
    expect(places.find(([name]) => name === "logs")?.[1].includes("enclave.registered")).to.equal(true);
    for (const [name, bytes] of places)
      for (const secret of hidden) {
        expect(bytes.includes(secret), name).to.equal(false);
        expect(bytes.includes(secret.toString("hex")), `${name}, as hex`).to.equal(false);
        expect(bytes.includes(secret.toString("base64")), `${name}, as base64`).to.equal(false);
      }
  });

  it("R59: behavior: a worker whose platform is denied takes no more jobs and says so; one whose enclave dies registers new keys", async () => {
    const { wallet: timelock, account } = chain.clients(0);
    const workers = [cluster.workers[DENIED]?.keys.operator.address ?? "0x"] as const;
    const { timestamp } = await cluster.client.public.getBlock();
    const look = async () =>
      findEnclaves(wallet, {
        hub: chain.deployment.hub,
        modelId: cluster.modelId,
        workers,
        until: Number(timestamp) + 1_000,
        trust: { allowSimulated: true },
      });
    const platformId = [...(await look()).found.values()][0]?.platformId ?? "0x";
    const hash = await timelock.writeContract({ chain: null, account, address: simulation.deployment.images, abi: measurementRegistryAbi, functionName: "deny", args: [platformId] }); // prettier-ignore
    await cluster.client.public.waitForTransactionReceipt({ hash });
    await until(60_000, () => (keepers[DENIED]?.status === null ? true : null));
    expect(logs.some((line) => line.startsWith("enclave.ended") && line.includes("revoked"))).to.equal(true);
    expect((await look()).found.size).to.equal(0);
    expect(keepers[DENIED]?.serves(alone.job.spec)).to.equal(false);
    const before = keepers[0]?.status?.key;
    inners[0]?.[0]?.client.close();
    await until(60_000, () => (keepers[0]?.status != null && keepers[0].status.key !== before ? true : null));
    expect(inners[0]?.length).to.equal(2);
  });
});
