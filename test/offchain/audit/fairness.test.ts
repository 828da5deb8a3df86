// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { drawSeats } from "../../../offchain/core/draw.ts";
import { OFFENCE, REASON } from "../../../offchain/core/settle-types.ts";
import { taggedHash, toWord } from "../../../offchain/core/tagged-hash.ts";
import { PROOF, SAID_ABSENT, SAID_ABSTAIN, SAID_UNREVEALED, VOTE, type Spec } from "../../../offchain/core/types.ts";
import { fairnessCharts } from "../../../offchain/audit/fairness/fairness-charts.ts";
import { fairnessMarkdown } from "../../../offchain/audit/fairness/fairness-markdown.ts";
import { fairnessReport } from "../../../offchain/audit/fairness/fairness-report.ts";
import { joinHistory, type HistoryEvent } from "../../../offchain/audit/fairness/history.ts";
import { expectNear } from "../../support/expect-near.ts";
import { sampleManifest } from "../../support/sample-manifest.ts";
import { sampleJob } from "../../support/sample-receipt.ts";

/** Tickets of workers 1 to 12: few and many. */
const TICKETS = [1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 12];
const MODEL = toWord(7);
const REWARD = 100n;
const RIGHT = toWord(50);
const about = { chainId: 31337, hub: `0x${"ab".repeat(20)}`, fromBlock: 1, toBlock: 9 } as const;
const ownerOf = (id: number): Hex => `0x${(0xa0 + (id % 3)).toString(16).padStart(40, "0")}`;
const cells = TICKETS.flatMap((count, i) => Array.from({ length: count }, () => i + 1));

/** An event as the chain's readers hand it out; block and place do not matter here. */
const event = (eventName: string, args: object) => ({ eventName, args }) as unknown as HistoryEvent;

function specOf(change: { mask?: number; k?: number } = {}): Spec {
  const { spec } = sampleJob(sampleManifest(), 3);
  const policy = { ...spec.policy, mask: change.mask ?? VOTE, k: change.k ?? 3, ticketClass: 0, flags: 0, cls: 0 };
  return { ...spec, modelId: MODEL, stages: 1, seatReward: REWARD, policy: { ...policy, seatStake: 5_000n } };
}
const seatsBy = (seed: number, n: number, excluded: readonly number[] = []) =>
  drawSeats({
    cellAt: (i) => cells[i] ?? 0,
    length: cells.length,
    ticketClass: 0,
    seed: taggedHash("assay.v1.draw", [toWord(seed)]),
    excluded,
    n,
  });

const setting = (): HistoryEvent[] => [
  event("ModelRegistered", { modelId: MODEL, manifest: { ...sampleManifest(), name: "digits", workUnits: 10n } }),
  ...TICKETS.map((_, i) => event("WorkerRegistered", { workerId: i + 1, owner: ownerOf(i + 1) })),
  ...TICKETS.map((tickets, i) => event("TicketsChanged", { workerId: i + 1, ticketClass: 0, tickets, version: 0 })),
  event("EpochAdvanced", { version: 1 }),
];
function job(
  id: number,
  seats: readonly number[],
  said: readonly Hex[],
  change: { mask?: number } = {},
): HistoryEvent[] {
  const jobId = toWord(1000 + id);
  const tally = { stage: 0, round: 0, seats, said, challenger: `0x${"0".repeat(40)}`, bond: 0n };
  const record = { seats: [], boundaries: [RIGHT], tallies: [tally], decided: 0 };
  return [
    event("JobRequested", { jobId, spec: specOf({ ...change, k: seats.length }) }),
    event("StageTallied", { jobId, record }),
    event("Finalized", { jobId }),
  ];
}
const honest = (jobs: number): HistoryEvent[] =>
  Array.from({ length: jobs }, (_, id) => job(id, seatsBy(id, 3), [RIGHT, RIGHT, RIGHT])).flat();

