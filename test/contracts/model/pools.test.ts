// SPDX-License-Identifier: GPL-3.0-or-later
// Pools of every size around what a job's seats and its escalations need: what is granted, what is refused, and how
// disputes end there.
import { expect } from "chai";
import { SEAT, REASON } from "../../../offchain/core/settle-types.ts";
import { STATE_FINAL } from "../../../offchain/core/types.ts";
import { Arena } from "../../support/arena/arena.ts";
import type { ModelJob } from "../../support/arena/model.ts";
import { Play, type Casting, type Role } from "../../support/arena/play.ts";
import { CORE_RULES } from "../../support/arena/rules.ts";

type Job = { readonly stages: number; readonly k: number };

const JOBS: readonly Job[] = [
  { stages: 1, k: 2 },
  { stages: 1, k: 3 },
  { stages: 2, k: 3 },
  { stages: 3, k: 3 },
  { stages: 1, k: 5 },
];
const SEED = 7;

/** Seats of round 0; with one escalation of a stage; with both: protocol.md section 5. */
const bounds = ({ stages, k }: Job) => ({ none: stages * k, one: stages * k + 2 * k + 1, two: stages * k + 6 * k + 4 });
const around = (job: Job): number[] => Object.values(bounds(job)).flatMap((bound) => [bound - 1, bound, bound + 1]);

const honest: Casting = (n) => Array.from({ length: n }, (): Role => "honest");
/** No quorum ever agrees. */
const split: Casting = (n) => {
  const roles = ["wrong", "honest", "scattered"] as const;
  return Array.from({ length: n }, (_, i): Role => roles[i % 3] ?? "honest");
};
/** The first committee of every stage is captured over the head of one honest seat (two say two things where k = 2). */
const captured: Casting = (n, rng, at) =>
  at.round === 0 ? Array.from({ length: n }, (_, i): Role => (i === 0 ? "honest" : "wrong")) : honest(n, rng, at);

describe("pools around their bounds", function () {
  this.timeout(300_000);
  let arena: Arena;

  before(async () => {
    arena = await Arena.deploy();
    for (const stages of [1, 2, 3]) await arena.model(stages);
  });

  const sizes = [...new Set(JOBS.flatMap(around))].toSorted((a, b) => a - b);

  it("behavior: rounds granted, requests refused and disputes ended, at every size", async () => {
    for (const size of sizes) {
      await arena.join(size);
      const begin = await arena.snapshot();
      for (const job of JOBS) {
        if (!around(job).includes(size)) continue;
        const what = `${size} workers, ${job.stages} stages of ${job.k}`;
        await grants(job, size, begin, what);
        if (size < bounds(job).none) continue;
        await undecided(job, size, begin, what);
        await recovered(job, size, begin, what);
      }
      await begin();
    }
    expect(sizes.length).to.be.greaterThan(25);
  });

  async function play(casting: Casting, begin: () => Promise<void>): Promise<Play> {
    await begin();
    return Play.begin(arena, CORE_RULES, { casting, seed: SEED, careful: false });
  }

  const roundsOf = (job: Job, size: number): number => (size >= bounds(job).two ? 2 : Number(size >= bounds(job).one));

  async function grants(job: Job, size: number, begin: () => Promise<void>, what: string): Promise<void> {
    const all = await play(honest, begin);
    const isLarge = size >= bounds(job).two;
    const strict = await all.request({ ...job, window: 0 });
    expect(strict?.rounds, `${what}, SMALL_POOL unset`).to.equal(isLarge ? 2 : undefined);
    const insured = await all.request({ ...job, window: 600, insured: 1n, smallPool: true });
    expect(insured?.rounds, `${what}, insured`).to.equal(isLarge ? 2 : undefined);
    const small = await all.request({ ...job, window: 0, smallPool: true });
    expect(small?.rounds, what).to.equal(size < bounds(job).none ? undefined : roundsOf(job, size));
    await all.finish();
    for (const done of all.model.jobs) expect(done.state, what).to.equal(STATE_FINAL);
    expect(all.wrongs()).to.deep.equal([]);
  }

  async function disputed(casting: Casting, job: Job, begin: () => Promise<void>) {
    const all = await play(casting, begin);
    const made = await all.request({ ...job, window: 0, smallPool: true });
    if (made === undefined) return expect.fail("the pool seats this job");
    await all.finish();
    return { all, made };
  }

  const slashes = ({ settled }: ModelJob): bigint => settled.reduce((sum, { slash }) => sum + slash, 0n);

  /** Every escalation that was granted hangs: the job ends UNRESOLVED, and nobody is wrong. */
  async function undecided(job: Job, size: number, begin: () => Promise<void>, what: string): Promise<void> {
    const { made } = await disputed(split, job, begin);
    const stage = made.record.tallies.filter((tally) => tally.stage === 0);
    expect(stage.length, what).to.equal(roundsOf(job, size) + 1);
    expect(made.reason, what).to.equal(REASON.UNRESOLVED);
    expect(slashes(made), what).to.equal(0n);
    for (const { kind } of made.settled) expect(kind, what).to.equal(SEAT.UNDECIDED);
  }

  /** A lie over one honest head: the first larger committee undoes it; where there is none the job ends UNRESOLVED. */
  async function recovered(job: Job, size: number, begin: () => Promise<void>, what: string): Promise<void> {
    const { all, made } = await disputed(captured, job, begin);
    expect(all.wrongs(), what).to.deep.equal([]);
    for (const [i, digest] of made.record.boundaries.entries()) expect(digest, what).to.equal(all.truth(made, i));
    if (roundsOf(job, size) === 0) {
      expect([made.reason, slashes(made)], what).to.deep.equal([REASON.UNRESOLVED, 0n]);
      return;
    }
    const liars = made.settled.filter(({ kind }) => kind === SEAT.WRONG);
    expect(liars.length, what).to.be.at.least(job.k - 1);
    for (const { worker } of liars) expect(all.roleOf(made, worker), what).to.equal("wrong");
    if (job.stages === 1) expect(made.state, what).to.equal(STATE_FINAL);
  }
});
