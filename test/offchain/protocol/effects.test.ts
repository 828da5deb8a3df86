// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ChainError } from "../../../offchain/adapters/chain/errors.ts";
import type { LogFields } from "../../../offchain/core/ports/logger.ts";
import { Effects } from "../../../offchain/protocol/effects.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));
const reverted = () => new ChainError("REVERTED", { call: "submit", name: "StateWrong", args: "5, 1" });

function setUp() {
  const lines: { level: string; evt: string; fields: LogFields | undefined }[] = [];
  const stop = new AbortController();
  const at = { now: 0, view: "OPEN", next: "OPEN", reads: 0 };
  const log = (level: string) => (evt: string, fields?: LogFields) => void lines.push({ level, evt, fields });
  const effects = new Effects(
    { clock: { monotonicMs: () => at.now }, logger: { debug: log("debug"), warn: log("warn") }, signal: stop.signal },
    {
      view: () => at.view,
      refresh: async () => {
        at.reads += 1;
        at.view = at.next;
      },
      isOver: () => at.view === "FINAL",
    },
  );
  return { effects, lines, at, stop };
}

describe("effects", () => {
  it("default: one effect of a name at a time, repeated when it is done", async () => {
    const { effects, lines } = setUp();
    let runs = 0;
    const hold = Promise.withResolvers<undefined>();
    const effect = async () => {
      runs += 1;
      await hold.promise;
    };
    effects.once("submit", effect);
    effects.once("submit", effect);
    expect(runs).to.equal(1);
    hold.resolve(undefined);
    await settle();
    effects.once("submit", effect);
    expect(runs).to.equal(2);
    expect(lines).to.deep.equal([]);
  });

  it("behavior: a revert after which the chain has moved is a lost race: a debug line without an error (R72)", async () => {
    const { effects, lines, at } = setUp();
    at.next = "FINAL";
    effects.once("submit", () => Promise.reject(reverted()));
    await settle();
    expect(lines).to.deep.equal([{ level: "debug", evt: "seat.overtaken", fields: { step: "submit" } }]);
  });

  it("behavior: the race is noticed too when the events arrived before the revert", async () => {
    const { effects, lines, at } = setUp();
    effects.once("settle", async () => {
      at.view = at.next = "FINAL";
      throw reverted();
    });
    await settle();
    expect(lines.map(({ evt }) => evt)).to.deep.equal(["seat.overtaken"]);
    // Started from an older look at the chain than the newest.
    effects.once("tally", () => Promise.reject(reverted()));
    await settle();
    expect(lines.map(({ evt }) => evt)).to.deep.equal(["seat.overtaken", "seat.overtaken"]);
  });

  it("behavior: a revert although nothing moved is a warning with its code, and is tried again after a pause", async () => {
    const { effects, lines, at } = setUp();
    let runs = 0;
    const effect = () => {
      runs += 1;
      return Promise.reject(reverted());
    };
    effects.once("tally", effect);
    await settle();
    expect(lines).to.have.lengthOf(1);
    expect(lines[0]).to.deep.include({ level: "warn", evt: "seat.action-failed" });
    expect(lines[0]?.fields).to.deep.include({ step: "tally", code: "REVERTED" });
    effects.once("tally", effect);
    expect(runs).to.equal(1);
    at.now += 2_000;
    effects.once("tally", effect);
    expect(runs).to.equal(2);
    effects.clear();
  });

  it("behavior: other failures are warnings and do not read the chain; after the signal nothing is said", async () => {
    const { effects, lines, at, stop } = setUp();
    effects.once("run", () => Promise.reject(new TypeError("broken")));
    await settle();
    expect(lines.map(({ evt }) => evt)).to.deep.equal(["seat.action-failed"]);
    expect(at.reads).to.equal(0);
    stop.abort();
    effects.once("commit", () => Promise.reject(new TypeError("broken")));
    await settle();
    expect(lines).to.have.lengthOf(1);
  });
});
