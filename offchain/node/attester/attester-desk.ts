// SPDX-License-Identifier: GPL-3.0-or-later
import {
  BOARD_NOTICE,
  CASE_CHALLENGED,
  CASE_DECIDED,
  CASE_FAILED,
  CASE_OPEN,
  CASE_RULED,
  type BoardCase,
  type BoardEvent,
} from "../../adapters/chain/verdict-board.ts";
import { bytesToBig, bigToBytes, type Hex } from "../../core/bytes.ts";
import { hasCode } from "../../core/errors.ts";
import type { Journal } from "../../core/ports/journal.ts";
import type { Logger } from "../../core/ports/logger.ts";
import type { Metrics } from "../../core/ports/metrics.ts";
import { ZERO_BYTES32 } from "../../core/types.ts";
import type { Judgement } from "../../engines/tee/board.ts";
import type { TrustRoots } from "../../engines/tee/roots.ts";
import type { BoardPort } from "./board-port.ts";
import { caseDigest, judgeShown, type CasePlace } from "./judge-shown.ts";

export interface AttesterDeskOptions {
  /** Blocks on top of the one that draws the seats, before anything is said. */
  readonly confirmations: number;
  /** Stakes of so many verdicts stay on the board; what is more goes to the owner. */
  readonly verdicts: number;
  /** Quits, serves what it was drawn for, and takes everything back. */
  readonly isLeaving: boolean;
  /** More between this machine's clock and the newest block, and nothing is staked: one of the two is wrong. Seconds. */
  readonly maxSkewSec: number;
  /** Pause between payments to the owner, chain seconds; 0: never. */
  readonly payEverySec: number;
  /** Over so long the attesters of a case spread its end, so that one of them pays for it: chain seconds. */
  readonly spreadSec: number;
}

export interface AttesterDeskModules {
  readonly board: BoardPort;
  readonly roots: TrustRoots;
  readonly journal: Pick<Journal, "writeBeforeSign" | "record" | "job" | "openJobs">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Wall clock minus chain time, seconds. */
  readonly skewSec: () => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Attested extends Judgement {
  readonly caseId: bigint;
  readonly round: number;
  readonly hash: Hex;
}

interface Head {
  readonly number: bigint;
  /** Unix seconds. */
  readonly timestamp: bigint;
}

/** A case that may concern this account. */
interface Tracked {
  readonly caseId: bigint;
  openedBlock: bigint | null;
  /** Must be looked at in the next block. */
  isDirty: boolean;
  /** Chain time at which it must be looked at anyhow. */
  wakeAt: number | null;
  /** Digest of the case when last seen; another one is another case under the number. */
  key: Hex | null;
  closeAt: number | null;
  /** Seconds that are left for a word that is owed. */
  slack: number | null;
  readonly told: Set<string>;
}

/** What withheld a word: nothing is staked on what cannot be known. */
type Withheld = "clock" | "funds" | "evidence" | "changed";

/** A verdict can be challenged for a week, and its jury votes for at most a day: older cases are over. */
const REACH_SEC = 9 * 86_400;
/** Blocks from a case's opening to the one that draws its seats. */
const DRAW_DELAY = 2n;
/** Blocks that a reorganisation may replace. */
const REMEMBERED = 256n;
const ROUNDS = [0, 1] as const;
/** Of a vote's time: from here on a word that is owed is warned about. */
const LATE_PART = 4;
const UNSAID = "unsaid";
const SAID = "said";

/**
 * An attester's standing duty. It sees cases by the board's events, verifies those that this account was drawn for, says once what its
 * own verifier says, ends cases that hold its stake, and pays what is over to the owner. All that it knows of a case is read from the
 * chain again before it acts, so restarts and reorganisations need no memory but one: which word was said of which case, which stands
 * in the journal before it is sent, and is never contradicted.
 */
export class AttesterDesk {
  readonly #options: AttesterDeskOptions;
  readonly #modules: AttesterDeskModules;
  readonly #cases = new Map<bigint, Tracked>();
  readonly #staked = new Set<string>();
  /** Words are said one after another: each stakes from the same balance. */
  #turn: Promise<unknown> = Promise.resolve();
  #paidAt: number | null = null;
  #wasMember = false;

  constructor(options: AttesterDeskOptions, modules: AttesterDeskModules) {
    this.#options = options;
    this.#modules = modules;
    modules.metrics.set("assay_attester_slack_seconds", {}, -1);
    modules.metrics.set("assay_attester_staked_count", {}, 0);
  }

