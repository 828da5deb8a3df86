// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { agreementOfReceipts } from "../../../offchain/audit/agreement-of-receipts.ts";
import { answerWord } from "../../../offchain/core/agreement.ts";
import { argmax } from "../../../offchain/core/program/preprocess.ts";
import { encodeReceipt } from "../../../offchain/core/receipt.ts";
import { encodeTolerance, toleranceOf } from "../../../offchain/core/sketch.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { KIND_BLINDED } from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";
import { seededReceipt, type SeededReceipt } from "../../support/seeded-receipt.ts";

const whole = (...values: readonly number[]): Tensor => ({ dtype: "i8", dims: [1, 2], data: Int8Array.from(values) });
const real = (...values: readonly number[]): Tensor => ({
  dtype: "f32",
  dims: [1, 2],
  data: Float32Array.from(values),
});
const files = (...receipts: readonly SeededReceipt[]) => receipts.map((one) => encodeReceipt(seededReceipt(one)));
const floats = { weightsY: encodeTolerance(toleranceOf(1, 2)) };
const answerOf = ({ data }: Tensor) => `${argmax(data)}`;

describe("agreementOfReceipts", () => {
  it("R29: default: output digests of exact models are the answers, from checked receipts alone", async () => {
    const report = await agreementOfReceipts(
      files({ seed: 1, output: whole(1, 2) }, { seed: 2, output: whole(1, 2) }, { seed: 3, output: whole(2, 1) }),
    );
    expect(report.ok).to.equal(true);
    expect(report.agreement).to.deep.include({ runs: 3, answers: 2, largest: 2 });
    expect(report.skipped.join()).to.contain("same question");
  });

  it("R29: float outputs are compared as they read, for no two are equal", async () => {
    const runs = [1.25, 1.2500001, 0.5].map((second, i) => ({ seed: i, output: real(1, second), stage: floats }));
    const report = await agreementOfReceipts(files(...runs), { answerOf });
    expect(report.agreement).to.deep.include({ largest: 2, answers: 2, commonest: answerWord("1") });
    await expectCode("AGREEMENT_INVALID", async () => agreementOfReceipts(files(...runs)));
  });

  it("behavior: one receipt that does not hold, and nothing is measured", async () => {
    const [good, bad] = files({ seed: 1, output: whole(1, 2) }, { seed: 2, output: whole(1, 2) });
    const report = await agreementOfReceipts([good ?? new Uint8Array(), (bad ?? new Uint8Array()).slice(0, -1)]);
    expect([report.ok, report.agreement]).to.deep.equal([false, null]);
    expect(report.receipts.map(({ ok }) => ok)).to.deep.equal([true, false]);
  });

  it("error: AGREEMENT_INVALID for replicas, other models, hidden ends, outputs that are not shown", async () => {
    const one = { seed: 1, output: whole(1, 2) };
    const refuse = async (given: Uint8Array[], options = {}) =>
      expectCode("AGREEMENT_INVALID", async () => agreementOfReceipts(given, options));
    await refuse(files(one));
    await refuse(files(one, one));
    await refuse(files(one, { ...one, seed: 2, name: "another" }));
    const hidden = { stage: { inKind: KIND_BLINDED } };
    await refuse(files({ ...one, ...hidden }, { ...one, ...hidden, seed: 2 }));
    await refuse(files(one, { ...one, seed: 2, shown: false }), { answerOf });
  });
});
