// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryCheckLedger } from "../../../offchain/adapters/store/memory-check-ledger.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { saltedDigest } from "../../../offchain/core/digest.ts";
import { mod } from "../../../offchain/core/poseidon-constants.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { mostLinearChecks } from "../../../offchain/core/zk/check-allowance.ts";
import { encodeKeyRecord } from "../../../offchain/core/zk/key-record.ts";
import {
  linearFactors,
  linearInputs,
  verifyLinearCheck,
  type LinearCheckProof,
  type LinearCheckStatement,
  type LinearWords,
} from "../../../offchain/core/zk/linear-check.ts";
import type { LinearCheckAnswer } from "../../../offchain/core/zk/linear-check-wire.ts";
import { wordsOfProof } from "../../../offchain/core/zk/proof.ts";
import { publicInputs, statementWords } from "../../../offchain/core/zk/statement.ts";
import { openKey, type VerifyingKey } from "../../../offchain/core/zk/verifying-key.ts";
import { verifyStageProof } from "../../../offchain/core/zk/verify-proof.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import type { KeyFiles } from "../../../offchain/engines/zk/keys/key-files.ts";
import { chooseProver } from "../../../offchain/engines/zk/prover/choose-prover.ts";
import type { ProvingKey, WeightsOpening } from "../../../offchain/engines/zk/prover/prover.ts";
import { ProverService } from "../../../offchain/engines/zk/service/prover-service.ts";
import { developmentSetup } from "../../../offchain/engines/zk/setup/development-setup.ts";
import { knownAnswerRequest, knownInputs } from "../../../offchain/engines/zk/weights/known-answer.ts";
import {
  proveLinearCheck,
  transposedProducts,
  type WeightsOwner,
} from "../../../offchain/engines/zk/weights/prove-linear-check.ts";
import { registerWeights } from "../../../offchain/engines/zk/weights/register-weights.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { compileChecked, compileFor } from "../../support/circuit-run.ts";
import { expectCode } from "../../support/expect-code.ts";
import { Prng } from "../../support/prng.ts";
import { seededBytes } from "../../support/seeded-bytes.ts";
import { dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const DOMAIN: Hex = `0x${"d3".repeat(32)}`;
const SCOPE = { modelId: `0x${"0e".repeat(32)}`, stage: 0, client: `0x${"c1".repeat(20)}` } as const;
const SEED = new Uint8Array(32).fill(5);
const SALT = new Uint8Array(31).fill(9);

/** A small model under a real key: two trainings of one architecture. */
describe("linear checks through a real key", function () {
  this.timeout(240_000);
  let circuit: CompiledCircuit;
  let other: CompiledCircuit;
  let keys: KeyFiles;
  let proving: ProvingKey;
  let key: VerifyingKey;
  let service: ProverService;
  let weights: WeightsOpening;
  let owner: WeightsOwner;
  let answer: LinearCheckAnswer;

  before(async () => {
    const prng = new Prng(14);
    const architecture = stage([6], [dense(0, 6, 9, relu(9)), dense(1, 9, 8, signedOut(8))]);
    circuit = await compileChecked(retrained(architecture, prng));
    other = await compileChecked(retrained(architecture, prng));
    keys = await developmentSetup(circuit, temporaryFolder());
    const prover = await chooseProver().make();
    proving = await prover.open(keys, { memoryMiB: 1024, threads: 2 });
    key = openKey(encodeKeyRecord(proving.record));
    service = new ProverService(prover, { memoryMiB: 1024, threads: 2 });
    weights = await registerWeights(circuit, proving);
    const ledger = new MemoryCheckLedger();
    owner = { circuit, proving, weights, domain: DOMAIN, ledger, allowance: mostLinearChecks };
    answer = await proveLinearCheck(owner, { scope: SCOPE, seed: SEED, ops: [0, 1] });
  });
  after(async () => {
    await service.close();
    await proving.close();
  });

  /** The client's side: own r, the key that the model names, the registered C_w. */
  const check = (given: LinearCheckAnswer, over: Partial<LinearCheckProof> = {}, ops = [0, 1]): void =>
    verifyLinearCheck({
      key,
      circuitHash: circuit.circuitHash,
      operators: circuit.checks,
      domain: DOMAIN,
      statement: given.statement,
      words: { r: linearFactors(SEED, SCOPE, circuit.checks, ops), u: given.u },
      weights: weights.commitment,
      proof: given.proof,
      ...over,
    });

  it("default: the owner's answer holds for the client's own r and says what the weights are", () => {
    check(answer);
    const r = linearFactors(SEED, SCOPE, circuit.checks);
    expect(answer.u).to.deep.equal(transposedProducts(circuit.program, circuit.checks, r));
    const op = circuit.program.ops[1];
    if (op?.kind !== "dense") return expect.fail("not dense");
    const column = r.slice(9).reduce((sum, factor, o) => sum + factor * BigInt(op.weights[o * 9 + 4] ?? 0), 0n);
    expect(answer.u[7 + 4]).to.equal(mod(column));
    return undefined;
  });

  it("behavior: only the asked operator is told, and for it alone the proof is good", async () => {
    const half = await proveLinearCheck(
      { ...owner, ledger: new MemoryCheckLedger() },
      { scope: SCOPE, seed: SEED, ops: [1] },
    );
    check(half, {}, [1]);
    expect(half.u.slice(0, 7)).to.deep.equal(Array.from({ length: 7 }, () => 0n));
    await expectCode("LINEAR_CHECK_REJECTED", () => check(half));
  });

  /** A proof made by hand: what a cheating owner of the registered weights can do. Round 2 is honest for what was committed. */
  async function forged(
    lie: {
      readonly committed?: readonly bigint[];
      /** Words that the challenge is made of. */
      readonly hashed?: (words: LinearWords) => LinearWords;
      readonly circuit?: CompiledCircuit;
      readonly opening?: WeightsOpening;
    } = {},
  ): Promise<LinearCheckAnswer & { readonly rho: bigint }> {
    const { circuit: of = circuit, opening = weights } = lie;
    const r = lie.committed ?? linearFactors(SEED, SCOPE, of.checks);
    const inputs = knownInputs(of.program);
    const { values, outputs } = buildRoundOne(of, { inputs, salts: [SALT, SALT], factors: r });
    const honest = { r, u: transposedProducts(of.program, of.checks, r) };
    const [inDigest = "0x", outDigest = "0x"] = [...inputs, ...outputs].map((tensor) =>
      saltedDigest(encodeTensor(tensor), SALT),
    );
    const statement: LinearCheckStatement = { ...SCOPE, inDigest, outDigest };
    const commitment = await proving.commit(values);
    const context = { domain: DOMAIN, statement, words: lie.hashed?.(honest) ?? honest, weights: opening.commitment };
    const [, c = 0n, rho = 0n] = linearInputs(key.keyId, context, commitment.c1);
    const made = await proving.finish(commitment, solveRoundTwo(of, values, { c, rho }), { weights: opening });
    return { statement, u: honest.u, proof: wordsOfProof(made), rho };
  }

  it("default: made by hand and honestly, it holds", async () => check(await forged()));

  it("attack: a wrong u, hashed into the challenge or not", async () => {
    const up = (u: readonly bigint[]): bigint[] => u.with(2, mod((u[2] ?? 0n) + 1n));
    const late = await forged();
    await expectCode("LINEAR_CHECK_REJECTED", () => check({ ...late, u: up(late.u) }));
    const early = await forged({ hashed: ({ r, u }) => ({ r, u: up(u) }) });
    await expectCode("LINEAR_CHECK_REJECTED", () => check({ ...early, u: up(early.u) }));
    await expectCode("LINEAR_CHECK_REJECTED", () => check(early));
  });

  it("attack: u fitted to v after rho is known: the sum at rho is the same, the challenge is not", async () => {
    const made = await forged();
    const fitted = made.u.with(0, mod((made.u[0] ?? 0n) + 1n)).with(1, mod((made.u[1] ?? 0n) - made.rho));
    await expectCode("LINEAR_CHECK_REJECTED", () => check({ ...made, u: fitted }));
  });

  it("attack: another r than the client's, its elements swapped, or zeros", async () => {
    const r = linearFactors(SEED, SCOPE, circuit.checks);
    const lies = [r.with(0, r[1] ?? 0n).with(1, r[0] ?? 0n), r.map(() => 0n), r.with(3, 1n)];
    for (const committed of lies) {
      // A true proof for the r that it was made for, with the u of that one and with the true u.
      const made = await forged({ committed });
      await expectCode("LINEAR_CHECK_REJECTED", () => check(made));
      await expectCode("LINEAR_CHECK_REJECTED", () => check({ ...made, u: answer.u }));
      check(made, { words: { r: committed, u: made.u } });
    }
  });

  it("attack: other weights: their own registration is not the model's, and the model's does not open", async () => {
    const newer = await registerWeights(other, proving);
    const made = await forged({ circuit: other, opening: newer });
    check(made, { weights: newer.commitment });
    await expectCode("LINEAR_CHECK_REJECTED", () => check(made));
    await expectCode("WITNESS_WRONG", () => forged({ circuit: other }));
    const swapped = { ...owner, circuit: other, ledger: new MemoryCheckLedger() };
    await expectCode("WITNESS_WRONG", () => proveLinearCheck(swapped, { scope: SCOPE, seed: SEED, ops: [0] }));
  });

  it("attack: a check of another model, stage, client or chain", async () => {
    const others = [
      { modelId: `0x${"0f".repeat(32)}` as const },
      { stage: 1 },
      { client: `0x${"c2".repeat(20)}` as const },
    ];
    for (const over of others)
      await expectCode("LINEAR_CHECK_REJECTED", () => check(answer, { statement: { ...answer.statement, ...over } }));
    await expectCode("LINEAR_CHECK_REJECTED", () => check(answer, { domain: `0x${"d4".repeat(32)}` }));
  });

  it("default: a job's proof of the same key: r = u = 0, verified as ever; and neither kind passes for the other", async () => {
    const request = knownAnswerRequest(circuit, { keys, weights, domain: DOMAIN });
    const { evidence } = await service.proveStage(request);
    const { claim } = request;
    verifyStageProof({ key, claim, domain: DOMAIN, evidence, weights: weights.commitment });
    const zeros = { r: linearFactors(SEED, SCOPE, circuit.checks, []), u: answer.u.map(() => 0n) };
    const { jobId, stage: at, inDigest, outDigest, worker } = claim;
    const statement = { modelId: jobId, stage: at, client: worker, inDigest, outDigest };
    await expectCode("LINEAR_CHECK_REJECTED", () => check(answer, { statement, words: zeros, proof: evidence.proof }));

    // The other way: a check whose words are zeros says of its digests what a job's proof would.
    const empty = await forged({ committed: zeros.r });
    check(empty, { words: zeros });
    const asClaim = { ...claim, inDigest: empty.statement.inDigest, outDigest: empty.statement.outDigest };
    const asEvidence = { proof: [...empty.proof], tensors: [], joined: [] };
    for (const over of [{}, { jobId: SCOPE.modelId, worker: SCOPE.client }])
      await expectCode("PROOF_REJECTED", () =>
        verifyStageProof({
          key,
          claim: { ...asClaim, ...over },
          domain: DOMAIN,
          evidence: asEvidence,
          weights: weights.commitment,
        }),
      );
  });

  it("attack: a job's proof under r that is not zero", async () => {
    const request = knownAnswerRequest(circuit, { keys, weights, domain: DOMAIN });
    const { values } = buildRoundOne(circuit, { ...request, factors: linearFactors(SEED, SCOPE, circuit.checks) });
    const words = statementWords(key.record, request.claim, { tensors: [], joined: [], producers: [0xff] });
    const commitment = await proving.commit(values);
    const bound = { domain: DOMAIN, claim: request.claim, weights: weights.commitment };
    const [v = 0n, c = 0n, rho = 0n] = publicInputs(key, bound, commitment.c1, words);
    const full = solveRoundTwo(circuit, values, { v, c, rho });
    await expectCode("WITNESS_WRONG", () => proving.finish(commitment, full, { weights }));
  });

  describe("limits", () => {
    const ask = (with_: Partial<WeightsOwner>, seed: number, ops = [0]) =>
      proveLinearCheck({ ...owner, ...with_ }, { scope: SCOPE, seed: seededBytes(seed)(32), ops });

    it("error: CHECKS_SPENT at floor(n_out / 8), whatever the owner allows; by default layers this small are told to nobody", async () => {
      expect(circuit.checks.map(mostLinearChecks)).to.deep.equal([1, 1]);
      const ledger = new MemoryCheckLedger();
      await expectCode("CHECKS_SPENT", () =>
        proveLinearCheck(
          { circuit, proving, weights, domain: DOMAIN, ledger },
          { scope: SCOPE, seed: seededBytes(1)(32), ops: [0] },
        ),
      );
      const generous = { ledger, allowance: () => 1_000 };
      await ask(generous, 1);
      await expectCode("CHECKS_SPENT", () => ask(generous, 2));
      // The same seed again, after a lost answer.
      await ask(generous, 1);
      await expectCode("CHECKS_SPENT", () => ask({ ledger, allowance: () => 0 }, 3, [1]));
      expect(ledger.used({ ...SCOPE, op: 0 })).to.equal(1);
      expect(ledger.used({ ...SCOPE, op: 1 })).to.equal(0);
    });

    it("behavior: a booking comes before the proof: a failed one has used it up", async () => {
      const ledger = new MemoryCheckLedger();
      const broken = { ledger, weights: { ...weights, blind: new Uint8Array(32).fill(1) } };
      await expectCode("WITNESS_WRONG", () => ask(broken, 4));
      expect(ledger.used({ ...SCOPE, op: 0 })).to.equal(1);
    });

    it("error: STATEMENT_WRONG, KEY_UNSOUND, LENGTH_WRONG: nothing is booked for a request that cannot be served", async () => {
      const ledger = new MemoryCheckLedger();
      const plain = await compileFor(circuit.program, "private", "SALTED");
      await expectCode("STATEMENT_WRONG", () => ask({ ledger, circuit: plain }, 5));
      await expectCode("KEY_UNSOUND", () =>
        ask({ ledger, circuit: { ...circuit, circuitHash: plain.circuitHash } }, 5),
      );
      await expectCode("STATEMENT_WRONG", () => ask({ ledger }, 5, []));
      await expectCode("STATEMENT_WRONG", () => ask({ ledger }, 5, [0, 7]));
      await expectCode("LENGTH_WRONG", () =>
        proveLinearCheck({ ...owner, ledger }, { scope: SCOPE, seed: new Uint8Array(31), ops: [0] }),
      );
      expect(ledger.used({ ...SCOPE, op: 0 })).to.equal(0);
    });
  });
});
