// SPDX-License-Identifier: GPL-3.0-or-later
import { CANDIDATES, drawSeats, drawSeed, ROUND_0_STAGE } from "../../offchain/core/draw.ts";
import { auditSeed, isAuditDrawn } from "../../offchain/core/job-steps.ts";
import { keccakText, toWord, type Word } from "../../offchain/core/tagged-hash.ts";
import { committeeSize } from "../../offchain/core/vote.ts";

export type Pool = {
  readonly workers: number;
  readonly k: number;
  readonly stages: number;
  /** 0 for a vote; else the share, in 1/10,000, of jobs whose one proposal is audited. */
  readonly auditBps: number;
  readonly seed: number;
};

/**
 * Who sits where in jobs 0, 1, 2, …, by the protocol's own draw. Drawn once and kept, so that every behaviour plays in the
 * same committees. Workers 1 to n hold one ticket each: a group that spreads its stake over as many identities as it can is
 * the strongest one.
 */
export class Committees {
  readonly pool: Pool;
  readonly #cells: Uint32Array;
  readonly #escalated = new Map<string, readonly number[]>();
  #round0 = new Uint32Array(0);
  #drawn = new Uint8Array(0);
  #have = 0;

  constructor(pool: Pool) {
    this.pool = pool;
    this.#cells = Uint32Array.from({ length: pool.workers }, (_, i) => i + 1);
  }

  /** Seats of round 0, k a stage; of a sampled job the primary and those who would audit it. */
  round0(job: number): Uint32Array {
    const size = this.pool.stages * this.pool.k;
    while (this.#have <= job) this.#drawNext(size);
    return this.#round0.subarray(job * size, (job + 1) * size);
  }

  /** Whether the lottery falls on a sampled job. */
  isAudited(job: number): boolean {
    this.round0(job);
    return this.#drawn[job] === 1;
  }

  /** The seats of an escalation; `before` are all that sat in the job already. */
  escalated(job: number, stage: number, round: number, before: readonly number[]): readonly number[] {
    const key = `${job}/${stage}/${round}/${before.length}/${before.at(-1) ?? 0}`;
    const known = this.#escalated.get(key);
    if (known !== undefined) return known;
    const seats = this.#draw(job, stage, round, before, committeeSize(this.pool.k, round));
    this.#escalated.set(key, seats);
    return seats;
  }

  #drawNext(size: number): void {
    const job = this.#have;
    if ((job + 1) * size > this.#round0.length) {
      this.#round0 = grown(this.#round0, new Uint32Array(2 * (job + 500) * size));
      this.#drawn = grown(this.#drawn, new Uint8Array(2 * (job + 500)));
    }
    const { auditBps } = this.pool;
    let seats: readonly number[];
    if (auditBps === 0) seats = this.#draw(job, ROUND_0_STAGE, 0, [], size);
    else {
      // A public input: the requester asks the first of its candidates, the lottery's seed seats the auditors.
      const primary = this.#draw(job, ROUND_0_STAGE, 0, [], CANDIDATES).slice(0, 1);
      const seed = auditSeed(this.#beat(job, "audit"), toWord(job));
      this.#drawn[job] = isAuditDrawn(seed, auditBps) ? 1 : 0;
      seats = [...primary, ...this.#seats(seed, primary, size - 1)];
    }
    this.#round0.set(seats, job * size);
    this.#have++;
  }

  #draw(job: number, stage: number, round: number, excluded: readonly number[], n: number): readonly number[] {
    return this.#seats(drawSeed(this.#beat(job, `${stage}/${round}`), toWord(job), stage, round), excluded, n);
  }

  #seats(seed: Word, excluded: readonly number[], n: number): readonly number[] {
    const cellAt = (i: number) => this.#cells[i] ?? 0;
    return drawSeats({ cellAt, length: this.#cells.length, ticketClass: 0, seed, excluded, n });
  }

  /** What a randomness beacon would have said: another word for each event. */
  #beat(job: number, event: string): Word {
    return keccakText(`${this.pool.seed}/${job}/${event}`);
  }
}

function grown<T extends Uint8Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
