// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, type Hex } from "viem";
import { readContract, writeContract } from "viem/actions";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { hubLensAbi } from "../../offchain/adapters/chain/abi/hub-lens.ts";
import { batchFlags, verifyBatch } from "../../offchain/core/batch.ts";
import { batchLeaf } from "../../offchain/core/batch-tensors.ts";
import { decodeReceipt, encodeReceipt } from "../../offchain/core/receipt.ts";
import { decodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { jobId as jobIdOf } from "../../offchain/core/job.ts";
import { modelId } from "../../offchain/core/model.ts";
import { KIND_BLINDED, KIND_PUBLIC, type DigestKind, type ModelManifest } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { devBehaviour } from "../../offchain/node/dev-faults.ts";
import { prepareInference } from "../../offchain/sdk/actions/request-inference.ts";
import { nodeCrypto } from "../../offchain/sdk/node/node-crypto.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster } from "../support/cluster/cluster.ts";
import { createRequester, manifestWith } from "../support/cluster/requester.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { expectCode } from "../support/expect-code.ts";

const WRONG = 1;
const CLOSED = 6;

const inputsOf = (count: number): readonly Tensor[] =>
  Array.from({ length: count }, (_, i) => ({ dtype: "i8", dims: [4], data: Int8Array.of(i % 100, 2, 3, 4) }));
const added = (inputs: readonly Tensor[], by: number) => inputs.map(({ data }) => [...data].map((x) => x + by));
const numbers = (outputs: readonly Tensor[]) => outputs.map(({ data }) => [...data].map(Number));

describe("many inputs in one job", function suite() {
  this.timeout(180_000);
  const open = manifestWith("open", [KIND_PUBLIC, KIND_PUBLIC]);
  const hidden = manifestWith("hidden", [KIND_BLINDED, KIND_BLINDED, KIND_BLINDED]);
  const tables = new Map([open, hidden].map((manifest) => [modelId(manifest), manifest.stages]));
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(
      chain,
      { workers: 13, http: true, models: () => ({ table: (id: Hex) => tables.get(id) ?? null }) },
      open,
    );
    wallet = await createRequester(chain);
    await mined(wallet.registerModel({ manifest: hidden }));
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const mined = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
  const wishes = { policy: { k: 3, tWork: 40 } };
  const run = async (manifest: ModelManifest, input: readonly Tensor[]) =>
    wallet.requestInferenceSync({ ...wishes, manifest, input, deposit: true });

  /** As a consumer on chain would ask. */
  async function isInference(done: Awaited<ReturnType<typeof run>>, kind: DigestKind, index: number, root?: Hex) {
    const { digest, proof } = batchLeaf(kind, done.result.outputBytes, done.result.salt, index);
    const { outDigest, recordHash } = done.view;
    return readContract(wallet, {
      address: chain.deployment.lens,
      abi: hubLensAbi,
      functionName: "verifyInference",
      args: [
        done.job,
        outDigest ?? "0x",
        recordHash ?? "0x",
        root ?? digest,
        BigInt(index),
        proof.siblings.map((one) => toHex(one)),
      ],
    });
  }

  it("default: 100 PUBLIC inputs: all outputs in order, and the chain confirms any one of them", async () => {
    const inputs = inputsOf(100);
    const done = await run(open, inputs);
    expect(numbers(done.outputs)).to.deep.equal(added(inputs, 1));
    expect(done.job.spec.policy.flags >>> 8).to.equal(100);
    for (const index of [0, 63, 99]) expect(await isInference(done, KIND_PUBLIC, index), `${index}`).to.equal(true);
    const other = batchLeaf(KIND_PUBLIC, done.result.outputBytes, undefined, 1).digest;
    expect(await isInference(done, KIND_PUBLIC, 0, other), "another input's output").to.equal(false);
  });

  it("R11: private inputs over two stages; the receipt verifies, one leaf is shown without the others", async () => {
    const inputs = inputsOf(7);
    const done = await run(hidden, inputs);
    expect(numbers(done.outputs)).to.deep.equal(added(inputs, 2));
    expect(await isInference(done, KIND_BLINDED, 6)).to.equal(true);
    const receipt = decodeReceipt(
      encodeReceipt(await wallet.getReceipt({ jobId: done.jobId, manifest: hidden, result: done.result })),
    );
    const report = verifyReceipt(receipt);
    expect(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok))).to.equal(true);
    const leaf = batchLeaf(KIND_BLINDED, done.result.outputBytes, done.result.salt, 3);
    expect(verifyBatch(receipt.outDigest, leaf.digest, leaf.proof)).to.equal(true);
    expect(numbers([decodeTensor(leaf.tensor)])).to.deep.equal(added(inputs.slice(3, 4), 2));
    // An output that was exchanged after the vote does not open the result.
    const bytes = done.result.outputBytes.slice();
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const forged = verifyReceipt({ ...receipt, output: toHex(bytes) });
    expect(forged.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal(["output"]);
    const swapped = { ...receipt.job.spec.policy, flags: batchFlags(receipt.job.spec.policy.flags, 6) };
    const job = { ...receipt.job, spec: { ...receipt.job.spec, policy: swapped } };
    expect(verifyReceipt({ ...receipt, job }).ok, "another number of inputs").to.equal(false);
  });

  it("behavior: a batch of one and of 1,000", async () => {
    for (const count of [1, 1_000]) {
      const inputs = inputsOf(count);
      const done = await run(open, inputs);
      expect(numbers(done.outputs)).to.deep.equal(added(inputs, 1));
      expect(await isInference(done, KIND_PUBLIC, count - 1)).to.equal(true);
    }
  });

  it("behavior: a seat that lies about the batch is outvoted and slashed, the others are not", async () => {
    let liar = 0;
    const inputs = inputsOf(5);
    const done = await wallet.requestInferenceSync({
      ...wishes,
      manifest: open,
      input: inputs,
      deposit: true,
      beforeDelivery: ([first]) => {
        const worker = cluster.workers.find(({ workerId }) => workerId === first);
        liar = first ?? 0;
        if (worker !== undefined) worker.behaviour = devBehaviour("wrong-digest", false);
      },
    });
    expect(numbers(done.outputs)).to.deep.equal(added(inputs, 1));
    expect(await getSlashed(cluster, done.jobId)).to.deep.equal([{ workerId: liar, offence: WRONG }]);
  });

  it("attack: a job that names fewer inputs than its root holds ends without an answer, and slashes nobody", async () => {
    const { hub } = chain.deployment;
    const { job, input, secret, escrow } = await prepareInference(wallet, {
      ...wishes,
      hub,
      crypto: nodeCrypto,
      manifest: open,
      input: inputsOf(4),
      requester: wallet.account.address,
    });
    await mined(wallet.depositWithPermit({ amount: escrow }));
    const { policy } = job.spec;
    const fewer = { ...job, spec: { ...job.spec, policy: { ...policy, flags: batchFlags(policy.flags, 3) } } };
    await mined(
      writeContract(wallet, {
        chain: null,
        address: hub,
        abi: assayHubAbi,
        functionName: "request",
        args: [fewer.nonce, fewer.spec],
      }),
    );
    const jobId = jobIdOf({ chainId: 31_337n, hub }, fewer);
    await wallet.deliverInput({ jobId, job: fewer, manifest: open, input, secret });
    expect((await cluster.ended({ id: jobId })).state).to.equal(CLOSED);
    expect(await getSlashed(cluster, jobId)).to.deep.equal([]);
  });

  it("error: NOT_SUPPORTED, TOO_LARGE, NOT_CANONICAL: proofs of a batch, more than workers take, none", async () => {
    const asked = { ...wishes, manifest: open };
    await expectCode("NOT_SUPPORTED", async () =>
      wallet.requestInference({ ...asked, preset: "critical-proof", policy: {}, input: inputsOf(2) }),
    );
    await expectCode("TOO_LARGE", async () => wallet.requestInference({ ...asked, input: inputsOf(1_025) }));
    await expectCode("NOT_CANONICAL", async () => wallet.requestInference({ ...asked, input: [] }));
  });
});
