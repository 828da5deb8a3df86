// SPDX-License-Identifier: GPL-3.0-or-later
import { seedAt, slotAt } from "../../adapters/chain/read-past.ts";
import type { Hex } from "../../core/bytes.ts";
import { CANDIDATES, drawSeats, drawSeed, ROUND_0_STAGE } from "../../core/draw.ts";
import { VOTE, type Record as JobRecord } from "../../core/types.ts";
import { committeeSize } from "../../core/vote.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import type { JobContext } from "../evidence/evidence-class.ts";
import { bad, good, unknown, type Finding } from "./claims.ts";
import { rebuildTables } from "./ticket-tables.ts";

const everyone = (record: JobRecord | null): number[] =>
  record === null ? [] : [...record.seats, ...record.tallies.flatMap(({ seats }) => seats)];

/**
 * Draws every committee of a job again: its seed from the recorded block hashes, its table from the transactions that made it, by
 * `core/draw`. Neither the vault's draw nor its table is asked.
 */
export async function checkDraws({ chain, recorded, events, jobId, receipt }: JobContext): Promise<Finding> {
  const tables = rebuildTables(recorded, chain.contracts.vault, events);
  const { policy, stages } = receipt.job.spec;
  let record: JobRecord | null = null;
  let [drawn, beacons] = [0, 0];
  for (const event of events) {
    if (!("jobId" in event.args) || event.args.jobId !== jobId) continue;
    if (event.eventName === "Pinned") {
      const { stage, round, seats } = event.args;
      const block = Number(event.blockNumber);
      const { seedRef, tableVersion } = await slotAt(chain, jobId, block - 1);
      const beat: Hex = await seedAt(chain, seedRef, block);
      // A block's own hash, or what workers on duty made of one.
      if (recorded.blocks[seedRef]?.header.hash !== beat) beacons++;
      const cells = tables.cellsAt(tableVersion, policy.ticketClass);
      const want = drawSeats({
        cellAt: (index) => cells[index] ?? 0,
        length: cells.length,
        ticketClass: policy.ticketClass,
        seed: drawSeed(beat, jobId, round === 0 ? ROUND_0_STAGE : stage, round),
        excluded: everyone(record),
        n: round > 0 ? committeeSize(policy.k, round) : (policy.mask & VOTE) === 0 ? CANDIDATES : policy.k * stages,
      });
      if (want.join() !== seats.join())
        return bad(
          `${segmentPath("logs", Math.floor(block / SEGMENT_BLOCKS))}, block ${block}`,
          `seats ${seats.join(" ")} of stage ${stage}, round ${round}; table and seed give ${want.join(" ")}`,
        );
      drawn++;
    }
    if ("record" in event.args) ({ record } = event.args);
  }
  if (drawn === 0) return unknown("nobody was seated");
  const source =
    beacons === 0 ? "the hash of a recorded block" : `for ${beacons} of them what the beacon contract says`;
  return good(`${drawn} draws give the same workers from tickets and seed; the seed is ${source}`);
}
