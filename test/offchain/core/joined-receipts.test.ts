// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { followParents, type VerifiedReceipt } from "../../../offchain/core/joined-receipts.ts";
import { guaranteeOf } from "../../../offchain/core/receipt-json.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../../offchain/core/receipt.ts";
import type { Parent } from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import {
  branchReceipts,
  fedByClient,
  joinedReceipt,
  leftOut,
  parentCases,
  parentOf,
} from "../../support/joined-receipt.ts";
import { hashOf } from "../../support/sample-receipt.ts";

const failing = (receipt: Receipt): string[] =>
  verifyReceipt(receipt)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);
const verified = (receipt: Receipt): VerifiedReceipt => ({ receipt, report: verifyReceipt(receipt) });
const [a, b] = branchReceipts();
const parents: readonly [Parent, Parent] = [parentOf(a), parentOf(b)];

describe("receipts of joined jobs", () => {
  for (const { name, receipt, ok } of parentCases())
    it(`R53: parents, ${name}: ${ok ? "taken" : "refused by name"}`, () => {
      expect(failing(receipt)).to.deep.equal(ok ? [] : ["parents"]);
      expect(failing(decodeReceipt(encodeReceipt(receipt)))).to.deep.equal(ok ? [] : ["parents"]);
    });

  it("R68: any changed byte of a joined receipt is named", () => {
    const bytes = encodeReceipt(joinedReceipt([fedByClient(parents[0], hashOf("made of it")), parents[1]]));
    const missed: number[] = [];
    for (let at = 0; at < bytes.length; at += 61) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      try {
        if (failing(decodeReceipt(changed)).length === 0) missed.push(at);
      } catch (error) {
        if (!isAssayError(error)) throw error;
      }
    }
    expect(missed).to.deep.equal([]);
  });

  it("behavior: a joined receipt alone promises nothing from end to end, with its branches' as much as the weakest", () => {
    const joined = verified(joinedReceipt(parents));
    expect(guaranteeOf(joined.receipt, joined.report).endToEnd).to.equal(false);
    const whole = followParents(joined, [verified(a), verified(b)]);
    expect(whole.checks.map(({ ok }) => ok)).to.deep.equal([true, true]);
    expect(whole.missing).to.deep.equal([]);
    expect(whole.guarantee).to.deep.include({ endToEnd: true, seats: 3, quorum: 2, insuredValue: 0n });
    const half = followParents(joined, [verified(a)]);
    expect(half.missing).to.deep.equal([b.jobId]);
    expect(half.guarantee.endToEnd).to.equal(false);
  });

  it("behavior: neither a client's word nor a left-out branch is hidden", () => {
    const fed = verified(joinedReceipt([fedByClient(parents[0], hashOf("made of it")), parents[1]]));
    expect(fed.report.checks.find(({ name }) => name === "parents")?.detail).to.contain("as the client says");
    expect(followParents(fed, [verified(a), verified(b)]).guarantee.endToEnd).to.equal(false);
    const absent = verified(joinedReceipt([parents[0], leftOut()]));
    const found = followParents(absent, [verified(a)]);
    expect(found.checks[1]).to.deep.include({ ok: true, name: "parent 1" });
    expect(found.checks[1]?.detail).to.contain("absent");
    expect(found.guarantee.endToEnd).to.equal(true);
  });

  it("R53: a branch whose own receipt does not hold, or tells of another end, spoils the whole", () => {
    const joined = verified(joinedReceipt(parents));
    const spoiled: [string, Receipt][] = [
      ["a forged vote", { ...a, committees: [{ ...b.committees[0] } as Receipt["committees"][0]] }],
      ["another result", { ...a, outDigest: hashOf("another") }],
      ["another record", { ...a, recordHash: hashOf("another") }],
      ["no result", { ...a, reason: 2 }],
      ["another chain", { ...a, chainId: 1n }],
      ["another requester", { ...a, job: { ...a.job, requester: joined.receipt.hub } }],
    ];
    for (const [name, receipt] of spoiled) {
      const { checks, guarantee } = followParents(joined, [verified(receipt), verified(b)]);
      expect(checks[0]?.ok, name).to.equal(false);
      expect(guarantee.endToEnd, name).to.equal(false);
    }
  });

  it("behavior: joins of joins are followed, and a branch that is missing below is missing above", () => {
    const inner = joinedReceipt(parents);
    const outer = verified(joinedReceipt([parentOf(inner), parents[1]]));
    const all = followParents(outer, [inner, a, b].map(verified));
    expect(all.checks.map(({ name }) => name)).to.include("parent 0, parent 1");
    expect(all.guarantee.endToEnd).to.equal(true);
    expect(followParents(outer, [inner, b].map(verified)).missing).to.deep.equal([a.jobId]);
  });
});
