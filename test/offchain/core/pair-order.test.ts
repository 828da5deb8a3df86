// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes, fromHex, type Hex } from "../../../offchain/core/bytes.ts";
import { decodePairOrder, encodePairOrder, type PairOrder } from "../../../offchain/core/pair-order.ts";
import { JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { ZERO_ADDRESS } from "../../../offchain/core/types.ts";
import { expectError } from "../../support/expect-error.ts";

const A: Hex = `0x${"aa".repeat(20)}`;
const B: Hex = `0x${"bb".repeat(20)}`;
const tensor = encodeTensor({ dtype: "i8", dims: [2], data: Int8Array.of(1, -2) });
const input = {
  stage: 0,
  salts: [{ boundary: JOB_INPUT, salt: new Uint8Array(31).fill(7) }],
  tensors: [{ boundary: JOB_INPUT, tensor }],
};
const order: PairOrder = { attempt: 3, pairs: [{ prover: A, second: B }], input };

describe("what a client seals to a pair of enclaves", () => {
  it("R62: default: comes back as it was, with one enclave too", () => {
    expect(decodePairOrder(encodePairOrder(order))).to.deep.equal(order);
    const alone = { ...order, pairs: [{ prover: A, second: ZERO_ADDRESS }] };
    expect(decodePairOrder(encodePairOrder(alone))).to.deep.equal(alone);
    expect([...encodePairOrder(order).subarray(0, 8)]).to.deep.equal([0x41, 0x53, 0x45, 0x4f, 1, 0, 3, 1]);
  });

  it("R62: error: one worker twice, nobody, no pair, too many, and stages that are not there", () => {
    for (const pairs of [
      [{ prover: A, second: A }],
      [{ prover: ZERO_ADDRESS, second: B }],
      [{ prover: ZERO_ADDRESS, second: ZERO_ADDRESS }],
      [],
    ])
      expectError(() => encodePairOrder({ ...order, pairs }), "NOT_CANONICAL");
    expectError(() => encodePairOrder({ ...order, pairs: Array.from({ length: 9 }, () => order.pairs[0] ?? { prover: A, second: B }) }), "TOO_LARGE"); // prettier-ignore
    expectError(() => encodePairOrder({ ...order, input: { ...input, stage: 1 } }), "NOT_CANONICAL");
  });

  it("R62: error: cut, longer, of another version or beginning, and every changed head is refused or another order", () => {
    const bytes = encodePairOrder(order);
    for (let length = 0; length < bytes.length; length += 1)
      expectError(() => decodePairOrder(bytes.slice(0, length)), /^(BYTES_TRUNCATED|NOT_CANONICAL|TOO_LARGE)$/);
    expectError(() => decodePairOrder(concatBytes(bytes, Uint8Array.of(0))), /^(BYTES_TRAILING|NOT_CANONICAL)$/);
    for (const [at, value] of [
      [0, 0x40],
      [4, 2],
      [7, 0],
      [7, 2],
      [7, 255],
    ] as const) {
      const changed = bytes.slice();
      changed[at] = value;
      expectError(() => decodePairOrder(changed), /^(NOT_CANONICAL|TOO_LARGE|BYTES_.*)$/);
    }
    // A proof order's bytes are none.
    expectError(() => decodePairOrder(concatBytes(fromHex("0x4153504f"), bytes.slice(4))), "NOT_CANONICAL");
  });
});
