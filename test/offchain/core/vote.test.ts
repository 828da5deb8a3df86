// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import {
  VERDICT_CODES,
  decideVote,
  digestBehind,
  isReserved,
  neverOpened,
  quorum,
  say,
} from "../../../offchain/core/vote.ts";
import { NumberVectors } from "../../support/number-vectors.ts";

const vote = (codes: string) =>
  codes.split("").map((code) => toWord("-?!".includes(code) ? "-?!".indexOf(code) : code.charCodeAt(0)));

describe("vote", () => {
  it("default: agrees with the vectors that Solidity reads", () => {
    const c = new NumberVectors("vote");
    expect(c.cases).to.be.at.least(1000);
    for (let i = 0; i < c.cases; i++) {
      const said = c.words(c.number());
      const { verdict, accepted, dissent } = decideVote(said, c.number(), c.number());
      expect(VERDICT_CODES[verdict]).to.equal(c.number());
      expect(accepted ?? toWord(0)).to.equal(c.word());
      expect(dissent).to.equal(c.flag());
      expect(neverOpened(said)).to.equal(c.flag());
      expect(neverOpened(said, true)).to.equal(c.flag());
      expect(say(c.word(), c.word())).to.equal(c.word());
    }
    expect(c.isDone).to.equal(true);
  });

  it("R23: a bare digest that names a pair's hash is never the digest behind it, in any order", () => {
    const [digest, payload] = [toWord(65), toWord(66)];
    const word = say(digest, payload);
    const pair = { outDigest: digest, payload };
    const bare = { outDigest: word, payload: toWord(0) };
    for (const pairs of [
      [bare, pair],
      [pair, bare],
      [bare, pair, bare],
    ])
      expect(digestBehind(word, pairs)).to.equal(digest);
    expect(digestBehind(word, [bare])).to.equal(word);
    expect(digestBehind(digest, [bare, pair])).to.equal(undefined);
  });

  // - absent, ? abstained, ! unrevealed, letters are digests
  const table: readonly (readonly [string, string])[] = [
    ["AA", "ACCEPTED"],
    ["AB", "HUNG"],
    ["A-", "EXPIRED"],
    ["A?", "INPUT_UNAVAILABLE"],
    ["AAB", "ACCEPTED"],
    ["AA-", "ACCEPTED"],
    ["AB-", "HUNG"],
    ["A--", "EXPIRED"],
    ["A?!", "EXPIRED"],
    ["A??", "INPUT_UNAVAILABLE"],
    ["AAAAB", "ACCEPTED"],
    ["AAAA-", "ACCEPTED"],
    ["AAABB", "HUNG"],
    ["AAA--", "EXPIRED"],
    ["AAA!?", "EXPIRED"],
    ["AAA??", "INPUT_UNAVAILABLE"],
    ["AAAAABC", "ACCEPTED"],
    ["AAAABBB", "HUNG"],
    ["AAAA???", "INPUT_UNAVAILABLE"],
    ["AAAAAAAABBB", "ACCEPTED"],
    ["AAAAAAABBBB", "HUNG"],
  ];
  for (const [codes, verdict] of table)
    it(`R23: ${codes} is ${verdict}`, () => {
      expect(decideVote(vote(codes), 0, 0).verdict).to.equal(verdict);
    });

  it("R23: abstentions in a later stage leave the job unresolved", () => {
    expect(decideVote(vote("AAA??"), 1, 0).verdict).to.equal("UNRESOLVED");
  });

  it("R24: every failure of an escalation is HUNG", () => {
    for (const codes of ["-----------", "???????????", "AAAAAAA!!!!", ""])
      expect(decideVote(vote(codes), 0, 1).verdict, codes).to.equal("HUNG");
  });

  it("behavior: a quorum of honest seats decides whatever the others say", () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 3, 5, 7, 11, 15, 23), fc.array(fc.integer({ min: 0, max: 9 })), (n, others) => {
        const said = Array.from({ length: n }, (_, i) => toWord(i < quorum(n) ? 99 : (others[i] ?? 99)));
        expect(decideVote(said, 0, 0)).to.deep.include({ verdict: "ACCEPTED", accepted: toWord(99) });
      }),
    );
  });

  it("behavior: equal digests with different payloads are different votes, and reserved digests abstain", () => {
    const [a, p, r] = [toWord(77), toWord(5), toWord(6)];
    expect(say(a, toWord(0))).to.equal(a);
    expect(new Set([say(a, toWord(0)), say(a, p), say(a, r), say(p, a)]).size).to.equal(4);
    for (const reserved of [0, 1, 2]) expect(say(toWord(reserved), p)).to.equal(toWord(1));
    expect(isReserved(say(a, p))).to.equal(false);
  });
});
