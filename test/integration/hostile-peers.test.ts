// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../offchain/core/bytes.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import { bodyHashOf, encodeEnvelope, envelopeDigest } from "../../offchain/core/envelope.ts";
import { unpackSignature } from "../../offchain/core/signature.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL } from "../../offchain/core/messages.ts";
import { PUT_PROTOCOL } from "../../offchain/core/blob-put.ts";
import { encodeResultRequest, RESULT_PROTOCOL } from "../../offchain/core/result-request.ts";
import { openSealedBlob, sealContext } from "../../offchain/core/seal.ts";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { decodeTensor } from "../../offchain/core/tensor.ts";
import { encodeSeatMessage, SEAT_PROTOCOL } from "../../offchain/protocol/seat-wire.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, type TestWorker } from "../support/cluster/cluster.ts";
import { getSlashed } from "../support/cluster/slashes.ts";
import { expectCode } from "../support/expect-code.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const hex = (length: number, fill: string) => `0x${fill.repeat(length)}` as const;

describe("hostile peers", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 7 });
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  const call = async (to: TestWorker, protocol: string, request: Uint8Array): Promise<Uint8Array> => {
    const chunks: number[] = [];
    const options = { signal: AbortSignal.timeout(5_000), deadlineMs: 5_000, maxReplyBytes: 1 << 20 };
    for await (const chunk of cluster.dialler.call(to.address, protocol, request, options)) chunks.push(...chunk);
    return Uint8Array.from(chunks);
  };

  it("R75: garbage, strangers, forged statements, early questions and a flood: refused, and the job ends as if nothing was", async () => {
    const job = await cluster.request(input, { k: 3 });
    const seats = await cluster.seats(job);
    const victim = seats[0] as TestWorker;
    const state = victim.worker.desk.session(job.id)?.seat;
    const other = state?.own === 0 ? 1 : 0;
    const message = { jobId: job.id, stage: 0, round: 0, wantCommits: 7, wantOpenings: 7, commits: [], openings: [] };
    await expectCode("BYTES_TRUNCATED", () => call(victim, SEAT_PROTOCOL, Uint8Array.of(2, 2, 3)));
    await expectCode("JOB_UNKNOWN", () =>
      call(victim, SEAT_PROTOCOL, encodeSeatMessage({ ...message, jobId: hex(32, "ab") })),
    );
    await expectCode("SEAT_UNKNOWN", () => call(victim, SEAT_PROTOCOL, encodeSeatMessage({ ...message, stage: 5 })));
    const forged = { seat: other, commit: { commitment: hex(32, "22"), signature: hex(64, "33") } };
    await expectCode("STATEMENT_INVALID", () =>
      call(victim, SEAT_PROTOCOL, encodeSeatMessage({ ...message, commits: [forged] })),
    );
    expect(decodeOfferReply(await call(victim, OFFER_PROTOCOL, new Uint8Array(300))).answer).to.equal("REFUSE");
    await expectCode("BYTES_TRUNCATED", () => call(victim, PUT_PROTOCOL, new Uint8Array(10).fill(1)));
    await expectCode("RESULT_NOT_READY", () => call(victim, RESULT_PROTOCOL, encodeResultRequest(job.id)));
    await Promise.all(
      Array.from({ length: 200 }, () =>
        call(victim, SEAT_PROTOCOL, encodeSeatMessage({ ...message, commits: [forged] })).catch(() => null),
      ),
    );
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(5);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
  });

  it("R75: a fellow seat that fills the list of offers does not keep the client's input out", async () => {
    const job = await cluster.request(input, { k: 3 });
    const seats = await cluster.seats(job);
    const [victim, fellow] = seats as [TestWorker, TestWorker];
    const { timestamp } = await cluster.client.public.getBlock();
    const domain = domainSeparator({ chainId: 31_337n, hub: chain.deployment.hub });
    const answers: string[] = [];
    for (let seq = 1n; seq <= 30n; seq += 1n) {
      const blob = toHex(nodeCrypto.randomBytes(32));
      const grant = toHex(nodeCrypto.randomBytes(16));
      const deadline = timestamp + 120n;
      const body = encodeOffer({ jobId: job.id, boundary: 0, lane: 0, blob, bytes: 64, deadline, grant });
      const [from, to] = [fellow.keys.operator.address, victim.keys.operator.address];
      const bodyHash = bodyHashOf(body);
      const envelope = { protocol: OFFER_PROTOCOL, from, to, jobId: job.id, seq, deadline, bodyHash };
      const signature = unpackSignature(fellow.keys.operator.signDigest(envelopeDigest(domain, envelope)));
      const request = encodeEnvelope({ envelope, signature, body });
      answers.push(decodeOfferReply(await call(victim, OFFER_PROTOCOL, request)).answer);
    }
    expect(answers.filter((answer) => answer === "ACCEPT").length).to.be.within(1, 24);
    expect(answers.at(-1)).to.equal("BUSY");
    await cluster.sendInput(job, seats);
    expect((await cluster.ended(job)).state).to.equal(5);
    expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
  });

  it("R11: the result is served sealed to the requester's key alone, once the job is decided", async () => {
    const job = await cluster.request(input, { k: 3 });
    const seats = await cluster.seats(job);
    await cluster.sendInput(job, seats);
    await cluster.ended(job);
    const seat = seats[0] as TestWorker;
    const sealed = await call(seat, RESULT_PROTOCOL, encodeResultRequest(job.id));
    const scope = {
      chainId: 31337n,
      hub: chain.deployment.hub,
      jobId: job.id,
      boundary: 0,
      lane: 0,
      sender: seat.keys.operator.address,
    };
    const plain = openSealedBlob(nodeCrypto, sealed, {
      context: sealContext(scope),
      privateKey: job.resultKey.privateKey,
    });
    expect(decodeTensor(plain).data).to.deep.equal(Int8Array.of(2, 3, 4, 5));
  });

  it("R7, R72: more jobs at once than a worker runs: all end, nobody is slashed", async () => {
    const jobs = [];
    for (let i = 0; i < 12; i += 1) jobs.push(await cluster.request(input, { k: 3, tWork: 240 }));
    for (const job of jobs) await cluster.sendInput(job, await cluster.seats(job));
    for (const job of jobs) {
      expect((await cluster.ended(job)).state).to.equal(5);
      expect(await getSlashed(cluster, job.id)).to.deep.equal([]);
    }
  });
});
