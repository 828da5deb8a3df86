// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import {
  decodeBoundaryIndex,
  decodeBoundaryRequest,
  encodeBoundaryIndex,
  encodeBoundaryRequest,
  firstRow,
  microBatchCount,
  type BoundaryIndex,
  type BoundaryRequest,
} from "../../../offchain/core/boundary-index.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import type { DigestKind } from "../../../offchain/core/types.ts";
import { expectCode } from "../../support/expect-code.ts";
import { hashOf } from "../../support/sample-receipt.ts";

const RUNS = process.env["ASSAY_DEEP"] === "1" ? 100_000 : 10_000;
const sample: BoundaryIndex = {
  jobId: hashOf("job"),
  boundary: 1,
  lane: 0,
  stage: 2,
  digestKind: 2,
  dtype: "u8",
  dims: [3, 5],
  rows: 7,
  total: 4,
  microBatches: [1, 2, 3].map((i) => ({ blob: hashOf(`blob ${i}`), bytes: 1000 * i })),
  digest: null,
  grant: "0x000102030405060708090a0b0c0d0e0f",
};
const complete: BoundaryIndex = {
  ...sample,
  microBatches: [...sample.microBatches, { blob: hashOf("last"), bytes: 1 }],
  digest: hashOf("digest"),
};
const ask: BoundaryRequest = {
  kind: "ask",
  ask: { jobId: sample.jobId, boundary: 1, stage: 2, grant: sample.grant, have: 3 },
};

/** What decodes must encode to the same bytes; what does not must say why by code. */
function survives(bytes: Uint8Array, again: (bytes: Uint8Array) => Uint8Array): void {
  let encoded: Uint8Array;
  try {
    encoded = again(bytes);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return;
  }
  expect(encoded).to.deep.equal(bytes);
}
const againIndex = (bytes: Uint8Array) => encodeBoundaryIndex(decodeBoundaryIndex(bytes));
const againRequest = (bytes: Uint8Array) => encodeBoundaryRequest(decodeBoundaryRequest(bytes));

describe("a boundary's index", () => {
  it("default: round trip of partial and complete ones, and of both requests", () => {
    for (const one of [sample, complete, { ...sample, microBatches: [] }])
      expect(decodeBoundaryIndex(encodeBoundaryIndex(one))).to.deep.equal(one);
    const announce: BoundaryRequest = { kind: "announce", envelope: Uint8Array.of(1, 2, 3) };
    for (const one of [ask, announce]) expect(decodeBoundaryRequest(encodeBoundaryRequest(one))).to.deep.equal(one);
  });

  it("default: micro-batches cover all rows once, in order, none empty", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), fc.integer({ min: 1, max: 8 }), (rows, stages) => {
        const total = microBatchCount(rows, stages);
        const bounds = Array.from({ length: total + 1 }, (_, i) => firstRow(rows, total, i));
        const sizes = bounds.slice(1).map((to, i) => to - (bounds[i] ?? 0));
        expect([bounds[0], bounds.at(-1)]).to.deep.equal([0, rows]);
        expect(Math.min(...sizes)).to.be.at.least(1);
        expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(1);
      }),
    );
  });

  it("error: every prefix is refused by code, and one byte more is BYTES_TRAILING", async () => {
    for (const [good, decode] of [
      [encodeBoundaryIndex(complete), decodeBoundaryIndex],
      [encodeBoundaryIndex(sample), decodeBoundaryIndex],
      [encodeBoundaryRequest(ask), decodeBoundaryRequest],
    ] as const) {
      for (let length = 0; length < good.length; length += 1) {
        let thrown: unknown;
        try {
          decode(good.subarray(0, length));
        } catch (error) {
          thrown = error;
        }
        expect(isAssayError(thrown), `prefix ${length}`).to.equal(true);
      }
      await expectCode("BYTES_TRAILING", () => decode(Uint8Array.of(...good, 0)));
    }
  });

  it("error: NOT_CANONICAL for what no boundary can be", async () => {
    const bad: readonly Partial<BoundaryIndex>[] = [
      { stage: 8 },
      { boundary: 2 },
      { boundary: 0xffff },
      { lane: 3 },
      { digestKind: 4 as DigestKind },
      { rows: 0, total: 0, microBatches: [] },
      { rows: 4097 },
      { total: 8 },
      { rows: 40, total: 33 },
      { microBatches: [{ blob: hashOf("blob"), bytes: 0 }] },
    ];
    for (const change of bad) await expectCode("NOT_CANONICAL", () => encodeBoundaryIndex({ ...sample, ...change }));
    await expectCode("TOO_LARGE", () => encodeBoundaryIndex({ ...sample, total: 2 }));
    await expectCode("TENSOR_INVALID", () => encodeBoundaryIndex({ ...sample, dims: [1 << 21, 1 << 20] }));
    // A digest is said with the last micro-batch, not before and not later.
    await expectCode("BYTES_TRAILING", () => encodeBoundaryIndex({ ...sample, digest: hashOf("digest") }));
    await expectCode("BYTES_TRUNCATED", () => encodeBoundaryIndex({ ...complete, digest: null }));
  });

  it("attack: flipped, cut, grown and random bytes never decode to something that encodes differently", () => {
    const goods = [encodeBoundaryIndex(sample), encodeBoundaryIndex(complete)];
    fc.assert(
      fc.property(
        fc.nat(1),
        fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
        fc.integer({ min: -8, max: 8 }),
        (which, edits, delta) => {
          const good = goods[which] ?? new Uint8Array();
          const bytes = new Uint8Array(good.length + delta);
          bytes.set(good.subarray(0, bytes.length));
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          survives(bytes, againIndex);
          survives(Uint8Array.of(1, 2, ...bytes.subarray(5, 90)), againRequest);
        },
      ),
      { numRuns: RUNS },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        survives(noise, againIndex);
        survives(Uint8Array.of(0x41, 0x53, 0x42, 0x49, 1, ...noise), againIndex);
        survives(noise, againRequest);
      }),
      { numRuns: RUNS },
    );
  });
});
