// SPDX-License-Identifier: GPL-3.0-or-later
import { drawSeats } from "../../../adapters/chain/actions/draw-seats.ts";
import { getSeed } from "../../../adapters/chain/actions/get-seed.ts";
import { getSlot } from "../../../adapters/chain/actions/get-slot.ts";
import type { Chain } from "../../../adapters/chain/chain.ts";
import { findJob } from "../../../adapters/chain/find-job.ts";
import type { Hex } from "../../../core/bytes.ts";
import { CANDIDATES, drawSeed, ROUND_0_STAGE } from "../../../core/draw.ts";
import { isPaired } from "../../../core/replay-record.ts";
import { ENCLAVE } from "../../../core/types.ts";

export interface SeatCheck {
  readonly jobId: Hex;
  readonly signer: Hex;
  /** Whose input it is said to be. */
  readonly sender: Hex;
  readonly fromBlock: bigint;
  readonly maxRange: bigint;
}

/** Whether a signer is among those who may run an open ENCLAVE job of this sender's: what a host asks the chain before it relays. */
export async function isSeated(chain: Chain, { jobId, signer, sender, ...range }: SeatCheck): Promise<boolean> {
  const { state, seedRef, tableVersion } = await getSlot(chain, { jobId });
  if (state === 0) return false;
  const found = await findJob(chain, { jobId, ...range });
  if (found === null) return false;
  const { requester, spec } = found.job;
  const { policy, stages, client } = spec;
  const isTheirs = [requester, client].some((party) => party.toLowerCase() === sender.toLowerCase());
  if (!isTheirs || (policy.mask & ENCLAVE) === 0) return false;
  const seed = drawSeed(await getSeed(chain, { seedRef }), jobId, ROUND_0_STAGE, 0);
  const count = isPaired(policy.mask) ? CANDIDATES : policy.k * stages;
  const [, signers] = await drawSeats(chain, { version: tableVersion, ticketClass: policy.ticketClass, seed, excluded: [], count: BigInt(count) }); // prettier-ignore
  return signers.some((one) => one.toLowerCase() === signer.toLowerCase());
}
