// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { judgeEnclaves, rootsOf } from "../../../offchain/audit/judge-enclaves.ts";
import { verifyReceiptFile } from "../../../offchain/audit/verify-receipt-file.ts";
import { concatBytes, fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { encodeReceipt, type BoardEvidence, type EnclavedTally, type Receipt } from "../../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { encodeEndorsements } from "../../../offchain/engines/tee/board.ts";
import { SimulatedPlatform, type SimulatedOptions } from "../../../offchain/engines/tee/sim/platform.ts";
import { atBoard, boardVendorOf, OBJECTION, REGISTERED_AT, sharedJob, type EvidenceMaker } from "../../support/shared-receipt.ts"; // prettier-ignore
import { REPORT } from "../../support/tee/simulated.ts";

const AMD = 3;
const DAY = 86_400;
/** Current for thirty days, from an hour before the cases were opened. */
const FROM = BigInt(REGISTERED_AT - OBJECTION - 3_600);
const PERIOD = { from: FROM, to: FROM + 30n * BigInt(DAY) };
const platformOf = (options: SimulatedOptions = {}) => new SimulatedPlatform(new Uint8Array(32).fill(0x11), PERIOD, options); // prettier-ignore

const evidenceOf = (optionsOf: (reportData: Uint8Array) => SimulatedOptions = () => ({})): EvidenceMaker => ({
  vendorOf: boardVendorOf,
  show: (vendor, reportData) => {
    const format = vendor === AMD ? "snp-report" : "nitro-cose";
    const { evidence, endorsements } = platformOf(optionsOf(reportData)).attest(format, { ...REPORT, reportData });
    return atBoard(vendor, evidence.bytes, encodeEndorsements(endorsements));
  },
});

describe("R56, R68: what vendors say of enclaves whose evidence stands at the board", function suite() {
  this.timeout(20_000);
  const simulatedRoots = platformOf()
    .roots(["amd", "aws"])
    .roots.flatMap(({ kind, spkiSha256 }): Hex[] => (kind === "simulated" ? [`0x${spkiSha256}`] : []));
  const { receipt } = sharedJob({ evidence: evidenceOf() });
  const [aws, amd] = receipt.enclaves as [EnclavedTally, EnclavedTally];
  const shownBy = ({ board }: EnclavedTally): BoardEvidence => board[0] as BoardEvidence;
  const change = ({ tally }: EnclavedTally, edit: Partial<EnclavedTally>): Receipt => ({
    ...receipt,
    enclaves: receipt.enclaves.map((one) => (one.tally === tally ? { ...one, ...edit } : one)),
  });
  const shown = (one: EnclavedTally, edit: Partial<BoardEvidence>): Receipt =>
    change(one, { board: [{ ...shownBy(one), ...edit }] });
  /** What is said against the tally's enclave; empty if nothing. */
  const against = (forged: Receipt, { tally }: EnclavedTally, roots = rootsOf(simulatedRoots)): string => {
    const found = judgeEnclaves(forged, roots).checks.find(({ name }) => name === `enclave of tally ${tally}`);
    return found === undefined ? expect.fail("not judged") : found.ok ? "" : found.detail;
  };

  it("default: AMD's reports and AWS's documents are judged from bytes as of the time of their case, and called SIMULATED", async () => {
    const report = await verifyReceiptFile(encodeReceipt(receipt), { simulatedRoots });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    const at = new Date((REGISTERED_AT - OBJECTION) * 1000).toISOString().replace(".000", "");
    const said = report.checks.filter(({ name }) => name.startsWith("enclave of")).map(({ detail }) => detail.replace(/, image .*/, "")); // prettier-ignore
    const firmware = "firmware bootloader 4, tee 0, snp 23, microcode 213";
    const words = [
      `aws-nitro, VendorManaged at ${at}`,
      `amd-snp, ${firmware} at ${at}`,
      `amd-snp, ${firmware} at ${at}`,
    ];
    expect(said).to.deep.equal(words.map((word) => `SIMULATED, proves nothing about hardware: ${word}`));
    expect(report.skipped.filter((text) => text.startsWith("floor:"))).to.have.lengthOf(2);
    expect(report.guarantee?.evidence).to.deep.equal(["ENCLAVE (SIMULATED)"]);
  });

  it("R75: error: a simulated root that nobody named, and evidence that hides what it is", async () => {
    const production = await verifyReceiptFile(encodeReceipt(receipt));
    expect(production.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal(receipt.enclaves.map(({ tally }) => `enclave of tally ${tally}`)); // prettier-ignore
    for (const one of [aws, amd]) {
      expect(against(receipt, one, rootsOf([]))).to.match(/^ROOT/);
      expect(against(change(one, { simulated: false }), one)).to.equal("it hides that it is SIMULATED");
    }
  });

  it("R75: error: evidence that is changed, cut, longer, of another vendor, root, case or time", () => {
    for (const one of [aws, amd]) {
      const { evidence, openedAt, endorsements } = shownBy(one);
      const bytes = fromHex(evidence);
      const flip = (at: number): Hex => toHex(bytes.with(at, (bytes[at] ?? 0) ^ 1));
      const other = one === aws ? amd : aws;
      const cases: readonly (readonly [Receipt, RegExp])[] = [
        [shown(one, { evidence: flip(0x90) }), /^(QUOTE|CBOR|CHAIN)/],
        [shown(one, { evidence: flip(bytes.length - 1) }), /^QUOTE/],
        [shown(one, { evidence: toHex(bytes.subarray(0, bytes.length - 1)) }), /^(QUOTE|CBOR)/],
        [shown(one, { evidence: toHex(concatBytes(bytes, Uint8Array.of(0))) }), /^QUOTE/],
        [shown(one, { evidence: "0x" }), /^(QUOTE|CBOR)/],
        [change(one, { board: other.board }), /^BINDING/],
        [shown(one, { vendor: shownBy(other).vendor }), /^(QUOTE|CHAIN|CBOR|ABI_NOT_CANONICAL|NOT_CANONICAL)/],
        [shown(one, { endorsements: `${endorsements}00` }), /^(CHAIN|ABI_NOT_CANONICAL)/],
        [shown(one, { openedAt: openedAt - 2 * DAY }), /^CHAIN/],
        [shown(one, { openedAt: openedAt + 3_700 * DAY }), /^CHAIN/],
      ];
      for (const [i, [forged, why]] of cases.entries())
        expect(against(forged, one), `case ${i} of vendor ${shownBy(one).vendor}`).to.match(why);
    }
    // A document of the future, though its certificates are good by then.
    expect(against(shown(aws, { openedAt: Number(FROM) }), aws)).to.equal("");
    const early = sharedJob({
      evidence: evidenceOf(() => ({ aws: { timestampMs: BigInt(REGISTERED_AT) * 1000n } })),
    }).receipt;
    expect(against(early, aws)).to.match(/^QUOTE/);
  });

  it("R75: error: a genuine document that has the right bytes in another field, which core alone cannot see", async () => {
    const forged = sharedJob({ evidence: evidenceOf((data) => ({ aws: { nonce: Uint8Array.from(data), userData: new Uint8Array(64).fill(7) } })) }).receipt; // prettier-ignore
    expect(verifyReceipt(forged).checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(against(forged, aws)).to.match(/^BINDING/);
    const report = await verifyReceiptFile(encodeReceipt(forged), { simulatedRoots });
    expect(report.checks.filter(({ ok }) => !ok).map(({ name }) => name)).to.deep.equal(["enclave of tally 0"]);
  });
});
