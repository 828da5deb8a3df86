// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { fromHex, type Hex } from "../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { decodeReceipt } from "../../../offchain/core/receipt.ts";
import { verifyReceiptFile } from "../../../offchain/audit/verify-receipt-file.ts";
import { assertReceiptChain } from "../../../offchain/sdk/assert-receipt-chain.ts";

interface Vectors {
  readonly names: readonly string[];
  readonly receipts: readonly Hex[];
  readonly codes: readonly string[];
}
const vectors = JSON.parse(readFileSync("test/fixtures/vectors/canonical-chain.json", "utf8")) as Vectors;

function codeOf(action: () => void): string {
  try {
    action();
    return "";
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.code;
  }
}

describe("chain rule", () => {
  it("holds the cases that the design names", () => {
    for (const word of ["swapped", "omitted", "repeated", "reordered"])
      expect(vectors.names.filter((name) => name.includes(word)).length, word).to.be.greaterThan(0);
    expect(vectors.codes.filter((code) => code === "CHAIN_BROKEN").length).to.be.greaterThan(15);
  });

  it("error: CHAIN_BROKEN in SDK and auditor alike (R49)", async () => {
    for (const [i, name] of vectors.names.entries()) {
      const bytes = fromHex(vectors.receipts[i] ?? "0x");
      const code = vectors.codes[i] ?? "";
      expect(
        codeOf(() => assertReceiptChain(decodeReceipt(bytes))),
        name,
      ).to.equal(code);
      const report = await verifyReceiptFile(bytes);
      const chain = report.checks.find((check) => check.name === "chain");
      expect(chain?.ok ? "" : chain?.detail.split(":")[0], name).to.equal(code);
      expect(report.ok, name).to.equal(code === "");
      expect(report.guarantee?.endToEnd, name).to.equal(false);
    }
  });
});
