// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../offchain/core/bytes.ts";
import { packSignature, signDigest } from "../../../offchain/core/signature.ts";
import type { Hex, ProtocolModules } from "../../../offchain/protocol/ports.ts";
import { newSeat } from "../../../offchain/protocol/seat-machine.ts";
import type { SeatMessage } from "../../../offchain/protocol/seat-wire.ts";
import { SessionBallots } from "../../../offchain/protocol/session-ballots.ts";
import { EMPTY_RECORD, SessionState } from "../../../offchain/protocol/session-state.ts";
import { StatementIntake } from "../../../offchain/protocol/statement-intake.ts";
import type { StatementSharing } from "../../../offchain/protocol/statement-sharing.ts";
import { commitStatement } from "../../../offchain/protocol/statements.ts";
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import { testClock, nullLogger, nullMetrics } from "../../support/cluster/cluster.ts";
import { expectCode } from "../../support/expect-code.ts";
import { job, jobId } from "../../support/proof-worker.ts";
import { DOMAIN, hashOf, keyOf, signerOf } from "../../support/sample-receipt.ts";

const PLACE = { stage: 0, round: 0 };
const CONTEXT = { domainSeparator: DOMAIN, jobId, ...PLACE };
const IDS = [3, 5, 7];
const PRIMARY = 0;
const proposed = hashOf("the commitment of its proposal");
const other = hashOf("another commitment");
const voted = { ...job, spec: { ...job.spec, stages: 1, policy: { ...job.spec.policy, k: 3 } } };

function signed(seat: number, commitment: Hex, by = IDS[seat] ?? 0) {
  const signature = toHex(packSignature(signDigest(commitStatement(CONTEXT, commitment), keyOf(by))));
  return { seat, commit: { commitment, signature } };
}
const say = (...commits: SeatMessage["commits"]): SeatMessage => ({
  jobId,
  ...PLACE,
  commits,
  openings: [],
  wantCommits: 0,
  wantOpenings: 0,
});

/** Seat 1's intake; `posted` is what seats are bound to on chain. */
function intake(posted: Readonly<Record<number, Hex>>) {
  const reports: { readonly workerId: number; readonly a: unknown; readonly b: unknown }[] = [];
  // What taking statements needs, and nothing else.
  const modules = {
    chain: {
      domainSeparator: DOMAIN,
      proveEquivocation: async (report: (typeof reports)[number]) => void reports.push(report),
    },
    journal: new MemoryJournal({ clock: testClock }),
    clock: testClock,
    logger: nullLogger,
    metrics: nullMetrics,
    signal: new AbortController().signal,
    checkpoint: () => undefined,
  } as unknown as ProtocolModules;
  const signers = IDS.map(signerOf);
  const memory = { job: voted, record: EMPTY_RECORD, batches: {}, offers: [], result: null, place: null };
  const seat = newSeat({ jobId, ...PLACE, seats: IDS, signers, own: 1 });
  const state = new SessionState(jobId, { ...memory, posted: { "0/0": posted } }, seat, modules);
  state.committee = { ...PLACE, ids: IDS, signers, seed: null };
  const taking = new StatementIntake(state, new SessionBallots(state), {} as StatementSharing);
  const reported = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return reports.map(({ workerId, a, b }) => ({ workerId, a, b }));
  };
  return { merge: (message: SeatMessage) => taking.merge(message), commits: () => state.seat?.commits, reported };
}

describe("StatementIntake", () => {
  it("default: keeps the first Commit of each seat, once", async () => {
    const { merge, commits, reported } = intake({});
    const first = signed(PRIMARY, proposed);
    merge(say(first, first));
    expect(commits()).to.deep.equal([first.commit, null, null]);
    expect(await reported()).to.deep.equal([]);
  });

  it("R75: a Commit other than the proposal that the chain holds is refused and proven: no set with it could count", async () => {
    const { merge, commits, reported } = intake({ [PRIMARY]: proposed });
    const bad = signed(PRIMARY, other);
    merge(say(bad));
    expect(commits()).to.deep.equal([null, null, null]);
    expect(await reported()).to.deep.equal([{ workerId: 3, a: bad.commit, b: null }]);
    // The true one completes the set all the same.
    const good = signed(PRIMARY, proposed);
    merge(say(good));
    expect(commits()?.[PRIMARY]).to.deep.equal(good.commit);
  });

  it("R75: two Commits of one seat are proven with both signatures, one report a seat", async () => {
    const { merge, commits, reported } = intake({});
    const [a, b] = [signed(PRIMARY, proposed), signed(PRIMARY, other)];
    merge(say(a, b, signed(PRIMARY, hashOf("a third"))));
    expect(commits()?.[PRIMARY]).to.deep.equal(a.commit);
    expect(await reported()).to.deep.equal([{ workerId: 3, a: a.commit, b: b.commit }]);
  });

  it("error: STATEMENT_INVALID for a Commit that another seat signed, and nobody is reported for it", async () => {
    const { merge, commits, reported } = intake({ [PRIMARY]: proposed });
    await expectCode("STATEMENT_INVALID", () => merge(say(signed(PRIMARY, other, 7))));
    await expectCode("STATEMENT_INVALID", () => merge(say(signed(3, other, 3))));
    expect(commits()).to.deep.equal([null, null, null]);
    expect(await reported()).to.deep.equal([]);
  });
});
