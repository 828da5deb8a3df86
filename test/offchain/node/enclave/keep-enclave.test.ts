// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  createClient,
  custom,
  decodeFunctionData,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionResult,
  toHex,
  type Abi,
  type Hex,
} from "viem";
import { enclaveEvidenceAbi } from "../../../../offchain/adapters/chain/abi/enclave-evidence.ts";
import { enclaveRegistryAbi } from "../../../../offchain/adapters/chain/abi/enclave-registry.ts";
import { evidenceRouterAbi } from "../../../../offchain/adapters/chain/abi/evidence-router.ts";
import { verdictBoardAbi } from "../../../../offchain/adapters/chain/abi/verdict-board.ts";
import { ChainClock } from "../../../../offchain/adapters/chain/chain-clock.ts";
import type { Chain } from "../../../../offchain/adapters/chain/chain.ts";
import { ChainError } from "../../../../offchain/adapters/chain/errors.ts";
import { silentLogger } from "../../../../offchain/adapters/observe/silent-logger.ts";
import { fromHex } from "../../../../offchain/core/bytes.ts";
import type { AssayError } from "../../../../offchain/core/errors.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { ZERO_ADDRESS, ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import type { EnclaveAnswer } from "../../../../offchain/protocol/ports.ts";
import { SimulatedPlatform } from "../../../../offchain/engines/tee/sim/platform.ts";
import { SimulatedProvider } from "../../../../offchain/engines/tee/sim/provider.ts";
import { simulatedMeasurement } from "../../../../offchain/engines/tee/sim/quote-server.ts";
import { EnclaveKeeper } from "../../../../offchain/node/enclave/keep-enclave.ts";
import type { EnclaveClient } from "../../../../offchain/node/enclave/enclave-client.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { nullMetrics } from "../../../support/cluster/cluster.ts";
import { BUNDLE, HUB, innerJob, REGISTRY, REQUESTER, sealInner, startInner, WORKER, type InnerJob } from "../../../support/tee/inner.ts"; // prettier-ignore
import { NOW, PERIOD, REPORT, simulated } from "../../../support/tee/simulated.ts";

const DAY = 86_400;
const WATCH_MS = 15_000;
const ABI: Abi = [...evidenceRouterAbi, ...enclaveEvidenceAbi, ...enclaveRegistryAbi, ...verdictBoardAbi];
const BOARD: Hex = `0x${"aa".repeat(20)}`;
const REWARD = 10n;
const TENSOR = { dtype: "i8", dims: [4], data: Int8Array.of(1, 2, 3, 4) } as const;

/** What a registry knows of a key. */
interface Known {
  readonly epoch: number;
  /** Hours from its registration to `expiry`. */
  readonly life: number;
  expiry: number;
}

/** A case of this worker, as `VerdictBoard` keeps it. */
interface Asked {
  readonly openedAt: number;
  readonly challenge: Hex;
  readonly evidence: Hex;
  deadline: number;
  standsFrom: number;
  state: number;
  word: Hex;
  escrow: bigint;
}

/** `EnclaveRegistry` as a keeper meets it: it counts registrations up, ends them, and says whether a key is live. */
class FakeRegistry {
  readonly keys = new Map<string, Known>();
  /** Unix seconds. */
  now = Number(NOW);
  /** Until which the evidence's certificates are good. */
  end = Number(PERIOD.to);
  /** What registrations are refused with. */
  refuses: string | null = null;
  /** Why no key is live, whatever its record says. */
  isRevoked = false;
  isDown = false;
  /** Registrations that were sent, and the newest one's key that clients seal to. */
  sent = 0;
  sealKey: Hex = "0x";
  /** The board: its cases, the worker's balance there, and all that the worker ever paid in. */
  readonly cases: Asked[] = [];
  balance = 0n;
  paidIn = 0n;
  /** Attesters of the board. */
  members = 5;
  /** Calls that the endpoint takes and does not answer. */
  readonly lost = new Set<string>();
  readonly #number = () => BigInt(Math.floor((this.now - Number(PERIOD.from)) / 12));