describe("fairness report", () => {
  it("R18: default: seats drawn by stake are found to be, and agreed seats earn alike whoever holds them", () => {
    const report = fairnessReport(joinHistory([...setting(), ...honest(600)]), about);
    expect(report.jobs).to.equal(600);
    expect(report.outliers).to.deep.equal([]);
    expect(report.selection.map(({ workerId }) => workerId)).to.deep.equal(TICKETS.map((_, i) => i + 1));
    expect(report.selection.reduce((sum, { seats }) => sum + seats, 0)).to.equal(1800);
    expectNear(
      report.selection.reduce((sum, { expected }) => sum + expected, 0),
      1800,
      1e-6,
    );
    // Twelve tickets are drawn more often than one, and less than twelve times: nobody sits twice.
    const [one, most] = [report.selection[0], report.selection[11]];
    expect((most?.expected ?? 0) / (one?.expected ?? 1)).to.be.within(6, 12);
    expect(report.operators).to.have.length(3);
    expect(report.pay.map(({ perWorkUnit }) => perWorkUnit)).to.deep.equal([10, 10, 10]);
    expect(
      report.workers.every(({ seats, agreed, earned }) => seats === agreed && earned === REWARD * BigInt(seats)),
    ).to.equal(true);
    expect(report.models).to.have.nested.property("[0].final", 600);
  });

  it("R18: attack: a worker that is seated more than its tickets say is named, and so is one that never is", () => {
    const rigged = Array.from({ length: 300 }, (_, id) => {
      const drawn = seatsBy(id, 3, [12]);
      return job(id, drawn.includes(1) ? drawn : [1, ...drawn.slice(1)], [RIGHT, RIGHT, RIGHT]);
    });
    const report = fairnessReport(joinHistory([...setting(), ...rigged.flat()]), about);
    expect(report.outliers).to.include.members([1, 12]);
    expect(report.selection[0]?.sigmas).to.be.above(10);
    expect(report.selection[11]?.sigmas).to.be.below(-10);
    expect(fairnessMarkdown(report, [])).to.include("Further from their tickets than chance explains: worker 1");
  });

  it("behavior: wrong, unrevealed, absent and abstained seats are counted by worker, operator and model, with what was taken", () => {
    const seats = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    const said = [...seats.slice(3).map(() => RIGHT), toWord(51), SAID_UNREVEALED, SAID_ABSENT];
    const slash = (workerId: number, offence: number, amount: bigint) =>
      event("Slashed", { workerId, jobId: toWord(1001), offence, amount, burned: 0n });
    const [request, tallied, final] = job(1, seats, said);
    const slashes = [
      slash(9, OFFENCE.WRONG, 5_000n),
      slash(10, OFFENCE.UNREVEALED, 2_500n),
      slash(11, OFFENCE.ABSENT, 200n),
    ];
    const challenged = event("Challenged", { jobId: toWord(1001) });
    const closing = job(2, [12, 1, 2], [SAID_ABSTAIN, SAID_ABSTAIN, SAID_ABSTAIN]).slice(0, 2);
    const closed = event("Closed", { jobId: toWord(1002), reason: REASON.INPUT_UNAVAILABLE });
    const running = job(3, [1, 2, 3], [RIGHT, RIGHT, RIGHT]).slice(0, 2);
    const events = [...setting(), request, tallied, challenged, ...slashes, final, ...closing, closed, ...running];
    const { workers, models, operators } = fairnessReport(
      joinHistory(events.filter((one) => one !== undefined)),
      about,
    );
    const of = (id: number) => workers.find(({ workerId }) => workerId === id);
    expect(of(3)).to.deep.include({ seats: 1, agreed: 1, earned: REWARD, workUnits: 10 });
    expect(of(9)).to.deep.include({ wrong: 1, earned: 0n, slashed: 5_000n, workUnits: 0 });
    expect(of(10)).to.deep.include({ unrevealed: 1, slashed: 2_500n });
    expect(of(11)).to.deep.include({ absent: 1, slashed: 200n });
    expect(of(12)).to.deep.include({ abstained: 1, slashed: 0n });
    expect(models[0]).to.deep.include({ jobs: 3, final: 1, closed: 1, running: 1, disputed: 1, seats: 14, agreed: 8 });
    expect(operators.reduce((sum, { slashed }) => sum + slashed, 0n)).to.equal(7_700n);
  });

  it("behavior: placed seats, tables that began before the range and jobs requested before it are not measured", () => {
    const proven = job(1, [1], [RIGHT], { mask: PROOF });
    expect(fairnessReport(joinHistory([...setting(), ...proven]), about).selection).to.deep.equal([]);
    const late = setting().filter(({ eventName }) => eventName !== "TicketsChanged");
    expect(fairnessReport(joinHistory([...late, ...honest(3)]), about)).to.deep.include({ selection: [], jobs: 3 });
    expect(fairnessReport(joinHistory([...setting(), ...honest(3).slice(1)]), about).jobs).to.equal(2);
  });

  it("behavior: tickets count from their version on, and escalated seats are drawn among those who had none", () => {
    const changed = event("TicketsChanged", { workerId: 12, ticketClass: 0, tickets: 0, version: 2 });
    const events = [...setting(), ...honest(100), changed];
    const before = fairnessReport(joinHistory(events), about).selection[11];
    expect(before?.expected).to.be.above(40);
    const next = event("EpochAdvanced", { version: 2 });
    const after = Array.from({ length: 50 }, (_, id) =>
      job(500 + id, seatsBy(id, 3, [12]), [RIGHT, RIGHT, RIGHT]),
    ).flat();
    const { selection, outliers } = fairnessReport(joinHistory([...setting(), changed, next, ...after]), about);
    expect(selection.some(({ workerId }) => workerId === 12)).to.equal(false);
    expect(outliers).to.deep.equal([]);
    const [request, , final] = job(900, [1, 2, 3], [RIGHT, RIGHT, toWord(51)]);
    const first = {
      stage: 0,
      round: 0,
      seats: [1, 2, 3],
      said: [RIGHT, RIGHT, toWord(51)],
      challenger: `0x${"0".repeat(40)}`,
      bond: 0n,
    };
    const second = { ...first, round: 1, seats: [4, 5, 6, 7, 8, 9, 10], said: Array.from({ length: 7 }, () => RIGHT) };
    const record = { seats: [], boundaries: [RIGHT], tallies: [first, second], decided: 0 };
    const escalated = [request, event("StageTallied", { jobId: toWord(1900), record }), final];
    const report = fairnessReport(joinHistory([...setting(), ...escalated.filter((one) => one !== undefined)]), about);
    expect(report.selection.reduce((sum, { seats }) => sum + seats, 0)).to.equal(10);
    expectNear(
      report.selection.reduce((sum, { expected }) => sum + expected, 0),
      10,
      1e-6,
    );
  });

  it("behavior: pictures and text of the same history are the same bytes; an empty history has a report and no pictures", () => {
    const events = [...setting(), ...honest(20)];
    const [one, two] = [fairnessReport(joinHistory(events), about), fairnessReport(joinHistory(events), about)];
    expect(fairnessCharts(one)).to.deep.equal(fairnessCharts(two));
    expect(Object.keys(fairnessCharts(one))).to.deep.equal(["selection.svg", "pay.svg", "failures.svg"]);
    for (const svg of Object.values(fairnessCharts(one))) expect(svg).to.match(/^<svg[\s\S]+<\/svg>\n$/);
    expect(fairnessMarkdown(one, ["selection.svg"])).to.equal(fairnessMarkdown(two, ["selection.svg"]));
    const empty = fairnessReport(joinHistory([]), about);
    expect(empty).to.deep.include({ jobs: 0, selection: [], workers: [], outliers: [] });
    expect(fairnessCharts(empty)).to.deep.equal({});
    expect(fairnessMarkdown(empty, [])).to.include("0 jobs");
  });
});
