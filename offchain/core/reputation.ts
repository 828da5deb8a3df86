// SPDX-License-Identifier: MIT
import { RHO } from "./settle.ts";

export const MOST_TICKETS = 64;

/**
 * Tickets that a stake has at an epoch's change: floor(stake * m / U), at most 64, with U = M/8 and the weight
 * m = 1/2 + max(0, rho) / (2 ln 10) of protocol.md section 9. Exact in integers. Negative reputation weighs like none, so
 * that a fresh identity gains nothing.
 *
 * @param minimumStake M in wei, at least 8
 * @param rho micro-nats, within +-2,302,585; 0 for whoever has none, which halves the stake's tickets
 */
export function ticketCount(stake: bigint, minimumStake: bigint, rho: number): number {
  const weight = BigInt(RHO.LIMIT + Math.max(0, Math.min(RHO.LIMIT, rho)));
  const tickets = (stake * weight) / (2n * BigInt(RHO.LIMIT) * (minimumStake / 8n));
  return tickets < BigInt(MOST_TICKETS) ? Number(tickets) : MOST_TICKETS;
}
