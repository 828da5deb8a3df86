// SPDX-License-Identifier: GPL-3.0-or-later
import { getBeaconState } from "../../adapters/chain/actions/get-beacon-state.ts";
import { getDuty } from "../../adapters/chain/actions/get-duty.ts";
import { getEpoch } from "../../adapters/chain/actions/get-epoch.ts";
import { getStanding } from "../../adapters/chain/actions/get-standing.ts";
import { punishDuty } from "../../adapters/chain/actions/punish-duty.ts";
import { seatDuty } from "../../adapters/chain/actions/seat-duty.ts";
import { summonDuty } from "../../adapters/chain/actions/summon-duty.ts";
import type { Chain } from "../../adapters/chain/chain.ts";
import { fixedBlockOf } from "../../core/beacon.ts";
import { hasCode } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Logger } from "../../core/ports/logger.ts";

export interface KeepDutyModules {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Number of the newest block, once known. */
  readonly head: () => bigint | null;
  readonly random: (length: number) => Uint8Array;
}

/** What somebody should do for the duty of the current version, or null. */
export type DutyStep =
  { readonly kind: "summon" } | { readonly kind: "seat" } | { readonly kind: "punish"; readonly seat: number };

export interface DutyView {
  /** Of the vault's table. */
  readonly version: number;
  /** Whose duty serves. */
  readonly serving: number;
  readonly summonedVersion: number;
  readonly summonedBeat: number;
  readonly workers: readonly number[];
  /** Bits. */
  readonly standing: number;
  readonly punished: number;
  readonly head: number;
}

/** The next step: fines first (they are paid for), then a seat that can be filled, then the call for one. */
export function nextDutyStep(view: DutyView): DutyStep | null {
  const { version, serving, summonedVersion, summonedBeat, workers, standing, punished, head } = view;
  if (version === 0) return null;
  const out = workers.map((worker, seat) => worker !== 0 && ((standing >> seat) & 1) === 0);
  const guilty = out.findIndex((isOut, seat) => isOut && ((punished >> seat) & 1) === 0);
  if (guilty !== -1) return { kind: "punish", seat: guilty };
  if (summonedBeat !== 0 && summonedVersion === version)
    return head >= fixedBlockOf(summonedBeat + 1) - 1 ? { kind: "seat" } : null;
  return serving !== version || out.includes(true) ? { kind: "summon" } : null;
}

/** Takes the next step for the duty, after a random wait of up to `waitMs` that lets one worker do it for all. Errors: RPC_UNAVAILABLE. */
export async function keepDuty(chain: Chain, modules: KeepDutyModules, waitMs: number): Promise<DutyStep | null> {
  const { clock, logger, signal, random, head } = modules;
  const step = nextDutyStep(await look(chain, Number(head() ?? 0n)));
  if (step === null) return null;
  await clock.sleep(((random(1)[0] ?? 0) / 256) * waitMs, signal);
  const view = await look(chain, Number(head() ?? 0n));
  const still = nextDutyStep(view);
  if (still === null || still.kind !== step.kind) return null;
  try {
    if (still.kind === "punish") await punishDuty(chain, { version: view.serving, seat: still.seat });
    else await (still.kind === "summon" ? summonDuty(chain) : seatDuty(chain));
    logger.info(`beacon.${still.kind}`, { version: String(view.version) });
    return still;
  } catch (error) {
    // Somebody else was faster.
    if (!hasCode(error, "REVERTED") && !hasCode(error, "TRANSACTION_REVERTED")) throw error;
    return null;
  }
}

async function look(chain: Chain, head: number): Promise<DutyView> {
  const [[version], [serving, summonedVersion, summonedBeat], standing] = await Promise.all([
    getEpoch(chain),
    getBeaconState(chain),
    getStanding(chain),
  ]);
  const { workers, punished } = await getDuty(chain, { version: serving });
  return { version, serving, summonedVersion, summonedBeat, workers, standing, punished, head };
}
