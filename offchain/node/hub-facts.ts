// SPDX-License-Identifier: GPL-3.0-or-later
import type { HubEvent } from "../adapters/chain/decode-events.ts";
import type { HubFact } from "../protocol/ports.ts";

/** What the hub's events mean to a worker. Events that concern no job's course are left out. */
export function hubFacts(events: readonly HubEvent[]): HubFact[] {
  return events.flatMap((event): HubFact[] => {
    switch (event.eventName) {
      case "JobRequested": {
        const { jobId, requester, nonce, spec } = event.args;
        return [{ name: "JobRequested", jobId, job: { requester, nonce, spec } }];
      }
      case "Pinned": {
        const { jobId, stage, round, seats } = event.args;
        return [{ name: "Pinned", jobId, stage, round, seats }];
      }
      case "CommittedMany": {
        const { jobId, stage, round, commitments } = event.args;
        return [{ name: "CommittedMany", jobId, stage, round, commitments }];
      }
      case "Revealed": {
        const { jobId, stage, round, seat, outDigest, payload, salt } = event.args;
        return [{ name: "Revealed", jobId, stage, round, seat, outDigest, payload, salt }];
      }
      case "Sketched": {
        const { jobId, stage, round, a, b, seedB } = event.args;
        return [{ name: "Sketched", jobId, stage, round, a, b, seedB }];
      }
      case "SketchRevealed": {
        const { jobId, stage, round, seat, outDigest, a, b, salt } = event.args;
        return [{ name: "SketchRevealed", jobId, stage, round, seat, outDigest, a, b, salt }];
      }
      case "StageTallied":
      case "Challenged":
      case "CourtRuled":
      case "AuditDrawn":
      case "Promoted":
        return [{ name: "Recorded", jobId: event.args.jobId, record: event.args.record }];
      case "Proposed": {
        const { jobId, commitment, record } = event.args;
        return [{ name: "Proposed", jobId, commitment, record }];
      }
      case "Committed": {
        const { jobId, stage, round, seat, commitment } = event.args;
        return [{ name: "Committed", jobId, stage, round, seat, commitment }];
      }
      case "Finalized":
      case "Closed":
        return [{ name: "Moved", jobId: event.args.jobId }];
      case "CallFailed":
      case "CallbackResult":
      case "Claimed":
      case "Deposited":
      case "Downgraded":
      case "Equivocated":
      case "FeesSwept":
      case "JobJoined":
      case "PauseSet":
      case "PokePaid":
      case "Proven":
      case "RuledLate":
      case "Scheduled":
      case "Seconded":
      case "Slashed":
      case "Withdrawn":
      default:
        return [];
    }
  });
}
