// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { batchCount, batchFlags, batchProof, batchRoot, MAX_BATCH, verifyBatch } from "../../../offchain/core/batch.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectCode } from "../../support/expect-code.ts";

describe("batch", () => {
  const digests = Array.from({ length: 11 }, (_, i) => toWord(i + 100));
  const root = batchRoot(digests);

  it("default: every digest is proven in its place", () => {
    for (const [index, digest] of digests.entries())
      expect(verifyBatch(root, digest, batchProof(digests, index))).to.equal(true);
  });

  it("behavior: another place, digest, count or root is not", () => {
    const proof = batchProof(digests, 4);
    expect(verifyBatch(root, toWord(104), { ...proof, index: 5 })).to.equal(false);
    expect(verifyBatch(root, toWord(105), proof)).to.equal(false);
    expect(verifyBatch(root, toWord(104), { ...proof, count: 12 })).to.equal(false);
    expect(verifyBatch(batchRoot(digests.slice(1)), toWord(104), proof)).to.equal(false);
    expect(verifyBatch(root, toWord(104), { ...proof, siblings: proof.siblings.slice(1) })).to.equal(false);
    expect(batchRoot([...digests, digests[10] ?? root])).to.not.equal(root);
    expect(batchRoot([root])).to.not.equal(root);
  });

  it("behavior: flags keep their lower byte and the count", () => {
    for (const count of [1, 2, 1000, MAX_BATCH]) {
      expect(batchCount(batchFlags(5, count))).to.equal(count);
      expect(batchFlags(5, count) % 256).to.equal(5);
      expect(batchFlags(batchFlags(5, 7), count)).to.equal(batchFlags(5, count));
    }
    expect(batchCount(7)).to.equal(0);
  });

  it("error: MERKLE_INVALID", async () => {
    for (const count of [0, -1, 1.5, MAX_BATCH + 1]) await expectCode("MERKLE_INVALID", () => batchFlags(0, count));
    await expectCode("MERKLE_INVALID", () => batchRoot([]));
    await expectCode("MERKLE_INVALID", () => batchProof(digests, 11));
  });
});
