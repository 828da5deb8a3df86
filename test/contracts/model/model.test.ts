// SPDX-License-Identifier: GPL-3.0-or-later
// A model of the hub in TypeScript, built on core, against the contracts: after every call of random, adversarial lives both
// must agree on the error, the job, its record, and every balance.
//
//   ASSAY_DEEP=1          many more lives, from a new seed
//   ASSAY_SEED=0x…        the seed that a failure printed; with ASSAY_PATH=… that very life alone
import { expect } from "chai";
import fc from "fast-check";
import { REASON, SEAT } from "../../../offchain/core/settle-types.ts";
import { moves } from "../../support/arena/commands.ts";
import { Play, bounded, unbounded, type Casting } from "../../support/arena/play.ts";
import { CORE_RULES, type Rules } from "../../support/arena/rules.ts";
import { fullArena } from "../../support/arena/shared-arena.ts";

const deep = process.env["ASSAY_DEEP"] === "1";
const seed = Number(BigInt(process.env["ASSAY_SEED"] ?? "0x41535341") % 2n ** 31n);
const path = process.env["ASSAY_PATH"];

const LIVES = deep ? 2_000 : 24;
const MOVES = deep ? 120 : 80;

type Life = { readonly casting: Casting; readonly careful: boolean; readonly rules?: Rules };

/** Runs lives until one shows a difference. */
async function live({ casting, careful, rules = CORE_RULES }: Life, numRuns: number, counts?: Counts) {
  const { arena, begin } = await fullArena();
  const property = fc.asyncProperty(
    fc.nat(2 ** 31 - 1),
    // Without bias towards small values: short lives see little.
    fc.noBias(fc.commands(moves(careful), { maxCommands: MOVES, size: "max" })),
    async (life, commands) => {
      await begin();
      const play = await Play.begin(arena, rules, { casting, seed: life, careful });
      await fc.asyncModelRun(() => ({ model: {}, real: play }), commands);
      await play.finish();
      expect(play.wrongs()).to.deep.equal([]);
      counts?.add(play);
    },
  );
  return fc.check(property, { seed, numRuns, endOnFailure: true, ...(path === undefined ? {} : { path }) });
}

/** What the lives went through: a run that refuses everything would prove nothing. */
class Counts {
  readonly #calls = new Map<string, number>();
  readonly reasons = new Set<number>();

  add({ log, model }: Play): void {
    for (const line of log) {
      const call = line.slice(line.indexOf(" ") + 1);
      this.#calls.set(call, (this.#calls.get(call) ?? 0) + 1);
    }
    for (const { reason } of model.jobs) this.reasons.add(reason);
  }

