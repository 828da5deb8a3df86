// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import {
  decodeLeaf,
  encodeLeaf,
  isLeafFile,
  leafFailure,
  leafOfReceipt,
} from "../../../offchain/core/inference-leaf.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../../offchain/core/receipt.ts";
import { KIND_BLINDED, KIND_PUBLIC } from "../../../offchain/core/types.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { batchOutput, batchReceipt } from "../../support/batch-receipt.ts";
import { expectCode } from "../../support/expect-code.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";

const KINDS = { PUBLIC: KIND_PUBLIC, BLINDED: KIND_BLINDED } as const;

/** As an auditor that knows nothing else: whether these bytes show an inference, and which. */
function shown(
  bytes: Uint8Array,
): { readonly index: number; readonly tensor: string; readonly receipt: string } | null {
  try {
    const leaf = decodeLeaf(bytes);
    const receipt = decodeReceipt(fromHex(leaf.receipt));
    return leafFailure(leaf, receipt) === undefined ? leaf : null;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return null;
  }
}

describe("one inference out of a batch's receipt", () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    it(`default: ${name}: each is verified alone, and no other output is in its file`, () => {
      for (const count of [1, 2, 7]) {
        const receipt = batchReceipt(count, kind);
        expect(verifyReceipt(receipt).ok).to.equal(true);
        for (let index = 0; index < count; index++) {
          const bytes = encodeLeaf(leafOfReceipt(receipt, index));
          expect(isLeafFile(bytes)).to.equal(true);
          const leaf = decodeLeaf(bytes);
          expect(leaf.tensor).to.equal(toHex(batchOutput(index)));
          const within = decodeReceipt(fromHex(leaf.receipt));
          expect(verifyReceipt(within).ok).to.equal(true);
          expect(leafFailure(leaf, within)).to.equal(undefined);
          const text = Buffer.from(bytes).toString("hex");
          for (let other = 0; other < count; other++)
            expect(text.includes(toHex(batchOutput(other)).slice(2)), `${other} in ${index}`).to.equal(other === index);
          if (kind === KIND_BLINDED) expect(text).to.not.contain(receipt.outputSalt.slice(2));
        }
      }
    });
  }

  it("attack: another's place, tensor, salt, siblings or result, and a file of a closed or single job", async () => {
    const receipt = batchReceipt(5, KIND_BLINDED);
    const leaf = leafOfReceipt(receipt, 2);
    const other = leafOfReceipt(receipt, 3);
    const within = decodeReceipt(fromHex(leaf.receipt));
    const lies = [
      { ...leaf, index: 3 },
      { ...leaf, index: 5 },
      { ...leaf, tensor: other.tensor },
      { ...leaf, salt: other.salt },
      { ...leaf, salt: receipt.outputSalt },
      { ...leaf, siblings: other.siblings },
      { ...leaf, siblings: leaf.siblings.slice(1) },
      { ...leaf, siblings: [...leaf.siblings, ...leaf.siblings.slice(0, 1)] },
      { ...other, index: 2 },
    ];
    for (const [i, lie] of lies.entries()) expect(leafFailure(lie, within), `lie ${i}`).to.be.a("string");
    await expectCode("SALT_INVALID", () => leafFailure({ ...leaf, salt: "0x" }, within));
    expect(leafFailure(leaf, receipt), "the whole receipt").to.match(/other outputs/);
    expect(leafFailure(leaf, { ...within, reason: 3 })).to.match(/closed/);
    expect(leafFailure(leaf, { ...fastReceipt(1, 5), output: "0x" })).to.match(/single/);
    // A receipt of the same job with another result would not hold itself.
    const moved: Receipt = { ...within, outDigest: other.siblings[0] ?? "0x" };
    expect(leafFailure(leaf, moved)).to.match(/not that output/);
    expect(verifyReceipt(moved).ok).to.equal(false);
  });

  it("security: no changed byte before the receipt shows anything else", () => {
    const bytes = encodeLeaf(leafOfReceipt(batchReceipt(5, KIND_BLINDED), 2));
    const receipt = decodeLeaf(bytes).receipt.slice(2);
    const end = Buffer.from(bytes).toString("hex").indexOf(receipt) / 2;
    expect(end).to.be.greaterThan(300);
    for (let at = 0; at < end; at++)
      for (const flip of [1, 0x80]) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(shown(changed), `byte ${at}`).to.equal(null);
      }
    for (const length of [0, 3, 5, end, bytes.length - 1]) expect(shown(bytes.subarray(0, length))).to.equal(null);
  });

  it("error: LEAF_INVALID, MERKLE_INVALID, VERSION_UNKNOWN: nothing to take out, no such input, another format", async () => {
    const receipt = batchReceipt(3, KIND_PUBLIC);
    await expectCode("MERKLE_INVALID", () => leafOfReceipt(receipt, 3));
    await expectCode("LEAF_INVALID", () => leafOfReceipt(fastReceipt(1, 5), 0));
    await expectCode("LEAF_INVALID", () => leafOfReceipt({ ...receipt, output: "0x" }, 0));
    await expectCode("LEAF_INVALID", () => leafOfReceipt({ ...receipt, reason: 3 }, 0));
    await expectCode("LEAF_INVALID", () =>
      leafOfReceipt({ ...receipt, output: batchReceipt(2, KIND_PUBLIC).output }, 0),
    );
    await expectCode("LEAF_INVALID", () => decodeLeaf(encodeReceipt(receipt)));
    const later = encodeLeaf(leafOfReceipt(receipt, 0));
    later[4] = 2;
    await expectCode("VERSION_UNKNOWN", () => decodeLeaf(later));
  });
});
