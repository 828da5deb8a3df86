// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { boundaryDigest } from "../../../../offchain/core/batch-tensors.ts";
import { concatBytes, fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { channelHashOf, HANDSHAKE_BYTES } from "../../../../offchain/core/channel-hash.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { enclaveResultDigest } from "../../../../offchain/core/enclave-result.ts";
import { modelId as modelIdOf } from "../../../../offchain/core/model.ts";
import { planHash } from "../../../../offchain/core/planning/encode-plan.ts";
import { decodeScheduleOrder } from "../../../../offchain/core/schedule-order.ts";
import { openSealedBlob, sealContext } from "../../../../offchain/core/seal.ts";
import { JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { recoverSigner } from "../../../../offchain/core/signature.ts";
import { decodeTensor } from "../../../../offchain/core/tensor.ts";
import { CLASS_T, ENCLAVE, OPTIMISTIC, PROOF, ZERO_ADDRESS, ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import type { Refusal } from "../../../../offchain/node/enclave/wire.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { PLACE, REGISTRY, REQUESTER, type InnerJob } from "../../../support/tee/inner.ts";
import { carry, enclaveOf, orderOf, scheduleAll, scheduledJob, scheduledManifest, sealOrder, startParty, type OrderChange, type Party, type Tamper } from "../../../support/tee/scheduled.ts"; // prettier-ignore

const ALICE: Hex = `0x${"a1".repeat(20)}`;
const BOB: Hex = `0x${"b0".repeat(20)}`;
const EVE: Hex = `0x${"e5".repeat(20)}`;
const TENSOR = { dtype: "i8" as const, dims: [64], data: Int8Array.from({ length: 64 }, (_, i) => 2 * i - 60) };
const has = (haystack: Uint8Array, needle: Uint8Array): boolean => Buffer.from(haystack).includes(Buffer.from(needle));

async function refuses(refusal: Refusal, action: () => Promise<unknown>): Promise<void> {
  const error = (await expectCode("ENCLAVE_REFUSED", action)) as { readonly meta: { readonly refusal: string } };
  expect(error.meta.refusal).to.equal(refusal);
}

describe("R60: two enclaves share a program", () => {
  let alice: Party;
  let bob: Party;
  let eve: Party;
  let nonce = 1n;
  const modelId = modelIdOf(scheduledManifest());

  before(async () => {
    [alice, bob, eve] = await Promise.all([startParty(ALICE), startParty(BOB), startParty(EVE)]);
  });
  after(() => [alice, bob, eve].forEach(({ client }) => client.close()));

  const fresh = (): InnerJob => scheduledJob(modelId, TENSOR, { nonce: nonce++ });
  const schedule = async (one: InnerJob, to: Party, blob: Uint8Array, change: { readonly sender?: Hex } = {}) =>
    to.client.ask("schedule", { job: one.job, boundary: JOB_INPUT, sender: REQUESTER, ...change }, blob);
  const told = async (one: InnerJob, at: number, change: OrderChange = {}, parties: readonly Party[] = [alice, bob]) =>
    schedule(one, [alice, bob][at] ?? eve, sealOrder(one, orderOf(one, parties, at, change), [alice, bob][at] ?? eve));
  const compute = async ({ jobId }: InnerJob, by: Party, epoch = 1) => by.client.ask("compute", { jobId, epoch });
  /** Both have their orders, and the first stage is computed. */
  const ready = async (): Promise<InnerJob> => {
    const one = fresh();
    await scheduleAll(one, [alice, bob]);
    await compute(one, alice);
    return one;
  };
  const plus = (n: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => 2 * i - 60 + n);

  it("R60: default: the boundary goes from enclave to enclave; the second signs the hash of the channel that it came through", async () => {
    const one = fresh();
    const { body: route } = await told(one, 0);
    expect(route).to.deep.equal({ attempt: 0, first: 0, last: 0, previous: ZERO_ADDRESS, next: BOB });
    expect((await told(one, 1)).body).to.deep.equal({ attempt: 0, first: 1, last: 1, previous: ALICE, next: ZERO_ADDRESS }); // prettier-ignore
    const [first] = (await compute(one, alice)).body.results;
    expect(await carry(one, alice, bob)).to.equal(true);
    const { body, tail } = await compute(one, bob);
    const [second] = body.results;
    if (first === undefined || second === undefined) throw new TypeError("no results");
    const context = sealContext({ ...PLACE, jobId: one.jobId, boundary: 1, lane: 0, sender: BOB });
    const output = openSealedBlob(nodeCrypto, tail, { context, privateKey: one.resultKey.privateKey, maxBytes: 1_000 });
    expect(Buffer.from(decodeTensor(output).data as Int8Array)).to.deep.equal(Buffer.from(plus(2)));
    expect(second.outDigest).to.equal(boundaryDigest(2, output, one.salts.get(1), 0));

    const signerOf = (result: typeof first, inDigest: Hex, worker: Hex) => {
      const bytes = fromHex(result.evidence);
      const claim = { jobId: one.jobId, stage: result.stage, inDigest, outDigest: result.outDigest, worker };
      const said = { claim, channelHash: toHex(bytes.subarray(0, 32)), epoch: 1 };
      const signature = { r: toHex(bytes.subarray(34, 66)), vs: toHex(bytes.subarray(66, 98)) };
      return { by: recoverSigner(enclaveResultDigest(domainSeparator(PLACE), said), signature), channelHash: said.channelHash, handshake: bytes.subarray(98) }; // prettier-ignore
    };
    const a = signerOf(first, one.job.spec.inDigest, ALICE);
    expect([a.by, a.channelHash, a.handshake.length]).to.deep.equal([alice.identity.key, ZERO_BYTES32, 0]);
    const b = signerOf(second, first.outDigest, BOB);
    expect([b.by, b.handshake.length]).to.deep.equal([bob.identity.key, HANDSHAKE_BYTES]);
    // From what anybody may know: a handshake for another job, schedule, stage or peer has another hash.
    const { plan } = decodeScheduleOrder(orderOf(one, [alice, bob], 0));
    const purpose = { chainId: 31_337n, registry: REGISTRY, jobId: one.jobId, fromStage: 0, toStage: 1, initiatorKey: alice.identity.key, responderKey: bob.identity.key, scheduleHash: planHash(plan) }; // prettier-ignore
    expect(channelHashOf(purpose, bob.identity.channelKey, b.handshake)).to.equal(b.channelHash);
    for (const change of [
      { jobId: fresh().jobId },
      { scheduleHash: ZERO_BYTES32 },
      { toStage: 2 },
      { initiatorKey: eve.identity.key },
    ])
      // prettier-ignore
      expect(channelHashOf({ ...purpose, ...change }, bob.identity.channelKey, b.handshake)).to.not.equal(b.channelHash);
    expect(channelHashOf(purpose, eve.identity.channelKey, b.handshake)).to.not.equal(b.channelHash);
    // Nothing of it was on the hosts' side.
    const hidden = [...alice.secrets, ...bob.secrets, one.bytes.subarray(-64), plus(1), plus(2), ...one.salts.values()];
    for (const { wire } of [alice, bob]) {
      expect(has(wire(), fromHex(one.jobId))).to.equal(true);
      for (const secret of hidden) expect(has(wire(), secret)).to.equal(false);
    }
    // A channel that is over takes nothing more, and a later one neither.
    expect(await carry(one, alice, bob)).to.equal(true);
    expect((await compute(one, bob)).body).to.deep.equal(body);
  });

  it("R60: behavior: one enclave may have several stages; a boundary of some megabytes goes in several messages", async () => {
    const manifest = scheduledManifest(3);
    const own = await Promise.all([startParty(ALICE, { manifest }), startParty(BOB, { manifest })]);
    const large = { dtype: "i8" as const, dims: [3_000_000], data: new Int8Array(3_000_000).fill(7) };
    const one = scheduledJob(modelIdOf(manifest), TENSOR, { stages: 3 });
    const runs = [[0, 0], [1, 2]] as const; // prettier-ignore
    await scheduleAll(one, own, { runs });
    await compute(one, own[0]);
    expect(await carry(one, ...own)).to.equal(true);
    const { results } = (await compute(one, own[1])).body;
    expect(results.map(({ stage, evidence }) => [stage, evidence.slice(0, 66) === ZERO_BYTES32])).to.deep.equal([[1, false], [2, true]]); // prettier-ignore
    own.forEach(({ client }) => client.close());

    const stage = async () => ({
      maxInputBytes: 4_000_000,
      run: async () => ({ output: large, probe: null }),
    });
    const wide = await Promise.all([startParty(ALICE, { stage }), startParty(BOB, { stage })]);
    const other = scheduledJob(modelId, TENSOR);
    await scheduleAll(other, wide);
    await compute(other, wide[0]);
    let messages = 0;
    expect(await carry(other, ...wide, (bytes) => (messages++, bytes))).to.equal(true);
    expect(messages).to.be.greaterThan(4);
    expect((await compute(other, wide[1])).body.results).to.have.lengthOf(1);
    wide.forEach(({ client }) => client.close());
  });

  it("R60: error: bytes that a host changes, cuts, repeats, swaps or takes from another job open no channel and leave nothing behind", async () => {
    const one = await ready();
    const other = await ready();
    const seen: Uint8Array[] = [];
    await carry(other, alice, bob, (bytes, n) => (seen[n] = bytes));
    // dial, answer with confirmation, confirmation with the data.
    expect(seen).to.have.lengthOf(3);
    const [hello, answer, data] = seen as [Uint8Array, Uint8Array, Uint8Array];
    const at =
      (which: number, change: (bytes: Uint8Array) => Uint8Array): Tamper =>
      (bytes, n) =>
        n === which ? change(bytes) : bytes;
    const flip = (from: number) => (bytes: Uint8Array) => bytes.map((byte, i) => (i === from ? byte ^ 1 : byte));
    const lying: readonly Tamper[] = [
      at(0, flip(2)), // e
      at(0, flip(40)), // s
      at(0, (bytes) => flip(bytes.length - 1)(bytes)),
      at(0, () => hello), // another job's, replayed
      at(1, flip(3)),
      at(1, (bytes) => flip(bytes.length - 1)(bytes)), // its confirmation
      at(1, () => answer),
      at(2, flip(6)),
      at(2, (bytes) => flip(bytes.length - 1)(bytes)),
      at(2, () => data),
      at(2, (bytes) => bytes.subarray(4)),
      // Data before the confirmation: both frames swapped.
      at(2, (bytes) => {
        const length = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
        return concatBytes(bytes.subarray(length), bytes.subarray(0, length));
      }),
    ];
    for (const tamper of lying) {
      await refuses("CHANNEL", async () => carry(one, alice, bob, tamper));
      await refuses("STATE", async () => compute(one, bob));
    }
    // An early end: neither half a message, nor half a boundary, nor one without its END is used.
    for (const keep of [3, 90, 150, -1, -60]) {
      expect(
        await carry(
          one,
          alice,
          bob,
          at(2, (bytes) => bytes.subarray(0, keep)),
        ),
        `${keep}`,
      ).to.equal(false);
      await refuses("STATE", async () => compute(one, bob));
    }
    // An honest host finishes it after all that.
    expect(await carry(one, alice, bob)).to.equal(true);
    expect((await compute(one, bob)).body.results).to.have.lengthOf(1);
  });

  it("R60: error: a host between them, an enclave that is not scheduled, or another plan, gets nothing", async () => {
    const one = await ready();
    const { jobId } = one;
    // Eve's enclave is genuine and has a plan of its own in which it is Bob.
    const bobs = { ...enclaveOf(eve), worker: EVE };
    await schedule(
      one,
      eve,
      sealOrder(one, orderOf(one, [alice, eve], 1, { enclaves: [enclaveOf(alice), bobs] }), eve),
    );
    await refuses("CHANNEL", async () => carry(one, alice, eve));
    // And one in which it is Alice.
    const two = await ready();
    await schedule(two, eve, sealOrder(two, orderOf(two, [eve, bob], 0), eve));
    await compute(two, eve);
    await refuses("CHANNEL", async () => carry(two, eve, bob));
    await refuses("STATE", async () => compute(two, bob));
    // A plan that only one of them knows.
    const three = await ready();
    await told(three, 1, { attempt: 1 }, [eve, bob]);
    await refuses("CHANNEL", async () => carry(three, alice, bob));
    // Out of turn: nothing is fed before the other end is confirmed, nobody hears who has not dialled.
    const four = await ready();
    await refuses("STATE", async () => alice.client.ask("feed", { jobId: four.jobId }));
    const five = await ready();
    await alice.client.ask("dial", { jobId: five.jobId });
    await refuses("CHANNEL", async () => alice.client.ask("feed", { jobId: five.jobId }));
    const step = { jobId: five.jobId, isDialler: false, isFirst: false };
    await refuses("STATE", async () => bob.client.ask("step", step, new Uint8Array(100)));
    await refuses("STATE", async () => bob.client.ask("step", { ...step, isDialler: true }, new Uint8Array(100)));
    await refuses("STATE", async () => alice.client.ask("step", { ...step, isFirst: true }, new Uint8Array(100)));
    await refuses("STATE", async () => bob.client.ask("dial", { jobId }));
    await refuses("JOB_UNKNOWN", async () => bob.client.ask("dial", { jobId: ZERO_BYTES32 }));
  });

  it("R60: error: PEER for a plan in which this enclave is another, or somebody is not registered any more", async () => {
    const one = fresh();
    const [a, b] = [enclaveOf(alice), enclaveOf(bob)];
    const wrong: readonly OrderChange[] = [
      { enclaves: [{ ...a, channelKey: b.channelKey }, b] },
      { enclaves: [{ ...a, worker: EVE }, b] },
      { enclaves: [a, { ...b, expiry: 999 }] },
      { enclaves: [{ ...a, expiry: 999 }, b] },
    ];
    for (const change of wrong) await refuses("PEER", async () => told(one, 0, change));
    await refuses("PEER", async () => schedule(one, alice, sealOrder(one, orderOf(one, [eve, bob], 0), alice)));
    await refuses("JOB_UNKNOWN", async () => compute(one, alice));
    await told(one, 0);
    expect((await compute(one, alice)).body.results).to.have.lengthOf(1);
  });

  it("R60: error: INPUT and JOB for other forms, senders, jobs and boundaries; a host's tensor is never a boundary", async () => {
    const one = fresh();
    const good = sealOrder(one, orderOf(one, [alice, bob], 0), alice);
    const strange: readonly Uint8Array[] = [
      sealOrder(one, orderOf(one, [alice, bob], 0), bob),
      sealOrder(one, orderOf(one, [alice, bob], 0), alice, { jobId: fresh().jobId }),
      sealOrder(one, orderOf(one, [alice, bob], 0).subarray(1), alice),
      sealOrder(one, orderOf(one, [alice, bob], 0).subarray(0, -1), alice),
      sealOrder(one, orderOf(one, [alice, bob], 0, { jobId: ZERO_BYTES32 }), alice),
      sealOrder(one, orderOf(one, [alice], 0), alice), // no second stage
      sealOrder(one, orderOf(one, [alice, bob], 0, { tensors: [] }), alice),
      sealOrder(one, orderOf(one, [alice, bob], 0, { stage: 1 }), alice),
      good.subarray(0, -1),
      good.map((byte, i) => (i === good.length - 3 ? byte ^ 1 : byte)),
      new Uint8Array(),
    ];
    for (const blob of strange) await refuses("INPUT", async () => schedule(one, alice, blob));
    await refuses("INPUT", async () =>
      schedule(one, alice, sealOrder(one, orderOf(one, [alice, bob], 0), alice, { sender: EVE }), { sender: EVE }),
    );
    // Whoever is not first gets its boundary over a channel, also from the client.
    const fed = [{ boundary: 0, tensor: one.bytes }];
    await refuses("INPUT", async () => told(one, 1, { tensors: fed }));
    await refuses("INPUT_MISMATCH", async () => told(one, 0, { tensors: [{ boundary: JOB_INPUT, tensor: one.bytes.map((v, i) => (i === 20 ? v ^ 1 : v)) }] })); // prettier-ignore
    await refuses("JOB_UNKNOWN", async () => compute(one, alice));
    const jobs = [
      scheduledJob(modelId, TENSOR, { mask: ENCLAVE | OPTIMISTIC }),
      scheduledJob(modelId, TENSOR, { mask: ENCLAVE | PROOF }),
      scheduledJob(modelId, TENSOR, { stages: 3 }),
      scheduledJob(modelId, TENSOR, { stages: 1 }),
      scheduledJob(ZERO_BYTES32, TENSOR),
    ];
    for (const bad of jobs) await refuses("JOB", async () => schedule(bad, alice, good));
    const floats = { ...one.job, spec: { ...one.job.spec, policy: { ...one.job.spec.policy, cls: CLASS_T } } };
    await refuses("JOB", async () => schedule({ ...one, job: floats }, alice, good));
    await told(one, 0);
    await refuses("EPOCH", async () => compute(one, alice, 2));
    await refuses("EPOCH", async () => compute(one, alice, 0));
  });

  it("R61: behavior: a later plan replaces a neighbour and keeps what is here; an earlier one changes nothing; another run begins anew", async () => {
    const one = await ready();
    await carry(one, alice, bob);
    // Bob is gone: Eve takes the second stage from the same first one.
    const plan = { attempt: 1 } as const;
    const { body } = await told(one, 0, plan, [alice, eve]);
    expect(body).to.deep.include({ attempt: 1, next: EVE });
    expect((await told(one, 0)).body).to.deep.equal(body);
    await schedule(one, eve, sealOrder(one, orderOf(one, [alice, eve], 1, plan), eve));
    expect(await carry(one, alice, eve)).to.equal(true);
    expect((await compute(one, eve)).body.results).to.have.lengthOf(1);
    // Bob, alive after all, is told to be first: what it held of the second stage is gone.
    const { body: turned } = await schedule(one, bob, sealOrder(one, orderOf(one, [bob, eve], 0, { attempt: 2 }), bob));
    expect(turned).to.deep.include({ first: 0, next: EVE });
    const [result] = (await compute(one, bob)).body.results;
    expect(result?.stage).to.equal(0);
  });
});