  /** Of these calls, those that no life saw accepted. */
  unseen(calls: readonly string[]): string[] {
    return calls.filter((call) => !this.#calls.has(call));
  }

  get refusals(): number {
    return [...this.#calls.keys()].filter((call) => call.endsWith(")")).length;
  }
}

async function expectAgreement(life: Life, counts: Counts): Promise<void> {
  const result = await live(life, LIVES, counts);
  if (!result.failed) return;
  const moved = [...(result.counterexample?.[1] ?? [])].map((move) => move.toString()).join(", ");
  const how = `ASSAY_SEED=${seed} ASSAY_PATH=${result.counterexamplePath}`;
  expect.fail(`${String(result.errorInstance)}\nrepeat with ${how}\n${moved}`);
}

describe("the hub against its model", function () {
  this.timeout(deep ? 6 * 3600_000 : 300_000);

  before(async function () {
    console.log(`      seed ${seed}`);
    const { arena, begin } = await fullArena();
    await begin();
    const play = await Play.begin(arena, CORE_RULES, { casting: bounded, seed, careful: true });
    const job = await play.request({ k: 3, stages: 1, window: 0 });
    if (job === undefined) return expect.fail("a plain request was refused");
    await play.checkLayout(job);
  });

  it("property: any seats, any order, any time: model and contracts agree on errors, records and balances", async () => {
    const counts = new Counts();
    await expectAgreement({ casting: unbounded, careful: false }, counts);
    const calls = ["request", "cancel", "commit", "commitMany", "submit", "tally", "expire", "challenge", "settle"];
    const money = ["proveEquivocation", "withdraw", "claim", "sweepFees"];
    expect(counts.unseen([...calls, ...money].map((call) => `hub.${call}`))).to.deep.equal([]);
    expect(counts.unseen(["vault.advanceEpoch", "vault.applyChanges"])).to.deep.equal([]);
    expect([...counts.reasons]).to.have.members(Object.values(REASON));
    expect(counts.refusals).to.be.greaterThan(20);
  });

  it("property: an adversary that picks up to n - q seats of each committee slashes nobody honest, places no lie", async () => {
    const counts = new Counts();
    await expectAgreement({ casting: bounded, careful: true }, counts);
    expect(counts.unseen(["hub.submit", "hub.tally", "hub.reveal", "hub.challenge", "hub.settle"])).to.deep.equal([]);
  });

  /** Jobs to which nobody comes, until absence is a habit. */
  async function playAbsences(rules: Rules): Promise<Play> {
    const { arena, begin } = await fullArena();
    await begin();
    const play = await Play.begin(arena, rules, {
      casting: (n) => Array.from({ length: n }, () => "silent"),
      seed,
      careful: false,
    });
    while (play.model.workers.every(({ jailedUntil }) => jailedUntil === 0) && play.model.jobs.length < 20) {
      await play.request({ k: 5, stages: 3, window: 0, smallPool: true });
      await play.finish();
    }
    return play;
  }

  it("behavior: who misses three seats and more than 15% is jailed, and must leave before the next epoch", async () => {
    const { model, ...play } = await playAbsences(CORE_RULES);
    expect(model.workers.filter(({ jailedUntil }) => jailedUntil > play.arena.time)).to.have.length.greaterThan(0);
    expect(model.overdue()).to.be.greaterThan(0);
    const error = await playAbsences({ ...CORE_RULES, isHabitual: (absent) => absent >= 4 }).catch(String);
    expect(error).to.match(/^Disagreement: after expire: stake of worker/);
  });

  describe("notices a wrong rule", () => {
    const { distribute, offences, decideVote, afterTally, afterHung, afterAbsence, pokeDue, bondOf, saidUnopened } =
      CORE_RULES;
    const planted: { readonly [what: string]: Partial<Rules> } = {
      "winning challengers get 59%": {
        distribute: (spec, record, outcome, seats, taken, escrow) => {
          const paid = distribute(spec, record, outcome, seats, taken, escrow);
          const [first = 0n] = paid.challengers.filter((amount, t) => amount > (record.tallies[t]?.bond ?? 0n));
          const part = first / 60n;
          const challengers = paid.challengers.map((amount) => (amount === first ? amount - part : amount));
          return { ...paid, challengers, requester: paid.requester + part };
        },
      },
      "the odd wei of a slash is not burned": {
        distribute: (...args) => {
          const paid = distribute(...args);
          const odd = args[4].reduce((sum, amount) => sum + (amount % 2n), 0n);
          return { ...paid, burn: paid.burn - odd, requester: paid.requester + odd };
        },
      },
      "closing is free": {
        distribute: (spec, record, outcome, ...rest) =>
          distribute(spec, record, { ...outcome, seatsKnown: false }, ...rest),
      },
      "hiding costs as much as lying": {
        offences: (spec, record) =>
          offences(spec, record).map((seat) =>
            seat.kind === SEAT.UNREVEALED ? { ...seat, slash: spec.policy.seatStake } : seat,
          ),
      },
      "abstaining is an absence": {
        offences: (spec, record) =>
          offences(spec, record).map((seat) => (seat.kind === SEAT.ABSTAINED ? { ...seat, kind: SEAT.ABSENT } : seat)),
      },
      "a majority is a quorum": {
        decideVote: (said, stage, round) => {
          const outcome = decideVote(said, stage, round);
          const words = said.filter((word) => BigInt(word) > 2n);
          const accepted = words.find((word) => words.filter((other) => other === word).length * 2 > said.length);
          return accepted === undefined ? outcome : { ...outcome, verdict: "ACCEPTED", accepted };
        },
      },
      "dissent opens no window": {
        afterTally: ({ outcome, past, ...counted }, ...rest) => {
          const quiet = past.map((tally) => ({ ...tally, dissent: false }));
          return afterTally({ ...counted, outcome: { ...outcome, dissent: false }, past: quiet }, ...rest);
        },
      },
      "a stage that hangs keeps what stood in it": {
        afterHung: (boundaries, stage, ...rest) => afterHung(boundaries, stage + 1, ...rest),
      },
      "a job may end over a dissenter's head": {
        afterAbsence: (boundaries, _, rounds) => afterAbsence(boundaries, [], rounds),
      },
      "pokes cost one wei more": { pokeDue: (...args) => pokeDue(...args) + 1n },
      "a bond is a reward a seat": { bondOf: (k, round, reward) => (bondOf(k, round, reward) * 4n) / 5n },
      "who committed in vain counts as absent": { saidUnopened: (came) => saidUnopened(came.map(() => false)) },
      "reputation falls without end": { addRho: (rho, change) => (change < 0 ? rho + 2 * change : rho + change) },
    };
    for (const [what, rule] of Object.entries(planted)) {
      it(`behavior: ${what}`, async () => {
        const rules = { ...CORE_RULES, ...rule };
        const result = await live({ casting: unbounded, careful: false, rules }, 60);
        expect(result.failed).to.equal(true);
        expect(String(result.errorInstance)).to.match(/^Disagreement: /);
      });
    }
  });
});
