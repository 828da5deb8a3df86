// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../offchain/core/errors.ts";
import {
  assertTensor,
  decodeTensor,
  DTYPES,
  encodeTensor,
  type Dtype,
  type Tensor,
} from "../../../offchain/core/tensor.ts";
import { expectCode } from "../../support/expect-code.ts";

const tensors: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom<Dtype>("i8", "u8", "i32", "u32-mod", "f32"),
    dims: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
    seed: fc.infiniteStream(fc.nat(255)),
  })
  .map(({ dtype, dims, seed }) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const bytes = Uint8Array.from(seed.take(count * DTYPES[dtype].bytes));
    // Exponents of 255 are no numbers: a cleared bit of theirs makes every pattern finite.
    if (dtype === "f32") for (let i = 2; i < bytes.length; i += 4) bytes[i] = (bytes[i] ?? 0) & 0x7f;
    return { dtype, dims, data: DTYPES[dtype].view(bytes.buffer) };
  });

describe("tensor", () => {
  const sample: Tensor = { dtype: "i32", dims: [2, 1], data: Int32Array.of(-1, 258) };

  it("default: the encoding is version, dtype, rank, dims, little-endian data", () => {
    expect([...encodeTensor(sample)]).to.deep.equal([1, 3, 2, 2, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 2, 1, 0, 0]);
    expect(assertTensor(sample, { dtype: "i32", dims: [2, 1] })).to.equal(sample);
  });

  it("behavior: round trip, independent of the input's buffer", () => {
    fc.assert(
      fc.property(tensors, (tensor) => {
        const bytes = encodeTensor(tensor);
        const back = decodeTensor(bytes);
        bytes.fill(0);
        expect(back).to.deep.equal(tensor);
      }),
    );
  });

  it("behavior: canonical: changed bytes never give the same tensor, and fail by a typed error only", () => {
    fc.assert(
      fc.property(tensors, fc.nat(), fc.integer({ min: 1, max: 255 }), (tensor, place, flip) => {
        const bytes = encodeTensor(tensor);
        const at = place % bytes.length;
        const changed = bytes.with(at, (bytes[at] ?? 0) ^ flip);
        try {
          expect(decodeTensor(changed)).to.not.deep.equal(tensor);
          expect(encodeTensor(decodeTensor(changed))).to.deep.equal(changed);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("behavior: hostile bytes fail by a typed error and allocate nothing large", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (noise, headed) => {
        const bytes = headed ? Uint8Array.of(1, 1, 4, ...noise) : noise;
        try {
          decodeTensor(bytes);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("error: BYTES_TRUNCATED, BYTES_TRAILING, VERSION_UNKNOWN, TENSOR_INVALID, TOO_LARGE", async () => {
    const bytes = encodeTensor(sample);
    for (let end = 0; end < bytes.length; end++)
      await expectCode("BYTES_TRUNCATED", () => decodeTensor(bytes.subarray(0, end)));
    await expectCode("BYTES_TRAILING", () => decodeTensor(Uint8Array.of(...bytes, 0)));
    await expectCode("VERSION_UNKNOWN", () => decodeTensor(bytes.with(0, 2)));
    for (const [at, value] of [
      [1, 0],
      [1, 6],
      [2, 0],
      [2, 9],
      [3, 0],
    ] as const)
      await expectCode("TENSOR_INVALID", () => decodeTensor(bytes.with(at, value)));
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      const data = Float32Array.of(1, value);
      await expectCode("NOT_FINITE", () => encodeTensor({ dtype: "f32", dims: [2], data }));
      const raw = Uint8Array.of(1, 5, 1, 2, 0, 0, 0, ...new Uint8Array(data.buffer));
      await expectCode("NOT_FINITE", () => decodeTensor(raw));
    }
    await expectCode("TOO_LARGE", () => decodeTensor(bytes, { maxBytes: 7 }));
    await expectCode("TOO_LARGE", () => decodeTensor(bytes.with(6, 255)));
    await expectCode("TENSOR_INVALID", () => decodeTensor(Uint8Array.of(1, 1, 3, ...Array<number>(12).fill(255))));
    const large: Tensor = { dtype: "i8", dims: [4096, 4096], data: new Int8Array(4096 * 4096) };
    expect(decodeTensor(encodeTensor(large)).data.length).to.equal(4096 * 4096);
    await expectCode("TENSOR_INVALID", () => encodeTensor({ ...sample, data: Int8Array.of(1, 2) }));
    await expectCode("TENSOR_INVALID", () => encodeTensor({ ...sample, dims: [3] }));
    await expectCode("TENSOR_INVALID", () => encodeTensor({ ...sample, dims: [] }));
    await expectCode("TENSOR_MISMATCH", () => assertTensor(sample, { dtype: "i32", dims: [1, 2] }));
    await expectCode("TENSOR_MISMATCH", () => assertTensor(sample, { dtype: "u32-mod", dims: [2, 1] }));
  });
});
