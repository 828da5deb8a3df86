// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type {
  JobRow,
  Journal,
  JournalStep,
  OutgoingMessage,
  SentTransaction,
  SignedAction,
} from "../../offchain/core/ports/journal.ts";
import { expectCode } from "../support/expect-code.ts";
import { ManualClock } from "../support/manual-clock.ts";

type Hex = `0x${string}`;
export const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
export const account = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`;
export const action = (over: Partial<SignedAction> = {}): SignedAction => ({
  jobId: hash(1),
  stage: 0,
  round: 0,
  kind: "commit",
  digest: hash(100),
  ...over,
});
export const job = (over: Partial<JobRow> = {}): JobRow => ({
  jobId: hash(1),
  role: "seat",
  stage: 0,
  round: 0,
  state: "RUNNING",
  done: false,
  deadlineMs: 1000,
  data: new Uint8Array([1, 2, 3]),
  ...over,
});
export const message = (over: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  jobId: hash(1),
  role: "seat",
  stage: 0,
  round: 0,
  kind: "commit",
  body: new Uint8Array([9, 9]),
  ...over,
});
export const sent = (over: Partial<SentTransaction> = {}): SentTransaction => ({
  account: account(7),
  nonce: 3,
  hash: hash(50),
  purpose: "submit",
  jobId: hash(1),
  status: "sent",
  ...over,
});

/** What every `Journal` does. */
export function journalCompliance(name: string, make: (clock: ManualClock) => Journal): void {
  describe(`${name} as a Journal`, () => {
    let clock: ManualClock;
    let journal: Journal;
    beforeEach(() => {
      clock = new ManualClock();
      journal = make(clock);
    });
    afterEach(() => journal.close());

    it("default: R72: a signed action, its step and its messages are one entry", () => {
      const step: JournalStep = { job: job(), messages: [message()], transactions: [sent()] };
      expect(journal.signedDigest(action())).to.equal(null);
      expect(journal.writeBeforeSign(action(), step)).to.equal("new");
      expect(journal.writeBeforeSign(action(), step)).to.equal("same");
      expect(journal.signedDigest(action())).to.equal(hash(100));
      expect(journal.job(job())).to.deep.equal(job());
      expect(journal.message(message(), "commit")).to.deep.equal(message());
      expect(journal.transactions({ jobId: hash(1) })).to.deep.equal([sent()]);
    });

    it("error: ALREADY_SIGNED writes nothing of the step", async () => {
      journal.writeBeforeSign(action(), { job: job({ state: "COMMITTED" }) });
      await expectCode("ALREADY_SIGNED", () =>
        journal.writeBeforeSign(action({ digest: hash(101) }), {
          job: job({ state: "OTHER" }),
          messages: [message({ kind: "reveal" })],
          transactions: [sent()],
        }),
      );
      expect(journal.signedDigest(action())).to.equal(hash(100));
      expect(journal.job(job())?.state).to.equal("COMMITTED");
      expect(journal.messages(hash(1))).to.deep.equal([]);
      expect(journal.transactions({})).to.deep.equal([]);
    });

    it("behavior: other jobs, stages, rounds and kinds are other actions", () => {
      const others = [{ jobId: hash(2) }, { stage: 1 }, { round: 1 }, { kind: "reveal" }];
      journal.writeBeforeSign(action());
      for (const [i, other] of others.entries()) {
        expect(journal.writeBeforeSign(action({ ...other, digest: hash(200 + i) }))).to.equal("new");
      }
    });

    it("behavior: messages never change", async () => {
      journal.record({ messages: [message()] });
      journal.record({ messages: [message()] });
      await expectCode("MESSAGE_CONFLICT", () =>
        journal.record({
          job: job(),
          messages: [message({ kind: "opening" }), message({ body: new Uint8Array([8]) })],
        }),
      );
      expect(journal.job(job())).to.equal(null);
      expect(journal.messages(hash(1))).to.deep.equal([message()]);
    });

    it("error: MESSAGE_CONFLICT with the action that would be signed: nothing counts as signed", async () => {
      journal.record({ messages: [message()] });
      await expectCode("MESSAGE_CONFLICT", () =>
        journal.writeBeforeSign(action(), { messages: [message({ body: new Uint8Array([8]) })] }),
      );
      expect(journal.signedDigest(action())).to.equal(null);
    });

    it("error: MESSAGE_CONFLICT inside one step", async () => {
      await expectCode("MESSAGE_CONFLICT", () =>
        journal.record({ messages: [message(), message({ body: new Uint8Array([8]) })] }),
      );
      expect(journal.messages(hash(1))).to.deep.equal([]);
    });

    it("behavior: open jobs come by deadline, those without last; done ones not at all", () => {
      journal.record({ job: job({ jobId: hash(3), deadlineMs: null }) });
      journal.record({ job: job({ jobId: hash(2), deadlineMs: 500 }) });
      journal.record({ job: job({ jobId: hash(1), deadlineMs: 900 }) });
      journal.record({ job: job({ jobId: hash(4), deadlineMs: 100, done: true }) });
      expect(journal.openJobs().map((row) => row.jobId)).to.deep.equal([hash(2), hash(1), hash(3)]);
      journal.record({ job: job({ jobId: hash(2), done: true }) });
      expect(journal.openJobs().map((row) => row.jobId)).to.deep.equal([hash(1), hash(3)]);
    });

    it("behavior: roles, stages and rounds of one job are rows of their own", () => {
      for (const over of [{}, { role: "requester" as const }, { stage: 2 }, { round: 1 }])
        journal.record({ job: job(over) });
      expect(journal.jobRows(hash(1)).map((row) => [row.role, row.stage, row.round])).to.deep.equal([
        ["requester", 0, 0],
        ["seat", 0, 0],
        ["seat", 0, 1],
        ["seat", 2, 0],
      ]);
      expect(journal.jobRows(hash(2))).to.deep.equal([]);
    });

    it("behavior: transactions change status only, and the last nonce is found", () => {
      journal.record({ transactions: [sent(), sent({ nonce: 4, hash: hash(51), jobId: null })] });
      journal.record({ transactions: [sent({ status: "mined" })] });
      expect(journal.transactions({ status: "mined" })).to.deep.equal([sent({ status: "mined" })]);
      expect(journal.transactions({ status: "sent" })).to.have.length(1);
      expect(journal.lastNonce(account(7))).to.equal(4);
      expect(journal.lastNonce(account(8))).to.equal(null);
    });

    it("behavior: cursors rewind, replace and are bounded", () => {
      const cursor = (number: bigint, fork = 0) => ({ chainId: 31337n, number, hash: hash(Number(number) + fork) });
      expect(journal.cursor()).to.equal(null);
      for (let n = 1n; n <= 300n; n++) journal.setCursor(cursor(n));
      expect(journal.cursor()).to.deep.equal(cursor(300n));
      expect(journal.recentCursors(1000)).to.have.length(256);
      journal.rewindTo(290n);
      expect(journal.cursor()).to.deep.equal(cursor(290n));
      journal.setCursor(cursor(288n, 7));
      expect(journal.recentCursors(2)).to.deep.equal([cursor(288n, 7), cursor(287n)]);
      journal.setCursor({ chainId: 5n, number: 400n, hash: hash(1) });
      expect(journal.recentCursors(10), "another chain starts over").to.have.length(1);
    });

    it("behavior: pruning forgets finished jobs, never what was signed, never the last nonce", () => {
      journal.writeBeforeSign(action(), { job: job({ done: true }), messages: [message()], transactions: [sent()] });
      journal.record({ job: job({ jobId: hash(2) }) });
      journal.record({ job: job({ jobId: hash(3), done: true }) });
      journal.record({ job: job({ jobId: hash(3), role: "watcher" }) });
      expect(journal.prune(clock.nowMs())).to.equal(0);
      clock.advance(1);
      expect(journal.prune(clock.nowMs())).to.equal(1);
      expect(journal.jobRows(hash(1))).to.deep.equal([]);
      expect(journal.messages(hash(1))).to.deep.equal([]);
      expect(journal.jobRows(hash(3))).to.have.length(2);
      expect(journal.signedDigest(action())).to.equal(hash(100));
      expect(journal.lastNonce(account(7))).to.equal(3);
    });

    it("behavior: returned bytes are the caller's own", () => {
      journal.record({ job: job(), messages: [message()] });
      journal.job(job())?.data.fill(0);
      journal.messages(hash(1))[0]?.body.fill(0);
      expect(journal.job(job())).to.deep.equal(job());
      expect(journal.messages(hash(1))).to.deep.equal([message()]);
    });

    it("error: FIELD_INVALID for second spellings, ranges and types", async () => {
      const bad: (() => unknown)[] = [
        () => journal.writeBeforeSign(action({ jobId: hash(0xabc).toUpperCase() as Hex })),
        () => journal.writeBeforeSign(action({ jobId: "0x1" })),
        () => journal.writeBeforeSign(action({ digest: "0x" })),
        () => journal.writeBeforeSign(action({ stage: -1 })),
        () => journal.writeBeforeSign(action({ stage: 65_536 })),
        () => journal.writeBeforeSign(action({ stage: 0.5 })),
        () => journal.writeBeforeSign(action({ round: 256 })),
        () => journal.writeBeforeSign(action({ kind: "" })),
        () => journal.writeBeforeSign(action({ kind: "commit " })),
        () => journal.writeBeforeSign(action({ kind: "x".repeat(49) })),
        () => journal.writeBeforeSign(action(), { job: job({ role: "boss" as "seat" }) }),
        () => journal.record({ job: job({ deadlineMs: Number.NaN }) }),
        () => journal.record({ job: job({ data: new Uint8Array((1 << 20) + 1) }) }),
        () => journal.record({ job: job({ data: "text" as unknown as Uint8Array }) }),
        () => journal.record({ messages: [message({ kind: "gossip" as "commit" })] }),
        () => journal.record({ transactions: [sent({ account: "0x12" })] }),
        () => journal.record({ transactions: [sent({ status: "lost" as "sent" })] }),
        () => journal.setCursor({ chainId: 0n, number: 1n, hash: hash(1) }),
        () => journal.setCursor({ chainId: 1n, number: -1n, hash: hash(1) }),
        () => journal.setCursor({ chainId: 1n, number: 1n, hash: "0x00" }),
        () => journal.jobRows("0x"),
        () => journal.lastNonce("0x"),
        () => journal.recentCursors(-1),
        () => journal.rewindTo(-1n),
        () => journal.prune(-1),
      ];
      for (const call of bad) await expectCode("FIELD_INVALID", call);
      expect(journal.openJobs()).to.deep.equal([]);
      expect(journal.cursor()).to.equal(null);
    });

    it("error: JOURNAL_CLOSED", async () => {
      journal.close();
      journal.close();
      await expectCode("JOURNAL_CLOSED", () => journal.writeBeforeSign(action()));
      await expectCode("JOURNAL_CLOSED", () => journal.openJobs());
    });
  });
}
