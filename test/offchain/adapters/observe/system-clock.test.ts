// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { systemClock } from "../../../../offchain/adapters/observe/system-clock.ts";

describe("systemClock", () => {
  it("default", async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(5);
    expect(systemClock.monotonicMs() - before).to.be.at.least(4);
    expect(Math.abs(systemClock.nowMs() - Date.now())).to.be.lessThan(1000);
  });

  it("behavior: an abort ends the sleep at once with its reason", async () => {
    const reason = new RangeError("stop");
    const sleeping = new AbortController();
    const slept = systemClock.sleep(1e12, sleeping.signal).catch((error: unknown) => error);
    sleeping.abort(reason);
    expect(await slept).to.equal(reason);
    expect(await systemClock.sleep(1, sleeping.signal).catch((error: unknown) => error)).to.equal(reason);
  });
});