  #answer(data: Hex): Hex {
    const { functionName, args = [] } = decodeFunctionData({ abi: ABI, data });
    const key = String(args[0]).toLowerCase();
    const known = this.keys.get(key);
    const record = { modelId: ZERO_BYTES32, origin: ZERO_BYTES32, worker: WORKER, expiry: known?.expiry ?? 0, image: 1, epoch: known?.epoch ?? 0, status: 0, vendor: 2, life: known?.life ?? 0 }; // prettier-ignore
    const results: Readonly<Record<string, unknown>> = {
      adapterOf: `0x${"88".repeat(20)}`,
      enclaves: REGISTRY,
      COLLATERAL: `0x${"99".repeat(20)}`,
      enclave: record,
      BOARD,
      STAKE: 100n * REWARD,
      REWARD,
      balanceOf: this.balance,
      attesters: 1 + this.members,
      attester: { account: BOARD, joinedAt: 1, leftAt: 0, workerId: 1, reserve: 1n },
      caseOf: functionName === "caseOf" ? this.#caseOf(Number(args[0])) : undefined,
      isLive: known !== undefined && this.now < known.expiry && !this.isRevoked,
    };
    return encodeFunctionResult({ abi: ABI, functionName, result: results[functionName] });
  }

  #caseOf(caseId: number) {
    const { evidence: _, ...known } = this.asked(caseId);
    const rest = { payer: WORKER, challenger: ZERO_ADDRESS, drawnAt: known.openedAt, vendor: 4, round: 0, pool: 20, seedBlock: 1, evidenceHash: ZERO_BYTES32, plain: ZERO_BYTES32 }; // prettier-ignore
    return { ...rest, ...known };
  }

  asked(caseId: number): Asked {
    return this.cases[caseId - 1] ?? expect.fail(`no case ${caseId}`);
  }

  /** Four equal words, after whose objection time the verdict stands. */
  decide(caseId: number): void {
    Object.assign(this.asked(caseId), {
      state: 2,
      word: keccakText("genuine"),
      standsFrom: this.now + 3_600,
      escrow: 0n,
    });
    this.balance += REWARD;
  }

  /** What the worker's transactions do at the board and, by its verdict, at the registry. */
  #write(data: Hex): readonly unknown[] {
    const call = decodeFunctionData({ abi: [...verdictBoardAbi, ...enclaveRegistryAbi], data });
    if (call.functionName === "deposit") {
      this.balance += call.args[0];
      this.paidIn += call.args[0];
    } else if (call.functionName === "open") {
      if (this.balance < 5n * REWARD)
        throw new ChainError("REVERTED", { call: "open", name: "BalanceTooLow", args: "" });
      this.balance -= 5n * REWARD;
      const [vendor, evidence, endorsements, challengeBlock] = call.args;
      const challenge = keccakText(`block ${challengeBlock}`);
      this.cases.push({ openedAt: this.now, challenge, evidence, deadline: this.now + 3_600, standsFrom: 0, state: 1, word: ZERO_BYTES32, escrow: 5n * REWARD }); // prettier-ignore
      const caseId = BigInt(this.cases.length);
      const topics = encodeEventTopics({
        abi: verdictBoardAbi,
        eventName: "CaseOpened",
        args: { caseId, payer: WORKER, vendor },
      });
      const shown = [ZERO_BYTES32, challenge, this.now, 1, this.now + 3_600, evidence, endorsements] as const;
      const words = ["bytes32", "bytes32", "uint48", "uint48", "uint48", "bytes", "bytes"].map((type) => ({ type }));
      return [{ address: BOARD, topics, data: encodeAbiParameters(words, shown) }];
    } else if (call.functionName === "close") {
      const one = this.asked(Number(call.args[0]));
      if (one.state === 5) throw new ChainError("REVERTED", { call: "close", name: "CaseStateWrong", args: "" });
      expect(this.now > one.deadline, "closed too early").to.equal(true);
      this.balance += one.escrow;
      Object.assign(one, { state: 5, escrow: 0n });
    } else if (call.functionName === "registerByVerdict") {
      const [caseId, , { key, epoch, sealKey }] = call.args;
      const one = this.asked(Number(caseId));
      expect([one.state, this.now > one.standsFrom, epoch]).to.deep.equal([2, true, (this.keys.get(key.toLowerCase())?.epoch ?? 0) + 1]); // prettier-ignore
      this.sent += 1;
      this.sealKey = sealKey;
      this.#enter(key, epoch);
    }
    return [];
  }

  #enter(key: Hex, epoch: number): void {
    const expiry = Math.min(this.now + 7 * DAY, this.end);
    this.keys.set(key.toLowerCase(), { epoch, expiry, life: Math.ceil((expiry - this.now) / 3_600) });
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
      if (["deposit", "open", "close", "registerByVerdict"].includes(purpose)) {
        const logs = this.#write(data);
        if (this.lost.has(purpose))
          throw new ChainError("RPC_UNAVAILABLE", { url: "http://127.0.0.1", reason: "reset" });
        return { transactionHash: keccakText(`${purpose} ${this.sent}`), logs };
      }
      if (purpose === "approve") return { transactionHash: ZERO_BYTES32, logs: [] };
      // Everything that goes with a quote is known already.
      if (purpose !== "register") throw new ChainError("REVERTED", { call: purpose, name: "NotNewer", args: "" });
      if (this.refuses !== null) throw new ChainError("REVERTED", { call: purpose, name: this.refuses, args: "" });
      const call = decodeFunctionData({ abi: enclaveRegistryAbi, data });
      if (call.functionName !== "register") throw new TypeError("another call");
      const { key, epoch, sealKey } = call.args[2];
      this.sent += 1;
      this.sealKey = sealKey;
      expect(epoch).to.equal((this.keys.get(key.toLowerCase())?.epoch ?? 0) + 1);
      this.#enter(key, epoch);
      return { transactionHash: keccakText(`${key} ${epoch}`), logs: [] };
    };
    return {
      chainId: 31_337,
      contracts: { hub: HUB, router: ZERO_ADDRESS, token: ZERO_ADDRESS },
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

  /** Intel's evidence is verified on the chain; AWS's by the attesters of a board. */
  function keep(
    format: "dcap-tdx-v4" | "nitro-cose" = "dcap-tdx-v4",
    { critical = false, platform = simulated() } = {},
  ) {
    const registry = new FakeRegistry();
    const clock = new ManualClock(Number(NOW) * 1000);
    const life = new AbortController();
    const lines: string[] = [];
    const clients: EnclaveClient[] = [];
    const errors: unknown[] = [];
    const say = (
      evt: string,
      fields: { readonly reason?: string; readonly code?: string; readonly error?: unknown } = {},
    ) => {
      lines.push([evt, fields.reason ?? fields.code ?? ""].join(" ").trim());
      if (fields.error !== undefined) errors.push(fields.error);
    };
    const { modelId } = startInner();
    const keeper = new EnclaveKeeper(
      { modelId, renewBeforeSec: DAY, watchMs: WATCH_MS, simulatedAllowed: true, critical, proves: false },
      {
        chain: registry.chain(clock),
        launch: async () => {
          const provider = new SimulatedProvider(platform, format, simulatedMeasurement(BUNDLE));
          const { client } = startInner({ provider });
          clients.push(client);
          return Promise.resolve(client);
        },
        endorse: async () => {
          const { endorsements } = platform.attest(format, REPORT);
          return Promise.resolve({ endorsements, roots: platform.roots(["intel", "aws"]) });
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
    return { registry, keeper, lines, errors, clients, modelId, pass, settle };
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

  it("R59: behavior: a key that somebody ended before this worker looked was revoked, and did not expire", async () => {
    const { registry, keeper, lines, settle, pass } = keep();
    await settle();
    const known = registry.keys.get(keeper.status?.key.toLowerCase() ?? "");
    registry.refuses = "CertificateRevoked";
    if (known !== undefined) known.expiry = registry.now;
    await pass(15);
    expect(lines.slice(1)).to.deep.equal(["enclave.ended revoked"]);
    expect(keeper.status).to.equal(null);
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

  // --- By a verdict of the board

  const MISSING = "enclave.not-registered VERDICT_MISSING";
  const OPENED = "enclave.case-opened";

  it("R59, R62: behavior: for critical jobs a registration is renewed before it is a day old, once", async () => {
    const { registry, keeper, settle, pass } = keep("dcap-tdx-v4", { critical: true });
    await settle();
    await pass(DAY - 6 * 3_600);
    expect(keeper.status?.epoch).to.equal(1);
    await pass(1);
    for (let i = 0; i < 20; i++) await pass(15);
    expect([keeper.status?.epoch, registry.sent]).to.deep.equal([2, 2]);
  });

  it("R59, R62: behavior: evidence that lasts three hours is not paid for again and again, for critical jobs neither", async () => {
    const hours = 3 * 3_600;
    const platform = new SimulatedPlatform(new Uint8Array(32).fill(0x11), {
      from: PERIOD.from,
      to: NOW + BigInt(hours),
    });
    const { registry, keeper, lines, settle, pass } = keep("nitro-cose", { critical: true, platform });
    registry.end = Number(NOW) + hours;
    await settle();
    registry.decide(1);
    await pass(3_601);
    expect(keeper.status).to.include({ epoch: 1, expiry: registry.end });
    for (let i = 0; i < 200; i++) await pass(15);
    expect([registry.cases.length, registry.sent, registry.paidIn]).to.deep.equal([1, 1, 5n * REWARD]);
    // A renewal would win nothing; looked for a better certificate once an hour.
    expect(lines).to.deep.equal([OPENED, "enclave.registered", "enclave.not-renewed collateral"]);
  });

  it("R56: error: VERDICT_MISSING where nobody votes in time: said with what to do, shown again, and paid for once", async () => {
    const { registry, keeper, lines, errors, clients, settle, pass } = keep("nitro-cose");
    await settle();
    expect([lines, registry.paidIn]).to.deep.equal([[OPENED], 5n * REWARD]);
    const { evidence } = registry.asked(1);
    await pass(3_600);
    expect(lines, "the last second of the vote").to.deep.equal([OPENED]);
    await pass(1);
    expect(lines).to.deep.equal([OPENED, MISSING]);
    const { code, fix, retry, meta } = errors[0] as AssayError;
    expect(code).to.equal("VERDICT_MISSING");
    expect([fix.includes("attesters"), retry, meta]).to.deep.equal([true, "later", { case: 1n }]);
    // Nobody voted, so nobody else ends it: what it held is the worker's again, and pays for the next one.
    expect([registry.asked(1).state, registry.balance]).to.deep.equal([5, 5n * REWARD]);
    for (let i = 0; i < 7; i++) await pass(15);
    expect(registry.cases, "not at once").to.have.length(1);
    await pass(15);
    expect([registry.cases.length, registry.paidIn, clients.length, keeper.status]).to.deep.equal([2, 5n * REWARD, 1, null]); // prettier-ignore
    expect(registry.asked(2).evidence, "over a newer block").to.not.equal(evidence);
    registry.decide(2);
    await pass(3_600);
    expect(keeper.status).to.equal(null);
    await pass(15);
    expect(keeper.status).to.include({ epoch: 1, expiry: registry.now + 7 * DAY });
    expect(lines).to.deep.equal([OPENED, MISSING, OPENED, "enclave.registered"]);
    for (let i = 0; i < 20; i++) await pass(15);
    expect([registry.cases.length, registry.sent]).to.deep.equal([2, 1]);
  });

  it("R56: error: ATTESTERS_FEW where too few could be drawn: nothing is paid, and once there are enough the evidence is shown", async () => {
    const { registry, keeper, lines, settle, pass } = keep("nitro-cose");
    registry.members = 4;
    await settle();
    expect([lines.at(-1), registry.cases.length, registry.paidIn]).to.deep.equal(["enclave.not-registered ATTESTERS_FEW", 0, 0n]); // prettier-ignore
    registry.members = 5;
    await pass(120);
    expect([lines.at(-1), registry.cases.length, registry.paidIn]).to.deep.equal(["enclave.case-opened", 1, 5n * REWARD]); // prettier-ignore
    expect(keeper.status).to.equal(null);
  });

  it("R56: behavior: a renewal without a verdict costs neither the live key nor the job that it has open", async () => {
    const { registry, keeper, lines, clients, modelId, settle, pass } = keep("nitro-cose");
    await settle();
    registry.decide(1);
    await pass(3_601);
    const first = keeper.status;
    const one = innerJob(modelId, TENSOR);
    await take(keeper, one, registry.sealKey);
    await pass(6 * DAY + 1);
    expect(registry.cases).to.have.length(2);
    // Somebody else ended it meanwhile; then a jury that hung, which nobody ended.
    Object.assign(registry.asked(2), { state: 5, escrow: 0n });
    await pass(15);
    await pass(120);
    Object.assign(registry.asked(3), { state: 3, deadline: registry.now + 60 });
    await pass(60);
    expect(lines.filter((line) => line === MISSING)).to.have.length(1);
    await pass(1);
    expect(lines.slice(2)).to.deep.equal([OPENED, MISSING, OPENED, MISSING]);
    expect([registry.asked(3).state, keeper.status?.key, keeper.status?.epoch]).to.deep.equal([5, first?.key, 1]);
    const { job } = innerJob(modelId, TENSOR);
    expect(keeper.serves({ ...job.spec, expiry: registry.now + DAY / 2 })).to.equal(true);
    expect(epochOf(await keeper.run(one.jobId)), "answered under the key that it was sealed to").to.equal(1);
    await pass(120);
    registry.decide(4);
    await pass(3_601);
    expect(keeper.status).to.include({ key: first?.key, epoch: 2 });
    expect(clients).to.have.length(1);
  });

  it("R56: behavior: an endpoint that is away when the verdict stands, or when a case ends, costs no second case", async () => {
    const { registry, keeper, lines, settle, pass } = keep("nitro-cose");
    await settle();
    // Taken by the chain, and the answer lost on the way.
    registry.lost.add("close");
    await pass(3_601);
    expect(lines).to.deep.equal([OPENED, "enclave.not-registered RPC_UNAVAILABLE"]);
    registry.lost.clear();
    await pass(120);
    expect(lines.at(-1)).to.equal(MISSING);
    await pass(120);
    registry.decide(2);
    registry.lost.add("registerByVerdict");
    await pass(3_601);
    expect([lines.at(-1), keeper.status]).to.deep.equal(["enclave.not-registered RPC_UNAVAILABLE", null]);
    registry.lost.clear();
    await pass(120);
    expect(keeper.status).to.include({ epoch: 1 });
    expect([registry.cases.length, registry.sent, registry.paidIn]).to.deep.equal([2, 1, 5n * REWARD]);
  });
});
