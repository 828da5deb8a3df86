// SPDX-License-Identifier: GPL-3.0-or-later
import { advanceEpoch } from "../adapters/chain/actions/advance-epoch.ts";
import { getEpoch } from "../adapters/chain/actions/get-epoch.ts";
import type { Chain } from "../adapters/chain/chain.ts";
import { hasCode } from "../core/errors.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Logger } from "../core/ports/logger.ts";

export interface UpkeepModules {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly random: (length: number) => Uint8Array;
}

/** Unread tables stop requests, so workers advance epochs themselves; a random wait lets one of them do it. */
export async function upkeepTable(chain: Chain, { clock, logger, signal, random }: UpkeepModules): Promise<void> {
  while (!signal.aborted) {
    let waitSec = 30;
    try {
      const [version, , , endsAt, overdue] = await getEpoch(chain);
      const left = endsAt - chain.clock.now();
      waitSec = Math.min(300, Math.max(5, left));
      // Version 0 is started by whoever deploys; overdue workers' cells must be removed first.
      if (version > 0 && left < 0 && overdue === 0) {
        await clock.sleep(((random(1)[0] ?? 0) / 256) * 10_000, signal);
        const [again] = await getEpoch(chain);
        if (again === version) {
          await advanceEpoch(chain);
          logger.info("epoch.advanced", { version: String(version + 1) });
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!hasCode(error, "REVERTED")) logger.warn("epoch.failed", { error });
    }
    await clock.sleep(waitSec * 1000, signal).catch(() => undefined);
  }
}
