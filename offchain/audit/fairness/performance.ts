// SPDX-License-Identifier: GPL-3.0-or-later
import { batchCount } from "../../core/batch.ts";
import type { Hex } from "../../core/bytes.ts";
import { quoteEscrow } from "../../core/economics.ts";
import { distribute, offences } from "../../core/settle.ts";
import { SEAT, type Reason, type SeatKind } from "../../core/settle-types.ts";
import type { HistoricJob, History } from "./history.ts";

/** What became of seats, and what they earned. Amounts in token base units. */
export interface Performance {
  seats: number;
  agreed: number;
  wrong: number;
  unrevealed: number;
  absent: number;
  abstained: number;
  undecided: number;
  earned: bigint;
  slashed: bigint;
  /** Work units of the seats that were paid: a model's, over its stages, times the job's inputs. */
  workUnits: number;
}

export interface ModelPerformance extends Performance {
  jobs: number;
  final: number;
  closed: number;
  running: number;
  /** Jobs that somebody challenged. */
  disputed: number;
}

export interface Performances {
  readonly workers: ReadonlyMap<number, Performance>;
  readonly operators: ReadonlyMap<Hex, Performance>;
  readonly models: ReadonlyMap<Hex, ModelPerformance>;
  /** By operator, then model: what a work unit paid, where it was paid at all. */
  readonly pay: ReadonlyMap<Hex, ReadonlyMap<Hex, { earned: bigint; workUnits: number }>>;
}

const fresh = (): Performance => ({
  seats: 0,
  agreed: 0,
  wrong: 0,
  unrevealed: 0,
  absent: 0,
  abstained: 0,
  undecided: 0,
  earned: 0n,
  slashed: 0n,
  workUnits: 0,
});
const freshModel = (): ModelPerformance => ({ ...fresh(), jobs: 0, final: 0, closed: 0, running: 0, disputed: 0 });

const FIELD: Readonly<Record<SeatKind, "agreed" | "wrong" | "unrevealed" | "absent" | "abstained" | "undecided">> = {
  [SEAT.AGREED]: "agreed",
  [SEAT.WRONG]: "wrong",
  [SEAT.UNREVEALED]: "unrevealed",
  [SEAT.ABSENT]: "absent",
  [SEAT.ABSTAINED]: "abstained",
  [SEAT.UNDECIDED]: "undecided",
};

/** Looks a value up, or puts a fresh one there. */
function at<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Judges the seats of every ended job by the rules that settled it (protocol.md §7). */
export function measurePerformance(history: History): Performances {
  const workers = new Map<number, Performance>();
  const operators = new Map<Hex, Performance>();
  const models = new Map<Hex, ModelPerformance>();
  const pay = new Map<Hex, Map<Hex, { earned: bigint; workUnits: number }>>();
  for (const job of history.jobs) {
    const model = at(models, job.spec.modelId, freshModel);
    countJob(model, job);
    const units = unitsOf(history, job);
    for (const { worker, kind, earned, slashed } of seatsOf(job)) {
      const owner = history.owners.get(worker);
      const sums = [at(workers, worker, fresh), model, ...(owner === undefined ? [] : [at(operators, owner, fresh)])];
      for (const sum of sums) {
        sum.seats++;
        sum[FIELD[kind]]++;
        sum.earned += earned;
        sum.slashed += slashed;
        if (earned > 0n) sum.workUnits += units;
      }
      if (owner === undefined || earned === 0n) continue;
      const one = at(
        at(pay, owner, () => new Map()),
        job.spec.modelId,
        () => ({ earned: 0n, workUnits: 0 }),
      );
      one.earned += earned;
      one.workUnits += units;
    }
  }
  return { workers, operators, models, pay };
}

function countJob(model: ModelPerformance, { reason, challenges }: HistoricJob): void {
  model.jobs++;
  if (reason === null) model.running++;
  else if (reason === 0) model.final++;
  else model.closed++;
  if (challenges > 0) model.disputed++;
}

function unitsOf({ models }: History, { spec }: HistoricJob): number {
  const units = models.get(spec.modelId)?.workUnits ?? 0n;
  return (Number(units) * Math.max(1, batchCount(spec.policy.flags))) / spec.stages;
}

/** Nobody is paid or slashed before a job's end. */
function seatsOf({ spec, record, reason, slashes }: HistoricJob) {
  if (record === null || reason === null) return [];
  const seats = offences(spec, record);
  const taken = seats.map(({ worker }) => slashes.find(({ workerId }) => workerId === worker)?.amount ?? 0n);
  // Fee and pokes change what the requester gets back, not what seats are paid.
  const outcome = { reason: reason as Reason, seatsKnown: true, poked: false, feeBps: 0 };
  const payments = distribute(spec, record, outcome, seats, taken, quoteEscrow(spec, 0));
  return seats.map(({ worker, kind }, i) => ({
    worker,
    kind,
    earned: payments.seats[i] ?? 0n,
    slashed: taken[i] ?? 0n,
  }));
}
