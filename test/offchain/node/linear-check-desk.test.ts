// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { expect } from "chai";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { silentLogger } from "../../../offchain/adapters/observe/silent-logger.ts";
import { SqliteCheckLedger } from "../../../offchain/adapters/store/sqlite-check-ledger.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import type { CheckLedger } from "../../../offchain/core/ports/check-ledger.ts";
import { sealKeyId } from "../../../offchain/core/seal.ts";
import { addressOfKey, signDigest } from "../../../offchain/core/signature.ts";
import { keccak256 } from "../../../offchain/core/keccak.ts";
import {
  encodeLinearCall,
  linearRequestDigest,
  openLinearAnswer,
  sealLinearRequest,
  type LinearCheckAnswer,
  type LinearCheckRequest,
  type SentLinearRequest,
} from "../../../offchain/core/zk/linear-check-wire.ts";
import { LinearCheckDesk, type LinearProver } from "../../../offchain/node/linear-check-desk.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";
import { DOMAIN, hashOf } from "../../support/sample-receipt.ts";
import { OPERATORS, simulateLinearCheck } from "../../support/simulated-linear-check.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const [ALICE, BOB] = [bytesOf("alice"), bytesOf("bob")];
const MODEL = hashOf("a private model");
const NOW = 1_800_000_000;
/** Checks of one operator that an address may have. */
const LIMIT = 2;
const [older, newer, reply] = [nodeCrypto.generateX25519(), nodeCrypto.generateX25519(), nodeCrypto.generateX25519()];
const proof = simulateLinearCheck().proof;

/** Books as the prover does, and answers when it is let. */
class SimulatedLinearProver implements LinearProver {
  proofs = 0;
  load = 0;
  readonly maxLoad = 2;
  gate: Promise<void> = Promise.resolve();
  readonly #ledger: CheckLedger;
  constructor(ledger: CheckLedger) {
    this.#ledger = ledger;
  }
  offersChecks(modelId: Hex, stage: number): boolean {
    return modelId === MODEL && stage === 1;
  }
  async proveCheck({ scope, seed, ops }: LinearCheckRequest, signal: AbortSignal): Promise<LinearCheckAnswer> {
    const seedHash = toHex(keccak256(seed));
    this.#ledger.book(ops.map((op) => ({ ...scope, op, seedHash, limit: LIMIT })));
    this.load += 1;
    await this.gate;
    signal.throwIfAborted();
    this.load -= 1;
    this.proofs += 1;
    const u = Array.from({ length: 9 }, (_, i) => BigInt(i + this.proofs));
    return { statement: { ...scope, inDigest: hashOf("in"), outDigest: hashOf("out") }, u, proof };
  }
}

