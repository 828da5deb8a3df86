// SPDX-License-Identifier: GPL-3.0-or-later
import type { Journal } from "../core/ports/journal.ts";
import type { CipherStage } from "../core/she/cipher-stage.ts";
import type { CipherWork } from "../engines/she/seat/cipher-seat.ts";
import { readKeptWork } from "../protocol/cipher-keep.ts";
import type { BlobPort, Hex } from "../protocol/ports.ts";
import type { OpenTrace, TracePort } from "../protocol/referee-ports.ts";
import { decodeMemory } from "../protocol/seat-codec.ts";

/** A stage's seat, as far as a dispute needs it. */
export interface TracingSeat {
  readonly facts: CipherStage;
  startTrace(work: CipherWork): Promise<Omit<OpenTrace, "facts">>;
}

export interface KeptTracesModules {
  readonly journal: Pick<Journal, "job">;
  readonly blobs: BlobPort;
  /** Null where this worker does not serve the stage. Errors: those of `CipherSeat.start`. */
  readonly seat: (modelId: Hex, stage: number) => Promise<TracingSeat | null>;
}

/** Traces of what this worker's seats evaluated, from what they kept: the same after a restart, and when the job is over. */
export function createKeptTraces({ journal, blobs, seat }: KeptTracesModules): TracePort {
  return {
    async open({ jobId, job, stage, inDigest }) {
      const row = journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
      const kept = row === null ? undefined : decodeMemory(row.data).cipher;
      if (kept === undefined || kept.stage !== stage || kept.inDigest !== inDigest) return null;
      const [own, work] = await Promise.all([
        seat(job.spec.modelId, stage),
        readKeptWork(kept, job.spec.inputRef, { blobs }),
      ]);
      return own === null || work === null ? null : openTrace(own, work);
    },
  };
}

/** Errors: BYTES_REFUSED and PROFILE_UNKNOWN where the bytes are not the job's, WORKER_FAILED. */
export async function openTrace(seat: TracingSeat, work: CipherWork): Promise<OpenTrace> {
  const trace = await seat.startTrace(work);
  return {
    facts: seat.facts,
    commitment: trace.commitment,
    defenderMove: (place) => trace.defenderMove(place),
    challengerMove: (place, posted) => trace.challengerMove(place, posted),
    close: () => trace.close(),
  };
}
