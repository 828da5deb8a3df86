// SPDX-License-Identifier: GPL-3.0-or-later
import {
  CASE_CHALLENGED,
  CASE_DECIDED,
  CASE_FAILED,
  CASE_OPEN,
  CASE_RULED,
  type BoardCase,
  type BoardEvent,
  type BoardMember,
  type CaseWord,
} from "../../../offchain/adapters/chain/verdict-board.ts";
import { ChainError } from "../../../offchain/adapters/chain/errors.ts";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { keccakText, toWord } from "../../../offchain/core/tagged-hash.ts";
import { ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { caseHash } from "../../../offchain/engines/tee/board.ts";
import type { BoardPort } from "../../../offchain/node/attester/board-port.ts";
import { caseDigest } from "../../../offchain/node/attester/judge-shown.ts";

const NOBODY: Hex = `0x${"0".repeat(40)}`;
const refuse = (name: string) => new ChainError("REVERTED", { call: "call", name, args: "" });

interface Shown {
  readonly evidence: Hex;
  readonly endorsements: Hex;
}

interface Kept {
  known: BoardCase;
  shown: Shown | null;
  readonly block: bigint;
  seats: boolean[];
}

/** The rules of `VerdictBoard` that one attester meets, over cases that a test writes. */
export class FakeBoard implements BoardPort {
  readonly chainId: bigint;
  readonly board: Hex;
  readonly account: Hex = `0x${"a".repeat(40)}`;
  readonly stake = 100n;
  readonly cases = new Map<bigint, Kept>();
  readonly words = new Map<string, Hex>();
  /** Everything that was sent, in order. */
  readonly sent: string[] = [];
  balance = 400n;
  place: BoardMember | null = { slot: 1, leftAt: 0, reserve: 100n };
  now = 0;
  /** The next word is sent and lost with its block. */
  loses = false;
  isDown = false;
  /** What happens while a word is under way. */
  onPost = (): void => undefined;

  constructor(chainId = 31_337n, board: Hex = `0x${"b".repeat(40)}`) {
    this.chainId = chainId;
    this.board = board;
  }

  /** A case as the board would write it, seated for this account. */
  open(caseId: bigint, block: bigint, openedAt: number, evidence: Uint8Array, vendor = 4): BoardEvent {
    const none = new Uint8Array();
    const known: BoardCase = {
      payer: NOBODY,
      openedAt,
      deadline: openedAt + 3_600,
      challenger: NOBODY,
      drawnAt: openedAt,
      standsFrom: 0,
      state: CASE_OPEN,
      vendor,
      round: 0,
      pool: 20,
      seedBlock: Number(block) + 2,
      escrow: 5n,
      evidenceHash: caseHash(vendor, evidence, none),
      challenge: keccakText("block"),
      plain: ZERO_BYTES32,
      word: ZERO_BYTES32,
    };
    this.cases.set(caseId, { known, shown: { evidence: toHex(evidence), endorsements: "0x" }, block, seats: [true, true] }); // prettier-ignore
    return { caseId, openedBlock: block };
  }

  at(caseId: bigint): Kept {
    const kept = this.cases.get(caseId);
    if (kept === undefined) throw refuse("CaseStateWrong");
    return kept;
  }

  edit(caseId: bigint, change: Partial<BoardCase>): void {
    const kept = this.at(caseId);
    kept.known = { ...kept.known, ...change };
  }

  decide(caseId: bigint, word: Hex): void {
    this.edit(caseId, { state: CASE_DECIDED, word, deadline: this.at(caseId).known.openedAt + 7 * 86_400 });
  }

  challenge(caseId: bigint, block: number): void {
    this.edit(caseId, { state: CASE_CHALLENGED, round: 1, seedBlock: block + 2, drawnAt: this.now, deadline: this.now + 3_600 }); // prettier-ignore
  }

  /** What a ruling releases is this account's again, if it said the same. */
  rule(caseId: bigint, word: Hex): void {
    this.edit(caseId, { state: CASE_RULED, word });
    for (const round of [0, 1]) if (this.words.get(`${caseId}/${round}`) === word) this.balance += this.stake;
  }

  #check(): void {
    if (this.isDown) throw new ChainError("RPC_UNAVAILABLE", { url: "http://127.0.0.1", reason: "down" });
  }

  async count(): Promise<bigint> {
    this.#check();
    return [...this.cases.keys()].reduce((most, id) => (id > most ? id : most), 0n);
  }

  async case(caseId: bigint): Promise<BoardCase | null> {
    this.#check();
    return this.cases.get(caseId)?.known ?? null;
  }

  async isSeated(caseId: bigint, round: number): Promise<boolean | null> {
    this.#check();
    return this.at(caseId).seats[round] ?? false;
  }

  async said(caseId: bigint, round: number): Promise<Hex> {
    this.#check();
    return this.words.get(`${caseId}/${round}`) ?? ZERO_BYTES32;
  }

  async shown(caseId: bigint, openedBlock: bigint): Promise<Shown> {
    this.#check();
    const { shown, block } = this.at(caseId);
    if (shown === null || block !== openedBlock)
      throw new ChainError("NO_CONTRACT", { name: `case ${caseId}`, address: this.board, chain: Number(this.chainId) });
    return shown;
  }

  async terms() {
    this.#check();
    return { stake: this.stake, balance: this.balance };
  }

  async member(): Promise<BoardMember | null> {
    this.#check();
    return this.place;
  }

  async post({ caseId, about, word }: CaseWord): Promise<Hex> {
    this.#check();
    this.onPost();
    const { known, seats } = this.at(caseId);
    const name = `${caseId}/${known.round}`;
    if (known.state !== CASE_OPEN && known.state !== CASE_CHALLENGED) throw refuse("CaseStateWrong");
    if (this.now > known.deadline) throw refuse("TooLate");
    if (caseDigest({ chainId: this.chainId, board: this.board, caseId }, known) !== about) throw refuse("CaseReplaced");
    if (seats[known.round] !== true) throw refuse("NotSeated");
    if (this.words.has(name)) throw refuse("AlreadyPosted");
    if (this.balance < this.stake) throw refuse("BalanceTooLow");
    this.sent.push(`post ${name} ${word}`);
    if (this.loses) return keccakText("lost");
    this.balance += 1n - this.stake;
    this.words.set(name, word);
    return toWord(this.sent.length);
  }

  async close(caseId: bigint): Promise<void> {
    this.#check();
    const { known } = this.at(caseId);
    if (this.now <= known.deadline) throw refuse("TooEarly");
    this.sent.push(`close ${caseId}`);
    this.edit(caseId, { state: known.state === CASE_DECIDED ? 6 : CASE_FAILED });
    for (const round of [0, 1]) if (this.words.has(`${caseId}/${round}`)) this.balance += this.stake;
  }

  async quit(): Promise<void> {
    this.sent.push("quit");
    if (this.place !== null) this.place = { ...this.place, leftAt: this.now };
  }

  async free(slot: number): Promise<void> {
    this.sent.push(`free ${slot}`);
    this.balance += this.place?.reserve ?? 0n;
    this.place = null;
  }

  async withdraw(amount: bigint): Promise<void> {
    this.sent.push(`withdraw ${amount}`);
    this.balance -= amount;
  }
}
