// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodeBatch } from "../../../offchain/core/batch-tensors.ts";
import { splitBlob } from "../../../offchain/core/blob.ts";
import {
  decodeBoundaryIndex,
  encodeBoundaryRequest,
  type BoundaryAsk,
  type BoundaryIndex,
} from "../../../offchain/core/boundary-index.ts";
import { toHex, utf8, type Hex } from "../../../offchain/core/bytes.ts";
import { domainSeparator } from "../../../offchain/core/eip712.ts";
import { bodyHashOf, decodeEnvelope, encodeEnvelope, type Envelope } from "../../../offchain/core/envelope.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { decodeOfferReply, OFFER_PROTOCOL, type OfferReply } from "../../../offchain/core/messages.ts";
import type { Handler } from "../../../offchain/core/ports/transport.ts";
import { sealBlob, sealContext, type SealScope } from "../../../offchain/core/seal.ts";
import { encodeSealedInput } from "../../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { testClock, until } from "../../support/cluster/cluster.ts";
import { LocalNetwork } from "../../support/cluster/local-network.ts";
import {
  BoundarySeat,
  DIGEST,
  GRANT,
  hostileHolder,
  INDEX,
  jobId,
  MAX_BYTES,
  RIGHT,
  ROWS,
  seatsOf,
  signedIndex,
} from "../../support/boundary-seats.ts";
import { expectCode } from "../../support/expect-code.ts";
import { DEPLOYMENT, hashOf, signerOf } from "../../support/sample-receipt.ts";
import { seededBytes } from "../../support/seeded-bytes.ts";

const never = new AbortController().signal;
const announcing = (envelope: Uint8Array): Uint8Array => encodeBoundaryRequest({ kind: "announce", envelope });
/** Their first elements, in order. */
const all = Array.from({ length: ROWS }, (_, i) => i);

