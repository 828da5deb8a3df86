// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { toHex } from "../../../offchain/core/bytes.ts";
import { merkleLeaf, merkleProof, merkleRoot, verifyMerkle } from "../../../offchain/core/merkle.ts";
import { expectCode } from "../../support/expect-code.ts";

const leavesOf = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 });

describe("merkle", () => {
  it("default: every leaf proves, at its own place only", () => {
    fc.assert(
      fc.property(leavesOf, (leaves) => {
        const root = merkleRoot(leaves);
        for (const [i, leaf] of leaves.entries()) {
          const proof = merkleProof(leaves, i);
          expect(verifyMerkle(root, leaf, proof)).to.equal(true);
          expect(verifyMerkle(root, Uint8Array.of(...leaf, 0), proof)).to.equal(false);
          expect(verifyMerkle(root, leaf, { ...proof, count: proof.count + 1 })).to.equal(false);
          expect(verifyMerkle(root, leaf, { ...proof, siblings: [...proof.siblings, root] })).to.equal(false);
          expect(verifyMerkle(root, leaf, { ...proof, siblings: proof.siblings.slice(1) })).to.equal(
            proof.siblings.length === 0,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it("behavior: R1 a leaf's place, the count and one bit change the root; domains are apart", () => {
    const [a, b, c] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    const trees = [[a], [a, b], [b, a], [a, b, c], [a, b, c, c], [a, b, c, c, c], [a, a]];
    const roots = trees.map((leaves) => toHex(merkleRoot(leaves)));
    expect(new Set(roots).size).to.equal(trees.length);
    expect(toHex(merkleRoot([a], "other"))).to.not.equal(roots[0]);
  });

  it("behavior: an inner node is no leaf, an index beyond the count is refused", () => {
    const leaves = [1, 2, 3, 4].map((byte) => Uint8Array.of(byte));
    const hashes = leaves.map((leaf) => merkleLeaf(leaf, "assay.v1.merkle"));
    const [first, second, third, fourth] = hashes;
    if (!first || !second || !third || !fourth) throw new TypeError("fixture");
    const forged = Uint8Array.of(...first, ...second);
    const upper = merkleProof(leaves, 0).siblings[1] ?? first;
    expect(verifyMerkle(merkleRoot(leaves), forged, { index: 0, count: 2, siblings: [upper] })).to.equal(false);
    const proof = merkleProof(leaves, 3);
    for (const index of [-1, 4, 1.5, Number.NaN])
      expect(verifyMerkle(merkleRoot(leaves), Uint8Array.of(4), { ...proof, index })).to.equal(false);
  });

  it("error: MERKLE_INVALID", async () => {
    await expectCode("MERKLE_INVALID", () => merkleRoot([]));
    await expectCode("MERKLE_INVALID", () => merkleProof([Uint8Array.of(1)], 1));
  });
});
