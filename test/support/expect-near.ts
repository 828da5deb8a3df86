// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";

/** Not chai's `closeTo`: where a test of the same run loads Hardhat's chai matchers, that takes integers only. */
export function expectNear(actual: number | undefined, expected: number, delta: number): void {
  expect(Math.abs((actual ?? NaN) - expected), `${actual} is not within ${delta} of ${expected}`).to.be.at.most(delta);
}
