// SPDX-License-Identifier: GPL-3.0-or-later
import { ED25519_TORSION_SUBGROUP } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { concatBytes, equalBytes, fromHex, utf8 } from "../../../../offchain/core/bytes.ts";
import type { X25519KeyPair } from "../../../../offchain/core/crypto-port.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { encodeCommitteeKey, readCommitteeKey, shareKey, type CommitteeKey } from "../../../../offchain/core/threshold/committee-key.ts"; // prettier-ignore
import { committeeId, type Committee } from "../../../../offchain/core/threshold/draw-committee.ts";
import { Group, joinPoints, lagrangeAtZero, randomScalar, readPoint, readScalar, Scalars, SECOND_BASE, writeScalar, type Point } from "../../../../offchain/core/threshold/group.ts"; // prettier-ignore
import { proveLogs, verifyLogs } from "../../../../offchain/core/threshold/proofs.ts";
import { checkShare, combineShares, isThresholdInput, makeShare, MAX_RECEIVERS, openFromCommittee, readThresholdHeader, sealShare, SEALED_SHARE_BYTES, sealToCommittee, SHARE_BYTES, type SealedShare, type ThresholdHeader } from "../../../../offchain/core/threshold/sealed-input.ts"; // prettier-ignore
import { CommitteeSession, type HeldShare } from "../../../../offchain/engines/tee/threshold/member.ts";
import { expectError } from "../../../support/expect-error.ts";
import { testCommittee, type TestCommittee } from "../../../support/tee/committee.ts";

const PLAIN = utf8("the planted secret of a patient");
const CONTEXT = fromHex(keccakText("job"));
const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
/** Neither points nor canonical: above the field, negative, not a square, torsion of the curve below, the second form of the identity. */
const BAD_POINTS: readonly Uint8Array[] = [
  new Uint8Array(32).fill(0xff),
  writeScalar(1n),
  fromHex(`0x${"00".repeat(31)}80`),
  ...ED25519_TORSION_SUBGROUP.map((hex) => fromHex(`0x${hex}`)).filter((bytes) => !bytes.every((byte, i) => byte === (i === 0 ? 1 : 0))), // prettier-ignore
  fromHex(`0xed${"ff".repeat(30)}7f`),
];
const IDENTITY = new Uint8Array(32);

