// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { verifyBatch } from "../../../offchain/core/batch.ts";
import {
  batchBytes,
  batchLeaf,
  boundaryDigest,
  decodeBatch,
  encodeBatch,
  leafDigests,
  leafSalt,
  MAX_BATCH_BYTES,
  MAX_BATCH_INPUTS,
} from "../../../offchain/core/batch-tensors.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { KIND_BLINDED, KIND_PUBLIC, KIND_SALTED, type DigestKind } from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";

const lists = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 20 });
const salts: readonly (readonly [DigestKind, Uint8Array | undefined])[] = [
  [KIND_PUBLIC, undefined],
  [KIND_SALTED, new Uint8Array(31).fill(3)],
  [KIND_BLINDED, new Uint8Array(32).fill(4)],
];

describe("batch-tensors", () => {
  it("property: what is encoded is decoded, and is as long as said", () => {
    fc.assert(
      fc.property(lists, (tensors) => {
        const bytes = encodeBatch(tensors);
        expect(bytes.length).to.equal(batchBytes(tensors));
        expect(decodeBatch(bytes).map((one) => [...one])).to.deep.equal(tensors.map((one) => [...one]));
      }),
    );
  });

  it("property: hostile bytes end in a typed error, or are what encodes to them", () => {
    const head = Uint8Array.of(0x41, 0x53, 0x42, 0x54, 1, 0, 0, 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, isHeaded) => {
        const bytes = isHeaded ? Uint8Array.of(...head, ...noise) : noise;
        try {
          expect(encodeBatch(decodeBatch(bytes))).to.deep.equal(bytes);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
    );
  });

  it("error: none, an empty tensor, another version, more than may be, trailing bytes", async () => {
    await expectCode("NOT_CANONICAL", () => encodeBatch([]));
    await expectCode("NOT_CANONICAL", () => encodeBatch([new Uint8Array(), Uint8Array.of(1, 2)]));
    await expectCode("NOT_CANONICAL", () => encodeBatch([new Uint8Array(MAX_BATCH_BYTES)]));
    const most = Array.from({ length: MAX_BATCH_INPUTS }, () => Uint8Array.of(1));
    expect(decodeBatch(encodeBatch(most))).to.have.length(MAX_BATCH_INPUTS);
    await expectCode("TOO_LARGE", () => encodeBatch([...most, Uint8Array.of(1)]));
    const good = encodeBatch([Uint8Array.of(1, 2)]);
    await expectCode("BYTES_TRAILING", () => decodeBatch(Uint8Array.of(...good, 0)));
    await expectCode("NOT_CANONICAL", () => decodeBatch(good.with(4, 2)));
    await expectCode("BYTES_TRUNCATED", () => decodeBatch(good.slice(0, -1)));
  });

  it("property: every leaf opens under the boundary's digest, and under no other place or batch", () => {
    fc.assert(
      fc.property(lists, fc.nat(), fc.constantFrom(...salts), (tensors, at, [kind, salt]) => {
        const bytes = encodeBatch(tensors);
        const root = boundaryDigest(kind, bytes, salt, tensors.length);
        const leaf = batchLeaf(kind, bytes, salt, at % tensors.length);
        expect(verifyBatch(root, leaf.digest, leaf.proof)).to.equal(true);
        const longer = boundaryDigest(kind, encodeBatch([...tensors, Uint8Array.of(1)]), salt, tensors.length + 1);
        expect(verifyBatch(longer, leaf.digest, leaf.proof)).to.equal(false);
        if (kind === KIND_PUBLIC || tensors.length < 2) return;
        // Under salts even equal tensors differ, so a digest is at home in one place only.
        const index = (leaf.index + 1) % tensors.length;
        expect(verifyBatch(root, leaf.digest, { ...leaf.proof, index })).to.equal(false);
      }),
      { numRuns: 40 },
    );
  });

  it("R11: a shown leaf's salt is neither the batch's nor another leaf's", () => {
    const salt = new Uint8Array(31).fill(3);
    const all = [0, 1, 2, 256].map((index) => leafSalt(KIND_SALTED, salt, index)?.join());
    expect(new Set([...all, salt.join()]).size).to.equal(5);
    expect(leafSalt(KIND_SALTED, salt, 0)).to.have.length(31);
    expect(leafSalt(KIND_PUBLIC, undefined, 0)).to.equal(undefined);
  });

  it("error: SALT_INVALID, LENGTH_WRONG: a salt where the kind has none, none where it has one, one of another length", async () => {
    const one = [Uint8Array.of(1)];
    await expectCode("SALT_INVALID", () => leafDigests(KIND_PUBLIC, one, new Uint8Array(31)));
    await expectCode("SALT_INVALID", () => leafDigests(KIND_SALTED, one));
    await expectCode("LENGTH_WRONG", () => leafDigests(KIND_SALTED, one, new Uint8Array(32)));
  });
});