describe("the desk for linear checks", () => {
  let path: string;
  let ledger: SqliteCheckLedger;
  let prover: SimulatedLinearProver;
  let desk: LinearCheckDesk;
  let nowMs: number;
  const keyOf = ({ publicKey, privateKey }: typeof older) => ({
    keyId: sealKeyId(publicKey),
    publicKey,
    use: <T>(action: (key: Uint8Array) => T) => action(privateKey),
  });
  const open = (): void => {
    ledger = new SqliteCheckLedger({ path });
    prover = new SimulatedLinearProver(ledger);
    desk = new LinearCheckDesk(
      { domain: DOMAIN, clients: [addressOfKey(ALICE)] },
      {
        prover,
        keys: { sealKeys: [keyOf(newer), keyOf(older)] },
        crypto: nodeCrypto,
        clock: { nowMs: () => nowMs },
        logger: silentLogger,
        signal: new AbortController().signal,
      },
    );
  };
  beforeEach(() => {
    path = join(temporaryFolder(), "checks.sqlite");
    nowMs = NOW * 1_000;
    open();
  });
  afterEach(() => ledger.close());

  const requestOf = (seed: string, over: Partial<SentLinearRequest> = {}, by = ALICE): SentLinearRequest => ({
    scope: { modelId: MODEL, stage: 1, client: addressOfKey(by) },
    seed: bytesOf(seed),
    ops: [0],
    replyKey: reply.publicKey,
    deadline: BigInt(NOW + 60),
    ...over,
  });
  const callOf = (request: SentLinearRequest, { by = ALICE, domain = DOMAIN, to = newer } = {}): Uint8Array => {
    const signature = signDigest(linearRequestDigest(domain, request), by);
    return encodeLinearCall(
      request.scope,
      sealLinearRequest(nodeCrypto, request, { domain, ownerKey: to.publicKey, signature }),
    );
  };
  const opened = (bytes: Uint8Array, request: SentLinearRequest) =>
    openLinearAnswer(nodeCrypto, bytes, {
      domain: DOMAIN,
      request,
      operators: OPERATORS,
      privateKey: reply.privateKey,
    });

  it("default: a known client gets its answer, sealed to its key, under the key published now or before", async () => {
    const request = requestOf("one");
    expect(opened(await desk.answer(callOf(request)), request).u[0]).to.equal(1n);
    const second = requestOf("two");
    expect(opened(await desk.answer(callOf(second, { to: older })), second).u[0]).to.equal(2n);
    expect(ledger.used({ ...request.scope, op: 0 })).to.equal(2);
  });

  it("attack: a copy of a request makes no second proof, and is stale behind its deadline", async () => {
    const request = requestOf("one");
    const call = callOf(request);
    const [first, meanwhile] = await Promise.all([desk.answer(call), desk.answer(call)]);
    expect(meanwhile).to.deep.equal(first);
    expect(await desk.answer(call)).to.deep.equal(first);
    expect(prover.proofs).to.equal(1);
    nowMs += 60_000;
    await expectCode("LINEAR_CHECK_STALE", () => desk.answer(call));
    // A restart forgets answers, not deadlines nor what was told.
    ledger.close();
    open();
    await expectCode("LINEAR_CHECK_STALE", () => desk.answer(call));
    expect(prover.proofs).to.equal(0);
  });

  it("error: CHECKS_SPENT: the allowance holds across restarts, and a lost answer under the same seed is free", async () => {
    await desk.answer(callOf(requestOf("one")));
    await desk.answer(callOf(requestOf("two")));
    ledger.close();
    open();
    await expectCode("CHECKS_SPENT", () => desk.answer(callOf(requestOf("three"))));
    const again = requestOf("two", { deadline: BigInt(NOW + 90) });
    expect(opened(await desk.answer(callOf(again)), again).u).to.have.length(9);
    await expectCode("CHECKS_SPENT", () => desk.answer(callOf(requestOf("four", { ops: [0, 2] }))));
    const { scope } = requestOf("");
    expect([0, 2].map((op) => ledger.used({ ...scope, op }))).to.deep.equal([2, 0]);
  });

  it("attack: strangers, thieves of an allowance, other chains, models, stages and keys: each is named, nothing is booked", async () => {
    const own = requestOf("one");
    const cases: readonly [string, Uint8Array][] = [
      ["LINEAR_CHECK_STRANGER", callOf(requestOf("one", {}, BOB), { by: BOB })],
      ["LINEAR_CHECK_MALFORMED", callOf(own, { by: BOB })],
      ["SEALED_CONTEXT", callOf(own, { domain: hashOf("another chain") })],
      ["LINEAR_CHECK_UNKNOWN", callOf({ ...own, scope: { ...own.scope, modelId: hashOf("another") } })],
      ["LINEAR_CHECK_UNKNOWN", callOf({ ...own, scope: { ...own.scope, stage: 0 } })],
      // Sealed about one stage, sent as about another.
      ["SEALED_CONTEXT", encodeLinearCall(own.scope, callOf({ ...own, scope: { ...own.scope, stage: 0 } }).slice(35))],
      ["SEALED_NOT_FOR_US", callOf(own, { to: reply })],
      ["LINEAR_CHECK_STALE", callOf({ ...own, deadline: BigInt(NOW) })],
      ["LINEAR_CHECK_STALE", callOf({ ...own, deadline: BigInt(NOW + 601) })],
      ["LINEAR_CHECK_STALE", callOf({ ...own, deadline: 2n ** 64n - 1n })],
      ["LINEAR_CHECK_MALFORMED", new Uint8Array(2_000)],
      ["BYTES_TRUNCATED", callOf(own).slice(0, 30)],
      ["BYTES_TRUNCATED", new Uint8Array()],
    ];
    for (const [code, call] of cases) await expectCode(code, () => desk.answer(call));
    const flipped = callOf(own);
    for (let i = 35; i < flipped.length; i += 7) {
      const bytes = flipped.with(i, (flipped[i] ?? 0) ^ 1);
      const refused = await desk.answer(bytes).then(
        () => false,
        (error: unknown) => error instanceof Error,
      );
      expect(refused, `byte ${i}`).to.equal(true);
    }
    expect([prover.proofs, ledger.used({ ...own.scope, op: 0 })]).to.deep.equal([0, 0]);
  });

  it("error: LINEAR_CHECK_BUSY: one proof a client at a time, a few answers kept, and jobs first", async () => {
    let release = (): void => undefined;
    prover.gate = new Promise((resolve) => (release = resolve));
    const first = desk.answer(callOf(requestOf("one")));
    await expectCode("LINEAR_CHECK_BUSY", () => desk.answer(callOf(requestOf("two"))));
    release();
    await first;
    prover.load = prover.maxLoad;
    await expectCode("LINEAR_CHECK_BUSY", () => desk.answer(callOf(requestOf("two"))));
    prover.load = 0;
    // Free under one seed, but each is a proof: no more than a few until the deadlines are over.
    for (let i = 1; i < 4; i++) await desk.answer(callOf(requestOf("one", { deadline: BigInt(NOW + 60 + i) })));
    await expectCode("LINEAR_CHECK_BUSY", () => desk.answer(callOf(requestOf("one", { deadline: BigInt(NOW + 70) }))));
    nowMs += 65_000;
    await desk.answer(callOf(requestOf("one", { deadline: BigInt(NOW + 120) })));
    expect(prover.proofs).to.equal(5);
  });

  it("behavior: a proof that failed is not kept: the same request is proven again", async () => {
    const call = callOf(requestOf("one"));
    prover.gate = Promise.reject(new TypeError("a worker thread died"));
    const failed = await desk.answer(call).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(TypeError);
    [prover.gate, prover.load] = [Promise.resolve(), 0];
    expect(opened(await desk.answer(call), requestOf("one")).u[0]).to.equal(1n);
    expect(ledger.used({ ...requestOf("").scope, op: 0 })).to.equal(1);
  });
});
