// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { boundaryDigest } from "../../../../offchain/core/batch-tensors.ts";
import { fromHex, toHex, utf8 } from "../../../../offchain/core/bytes.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { addressWord, decodeRuntime, enclaveConfigDigest } from "../../../../offchain/core/enclave-binding.ts";
import { encodeEnclaveEvidence, enclaveResultDigest } from "../../../../offchain/core/enclave-result.ts";
import { openSealedBlob, sealContext } from "../../../../offchain/core/seal.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { recoverSigner } from "../../../../offchain/core/signature.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { decodeTensor } from "../../../../offchain/core/tensor.ts";
import { CLASS_T, ENCLAVE, OPTIMISTIC, PROOF, VOTE, ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import { requireBinding } from "../../../../offchain/engines/tee/bind.ts";
import { verifyEvidence } from "../../../../offchain/engines/tee/verify.ts";
import type { Refusal, Reply } from "../../../../offchain/node/enclave/wire.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { BUNDLE, HUB, innerJob, PLACE, REQUESTER, sealInner, startInner, WORKER, type InnerChange, type InnerJob, type TestInner } from "../../../support/tee/inner.ts"; // prettier-ignore
import { NOW, simulated } from "../../../support/tee/simulated.ts";

const CHALLENGE = toWord(99);
const TENSOR = { dtype: "i8" as const, dims: [4], data: Int8Array.of(41, 42, 43, 44) };
const has = (haystack: Uint8Array, needle: Uint8Array): boolean => Buffer.from(haystack).includes(Buffer.from(needle));

async function refuses(refusal: Refusal, action: () => Promise<unknown>): Promise<void> {
  const error = (await expectCode("ENCLAVE_REFUSED", action)) as { readonly meta: { readonly refusal: string } };
  expect(error.meta.refusal).to.equal(refusal);
}

describe("R58: inside the enclave", () => {
  let inner: TestInner;
  let identity: Reply<"boot">;

  async function begin(change: InnerChange = {}): Promise<void> {
    inner?.client.close();
    inner = startInner(change);
    ({ body: identity } = await inner.client.ask("boot", PLACE));
    await inner.client.ask("quote", { epoch: 1, challenge: CHALLENGE });
  }
  const seal = (one: InnerJob, change?: Parameters<typeof sealInner>[2]): Uint8Array =>
    sealInner(one, fromHex(identity.sealKey), change);
  const open = async (one: InnerJob, blob = seal(one), change: { readonly sender?: `0x${string}` } = {}) =>
    inner.client.ask(
      "open",
      { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: false, ...change },
      blob,
    );
  const run = async ({ jobId }: InnerJob, epoch = 1) => inner.client.ask("run", { jobId, stage: 0, epoch });

  beforeEach(async () => begin());
  after(() => inner.client.close());

  it("R58: default: opens what the client sealed, runs it, and signs the claim by the key that the quote binds", async () => {
    const quoted = await inner.client.ask("quote", { epoch: 3, challenge: CHALLENGE });
    const runtime = fromHex(identity.runtime);
    const evidence = { format: "dcap-tdx-v4" as const, bytes: quoted.tail, runtime };
    const { endorsements } = simulated().attest("dcap-tdx-v4", { reportData: new Uint8Array(64), measurement: new Uint8Array(48) }); // prettier-ignore
    const verdict = verifyEvidence(evidence, endorsements, simulated().roots(["intel"]), NOW);
    const { key, channelKey, sealKey } = identity;
    const binding = { chainId: 31_337n, registry: PLACE.registry, key, channelKey, sealKey, worker: addressWord(WORKER), epoch: 3, challenge: CHALLENGE }; // prettier-ignore
    requireBinding(verdict, evidence, binding);
    expect(decodeRuntime(runtime)).to.deep.equal({ bundleDigest: BUNDLE, modelId: inner.modelId, gpuDigest: ZERO_BYTES32, configDigest: enclaveConfigDigest(PLACE) }); // prettier-ignore

    const one = innerJob(inner.modelId, TENSOR);
    await open(one);
    const { body, tail } = await run(one, 3);
    const context = sealContext({ chainId: 31_337n, hub: HUB, jobId: one.jobId, boundary: 0, lane: 0, sender: WORKER });
    const { privateKey } = one.resultKey;
    const output = openSealedBlob(nodeCrypto, tail, { context, privateKey, maxBytes: 1_000 });
    expect([...decodeTensor(output).data]).to.deep.equal([42, 43, 44, 45]);
    expect(body.outDigest).to.equal(boundaryDigest(2, output, one.salts.get(0), 0));
    const claim = { jobId: one.jobId, stage: 0, inDigest: one.job.spec.inDigest, outDigest: body.outDigest, worker: WORKER }; // prettier-ignore
    const result = { claim, channelHash: ZERO_BYTES32, epoch: 3 };
    const bytes = fromHex(body.evidence);
    const signature = { r: toHex(bytes.subarray(34, 66)), vs: toHex(bytes.subarray(66)) };
    expect(recoverSigner(enclaveResultDigest(domainSeparator(PLACE), result), signature)).to.equal(key);
    expect(body.evidence).to.equal(toHex(encodeEnclaveEvidence(result, signature)));
    // Again, it says the same.
    expect((await run(one, 3)).body).to.deep.equal(body);
  });

  it("behavior: keys are new at each start, and never told: not they, nor input, output or salts are on the wire", async () => {
    const one = innerJob(inner.modelId, { dtype: "i8", dims: [64], data: Int8Array.from({ length: 64 }, (_, i) => 2 * i - 60) }); // prettier-ignore
    const output = Uint8Array.from({ length: 64 }, (_, i) => 2 * i - 59);
    await open(one);
    await run(one);
    const wire = inner.wire();
    expect(has(wire, fromHex(one.jobId))).to.equal(true);
    expect(wire.length).to.be.greaterThan(5_000);
    expect(inner.secrets.length).to.be.greaterThan(2);
    const hidden = [...inner.secrets, one.bytes.subarray(-64), output, ...one.salts.values()];
    for (const secret of hidden) expect(has(wire, secret)).to.equal(false);
    const before = identity;
    await begin();
    for (const name of ["key", "channelKey", "sealKey"] as const) expect(identity[name]).to.not.equal(before[name]);
  });

  it("error: STATE before the first word of where it is, and for a second one", async () => {
    const other = startInner();
    await refuses("STATE", async () => other.client.ask("quote", { epoch: 1, challenge: CHALLENGE }));
    const one = innerJob(inner.modelId, TENSOR);
    const ask = { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: false };
    await refuses("STATE", async () => other.client.ask("open", ask, seal(one)));
    await refuses("STATE", async () => other.client.ask("run", { jobId: one.jobId, stage: 0, epoch: 1 }));
    other.client.close();
    for (const place of [PLACE, { ...PLACE, worker: REQUESTER }, { ...PLACE, hub: REQUESTER }])
      await refuses("STATE", async () => inner.client.ask("boot", place));
  });

  it("error: JOB for other models, other evidence, floats and more than one stage", async () => {
    const changes = [
      { modelId: ZERO_BYTES32 },
      { policy: { mask: OPTIMISTIC } },
      { policy: { mask: ENCLAVE } },
      { policy: { mask: ENCLAVE | PROOF } },
      { policy: { mask: ENCLAVE | OPTIMISTIC | VOTE } },
      { policy: { cls: CLASS_T } },
      { spec: { stages: 2 } },
    ];
    for (const { modelId = inner.modelId, ...change } of changes as readonly { modelId?: `0x${string}` }[]) {
      const one = innerJob(modelId, TENSOR, change);
      await refuses("JOB", async () => open(one));
      await refuses("JOB_UNKNOWN", async () => run(one));
    }
  });

  it("error: INPUT for blobs of other keys, jobs, hubs, senders or stages, cut, changed or empty", async () => {
    const one = innerJob(inner.modelId, TENSOR);
    const other = innerJob(inner.modelId, TENSOR, { nonce: 2n });
    const good = seal(one);
    const strange: readonly Uint8Array[] = [
      sealInner(one, nodeCrypto.generateX25519().publicKey),
      sealInner(one, fromHex(identity.channelKey)),
      seal(one, { hub: PLACE.registry }),
      seal(other),
      seal(one, { sender: WORKER }),
      seal(one, { stage: 1 }),
      good.subarray(0, -1),
      good.map((byte, i) => (i === good.length - 3 ? byte ^ 1 : byte)),
      new Uint8Array(),
      utf8("not sealed at all"),
    ];
    for (const blob of strange) await refuses("INPUT", async () => open(one, blob));
    // Under the name of a stranger, or of the worker itself: only the job's own client feeds it.
    for (const sender of [WORKER, PLACE.registry])
      await refuses("INPUT", async () => open(one, seal(one, { sender }), { sender }));
    await refuses("JOB_UNKNOWN", async () => run(one));
    await open(one, good);
    expect((await run(one)).body.evidence).to.have.lengthOf(2 + 2 * 98);
  });

  it("error: INPUT_MISMATCH for a tensor that is not the promised one; the right one is still taken, and then stays", async () => {
    const one = innerJob(inner.modelId, TENSOR);
    const wrong = Uint8Array.from(one.bytes);
    wrong[wrong.length - 1] = 7;
    await refuses("INPUT_MISMATCH", async () => open(one, seal(one, { tensor: wrong })));
    await refuses("JOB_UNKNOWN", async () => run(one));
    await open(one);
    const { body } = await run(one);
    await open(one, seal(one, { tensor: wrong }));
    expect((await run(one)).body).to.deep.equal(body);
  });

  it("error: a job changed by the host is another job: no result is sealed to a key that the client did not name", async () => {
    const one = innerJob(inner.modelId, TENSOR);
    const thief = nodeCrypto.generateX25519();
    const changed = { ...one.job, spec: { ...one.job.spec, resultKey: toHex(thief.publicKey) } };
    await refuses("INPUT", async () => open({ ...one, job: changed }, seal(one)));
    // On another hub the same job has another id too: this enclave was booted for one.
    const elsewhere = startInner();
    const { body } = await elsewhere.client.ask("boot", { ...PLACE, hub: REQUESTER });
    const ask = { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: false };
    await refuses("INPUT", async () => elsewhere.client.ask("open", ask, sealInner(one, fromHex(body.sealKey))));
    expect(decodeRuntime(fromHex(body.runtime)).configDigest).to.not.equal(enclaveConfigDigest(PLACE));
    elsewhere.client.close();
  });

  it("error: EPOCH for registrations that no evidence was made for", async () => {
    const one = innerJob(inner.modelId, TENSOR);
    await open(one);
    for (const epoch of [0, 2, 65_535]) await refuses("EPOCH", async () => run(one, epoch));
    await refuses("EPOCH", async () => inner.client.ask("quote", { epoch: 0, challenge: CHALLENGE }));
    await inner.client.ask("quote", { epoch: 2, challenge: CHALLENGE });
    expect((await run(one, 2)).body.evidence).to.not.equal((await run(one, 1)).body.evidence);
  });

  it("behavior: what is forgotten is gone; public inputs come as they are; an abstention is not signed", async () => {
    const one = innerJob(inner.modelId, TENSOR);
    await open(one);
    await inner.client.ask("forget", { jobId: one.jobId });
    await refuses("JOB_UNKNOWN", async () => run(one));
    // Longer than any input that can be right.
    const long = innerJob(inner.modelId, { dtype: "i8", dims: [5_000], data: new Int8Array(5_000) });
    await open(long);
    const { body, tail } = await run(long);
    expect(body.evidence).to.equal("0x");
    expect(tail.length).to.equal(0);
    await refuses("INPUT_MISMATCH", async () =>
      inner.client.ask("open", { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, isPublic: true }, one.bytes),
    );
  });

  it("behavior: of a failure one word leaves, whatever its text holds; a broken platform gives EVIDENCE", async () => {
    const secret = "41,42,43,44 in a message";
    await begin({
      stage: async () => ({
        maxInputBytes: 100,
        run: async () => {
          throw new TypeError(secret);
        },
      }),
    });
    const one = innerJob(inner.modelId, TENSOR);
    await open(one);
    await refuses("FAILED", async () => run(one));
    expect(has(inner.wire(), utf8("in a message"))).to.equal(false);
    const broken = startInner({
      provider: { kind: "tsm", root: "production", quote: async () => Promise.reject(new TypeError(secret)) },
    });
    await broken.client.ask("boot", PLACE);
    await refuses("EVIDENCE", async () => broken.client.ask("quote", { epoch: 1, challenge: CHALLENGE }));
    broken.client.close();
  });

  it("behavior: asked twice it computes once, so that no machine's fault can make it sign two answers", async () => {
    let calls = 0;
    await begin({
      stage: async () => ({
        maxInputBytes: 100,
        run: async () => ({ output: { dtype: "i8", dims: [1], data: Int8Array.of((calls += 1)) }, probe: null }),
      }),
    });
    const one = innerJob(inner.modelId, TENSOR);
    await open(one);
    const first = await run(one);
    expect((await run(one)).body).to.deep.equal(first.body);
    expect(calls).to.equal(1);
  });
});