  /**
   * Takes up cases that can still be voted on and those that the journal holds a word of. Returns the first block whose events can
   * matter, null for any. Errors: RPC_UNAVAILABLE.
   */
  async restore(head: Head): Promise<bigint | null> {
    const { board, journal } = this.#modules;
    for (const row of journal.openJobs()) if (row.role === "attester") this.#track(bytesToBig(row.data), null);
    const count = await board.count();
    let first = head.number > REMEMBERED ? head.number - REMEMBERED : 0n;
    // A jury's draw hides the block of a case's opening: an older one bounds it.
    let isHidden = false;
    for (let caseId = count; caseId > 0n; caseId -= 1n) {
      const known = await board.case(caseId);
      if (known === null) continue;
      const isOld = BigInt(known.openedAt + REACH_SEC) < head.timestamp;
      if (known.round === 0) [first, isHidden] = [BigInt(known.seedBlock) - DRAW_DELAY, false];
      else if (!isOld) isHidden = true;
      if (isOld && !isHidden) return first;
      if (!isOld) this.#track(caseId, null);
    }
    return isHidden ? null : first;
  }

  #track(caseId: bigint, openedBlock: bigint | null): void {
    const one = this.#cases.get(caseId);
    if (one === undefined) {
      const fresh = { isDirty: true, wakeAt: null, key: null, closeAt: null, slack: null, told: new Set<string>() };
      this.#cases.set(caseId, { caseId, openedBlock, ...fresh });
      return;
    }
    one.isDirty = true;
    one.openedBlock = openedBlock ?? one.openedBlock;
  }

  /** What blocks told, in order; the same again does no harm. */
  onEvents(events: readonly BoardEvent[]): void {
    for (const { caseId, openedBlock } of events) this.#track(caseId, openedBlock);
  }

  /** Blocks above `number` are gone: whatever rested on them is read again, and where the evidence stands must be told again. */
  onRewind(number: bigint): void {
    for (const one of this.#cases.values()) {
      one.isDirty = true;
      if (one.openedBlock !== null && one.openedBlock > number) one.openedBlock = null;
    }
  }

