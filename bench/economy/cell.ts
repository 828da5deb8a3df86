// SPDX-License-Identifier: GPL-3.0-or-later
import {
  checkPolicy,
  EVIDENCE,
  FLAG,
  longestJob,
  type PolicySpec,
  type PolicySet,
} from "../../offchain/core/policy.ts";
import { leastSeatStake } from "../../offchain/core/economics.ts";
import { REASON } from "../../offchain/core/settle-types.ts";
import { HONEST, type Behaviour } from "./behaviours.ts";
import { Committees } from "./committees.ts";
import { playJob, type World } from "./play.ts";
import { FEE_BPS, REWARD, Settlements } from "./settlements.ts";
import { ControlledMean, Mean, share, type Estimate } from "./statistics.ts";

/** A group of workers that behaves alike; its share of the pool, or a number of workers below 1/n. */
export type Group = { readonly behaviour: Behaviour; readonly share: number };

export type CellOptions = {
  readonly k: number;
  readonly stages?: number;
  readonly auditBps?: number;
  /** Seat stake in rewards; inequality 1's least by default. */
  readonly stake?: number;
  /** Insured value in rewards. */
  readonly insured?: number;
  /** Whether the hub must accept such a job; false for §14's table, whose values inequality 3 refuses at k = 3. */
  readonly allowed?: boolean;
  readonly workers: number;
  readonly groups: readonly Group[];
  readonly outage?: number;
  readonly window?: number;
  readonly watched?: number;
  readonly jobs: number;
  readonly seed?: number;
};

export type GroupResult = {
  readonly behaviour: string;
  readonly share: number;
  /** A job, over honest play in the same seats, in rewards: in money, and if the work it saved is worth a reward a seat. */
  readonly gain: Estimate;
  readonly gainWithWork: Estimate;
  /** Seats a job. */
  readonly seats: number;
};

export type CellResult = {
  readonly jobs: number;
  readonly rounds: number;
  readonly wrong: Estimate;
  readonly fast: Estimate;
  readonly noQuorum: Estimate;
  readonly unresolved: Estimate;
  readonly challenged: Estimate;
  /** What the requester paid a job, in rewards. */
  readonly cost: Estimate;
  /** What present, honest seats lost a job as "wrong", and their challengers in bonds, in rewards. */
  readonly honestSlash: Estimate;
  readonly honestBonds: Estimate;
  readonly groups: readonly GroupResult[];
};

/** protocol.md section 10, set 1; the fee of `FEE_BPS`. */
const SET: PolicySet = {
  minWindow: 600,
  minWork: 60,
  minReveal: 120,
  hungLast: 86_400,
  jobLife: 604_800,
  feeBps: FEE_BPS,
  forceUninsured: false,
};

const WINDOW = 600;
const kept = new Map<string, Committees>();

/** Committees are the same for every cell of one pool: drawing them is most of the time. */
function committeesOf(pool: Committees["pool"]): Committees {
  const key = JSON.stringify(pool);
  let found = kept.get(key);
  if (found === undefined) {
    found = new Committees(pool);
    kept.set(key, found);
  }
  return found;
}

/** Gives back the memory of all committees drawn so far. */
export function forgetCommittees(): void {
  kept.clear();
}

/** The job of a cell as the hub sees it, and the rounds that it grants; a job that it would refuse throws. */
export function admit(options: CellOptions): { readonly spec: PolicySpec; readonly rounds: number } {
  const { k, stages = 1, auditBps = 0, insured = 0, workers, window = WINDOW } = options;
  const stake = options.stake ?? Number(leastSeatStake(k, 1n));
  const seatStake = BigInt(Math.round(stake * 1000)) * (REWARD / 1000n);
  const sampled = auditBps > 0;
  const policy = {
    mask: sampled ? EVIDENCE.OPTIMISTIC : EVIDENCE.VOTE,
    k,
    auditBps: sampled ? auditBps : 10_000,
    cls: 0,
    flags: 0,
    seatStake,
    window,
    tWork: 60,
    tReveal: 120,
  };
  const insuredWei = BigInt(Math.floor(insured * 1000)) * (REWARD / 1000n);
  const spec = { stages, policy, seatReward: REWARD, pokeFee: REWARD / 20n, insuredValue: insuredWei, expiry: 0 };
  const plenty = 10n ** 24n;
  const limits = {
    supported: EVIDENCE.VOTE | EVIDENCE.OPTIMISTIC,
    time: 0,
    minimumStake: plenty,
    maxInsured: plenty,
    enclaveCap: 0n,
    openRisk: 0n,
    ticketedStake: plenty,
    workers,
  };
  const small = workers < stages * k + 6 * k + 4;
  const asked = { ...spec, policy: { ...policy, flags: small ? FLAG.SMALL_POOL : 0 }, expiry: longestJob(spec, SET) };
  const value = options.allowed === false ? { insuredValue: 0n } : {};
  const { rounds } = checkPolicy({ ...asked, ...value }, SET, limits);
  return { spec: asked, rounds };
}

