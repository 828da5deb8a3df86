// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a deployment and its model side by side: every call goes to both, and both must agree on its error and on all that
// it changed. Seats are honest or not; what they say and sign is made here.
import { type Hex, keccak256, toHex } from "viem";
import { commitDigest, commitment, commitSet, revealDigest, type Claim } from "../../../offchain/core/claim.ts";
import { jobId as jobIdOf } from "../../../offchain/core/job.ts";
import { SEAT } from "../../../offchain/core/settle-types.ts";
import {
  FLAG_SMALL_POOL,
  SAID_ABSTAIN,
  STATE_HUNG,
  STATE_OPEN,
  STATE_WINDOW,
  VOTE,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type Job,
} from "../../../offchain/core/types.ts";
import { quorum } from "../../../offchain/core/vote.ts";
import { Prng } from "../prng.ts";
import { type Arena, type Contract, PARAMS_VERSION, REWARD } from "./arena.ts";
import { Observer } from "./compare.ts";
import { isLive, Model, Refusal, type At, type ModelJob, type Spoken } from "./model.ts";
import type { Rules } from "./rules.ts";

/**
 * honest; wrong: says the lie that all liars say; scattered: a lie of its own; silent: never comes; late: commits, opens too
 * late; equivocating: signs a second commitment; copying: commits to what another committed to; abstaining.
 */
export const ROLES = [
  "honest",
  "wrong",
  "silent",
  "late",
  "equivocating",
  "copying",
  "scattered",
  "abstaining",
] as const;
export type Role = (typeof ROLES)[number];
const FAULTS = ROLES.filter((role) => role !== "honest");

/** Roles of a committee, by seat. */
export type Casting = (n: number, rng: Prng, at: { readonly stage: number; readonly round: number }) => readonly Role[];

/** An adversary that sees each committee and corrupts as many of its seats as leave a quorum honest. */
export const bounded: Casting = (n, rng) => {
  const roles: Role[] = Array.from({ length: n }, () => "honest");
  for (let faults = rng.int(0, n - quorum(n)); faults > 0; faults--)
    roles[rng.int(0, n - 1)] = rng.pick<Role>(["wrong", ...FAULTS]);
  return roles;
};

/** No bound: committees may be captured, split, or not come at all. */
export const unbounded: Casting = (n, rng) => {
  const common = rng.pick<Role>(["honest", "honest", "honest", "wrong", "wrong", "silent", "abstaining", "late"]);
  if (rng.chance(0.4)) return Array.from({ length: n }, () => rng.pick<Role>(["honest", "wrong"]));
  const share = rng.pick([0.2, 0.5, 0.9]);
  return Array.from({ length: n }, (): Role => (rng.chance(share) ? common : rng.pick<Role>([...ROLES])));
};

export type Shape = {
  readonly k: number;
  readonly stages: number;
  readonly window: number;
  readonly requester?: number;
  readonly insured?: bigint;
  readonly smallPool?: boolean;
};

type Ballot = Spoken & { readonly claim: Claim; readonly salt: Hex; readonly commitment: Hex };
type Committee = readonly number[];

/** The contracts did something else than the model. */
export class Disagreement extends Error {
  override readonly name = "Disagreement";
}

const T_WORK = 60;
const T_REVEAL = 120;
/** How long before a deadline honest seats act at the latest. */
const CARE = 50;
const STEP = 20;
const LIFE = 6 * 86_400;

export class Play {
  readonly arena: Arena;
  readonly model: Model;
  readonly log: string[] = [];
  /** Of the last call. */
  gas = 0;
  readonly #observer: Observer;
  readonly #casting: Casting;
  readonly #seed: number;
  /** Honest seats act in time; else nobody cares for deadlines. */
  readonly #careful: boolean;
  readonly #roles = new Map<string, Role>();
  /** Workers that signed twice, and where. */
  readonly equivocations: {
    readonly id: number;
    readonly job: ModelJob;
    readonly stage: number;
    readonly round: number;
  }[] = [];
  /** Outvoted honest seats challenge. */
  appeals = true;
  #nonce = 0n;

