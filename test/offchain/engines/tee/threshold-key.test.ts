// SPDX-License-Identifier: GPL-3.0-or-later
import { ED25519_TORSION_SUBGROUP } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { concatBytes, equalBytes, fromHex } from "../../../../offchain/core/bytes.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { committeeIdBytes } from "../../../../offchain/core/threshold/committee-key.ts";
import { holdersOf, type Committee } from "../../../../offchain/core/threshold/draw-committee.ts";
import { evaluatePolynomial, Group, randomScalar, SECOND_BASE, type Point } from "../../../../offchain/core/threshold/group.ts"; // prettier-ignore
import { proveLogs } from "../../../../offchain/core/threshold/proofs.ts";
import { combineShares } from "../../../../offchain/core/threshold/sealed-input.ts";
import { complain, judgeComplaint, sealScalar } from "../../../../offchain/engines/tee/threshold/deal-shares.ts";
import { encodeJudgement, makeCommitteeKey, type MadeKey, type MemberPort } from "../../../../offchain/engines/tee/threshold/make-key.ts"; // prettier-ignore
import { CommitteeSession } from "../../../../offchain/engines/tee/threshold/member.ts";
import { dealKeyStatement, dealStatement, decodeCommitment, decodeCommitments, decodeComplaint, decodeDeal, encodeCommitment, encodeComplaint, encodeDeal, polynomialHash, roundHash } from "../../../../offchain/engines/tee/threshold/messages.ts"; // prettier-ignore
import { expectError } from "../../../support/expect-error.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { RULES, testCommittee, type TestCommittee } from "../../../support/tee/committee.ts";

type Bytes = Uint8Array;
const CHEAT = 3;
const flipped = (bytes: Bytes, at: number): Bytes => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** A member that keeps its own polynomial and keys, and says what a test wants. */
class Cheat {
  readonly secret = randomScalar(nodeCrypto);
  readonly dealKey = Group.BASE.multiply(this.secret);
  readonly polynomial: readonly bigint[];
  readonly points: readonly Point[];
  readonly claimKey: Bytes;
  readonly index: number;
  round: readonly Bytes[] = [];

  constructor(claimKey: Bytes, index: number, t = 2) {
    [this.claimKey, this.index] = [claimKey, index];
    this.polynomial = Array.from({ length: t }, () => randomScalar(nodeCrypto));
    this.points = this.polynomial.map((one) => Group.BASE.multiply(one));
  }

  commit(committee: Committee, points: readonly Point[] = this.points): Bytes {
    const { index, dealKey } = this;
    const proof = proveLogs(nodeCrypto, dealKeyStatement(committee, index, dealKey), this.secret);
    return encodeCommitment(committee, { index, dealKey, polynomialHash: polynomialHash(committee, index, points) }, proof, this.claimKey); // prettier-ignore
  }

  /** `bend`: what holder `to` gets instead of its point. */
  deal(
    committee: Committee,
    messages: readonly Bytes[],
    bend: (to: number, scalar: bigint) => bigint = (_, scalar) => scalar,
    points = this.points,
  ): Bytes {
    // prettier-ignore
    this.round = messages;
    const { index } = this;
    const hashed = roundHash(messages);
    const sealed = new Map(
      decodeCommitments(committee, messages).map((one) => {
        const shared = one.dealKey.multiply(this.secret);
        const scalar = bend(one.index, evaluatePolynomial(this.polynomial, one.index));
        return [one.index, sealScalar(nodeCrypto, { committee, roundHash: hashed, from: index, to: one.index }, shared, scalar)]; // prettier-ignore
      }),
    );
    const deal = { index, roundHash: hashed, points, sealed };
    return encodeDeal(committee, deal, proveLogs(nodeCrypto, dealStatement(deal), this.polynomial[0] ?? 0n), this.claimKey); // prettier-ignore
  }

  complainOf(committee: Committee, against: number, secret = this.secret): Bytes {
    const dealer = decodeCommitments(committee, this.round).find(({ index }) => index === against)?.dealKey ?? Group.ZERO; // prettier-ignore
    const route = { committee, roundHash: roundHash(this.round), from: against, to: this.index };
    return encodeComplaint(complain(nodeCrypto, { route, accuser: this.dealKey, dealer, secret }));
  }
}

