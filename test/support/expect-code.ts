// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";

/** Runs `action` and asserts that it fails with the typed error `code`; returns the error. */
export async function expectCode(code: string, action: () => unknown): Promise<unknown> {
  let thrown: unknown;
  try {
    await action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown, `expected ${code}`).to.be.instanceOf(Error);
  expect((thrown as { code?: unknown }).code, String(thrown)).to.equal(code);
  return thrown;
}