  private constructor(
    arena: Arena,
    observer: Observer,
    model: Model,
    { casting, seed, careful }: { readonly casting: Casting; readonly seed: number; readonly careful: boolean },
  ) {
    this.arena = arena;
    this.model = model;
    this.#observer = observer;
    this.#casting = casting;
    this.#seed = seed;
    this.#careful = careful;
  }

  /** The arena's workers have joined, and its table has not begun. */
  static async begin(
    arena: Arena,
    rules: Rules,
    options: { readonly casting: Casting; readonly seed: number; readonly careful: boolean },
  ): Promise<Play> {
    const observer = Observer.of(arena);
    const model = new Model(rules, arena.workers, await observer.free(), await observer.accounts());
    const play = new Play(arena, observer, model, options);
    await play.advanceEpoch();
    return play;
  }

  checkLayout(job: ModelJob): Promise<void> {
    return this.#observer.checkLayout(job.jobId);
  }

  /** The block that the next transaction will be in. */
  get next(): At {
    return { time: this.arena.time + 1, block: this.arena.block + 1 };
  }

  async #tellHashes(): Promise<void> {
    for (const { seedRef, state } of this.model.jobs)
      if (state === STATE_OPEN && seedRef <= this.arena.block && !this.model.hasHash(seedRef))
        this.model.learnHash(seedRef, await this.arena.blockHash(seedRef));
  }

  /** One call to both. Returns the error that both refuse it with. Throws Disagreement. */
  async #both(
    from: Hex,
    contract: Contract,
    name: string,
    args: readonly unknown[],
    predict: (at: At) => void,
  ): Promise<string | undefined> {
    await this.#tellHashes();
    // Before the model changes the record.
    const data = this.arena.encode(contract, name, args);
    let expected: string | undefined;
    try {
      predict(this.next);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      expected = error.message;
    }
    const sent = await this.arena.send(from, contract, data);
    this.log.push(`${sent.time}: ${contract}.${name}${sent.error === undefined ? "" : ` (${sent.error})`}`);
    this.gas = sent.gas;
    if (sent.error !== expected)
      throw new Disagreement(`${name}: the contracts say ${sent.error ?? "yes"}, the model ${expected ?? "yes"}`);
    const found = await this.#observer.differences(this.model);
    if (found.length > 0) throw new Disagreement(`after ${name}: ${found.join("; ")}`);
    return sent.error;
  }

  // --- What seats say -----------------------------------------------------------------------------------------------

  /** The right answer of a stage. */
  truth(job: ModelJob, stage: number, boundaries: readonly Hex[] = job.record.boundaries): Hex {
    const input = stage === 0 ? job.job.spec.inDigest : (boundaries[stage - 1] ?? ZERO_BYTES32);
    return digestOf(`right ${stage} ${input}`);
  }

  roleOf(job: ModelJob, id: number): Role {
    return this.#roles.get(`${job.jobId} ${id}`) ?? "silent";
  }

  /** The committee that votes now, with its roles; undefined while it cannot be known. */
  async committee(job: ModelJob): Promise<Committee | undefined> {
    if (job.state !== STATE_OPEN) return undefined;
    await this.#tellHashes();
    let ids: readonly number[];
    try {
      ids = this.model.committee(this.next, job);
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
    if (ids.some((id) => !this.#roles.has(`${job.jobId} ${id}`))) {
      const { stage, round } = job;
      const rng = new Prng(
        Number(BigInt(keccak256(toHex(`${this.#seed} ${job.job.nonce} ${stage} ${round}`))) % 2n ** 32n),
      );
      const roles = this.#casting(ids.length, rng, { stage, round });
      for (const [i, id] of ids.entries()) this.#roles.set(`${job.jobId} ${id}`, roles[i] ?? "honest");
    }
    return ids;
  }

  #spoken(job: ModelJob, id: number, variant = 0): Spoken {
    const { stage } = job;
    const truth = this.truth(job, stage);
    const role = this.roleOf(job, id);
    const bare = (outDigest: Hex): Spoken => ({ outDigest, payload: ZERO_BYTES32 });
    if (variant === 1) return bare(digestOf(`second ${id} ${truth}`));
    if (role === "wrong") return bare(digestOf(`lie ${truth}`));
    if (role === "scattered") return bare(digestOf(`lie of ${id} ${truth}`));
    if (role === "abstaining") return { outDigest: SAID_ABSTAIN, payload: toHex(1, { size: 32 }) };
    return bare(truth);
  }

  #ballot(job: ModelJob, id: number, variant = 0): Ballot {
    const { jobId, stage, round } = job;
    const inDigest = stage === 0 ? job.job.spec.inDigest : (job.record.boundaries[stage - 1] ?? ZERO_BYTES32);
    const spoken = this.#spoken(job, id, variant);
    const claim: Claim = { jobId, stage, inDigest, outDigest: spoken.outDigest, worker: this.model.addressOf(id) };
    const salt = keccak256(toHex(`salt ${jobId} ${stage} ${round} ${id} ${variant}`));
    const value = commitment(this.arena.domain, { claim, round, payload: spoken.payload, salt });
    return { ...spoken, claim, salt, commitment: value };
  }

  /** What a seat commits to, if it comes. */
  #commitmentOf(job: ModelJob, ids: Committee, seat: number): Hex | undefined {
    const id = ids[seat] ?? 0;
    const role = this.roleOf(job, id);
    if (role === "silent") return undefined;
    if (role !== "copying") return this.#ballot(job, id).commitment;
    const other = ids.find((one) => !["silent", "copying"].includes(this.roleOf(job, one)));
    return other === undefined ? undefined : this.#ballot(job, other).commitment;
  }

  #opens(job: ModelJob, id: number): boolean {
    return !["silent", "late", "copying"].includes(this.roleOf(job, id));
  }

  #signedCommit(job: ModelJob, id: number, value: Hex, { stage, round }: { stage: number; round: number }) {
    return this.arena.sign(id, commitDigest(this.arena.domain, { jobId: job.jobId, stage, round, commitment: value }));
  }

  // --- Calls --------------------------------------------------------------------------------------------------------

  async request(shape: Shape): Promise<ModelJob | undefined> {
    const { k, stages, window, requester = 0, insured = 0n, smallPool = false } = shape;
    const modelId = await this.arena.model(stages);
    const from = this.arena.requesters[requester] ?? "0x";
    const nonce = this.#nonce++;
    const job: Job = {
      requester: from,
      nonce,
      spec: {
        modelId,
        inDigest: digestOf(`input ${nonce}`),
        inputRef: digestOf(`blob ${nonce}`),
        stages,
        policy: {
          mask: VOTE,
          k,
          auditBps: 10_000,
          cls: 0,
          flags: smallPool ? FLAG_SMALL_POOL : 0,
          // Odd, so that its burned half is rounded.
          seatStake: BigInt(4 * (2 * k + 1)) * REWARD + 1n,
          window,
          tWork: T_WORK,
          tReveal: T_REVEAL,
          ticketClass: 0,
        },
        seatReward: REWARD,
        pokeFee: REWARD / 20n,
        insuredValue: insured,
        client: from,
        callback: ZERO_ADDRESS,
        callbackGas: 0,
        expiry: this.arena.time + LIFE,
        paramsVersion: PARAMS_VERSION,
        resultKey: ZERO_BYTES32,
      },
    };
    const jobId = jobIdOf({ chainId: 31337n, hub: this.arena.deployment.hub }, job);
    const predict = (at: At) => this.model.request(at, { job, jobId });
    const error = await this.#both(from, "hub", "request", [nonce, job.spec], predict);
    return error === undefined ? this.model.jobs.at(-1) : undefined;
  }

  cancel(job: ModelJob, by: Hex = job.job.requester) {
    return this.#both(by, "hub", "cancel", [job.job], (at) => this.model.cancel(at, job, by));
  }

  pin(job: ModelJob) {
    const args = [job.job, job.record];
    return this.#both(this.arena.requesters[1] ?? "0x", "hub", "pin", args, (at) => this.model.pin(at, job));
  }

  /** A seat's own commitment; `outsider`: sent by somebody else. */
  async commit(job: ModelJob, seat: number, outsider = false) {
    const ids = await this.committee(job);
    const value = (ids === undefined ? undefined : this.#commitmentOf(job, ids, seat)) ?? digestOf("nothing");
    const id = ids?.[seat] ?? 1;
    const by = outsider ? (this.arena.requesters[1] ?? "0x") : this.model.addressOf(id);
    return this.#both(by, "hub", "commit", [job.job, job.record, seat, value], (at) =>
      this.model.commit(at, job, { seat, commitment: value, by }),
    );
  }

  /** Signed commitments of all seats in `which` that come. */
  async commitMany(job: ModelJob, which: (seat: number) => boolean) {
    const ids = (await this.committee(job)) ?? [];
    const { stage, round } = job;
    const commits = ids.flatMap((id, seat) => {
      const value = which(seat) ? this.#commitmentOf(job, ids, seat) : undefined;
      return value === undefined
        ? []
        : [{ seat, commitment: value, ...this.#signedCommit(job, id, value, { stage, round }) }];
    });
    for (const { seat } of commits) this.#noteSecond(job, ids[seat] ?? 0);
    const by = this.arena.requesters[2] ?? "0x";
    return this.#both(by, "hub", "commitMany", [job.job, job.record, commits], (at) =>
      this.model.commitMany(at, job, commits),
    );
  }

  #noteSecond(job: ModelJob, id: number): void {
    const { stage, round } = job;
    if (this.roleOf(job, id) !== "equivocating") return;
    if (this.equivocations.some((known) => known.id === id && known.job === job)) return;
    this.equivocations.push({ id, job, stage, round });
  }

  /** Whether all seats of the current committee would take the fast path. */
  async isComplete(job: ModelJob): Promise<boolean> {
    const ids = await this.committee(job);
    return ids?.every((id) => this.#opens(job, id)) ?? false;
  }

  /** The fast path of the current committee. */
  async submit(job: ModelJob) {
    const ids = await this.committee(job);
    const votes = ids === undefined ? [] : [this.#stageVotes(job, ids)];
    const spoken = ids === undefined ? [] : [ids.map((id) => this.#spoken(job, id))];
    for (const id of ids ?? []) this.#noteSecond(job, id);
    const by = this.arena.requesters[1] ?? "0x";
    return this.#both(by, "hub", "submit", [job.job, job.record, [], votes, "0x"], (at) =>
      this.model.submit(at, job, spoken, by),
    );
  }

  #stageVotes(job: ModelJob, ids: Committee) {
    const ballots = ids.map((id) => this.#ballot(job, id));
    const set = commitSet(ballots.map((ballot) => ballot.commitment));
    const pairs = distinct(ballots);
    const seats = ballots.map(({ claim, payload, salt, outDigest }, seat) => ({
      which: pairs.findIndex((pair) => pair.outDigest === outDigest && pair.payload === payload),
      salt,
      ...this.arena.sign(
        ids[seat] ?? 0,
        revealDigest(this.arena.domain, { claim, round: job.round, payload, extra: ZERO_BYTES32, commitSet: set }),
      ),
    }));
    return { outs: pairs.map(({ outDigest }) => outDigest), payloads: pairs.map(({ payload }) => payload), seats };
  }

  #batch(job: ModelJob): Hex[] {
    return [...job.phase.batched.entries()].toSorted(([a], [b]) => a - b).map(([, value]) => value);
  }

  async reveal(job: ModelJob, seat: number) {
    const ids = await this.committee(job);
    const id = ids?.[seat] ?? 0;
    const isKnown = ids !== undefined && seat < ids.length;
    const ballot = isKnown ? this.#ballot(job, id) : undefined;
    const isOwn = isKnown && !["silent", "copying"].includes(this.roleOf(job, id));
    const vote = {
      seat,
      outDigest: ballot?.outDigest ?? ZERO_BYTES32,
      payload: ballot?.payload ?? ZERO_BYTES32,
      salt: ballot?.salt ?? ZERO_BYTES32,
    };
    const by = this.arena.requesters[2] ?? "0x";
    return this.#both(by, "hub", "reveal", [job.job, job.record, [], vote, this.#batch(job)], (at) =>
      this.model.reveal(at, job, seat, vote, isOwn),
    );
  }

  /** All openings there are; `withhold`: none but those stored already. */
  async tally(job: ModelJob, withhold = false) {
    const ids = (await this.committee(job)) ?? [];
    const { revealed, posted, batched } = job.phase;
    const openings = new Map<number, Spoken>();
    const salts: Hex[] = [];
    for (const [seat, id] of ids.entries()) {
      salts.push(this.#ballot(job, id).salt);
      const came = posted.has(seat) || batched.has(seat);
      const stored = revealed.get(seat);
      if (stored !== undefined) openings.set(seat, stored);
      else if (came && !withhold && this.#opens(job, id)) openings.set(seat, this.#spoken(job, id));
    }
    const pairs = distinct([...openings.values()]);
    const seats = Array.from({ length: this.model.size(job) }, (_, seat) => {
      const spoken = openings.get(seat);
      const which = spoken === undefined ? 255 : pairs.findIndex((pair) => isSame(pair, spoken));
      return { which, salt: salts[seat] ?? ZERO_BYTES32, r: ZERO_BYTES32, vs: ZERO_BYTES32 };
    });
    const votes = {
      outs: pairs.map(({ outDigest }) => outDigest),
      payloads: pairs.map(({ payload }) => payload),
      seats,
    };
    const by = this.arena.requesters[1] ?? "0x";
    return this.#both(by, "hub", "tally", [job.job, job.record, [], votes, this.#batch(job), "0x"], (at) =>
      this.model.tally(at, job, openings, by),
    );
  }

  expire(job: ModelJob) {
    const by = this.arena.requesters[2] ?? "0x";
    return this.#both(by, "hub", "expire", [job.job, job.record], (at) => this.model.expire(at, job, by));
  }

  challenge(job: ModelJob, stage: number, by: Hex) {
    const predict = (at: At) => this.model.challenge(at, job, stage, by);
    return this.#both(by, "hub", "challenge", [job.job, job.record, stage], predict);
  }

  settle(job: ModelJob) {
    const by = this.arena.requesters[1] ?? "0x";
    return this.#both(by, "hub", "settle", [job.job, job.record, "0x"], (at) => this.model.settle(at, job, by));
  }

  /** Shows two commitments that an equivocator signed for one committee. */
  equivocate(which: number, by: Hex) {
    const found = this.equivocations[which % this.equivocations.length];
    if (found === undefined) return undefined;
    const { id, job, stage, round } = found;
    const here = { ...job, stage, round };
    const sign = (value: Hex) => ({
      commitment: value,
      inDigest: ZERO_BYTES32,
      outDigest: ZERO_BYTES32,
      payload: ZERO_BYTES32,
      extra: ZERO_BYTES32,
      commitSet: ZERO_BYTES32,
      ...this.#signedCommit(job, id, value, { stage, round }),
    });
    const [a, b] = [0, 1].map((variant) => sign(this.#ballot(here, id, variant).commitment));
    const proof = { jobId: job.jobId, stage, round, kind: 0, a, b };
    return this.#both(by, "hub", "proveEquivocation", [id, proof], (at) => this.model.equivocate(at, id, by));
  }

  withdraw(who: Hex, amount: bigint) {
    return this.#both(who, "hub", "withdraw", [amount, who], () => this.model.withdraw(who, amount));
  }

  claim(id: number) {
    return this.#both(this.arena.requesters[1] ?? "0x", "hub", "claim", [id], () => this.model.claim(id));
  }

  sweepFees() {
    return this.#both(this.arena.requesters[2] ?? "0x", "hub", "sweepFees", [], () => this.model.sweepFees());
  }

  unbond(id: number, amount: bigint) {
    const predict = (at: At) => this.model.beginUnbond(at, id, amount);
    return this.#both(this.model.addressOf(id), "vault", "beginUnbond", [id, amount], predict);
  }

  withdrawStake(id: number) {
    const by = this.model.addressOf(id);
    return this.#both(by, "vault", "withdraw", [id, by], (at) => this.model.withdrawStake(at, id));
  }

  /** A worker gives back its tickets. */
  leave(id: number) {
    const remove = this.model.cellsOf(id);
    const args = [[{ workerId: id, ticketClass: 0, add: 0, remove }]];
    const predict = (at: At) => this.model.leave(at, id, remove);
    return this.#both(this.model.addressOf(id), "vault", "applyChanges", args, predict);
  }

  advanceEpoch() {
    const by = this.arena.requesters[2] ?? "0x";
    return this.#both(by, "vault", "advanceEpoch", [], (at) => this.model.advanceEpoch(at));
  }

  // --- Time ---------------------------------------------------------------------------------------------------------

  /** Time passes; honest seats use it. */
  async pass(seconds: number): Promise<void> {
    const until = this.arena.time + seconds;
    while (this.arena.time < until) {
      const isCareful = this.#careful && this.model.jobs.some(isLive);
      if (isCareful) await this.care();
      const step = isCareful ? Math.min(STEP, until - this.arena.time) : until - this.arena.time;
      if (step > 0) await this.arena.pass(step);
    }
  }

  async #toSeed(job: ModelJob): Promise<void> {
    const blocks = job.seedRef - this.arena.block;
    if (blocks > 0) await this.arena.pass(blocks, blocks);
  }

  /** Honest seats commit, open and challenge before their time is over. */
  async care(): Promise<void> {
    for (const job of this.model.jobs) {
      if (!isLive(job)) continue;
      const { deadline, phase, state } = job;
      const { time } = this.arena;
      if (state !== STATE_OPEN) {
        const due = deadline - time < CARE ? this.complaint(job) : undefined;
        if (due !== undefined && deadline > time) await this.challenge(job, due.stage, due.by);
        continue;
      }
      if (phase.closedAt === 0 && deadline > time) {
        if (deadline - time < CARE) await this.#commitHonest(job);
        continue;
      }
      const opened = phase.closedAt === 0 ? deadline : phase.closedAt;
      if (opened + T_REVEAL - time < CARE && time < opened + T_REVEAL) await this.#revealHonest(job);
    }
  }

  async #commitHonest(job: ModelJob): Promise<void> {
    await this.#toSeed(job);
    const ids = (await this.committee(job)) ?? [];
    const { posted, batched } = job.phase;
    const due = [...ids.keys()].filter((seat) => {
      return this.roleOf(job, ids[seat] ?? 0) === "honest" && !posted.has(seat) && !batched.has(seat);
    });
    if (due.length === 0) return;
    if (batched.size === 0) await this.commitMany(job, (seat) => due.includes(seat));
    else for (const seat of due) await this.commit(job, seat);
  }

  async #revealHonest(job: ModelJob): Promise<void> {
    const { posted, batched, revealed } = job.phase;
    if (posted.size + batched.size < quorum(this.model.size(job))) return;
    const ids = (await this.committee(job)) ?? [];
    for (const [seat, id] of ids.entries()) {
      const came = posted.has(seat) || batched.has(seat);
      if (came && !revealed.has(seat) && this.roleOf(job, id) === "honest") await this.reveal(job, seat);
    }
  }

  /** The stage that an honest, outvoted seat would challenge, and who. */
  complaint(job: ModelJob): { readonly stage: number; readonly by: Hex } | undefined {
    const { record, state } = job;
    if (!this.appeals) return undefined;
    for (const { stage, round, seats, said } of record.tallies) {
      if (state === STATE_HUNG ? stage !== job.stage : stage >= record.boundaries.length) continue;
      const truth = this.truth(job, stage);
      if (state === STATE_WINDOW && record.boundaries[stage] === truth) continue;
      if (this.model.nextRound(job, stage) > job.rounds) continue;
      const bond = this.model.rules.bondOf(job.job.spec.policy.k, this.model.nextRound(job, stage), REWARD);
      const seat = said.findIndex((word, i) => {
        const id = seats[i] ?? 0;
        return (
          word === truth && this.roleOf(job, id) === "honest" && this.model.balance(this.model.addressOf(id)) >= bond
        );
      });
      if (seat >= 0 && round <= job.rounds) return { stage, by: this.model.addressOf(seats[seat] ?? 0) };
    }
    return undefined;
  }

  // --- A whole life -------------------------------------------------------------------------------------------------

  /** The next sensible step of a job: at most a few calls. */
  async progress(job: ModelJob): Promise<void> {
    if (!isLive(job)) return;
    if (job.state === STATE_OPEN) return this.#vote(job);
    const due = this.complaint(job);
    if (due !== undefined && this.next.time <= job.deadline) {
      await this.challenge(job, due.stage, due.by);
      return;
    }
    await this.pass(Math.max(0, job.deadline - this.arena.time));
    if (job.state === STATE_HUNG) await this.expire(job);
    else if (job.state === STATE_WINDOW) await this.settle(job);
  }

  async #vote(job: ModelJob): Promise<void> {
    await this.#toSeed(job);
    const ids = await this.committee(job);
    if (ids === undefined || this.next.time > job.job.spec.expiry) {
      await this.pass(Math.max(0, job.deadline - this.arena.time));
      await this.expire(job);
      return;
    }
    const { phase } = job;
    if (phase.posted.size + phase.batched.size === 0 && (await this.isComplete(job))) {
      await this.submit(job);
      return;
    }
    if (phase.closedAt === 0 && this.next.time <= job.deadline) {
      const willing = [...ids.keys()].filter((seat) => {
        const isIn = phase.posted.has(seat) || phase.batched.has(seat);
        return !isIn && this.#commitmentOf(job, ids, seat) !== undefined;
      });
      if (willing.length > 0 && phase.batched.size === 0) {
        await this.commitMany(job, (seat) => willing.includes(seat));
        return;
      }
      if (willing.length > 0) {
        await this.commit(job, willing[0] ?? 0);
        return;
      }
      await this.pass(job.deadline - this.arena.time);
    }
    if (job.state !== STATE_OPEN) return;
    const came = phase.posted.size + phase.batched.size;
    if (came < quorum(this.model.size(job))) {
      await this.expire(job);
      return;
    }
    if ((await this.tally(job)) !== "OpeningsMissing") return;
    await this.pass(Math.max(0, this.model.revealEnd(this.next, job) - this.arena.time));
    await this.tally(job);
  }

  /** Ends every job that could need its seats soon: before long waits, in which honest seats would have to act every minute. */
  async finishVoting(): Promise<void> {
    if (this.#careful) await this.finish();
  }

  /** Ends every job. */
  async finish(): Promise<void> {
    for (let steps = 0; this.model.jobs.some(isLive); steps++) {
      if (steps > 400) throw new Disagreement("a job does not end");
      for (const job of this.model.jobs) await this.progress(job);
    }
  }

  /**
   * What must not have happened in any job. Careful seats that are a quorum of every committee lose nothing, and their word is
   * what is delivered; without that, an honest seat is wrong only where a lie stands.
   */
  wrongs(): string[] {
    const found: string[] = [];
    for (const [at, job] of this.model.jobs.entries()) {
      if (isLive(job)) found.push(`job ${at} has not ended`);
      const stageOf = new Map(
        job.record.tallies.flatMap(({ seats, stage }) => seats.map((id) => [id, stage] as const)),
      );
      for (const { worker, kind, slash } of job.settled) {
        if (slash > job.job.spec.policy.seatStake) found.push(`job ${at}: worker ${worker} lost more than it staked`);
        const stage = stageOf.get(worker) ?? 0;
        const isRight = job.record.boundaries[stage] === this.truth(job, stage);
        const isHonest = this.roleOf(job, worker) === "honest";
        if (isHonest && slash !== 0n && (this.#careful || (kind === SEAT.WRONG && isRight)))
          found.push(`job ${at}: honest worker ${worker} was slashed as ${nameOf(kind)}`);
        if (kind === SEAT.AGREED && isRight && ["wrong", "scattered"].includes(this.roleOf(job, worker)))
          found.push(`job ${at}: liar ${worker} was paid`);
      }
      for (const [stage, digest] of job.record.boundaries.entries())
        if (this.#careful && digest !== this.truth(job, stage)) found.push(`job ${at}: a lie stands`);
    }
    return found;
  }
}

const nameOf = (kind: number): string => Object.entries(SEAT).find(([, value]) => value === kind)?.[0] ?? String(kind);

/** Below r, as every digest of a tensor is. */
const digestOf = (text: string): Hex => `0x00${keccak256(toHex(text)).slice(4)}`;

const isSame = (a: Spoken, b: Spoken): boolean => a.outDigest === b.outDigest && a.payload === b.payload;

function distinct(spoken: readonly Spoken[]): Spoken[] {
  const pairs: Spoken[] = [];
  for (const one of spoken) if (!pairs.some((pair) => isSame(pair, one))) pairs.push(one);
  return pairs;
}