describe("R63: inputs sealed to a committee", () => {
  let committee: TestCommittee;
  let key: CommitteeKey;
  let keyBytes: Uint8Array;
  let seat: X25519KeyPair;
  let blob: Uint8Array;
  let header: ThresholdHeader;

  const held = (index: number): HeldShare => committee.shares.get(index) as HeldShare;
  const release = (index: number, of = header, to = seat): SealedShare => ({
    index,
    sealed: sealShare(nodeCrypto, of, index, to.publicKey, makeShare(nodeCrypto, of, index, held(index).secret)),
  });
  const open = (shares: readonly SealedShare[], change: { readonly blob?: Uint8Array; readonly context?: Uint8Array } = {}) => // prettier-ignore
    openFromCommittee(nodeCrypto, change.blob ?? blob, { context: change.context ?? CONTEXT, privateKey: seat.privateKey, shares }); // prettier-ignore
  const seal = (change: Partial<Parameters<typeof sealToCommittee>[1]> = {}): Uint8Array =>
    sealToCommittee(nodeCrypto, { context: CONTEXT, key, receivers: [seat.publicKey], plain: PLAIN, ...change });

  before(async () => {
    committee = testCommittee();
    ({ key, bytes: keyBytes } = await committee.make());
    seat = nodeCrypto.generateX25519();
    blob = seal({ receivers: [seat.publicKey, nodeCrypto.generateX25519().publicKey] });
    header = readThresholdHeader(blob);
  });

  it("default: any four of six open, three do not, and no three are better than others", () => {
    expect(isThresholdInput(blob)).to.equal(true);
    const all = [1, 2, 3, 4, 5, 6];
    const shares = new Map(all.map((index) => [index, release(index)]));
    for (let mask = 0; mask < 64; mask += 1) {
      const chosen = all.filter((index) => ((mask >> (index - 1)) & 1) === 1);
      const given = chosen.map((index) => shares.get(index) as SealedShare);
      if (chosen.length === 4) expect(open(given)).to.deep.equal({ plain: PLAIN, wrong: [] });
      else if (chosen.length === 3) {
        const error = expectError(() => open(given), "SHARES_MISSING");
        expect(error.meta).to.deep.equal({ have: 3, need: 4, wrong: "none" });
      }
    }
  });

  it("behavior: t-1 shares fit every key and every content alike", () => {
    const known = [2, 3, 5];
    // To three shares of the key and any secret there is a polynomial: so they rule out no key.
    for (const secret of [randomScalar(nodeCrypto), 1n]) {
      const fourth = interpolate(new Map([[0, secret], ...known.map((index): [number, bigint] => [index, held(index).secret])]), 6); // prettier-ignore
      const points = new Map([...known, 6].map((index) => [index, index === 6 ? fourth : held(index).secret]));
      expect(interpolate(points, 0)).to.equal(secret);
    }
    // To three shares of an input and any content key there is a fourth share that gives it.
    const three = known.map((index): [number, Point] => [index, pointOf(makeShare(nodeCrypto, header, index, held(index).secret))]); // prettier-ignore
    for (const wanted of [Group.BASE, SECOND_BASE, header.u]) {
      const indices = [...known, 6];
      const partial = three.reduce((sum, [index, share]) => sum.add(share.multiply(lagrangeAtZero(indices, index))), Group.ZERO); // prettier-ignore
      const fourth = wanted.subtract(partial).multiply(Scalars.inv(lagrangeAtZero(indices, 6)));
      expect(combineShares(new Map([...three, [6, fourth]])).equals(wanted)).to.equal(true);
    }
  });

  it("behavior: a wrong share is named and spoils nothing, wherever it stands; too many wrong ones are all named", () => {
    const other = readThresholdHeader(seal());
    const random = nodeCrypto.randomBytes(SHARE_BYTES);
    const bend = (index: number, share: Uint8Array): SealedShare => ({ index, sealed: sealShare(nodeCrypto, header, index, seat.publicKey, share) }); // prettier-ignore
    const good = makeShare(nodeCrypto, header, 2, held(2).secret);
    const wrong: readonly SealedShare[] = [
      // Of another secret, another input, another member; changed; no share; for somebody else.
      bend(2, makeShare(nodeCrypto, header, 2, randomScalar(nodeCrypto))),
      bend(2, makeShare(nodeCrypto, other, 2, held(2).secret)),
      bend(2, makeShare(nodeCrypto, header, 3, held(3).secret)),
      bend(2, makeShare(nodeCrypto, header, 2, held(3).secret)),
      bend(2, flipped(good, 3)),
      bend(2, flipped(good, 40)),
      bend(2, flipped(good, 95)),
      bend(2, concatBytes(IDENTITY, good.subarray(32))),
      bend(2, random),
      bend(2, good.subarray(1)),
      bend(2, concatBytes(good, IDENTITY)),
      bend(2, new Uint8Array()),
      { index: 2, sealed: flipped(release(2).sealed, 60) },
      { index: 2, sealed: release(2).sealed.subarray(1) },
      { index: 2, sealed: new Uint8Array(SEALED_SHARE_BYTES) },
      { index: 2, sealed: release(3).sealed },
      { index: 2, sealed: sealShare(nodeCrypto, header, 2, header.receivers.find((one) => !equalBytes(one, seat.publicKey)) ?? IDENTITY, good) }, // prettier-ignore
    ];
    const [a, b, c, d] = [1, 4, 5, 6].map((index) => release(index)) as [SealedShare, SealedShare, SealedShare, SealedShare]; // prettier-ignore
    for (const [i, one] of wrong.entries())
      expect(open(i % 2 === 0 ? [one, a, b, c, d] : [a, one, b, one, c, d]), `case ${i}`).to.deep.equal({ plain: PLAIN, wrong: [2] }); // prettier-ignore
    const error = expectError(() => open([bend(1, random), bend(2, random), a, b, c].slice(0, 2).concat([b, c])), "SHARES_MISSING"); // prettier-ignore
    expect(error.meta).to.deep.equal({ have: 2, need: 4, wrong: "1, 2" });
  });

  it("error: a member's share given twice counts once; indices of nobody are nothing", () => {
    const [a, b, c] = [1, 4, 5].map((index) => release(index)) as [SealedShare, SealedShare, SealedShare];
    for (const list of [
      [a, b, c, a],
      [a, a, a, a],
      [a, b, c, { ...a, index: 0 }, { ...a, index: 33 }, { ...a, index: 1.5 }],
    ])
      // prettier-ignore
      expectError(() => open(list), "SHARES_MISSING");
    // A share under another index is that index's fault, not a second share.
    const error = expectError(() => open([a, b, c, { ...a, index: 6 }]), "SHARES_MISSING");
    expect(error.meta["wrong"]).to.equal("6");
  });

  it("error: inputs of other jobs, hubs, committees or epochs get shares that open nothing here", () => {
    const elsewhere = seal({ context: fromHex(keccakText("other job")) });
    const shares = [1, 2, 3, 4].map((index) => release(index, readThresholdHeader(elsewhere)));
    expectError(() => open(shares, { blob: elsewhere }), "SEALED_CONTEXT");
    // The same content under another job's name is no input at all: the proof is of the context.
    for (const [at, what] of [
      [4, "context"],
      [36, "committee"],
      [69, "key"],
      [200, "receiver"],
    ] as const)
      // prettier-ignore
      expect(() => readThresholdHeader(flipped(blob, at)), what).to.throw(/refused|not canonical/);
    const error = expectError(() => open(shares), "SHARES_MISSING");
    expect(error.meta["wrong"]).to.equal("1, 2, 3, 4");
  });

  it("error: nothing of an input can be changed: every byte of the header and of the chunks counts", () => {
    const shares = [1, 2, 3, 4].map((index) => release(index));
    for (let at = 0; at < header.bytes.length; at += 3)
      expect(() => readThresholdHeader(flipped(blob, at)), `byte ${at}`).to.throw();
    for (const at of [header.bytes.length, blob.length - 1, blob.length - 17])
      expectError(() => open(shares, { blob: flipped(blob, at) }), "SEALED_TAMPERED");
    expectError(() => open(shares, { blob: blob.subarray(0, -1) }), "SEALED_TAMPERED");
    expectError(() => open(shares, { blob: concatBytes(blob, IDENTITY) }), "SEALED_TAMPERED");
    for (let length = 0; length < header.bytes.length; length += 7)
      expect(() => readThresholdHeader(blob.subarray(0, length)), `length ${length}`).to.throw();
  });

  it("error: an input built of another's (U multiplied, proofs of other headers, receivers added) is refused before a share is made", () => {
    const at = header.bytes.length - 32 - 64 - 64;
    const put = (bytes: Uint8Array, offset: number, part: Uint8Array): Uint8Array => {
      const out = bytes.slice();
      out.set(part, offset);
      return out;
    };
    const twice = put(put(blob, at, header.u.add(header.u).toBytes()), at + 32, header.uBar.add(header.uBar).toBytes());
    const other = seal();
    const strange = readThresholdHeader(other);
    const cases = [
      twice,
      put(blob, at, header.u.add(Group.BASE).toBytes()),
      put(put(blob, at, strange.u.toBytes()), at + 32, strange.uBar.toBytes()),
      put(put(put(blob, at, strange.u.toBytes()), at + 32, strange.uBar.toBytes()), at + 64, strange.proof),
      put(blob, at + 64, strange.proof),
      put(blob, at + 128, strange.bodyHash),
      // Another receiver in the first's place.
      put(blob, at - 64, nodeCrypto.generateX25519().publicKey),
    ];
    for (const [i, one] of cases.entries()) expect(() => readThresholdHeader(one), `case ${i}`).to.throw(/refused|not canonical/); // prettier-ignore
    for (const point of [IDENTITY, ...BAD_POINTS])
      for (const offset of [73, at, at + 32])
        expect(() => readThresholdHeader(put(blob, offset, point))).to.throw(
          /no canonical point|the identity|not hold/,
        );
  });

  it("error: receivers: none, twice, too many, not 32 bytes; and nobody else gets a share", () => {
    expectError(() => seal({ receivers: [] }), "NUMBER_OUT_OF_RANGE");
    expectError(() => seal({ receivers: [seat.publicKey, seat.publicKey] }), "NOT_CANONICAL");
    expectError(() => seal({ receivers: [new Uint8Array(31)] }), "LENGTH_WRONG");
    const many = Array.from({ length: MAX_RECEIVERS + 1 }, (_, i) => Uint8Array.from({ length: 32 }, (__, at) => (at === 0 ? i >> 8 : at === 1 ? i & 255 : 9))); // prettier-ignore
    expectError(() => seal({ receivers: many }), "NUMBER_OUT_OF_RANGE");
    const full = readThresholdHeader(seal({ receivers: many.slice(1) }));
    expect(full.receivers).to.have.lengthOf(MAX_RECEIVERS);
    const thief = nodeCrypto.generateX25519();
    expectError(() => release(1, header, thief), "THRESHOLD_INVALID");
    expectError(() => sealShare(nodeCrypto, readThresholdHeader(seal({ receivers: [IDENTITY] })), 1, IDENTITY, new Uint8Array(96)), "KEY_EXCHANGE"); // prettier-ignore
  });

  it("behavior: sizes from nothing to several chunks open again; sealing twice gives different bytes", () => {
    for (const length of [0, 1, 65_535, 65_536, 200_000]) {
      const plain = Uint8Array.from({ length }, (_, i) => i % 251);
      const one = seal({ plain });
      const shares = [6, 3, 2, 1].map((index) => release(index, readThresholdHeader(one)));
      expect(equalBytes(open(shares, { blob: one }).plain, plain)).to.equal(true);
      expect(equalBytes(one, seal({ plain }))).to.equal(false);
    }
  });

  it("error: a key that lacks a member's signature, or is another committee's, epoch's or chain's, is refused", () => {
    const { drawn } = committee;
    expect(encodeCommitteeKey(readCommitteeKey(drawn, keyBytes))).to.deep.equal(keyBytes);
    const changes: Partial<Committee>[] = [
      { chainId: 1n },
      { hub: drawn.registry },
      { registry: drawn.hub },
      { epoch: 13 },
      { drawHash: keccakText("x") },
      { members: drawn.members.toReversed() },
      { rules: { ...drawn.rules, t: 3 } },
      { rules: { ...drawn.rules, perOperator: 3 } },
    ];
    for (const change of changes)
      expectError(() => readCommitteeKey({ ...drawn, ...change }, keyBytes), "COMMITTEE_KEY");
    for (let at = 0; at < keyBytes.length; at += 5)
      expectError(() => readCommitteeKey(drawn, flipped(keyBytes, at)), "COMMITTEE_KEY");
    for (let length = 0; length < keyBytes.length; length += 29)
      expectError(() => readCommitteeKey(drawn, keyBytes.subarray(0, length)), "COMMITTEE_KEY");
    expectError(() => readCommitteeKey(drawn, concatBytes(keyBytes, IDENTITY)), "COMMITTEE_KEY");
    // A rogue key: somebody's own point in the first place, with the signatures of the real one.
    const rogue = { ...key, points: [Group.BASE.multiply(5n), ...key.points.slice(1)] };
    expectError(() => readCommitteeKey(drawn, encodeCommitteeKey(rogue)), "COMMITTEE_KEY");
  });

  it("error: points and scalars have one encoding; the identity and low orders are none; proofs are of one statement", () => {
    for (const bytes of [IDENTITY, ...BAD_POINTS, new Uint8Array(31), new Uint8Array(33)])
      expectError(() => readPoint(bytes, "It"), "THRESHOLD_INVALID");
    for (const scalar of [Scalars.ORDER, Scalars.ORDER + 5n, 2n ** 256n - 1n]) {
      const bytes = Uint8Array.from({ length: 32 }, (_, i) => Number((scalar >> BigInt(8 * i)) & 255n));
      expectError(() => readScalar(bytes, "It"), "THRESHOLD_INVALID");
    }
    const secret = randomScalar(nodeCrypto);
    const statement = { context: CONTEXT, bases: [Group.BASE, SECOND_BASE], images: [Group.BASE.multiply(secret), SECOND_BASE.multiply(secret)] }; // prettier-ignore
    const proof = proveLogs(nodeCrypto, statement, secret);
    expect(verifyLogs(statement, proof)).to.equal(true);
    const changes = [
      { context: PLAIN },
      { bases: [SECOND_BASE, Group.BASE] },
      { images: [statement.images[0] as Point, SECOND_BASE.multiply(secret + 1n)] },
      { images: [Group.BASE.multiply(secret + 1n), statement.images[1] as Point] },
      { images: [statement.images[0] as Point] },
      { bases: [Group.BASE], images: [statement.images[0] as Point] },
    ];
    for (const change of changes) expect(verifyLogs({ ...statement, ...change }, proof)).to.equal(false);
    for (let at = 0; at < 64; at += 1) expect(verifyLogs(statement, flipped(proof, at))).to.equal(false);
    // The same answer plus the order: a second encoding of one proof.
    const answer = Scalars.fromBytes(proof.subarray(32)) + Scalars.ORDER;
    const wide = Uint8Array.from({ length: 32 }, (_, i) => Number((answer >> BigInt(8 * i)) & 255n));
    expect(verifyLogs(statement, concatBytes(proof.subarray(0, 32), wide))).to.equal(false);
    // Proofs never repeat their nonce, be the generator broken.
    const broken = { randomBytes: (length: number) => new Uint8Array(length) };
    const [one, two] = [CONTEXT, PLAIN].map((context) => proveLogs(broken, { ...statement, context }, secret));
    expect(equalBytes(one ?? proof, two ?? proof)).to.equal(false);
    expect(checkShare(header, 1, makeShare(nodeCrypto, header, 1, held(1).secret))?.is0()).to.equal(false);
    expect(shareKey(key.points, 1).equals(Group.BASE.multiply(held(1).secret))).to.equal(true);
  });

  it("behavior: an enclave takes no part in committees that it was not drawn for", () => {
    const stranger = committee.drawn.members.map(({ key: one }) => one);
    expect(stranger).to.have.lengthOf(6);
    const whole: Committee = { ...committee.drawn, mask: 63, attempt: 0 };
    expectError(() => new CommitteeSession(nodeCrypto, whole, nodeCrypto.randomBytes(32)), "THRESHOLD_INVALID");
    expectError(() => new CommitteeSession(nodeCrypto, { ...whole, mask: 62 }, committee.claimKeyOf(1)), "THRESHOLD_INVALID"); // prettier-ignore
    expect(committeeId(whole)).to.equal(header.committeeId);
    expect(joinPoints(header.points)).to.deep.equal(joinPoints(key.points));
  });
});

const pointOf = (share: Uint8Array): Point => readPoint(share.subarray(0, 32), "A share");

/** The value at `x` of the polynomial through the given ones. */
function interpolate(values: ReadonlyMap<number, bigint>, x: number): bigint {
  let sum = 0n;
  for (const [i, value] of values) {
    let coefficient = 1n;
    for (const j of values.keys())
      if (j !== i) coefficient = Scalars.mul(coefficient, Scalars.div(Scalars.create(BigInt(x - j)), Scalars.create(BigInt(i - j)))); // prettier-ignore
    sum = Scalars.add(sum, Scalars.mul(value, coefficient));
  }
  return sum;
}
