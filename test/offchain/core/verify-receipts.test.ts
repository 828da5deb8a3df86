// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { PairingEngine } from "../../../offchain/core/ports/pairing.ts";
import type { Receipt } from "../../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { verifyReceipts } from "../../../offchain/core/verify-receipts.ts";
import { noblePairing } from "../../../offchain/core/zk/noble-pairing.ts";
import { verifyProofFile } from "../../../offchain/core/zk/proof-file.ts";
import { verifyProofFiles } from "../../../offchain/core/zk/verify-proof-files.ts";
import { KEY_CEREMONY } from "../../../offchain/core/zk/key-record.ts";
import { judgedReceipt, provenReceipt } from "../../support/proven-receipt.ts";
import { sampleProofFile } from "../../support/sample-proof-file.ts";
import { escalatedReceipt, fastReceipt, hashOf } from "../../support/sample-receipt.ts";

/** Noble's, with a count of the points that it was asked about. */
function counting(): PairingEngine & { readonly asked: { g1: number; g2: number; products: number } } {
  const asked = { g1: 0, g2: 0, products: 0 };
  return {
    name: "counting",
    asked,
    strangersToG1: (points) => ((asked.g1 += points.length), noblePairing.strangersToG1(points)),
    strangersToG2: (points) => ((asked.g2 += points.length), noblePairing.strangersToG2(points)),
    isOne: (product) => (asked.products++, noblePairing.isOne(product)),
  };
}

describe("verifyReceipts and verifyProofFiles", function () {
  this.timeout(120_000);
  const two = provenReceipt(2);
  const [first, second] = two.proofs as [Receipt["proofs"][0], Receipt["proofs"][0]];

  it("default: R31 R68 reports are those of receipts alone, with what is expected of each", async () => {
    const cases = [
      { receipt: two },
      { receipt: provenReceipt(1), expected: { jobId: hashOf("another") } },
      { receipt: fastReceipt(1, 5) },
      { receipt: { ...two, proofs: [first, { ...second, evidence: first.evidence }] } },
      { receipt: { ...two, proofs: [{ ...first, key: second.key }, second] } },
      { receipt: { ...two, proofs: [{ ...first, key: "0x00" as const }, second] } },
      { receipt: { ...two, jobId: "0x" as const } },
      { receipt: { ...two, proofs: [first] } },
      { receipt: provenReceipt(2, { cls: KEY_CEREMONY }) },
      { receipt: judgedReceipt(), expected: { recordHash: judgedReceipt().recordHash } },
      { receipt: escalatedReceipt() },
    ];
    for (const options of [{}, { refuseDevelopmentKeys: true }]) {
      const reports = await verifyReceipts(cases, options);
      expect(reports).to.deep.equal(cases.map(({ receipt, expected }) => verifyReceipt(receipt, expected, options)));
    }
  });

  it("behavior: a key is looked at once, however many receipts rest on it", async () => {
    const [few, many] = [counting(), counting()];
    await verifyReceipts([{ receipt: two }], {}, few);
    await verifyReceipts(
      Array.from({ length: 5 }, () => ({ receipt: two })),
      {},
      many,
    );
    const keyPoints = (asked: (typeof few)["asked"], proofs: number) => asked.g2 - proofs;
    expect(keyPoints(many.asked, 10)).to.equal(keyPoints(few.asked, 2));
    expect([few.asked.products, many.asked.products]).to.deep.equal([1, 1]);
  });

  it("R69: keys that no stage names are refused unread, however many a receipt brings", async () => {
    const engine = counting();
    const stranger = provenReceipt(1, { cls: KEY_CEREMONY }).proofs[0]?.key ?? "0x";
    const flood = Array.from({ length: 2000 }, (_, i) => ({ ...first, key: i === 0 ? first.key : stranger }));
    const [report] = await verifyReceipts([{ receipt: { ...two, proofs: flood } }], {}, engine);
    expect(report?.ok).to.equal(false);
    // One stage's key and its proof at most.
    expect(engine.asked.g2).to.be.below(8);
  });

  it("default: R31 files of proofs, true and false, are reported on as alone", async () => {
    const file = sampleProofFile(3);
    const [stage] = file.stages as [(typeof file.stages)[0]];
    const cases = [
      { file },
      { file: sampleProofFile(1), expected: { chainId: 1n } },
      { file: { ...file, jobId: hashOf("lie") } },
      { file: { ...file, stages: [stage] } },
      { file: { ...file, stages: file.stages.toReversed() } },
      { file: { ...file, stages: [] } },
      { file: { ...file, stages: [{ ...stage, key: "0x00" as const }] } },
      { file: { ...file, stages: [{ ...stage, producers: [] }] } },
      { file: { ...file, stages: [{ ...stage, weightsX: "0x" as const }] } },
    ];
    const reports = await verifyProofFiles(cases);
    expect(reports).to.deep.equal(cases.map((one) => verifyProofFile(one.file, one.expected)));
    expect(reports.map(({ ok }) => ok)).to.deep.equal([true, false, false, true, ...Array<boolean>(5).fill(false)]);
  });
});