describe("R63: the committee's key", () => {
  let committee: TestCommittee;
  let cheat: Cheat;

  /** Cheaper than six of which four open. */
  const small = (): TestCommittee => testCommittee({ rules: { ...RULES, n: 4, t: 2 } });
  beforeEach(() => {
    committee = small();
    cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT);
  });

  /** With member 3 bent; the others are honest. */
  const makeWith = async (change: (honest: MemberPort) => Partial<MemberPort>): Promise<MadeKey> =>
    committee.make((index) => {
      const honest = committee.member(index);
      return index === CHEAT ? { ...honest, ...change(honest) } : honest;
    });
  /** Member 3 is named as the one that its own word proves wrong, and the others' key is as good as any. */
  async function names(why: RegExp, change: (honest: MemberPort) => Partial<MemberPort>, proven = true): Promise<void> {
    const { key, leftOut } = await makeWith(change);
    expect(
      leftOut.map(({ index, proven: is }) => [index, is]),
      leftOut[0]?.why,
    ).to.deep.equal([[CHEAT, proven]]);
    expect(leftOut[0]?.why).to.match(why);
    expect(holdersOf(key.committee)).to.deep.equal([1, 2, 4]);
    expect(key.committee.attempt).to.equal(1);
  }

  it("default: six make a key that nobody holds; any four shares are worth it, each is bound to its member", async () => {
    committee = testCommittee();
    const { key, leftOut } = await committee.make();
    expect(leftOut).to.deep.equal([]);
    expect(key.committee.mask).to.equal(63);
    const secrets = new Map([...committee.shares].map(([index, { secret }]) => [index, secret]));
    for (const four of [
      [1, 2, 3, 4],
      [6, 4, 3, 1],
      [2, 3, 5, 6],
    ]) {
      // prettier-ignore
      const shares = new Map(four.map((index) => [index, Group.BASE.multiply(secrets.get(index) ?? 1n)]));
      expect(combineShares(shares).equals(key.points[0] as Point)).to.equal(true);
    }
    const three = new Map([1, 2, 3].map((index) => [index, Group.BASE.multiply(secrets.get(index) ?? 1n)]));
    expect(combineShares(three).equals(key.points[0] as Point)).to.equal(false);
    // Another run of the same members is another key.
    const again = testCommittee();
    expect((await again.make()).key.points[0]?.equals(key.points[0] as Point)).to.equal(false);
  });

  it("behavior: a dealer whose deal to one member is wrong, or opens to nothing, is named, and anybody can check it", async () => {
    await names(/deal to member 2 does not fit/, () => ({
      commit: async (one) => cheat.commit(one),
      deal: async (one, messages) => cheat.deal(one, messages, (to, scalar) => (to === 2 ? scalar + 1n : scalar)),
    }));
    // Sealed bytes that do not open: signed by the dealer all the same.
    committee = small();
    cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT);
    await names(/deal to member 4 does not fit/, () => ({
      commit: async (one) => cheat.commit(one),
      deal: async (one, messages) => {
        const deal = decodeDeal(one, decodeCommitments(one, messages), cheat.deal(one, messages));
        const sealed = new Map(deal.sealed).set(4, new Uint8Array(48));
        const proof = proveLogs(nodeCrypto, dealStatement(deal), cheat.polynomial[0] ?? 0n);
        return encodeDeal(one, { ...deal, sealed }, proof, cheat.claimKey);
      },
    }));
  });

  it("behavior: a false complaint, one with a made-up secret and one in another's name name the accuser", async () => {
    const lie = async (why: RegExp, make: (one: Committee, deals: readonly Bytes[]) => Bytes[]) => {
      committee = small();
      cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT);
      await names(why, () => ({
        commit: async (one) => cheat.commit(one),
        deal: async (one, messages) => cheat.deal(one, messages),
        judge: async (one, deals) => encodeJudgement({ faults: [], complaints: make(one, deals) }),
      }));
    };
    await lie(/complains of a good deal of member 1/, (one) => [cheat.complainOf(one, 1)]);
    await lie(/complains of a good deal of member 2/, (one) => [cheat.complainOf(one, 2, randomScalar(nodeCrypto))]);
    await lie(/complains of a good deal of member 3/, (one) => [cheat.complainOf(one, 3)]);
    await lie(/in another's name/, (one) => [Uint8Array.of(1, 2, ...cheat.complainOf(one, 1).subarray(2))]);
    await lie(/found faults where none are/, () => []);
  });

  it("error: a polynomial chosen after seeing the others' (a biased or rogue key) is not the committed one", async () => {
    await names(/not what it committed to/, () => ({
      commit: async (one) => cheat.commit(one),
      deal: async (one, messages) => {
        const late = new Cheat(cheat.claimKey, CHEAT);
        return new Proxy(late, { get: (target, name) => (name === "secret" || name === "dealKey" ? cheat[name] : Reflect.get(target, name)) }).deal(one, messages); // prettier-ignore
      },
    }));
    // Committed to in time, but its constant term is another's point, or one that cancels it: it cannot prove that it knows it.
    committee = small();
    cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT);
    const rogue = [SECOND_BASE.subtract(Group.BASE), ...cheat.points.slice(1)];
    await names(/does not know its constant term/, () => ({
      commit: async (one) => cheat.commit(one, rogue),
      deal: async (one, messages) => cheat.deal(one, messages, undefined, rogue),
    }));
  });

  it("error: points that are none, of low order, or the identity are the dealer's fault", async () => {
    const low = fromHex(`0x${ED25519_TORSION_SUBGROUP[3] ?? ""}`);
    for (const bytes of [new Uint8Array(32), low, new Uint8Array(32).fill(255)]) {
      committee = small();
      cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT);
      const fake = Object.create(Group.BASE, { toBytes: { value: () => bytes } }) as Point;
      const bent = [cheat.points[0] as Point, fake];
      await names(/a point that is none/, () => ({
        commit: async (one) => cheat.commit(one, bent),
        deal: async (one, messages) => cheat.deal(one, messages, undefined, bent),
      }));
    }
  });

  it("behavior: who is away in any round, or sends what it did not sign, is left out and not accused", async () => {
    const gone = async (): Promise<never> => Promise.reject(expectError(() => readNothing(), "BYTES_TRUNCATED"));
    const cases: ((honest: MemberPort) => Partial<MemberPort>)[] = [
      () => ({ commit: gone }),
      () => ({ deal: gone }),
      () => ({ judge: gone }),
      (honest) => ({ commit: async (one) => flipped(await honest.commit(one), 40) }),
      (honest) => ({ commit: async (one) => (await honest.commit(one)).subarray(1) }),
      () => ({ commit: async (one) => committee.member(4).commit(one) }),
      // What the relay changes is nobody's fault.
      (honest) => ({ deal: async (one, messages) => flipped(await honest.deal(one, messages), 300) }),
      (honest) => ({ deal: async (one, messages) => concatBytes(await honest.deal(one, messages), Uint8Array.of(0)) }),
      (honest) => ({ judge: async (one, deals) => flipped(await honest.judge(one, deals), 20) }),
      () => ({ judge: async () => new Uint8Array() }),
      () => ({ judge: async () => Uint8Array.of(3) }),
      () => ({ judge: async () => Uint8Array.of(2, 200) }),
    ];
    for (const change of cases) {
      committee = small();
      await names(/./, change, false);
    }
  });

  it("error: COMMITTEE_SMALL when two of four are away: one more could stop every input", async () => {
    const gone = async (): Promise<never> => Promise.reject(expectError(() => readNothing(), "BYTES_TRUNCATED"));
    await expectCode("COMMITTEE_SMALL", async () =>
      committee.make((index) => (index < 3 ? { ...committee.member(index), commit: gone } : committee.member(index))),
    );
    // What is no typed error is a bug, and stops.
    let thrown: unknown;
    await makeWith(() => ({ commit: async () => Promise.reject(new RangeError("bug")) })).catch((error: unknown) => (thrown = error)); // prettier-ignore
    expect(thrown).to.be.instanceOf(RangeError);
  });

  describe("one member's session", () => {
    let whole: Committee;
    let sessions: CommitteeSession[];
    let commitments: Bytes[];
    let deals: Bytes[];

    const begin = (of: Committee) => [1, 2, 3, 4, 5, 6].map((index) => new CommitteeSession(nodeCrypto, of, committee.claimKeyOf(index))); // prettier-ignore
    const session = (index: number): CommitteeSession => sessions[index - 1] as CommitteeSession;
    beforeEach(() => {
      committee = testCommittee();
      cheat = new Cheat(committee.claimKeyOf(CHEAT), CHEAT, 4);
      whole = { ...committee.drawn, mask: 63, attempt: 0 };
      sessions = begin(whole);
      commitments = sessions.map((one) => one.commit());
    });

    it("error: commitments that lack one, are twice, out of order, of another attempt, epoch, chain or committee", () => {
      const others: Partial<Committee>[] = [{ attempt: 1 }, { epoch: 13 }, { chainId: 1n }, { hub: whole.registry }, { drawHash: keccakText("x") }]; // prettier-ignore
      for (const change of others) {
        const [replayed] = begin({ ...whole, ...change }).map((one) => one.commit());
        expectError(
          () => session(2).deal([replayed ?? new Uint8Array(), ...commitments.slice(1)]),
          "THRESHOLD_INVALID",
        );
      }
      const [a, b, ...rest] = commitments as [Bytes, Bytes, ...Bytes[]];
      for (const list of [[a, b], [b, a, ...rest], [a, a, ...rest], [...commitments, a], [], commitments.slice(1)])
        // prettier-ignore
        expectError(() => session(2).deal(list), "THRESHOLD_INVALID");
      // Its own place must hold its own word.
      const twin = new CommitteeSession(nodeCrypto, whole, committee.claimKeyOf(2)).commit();
      expectError(() => session(2).deal([a, twin, ...rest]), "THRESHOLD_INVALID");
      for (let length = 0; length < a.length; length += 9)
        expect(() => session(2).deal([a.subarray(0, length), b, ...rest])).to.throw();
    });

    it("error: another's deal key taken for one's own: its complaints would open that member's deals", () => {
      const victim = decodeCommitment(whole, commitments[0] as Bytes);
      const proof = (commitments[0] as Bytes).subarray(65, 129);
      const copied = encodeCommitment(whole, { ...victim, index: CHEAT }, proof, cheat.claimKey);
      expectError(() => session(1).deal(commitments.map((one, i) => (i === CHEAT - 1 ? copied : one))), "THRESHOLD_INVALID"); // prettier-ignore
      // Nor one that is made of it, so that the secret is the victim's: nobody can prove it.
      const shifted = { ...victim, index: CHEAT, dealKey: victim.dealKey.add(Group.BASE) };
      expectError(() => decodeCommitment(whole, encodeCommitment(whole, shifted, proof, cheat.claimKey)), "THRESHOLD_INVALID"); // prettier-ignore
    });

    it("error: it deals once: a second round of the same attempt gets nothing, the first the same bytes", () => {
      const deal = session(1).deal(commitments);
      expect(equalBytes(session(1).deal(commitments), deal)).to.equal(true);
      const twoFaced = cheat.commit(whole);
      expectError(() => session(1).deal(commitments.map((one, i) => (i === CHEAT - 1 ? twoFaced : one))), "THRESHOLD_INVALID"); // prettier-ignore
    });

    it("error: a member that commits to two rounds gets no key, and blames no honest one", () => {
      const first = cheat.commit(whole);
      const second = new Cheat(cheat.claimKey, CHEAT, 4).commit(whole);
      const shown = (one: Bytes) => commitments.map((own, i) => (i === CHEAT - 1 ? one : own));
      const all = [1, 2].map((index) => session(index).deal(shown(first)));
      all.push(cheat.deal(whole, shown(first)), ...[4, 5, 6].map((index) => session(index).deal(shown(second))));
      for (const index of [1, 2, 4, 5, 6]) expectError(() => session(index).judge(all), "THRESHOLD_INVALID");
    });

    it("error: deals before its own, of other attempts, missing, twice, or changed on the way", () => {
      expectError(() => session(1).judge([]), "THRESHOLD_INVALID");
      deals = sessions.map((one) => one.deal(commitments));
      const fresh = begin({ ...whole, attempt: 1 });
      const round = fresh.map((one) => one.commit());
      const replayed = fresh.map((one) => one.deal(round));
      const [a, b, ...rest] = deals as [Bytes, Bytes, ...Bytes[]];
      const lists = [replayed, [a, replayed[1] ?? a, ...rest], [a, b], [b, a, ...rest], [a, a, ...rest], [...deals, a]];
      for (const list of lists) expectError(() => session(1).judge(list), "THRESHOLD_INVALID");
      for (const at of [5, 33, 120, 300, 500, b.length - 1])
        expectError(() => session(1).judge([a, flipped(b, at), ...rest]), /^(THRESHOLD_INVALID|SIGNATURE_INVALID)$/);
      // Whatever was tried: the right ones are still judged.
      const judgement = session(1).judge(deals);
      if (!("share" in judgement)) expect.fail("it complained");
      expect(judgement.share.index).to.equal(1);
      expect(session(1).judge([])).to.equal(judgement);
    });

    it("error: of a complaint every byte counts; what it opens is the one deal that it is about", () => {
      const all = commitments.map((own, i) => (i === CHEAT - 1 ? cheat.commit(whole) : own));
      deals = sessions.map((one, i) => (i === CHEAT - 1 ? cheat.deal(whole, all, (to, scalar) => (to === 2 ? scalar + 1n : scalar)) : one.deal(all))); // prettier-ignore
      const judgement = session(2).judge(deals);
      if (!("complaints" in judgement)) expect.fail("it signed");
      expect(judgement.faults).to.deep.equal([]);
      const [bytes] = judgement.complaints as [Bytes];
      const round = { committee: whole, commitments: all, deals };
      const judge = (one: Bytes): number => judgeComplaint(nodeCrypto, round, roundHash(all), decodeComplaint(one));
      expect(judge(bytes)).to.equal(CHEAT);
      for (let at = 34; at < bytes.length; at += 5) expect(judge(flipped(bytes, at)), `byte ${at}`).to.equal(2);
      // Turned on an honest dealer, or said by somebody else.
      expect(judge(Uint8Array.of(4, ...bytes.subarray(1)))).to.equal(2);
      expect(judge(Uint8Array.of(bytes[0] ?? 0, 5, ...bytes.subarray(2)))).to.equal(5);
      expect(judge(Uint8Array.of(200, ...bytes.subarray(1)))).to.equal(2);
      for (const length of [0, 1, 33, bytes.length - 1])
        expectError(() => decodeComplaint(bytes.subarray(0, length)), /^(BYTES_TRUNCATED|THRESHOLD_INVALID)$/);
      expectError(() => decodeComplaint(concatBytes(bytes, bytes)), "BYTES_TRAILING");
      expectError(() => decodeComplaint(concatBytes(bytes.subarray(0, 2), new Uint8Array(32), bytes.subarray(34))), "THRESHOLD_INVALID"); // prettier-ignore
      // The honest ones whose deals fit see nothing to complain about, and sign no key that all have not agreed on.
      expect("signature" in session(4).judge(deals)).to.equal(true);
      expect(committeeIdBytes(whole)).to.have.lengthOf(32);
    });
  });

  it("behavior: a smaller committee of other numbers makes its key the same way", async () => {
    const rules = { ...committee.drawn.rules, n: 3, t: 2, perFamily: 2 };
    const least = testCommittee({ rules });
    const { key } = await makeCommitteeKey(nodeCrypto, least.drawn, least.member);
    expect(key.points).to.have.lengthOf(2);
    expect(key.signatures).to.have.lengthOf(3);
  });
});

function readNothing(): never {
  decodeComplaint(new Uint8Array());
  throw new TypeError("unreachable");
}
