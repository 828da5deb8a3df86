// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { zeroAddress, zeroHash, type Hex } from "viem";
import { drawSeed, ROUND_0_STAGE } from "../../../offchain/core/draw.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { modelId } from "../../../offchain/core/model.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../../offchain/core/receipt.ts";
import { PROOF, VOTE, type Record as JobRecord } from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { encodeProofEvidence } from "../../../offchain/core/zk/evidence.ts";
import { getReceipt } from "../../../offchain/sdk/actions/get-receipt.ts";
import { createHubChain, EMPTY_RECORD } from "../../support/hub-chain.ts";
import { honestDigest, provenModel, provenTally } from "../../support/proven-receipt.ts";

const REWARD = 10n ** 18n;
const STAGES = 3;

/** Real transactions of a hub, proofs of keys whose secrets are known: what the SDK reads back must be true for core. */
describe("receipts of proofs on a chain", function () {
  this.timeout(120_000);
  const model = provenModel(STAGES);
  const { stages: table } = model.manifest;
  let chain: Awaited<ReturnType<typeof createHubChain>>;
  let nonce = 1_000n;

  before(async () => {
    chain = await createHubChain(40);
    for (const { bytes } of model.keys) await chain.keys.write.add([toHex(bytes)]);
    await chain.registry.write.register([model.manifest]);
  });

  async function request(mask: number, k: number, window: number) {
    const now = Number((await chain.publicClient.getBlock()).timestamp);
    const spec = {
      modelId: modelId(model.manifest),
      inDigest: honestDigest(0, STAGES),
      inputRef: zeroHash,
      stages: STAGES,
      policy: {
        mask,
        k,
        auditBps: 10_000,
        cls: 0,
        flags: 0,
        seatStake: 4n * (2n * BigInt(k) + 1n) * REWARD,
        window,
        tWork: 60,
        tReveal: 120,
        ticketClass: 0,
      },
      seatReward: REWARD,
      pokeFee: REWARD / 20n,
      insuredValue: 0n,
      client: zeroAddress,
      callback: zeroAddress,
      callbackGas: 0,
      expiry: now + 5 * 86_400,
      paramsVersion: 1,
      resultKey: zeroHash,
    };
    const job = { requester: chain.me, nonce: nonce++, spec };
    await chain.hub.write.request([job.nonce, spec]);
    await chain.networkHelpers.mine(3);
    const jobId = await chain.hub.read.jobIdOf([chain.me, job.nonce, spec]);
    const slot = await chain.hub.read.slot([jobId]);
    const block = await chain.publicClient.getBlock({ blockNumber: BigInt(slot.seedRef) });
    const seats = mask === PROOF ? 12n : BigInt(k * STAGES);
    const seed = drawSeed(block.hash, jobId, ROUND_0_STAGE, 0);
    const [ids] = await chain.vault.read.draw([slot.tableVersion, 0, seed, [], seats]);
    return { job, jobId, ids, gas: 0 };
  }
  type Requested = Awaited<ReturnType<typeof request>>;

  /** A stage's proof by the signer of this candidate. */
  function stageProof({ job, jobId }: Requested, stage: number, worker: Hex, inDigest = honestDigest(stage, STAGES)) {
    const order = { model, job, jobId, stage, tally: 0, worker, inDigest, domain: chain.domain };
    const { outDigest, evidence } = provenTally(order);
    return { worker, outDigest, evidence: toHex(encodeProofEvidence(evidence)) };
  }
  const signerOf = (id: number | undefined): Hex => chain.signers[(id ?? 0) - 1] ?? zeroAddress;

  async function receiptOf(jobId: Hex): Promise<Receipt> {
    const receipt = await getReceipt(chain.publicClient, { hub: chain.hub.address, jobId });
    const again = decodeReceipt(encodeReceipt(receipt));
    const { checks } = verifyReceipt(again, { chainId: 31337n, hub: chain.hub.address, jobId });
    expect(checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    return again;
  }

  /** The record of the last event that carries one. */
  async function lastRecord(jobId: Hex): Promise<JobRecord> {
    const [tallied] = (await chain.hub.getEvents.StageTallied({ jobId }, { fromBlock: 0n })).slice(-1);
    return tallied?.args.record ?? EMPTY_RECORD;
  }

  it("default: R31 R33 R68 stages proven by two workers, in one call and in several", async () => {
    const whole = await request(PROOF, 1, 0);
    const [a, b] = [signerOf(whole.ids[2]), signerOf(whole.ids[7])];
    const all = [stageProof(whole, 0, a), stageProof(whole, 1, b), stageProof(whole, 2, a)];
    await chain.hub.write.submitProofs([whole.job, EMPTY_RECORD, table, all, "0x"]);
    const receipt = await receiptOf(whole.jobId);
    expect(receipt.proofs.map(({ worker }) => worker)).to.deep.equal([a, b, a].map((one) => one.toLowerCase()));

    const stepwise = await request(PROOF, 1, 0);
    const prover = signerOf(stepwise.ids[0]);
    await chain.hub.write.submitProofs([stepwise.job, EMPTY_RECORD, table, [stageProof(stepwise, 0, prover)], "0x"]);
    const rest = [1, 2].map((stage) => stageProof(stepwise, stage, prover));
    await chain.hub.write.submitProofs([stepwise.job, await lastRecord(stepwise.jobId), table, rest, "0x"]);
    expect((await receiptOf(stepwise.jobId)).outDigest).to.equal(honestDigest(STAGES, STAGES));
  });

  it("behavior: R8 a job that waited for its last proof in vain has a receipt of the others", async () => {
    const half = await request(PROOF, 1, 0);
    await chain.hub.write.submitProofs([
      half.job,
      EMPTY_RECORD,
      table,
      [stageProof(half, 0, signerOf(half.ids[0]))],
      "0x",
    ]);
    const record = await lastRecord(half.jobId);
    await chain.networkHelpers.time.increase(3_600);
    await chain.hub.write.expire([half.job, record]);
    const receipt = await receiptOf(half.jobId);
    expect(receipt.proofs.length).to.equal(1);
    expect(receipt.reason).to.not.equal(0);
  });

  it("behavior: R24 R31 a court's ruling is read back with its proof, and settles what it overturned", async () => {
    const judged = await request(VOTE, 3, 600);
    // Everybody agrees on digests that no stage gives.
    const votes = [0, 1, 2].map((stage) => chain.stageVotes(judged, stage));
    await chain.hub.write.submit([judged.job, EMPTY_RECORD, [], votes, "0x"]);
    const record = await lastRecord(judged.jobId);
    const { worker, outDigest, evidence } = stageProof(judged, 2, signerOf(40), record.boundaries[1]);
    expect(record.boundaries[2]).to.not.equal(outDigest);
    const ruling = { kind: PROOF, prover: worker, outDigest, outs: [], payloads: [], evidence };
    await chain.hub.write.court([judged.job, record, table, 2, ruling]);
    const [ruled] = await chain.hub.getEvents.CourtRuled({ jobId: judged.jobId }, { fromBlock: 0n });
    await chain.networkHelpers.time.increase(3_600);
    await chain.hub.write.settle([judged.job, ruled?.args.record ?? EMPTY_RECORD, "0x"]);
    const receipt = await receiptOf(judged.jobId);
    // Those who told the lie about the last stage pay; what stands before it is not the proof's matter.
    expect(receipt.reason).to.equal(0);
    expect(receipt.record.boundaries).to.deep.equal([...record.boundaries.slice(0, 2), outDigest]);
    expect(receipt.settlement[0]?.taken.map((taken) => taken > 0n)).to.deep.equal([
      ...Array(6).fill(false),
      true,
      true,
      true,
    ]);
  });
});