  /** Everything that is due in a new block. One case's failure leaves the others alone. */
  async step(head: Head): Promise<readonly Attested[]> {
    const { logger, metrics } = this.#modules;
    const now = Number(head.timestamp);
    const due = [...this.#cases.values()].filter(
      ({ isDirty, wakeAt }) => isDirty || (wakeAt !== null && now >= wakeAt),
    );
    const done = await Promise.all(
      due.map(async (one) =>
        this.#look(one, head).catch((error: unknown) => {
          one.isDirty = true;
          if (!one.told.has("failed")) logger.warn("attester.failed", { count: Number(one.caseId), error });
          one.told.add("failed");
          return null;
        }),
      ),
    );
    const slacks = [...this.#cases.values()].flatMap(({ slack }) => (slack === null ? [] : [slack]));
    metrics.set("assay_attester_slack_seconds", {}, slacks.length === 0 ? -1 : Math.min(...slacks));
    metrics.set("assay_attester_staked_count", {}, this.#staked.size);
    await this.#keepMoney(now).catch((error: unknown) => logger.warn("attester.payment-failed", { error }));
    return done.filter((one) => one !== null);
  }

  async #look(one: Tracked, head: Head): Promise<Attested | null> {
    const { board } = this.#modules;
    const known = await board.case(one.caseId);
    one.slack = null;
    if (known === null) {
      // Its number may be given again: then its opening is told again.
      this.#leaveKey(one);
      this.#forget(one);
      return null;
    }
    const key = caseDigest(this.#place(one), known);
    if (one.key !== key) {
      this.#leaveKey(one);
      one.key = key;
      one.closeAt = null;
      one.told.clear();
    }
    const said = await Promise.all(ROUNDS.map(async (round) => round <= known.round ? board.said(one.caseId, round) : ZERO_BYTES32)); // prettier-ignore
    const isVote = known.state === CASE_OPEN || known.state === CASE_CHALLENGED;
    const isOver = !isVote && known.state !== CASE_DECIDED;
    for (const round of ROUNDS) this.#reconcile(one, known, round, said[round] ?? ZERO_BYTES32, isVote, isOver);
    if (isOver) {
      this.#forget(one);
      return null;
    }
    const stakes = said.some((word) => word !== ZERO_BYTES32);
    if (Number(head.timestamp) > known.deadline) return this.#end(one, known, stakes, head);
    one.isDirty = isVote;
    one.wakeAt = stakes ? known.deadline + 1 : null;
    if (!isVote) {
      if (!stakes) this.#forget(one);
      return null;
    }
    if (head.number < BigInt(known.seedBlock + this.#options.confirmations)) return null;
    // A word can be lost with its block: until the vote is over it is looked for in each new one.
    if (said[known.round] !== ZERO_BYTES32) return null;
    const isSeated = await board.isSeated(one.caseId, known.round);
    if (isSeated === false) one.isDirty = false;
    if (isSeated !== true) return null;
    return this.#vote(one, known, key, Number(head.timestamp));
  }

  #place({ caseId }: Tracked): CasePlace {
    const { chainId, board } = this.#modules.board;
    return { chainId, board, caseId };
  }

  /** The case that was seen under the number is gone with its blocks; what was said of it stays in the journal. */
  #leaveKey(one: Tracked): void {
    const { key } = one;
    if (key === null) return;
    for (const round of ROUNDS) {
      this.#staked.delete(`${key}/${round}`);
      const row = this.#modules.journal.job({ jobId: key, role: "attester", stage: 0, round });
      if (row !== null) this.#write(one, key, round, row.state, true);
    }
  }

  #forget(one: Tracked): void {
    this.#cases.delete(one.caseId);
  }

  /** Brings the journal's row of a round in line with what the chain says. */
  #reconcile(one: Tracked, known: BoardCase, round: number, word: Hex, isVote: boolean, isOver: boolean): void {
    const { journal, logger, metrics } = this.#modules;
    const jobId = one.key ?? ZERO_BYTES32;
    const name = `${jobId}/${round}`;
    const row = journal.job({ jobId, role: "attester", stage: 0, round });
    const says = word !== ZERO_BYTES32;
    if (says && !isOver) this.#staked.add(name);
    else this.#staked.delete(name);
    const isRoundOver = isOver || (round === known.round ? !isVote : true);
    const isDone = isOver || (isRoundOver && !says);
    if (says || row !== null) {
      if (row?.done === true && isDone) return;
      this.#write(one, jobId, round, says ? SAID : UNSAID, isDone);
    }
    if (!isOver || !says) return;
    const upheld = known.state === CASE_FAILED ? "failed" : known.state === CASE_RULED && known.word !== word ? "overruled" : "stood"; // prettier-ignore
    metrics.count("assay_attester_ended_total", { outcome: upheld });
    const say = { count: Number(one.caseId), round, state: upheld };
    if (upheld === "overruled") logger.error("attester.overruled", say);
    else logger.info("attester.ended", say);
  }

  #write(one: Tracked, jobId: Hex, round: number, state: string, done: boolean): void {
    const data = bigToBytes(one.caseId, 32);
    this.#modules.journal.record({
      job: { jobId, role: "attester", stage: 0, round, state, done, deadlineMs: null, data },
    });
  }

  /** A vote or a verdict's week that is over: whoever has a stake in it ends it. */
  async #end(one: Tracked, known: BoardCase, stakes: boolean, head: Head): Promise<null> {
    const { board, logger, metrics, random } = this.#modules;
    const now = Number(head.timestamp);
    if (!stakes) {
      if (one.told.has("seated")) {
        metrics.count("assay_attester_ended_total", { outcome: "missed" });
        logger.error("attester.missed", { count: Number(one.caseId), round: known.round });
      }
      this.#forget(one);
      return null;
    }
    one.closeAt ??= known.deadline + 1 + Math.floor(random() * this.#options.spreadSec);
    one.isDirty = false;
    one.wakeAt = one.closeAt;
    if (now < one.closeAt) return null;
    one.isDirty = true;
    try {
      await board.close(one.caseId);
      logger.info("attester.closed", { count: Number(one.caseId) });
    } catch (error) {
      // Somebody else was faster.
      if (!hasCode(error, "REVERTED") && !hasCode(error, "TRANSACTION_REVERTED")) throw error;
    }
    return null;
  }

  #withhold(one: Tracked, reason: Withheld, error?: unknown): null {
    const { logger, metrics } = this.#modules;
    metrics.count("assay_attester_withheld_total", { reason });
    if (!one.told.has(reason))
      logger.error("attester.withheld", { count: Number(one.caseId), reason, ...(error === undefined ? {} : { error }) }); // prettier-ignore
    one.told.add(reason);
    return null;
  }

  async #vote(one: Tracked, known: BoardCase, key: Hex, now: number): Promise<Attested | null> {
    const { board, roots, logger, skewSec } = this.#modules;
    const { caseId } = one;
    one.slack = known.deadline - now;
    if (!one.told.has("seated")) logger.info("attester.drawn", { count: Number(caseId), round: known.round, deadlineMs: known.deadline * 1000 }); // prettier-ignore
    one.told.add("seated");
    if (one.slack < (known.deadline - known.drawnAt) / LATE_PART && !one.told.has("late")) {
      one.told.add("late");
      logger.warn("attester.late", { count: Number(caseId), round: known.round, deadlineMs: known.deadline * 1000 });
    }
    // An endpoint that lags or serves a chain of its own shows cases that are not.
    if (Math.abs(skewSec()) > this.#options.maxSkewSec) return this.#withhold(one, "clock");
    // The block of the opening is told by its event, when it is deep enough.
    if (one.openedBlock === null) return null;
    let judgement: Judgement;
    try {
      const shown = await board.shown(caseId, one.openedBlock);
      judgement = judgeShown(this.#place(one), known, shown, roots);
    } catch (error) {
      if (!hasCode(error, "NO_CONTRACT") && !hasCode(error, "HEX_INVALID")) throw error;
      return this.#withhold(one, "evidence", error);
    }
    const said = this.#turn.then(async () => this.#say(one, known, key, judgement));
    this.#turn = said.catch(() => undefined);
    return said;
  }

  async #say(one: Tracked, { round }: BoardCase, key: Hex, judgement: Judgement): Promise<Attested | null> {
    const { board, journal, logger, metrics } = this.#modules;
    const { caseId } = one;
    const { word, refusal } = judgement;
    const { stake, balance } = await board.terms();
    if (balance < stake) return this.#withhold(one, "funds");
    const row = { jobId: key, role: "attester", stage: 0, round, state: UNSAID, done: false, deadlineMs: null } as const; // prettier-ignore
    try {
      const action = { jobId: key, stage: 0, round, kind: "verdict", digest: word };
      journal.writeBeforeSign(action, { job: { ...row, data: bigToBytes(caseId, 32) } });
    } catch (error) {
      // Verification is a pure function: if it changed its mind, this machine or its verifier is not to be staked on.
      if (!hasCode(error, "ALREADY_SIGNED")) throw error;
      return this.#withhold(one, "changed", error);
    }
    try {
      const hash = await board.post({ caseId, about: key, word });
      one.slack = null;
      metrics.count("assay_attester_verdicts_total", { says: refusal === null ? "genuine" : "refused" });
      logger.info("attester.said", { count: Number(caseId), round, digest: word, tx: hash, ...(refusal === null ? {} : { reason: refusal }) }); // prettier-ignore
      return { ...judgement, caseId, round, hash };
    } catch (error) {
      // Decided or replaced meanwhile, or said before the last crash: the next block shows which.
      if (!hasCode(error, "REVERTED") && !hasCode(error, "TRANSACTION_REVERTED")) throw error;
      logger.debug("attester.not-needed", { count: Number(caseId), error });
      return null;
    }
  }

  /** Pays what is over to the owner, and takes the steps of leaving. */
  async #keepMoney(now: number): Promise<void> {
    const { board, logger, metrics } = this.#modules;
    const { isLeaving, payEverySec, verdicts } = this.#options;
    if (payEverySec === 0 || (this.#paidAt !== null && now < this.#paidAt + payEverySec)) return;
    this.#paidAt = now;
    const member = await board.member();
    const isMember = member !== null && member.leftAt === 0;
    metrics.set("assay_attester_member_state", {}, isMember ? 1 : 0);
    if (this.#wasMember && !isMember && !isLeaving) logger.error("attester.out", { amount: member?.reserve ?? 0n });
    this.#wasMember = isMember;
    if (isLeaving && isMember) return board.quit();
    if (member !== null && member.leftAt !== 0 && now > member.leftAt + BOARD_NOTICE) await board.free(member.slot);
    // Whoever put tokens there to join is about to.
    if (member === null && !isLeaving) return undefined;
    const { stake, balance } = await board.terms();
    const keeps = member === null ? 0 : Math.max(0, verdicts - this.#staked.size);
    const over = balance - BigInt(keeps) * stake;
    if (over <= 0n) return undefined;
    await board.withdraw(over);
    logger.info("attester.paid", { amount: over });
    return undefined;
  }
}
