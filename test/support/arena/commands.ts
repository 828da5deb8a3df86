// SPDX-License-Identifier: GPL-3.0-or-later
import fc from "fast-check";
import { STATE_HUNG, STATE_OPEN, STATE_WINDOW } from "../../../offchain/core/types.ts";
import { isLive, type ModelJob } from "./model.ts";
import { REWARD } from "./arena.ts";
import type { Play, Shape } from "./play.ts";

/** fast-check's model is the play itself: it holds the model and the contracts, and compares them after every call. */
type Move = fc.AsyncCommand<object, Play>;

const MOST_LIVE = 5;

/** One move of somebody: a call that may be refused, or time. */
function move(name: string, run: (play: Play) => Promise<unknown>): Move {
  return { check: () => true, run: async (_, play) => void (await run(play)), toString: () => name };
}

/** A move on one job: mostly on one that `fits`, each eighth time on any, also on those that ended. */
function onJob(
  name: string,
  at: number,
  run: (play: Play, job: ModelJob) => Promise<unknown>,
  fits: (job: ModelJob) => boolean = isLive,
): Move {
  return move(`${name} job ${at}`, async (play) => {
    const { jobs } = play.model;
    const fitting = jobs.filter(fits);
    const among = at % 8 === 0 || fitting.length === 0 ? jobs : fitting;
    const job = among[at % Math.max(1, among.length)];
    if (job !== undefined) await run(play, job);
  });
}

const isDisputed = ({ state }: ModelJob): boolean => state === STATE_HUNG || state === STATE_WINDOW;
const isSlow = (job: ModelJob): boolean =>
  job.state === STATE_OPEN && (job.phase.posted.size > 0 || job.phase.batched.size > 0);

const shapes = fc.record<Shape>({
  k: fc.constantFrom(2, 3, 3, 3, 5),
  stages: fc.constantFrom(1, 1, 1, 2, 3),
  window: fc.constantFrom(0, 0, 600),
  requester: fc.nat(2),
  smallPool: fc.constantFrom(true, true, false),
  insured: fc.constantFrom(0n, 0n, 0n, 0n, 0n, 1n),
});

const any = fc.nat(1000);
const request = shapes.map((shape) =>
  move(`request ${shape.k} seats, ${shape.stages} stages, window ${shape.window}`, async (play) => {
    if (play.model.jobs.filter(isLive).length < MOST_LIVE) await play.request(shape);
  }),
);
const regret = shapes.map((shape) =>
  move(`request and cancel ${shape.k} seats`, async (play) => {
    const job = await play.request(shape);
    if (job !== undefined) await play.cancel(job);
  }),
);
const progress = any.map((at) => onJob("progress", at, (play, job) => play.progress(job)));
const person = (play: Play, who: number) => {
  const people = [...play.arena.requesters, ...play.arena.workers];
  return people[who % people.length] ?? "0x";
};

/** What moves only the owner's own money, and the clock of tables. */
function money(): fc.Arbitrary<Move>[] {
  const idOf = (play: Play, who: number) => (who % play.arena.workers.length) + 1;
  return [
    fc
      .tuple(any, fc.nat(400))
      .map(([who, amount]) =>
        move(`withdraw by ${who}`, (play) => play.withdraw(person(play, who), BigInt(amount) * 2n * REWARD)),
      ),
    any.map((who) => move(`claim for ${who}`, (play) => play.claim(idOf(play, who)))),
    fc.constant(move("sweep", (play) => play.sweepFees())),
    fc
      .tuple(any, fc.nat(1200))
      .map(([who, amount]) =>
        move(`unbond by ${who}`, (play) => play.unbond(idOf(play, who), BigInt(amount + 1) * REWARD)),
      ),
    any.map((who) => move(`withdraw stake of ${who}`, (play) => play.withdrawStake(idOf(play, who)))),
    fc.constant(move("advance the epoch", (play) => play.advanceEpoch())),
  ];
}

/** Everything that anybody can do to a deployment, in any order. */
export function moves(careful: boolean): fc.Arbitrary<Move>[] {
  const seconds = careful ? fc.integer({ min: 1, max: 40 }) : fc.integer({ min: 1, max: 700 });
  const strays: fc.Arbitrary<Move>[] = [
    regret,
    any.map((at) => onJob("cancel", at, (play, job) => play.cancel(job))),
    any.map((at) => onJob("a stranger's cancel", at, (play, job) => play.cancel(job, person(play, at)))),
    any.map((at) => onJob("pin", at, (play, job) => play.pin(job))),
    fc
      .tuple(any, fc.nat(5))
      .map(([at, seat]) => onJob(`commit by seat ${seat} of`, at, (play, job) => play.commit(job, seat))),
    any.map((at) => onJob("a stranger's commit to", at, (play, job) => play.commit(job, 0, true))),
    fc
      .tuple(any, fc.nat(255))
      .map(([at, bits]) =>
        onJob(`commitMany ${bits} of`, at, (play, job) =>
          play.commitMany(job, (seat) => ((bits >> (seat % 8)) & 1) !== 0),
        ),
      ),
    any.map((at) =>
      onJob("submit", at, async (play, job) => ((await play.isComplete(job)) ? play.submit(job) : undefined)),
    ),
    fc
      .tuple(any, fc.nat(7))
      .map(([at, seat]) => onJob(`reveal of seat ${seat} of`, at, (play, job) => play.reveal(job, seat), isSlow)),
    any.map((at) => onJob("tally", at, (play, job) => play.tally(job), isSlow)),
    any.map((at) => onJob("tally without new openings", at, (play, job) => play.tally(job, true), isSlow)),
    any.map((at) => onJob("expire", at, (play, job) => play.expire(job))),
    any.map((at) => onJob("settle", at, (play, job) => play.settle(job), isDisputed)),
    ...[0, 1].map(() =>
      fc
        .tuple(any, fc.nat(2))
        .map(([at, stage]) =>
          onJob(
            `challenge of stage ${stage} of`,
            at,
            (play, job) => play.challenge(job, job.state === STATE_HUNG ? job.stage : stage, person(play, at)),
            isDisputed,
          ),
        ),
    ),
    any.map((at) => move(`equivocation ${at}`, async (play) => play.equivocate(at, person(play, at)))),
    fc.oneof(...money()),
    fc.oneof(...money()),
  ];
  const times = [
    seconds.map((some) => move(`${some} s pass`, (play) => play.pass(some))),
    fc.constant(move("blocks pass", (play) => play.pass(3))),
  ];
  const epochs = fc.nat(3).map((who) => move(`a new epoch`, (play) => newEpoch(play, who)));
  // The arbitraries are drawn from alike: what makes lives long comes more often.
  return [
    ...[0, 1, 2, 3].map(() => request),
    ...Array.from({ length: 20 }, () => progress),
    ...strays,
    ...times,
    epochs,
  ];
}

/** Ends an epoch as workers do: whoever must leave leaves, and one more does. */
async function newEpoch(play: Play, who: number): Promise<void> {
  const { model } = play;
  const half = model.startedAt + 3 * 3600;
  // Jobs whose seats cannot be drawn any more must end, too; here honest seats wait for none of theirs.
  await play.finishVoting();
  await play.pass(Math.max(0, half - play.arena.time));
  for (const [index, { tickets }] of model.workers.entries())
    if (model.isOverdue(index + 1) || (tickets > 0 && index === who)) await play.leave(index + 1);
  await play.pass(Math.max(0, model.startedAt + 6 * 3600 - play.arena.time));
  await play.advanceEpoch();
}
