// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { CheckBooking, CheckLedger } from "../../offchain/core/ports/check-ledger.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { expectCode } from "../support/expect-code.ts";

export const booking = (seed: number, over: Partial<CheckBooking> = {}): CheckBooking => ({
  client: `0x${"aB".repeat(20)}`,
  modelId: toWord(7),
  stage: 1,
  op: 0,
  seedHash: toWord(seed),
  limit: 2,
  ...over,
});

/** What every ledger keeps. */
export function checkLedgerCompliance(name: string, make: () => CheckLedger & { close?(): void }): void {
  describe(`${name} as a ledger of linear checks`, () => {
    let ledger: CheckLedger & { close?(): void };
    beforeEach(() => {
      ledger = make();
    });
    afterEach(() => ledger.close?.());

    it("default: counts by client, model, stage and operator; the one above the limit is refused and not counted", async () => {
      ledger.book([booking(1), booking(2, { op: 2 })]);
      ledger.book([booking(2)]);
      await expectCode("CHECKS_SPENT", () => ledger.book([booking(3)]));
      expect(ledger.used(booking(0))).to.equal(2);
      expect(ledger.used(booking(0, { op: 2 }))).to.equal(1);
      const others: Partial<CheckBooking>[] = [
        { stage: 2 },
        { modelId: toWord(8) },
        { client: `0x${"01".repeat(20)}` },
      ];
      for (const over of others) {
        expect(ledger.used(booking(0, over))).to.equal(0);
        ledger.book([booking(3, over)]);
      }
      await expectCode("CHECKS_SPENT", () => ledger.book([booking(9, { stage: 9, limit: 0 })]));
    });

    it("attack: another spelling of an address or a model is no other client", async () => {
      ledger.book([booking(1)]);
      ledger.book([
        booking(2, {
          client: `0x${"ab".repeat(20)}`,
          modelId: toWord(7).toUpperCase().replace("X", "x") as `0x${string}`,
        }),
      ]);
      await expectCode("CHECKS_SPENT", () => ledger.book([booking(3, { client: `0x${"AB".repeat(20)}` })]));
    });

    it("behavior: the same seed again counts once, also at the limit and within one booking", () => {
      ledger.book([booking(1), booking(1)]);
      ledger.book([booking(1, { limit: 1 })]);
      expect(ledger.used(booking(0))).to.equal(1);
    });

    it("behavior: all or nothing", async () => {
      await expectCode("CHECKS_SPENT", () => ledger.book([booking(1), booking(1, { op: 2, limit: 0 })]));
      expect(ledger.used(booking(0))).to.equal(0);
      await expectCode("CHECKS_SPENT", () => ledger.book([booking(1), booking(2), booking(3)]));
      expect(ledger.used(booking(0))).to.equal(0);
    });

    it("error: CHECK_BOOKING_INVALID for what names nobody and nothing", async () => {
      const wrong: Partial<CheckBooking>[] = [
        { client: "0x12" },
        { modelId: "0x" },
        { seedHash: `0x${"0g".repeat(32)}` },
        { stage: -1 },
        { stage: 65_536 },
        { op: 0.5 },
        { limit: Number.NaN },
        { limit: -1 },
      ];
      for (const over of wrong) await expectCode("CHECK_BOOKING_INVALID", () => ledger.book([booking(1, over)]));
    });
  });
}
