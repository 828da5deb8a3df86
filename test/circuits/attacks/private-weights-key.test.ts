// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Claim } from "../../../offchain/core/claim.ts";
import { encodeKeyRecord } from "../../../offchain/core/zk/key-record.ts";
import { G1_INFINITY } from "../../../offchain/core/zk/points.ts";
import { openKey, type VerifyingKey } from "../../../offchain/core/zk/verifying-key.ts";
import { verifyStageProof } from "../../../offchain/core/zk/verify-proof.ts";
import { wordsOfProof } from "../../../offchain/core/zk/proof.ts";
import { publicInputs, statementWords } from "../../../offchain/core/zk/statement.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import type { KeyFiles } from "../../../offchain/engines/zk/keys/key-files.ts";
import type { ProvingKey, WeightsOpening } from "../../../offchain/engines/zk/prover/prover.ts";
import { chooseProver } from "../../../offchain/engines/zk/prover/choose-prover.ts";
import { ProverService } from "../../../offchain/engines/zk/service/prover-service.ts";
import { developmentSetup } from "../../../offchain/engines/zk/setup/development-setup.ts";
import { knownAnswerRequest } from "../../../offchain/engines/zk/weights/known-answer.ts";
import { opensWeights, registerWeights } from "../../../offchain/engines/zk/weights/register-weights.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { compileFor } from "../../support/circuit-run.ts";
import { expectCode } from "../../support/expect-code.ts";
import { Prng } from "../../support/prng.ts";
import { dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const DOMAIN = `0x${"d3".repeat(32)}` as const;

/** A small model under a real key: two trainings of one architecture. */
describe("private weights through a real key", function () {
  this.timeout(240_000);
  let first: CompiledCircuit;
  let second: CompiledCircuit;
  let keys: KeyFiles;
  let proving: ProvingKey;
  let key: VerifyingKey;
  let service: ProverService;
  let weights: WeightsOpening;
  let newer: WeightsOpening;

  before(async () => {
    const prng = new Prng(4);
    const architecture = stage([6], [dense(0, 6, 5, relu(9)), dense(1, 5, 3, signedOut(8))]);
    first = await compileFor(retrained(architecture, prng), "private");
    second = await compileFor(retrained(architecture, prng), "private");
    const folder = temporaryFolder();
    keys = await developmentSetup(first, folder);
    const prover = await chooseProver().make();
    proving = await prover.open(keys, { memoryMiB: 1024, threads: 2 });
    key = openKey(encodeKeyRecord(proving.record));
    service = new ProverService(prover, { memoryMiB: 1024, threads: 2 });
    weights = await registerWeights(first, proving);
    newer = await registerWeights(second, proving);
  });
  after(async () => {
    await service.close();
    await proving.close();
  });

  const verify = (
    claim: Claim,
    proof: Parameters<typeof wordsOfProof>[0],
    more: { tensors: readonly `0x${string}`[]; opening?: WeightsOpening; domain?: `0x${string}` },
  ) =>
    verifyStageProof({
      key,
      claim,
      domain: more.domain ?? DOMAIN,
      evidence: { proof: wordsOfProof(proof), tensors: [...more.tensors], joined: [] },
      weights: more.opening?.commitment,
    });

  it("default: a retrained model has the same key and a new C_w, and both prove their known answers", async () => {
    expect(second.circuitHash).to.equal(first.circuitHash);
    expect(key.record.circuitHash).to.equal(second.circuitHash);
    expect(newer.commitment).to.not.deep.equal(weights.commitment);
    for (const [circuit, opening] of [
      [first, weights],
      [second, newer],
    ] as const) {
      const request = knownAnswerRequest(circuit, { keys, weights: opening, domain: DOMAIN });
      const { evidence } = await service.proveStage(request);
      verifyStageProof({ key, claim: request.claim, domain: DOMAIN, evidence, weights: opening.commitment });
      // Under the other registration the same proof says nothing.
      const other = opening === weights ? newer : weights;
      for (const commitment of [other.commitment, G1_INFINITY, undefined])
        await expectCode(
          commitment === undefined || commitment === G1_INFINITY ? "STATEMENT_MISMATCH" : "PROOF_REJECTED",
          () => verifyStageProof({ key, claim: request.claim, domain: DOMAIN, evidence, weights: commitment }),
        );
    }
  });

  it("behavior: C_w hides and binds: a fresh blind gives another, an opening fits its weights and blind alone", async () => {
    expect((await registerWeights(first, proving)).commitment).to.not.deep.equal(weights.commitment);
    expect(await opensWeights(first, proving, weights)).to.equal(true);
    expect(await opensWeights(second, proving, weights)).to.equal(false);
    expect(await opensWeights(first, proving, { ...weights, blind: newer.blind })).to.equal(false);
  });

  it("error: WITNESS_WRONG for new weights under the old registration: no proof leaves", async () => {
    const { claim, ...request } = knownAnswerRequest(second, { keys, weights, domain: DOMAIN });
    await expectCode("WITNESS_WRONG", () => service.proveStage({ ...request, claim }));
  });

  /** A proof whose challenge leaves something out, verified as such a broken verifier would, and by ours. */
  async function withChallenge(of: { weights?: boolean; claim?: boolean; domain?: boolean }) {
    const request = knownAnswerRequest(first, { keys, weights, domain: DOMAIN });
    const { values, outputs } = buildRoundOne(first, request);
    const tensors = [request.inputs[0], outputs[0]].map((tensor) => encodeTensor(tensor as NonNullable<typeof tensor>));
    const words = statementWords(key.record, request.claim, { tensors, joined: [], producers: [0xff] });
    const commitment = await proving.commit(values);
    const claim = of.claim === false ? { ...request.claim, jobId: `0x${"00".repeat(32)}` as const } : request.claim;
    const domain = of.domain === false ? (`0x${"00".repeat(32)}` as const) : DOMAIN;
    const bound = { domain, claim, weights: of.weights === false ? undefined : weights.commitment };
    const [v = 0n, c = 0n, rho = 0n] = publicInputs(key, bound, commitment.c1, words);
    const full = solveRoundTwo(first, values, { v, c, rho });
    const proof = await proving.finish(commitment, full, { weights });
    return { proof, claim: request.claim, tensors: tensors.map((bytes) => toHex(bytes)) };
  }

  it("default: the honest challenge is accepted", async () => {
    const { proof, claim, tensors } = await withChallenge({});
    verify(claim, proof, { tensors, opening: weights });
  });

  for (const missing of ["weights", "claim", "domain"] as const)
    it(`behavior: a proof whose challenge was made without the ${missing} is refused`, async () => {
      const { proof, claim, tensors } = await withChallenge({ [missing]: false });
      await expectCode("PROOF_REJECTED", () => verify(claim, proof, { tensors, opening: weights }));
    });

  it("behavior: a proof of one job is worth nothing for another job, stage, worker, or chain", async () => {
    const { proof, claim, tensors } = await withChallenge({});
    const others: Partial<Claim>[] = [
      { jobId: `0x${"77".repeat(32)}` },
      { stage: 1 },
      { worker: `0x${"0c".repeat(20)}` },
    ];
    for (const change of others)
      await expectCode("PROOF_REJECTED", () => verify({ ...claim, ...change }, proof, { tensors, opening: weights }));
    await expectCode("PROOF_REJECTED", () =>
      verify(claim, proof, { tensors, opening: weights, domain: `0x${"d4".repeat(32)}` }),
    );
  });
});
