// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createClient, custom, decodeFunctionData, encodeFunctionResult, toHex, type Abi, type Hex } from "viem";
import { enclaveEvidenceAbi } from "../../../../offchain/adapters/chain/abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "../../../../offchain/adapters/chain/abi/enclave-registry.ts";
import { evidenceRouterAbi } from "../../../../offchain/adapters/chain/abi/evidence-router.ts";
import { ChainClock } from "../../../../offchain/adapters/chain/chain-clock.ts";
import type { Chain } from "../../../../offchain/adapters/chain/chain.ts";
import { ChainError } from "../../../../offchain/adapters/chain/errors.ts";
import { silentLogger } from "../../../../offchain/adapters/observe/silent-logger.ts";
import { fromHex } from "../../../../offchain/core/bytes.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { ZERO_ADDRESS, ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import type { EnclaveAnswer } from "../../../../offchain/protocol/ports.ts";
import { EnclaveKeeper } from "../../../../offchain/node/enclave/keep-enclave.ts";
import type { EnclaveClient } from "../../../../offchain/node/enclave/enclave-client.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { nullMetrics } from "../../../support/cluster/cluster.ts";
import { HUB, innerJob, REGISTRY, REQUESTER, sealInner, startInner, WORKER, type InnerJob } from "../../../support/tee/inner.ts"; // prettier-ignore
import { NOW, PERIOD, REPORT, simulated } from "../../../support/tee/simulated.ts";

const DAY = 86_400;
const WATCH_MS = 15_000;
const ABI: Abi = [...evidenceRouterAbi, ...enclaveEvidenceAbi, ...enclaveRegistryAbi];
const TENSOR = { dtype: "i8", dims: [4], data: Int8Array.of(1, 2, 3, 4) } as const;

/** What a registry knows of a key. */
interface Known {
  readonly epoch: number;
  expiry: number;
}

/** `EnclaveRegistry` as a keeper meets it: it counts registrations up, ends them, and says whether a key is live. */
class FakeRegistry {
  readonly keys = new Map<string, Known>();
  /** Unix seconds. */
  now = Number(NOW);
  /** What registrations are refused with. */
  refuses: string | null = null;
  /** Why no key is live, whatever its record says. */
  isRevoked = false;
  isDown = false;
  /** Registrations that were sent, and the newest one's key that clients seal to. */
  sent = 0;
  sealKey: Hex = "0x";
  readonly #number = () => BigInt(Math.floor((this.now - Number(PERIOD.from)) / 12));

  #answer(data: Hex): Hex {
    const { functionName, args = [] } = decodeFunctionData({ abi: ABI, data });
    const key = String(args[0]).toLowerCase();
    const known = this.keys.get(key);
    const record = { modelId: ZERO_BYTES32, origin: ZERO_BYTES32, worker: WORKER, expiry: known?.expiry ?? 0, image: 1, epoch: known?.epoch ?? 0, status: 0, vendor: 2, life: 0 }; // prettier-ignore
    const results: Readonly<Record<string, unknown>> = {
      adapterOf: `0x${"88".repeat(20)}`,
      enclaves: REGISTRY,
      COLLATERAL: `0x${"99".repeat(20)}`,
      enclave: record,
      isLive: known !== undefined && this.now < known.expiry && !this.isRevoked,
    };
    return encodeFunctionResult({ abi: ABI, functionName, result: results[functionName] });
  }

  chain(clock: ManualClock): Chain {
    const block = () => {
      const number = this.#number();
      return { number: toHex(number), hash: keccakText(`block ${number}`), timestamp: toHex(this.now), transactions: [] }; // prettier-ignore
    };
    const request = async ({ method, params }: { readonly method: string; readonly params?: unknown }) => {
      if (this.isDown)
        throw new ChainError("RPC_UNAVAILABLE", { url: "http://127.0.0.1", reason: "connection refused" });
      const [first] = params as readonly [{ readonly data: Hex }];
      return Promise.resolve(method === "eth_call" ? this.#answer(first.data) : block());
    };
    const send = async ({ purpose, data }: { readonly purpose: string; readonly data: Hex }) => {
      // Everything that goes with a quote is known already.
      if (purpose !== "register") throw new ChainError("REVERTED", { call: purpose, name: "NotNewer", args: "" });
      if (this.refuses !== null) throw new ChainError("REVERTED", { call: purpose, name: this.refuses, args: "" });
      const call = decodeFunctionData({ abi: enclaveRegistryAbi, data });
      if (call.functionName !== "register") throw new TypeError("another call");
      const { key, epoch, sealKey } = call.args[2];
      this.sent += 1;
      this.sealKey = sealKey;
      expect(epoch).to.equal((this.keys.get(key.toLowerCase())?.epoch ?? 0) + 1);
      const end = Number(PERIOD.to);
      this.keys.set(key.toLowerCase(), { epoch, expiry: Math.min(this.now + 7 * DAY, end) });
      return { transactionHash: keccakText(`${key} ${epoch}`), logs: [] };
    };
    return {
      chainId: 31_337,
      contracts: { hub: HUB, router: ZERO_ADDRESS },
      client: createClient({ transport: custom({ request }, { retryCount: 0 }) }),
      clock: new ChainClock(clock),
      errors: ABI,
      sender: { address: WORKER, send, simulate: send, reset: () => undefined },
    } as unknown as Chain;
  }
}

