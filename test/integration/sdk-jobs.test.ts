// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex, type Hex } from "viem";
import { deployContract, readContract, writeContract } from "viem/actions";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { splitBlob } from "../../offchain/core/blob.ts";
import { publicDigest } from "../../offchain/core/digest.ts";
import { modelId } from "../../offchain/core/model.ts";
import { agreementOfReceipts } from "../../offchain/audit/agreement-of-receipts.ts";
import { encodeReceipt } from "../../offchain/core/receipt.ts";
import { encodeTensor, type Tensor } from "../../offchain/core/tensor.ts";
import { KIND_BLINDED, KIND_PUBLIC, ZERO_BYTES32 } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { readArtifact } from "../../scripts/deploy/read-artifact.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster } from "../support/cluster/cluster.ts";
import { createRequester, manifestWith } from "../support/cluster/requester.ts";
import { expectCode } from "../support/expect-code.ts";

const TOKEN = 10n ** 18n;
const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 9, 4) };

describe("jobs through the SDK", function suite() {
  this.timeout(180_000);
  const open = manifestWith("open", [KIND_PUBLIC, KIND_PUBLIC]);
  const half = manifestWith("half", [KIND_PUBLIC, KIND_BLINDED]);
  const chained = manifestWith("chained", [KIND_PUBLIC, KIND_PUBLIC, KIND_PUBLIC]);
  const tables = new Map([open, half, chained].map((manifest) => [modelId(manifest), manifest.stages]));
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(
      chain,
      { workers: 9, http: true, models: () => ({ table: (id: Hex) => tables.get(id) ?? null }) },
      open,
    );
    wallet = await createRequester(chain);
    for (const manifest of [half, chained]) await mined(wallet.registerModel({ manifest }));
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const mined = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
  const write = async (functionName: "mint" | "approve", args: readonly [Hex, bigint]) =>
    writeContract(wallet, { chain: null, address: chain.deployment.token, abi: devTokenAbi, functionName, args });
  const wishes = { policy: { k: 3, tWork: 40 } };

  it("default: a PUBLIC input goes to the seats as it is, paid by a permit (R71)", async () => {
    const progress: InferenceProgress[] = [];
    const done = await wallet.requestInferenceSync({
      ...wishes,
      manifest: open,
      input,
      deposit: true,
      onProgress: (step) => progress.push(step),
    });
    expect([...done.output.data]).to.deep.equal([2, 3, 10, 5]);
    const bytes = encodeTensor(input);
    expect(done.job.spec.inDigest).to.equal(publicDigest(bytes));
    expect(done.job.spec.inputRef).to.equal(splitBlob(bytes).root);
    expect(done.result.salt).to.equal(undefined);
    expect(progress[0]).to.deep.include({ stage: "deposited", amount: done.escrow });
    // One transaction: no approval was ever given.
    const allowance = await readContract(wallet, {
      address: chain.deployment.token,
      abi: devTokenAbi,
      functionName: "allowance",
      args: [wallet.account.address, chain.deployment.hub],
    });
    expect(allowance).to.equal(0n);
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    expect(verifyReceipt(receipt).ok).to.equal(true);
    expect(receipt.settlement).to.have.length(1);
  });

  it("R74: quoted before it is paid: price by the hub's checks, time by what workers measured and signed; then against what it was", async () => {
    const asked = { ...wishes, manifest: open, sample: 9 } as const;
    const before = await wallet.quotePolicies({ ...asked, presets: ["general-vote", "critical-proof"] });
    expect(before.refused).to.deep.include({
      preset: "critical-proof",
      code: "NO_POLICY",
      why: "the model does not accept this evidence",
    });
    const [quote] = before.quotes;
    expect(before.quotes).to.have.length(1);
    const started = performance.now();
    const done = await wallet.requestInferenceSync({ ...wishes, manifest: open, input, deposit: true });
    const seconds = (performance.now() - started) / 1000;
    const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
    // What was promised is what it took and what came back.
    expect(done.escrow).to.equal(quote?.escrow);
    expect(done.escrow - (receipt.settlement[0]?.requester ?? 0n)).to.equal(quote?.likely);
    const after = await wallet.quotePolicies({ ...asked, presets: ["general-vote"] });
    expect(after.adverts.silent).to.deep.equal([]);
    expect(after.adverts.answered).to.have.length(9);
    // Seats of the jobs so far have measured the stage; who had none says nothing about it.
    expect(after.adverts.stages.map(({ stage, work }) => [stage, work])).to.deep.equal([[0, "run"]]);
    expect(after.adverts.stages[0]?.workers).to.be.within(3, 9);
    const time = after.quotes[0]?.time;
    expect(time?.finalSec)
      .to.be.greaterThan(0)
      .and.lessThan(seconds + 60);
    const { time: again } = await wallet.quoteTime({ manifest: open, spec: done.job.spec, sample: 9 });
    expect(again.answerSec).to.be.greaterThan(0);
    // A model that nobody ever ran: a price, but no time.
    const strange = manifestWith("strange", [KIND_PUBLIC, KIND_PUBLIC]);
    await mined(wallet.registerModel({ manifest: strange }));
    const unknown = await wallet.quotePolicies({ ...asked, manifest: strange, presets: ["general-vote"] });
    expect(unknown.adverts.stages).to.deep.equal([]);
    expect(unknown.quotes[0]?.time).to.deep.equal({ answerSec: null, finalSec: null, workSec: null });
  });

  it("R29: one question under three seeds, a job each: agreement, and receipts that an auditor finds it in again", async () => {
    // The seed is the input's last number; the answer is read from the others.
    const runs = [1, 2, 3].map((seed) => ({
      seed: toHex(seed, { size: 32 }),
      input: { ...input, data: Int8Array.of(1, 2, seed === 3 ? 8 : 9, seed) },
    }));
    const answerOf = ({ data }: Tensor) => `${data[2]}`;
    const asked = { ...wishes, manifest: open, deposit: true, answerOf };
    await expectCode("AGREEMENT_INVALID", async () =>
      wallet.requestAgreement({ ...asked, runs: runs.map((run) => ({ ...run, input })) }),
    );
    const done = await wallet.requestAgreement({ ...asked, runs });
    expect(done.agreement).to.deep.include({ runs: 3, answers: 2, largest: 2 });
    const receipts: Uint8Array[] = [];
    for (const { jobId, result } of done.runs) receipts.push(encodeReceipt(await wallet.getReceipt({ jobId, result })));
    const { ok, agreement } = await agreementOfReceipts(receipts, { answerOf });
    expect([ok, agreement]).to.deep.equal([true, done.agreement]);
  });

  it("behavior: a PUBLIC input with a private result travels sealed, with the result's salt", async () => {
    const done = await wallet.requestInferenceSync({ ...wishes, manifest: half, input, deposit: true });
    expect([...done.output.data]).to.deep.equal([2, 3, 10, 5]);
    expect(done.job.spec.inDigest).to.equal(publicDigest(encodeTensor(input)));
    expect(done.result.salt).to.have.length(32);
  });

  it("behavior: stages between PUBLIC boundaries need nothing from the client (R3)", async () => {
    const done = await wallet.requestInferenceSync({ ...wishes, manifest: chained, input, deposit: true });
    expect([...done.output.data]).to.deep.equal([3, 4, 11, 6]);
    expect(done.delivery.reached).to.have.length(6);
  });

  it("R71: a contract requests, requestInferenceSync does the rest, the contract is called back", async () => {
    const { hub } = chain.deployment;
    const artifact = readArtifact("DigitReader");
    if (artifact === undefined) throw new TypeError("DigitReader is not built");
    const { contractAddress } = await mined(deployContract(wallet, { ...artifact, chain: null, args: [hub] }));
    const reader = { address: contractAddress ?? "0x", abi: artifact.abi } as const;
    await mined(write("approve", [reader.address, 20n * TOKEN]));
    await mined(writeContract(wallet, { chain: null, ...reader, functionName: "fund", args: [20n * TOKEN] }));
    const done = await wallet.requestInferenceSync({
      ...wishes,
      manifest: open,
      input,
      via: {
        requester: reader.address,
        request: async (spec) => writeContract(wallet, { chain: null, ...reader, functionName: "ask", args: [spec] }),
      },
    });
    expect(done.job.requester.toLowerCase()).to.equal(reader.address.toLowerCase());
    expect([...done.output.data]).to.deep.equal([2, 3, 10, 5]);
    const reading = (await readContract(wallet, {
      ...reader,
      functionName: "readings",
      args: [done.jobId],
    })) as readonly unknown[];
    // FINAL, and the place of the highest score.
    expect(reading.slice(1, 4)).to.deep.equal([done.view.outDigest, 5, 2]);
    expect(verifyReceipt(await wallet.getReceipt({ jobId: done.jobId })).ok).to.equal(true);
  });

  it("error: RECEIPT_UNAVAILABLE before the end, RESULT_UNAVAILABLE for a digest that nobody has", async () => {
    await mined(wallet.deposit({ amount: 20n * TOKEN }));
    const requested = await wallet.requestInference({ ...wishes, manifest: open, input });
    await wallet.waitForTransactionReceipt({ hash: requested.hash });
    await expectCode("RECEIPT_UNAVAILABLE", async () => wallet.getReceipt({ jobId: requested.jobId }));
    const { seats } = await wallet.deliverInput({ ...requested, manifest: open });
    const error = await expectCode("RESULT_UNAVAILABLE", async () =>
      wallet.fetchResult({
        jobId: requested.jobId,
        manifest: open,
        secret: requested.secret,
        outDigest: ZERO_BYTES32,
        seats,
        timeoutMs: 4_000,
      }),
    );
    expect(error).to.have.nested.property("cause.code", "RESULT_MISMATCH");
  });

  it("error: JOB_CLOSED with the refund when the seats abstain", async () => {
    for (const { worker } of cluster.workers) worker.desk.drain();
    const error = await expectCode("JOB_CLOSED", async () =>
      wallet.requestInferenceSync({ ...wishes, manifest: half, input, deposit: true }),
    );
    expect(error).to.have.nested.property("meta.refund").that.is.a("bigint");
  });
});
