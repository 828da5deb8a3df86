// SPDX-License-Identifier: GPL-3.0-or-later
import { claimEarnings } from "../adapters/chain/actions/claim-earnings.ts";
import { getAccount } from "../adapters/chain/actions/get-account.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { listWorkerIds } from "../adapters/chain/list-worker-ids.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Logger } from "../core/ports/logger.ts";

/** Pays earnings to the owner from time to time, as long as the worker is registered. The destination is the owner, whoever calls. */
export async function payEarnings(
  chain: Chain,
  options: { readonly claimEveryMs: number; readonly fromBlock: bigint },
  modules: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, logger, signal } = modules;
  const signer = chain.sender?.address;
  if (signer === undefined) return;
  while (!signal.aborted) {
    await clock.sleep(options.claimEveryMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const [workerId] = await listWorkerIds(chain, { signer, fromBlock: options.fromBlock });
      if (workerId === undefined) continue;
      const { earned } = await getAccount(chain, { workerId });
      if (earned === 0n) continue;
      await claimEarnings(chain, { workerId });
      logger.info("rewards.paid", { worker: workerId, amount: earned });
    } catch (error) {
      if (!signal.aborted) logger.warn("rewards.failed", { error });
    }
  }
}