/** Plays a cell: every job once with all behaviours, and once for each group in which that group is honest instead. */
export function playCell(options: CellOptions): CellResult {
  const { k, stages = 1, auditBps = 0, insured = 0, workers, groups, jobs, seed = 1, window = WINDOW } = options;
  const { spec, rounds } = admit(options);
  const groupOf = new Uint8Array(workers + 1);
  let next = 1;
  for (const [g, group] of groups.entries()) {
    const members = Math.round(group.share * workers);
    groupOf.fill(g + 1, next, next + members);
    next += members;
  }
  const behaviours = [HONEST, ...groups.map(({ behaviour }) => behaviour)];
  const world: World = {
    committees: committeesOf({ workers, k, stages, auditBps, seed }),
    settlements: new Settlements(spec),
    behaviours,
    groupOf,
    outage: options.outage ?? 0,
    rounds,
    window,
    insured,
    watched: options.watched ?? 0,
    seed,
  };
  const reformed = groups.map((_, g) => ({
    ...world,
    behaviours: behaviours.map((behaviour, i) => (i === g + 1 ? HONEST : behaviour)),
  }));

  // In a sampled job nearly all luck is whether an audit falls on a primary of the group: its probability is known.
  const tracked = groups.map((_, g) => {
    const members = groupOf.reduce((count, group) => count + (group === g + 1 ? 1 : 0), 0);
    const p = ((auditBps / 10_000) * members) / workers;
    return { gain: new ControlledMean(p), full: new ControlledMean(p), seats: 0 };
  });
  const [cost, slash, bonds] = [new Mean(), new Mean(), new Mean()];
  let [wrong, fast, noQuorum, unresolved, challenged] = [0, 0, 0, 0, 0];
  for (let job = 0; job < jobs; job++) {
    const played = playJob(world, job);
    if (played.wrong) wrong++;
    if (played.fast) fast++;
    if (played.reason === REASON.EXPIRED) noQuorum++;
    if (played.reason === REASON.UNRESOLVED) unresolved++;
    if (played.challenges > 0) challenged++;
    cost.add(played.cost);
    slash.add(played.honestSlash);
    bonds.add(-played.honestBonds);
    const audited = auditBps > 0 && world.committees.isAudited(job) ? groupOf[world.committees.round0(job)[0] ?? 0] : 0;
    for (const [g, track] of tracked.entries()) {
      const group = g + 1;
      const luck = audited === group ? 1 : 0;
      track.seats += played.seats[group] ?? 0;
      let [money, worked] = [played.money[group] ?? 0, played.worked[group] ?? 0];
      const asks = behaviours[group]?.delivers !== undefined;
      // Jobs of a requester in league would not exist without it: there is no honest play to compare with.
      const isIdle = money === 0 && (played.seats[group] ?? 0) === 0;
      const other = asks || isIdle ? undefined : reformed[g];
      if (other !== undefined) {
        const honest = playJob(other, job);
        money -= honest.money[group] ?? 0;
        worked -= honest.worked[group] ?? 0;
      }
      track.gain.add(money, luck);
      track.full.add(money - (asks ? 0 : worked), luck);
    }
  }
  return {
    jobs,
    rounds,
    wrong: share(wrong, jobs),
    fast: share(fast, jobs),
    noQuorum: share(noQuorum, jobs),
    unresolved: share(unresolved, jobs),
    challenged: share(challenged, jobs),
    cost: cost.estimate(),
    honestSlash: slash.estimate(),
    honestBonds: bonds.estimate(),
    groups: groups.map(({ behaviour, share: size }, g) => {
      const track = tracked[g];
      const none = { value: 0, low: 0, high: 0 };
      return {
        behaviour: behaviour.name,
        share: size,
        gain: track?.gain.estimate() ?? none,
        gainWithWork: track?.full.estimate() ?? none,
        seats: (track?.seats ?? 0) / jobs,
      };
    }),
  };
}
