// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { keccakText, toWord } from "../../../../offchain/core/tagged-hash.ts";
import { committeeId, drawCommittee, fewestHolders, holdersOf, type Committee, type CommitteeRules } from "../../../../offchain/core/threshold/draw-committee.ts"; // prettier-ignore
import { expectError } from "../../../support/expect-error.ts";
import { DRAW_TIME, drawOptions, registered, RULES } from "../../../support/tee/committee.ts";

const events = Array.from({ length: 12 }, (_, i) => registered(i));
const keysOf = (change: Parameters<typeof drawOptions>[0] = {}): readonly string[] =>
  drawCommittee(drawOptions(change)).members.map(({ key }) => key);

describe("R63: the drawn committee", () => {
  it("default: six distinct enclaves, fixed by events and block hash alone, in whatever order the events come", () => {
    const drawn = keysOf();
    expect(new Set(drawn).size).to.equal(6);
    expect(keysOf({ events: events.toReversed() })).to.deep.equal(drawn);
    // A golden draw: who computes it elsewhere compares with this.
    expect(drawn[0]).to.equal("0xa20c4f4e7ad1209ad7865a5caa836ba3aa3687ce");
    for (const change of [
      { drawHash: keccakText("another block") },
      { epoch: 13 },
      { registry: `0x${"56".repeat(20)}` as const },
    ])
      expect(keysOf(change)).to.not.deep.equal(drawn);
  });

  it("behavior: over 100 blocks everybody is drawn about equally often", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 100; i += 1)
      for (const key of keysOf({ drawHash: toWord(i) })) counts.set(key, (counts.get(key) ?? 0) + 1);
    expect(counts.size).to.equal(12);
    // 50 expected, deviation 5.
    for (const count of counts.values()) expect(count).to.be.within(28, 72);
  });

  it("behavior: fewer than t of a family, two of an operator, one of a machine, whatever somebody registers", () => {
    const mine = { worker: `0x${"99".repeat(20)}` as const, family: 2 };
    const flood = Array.from({ length: 28 }, (_, i) => registered(12 + i, mine));
    const byKey = new Map([...events, ...flood].map((one) => [one.key, one]));
    for (let i = 0; i < 40; i += 1) {
      const members = keysOf({ events: [...events, ...flood], drawHash: toWord(i) }).map((key) => byKey.get(key as `0x${string}`)); // prettier-ignore
      expect(members.filter((one) => one?.family === 2).length).to.be.lessThan(RULES.t);
      expect(members.filter((one) => one?.worker === mine.worker).length).to.be.at.most(2);
    }
    const oneMachine = flood.map((one) => ({ ...one, worker: one.key, platformId: toWord(1) }));
    const drawn = keysOf({ events: [...events, ...oneMachine] });
    expect(drawn.filter((key) => oneMachine.some((one) => one.key === key)).length).to.be.at.most(1);
  });

  it("error: COMMITTEE_SMALL where ended, expired, simulated or otherwise booted enclaves, or one family, leave too few", () => {
    const ended = events.map(({ key }) => ({ kind: "ended" as const, key }));
    const all = (change: Parameters<typeof registered>[1]) => events.map((_, i) => registered(i, change));
    for (const list of [
      [],
      [...events, ...ended],
      all({ expiry: DRAW_TIME }),
      all({ simulated: true }),
      all({ configDigest: keccakText("another hub") }),
      all({ family: 2 }),
    ])
      expectError(() => keysOf({ events: list }), "COMMITTEE_SMALL");
    // Registered again after its end, or for longer: the newest word counts.
    expect(keysOf({ events: [...ended, ...events] })).to.deep.equal(keysOf());
    expect(keysOf({ events: [...all({ expiry: DRAW_TIME }), ...events] })).to.deep.equal(keysOf());
    expectError(() => keysOf({ events: [...events, ...all({ expiry: DRAW_TIME })] }), "COMMITTEE_SMALL");
    expect(keysOf({ events: all({ simulated: true }), rules: { ...RULES, allowSimulated: true } })).to.have.lengthOf(6);
  });

  it("error: rules by which one member opens, or none may be lost", () => {
    const wrong: Partial<CommitteeRules>[] = [{ t: 1 }, { t: 6 }, { n: 2 }, { n: 33 }, { epochBlocks: 0 }, { perFamily: 0 }, { perOperator: 7 }, { perPlatform: 0 }]; // prettier-ignore
    for (const change of wrong) expectError(() => keysOf({ rules: { ...RULES, ...change } }), "NUMBER_OUT_OF_RANGE");
  });

  it("behavior: a committee's id is of all that it is; masks with strangers or too few are refused", () => {
    const committee: Committee = { ...drawCommittee(drawOptions()), mask: 0b111111, attempt: 0 };
    const { members, rules } = committee;
    const changes: Partial<Committee>[] = [
      { chainId: 1n },
      { hub: committee.registry },
      { registry: committee.hub },
      { epoch: 13 },
      { drawHash: keccakText("x") },
      { attempt: 1 },
      { mask: 0b111110 },
      { members: members.toReversed() },
      { rules: { ...rules, perPlatform: 2 } },
      { rules: { ...rules, t: 3 } },
      { rules: { ...rules, epochBlocks: 7 } },
    ];
    const ids = new Set([committee, ...changes.map((change) => ({ ...committee, ...change }))].map(committeeId));
    expect(ids.size).to.equal(changes.length + 1);
    expect(fewestHolders(rules)).to.equal(5);
    expect(holdersOf({ ...committee, mask: 0b101011 })).to.deep.equal([1, 2, 4, 6]);
    for (const mask of [0b101011, 0b1111111, 0x8000_003f])
      expectError(() => committeeId({ ...committee, mask }), "THRESHOLD_INVALID");
    expectError(() => committeeId({ ...committee, members: members.slice(1) }), "THRESHOLD_INVALID");
    const [first] = members;
    const twice = first === undefined ? [] : [first, ...members.slice(0, 5)];
    expectError(() => committeeId({ ...committee, members: twice }), "THRESHOLD_INVALID");
  });
});
