// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { silentLogger } from "../../../../offchain/adapters/observe/silent-logger.ts";
import { fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { pairKeys } from "../../../../offchain/core/enclave-bundle.ts";
import { modelId } from "../../../../offchain/core/model.ts";
import type { OrderedPair } from "../../../../offchain/core/pair-order.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { encodeTensor } from "../../../../offchain/core/tensor.ts";
import { ENCLAVE, KIND_SALTED, OPTIMISTIC, PROOF, VOTE, ZERO_ADDRESS } from "../../../../offchain/core/types.ts";
import { decodeProofEvidence } from "../../../../offchain/core/zk/evidence.ts";
import { verifyStageProof } from "../../../../offchain/core/zk/verify-proof.ts";
import { openKey } from "../../../../offchain/core/zk/verifying-key.ts";
import type { Refusal, Reply } from "../../../../offchain/node/enclave/wire.ts";
import { StageProver } from "../../../../offchain/node/stage-prover.ts";
import type { ProofTask } from "../../../../offchain/protocol/ports.ts";
import { provenModel, type ProvenModel } from "../../../support/cluster/proven-model.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { innerJob, PLACE, REQUESTER, sealInner, startInner, WORKER, type InnerChange, type InnerJob, type TestInner } from "../../../support/tee/inner.ts"; // prettier-ignore

const SECOND: Hex = `0x${"88".repeat(20)}`;
const THIRD: Hex = `0x${"99".repeat(20)}`;
const values = [3, -7, 50, 11];
const TENSOR = { dtype: "i8" as const, dims: [1, 4], data: Int8Array.from(values) };
const FAR = BigInt(Date.now()) + 3_600_000n;
const policy = { mask: ENCLAVE | PROOF, k: 2, auditBps: 0, window: 0 };
const has = (haystack: Uint8Array, needle: Uint8Array): boolean => Buffer.from(haystack).includes(Buffer.from(needle));

async function refuses(refusal: Refusal, action: () => Promise<unknown>): Promise<void> {
  const error = (await expectCode("ENCLAVE_REFUSED", action)) as { readonly meta: { readonly refusal: string } };
  expect(error.meta.refusal).to.equal(refusal);
}

describe("R62: proofs made inside the enclave", function suite() {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let model: ProvenModel;
  let inner: TestInner;
  let identity: Reply<"boot">;
  const tasks: ProofTask[] = [];
  /** What the stand-in prover does; the real one has a test of its own. */
  let make: (task: ProofTask) => Promise<Uint8Array>;
  const stub = {
    load: 0,
    maxLoad: 2,
    canProve: () => true,
    prove: async (task: ProofTask) => {
      tasks.push(task);
      return make(task);
    },
  };

  before(async () => {
    const made = await provenModel(1, folder);
    model = { ...made, manifest: { ...made.manifest, acceptedMasks: (1 << (ENCLAVE | PROOF)) | (1 << (ENCLAVE | OPTIMISTIC)) } }; // prettier-ignore
  });
  after(() => inner.client.close());

  async function begin(change: Partial<InnerChange> = {}): Promise<void> {
    inner?.client.close();
    tasks.length = 0;
    make = async () => Uint8Array.of(1, 2, 3);
    inner = startInner({
      manifest: model.manifest,
      stage: async (_, stage) => model.runner(stage),
      prover: stub,
      ...change,
    });
    ({ body: identity } = await inner.client.ask("boot", PLACE));
    await inner.client.ask("quote", { epoch: 2, challenge: toWord(7) });
  }
  beforeEach(async () => begin());

  const jobOf = (change: Parameters<typeof innerJob>[2] = {}): InnerJob =>
    innerJob(inner.modelId, TENSOR, { kind: KIND_SALTED, ...change, policy: { ...policy, ...change.policy } });
  const PAIR: OrderedPair = { prover: WORKER, second: SECOND };
  const seal = (one: InnerJob, pairs: readonly OrderedPair[] = [PAIR], attempt = 0, change: Parameters<typeof sealInner>[2] = {}) => sealInner(one, fromHex(identity.sealKey), { order: { attempt, pairs }, ...change }); // prettier-ignore
  const order = async (one: InnerJob, blob = seal(one), sender = REQUESTER) =>
    inner.client.ask("order", { job: one.job, boundary: JOB_INPUT, sender }, blob);
  const prove = async ({ jobId }: InnerJob, epoch = 1, stage = 0) =>
    inner.client.ask("prove", { jobId, stage, epoch, deadlineMs: FAR });

  it("R62: default: a real proof of what was computed inside, signed by the key that signed the result; no witness leaves", async () => {
    const id = modelId(model.manifest);
    const prover = new StageProver(
      { keyFolder: folder, cacheFolder: folder, chainId: 31_337n, memoryMiB: 1_024, threads: 2, maxLoad: 1 },
      {
        logger: silentLogger,
        programs: {
          table: (wanted) => (wanted === id ? model.manifest.stages : null),
          program: async (_, stage) => model.programs[stage] ?? null,
        },
      },
    );
    await begin({ prover });
    const one = jobOf();
    expect((await order(one)).body).to.deep.equal({ attempt: 0, pairs: [PAIR] });
    const { body, tail } = await prove(one);
    const claim = { jobId: one.jobId, stage: 0, inDigest: one.job.spec.inDigest, outDigest: body.outDigest, worker: WORKER }; // prettier-ignore
    const domain = domainSeparator(PLACE);
    verifyStageProof({ key: openKey(fromHex(model.records[0] ?? "0x")), claim, domain, evidence: decodeProofEvidence(tail), producers: [JOB_INPUT] }); // prettier-ignore
    const pair = { second: ZERO_ADDRESS, result: body.result, secondResult: "0x", r: body.r, vs: body.vs } as const;
    expect(pairKeys(domain, claim, pair, tail)).to.deep.equal({ prover: identity.key, second: undefined });
    // The other half of its work: the answer, sealed to the requester alone.
    const answered = await inner.client.ask("run", { jobId: one.jobId, stage: 0, epoch: 1 });
    expect(answered.body).to.include({ outDigest: body.outDigest, evidence: body.result });
    expect(answered.tail.length).to.be.greaterThan(32);
    const output = encodeTensor({ ...TENSOR, data: Int8Array.from(model.run(values)) });
    const wire = inner.wire();
    expect(has(wire, tail)).to.equal(true);
    for (const secret of [...inner.secrets, ...one.salts.values(), one.bytes.subarray(-4), output.subarray(-4)])
      expect(has(wire, secret)).to.equal(false);
    await prover.close();
  });

  it("R62: behavior: proves once, however often it is asked, and signs for the epoch of the result", async () => {
    const one = jobOf();
    await order(one);
    const [first, again] = await Promise.all([prove(one), prove(one)]);
    expect(again.body).to.deep.equal(first.body);
    expect((await prove(one, 2)).body.r).to.not.equal(first.body.r);
    expect(tasks.length).to.equal(1);
    expect(tasks[0]?.claim).to.include({ worker: WORKER, jobId: one.jobId, outDigest: first.body.outDigest });
    for (const epoch of [0, 3, 65_535]) await refuses("EPOCH", async () => prove(one, epoch));
  });

  it("R62: behavior: the second signs its result and makes no proof; a later order may make it the prover, an earlier one not again", async () => {
    const one = jobOf();
    const swapped = [{ prover: SECOND, second: WORKER }];
    await order(one, seal(one, swapped, 1));
    await refuses("JOB", async () => prove(one));
    expect((await inner.client.ask("run", { jobId: one.jobId, stage: 0, epoch: 1 })).body.evidence).to.have.lengthOf(
      198,
    );
    await order(one, seal(one, [PAIR], 0));
    await refuses("JOB", async () => prove(one));
    await order(one, seal(one, [PAIR], 2));
    await prove(one);
    await order(one, seal(one, [{ prover: WORKER, second: THIRD }], 3));
    await prove(one);
    expect(tasks.length).to.equal(1);
  });

  it("R62: error: INPUT for orders of other pairs than this enclave's, of strangers, for other jobs and of another form", async () => {
    const one = jobOf();
    const wrong: readonly (readonly OrderedPair[])[] = [
      [{ prover: SECOND, second: THIRD }],
      [{ prover: WORKER, second: ZERO_ADDRESS }],
      [PAIR, PAIR],
    ];
    for (const pairs of wrong) await refuses("INPUT", async () => order(one, seal(one, pairs)));
    const alone = jobOf({ policy: { k: 1 } });
    await refuses("INPUT", async () => order(alone, seal(alone)));
    for (const sender of [WORKER, SECOND])
      await refuses("INPUT", async () => order(one, seal(one, [PAIR], 0, { sender }), sender));
    const blob = seal(one);
    const bad: readonly Uint8Array[] = [
      seal(jobOf({ nonce: 2n })),
      seal(one, [PAIR], 0, { hub: PLACE.registry }),
      sealInner(one, nodeCrypto.generateX25519().publicKey, { order: { attempt: 0, pairs: [PAIR] } }),
      // An input without an order says nothing of the pair.
      sealInner(one, fromHex(identity.sealKey)),
      blob.subarray(0, -1),
      new Uint8Array(),
    ];
    for (const each of bad) await refuses("INPUT", async () => order(one, each));
    await refuses("JOB_UNKNOWN", async () => prove(one));
    const changed = Uint8Array.from(one.bytes);
    changed[changed.length - 1] = 9;
    await refuses("INPUT_MISMATCH", async () => order(one, seal(one, [PAIR], 0, { tensor: changed })));
    await order(one, blob);
    await prove(one);
    await order(alone, seal(alone, [{ prover: WORKER, second: ZERO_ADDRESS }]));
    await prove(alone);
  });

  it("R62: error: JOB for other evidence: neither a critical job by `open`, nor a sampled one by `order`", async () => {
    for (const mask of [ENCLAVE, PROOF, ENCLAVE | OPTIMISTIC, ENCLAVE | PROOF | VOTE]) {
      const one = jobOf({ policy: { mask } });
      await refuses("JOB", async () => order(one));
    }
    const one = jobOf();
    const ask = { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: false };
    await refuses("JOB", async () => inner.client.ask("open", ask, sealInner(one, fromHex(identity.sealKey))));
    // Of another number of stages than the model has.
    const two = jobOf({ spec: { stages: 2 } });
    await refuses("JOB", async () => order(two));
    // A sampled job has no prover, whatever is asked.
    const sampled = innerJob(inner.modelId, TENSOR, { kind: KIND_SALTED });
    await inner.client.ask("open", { ...ask, job: sampled.job }, sealInner(sampled, fromHex(identity.sealKey)));
    await refuses("JOB", async () => prove(sampled));
  });

  it("R62: error: PROOF where there is no prover, no key, or a failure; one word leaves, and it may be asked again", async () => {
    const secret = "3,-7,50,11 in a witness";
    const one = jobOf();
    await order(one);
    make = async () => Promise.reject(new TypeError(secret));
    await refuses("PROOF", async () => prove(one));
    expect(has(inner.wire(), Buffer.from("in a witness"))).to.equal(false);
    make = async () => Uint8Array.of(9);
    expect([...(await prove(one)).tail]).to.deep.equal([9]);
    await begin({ prover: { ...stub, canProve: () => false } });
    const other = jobOf();
    await order(other);
    await refuses("PROOF", async () => prove(other));
    await begin({ prover: { ...stub, load: 2 } });
    const busy = jobOf();
    await order(busy);
    await refuses("BUSY", async () => prove(busy));
  });

  describe("of several stages", () => {
    const last = 2;
    let three: ProvenModel;
    before(async () => {
      const made = await provenModel(3, folder);
      three = { ...made, manifest: { ...made.manifest, acceptedMasks: 1 << (ENCLAVE | PROOF) } };
    });
    beforeEach(async () => begin({ manifest: three.manifest, stage: async (_, stage) => three.runner(stage) }));
    const job3 = (): InnerJob => {
      const one = jobOf({ spec: { stages: 3 } });
      return {
        ...one,
        salts: new Map([...one.salts, ...[1, last].map((at) => [at, nodeCrypto.randomBytes(31)] as const)]),
      };
    };
    const ALL = [PAIR, PAIR, PAIR];
    const run = async ({ jobId }: InnerJob, stage: number) => inner.client.ask("run", { jobId, stage, epoch: 1 });

    it("R62: default: one enclave runs all stages inside, and signs and proves each over the boundary of the one before", async () => {
      const one = job3();
      expect((await order(one, seal(one, ALL))).body.pairs).to.deep.equal(ALL);
      // In any order: what comes before is computed first.
      const answers = [await run(one, last), await run(one, 0), await run(one, 1)];
      expect(answers.map(({ tail }) => tail.length > 0)).to.deep.equal([true, false, false]);
      const digests = [1, last, 0].map((at) => answers[at]?.body.outDigest);
      for (const stage of [1, 0, last]) expect((await prove(one, 1, stage)).body.outDigest).to.equal(digests[stage]);
      const claims = tasks.toSorted((a, b) => a.stage - b.stage).map(({ claim }) => claim);
      expect(claims.map(({ stage, inDigest, outDigest }) => [stage, inDigest, outDigest])).to.deep.equal(
        [0, 1, last].map((stage) => [stage, stage === 0 ? one.job.spec.inDigest : digests[stage - 1], digests[stage]]),
      );
      const middle = three.runStage(0, values);
      expect([...(tasks.find(({ stage }) => stage === 1)?.inputs[0]?.data ?? [])].map(Number)).to.deep.equal(middle);
      // Again: nothing is proven twice, and what is forgotten is gone.
      await prove(one, 1, 1);
      expect(tasks.length).to.equal(3);
      const wire = inner.wire();
      const boundaries = [values, middle, three.runStage(1, middle)].map((data) => encodeTensor({ ...TENSOR, data: Int8Array.from(data) }).subarray(-4)); // prettier-ignore
      for (const secret of [...inner.secrets, ...one.salts.values(), ...boundaries]) expect(has(wire, secret)).to.equal(false); // prettier-ignore
      for (const stage of [3, 255]) await refuses("JOB", async () => run(one, stage));
      await refuses("JOB", async () => prove(one, 1, 3));
      await inner.client.ask("forget", { jobId: one.jobId });
      await refuses("JOB_UNKNOWN", async () => run(one, 1));
    });

    it("R62, R75: error: INPUT for an order with a salt missing, too many or of another length, of several pairs, or of a part of the stages", async () => {
      const one = job3();
      const salted = (salts: InnerJob["salts"]): Uint8Array => seal({ ...one, salts }, ALL);
      for (const [missing] of one.salts)
        await refuses("INPUT", async () =>
          order(one, salted(new Map([...one.salts].filter(([at]) => at !== missing)))),
        );
      await refuses("INPUT", async () => order(one, salted(new Map([...one.salts, [3, nodeCrypto.randomBytes(31)]]))));
      await refuses("INPUT", async () => order(one, salted(new Map([...one.salts, [1, nodeCrypto.randomBytes(32)]]))));
      const other = { prover: WORKER, second: THIRD };
      for (const pairs of [[PAIR], [PAIR, PAIR], [...ALL, PAIR], [PAIR, PAIR, other], [other, PAIR, PAIR]])
        await refuses("INPUT", async () => order(one, seal(one, pairs)));
      await refuses("INPUT", async () => order(one, seal(one, ALL, 0, { stage: 1 })));
      await refuses("JOB_UNKNOWN", async () => run(one, 0));
      await refuses("JOB", async () => order(jobOf({ spec: { stages: 2 } }), seal(one, ALL)));
      await order(one, seal(one, ALL));
      await prove(one, 1, last);
    });

    it("R62: error: PROOF for what an abstention follows: no result is signed beyond it", async () => {
      await begin({ manifest: three.manifest, stage: async (_, stage) => (stage === 1 ? null : three.runner(stage)) });
      const one = job3();
      await order(one, seal(one, ALL));
      expect((await run(one, 0)).body.evidence).to.have.lengthOf(198);
      for (const stage of [1, last]) {
        expect((await run(one, stage)).body.evidence).to.equal("0x");
        await refuses("PROOF", async () => prove(one, 1, stage));
      }
      await prove(one, 1, 0);
    });
  });

  it("R62: behavior: forgetting a job ends its proof", async () => {
    const one = jobOf();
    await order(one);
    const aborted: boolean[] = [];
    make = async ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted.push(true);
          reject(new TypeError("aborted"));
        });
      });
    const asked = prove(one);
    while (tasks.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await inner.client.ask("forget", { jobId: one.jobId });
    await refuses("PROOF", async () => asked);
    expect(aborted).to.deep.equal([true]);
    await refuses("JOB_UNKNOWN", async () => prove(one));
    expect(toHex(one.bytes)).to.not.equal("0x");
  });
});
