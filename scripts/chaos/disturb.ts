// SPDX-License-Identifier: GPL-3.0-or-later
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../../offchain/cli/exit-code.ts";
import { isAssayError } from "../../offchain/core/errors.ts";
import type { Prng } from "../../test/support/prng.ts";
import type { Devnet, DevWorker } from "../demo/devnet.ts";
import type { FlakyProxy } from "./flaky-proxy.ts";

/** Milliseconds, from and to. Every outage is shorter than a job's deadlines, so nobody honest may lose anything by it. */
export const OUTAGES = {
  killedEvery: [6_000, 14_000],
  killedFor: [200, 3_000],
  pausedEvery: [5_000, 12_000],
  pausedFor: [1_000, 6_000],
  chainAwayEvery: [25_000, 50_000],
  chainAwayFor: [1_000, 5_000],
  liesEvery: [2_000, 6_000],
} as const;

const RESTARTS = 10;

export interface Disturbances {
  kills: number;
  pauses: number;
  chainOutages: number;
  lies: number;
}

export interface DisturbOptions {
  readonly devnet: Devnet;
  readonly rpc: readonly FlakyProxy[];
  /** Indices of workers that lie at every seat. */
  readonly liars: ReadonlySet<number>;
  readonly random: Prng;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** Starts a worker as a supervisor does: again while it ends with 75, as it does where the chain is away. Error: CHILD_ENDED. */
async function supervise(devnet: Devnet, index: number): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      await devnet.restart(index);
      return;
    } catch (error) {
      if (tries === RESTARTS || !isAssayError(error) || error.meta["code"] !== EXIT.later) throw error;
      await sleep(500);
    }
}

/** Kills, pauses, cuts and lies until the signal; then repairs everything: all run, and all are honest. */
export async function disturb(options: DisturbOptions): Promise<Disturbances> {
  const { devnet, rpc, liars, random, signal, say } = options;
  const counts: Disturbances = { kills: 0, pauses: 0, chainOutages: 0, lies: 0 };
  /** Killed or stopped now: left alone by the others. */
  const away = new Set<number>();
  const within = ([least, most]: readonly [number, number]): number => random.int(least, most);
  const every = async (times: readonly [number, number], action: () => Promise<void>): Promise<void> => {
    for (;;) {
      await sleep(within(times), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await action();
    }
  };
  const withOne = async (action: (worker: DevWorker) => Promise<void>): Promise<void> => {
    const [first, ...others] = devnet.workers.filter(({ index }) => !away.has(index));
    if (first === undefined) return;
    const worker = random.pick([first, ...others]);
    away.add(worker.index);
    await action(worker).finally(() => away.delete(worker.index));
  };
  await Promise.all([
    every(OUTAGES.killedEvery, async () =>
      withOne(async ({ index, workerId, child }) => {
        child.kill("SIGKILL");
        await child.exited;
        counts.kills += 1;
        const ms = within(OUTAGES.killedFor);
        say(`worker ${workerId} killed, back in ${ms} ms`);
        await sleep(ms);
        await supervise(devnet, index);
      }),
    ),
    every(OUTAGES.pausedEvery, async () =>
      withOne(async ({ workerId, child }) => {
        const ms = within(OUTAGES.pausedFor);
        say(`worker ${workerId} stands still for ${ms} ms`);
        child.kill("SIGSTOP");
        counts.pauses += 1;
        await sleep(ms);
        child.kill("SIGCONT");
      }),
    ),
    every(OUTAGES.chainAwayEvery, async () => {
      const ms = within(OUTAGES.chainAwayFor);
      say(`the chain's endpoint is away for ${ms} ms`);
      for (const proxy of rpc) proxy.fall();
      counts.chainOutages += 1;
      await sleep(ms);
      for (const proxy of rpc) proxy.rise();
    }),
    every(OUTAGES.liesEvery, async () => {
      // A restarted worker is honest again.
      for (const worker of devnet.workers)
        if (liars.has(worker.index) && !away.has(worker.index))
          await devnet.setFault(worker, "wrong-digest").then(
            () => (counts.lies += 1),
            () => undefined, // it is just being stopped
          );
    }),
  ]);
  for (const worker of devnet.workers) if (liars.has(worker.index)) await devnet.setFault(worker, "none");
  return counts;
}
