// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { boundaryDigest } from "../../../../offchain/core/batch-tensors.ts";
import { bytesToBig, concatBytes, fromHex, toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import { openSealedBlob, sealContext } from "../../../../offchain/core/seal.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../../offchain/core/sealed-input.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { committeeId, COMMITTEE_RULES, type Committee, type DrawnCommittee } from "../../../../offchain/core/threshold/draw-committee.ts"; // prettier-ignore
import type { CommitteeKey } from "../../../../offchain/core/threshold/committee-key.ts";
import { Scalars, writeScalar } from "../../../../offchain/core/threshold/group.ts";
import { readThresholdHeader, sealToCommittee, type SealedShare } from "../../../../offchain/core/threshold/sealed-input.ts"; // prettier-ignore
import { makeCommitteeKey } from "../../../../offchain/engines/tee/threshold/make-key.ts";
import { enclaveMember } from "../../../../offchain/node/enclave/committee/enclave-member.ts";
import { fromBits } from "../../../../offchain/node/enclave/committee/inner-committee.ts";
import { encodeList, encodeUnwrap } from "../../../../offchain/node/enclave/committee/lists.ts";
import type { Refusal, Reply } from "../../../../offchain/node/enclave/wire.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { HUB, innerJob, PLACE, REQUESTER, startInner, WORKER, type InnerJob, type TestInner } from "../../../support/tee/inner.ts"; // prettier-ignore

const [N, T] = [4, 3];
const TENSOR = { dtype: "i8" as const, dims: [40], data: Int8Array.from({ length: 40 }, (_, i) => 3 * i - 60) };
const OUTPUT = Int8Array.from(TENSOR.data, (value) => value + 1);
const SCOPE = { boundary: JOB_INPUT, sender: REQUESTER };

async function refuses(refusal: Refusal, action: () => Promise<unknown>): Promise<void> {
  const error = (await expectCode("ENCLAVE_REFUSED", action)) as { readonly meta: { readonly refusal: string } };
  expect(error.meta.refusal).to.equal(refusal);
}

describe("R63: a committee of enclaves, and the one that is seated", () => {
  const members: TestInner[] = [];
  let seat: TestInner;
  let seatKey: Hex;
  let drawn: DrawnCommittee;
  let key: CommitteeKey;
  let one: InnerJob;
  let blob: Uint8Array;

  const boot = async (inner: TestInner): Promise<Reply<"boot">> => {
    const { body } = await inner.client.ask("boot", PLACE);
    await inner.client.ask("quote", { epoch: 1, challenge: keccakText("challenge") });
    return body;
  };
  const ask = (index: number) => (members[index - 1] as TestInner).client;
  const header = (): Uint8Array => readThresholdHeader(blob).bytes;
  const release = async (
    index: number,
    change: Partial<typeof SCOPE & { jobId: Hex; receiver: Hex }> = {},
    bytes = header(),
  ) =>
    // prettier-ignore
    (await ask(index).ask("release", { jobId: one.jobId, ...SCOPE, receiver: seatKey, ...change }, bytes)).tail;
  const shares = async (...indices: number[]): Promise<SealedShare[]> =>
    Promise.all(indices.map(async (index) => ({ index, sealed: await release(index) })));
  const unwrap = async (list: readonly SealedShare[], jobId = one.jobId, input = blob) =>
    seat.client.ask("unwrap", { jobId, ...SCOPE }, encodeUnwrap(list, input));
  const plainOf = ({ bytes, salts }: InnerJob): Uint8Array => {
    const list = [...salts].toSorted(([a], [b]) => a - b).map(([boundary, salt]) => ({ boundary, salt }));
    return encodeSealedInput({ stage: 0, salts: list, tensors: [{ boundary: JOB_INPUT, tensor: bytes }] });
  };
  const contextOf = ({ jobId }: InnerJob): Uint8Array =>
    sealContext({ chainId: PLACE.chainId, hub: HUB, jobId, lane: 0, ...SCOPE });
  const sealOne = (job: InnerJob, receivers = [fromHex(seatKey)]): Uint8Array =>
    sealToCommittee(nodeCrypto, { context: contextOf(job), key, receivers, plain: plainOf(job) });

  before(async () => {
    members.push(...Array.from({ length: N }, () => startInner()));
    seat = startInner();
    seatKey = (await boot(seat)).sealKey;
    const identities = await Promise.all(members.map(boot));
    drawn = {
      chainId: PLACE.chainId,
      hub: PLACE.hub,
      registry: PLACE.registry,
      rules: { ...COMMITTEE_RULES, n: N, t: T },
      epoch: 7,
      drawHash: keccakText("block"),
      members: identities.map(({ key: claim }) => ({ key: claim, worker: WORKER })),
    };
    ({ key } = await makeCommitteeKey(nodeCrypto, drawn, (index) => enclaveMember(ask(index))));
    one = innerJob(seat.modelId, TENSOR);
    blob = sealOne(one);
  });
  after(() => {
    for (const inner of [...members, seat]) inner.client.close();
  });

  it("default: encrypted once, opened inside by three shares, answered, and nothing of it is on any wire", async () => {
    const { body, tail } = await unwrap(await shares(1, 2, 4));
    expect(body).to.deep.equal({ opened: true, have: 3, wrong: 0 });
    await seat.client.ask("open", { job: one.job, ...SCOPE, isPublic: false }, tail);
    const answer = await seat.client.ask("run", { jobId: one.jobId, stage: 0, epoch: 1 });
    const context = sealContext({ chainId: PLACE.chainId, hub: HUB, jobId: one.jobId, boundary: 0, lane: 0, sender: WORKER }); // prettier-ignore
    const { privateKey } = one.resultKey;
    const output = openSealedBlob(nodeCrypto, answer.tail, { context, privateKey, maxBytes: 1_000 });
    expect(answer.body.outDigest).to.equal(boundaryDigest(2, output, one.salts.get(0), 0));
    const wire = Buffer.from(concatBytes(seat.wire(), ...members.map((inner) => inner.wire())));
    expect(wire.includes(Buffer.from(header()))).to.equal(true);
    const made = [seat, ...members].flatMap(({ secrets }) => secrets);
    // As numbers of the group too: coefficients, deal keys and nonces are made of 64 random bytes each.
    const scalars = made.filter(({ length }) => length === 64).map((bytes) => writeScalar((bytesToBig(bytes) % (Scalars.ORDER - 1n)) + 1n)); // prettier-ignore
    expect(scalars.length).to.be.at.least(N * (T + 1));
    const hidden = [Buffer.from(TENSOR.data), Buffer.from(OUTPUT), ...one.salts.values(), ...made, ...scalars];
    for (const secret of hidden) expect(wire.includes(Buffer.from(secret))).to.equal(false);
  });

  it("behavior: a wrong share is named and the input opens by another; with two good ones nothing opens", async () => {
    const [a, b, c, d] = (await shares(1, 2, 3, 4)) as [SealedShare, SealedShare, SealedShare, SealedShare];
    const bent = { index: 2, sealed: b.sealed.map((byte, i) => (i === 50 ? byte ^ 1 : byte)) };
    const { body } = await unwrap([a, bent, c, d]);
    expect([body.opened, fromBits(body.wrong)]).to.deep.equal([true, [2]]);
    for (const list of [[a, c], [a, bent, c], [a, a, a], []]) {
      const missing = await unwrap(list);
      expect(missing.body.opened).to.equal(false);
      expect(missing.body.have).to.be.lessThan(T);
      expect(missing.tail).to.have.lengthOf(0);
    }
    expect(fromBits((await unwrap([a, bent, c])).body.wrong)).to.deep.equal([2]);
  });

  it("error: a member gives no share for another job, sender, boundary or receiver, nor of another's or a changed input", async () => {
    const other = innerJob(seat.modelId, TENSOR, { nonce: 9n });
    const thief = toHex(nodeCrypto.generateX25519().publicKey);
    const changes = [{ jobId: other.jobId }, { sender: WORKER }, { boundary: 0 }, { receiver: thief }];
    for (const change of changes) await refuses("INPUT", async () => release(1, change));
    for (const bytes of [
      blob,
      header().subarray(1),
      header().subarray(0, -1),
      new Uint8Array(),
      header().map((byte, i) => (i === 300 ? byte ^ 1 : byte)),
    ])
      // prettier-ignore
      await refuses("INPUT", async () => release(1, {}, bytes));
    // Of a committee that it is no member of, or has no key of; and the seat is in none.
    const elsewhere = { ...key, committee: { ...key.committee, attempt: 9 } };
    const strange = sealToCommittee(nodeCrypto, { context: contextOf(one), key: elsewhere, receivers: [fromHex(seatKey)], plain: plainOf(one) }); // prettier-ignore
    await refuses("COMMITTEE", async () => release(1, {}, readThresholdHeader(strange).bytes));
    await refuses("COMMITTEE", async () => seat.client.ask("release", { jobId: one.jobId, ...SCOPE, receiver: seatKey }, header())); // prettier-ignore
    // The committee's name over another key: shares would be of the wrong thing.
    const rogue = { ...key, points: key.points.map((point) => point.double()) };
    const bent = sealToCommittee(nodeCrypto, { context: contextOf(one), key: rogue, receivers: [fromHex(seatKey)], plain: plainOf(one) }); // prettier-ignore
    await refuses("COMMITTEE", async () => release(1, {}, readThresholdHeader(bent).bytes));
  });

  it("error: shares of one job open no other; an input for other enclaves does not open here", async () => {
    const other = innerJob(seat.modelId, TENSOR, { nonce: 9n });
    const good = await shares(1, 2, 3);
    await refuses("INPUT", async () => unwrap(good, other.jobId));
    const theirs = sealOne(other);
    const replayed = await unwrap(good, other.jobId, theirs);
    expect([replayed.body.opened, fromBits(replayed.body.wrong)]).to.deep.equal([false, [1, 2, 3]]);
    await refuses("INPUT", async () => unwrap(good, one.jobId, blob.subarray(0, -3)));
    await refuses("INPUT", async () => seat.client.ask("unwrap", { jobId: one.jobId, ...SCOPE }, Uint8Array.of(200)));
    const neighbour = startInner();
    const { sealKey } = await boot(neighbour);
    const notOurs = sealOne(one, [fromHex(sealKey)]);
    const named = readThresholdHeader(notOurs).bytes;
    const released = await Promise.all([1, 2, 3].map(async (index) => ({ index, sealed: await release(index, { receiver: sealKey }, named) }))); // prettier-ignore
    expect((await unwrap(released, one.jobId, notOurs)).body.opened).to.equal(false);
    neighbour.client.close();
  });

  it("error: STATE before boot; COMMITTEE and INPUT for rounds that are not the enclave's", async () => {
    const fresh = startInner();
    const { chainId: _chain, hub: _hub, registry: _registry, ...rest } = drawn;
    const committee = { ...rest, mask: 15, attempt: 3 };
    await refuses("STATE", async () => fresh.client.ask("commit", { committee }));
    await boot(fresh);
    await refuses("INPUT", async () => fresh.client.ask("commit", { committee }));
    const id: Hex = committeeId({ ...drawn, mask: 15, attempt: 3 } satisfies Committee);
    await refuses("COMMITTEE", async () => fresh.client.ask("deal", { committeeId: id }, encodeList([])));
    await refuses("COMMITTEE", async () => fresh.client.ask("judge", { committeeId: id }, encodeList([])));
    await ask(1).ask("commit", { committee });
    await refuses("INPUT", async () => ask(1).ask("deal", { committeeId: id }, encodeList([])));
    await refuses("INPUT", async () => ask(1).ask("deal", { committeeId: id }, Uint8Array.of(3, 1)));
    await refuses("INPUT", async () => ask(1).ask("judge", { committeeId: id }, encodeList([new Uint8Array(9)])));
    for (const mask of [7, 0, 31]) await refuses("INPUT", async () => ask(1).ask("commit", { committee: { ...committee, mask } })); // prettier-ignore
    fresh.client.close();
  });

  it("behavior: of two epochs ago the share is erased; that of the last one still opens what was sealed to it", async () => {
    const make = async (epoch: number) => makeCommitteeKey(nodeCrypto, { ...drawn, epoch }, (index) => enclaveMember(ask(index))); // prettier-ignore
    await make(8);
    expect((await unwrap(await shares(1, 2, 3))).body.opened).to.equal(true);
    await make(9);
    for (const index of [1, 2, 3, 4]) await refuses("COMMITTEE", async () => release(index));
  });
});
