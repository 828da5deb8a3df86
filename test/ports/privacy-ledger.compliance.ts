// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { PrivacyLedger, PrivacyRelease } from "../../offchain/core/ports/privacy-ledger.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { expectCode } from "../support/expect-code.ts";

export const privacyRelease = (release: number, subject: number, rhoMicro: bigint): PrivacyRelease => ({
  release: toWord(release),
  subject: toWord(subject),
  rhoMicro,
});

/** What every ledger keeps. */
export function privacyLedgerCompliance(name: string, make: () => PrivacyLedger & { close?(): void }): void {
  describe(`${name} as a privacy ledger`, () => {
    let ledger: PrivacyLedger & { close?(): void };
    beforeEach(() => {
      ledger = make();
    });
    afterEach(() => ledger.close?.());

    it("R54: default: losses about one subject add, and only about one", () => {
      expect(ledger.book(privacyRelease(1, 9, 300n), 1000n)).to.deep.equal({ totalMicro: 300n, isNew: true });
      expect(ledger.book(privacyRelease(2, 9, 500n), 1000n)).to.deep.equal({ totalMicro: 800n, isNew: true });
      expect(ledger.book(privacyRelease(3, 8, 500n), 1000n)).to.deep.equal({ totalMicro: 500n, isNew: true });
      expect(ledger.totalMicro(toWord(9))).to.equal(800n);
      expect(ledger.totalMicro(toWord(7))).to.equal(0n);
    });

    it("R54: error: PRIVACY_BUDGET_EXCEEDED one above the budget, and nothing is booked; at the budget it passes", async () => {
      ledger.book(privacyRelease(1, 9, 600n), 1000n);
      await expectCode("PRIVACY_BUDGET_EXCEEDED", () => ledger.book(privacyRelease(2, 9, 401n), 1000n));
      expect(ledger.totalMicro(toWord(9))).to.equal(600n);
      expect(ledger.book(privacyRelease(2, 9, 400n), 1000n).totalMicro).to.equal(1000n);
      await expectCode("PRIVACY_BUDGET_EXCEEDED", () => ledger.book(privacyRelease(4, 9, 1n), 1000n));
    });

    it("R54: behavior: a retry of the same release costs nothing, even above the budget", async () => {
      ledger.book(privacyRelease(1, 9, 600n), 1000n);
      expect(ledger.book(privacyRelease(1, 9, 600n), 10n)).to.deep.equal({ totalMicro: 600n, isNew: false });
      await expectCode("RELEASE_CHANGED", () => ledger.book(privacyRelease(1, 9, 599n), 1000n));
      await expectCode("RELEASE_CHANGED", () => ledger.book(privacyRelease(1, 8, 600n), 1000n));
    });

    it("behavior: sums are exact beyond a float's integers", () => {
      const budget = 2n ** 61n;
      ledger.book(privacyRelease(1, 9, 2n ** 60n), budget);
      expect(ledger.book(privacyRelease(2, 9, 1n), budget).totalMicro).to.equal(2n ** 60n + 1n);
    });

    it("error: NOISE_INVALID for no loss, too much, or names that are no words", async () => {
      for (const rho of [0n, -1n, 2n ** 62n + 1n])
        await expectCode("NOISE_INVALID", () => ledger.book(privacyRelease(1, 9, rho), 2n ** 62n));
      await expectCode("NOISE_INVALID", () => ledger.book({ ...privacyRelease(1, 9, 1n), subject: "0x12" }, 10n));
    });
  });
}
