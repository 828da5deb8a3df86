// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { globSync, readFileSync } from "node:fs";
import {
  AGREEMENT_MEANING,
  agreementOf,
  answerWord,
  describeAgreement,
  type SeededRun,
} from "../../../offchain/core/agreement.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectCode } from "../../support/expect-code.ts";

/** A run a letter, each of its own seed. */
const runsOf = (answers: string): SeededRun[] =>
  answers.split("").map((answer, i) => ({ seed: toWord(i), answer: answerWord(answer) }));

describe("agreement", () => {
  it("R29: default: the share of the largest cluster, with what it means and how sure it is", () => {
    const agreement = agreementOf(runsOf("abaacaaaba"));
    expect(agreement).to.deep.include({ runs: 10, answers: 3, largest: 7, agreement: 0.7, commonest: answerWord("a") });
    expect(agreement.meaning).to.equal(AGREEMENT_MEANING);
    const [low, high] = agreement.interval;
    // Wilson's interval of 7 in 10.
    expect([low, high].map((value) => value.toFixed(3))).to.deep.equal(["0.397", "0.892"]);
    expect(agreementOf(runsOf("aaaaaaaaaa")).interval[0]).to.be.within(0.7, 0.73);
  });

  it("R29: every way to show it says agreement, and that it is not correctness", () => {
    const agreement = agreementOf(runsOf("aab"));
    expect(describeAgreement(agreement))
      .to.match(/^agreement 67 %/)
      .and.match(/2 of 3 seeds/)
      .and.match(/not correctness$/);
    expect(describeAgreement(agreementOf(runsOf("aa")))).to.contain("of 1 answer;");
    expect(JSON.stringify(agreement)).to.contain("never correctness");
    expect(Object.keys(agreement).join()).to.not.match(/correct|confiden|accura|truth/i);
  });

  it("error: AGREEMENT_INVALID for one run, too many, and replicas of one seed", async () => {
    await expectCode("AGREEMENT_INVALID", () => agreementOf([]));
    await expectCode("AGREEMENT_INVALID", () => agreementOf(runsOf("a")));
    await expectCode("AGREEMENT_INVALID", () => agreementOf(runsOf("a".repeat(1001))));
    const [first] = runsOf("ab");
    const seed = `0x${"Ab".repeat(32)}` as const;
    const same = [
      { ...first, seed },
      { ...first, seed: seed.toLowerCase() as `0x${string}` },
    ] as SeededRun[];
    await expectCode("AGREEMENT_INVALID", () => agreementOf(same));
  });

  it("behavior: order changes the number never, the commonest answer only among equals", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 2, maxLength: 30 }), (codes) => {
        const runs = codes.map((code, i) => ({ seed: toWord(i), answer: toWord(code) }));
        const [one, other] = [agreementOf(runs), agreementOf(runs.toReversed())];
        const { largest, agreement, interval, answers } = one;
        expect(other).to.deep.include({ largest, agreement, answers });
        expect(codes.filter((code) => toWord(code) === one.commonest).length).to.equal(largest);
        expect(agreement).to.be.within(interval[0], interval[1]);
        expect(largest).to.be.at.least(Math.ceil(codes.length / answers));
      }),
    );
  });

  it("R29: it never settles money: no rule, worker, or contract knows of it", () => {
    const users = globSync(["offchain/**/*.ts", "contracts/**/*.sol"])
      .filter((path) => !path.includes("node_modules"))
      .filter((path) => /from "[^"]*agreement[^"]*"|agreementOf/i.test(readFileSync(path, "utf8")))
      .map((path) => path.replaceAll("\\", "/"))
      .toSorted();
    for (const path of users) expect(path).to.match(/^offchain\/(core\/agreement\.ts|sdk\/|audit\/|cli\/)/);
    expect(users.length).to.be.at.least(4);
  });
});
