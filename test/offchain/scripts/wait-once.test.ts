// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { waitOnce, type Advance } from "../../../scripts/deploy/wait-once.ts";

describe("waitOnce", () => {
  const log: string[] = [];
  const advance: Advance = async (seconds) => void log.push(`wait ${seconds}`);
  const task = (name: string, seconds: number) => async (wait: Advance) => {
    log.push(`${name} begins`);
    await Promise.resolve();
    log.push(`${name} waits`);
    await wait(seconds);
    log.push(`${name} goes on`);
    await Promise.resolve();
    log.push(`${name} ends`);
    return name;
  };
  beforeEach(() => (log.length = 0));

  it("default: one wait, the longest, and never two tasks at a time", async () => {
    expect(await waitOnce(advance, task("a", 10), task("b", 48))).to.deep.equal(["a", "b"]);
    const steps = [
      "a begins",
      "a waits",
      "b begins",
      "b waits",
      "wait 48",
      "a goes on",
      "a ends",
      "b goes on",
      "b ends",
    ];
    expect(log).to.deep.equal(steps);
  });

  it("behavior: tasks that do not wait, or none", async () => {
    expect(await waitOnce(advance, async () => 7, task("b", 5))).to.deep.equal([7, "b"]);
    expect(await waitOnce(advance)).to.deep.equal([]);
    expect(log.filter((line) => line.startsWith("wait "))).to.deep.equal(["wait 5"]);
  });

  it("error: a task's own, before its wait and behind it", async () => {
    const failed = async (wait: Advance, isLate: boolean): Promise<void> => {
      if (isLate) await wait(1);
      throw new TypeError("no");
    };
    for (const isLate of [false, true]) {
      const error: unknown = await waitOnce(advance, task("a", 1), async (wait) => failed(wait, isLate)).catch((e: unknown) => e); // prettier-ignore
      expect(error).to.be.instanceOf(TypeError);
    }
    expect(log.filter((line) => line === "a ends")).to.have.length(1);
  });
});
