// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes, fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { addressWord, bindReportData } from "../../../offchain/core/enclave-binding.ts";
import { guaranteeOf } from "../../../offchain/core/receipt-json.ts";
import { decodeReceipt, encodeReceipt, type BoardEvidence, type EnclavedTally, type Receipt } from "../../../offchain/core/receipt.ts"; // prettier-ignore
import { enclaveBindingOf, enclavedSigner } from "../../../offchain/core/verify-enclaves.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { expectError } from "../../support/expect-error.ts";
import { BOARDED, OBJECTION, REGISTERED_AT, sharedJob } from "../../support/shared-receipt.ts";

const failing = (receipt: Receipt): string[] =>
  verifyReceipt(receipt)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name);
const flip = (hex: Hex, at: number): Hex => {
  const bytes = fromHex(hex);
  return toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
};

describe("R58, R68: receipts of enclaves whose evidence stands at the board", () => {
  const { receipt } = sharedJob({ evidence: BOARDED });
  const [aws, amd] = receipt.enclaves as [EnclavedTally, EnclavedTally];
  const shownBy = ({ board }: EnclavedTally): BoardEvidence => board[0] as BoardEvidence;
  const change = ({ tally }: EnclavedTally, edit: Partial<EnclavedTally>): Receipt => ({
    ...receipt,
    enclaves: receipt.enclaves.map((one) => (one.tally === tally ? { ...one, ...edit } : one)),
  });
  const shown = (one: EnclavedTally, edit: Partial<BoardEvidence>): Receipt =>
    change(one, { board: [{ ...shownBy(one), ...edit }] });

  it("default: AMD's and AWS's are read from bytes, hold, and are named SIMULATED", () => {
    expect([aws, amd].map((one) => shownBy(one).vendor)).to.deep.equal([4, 3]);
    const read = decodeReceipt(encodeReceipt(receipt));
    expect(read.enclaves).to.deep.equal(receipt.enclaves);
    const report = verifyReceipt(read);
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(guaranteeOf(read, report).evidence).to.deep.equal(["ENCLAVE (SIMULATED)"]);
  });

  it("R75: error: both forms of evidence, neither, two cases, other vendors' numbers, or more than the board takes", () => {
    const [{ quote, endorsement }] = sharedJob().receipt.enclaves as [EnclavedTally];
    const most = `0x${"00".repeat(16_384)}` as const;
    const forms: readonly Receipt[] = [
      change(aws, { quote }),
      change(aws, { endorsement: { ...endorsement, identitySignature: "0x00" } }),
      change(aws, { board: [] }),
      change(aws, { board: [shownBy(aws), shownBy(aws)] }),
      change(aws, { board: [shownBy(aws), shownBy(amd)] }),
      ...[0, 1, 2, 5, 6, 130, 131, 132, 255].map((vendor) => shown(aws, { vendor })),
      shown(aws, { evidence: `${most}00` }),
      shown(amd, { endorsements: `${most}00` }),
    ];
    for (const [i, forged] of forms.entries()) {
      expectError(() => encodeReceipt(forged), "RECEIPT_INVALID");
      expect(failing(forged), `form ${i}`).to.deep.equal(["form"]);
    }
    expect(failing(shown(amd, { endorsements: most }))).to.deep.equal([]);
    // Bytes that no encoder of ours makes: the same vendor's number, changed where it stands.
    const bytes = encodeReceipt(receipt);
    const word = (n: bigint): string => n.toString(16).padStart(64, "0");
    const at = toHex(bytes).indexOf(word(4n) + word(BigInt(REGISTERED_AT - OBJECTION)));
    expect(at).to.be.greaterThan(0);
    const forged = `${toHex(bytes).slice(0, at)}${word(5n)}${toHex(bytes).slice(at + 64)}` as Hex;
    expectError(() => decodeReceipt(fromHex(forged)), "RECEIPT_INVALID");
  });

  it("R75: error: the version before, and every cut", () => {
    const bytes = encodeReceipt(receipt);
    expect(bytes[4]).to.equal(9);
    expectError(() => decodeReceipt(bytes.with(4, 8)), "VERSION_UNKNOWN");
    for (let cut = 1; cut < bytes.length; cut += 97)
      expect(() => decodeReceipt(bytes.subarray(0, bytes.length - cut)), `${cut} bytes`).to.throw();
  });

  it("R75: error: report data of another key, worker, epoch, challenge, registry or runtime; another's or bent evidence", () => {
    const strange = { chainId: 1n, registry: receipt.hub, key: receipt.hub, worker: addressWord(receipt.hub), epoch: 2, challenge: aws.sealKey, sealKey: aws.challenge, channelKey: aws.sealKey }; // prettier-ignore
    for (const one of [aws, amd]) {
      const { evidence, vendor } = shownBy(one);
      const binding = enclaveBindingOf(receipt, one, enclavedSigner(receipt, one));
      expect(change(one, BOARDED.show(vendor, bindReportData(binding, fromHex(one.runtime))))).to.deep.equal(receipt);
      const bytes = fromHex(evidence);
      const cases: readonly Receipt[] = [
        ...Object.entries(strange).map(([name, value]) =>
          change(one, BOARDED.show(vendor, bindReportData({ ...binding, [name]: value }, fromHex(one.runtime)))),
        ),
        change(one, BOARDED.show(vendor, bindReportData(binding, fromHex(flip(one.runtime, 40))))),
        change(one, { key: receipt.hub }),
        change(one, { epoch: one.epoch + 1 }),
        change(one, { challenge: flip(one.challenge, 3) }),
        change(one, { sealKey: flip(one.sealKey, 3) }),
        change(one, { channelKey: flip(one.channelKey, 3) }),
        change(one, { registry: receipt.hub }),
        change(one, { runtime: flip(one.runtime, 40) }),
        change(one, { board: (one === aws ? amd : aws).board }),
        shown(one, { evidence: flip(evidence, 0x50) }),
        shown(one, { evidence: toHex(bytes.subarray(0, 0x58)) }),
        shown(one, { evidence: "0x" }),
        shown(one, { openedAt: one.registeredAt + 1 }),
      ];
      for (const [i, forged] of cases.entries()) expect(failing(forged), `case ${i}`).to.include("enclaves");
    }
    // A report has one length; a document's data stand somewhere in it, and the judge with the vendor's roots says where.
    for (const bytes of [
      fromHex(shownBy(amd).evidence).subarray(0, 0x49f),
      concatBytes(fromHex(shownBy(amd).evidence), Uint8Array.of(0)),
    ])
      // prettier-ignore
      expect(failing(shown(amd, { evidence: toHex(bytes) }))).to.deep.equal(["enclaves"]);
    expect(failing(shown(aws, { vendor: 3 }))).to.deep.equal(["enclaves"]);
    expect(failing(change(aws, { simulated: false }))).to.deep.equal(["plans"]);
  });
});
