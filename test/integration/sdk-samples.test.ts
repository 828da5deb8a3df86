// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { OPTIMISTIC } from "../../offchain/core/types.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import type { InferenceProgress } from "../../offchain/sdk/actions/request-inference-sync.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster } from "../support/cluster/cluster.ts";
import { createRequester } from "../support/cluster/requester.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 9, 4) };

describe("sampled jobs through the SDK", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;
  let wallet: AssayWallet;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16, http: true });
    wallet = await createRequester(chain);
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  for (const { auditBps, seats, stages } of [
    { auditBps: 0, seats: 1, stages: ["proposed", "opened", "final"] },
    { auditBps: 10_000, seats: 5, stages: ["proposed", "audit drawn", "tallied", "final"] },
  ])
    it(`R25: economy with ${auditBps / 100} % of audits: quote, answer, receipt by ${seats} of five`, async () => {
      const progress: InferenceProgress[] = [];
      const wishes = { preset: "economy", policy: { auditBps, tWork: 40 }, manifest: cluster.manifest } as const;
      const quote = await wallet.quoteInference({ ...wishes, requester: wallet.account.address });
      expect(quote.spec.policy).to.deep.include({ mask: OPTIMISTIC, k: 5, auditBps });
      const onProgress = (step: InferenceProgress) => void progress.push(step);
      const done = await wallet.requestInferenceSync({ ...wishes, input, deposit: true, onProgress });
      expect([...done.output.data]).to.deep.equal([2, 3, 10, 5]);
      const names = progress.map(({ stage }) => stage);
      expect(names.filter((name) => stages.includes(name))).to.deep.equal(stages);
      const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
      expect(receipt.record.tallies.map((tally) => tally.seats.length)).to.deep.equal([seats]);
      const { recordHash } = receipt;
      expect(verifyReceipt(receipt, { recordHash }).ok).to.equal(true);
      // Somebody else in the primary's seat.
      const forged = { ...receipt, record: { ...receipt.record, seats: receipt.record.seats.map((id) => id + 1) } };
      expect(verifyReceipt(forged, { recordHash }).ok).to.equal(false);
    });

  for (const { auditBps, seats } of [
    { auditBps: 0, seats: 1 },
    { auditBps: 10_000, seats: 5 },
  ])
    it(`R25: a batch of 20 under economy with ${auditBps / 100} % of audits: one proposal, all answers`, async () => {
      const inputs = Array.from({ length: 20 }, (_, i) => ({ ...input, data: Int8Array.of(i, 2, 9, 4) }));
      const policy = { auditBps, tWork: 40 };
      const done = await wallet.requestInferenceSync({
        preset: "economy",
        policy,
        manifest: cluster.manifest,
        input: inputs,
        deposit: true,
      });
      expect(done.outputs.map(({ data }) => [...data])).to.deep.equal(inputs.map((_, i) => [i + 1, 3, 10, 5]));
      const receipt = await wallet.getReceipt({ jobId: done.jobId, result: done.result });
      expect(receipt.record.tallies.map((tally) => tally.seats.length)).to.deep.equal([seats]);
      expect(verifyReceipt(receipt, { recordHash: receipt.recordHash }).ok).to.equal(true);
    });
});