describe("keeping an enclave registered", () => {
  const open: { stop: () => Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.stop();
  });

  function keep() {
    const registry = new FakeRegistry();
    const clock = new ManualClock(Number(NOW) * 1000);
    const life = new AbortController();
    const lines: string[] = [];
    const clients: EnclaveClient[] = [];
    const say = (evt: string, fields: { readonly reason?: string; readonly code?: string } = {}) =>
      void lines.push([evt, fields.reason ?? fields.code ?? ""].join(" ").trim());
    const platform = simulated();
    const { modelId } = startInner();
    const keeper = new EnclaveKeeper(
      { modelId, renewBeforeSec: DAY, watchMs: WATCH_MS, simulatedAllowed: true, critical: false, proves: false },
      {
        chain: registry.chain(clock),
        launch: async () => {
          const { client } = startInner();
          clients.push(client);
          return Promise.resolve(client);
        },
        endorse: async () => {
          const { endorsements } = platform.attest("dcap-tdx-v4", REPORT);
          return Promise.resolve({ endorsements, roots: platform.roots(["intel"]) });
        },
        assertMayVote: async () => Promise.resolve(),
        clock,
        logger: { ...silentLogger, info: say, warn: say, error: say },
        metrics: nullMetrics,
        signal: life.signal,
      },
    );
    const loop = keeper.keep();
    const stop = async () => {
      life.abort();
      clock.advance(200_000);
      await loop;
    };
    open.push({ stop });
    const settle = async (): Promise<void> => {
      // Everything here is promises and streams of this process: some turns of the loop are all of it.
      for (let i = 0; i < 150; i++) await new Promise(setImmediate);
    };
    /** Chain and machine together, in looks of the keeper. */
    const pass = async (seconds: number): Promise<void> => {
      registry.now += seconds;
      clock.advance(Math.max(WATCH_MS, seconds * 1000));
      await settle();
    };
    return { registry, keeper, lines, clients, modelId, pass, settle };
  }

  const take = async (keeper: EnclaveKeeper, one: InnerJob, sealKey: Hex): Promise<void> =>
    keeper.open(one.jobId, one.job, { blob: sealInner(one, fromHex(sealKey)), boundary: JOB_INPUT, sender: REQUESTER, isPublic: false }); // prettier-ignore
  const epochOf = ({ evidence }: EnclaveAnswer): number => Number(`0x${evidence.slice(66, 70)}`);

  it("R59: default: a key is renewed in its last day, once, and never earlier", async () => {
    const { registry, keeper, lines, settle, pass } = keep();
    await settle();
    const first = keeper.status;
    expect(first).to.include({ epoch: 1, expiry: Number(NOW) + 7 * DAY, simulated: true });
    await pass(6 * DAY);
    expect(keeper.status?.epoch).to.equal(1);
    await pass(1);
    expect(keeper.status).to.include({ key: first?.key, epoch: 2, expiry: Number(NOW) + 13 * DAY + 1 });
    for (let i = 0; i < 5; i++) await pass(15);
    expect(registry.keys.get(first?.key ?? "")?.epoch).to.equal(2);
    expect(lines).to.deep.equal(["enclave.registered", "enclave.registered"]);
  });

  it("R59: behavior: a failed renewal is tried again every two minutes while the key lives on, and after it has ended", async () => {
    const { registry, keeper, lines, modelId, settle, pass } = keep();
    await settle();
    registry.refuses = "StatusNotAdmitted";
    await pass(6 * DAY + 1);
    for (let i = 0; i < 8; i++) await pass(15);
    expect(lines.slice(1)).to.deep.equal(["enclave.not-registered REVERTED", "enclave.not-registered REVERTED"]);
    const { job } = innerJob(modelId, TENSOR);
    const until = (seconds: number) => keeper.serves({ ...job.spec, expiry: registry.now + seconds });
    expect([until(DAY / 2), until(DAY)], "jobs that end before the key does").to.deep.equal([true, false]);
    await pass(DAY);
    expect(lines.at(-1)).to.equal("enclave.ended expired");
    expect([keeper.status, until(10)]).to.deep.equal([null, false]);
    registry.refuses = null;
    await pass(120);
    expect(keeper.status).to.include({ epoch: 2 });
    expect(until(DAY)).to.equal(true);
  });

  it("R59: behavior: collateral that ends soon is no reason to renew again and again: that would void open answers", async () => {
    const { registry, keeper, lines, settle, pass } = keep();
    await settle();
    // Everything simulated ends thirty days after its start, and a registration with it.
    for (let day = 0; day < 4; day++) await pass(6 * DAY + 10);
    const last = keeper.status;
    expect(last).to.include({ epoch: 5, expiry: Number(PERIOD.to) });
    await pass(Number(PERIOD.to) - registry.now - DAY + 1);
    for (let i = 0; i < 300; i++) await pass(15);
    expect(registry.keys.get(last?.key ?? "")?.epoch).to.equal(5);
    // Looked for newer collateral once an hour.
    expect(lines.filter((line) => line === "enclave.not-renewed collateral")).to.have.length(2);
  }).timeout(20_000);

  it("R58: behavior: what was answered before a renewal keeps its epoch, what comes after it has the new one", async () => {
    const { registry, keeper, modelId, settle, pass } = keep();
    await settle();
    const before = keeper.status;
    const jobs = [innerJob(modelId, TENSOR), innerJob(modelId, TENSOR, { nonce: 2n })] as const;
    for (const one of jobs) await take(keeper, one, registry.sealKey);
    const first = await keeper.run(jobs[0].jobId);
    expect(epochOf(first)).to.equal(1);
    await pass(6 * DAY + 1);
    expect(keeper.status).to.include({ key: before?.key, epoch: 2 });
    expect(epochOf(await keeper.run(jobs[1].jobId))).to.equal(2);
  });

  it("R59: behavior: a platform that is revoked while its key lives: no new jobs, open ones are finished, nothing is paid for in vain", async () => {
    const { registry, keeper, lines, modelId, settle, pass } = keep();
    await settle();
    const one = innerJob(modelId, TENSOR);
    await take(keeper, one, registry.sealKey);
    // Intel's newest list says so, on the chain and to the worker.
    registry.isRevoked = true;
    registry.refuses = "StatusNotAdmitted";
    await pass(15);
    expect(lines.slice(1)).to.deep.equal(["enclave.ended revoked"]);
    expect(keeper.serves({ ...one.job.spec, expiry: registry.now + 60 })).to.equal(false);
    expect(epochOf(await keeper.run(one.jobId))).to.equal(1);
    for (let i = 0; i < 9; i++) await pass(15);
    // Dry-run first: nothing is sent.
    expect(lines.slice(2)).to.deep.equal(["enclave.not-registered REVERTED", "enclave.not-registered REVERTED"]);
    expect([registry.sent, keeper.status]).to.deep.equal([1, null]);
    // The platform was updated.
    registry.isRevoked = false;
    registry.refuses = null;
    await pass(120);
    expect(keeper.status).to.include({ epoch: 2 });
  });

  it("R59: behavior: after its death another enclave has new keys and a first registration; what was open is lost, and said so", async () => {
    const { registry, keeper, lines, clients, modelId, settle, pass } = keep();
    await settle();
    const one = innerJob(modelId, TENSOR);
    await take(keeper, one, registry.sealKey);
    const dead = keeper.status;
    clients[0]?.close();
    await settle();
    expect(lines).to.include("enclave.ended gone");
    await expectCode("ENCLAVE_LOST", async () => keeper.run(one.jobId));
    await pass(10);
    expect(keeper.status?.key).to.not.equal(dead?.key);
    expect(keeper.status).to.include({ epoch: 1 });
    await expectCode("ENCLAVE_REFUSED", async () => keeper.run(one.jobId));
    expect([clients.length, registry.keys.size]).to.deep.equal([2, 2]);
  });

  it("R59: behavior: an endpoint that is away neither ends the enclave nor its open jobs", async () => {
    const { registry, keeper, lines, clients, modelId, settle, pass } = keep();
    await settle();
    const one = innerJob(modelId, TENSOR);
    await take(keeper, one, registry.sealKey);
    registry.isDown = true;
    for (let i = 0; i < 4; i++) await pass(15);
    registry.isDown = false;
    await pass(15);
    expect(lines.slice(1)).to.deep.equal(["enclave.chain-down"]);
    expect([clients.length, keeper.status?.epoch]).to.deep.equal([1, 1]);
    expect(epochOf(await keeper.run(one.jobId))).to.equal(1);
  });
});