describe("boundaries between stages", function suite() {
  this.timeout(240_000);
  let network: LocalNetwork;
  const seats: BoundarySeat[] = [];
  const seat = (worker: number): BoundarySeat => {
    const made = new BoundarySeat(network, worker);
    seats.push(made);
    return made;
  };
  beforeEach(() => void (network = new LocalNetwork()));
  afterEach(() => {
    for (const one of seats.splice(0)) one.stop();
  });

  const reply = async (to: BoundarySeat, envelope: Uint8Array): Promise<OfferReply> =>
    decodeOfferReply(await to.desk.handle(announcing(envelope), never));
  const arrived = (to: BoundarySeat) => until(120_000, () => to.held);

  it("R47: rows are computed as they come, in order; the last micro-batch leaves with the digest and not before", async () => {
    const [sender, ...receivers] = [seat(1), seat(4), seat(5), seat(6)];
    await sender.produce(RIGHT.slice(0, 5));
    await sender.send(receivers, null);
    for (const one of receivers) await until(90_000, () => (one.ran.length === 5 ? true : null));
    await sender.produce(RIGHT.slice(5));
    await sender.send(receivers, null);
    for (const one of receivers) await until(90_000, () => (one.ran.length === ROWS - 1 ? true : null));
    await testClock.sleep(100);
    expect(receivers.map(({ held }) => held)).to.deep.equal([null, null, null]);
    await sender.send(receivers, DIGEST);
    for (const one of receivers) {
      expect(await arrived(one)).to.equal(DIGEST);
      await until(90_000, () => (one.ran.length === ROWS ? true : null));
      expect(one.ran).to.deep.equal(all);
      expect([one.faults, one.ticks]).to.deep.equal([0, 1]);
    }
  });

  it("behavior: a slow receiver is sent no more than it computes, and a sender seals no more than is asked for", async () => {
    const [sender, receiver] = [seat(1), seat(4)];
    let open = (): void => undefined;
    receiver.gate = new Promise((resolve) => (open = resolve));
    await sender.produce(RIGHT);
    await sender.send([receiver], DIGEST);
    const waiting = () => receiver.work.backlog(jobId, 0);
    await until(90_000, () => (waiting() === 2 ? true : null));
    await testClock.sleep(300);
    expect(waiting(), "two micro-batches wait, a third is not asked for").to.equal(2);
    const sealed = await sealedBy(sender);
    expect(sealed).to.be.within(2, 4);
    open();
    expect(await arrived(receiver)).to.equal(DIGEST);
    expect(await sealedBy(sender)).to.equal(ROWS);
  });

  /** Micro-batches that a holder shows by now. */
  async function sealedBy(sender: BoundarySeat): Promise<number> {
    const receiver = seats.find(({ stage }) => stage === 1);
    const grant = receiver?.feeds[0]?.index.grant ?? GRANT;
    const ask: BoundaryAsk = { jobId, boundary: 0, stage: 1, grant, have: 0 };
    return decodeBoundaryIndex(
      decodeEnvelope(await sender.desk.handle(encodeBoundaryRequest({ kind: "ask", ask }), never)).body,
    ).microBatches.length;
  }

  it("behavior: after a restart a receiver goes on with what was announced to it", async () => {
    const [sender, receiver] = [seat(1), seat(4)];
    await sender.produce(RIGHT.slice(0, 5));
    await sender.send([receiver], null);
    await until(90_000, () => (receiver.ran.length === 5 ? true : null));
    receiver.stop();
    const again = seat(4);
    again.feeds.push(...receiver.feeds);
    again.restore();
    await sender.produce(RIGHT.slice(5));
    await sender.send([receiver], DIGEST);
    expect(await arrived(again)).to.equal(DIGEST);
  });

  it("behavior: a holder that cannot be dialled is let put; one that dies is replaced, wherever it stops", async () => {
    for (const rows of [1, 6, ROWS - 1]) {
      network = new LocalNetwork();
      const [first, second, receiver] = [seat(1), seat(2), seat(4)];
      await first.produce(RIGHT.slice(0, rows));
      await second.produce(RIGHT);
      await first.send([receiver], null);
      await until(90_000, () => (receiver.ran.length === rows ? true : null));
      network.cut.add("memory://w1");
      await second.send([receiver], DIGEST);
      expect(await arrived(receiver), `after ${rows}`).to.equal(DIGEST);
      expect(receiver.faults, "silence is no fault").to.equal(0);
      expect(receiver.ran.slice(0, rows), "what came is not computed again").to.deep.equal(all.slice(0, rows));
    }
    network = new LocalNetwork();
    const receiver = seat(4);
    network.cut.add("memory://w1");
    const envelope = signedIndex(1, INDEX);
    expect((await reply(receiver, envelope)).answer).to.equal("FETCH");
    const asked = await until(90_000, async () => {
      const answer = await reply(receiver, envelope);
      return answer.answer === "FETCH" ? null : answer;
    });
    expect(asked).to.deep.equal({ answer: "ACCEPT", credits: 1 });
  });

  // --- Hostile announcements -----------------------------------------------------------------------------------------------

  it("attack: announcements cut, grown, flipped or random are refused by code; none is written down or followed", async () => {
    const receiver = seat(4);
    const calls: string[] = [];
    network.onCall = ({ to }) => void calls.push(to);
    const good = signedIndex(1, INDEX);
    const refused = async (envelope: Uint8Array, what: string) => {
      const answer = await reply(receiver, envelope);
      expect(answer.answer, what).to.be.oneOf(["REFUSE", "BUSY"]);
    };
    for (let length = 0; length < good.length; length += 1) await refused(good.subarray(0, length), `cut at ${length}`);
    await refused(Uint8Array.of(...good, 0), "grown");
    for (const [at] of good.entries()) await refused(good.with(at, (good[at] ?? 0) ^ 0x40), `flipped at ${at}`);
    for (let i = 0; i < 300; i += 1) await refused(seededBytes(i)(i), "noise");
    await refused(new Uint8Array(1 << 20).fill(0x41), "1 MiB");
    for (const request of [new Uint8Array(), Uint8Array.of(2, 1), Uint8Array.of(1, 3), Uint8Array.of(1, 2, 3)]) {
      let thrown: unknown;
      await receiver.desk.handle(request, never).catch((error: unknown) => (thrown = error));
      expect(isAssayError(thrown), String(request)).to.equal(true);
    }
    expect(receiver.feeds).to.deep.equal([]);
    expect(calls).to.deep.equal([]);
    expect(receiver.faults).to.equal(0);
  });

  it("attack: strangers, other seats, chains, jobs, protocols, receivers, times, bodies and forms are refused, each by its reason", async () => {
    const receiver = seat(4);
    const otherChain = domainSeparator({ ...DEPLOYMENT, chainId: 1n });
    const otherHub = domainSeparator({ ...DEPLOYMENT, hub: signerOf(70) });
    const form = (change: Partial<BoundaryIndex>) => signedIndex(1, { ...INDEX, ...change });
    const say = (change: Partial<Envelope>) => signedIndex(1, INDEX, change);
    const swapped = () => {
      const { envelope, signature } = decodeEnvelope(signedIndex(1, INDEX));
      const body = decodeEnvelope(form({ dims: [5] })).body;
      return encodeEnvelope({ envelope: { ...envelope, bodyHash: bodyHashOf(body) }, signature, body });
    };
    const cases: readonly (readonly [string, Uint8Array, string])[] = [
      ["a stranger", signedIndex(77, INDEX), "STRANGER"],
      ["a seat of the stage it is for", signedIndex(4, INDEX), "STRANGER"],
      ["a seat of a later stage", signedIndex(7, INDEX), "STRANGER"],
      ["another's name", signedIndex(2, INDEX, { from: signerOf(1) }), "ENVELOPE_INVALID"],
      ["another chain", signedIndex(1, INDEX, {}, otherChain), "ENVELOPE_INVALID"],
      ["another hub", signedIndex(1, INDEX, {}, otherHub), "ENVELOPE_INVALID"],
      ["another job's envelope", say({ jobId: hashOf("other job") }), "OFFER_REFUSED"],
      ["an offer's protocol", say({ protocol: OFFER_PROTOCOL }), "ENVELOPE_INVALID"],
      ["for somebody", say({ to: signerOf(4) }), "ENVELOPE_INVALID"],
      ["over", say({ deadline: 999n }), "ENVELOPE_INVALID"],
      ["too far ahead", say({ deadline: 1_000n + 3_601n }), "ENVELOPE_INVALID"],
      ["another body", swapped(), "ENVELOPE_INVALID"],
      ["for another stage", form({ stage: 2 }), "SEAT_UNKNOWN"],
      ["rows", form({ rows: ROWS + 1 }), "OFFER_REFUSED"],
      ["micro-batches", form({ total: ROWS - 1 }), "OFFER_REFUSED"],
      ["lane", form({ lane: 1 }), "OFFER_REFUSED"],
      ["digest kind", form({ digestKind: 1 }), "OFFER_REFUSED"],
    ];
    for (const [what, envelope, code] of cases)
      expect(await reply(receiver, envelope), what).to.deep.equal({ answer: "REFUSE", code });
    expect((await reply(receiver, form({ jobId: hashOf("unknown job") }))).answer).to.equal("BUSY");
    // A boundary that stage 1 does not take: its producers are asked of the chain, not of the sender.
    expect(await reply(seat(7), form({ stage: 2 }))).to.deep.equal({ answer: "REFUSE", code: "SEAT_UNKNOWN" });
    const counted = (reason: string) => receiver.counts.get(`assay_net_envelopes_refused_total ${reason}`) ?? 0;
    expect(counted("stranger")).to.equal(3);
    expect(counted("signature")).to.equal(8);
    expect(receiver.feeds).to.deep.equal([]);
    expect(receiver.faults, "whoever could not be identified is charged with nothing").to.equal(0);
    receiver.isHungry = false;
    expect(await reply(receiver, signedIndex(1, INDEX))).to.deep.equal({ answer: "ACCEPT", credits: 0 });
  });

  it("attack: an older index is a replay, the same one is a question; a holder that keeps changing its grant is not written down for ever", async () => {
    const receiver = seat(4);
    hostileHolder(network, 1, { boundary: silence });
    expect(await reply(receiver, signedIndex(1, INDEX, { seq: 5n }))).to.deep.equal({ answer: "FETCH" });
    expect(await reply(receiver, signedIndex(1, INDEX, { seq: 4n }))).to.deep.equal({
      answer: "REFUSE",
      code: "OFFER_REFUSED",
    });
    expect(receiver.counts.get("assay_net_envelopes_refused_total replay")).to.equal(1);
    expect(await reply(receiver, signedIndex(1, INDEX, { seq: 5n }))).to.deep.equal({ answer: "FETCH" });
    for (let i = 0; i < 40; i += 1) {
      const grant: Hex = `0x${(i + 16).toString(16).repeat(16)}`;
      await reply(receiver, signedIndex(1, { ...INDEX, grant }, { seq: BigInt(10 + i) }));
    }
    expect(receiver.feeds.length).to.be.at.most(8);
  });

  it("attack: questions without the grant, about others' boundaries, or too many at once are refused; those that wait end with their callers", async () => {
    const [sender, receiver] = [seat(1), seat(4)];
    await sender.produce(RIGHT.slice(0, 1));
    await sender.send([receiver], null);
    const { grant } = (await until(90_000, () => receiver.feeds[0] ?? null)).index;
    receiver.stop();
    const ask = (change: Partial<BoundaryAsk>, signal = never) =>
      sender.desk.handle(
        encodeBoundaryRequest({ kind: "ask", ask: { jobId, boundary: 0, stage: 1, grant, have: 200, ...change } }),
        signal,
      );
    for (const change of [{ grant: GRANT }, { boundary: 1 }, { stage: 2 }, { jobId: hashOf("other") }])
      await expectCode("JOB_UNKNOWN", () => ask(change));
    const callers = new AbortController();
    const waiting = Array.from({ length: 64 }, () => ask({ have: 1 }, callers.signal));
    await expectCode("BUSY", () => ask({ have: 1 }));
    callers.abort();
    await Promise.all(waiting);
    expect(decodeEnvelope(await ask({ have: 0 })).envelope.from).to.equal(signerOf(1));
  });

  // --- Hostile holders -----------------------------------------------------------------------------------------------------

  const silence: Handler = async function* silent(_from, _request, signal) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    yield* [];
  };
  const scope: SealScope = { ...DEPLOYMENT, jobId, boundary: 0, lane: 0, sender: signerOf(1) };

  /** Micro-batch 0 as a holder of stage 0 would seal it for the receiver, with whatever is wrong. */
  const sealedFor = (to: BoundarySeat, plain: Uint8Array, changes: Partial<SealScope> = {}): Uint8Array => {
    const recipients = [to.modules.keys.sealKeys[0]?.publicKey ?? new Uint8Array()];
    return sealBlob(to.modules.crypto, { context: sealContext({ ...scope, ...changes }), recipients, plain });
  };
  const plainOf = (tensor: Uint8Array, stage = 1, boundary = 0): Uint8Array =>
    encodeSealedInput({ stage, salts: [], tensors: [{ boundary, tensor }] });
  const first = encodeBatch(RIGHT.slice(0, 1));

  /** Everything that a holder can do wrong: what it answers to a question, and what to a fetch. */
  const wrongs = (to: BoundarySeat): Record<string, { boundary: Handler; blob?: Handler; isFault: boolean }> => {
    const says = (reply_: Uint8Array): Handler =>
      async function* answer() {
        yield reply_;
      };
    const newer = (index: Partial<BoundaryIndex>, seq = 2n, worker = 1) =>
      says(signedIndex(worker, { ...INDEX, ...index }, { seq }));
    const serving = (sealed: Uint8Array, bytes = sealed.length) => {
      const { root } = splitBlob(sealed);
      return { boundary: newer({ microBatches: [{ blob: root, bytes }] }), blob: says(sealed), isFault: true };
    };
    let seq = 2n;
    const served = new Map<Hex, Uint8Array>();
    return {
      "garbage for an index": { boundary: says(seededBytes(1)(300)), isFault: false },
      "half an index": { boundary: says(signedIndex(1, INDEX, { seq: 2n }).subarray(0, 200)), isFault: false },
      "a co-seat's index": { boundary: newer({}, 2n, 2), isFault: false },
      "another job's index": { boundary: newer({ jobId: hashOf("other") }), isFault: false },
      "another stage's index": { boundary: newer({ stage: 2 }), isFault: false },
      "other rows": { boundary: newer({ rows: 2, total: 2 }), isFault: true },
      "an older index, again and again": { boundary: newer({}, 0n), isFault: false },
      "an endless reply": {
        async *boundary() {
          for (;;) yield new Uint8Array(1 << 16);
        },
        isFault: false,
      },
      silence: { boundary: silence, isFault: false },
      "more bytes than are taken": {
        boundary: newer({ microBatches: [{ blob: hashOf("blob"), bytes: 0xffff_ffff }] }),
        isFault: true,
      },
      "a blob that never ends": {
        boundary: newer({ microBatches: [{ blob: hashOf("blob"), bytes: 1_000 }] }),
        blob: silence,
        isFault: false,
      },
      "other bytes than named": {
        boundary: newer({ microBatches: [{ blob: hashOf("blob"), bytes: 4 }] }),
        blob: says(Uint8Array.of(1, 2, 3, 4)),
        isFault: false,
      },
      "another length than named": serving(sealedFor(to, plainOf(first)), 77),
      "not sealed": serving(seededBytes(2)(500)),
      "sealed for another job": serving(sealedFor(to, plainOf(first), { jobId: hashOf("other") })),
      "sealed by another": serving(sealedFor(to, plainOf(first), { sender: signerOf(2) })),
      "sealed in another lane": serving(sealedFor(to, plainOf(first), { lane: 1 })),
      "for another stage": serving(sealedFor(to, plainOf(first, 2))),
      "another boundary": serving(sealedFor(to, plainOf(first, 1, 0xffff))),
      "no batch": serving(sealedFor(to, plainOf(utf8("neither tensor nor batch")))),
      "two rows for one": serving(sealedFor(to, plainOf(encodeBatch(RIGHT.slice(0, 2))))),
      "another shape": serving(
        sealedFor(to, plainOf(encodeBatch([encodeTensor({ dtype: "i8", dims: [2], data: Int8Array.of(1, 2) })]))),
      ),
      "rows voided without end": {
        async *boundary() {
          seq += 1n;
          const sealed = sealedFor(to, plainOf(first));
          const blob = { blob: splitBlob(sealed).root, bytes: sealed.length };
          served.set(blob.blob, sealed);
          yield signedIndex(1, { ...INDEX, microBatches: [blob] }, { seq });
        },
        async *blob(_from, request) {
          const asked = toHex(request);
          for (const [root, sealed] of served) if (asked.includes(root.slice(2))) yield sealed;
        },
        isFault: true,
      },
    };
  };

  it("attack: whatever a holder answers, the boundary comes from another one; only what is signed is laid to its charge", async () => {
    const names = Object.keys(wrongs(seat(4)));
    await Promise.all(
      names.map(async (name) => {
        const own = new LocalNetwork();
        const [honest, receiver] = [new BoundarySeat(own, 2), new BoundarySeat(own, 4)];
        seats.push(honest, receiver);
        const liar = hostileHolder(own, 1, wrongs(receiver)[name] ?? { boundary: silence });
        await liar.announce(receiver, signedIndex(1, INDEX));
        await until(90_000, () => (receiver.feeds.length > 0 ? true : null));
        await honest.produce(RIGHT);
        receiver.accepted = DIGEST;
        receiver.signers = [signerOf(2)];
        await honest.send([receiver], DIGEST);
        expect(await arrived(receiver), name).to.equal(DIGEST);
        receiver.check();
        expect(receiver.desk.faulty(jobId), name).to.not.include(signerOf(2));
        expect(receiver.ran.length, `${name}: rows computed`).to.be.at.most(2 * ROWS);
      }),
    );
  });

  it("attack: alone, such a holder is charged with what it signed, and with nothing that may be an accident", async () => {
    const names = Object.keys(wrongs(seat(4)));
    await Promise.all(
      names.map(async (name) => {
        const own = new LocalNetwork();
        let asked = 0;
        own.onCall = () => void (asked += 1);
        const receiver = new BoundarySeat(own, 4);
        seats.push(receiver);
        const { isFault, ...handlers } = wrongs(receiver)[name] ?? { boundary: silence, isFault: false };
        await hostileHolder(own, 1, handlers).announce(receiver, signedIndex(1, INDEX));
        if (isFault) await until(90_000, () => (receiver.faults > 0 ? true : null));
        else await testClock.sleep(1_500);
        expect(receiver.desk.faulty(jobId), name).to.deep.equal(isFault ? [signerOf(1)] : []);
        expect(receiver.faults, name).to.equal(isFault ? 1 : 0);
        expect(asked, `${name}: calls`).to.be.at.most(60);
        expect(receiver.held).to.equal(null);
      }),
    );
  });

  it("attack: a boundary of many micro-batches holds no more memory than one in one piece", async () => {
    const receiver = seat(4);
    const big = encodeTensor({ dtype: "i8", dims: [20_000], data: new Int8Array(20_000) });
    const blobs = all.map(() => sealedFor(receiver, plainOf(encodeBatch([big]))));
    const microBatches = blobs.map((sealed) => ({ blob: splitBlob(sealed).root, bytes: sealed.length }));
    const index: BoundaryIndex = { ...INDEX, dims: [20_000], microBatches, digest: DIGEST };
    let at = 0;
    const liar = hostileHolder(network, 1, {
      boundary: silence,
      async *blob() {
        yield blobs[at++] ?? new Uint8Array();
      },
    });
    await liar.announce(receiver, signedIndex(1, index));
    await until(90_000, () => (receiver.faults > 0 ? true : null));
    expect(at * 20_000).to.be.at.most(MAX_BYTES + ROWS * 4_096 + 20_000);
    expect(receiver.held).to.equal(null);
  });

  it("attack: other rows than the stage voted for are thrown away, fetched from who voted, and charged to who sent them", async () => {
    const [liar, honest, receiver] = [seat(1), seat(2), seat(4)];
    const wrong = RIGHT.map((bytes, i) => (i === 7 ? bytes.with(bytes.length - 1, 99) : bytes));
    await liar.produce(wrong);
    await honest.produce(RIGHT);
    await liar.send([receiver], hashOf("what the liar says"));
    await until(90_000, () => (receiver.faults === 1 ? true : null));
    expect(receiver.desk.faulty(jobId), "its own digest is not that of its bytes").to.deep.equal([signerOf(1)]);
    receiver.accepted = DIGEST;
    receiver.signers = seatsOf(0).slice(1);
    receiver.check();
    await honest.send([receiver], DIGEST);
    expect(await arrived(receiver)).to.equal(DIGEST);
    receiver.check();
    expect(receiver.desk.faulty(jobId)).to.deep.equal([signerOf(1)]);
    expect(receiver.ran.length).to.be.at.most(2 * ROWS);
  });
});
