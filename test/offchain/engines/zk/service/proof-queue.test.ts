// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ProofQueue } from "../../../../../offchain/engines/zk/service/proof-queue.ts";
import { expectCode } from "../../../../support/expect-code.ts";

/** Work that ends when the test says so. */
function held() {
  let release = (): void => {};
  const done = new Promise<void>((resolve) => (release = resolve));
  return { done, release };
}

describe("ProofQueue", () => {
  it("default: one at a time, earliest deadline first, equal ones in order of arrival, none last", async () => {
    const queue = new ProofQueue(() => 0);
    const order: string[] = [];
    const gate = held();
    let running = 0;
    const job = (name: string, deadlineMs?: number) =>
      queue.run(async () => {
        expect(++running).to.equal(1);
        order.push(name);
        if (name === "first") await gate.done;
        running--;
        return name;
      }, deadlineMs);
    const all = [job("first"), job("whenever"), job("late", 300), job("soon", 100), job("soon too", 100)];
    expect(queue.waiting).to.equal(4);
    expect(queue.running).to.equal(true);
    gate.release();
    expect(await Promise.all(all)).to.deep.equal(["first", "whenever", "late", "soon", "soon too"]);
    expect(order).to.deep.equal(["first", "soon", "soon too", "late", "whenever"]);
    expect(queue.running).to.equal(false);
  });

  it("behavior: a failure frees the turn", async () => {
    const queue = new ProofQueue(() => 0);
    const failure = new Error("no");
    const failing = queue.run(() => Promise.reject(failure)).catch((error: unknown) => error);
    expect(await queue.run(() => Promise.resolve(5))).to.equal(5);
    expect(await failing).to.equal(failure);
  });

  it("behavior: what waits leaves at its abort, at once", async () => {
    const queue = new ProofQueue(() => 0);
    const gate = held();
    const first = queue.run(() => gate.done);
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = queue.run(() => expect.fail("began"), undefined, controller.signal);
    controller.abort(reason);
    expect(await waiting.catch((error: unknown) => error)).to.equal(reason);
    expect(queue.waiting).to.equal(0);
    const already = queue.run(() => expect.fail("began"), undefined, controller.signal);
    expect(await already.catch((error: unknown) => error)).to.equal(reason);
    gate.release();
    await first;
  });

  it("error: DEADLINE_PASSED when the turn comes too late, PROVER_CLOSED after closing", async () => {
    let now = 0;
    const queue = new ProofQueue(() => now);
    const gate = held();
    const first = queue.run(() => gate.done, 10);
    const late = expectCode("DEADLINE_PASSED", () => queue.run(() => expect.fail("began"), 10));
    now = 11;
    gate.release();
    await Promise.all([first, late]);
    const last = held();
    const running = queue.run(() => last.done);
    const dropped = expectCode("PROVER_CLOSED", () => queue.run(() => expect.fail("began")));
    queue.close();
    await dropped;
    await expectCode("PROVER_CLOSED", () => queue.run(() => Promise.resolve()));
    last.release();
    await running;
  });
});
