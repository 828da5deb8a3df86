// SPDX-License-Identifier: GPL-3.0-or-later
import { pollUntil } from "../../offchain/sdk/poll-until.ts";
import type { AssayWallet } from "../../offchain/sdk/node/connect.ts";

/** Asks five times a second. False when the time is over, or the run was interrupted. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const ask = async () => ((await condition()) ? true : undefined);
  return (await pollUntil(ask, { doing: "waiting", everyMs: 200, timeoutMs, signal })) ?? false;
}

/** Waits until a larger committee has decided the newest job, or its run is over. */
export async function ruled(run: Promise<unknown>, wallet: AssayWallet, signal: AbortSignal): Promise<void> {
  let over = false;
  void run.finally(() => (over = true));
  await waitFor(
    async () => {
      const [job] = await wallet.listJobs({ limit: 1 });
      if (job === undefined || over) return over;
      const view = await wallet.getJob({ jobId: job.jobId });
      return view.state === "WINDOW" && view.committees.some(({ round }) => round === 1);
    },
    90_000,
    signal,
  );
}
