// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryJournal } from "../../../../offchain/adapters/store/memory-journal.ts";
import { silentLogger } from "../../../../offchain/adapters/observe/silent-logger.ts";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import type { Journal } from "../../../../offchain/core/ports/journal.ts";
import type { Metrics } from "../../../../offchain/core/ports/metrics.ts";
import { keccakText } from "../../../../offchain/core/tagged-hash.ts";
import { REFUSED } from "../../../../offchain/engines/tee/board.ts";
import type { TrustRoots } from "../../../../offchain/engines/tee/roots.ts";
import { AttesterDesk, type AttesterDeskOptions } from "../../../../offchain/node/attester/attester-desk.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { FakeBoard } from "../../../support/tee/fake-board.ts";
import { NOW, REPORT, simulated } from "../../../support/tee/simulated.ts";

const T = Number(NOW);
const OPTIONS: AttesterDeskOptions = {
  confirmations: 3,
  verdicts: 2,
  isLeaving: false,
  maxSkewSec: 60,
  payEverySec: 0,
  spreadSec: 0,
};

describe("an attester's standing duty", () => {
  const platform = simulated();
  const { bytes: document } = platform.attest("nitro-cose", REPORT).evidence;
  const genuine = platform.roots(["aws"]);

  /** One attester over a board; `restart` begins again with what a disk keeps. */
  function stand(change: Partial<AttesterDeskOptions> = {}, board = new FakeBoard()) {
    let journal: Journal = new MemoryJournal({ clock: new ManualClock() });
    let skew = 0;
    let roots: TrustRoots = genuine;
    const counted: string[] = [];
    const gauges = new Map<string, number>();
    const lines: string[] = [];
    const logger = { ...silentLogger, warn: (evt: string) => void lines.push(evt), error: (evt: string) => void lines.push(evt) }; // prettier-ignore
    const metrics: Metrics = {
      count: (name, labels) => void counted.push([name.replace("assay_attester_", ""), ...Object.values(labels)].join(" ")), // prettier-ignore
      set: (name, _labels, value) => void gauges.set(name.replace("assay_attester_", ""), value),
      observe: () => undefined,
    };
    const make = () =>
      new AttesterDesk(
        { ...OPTIONS, ...change },
        { board, roots, journal, logger, metrics, skewSec: () => skew, random: () => 0.5 },
      );
    let desk = make();
    let number = 100n;
    return {
      board,
      counted,
      gauges,
      lines,
      get journal() {
        return journal;
      },
      /** A case opened in the newest block, and told. */
      open: (caseId: bigint, evidence: Uint8Array = document) => {
        const told = board.open(caseId, number, T + Number(number - 100n) * 12, evidence);
        desk.onEvents([told]);
        return told;
      },
      /** So many blocks later. */
      pass: async (blocks = 1, seconds = 12 * blocks) => {
        number += BigInt(blocks);
        board.now = Math.max(board.now, T) + seconds;
        return desk.step({ number, timestamp: BigInt(board.now) });
      },
      tell: (...caseIds: readonly bigint[]) => desk.onEvents(caseIds.map((caseId) => ({ caseId, openedBlock: board.cases.get(caseId)?.block ?? null }))), // prettier-ignore
      rewind: (to: bigint) => desk.onRewind(to),
      restart: async () => {
        desk = make();
        return desk.restore({ number, timestamp: BigInt(board.now) });
      },
      setSkew: (seconds: number) => void (skew = seconds),
      setRoots: (now: TrustRoots) => {
        roots = now;
        desk = make();
      },
      loseDisk: () => void (journal = new MemoryJournal({ clock: new ManualClock() })),
    };
  }

  const posts = (board: FakeBoard): readonly string[] => board.sent.filter((one) => one.startsWith("post"));
  const words = (board: FakeBoard): ReadonlySet<string> => new Set(posts(board).map((one) => one.split(" ")[2] ?? ""));

  it("default: R56 what it was drawn for is verified, said once, and the stake is back when the verdict's week is over", async () => {
    const { board, open, pass, tell, gauges, counted } = stand();
    open(1n);
    // The block that draws the seats is 102; three more must lie on it.
    for (const _ of [101, 102, 103, 104]) expect(await pass()).to.deep.equal([]);
    expect(gauges.get("slack_seconds")).to.equal(-1);
    const [said] = await pass();
    expect(said).to.include({ caseId: 1n, round: 0, refusal: null });
    expect(said?.facts?.vendor).to.equal(4);
    for (const _ of [106, 107]) expect(await pass()).to.deep.equal([]);
    expect(posts(board)).to.have.length(1);
    expect(gauges.get("staked_count")).to.equal(1);
    board.decide(1n, said?.word ?? REFUSED);
    tell(1n);
    await pass();
    await pass(1, 7 * 86_400 - 1_000);
    expect(board.sent).to.have.length(1);
    await pass(1, 2_000);
    await pass();
    expect(board.sent.slice(1)).to.deep.equal(["close 1"]);
    expect([board.balance, gauges.get("staked_count")]).to.deep.equal([401n, 0]);
    expect(counted).to.deep.equal(["verdicts_total genuine", "ended_total stood"]);
    await pass(1, 1_000);
    expect(board.sent, "closed once").to.have.length(2);
  });

  it("behavior: a case of others is none of its business, also when it is asked for a jury it does not sit in", async () => {
    const { board, open, pass, gauges } = stand();
    open(1n);
    board.at(1n).seats = [false, false];
    await pass(8);
    board.challenge(1n, 108);
    await pass(8);
    await pass(1, 90_000);
    expect(board.sent).to.deep.equal([]);
    expect(gauges.get("slack_seconds")).to.equal(-1);
  });

  it("R56: behavior: in a jury too it says what its own verifier says, not what the verdict was", async () => {
    const { board, open, pass, tell, counted } = stand();
    open(1n);
    board.at(1n).seats = [false, true];
    board.decide(1n, keccakText("a lie"));
    await pass(8);
    board.challenge(1n, 108);
    tell(1n);
    const [said] = await pass(8);
    expect(said).to.include({ round: 1, refusal: null });
    board.rule(1n, said?.word ?? REFUSED);
    tell(1n);
    await pass();
    expect([board.balance, counted.at(-1)]).to.deep.equal([401n, "ended_total stood"]);
  });

  // --- Hostile evidence -------------------------------------------------------------------------------------------------

  const flipped = Uint8Array.from(document);
  flipped[document.length >> 1] = (flipped[document.length >> 1] ?? 0) ^ 1;
  for (const [what, bytes] of [
    ["one changed bit", flipped],
    ["bytes behind it", Uint8Array.of(...document, 0)],
    ["a cut document", document.subarray(0, -1)],
    ["nothing at all", new Uint8Array()],
    ["the largest size of nested arrays", new Uint8Array(16_384).fill(0x81)],
    ["a length of 2^63", Uint8Array.of(0x9b, 0x7f, ...new Uint8Array(7).fill(0xff))],
  ] as const)
    it(`R56: error: ${what} is refused by one word, and the duty goes on`, async () => {
      const { board, open, pass, counted } = stand();
      open(1n, bytes);
      const [said] = await pass(8);
      expect(said?.word).to.equal(REFUSED);
      open(2n);
      expect((await pass(8))[0]).to.include({ caseId: 2n, refusal: null });
      expect(counted).to.deep.equal(["verdicts_total refused", "verdicts_total genuine"]);
      expect(posts(board)).to.have.length(2);
    });

  it("R56: error: an endpoint that withholds the evidence, shows other bytes, too many, or no bytes gets no word staked", async () => {
    const { board, open, pass, counted } = stand();
    open(1n);
    const honest = board.at(1n).shown;
    const other = platform.attest("nitro-cose", { ...REPORT, reportData: new Uint8Array(64) }).evidence.bytes;
    const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString("hex")}`;
    for (const shown of [
      null,
      { evidence: hex(other), endorsements: "0x" as const },
      { evidence: hex(document), endorsements: "0x00" as const },
      { evidence: hex(new Uint8Array(5_000_000)), endorsements: "0x" as const },
      { evidence: "0xzz" as const, endorsements: "0x" as const },
    ]) {
      board.at(1n).shown = shown;
      expect(await pass(8)).to.deep.equal([]);
    }
    expect(posts(board)).to.deep.equal([]);
    expect(counted).to.deep.equal(Array.from({ length: 5 }, () => "withheld_total evidence"));
    // Shown at last, in time.
    board.at(1n).shown = honest;
    expect((await pass())[0]).to.include({ caseId: 1n, refusal: null });
  });

  it("R56: behavior: one document shown twice, to two boards or on two chains, has a word of its own each time", async () => {
    const { board, open, pass } = stand();
    open(1n);
    open(2n);
    await pass(8);
    const far = stand({}, new FakeBoard(1n));
    far.open(1n);
    await far.pass(8);
    const beside = stand({}, new FakeBoard(31_337n, `0x${"c".repeat(40)}`));
    beside.open(1n);
    await beside.pass(8);
    const all = [...words(board), ...words(far.board), ...words(beside.board)];
    expect(new Set(all).size).to.equal(4);
    expect(all).to.have.length(4);
  });

  // --- Restarts and reorganisations ------------------------------------------------------------------------------------

  it("R56: behavior: a restart finds what it owes and what it has at stake, also where the board forgot to tell", async () => {
    const { board, open, pass, tell, restart, gauges } = stand();
    open(1n);
    await pass(8);
    open(2n);
    // Case 2 was opened in block 108: events from there on matter, and those of case 1, in block 100.
    expect(await restart()).to.equal(100n);
    tell(2n);
    await pass(8);
    expect([...board.words.keys()]).to.deep.equal(["1/0", "2/0"]);
    board.decide(1n, board.words.get("1/0") ?? REFUSED);
    board.decide(2n, board.words.get("2/0") ?? REFUSED);
    // Away for a month: the cases are beyond the reach, the stakes are not forgotten.
    await pass(1, 30 * 86_400);
    await restart();
    await pass();
    await pass();
    expect(board.sent.slice(2)).to.have.members(["close 1", "close 2"]);
    expect([board.balance, gauges.get("staked_count")]).to.deep.equal([402n, 0]);
    expect(await restart(), "nothing left but the newest case").to.equal(108n);
  });

  it("R56: behavior: killed between journal and chain, it says the same word and no other", async () => {
    const { board, open, pass, restart, tell } = stand();
    open(1n);
    board.loses = true;
    await pass(8);
    await restart();
    tell(1n);
    board.loses = false;
    await pass();
    await pass();
    expect(posts(board)).to.have.length(2);
    expect(words(board).size).to.equal(1);
  });

  it("R56: error: a verifier that changed its mind between two starts is not staked on", async () => {
    const { board, open, pass, setRoots, restart, tell, counted } = stand();
    open(1n);
    board.loses = true;
    await pass(8);
    board.loses = false;
    setRoots({ simulatedAllowed: false, roots: [] });
    await restart();
    tell(1n);
    await pass(3);
    expect(posts(board)).to.have.length(1);
    expect(counted.at(-1)).to.equal("withheld_total changed");
    // The first word was lost; it still may be said, and nothing else.
    setRoots(genuine);
    await restart();
    tell(1n);
    await pass();
    expect(words(board).size).to.equal(1);
    expect(posts(board)).to.have.length(2);
  });

  it("R56: behavior: a word that was lost with its block is said again; another case under the same number has another word", async () => {
    const { board, open, pass, rewind, journal, gauges } = stand();
    open(1n);
    await pass(5);
    const first = board.words.get("1/0");
    // The block is gone, the case is as it was.
    board.words.clear();
    board.balance = 400n;
    await pass();
    expect(board.words.get("1/0")).to.equal(first);
    // Deeper: the number is another document's now.
    const other = platform.attest("nitro-cose", { ...REPORT, reportData: new Uint8Array(64) }).evidence.bytes;
    board.words.clear();
    board.balance = 400n;
    rewind(99n);
    open(1n, other);
    await pass();
    expect(board.words.size, "the seats' block is not deep enough yet").to.equal(0);
    await pass(8);
    expect(board.words.get("1/0")).to.not.equal(first);
    expect(words(board).size).to.equal(2);
    await pass();
    expect(gauges.get("staked_count")).to.equal(1);
    expect(journal.openJobs(), "the case that is gone is not waited for").to.have.length(1);
  });

  it("R56: behavior: a word that is under way while its case is replaced stakes nothing; the other case gets its own", async () => {
    const { board, open, pass, rewind, journal, lines } = stand();
    open(1n, new Uint8Array([1]));
    board.onPost = () => {
      board.onPost = () => undefined;
      open(1n);
    };
    expect(await pass(8), "REFUSED would be a lie about the document").to.deep.equal([]);
    expect([board.sent, board.balance]).to.deep.equal([[], 400n]);
    rewind(99n);
    open(1n);
    expect((await pass(8))[0]).to.include({ caseId: 1n, refusal: null });
    expect(words(board).has(REFUSED)).to.equal(false);
    expect([lines, journal.openJobs().length]).to.deep.equal([[], 1]);
  });

  it("behavior: a case that is gone altogether is forgotten, and taken up when it is told again", async () => {
    const { board, open, pass, rewind, journal } = stand();
    open(1n);
    await pass(8);
    board.cases.clear();
    board.words.clear();
    rewind(99n);
    expect(await pass()).to.deep.equal([]);
    expect(journal.openJobs()).to.deep.equal([]);
    open(1n);
    await pass(8);
    expect(board.words.size).to.equal(1);
  });

  // --- Money ------------------------------------------------------------------------------------------------------------

  it("R56: error: with the clock off it stakes nothing, and says when time runs short", async () => {
    const { board, open, pass, setSkew, gauges, counted, lines } = stand();
    open(1n);
    for (const skew of [61, -61]) {
      setSkew(skew);
      expect(await pass(8)).to.deep.equal([]);
    }
    expect(gauges.get("slack_seconds")).to.equal(3_600 - 16 * 12);
    expect(counted).to.deep.equal(["withheld_total clock", "withheld_total clock"]);
    expect(lines).to.deep.equal(["attester.withheld"]);
    // A quarter of the vote's hour is left: told once.
    await pass(1, 2_508);
    expect(lines).to.deep.equal(["attester.withheld"]);
    await pass(1, 1);
    await pass(1, 1);
    expect(lines).to.deep.equal(["attester.withheld", "attester.late"]);
    setSkew(-60);
    expect(await pass()).to.have.length(1);
    expect([posts(board).length, gauges.get("slack_seconds")]).to.deep.equal([1, -1]);
  });

  it("behavior: without a free stake nothing is sent; the rewards of earlier words may make one", async () => {
    const { board, open, pass, counted } = stand();
    board.balance = 150n;
    open(1n);
    open(2n);
    await pass(8);
    expect(board.words.size).to.equal(1);
    expect(counted).to.deep.equal(["verdicts_total genuine", "withheld_total funds"]);
    board.balance += 49n;
    await pass();
    expect(board.words.size).to.equal(2);
  });

  it("behavior: a vote without a quorum is ended where its own stake lies in it; a missed one is told", async () => {
    const { board, open, pass, counted } = stand();
    open(1n);
    await pass(8);
    open(2n);
    board.at(2n).shown = null;
    await pass(8);
    await pass(1, 4_000);
    await pass();
    expect(board.sent.slice(1)).to.deep.equal(["close 1"]);
    expect(counted.filter((one) => one.startsWith("ended"))).to.have.members(["ended_total failed", "ended_total missed"]); // prettier-ignore
  });

  it("error: an overruled word is told once, with what it cost", async () => {
    const { board, open, pass, tell, restart, counted } = stand();
    open(1n);
    await pass(8);
    board.rule(1n, keccakText("eight of eleven"));
    tell(1n);
    await pass();
    await restart();
    tell(1n);
    await pass();
    expect(counted.filter((one) => one.startsWith("ended"))).to.deep.equal(["ended_total overruled"]);
    expect(board.balance).to.equal(301n);
  });

  it("behavior: fees above the stakes that it keeps go to the owner, at the pace that is set", async () => {
    const { board, pass } = stand({ payEverySec: 600 });
    await pass();
    expect(board.sent).to.deep.equal(["withdraw 200"]);
    board.balance += 7n;
    await pass();
    expect(board.sent).to.have.length(1);
    await pass(1, 600);
    expect(board.sent[1]).to.equal("withdraw 7");
  });

  it("behavior: what somebody put there to join with is left alone", async () => {
    const { board, pass } = stand({ payEverySec: 600 });
    board.place = null;
    await pass();
    expect(board.sent).to.deep.equal([]);
  });

  it("behavior: leaving serves what it was drawn for, then takes reserve, stakes and fees", async () => {
    const { board, open, pass, tell } = stand({ isLeaving: true, payEverySec: 60 });
    open(1n);
    await pass(8);
    expect(board.sent.map((one) => one.split(" ")[0])).to.deep.equal(["post", "quit"]);
    board.decide(1n, board.words.get("1/0") ?? REFUSED);
    tell(1n);
    await pass(1, 3_600);
    // One stake stays for a vote that it may still be drawn for.
    expect(board.sent[2]).to.equal("withdraw 201");
    await pass(1, 86_400);
    expect(board.sent[3]).to.equal("free 1");
    await pass(1, 7 * 86_400);
    await pass(1, 60);
    await pass(1, 60);
    expect(board.sent.slice(4).some((one) => one === "close 1")).to.equal(true);
    expect(board.balance).to.equal(0n);
    const paid = board.sent.flatMap((one) => (one.startsWith("withdraw") ? [BigInt(one.slice(9))] : []));
    expect(
      paid.reduce((sum, one) => sum + one, 0n),
      "400, a reward and the reserve",
    ).to.equal(501n);
  });

  it("behavior: an endpoint that is away loses nothing", async () => {
    const { board, open, pass } = stand();
    open(1n);
    board.isDown = true;
    expect(await pass(8)).to.deep.equal([]);
    board.isDown = false;
    expect(await pass()).to.have.length(1);
  });
});
