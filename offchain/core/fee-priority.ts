// SPDX-License-Identifier: MIT

/** A job older than this goes first, whatever it pays: nothing starves. */
export const OVERDUE_SEC = 300;
/** After this time a job counts as if it paid once more. */
export const AGEING_SEC = 60;

/** A job that waits for a worker; `sinceSec` is the time, in seconds of any one clock, from which it waits. */
export type Waiting = { readonly seatReward: bigint; readonly sinceSec: number };

/**
 * The order in which a worker admits jobs (protocol.md section 15, R12): those older than 300 s first, oldest first; then by
 * seatReward * (1 + age / 60 s), FIFO within. Whole seconds count; a job from the future has age 0. Jobs that are equal in
 * all this keep the order in which they are given. Pure: the input stays as it is.
 */
export function admissionOrder<T extends Waiting>(jobs: readonly T[], nowSec: number): T[] {
  const ranked = jobs.map((job) => {
    const age = Math.max(0, Math.floor(nowSec - job.sinceSec));
    return { job, overdue: age > OVERDUE_SEC, weight: job.seatReward * BigInt(AGEING_SEC + age) };
  });
  return ranked
    .toSorted((a, b) => {
      if (a.overdue !== b.overdue) return a.overdue ? -1 : 1;
      if (!a.overdue && a.weight !== b.weight) return a.weight > b.weight ? -1 : 1;
      return a.job.sinceSec - b.job.sinceSec;
    })
    .map(({ job }) => job);
}
