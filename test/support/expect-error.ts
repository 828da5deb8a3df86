// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isAssayError, type MetaValue } from "../../offchain/core/errors.ts";

/** Runs a synchronous action that must throw a typed error of this code, with at least these values in its meta. */
export function expectError(
  action: () => unknown,
  code: string | RegExp,
  meta: Readonly<Record<string, MetaValue>> = {},
) {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  if (!isAssayError(thrown)) expect.fail(`expected ${String(code)}, got ${String(thrown)}`);
  if (typeof code === "string") expect(thrown.code).to.equal(code);
  else expect(thrown.code).to.match(code);
  expect(thrown.meta).to.include(meta);
  return thrown;
}
