// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatTensors } from "../../../offchain/core/concat-tensors.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { expectCode } from "../../support/expect-code.ts";

const i8 = (dims: readonly number[], ...values: number[]): Tensor => ({
  dtype: "i8",
  dims,
  data: Int8Array.from(values),
});

describe("concatTensors", () => {
  it("default: R53 rows of all parts, flattened, one behind the other", () => {
    const joined = concatTensors([i8([2, 2, 1], 1, 2, 3, 4), i8([2, 1], 5, 6)]);
    expect([joined.dims, [...joined.data]]).to.deep.equal([
      [2, 3],
      [1, 2, 5, 3, 4, 6],
    ]);
    expect([...concatTensors([i8([1, 2], 1, 2)]).data]).to.deep.equal([1, 2]);
  });

  it("error: TENSOR_INVALID for none, for another batch, for another dtype", async () => {
    const wide: Tensor = { dtype: "i32", dims: [1, 1], data: Int32Array.of(1) };
    for (const parts of [[], [i8([1, 1], 1), i8([2, 1], 1, 2)], [i8([1, 1], 1), wide]])
      await expectCode("TENSOR_INVALID", () => concatTensors(parts));
  });
});
