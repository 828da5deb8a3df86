// SPDX-License-Identifier: GPL-3.0-or-later
// Committees in which each seat is honest or faulty in one of five ways, against the real contracts: all 216 of three seats; of
// five all 7,776 with ASSAY_DEEP=1, else samples, as of seven. Where there is something to dispute, once as nobody does and once as an outvoted honest seat challenges. What must
// follow is said by the model (core) after every call, and by `expected.ts`, which shares no line with it.
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { REASON, SEAT } from "../../../offchain/core/settle-types.ts";
import { STATE_FINAL } from "../../../offchain/core/types.ts";
import { REWARD } from "../../support/arena/arena.ts";
import { castings, comers, everyCasting, expectedOf } from "../../support/arena/expected.ts";
import { Play, type Casting, type Role } from "../../support/arena/play.ts";
import type { ModelJob } from "../../support/arena/model.ts";
import { CORE_RULES } from "../../support/arena/rules.ts";
import { fullArena } from "../../support/arena/shared-arena.ts";
import { Prng } from "../../support/prng.ts";

const deep = process.env["ASSAY_DEEP"] === "1";
const seed = Number(BigInt(process.env["ASSAY_SEED"] ?? "0x41535341") % 2n ** 31n);
const ROLES: readonly Role[] = ["honest", "wrong", "silent", "late", "equivocating", "copying"];

type Ended = { readonly job: ModelJob; readonly play: Play };

/** One job whose first committee is cast so; larger ones are honest. `appeals`: an honest seat challenges what is not true. */
async function run(roles: readonly Role[], appeals: boolean): Promise<Ended> {
  const { arena, begin } = await fullArena();
  await begin();
  const casting: Casting = (n, _, { round }) => (round === 0 ? roles : Array.from({ length: n }, () => "honest"));
  const play = await Play.begin(arena, CORE_RULES, { casting, seed, careful: false });
  play.appeals = appeals;
  const job = await play.request({ k: roles.length, stages: 1, window: 0, smallPool: roles.length > 5 });
  if (job === undefined) return expect.fail("the request was refused");
  await play.finish();
  for (let i = 0; i < play.equivocations.length; i++) await play.equivocate(i, arena.requesters[1] ?? "0x");
  return { job, play };
}

/** What both ways of a casting must come to. */
async function check(roles: readonly Role[]): Promise<void> {
  const { verdict, appealed } = expectedOf(roles);
  const what = roles.join(", ");
  // Where nobody objects to anything both ways are one.
  const ways = /hung|lie, window/.test(verdict) ? [false, true] : [true];
  for (const appeals of ways) {
    const { job, play } = await run(roles, appeals);
    const plain = { right: "right", lie: "lie", hung: "unresolved", expired: "expired" } as const;
    const want = appeals ? appealed : plain[verdict.replace(", window", "") as keyof typeof plain];
    expect(outcomeOf(job, play), `${what}, ${appeals ? "challenged" : "undisputed"}`).to.equal(want);
    checkSeats(roles, job, play, want, what);
    expect(play.model.jobs.every(({ state }) => state >= STATE_FINAL)).to.equal(true);
    expect(play.model.openRisk).to.equal(0n);
  }
}

function outcomeOf(job: ModelJob, play: Play): string {
  if (job.state === STATE_FINAL) return job.record.boundaries[0] === play.truth(job, 0) ? "right" : "lie";
  return { [REASON.EXPIRED]: "expired", [REASON.UNRESOLVED]: "unresolved" }[job.reason as 2 | 4];
}

/** Each seat's end, by what it did and how the job ended. */
function checkSeats(roles: readonly Role[], job: ModelJob, play: Play, outcome: string, what: string): void {
  const S = job.job.spec.policy.seatStake;
  const isUnopened = comers(roles) < Math.ceil((2 * roles.length) / 3);
  const isAlone = roles.every((role) => role === "silent" || role === "copying");
  for (const [i, role] of roles.entries()) {
    const { kind, slash, worker } = job.settled[i] as (typeof job.settled)[number];
    const seat = `${what}: seat ${i}, ${role}`;
    const stake = play.model.worker(worker).stake;
    if (role === "silent" || (role === "copying" && isAlone))
      expect([kind, slash], seat).to.deep.equal([SEAT.ABSENT, 2n * REWARD]);
    else if (isUnopened) expect([kind, slash], seat).to.deep.equal([SEAT.UNDECIDED, 0n]);
    else if (role === "late" || role === "copying")
      expect([kind, slash], seat).to.deep.equal([SEAT.UNREVEALED, S / 2n]);
    else if (outcome === "right" || outcome === "lie") {
      const isRight = (role === "wrong") === (outcome === "lie");
      expect([kind, slash], seat).to.deep.equal(isRight ? [SEAT.AGREED, 0n] : [SEAT.WRONG, S]);
    } else expect([kind, slash], seat).to.deep.equal([SEAT.UNDECIDED, 0n]);
    if (role === "equivocating") expect(stake, `${seat} keeps nothing`).to.equal(0n);
    // Who is honest loses only where a lie stands, and never where honest seats are a quorum.
    if (role === "honest" && slash !== 0n) expect(outcome, seat).to.equal("lie");
  }
  const q = Math.ceil((2 * roles.length) / 3);
  const honest = roles.filter((role) => role === "honest").length;
  if (honest >= q) expect(outcome, what).to.equal("right");
  if (outcome === "lie") expect(roles.filter((role) => role === "wrong").length, what).to.be.at.least(q);
}

function sample(all: Role[][], count: number): Role[][] {
  const rng = new Prng(seed);
  return Array.from({ length: count }, () => all[rng.int(0, all.length - 1)] ?? []);
}

describe("committee fault matrix", function () {
  this.timeout(deep ? 3 * 3600_000 : 300_000);

  it("behavior: the documentation's table counts all committees of three and five", async () => {
    const text = await readFile(new URL("../../../docs/committee-faults.md", import.meta.url), "utf8");
    const rows = [...text.matchAll(/^\| ([a-z, ]+) \|.*\| (\d+) \| (\d+) \|$/gm)].map(([, verdict, three, five]) => {
      return `${verdict} ${three} ${five}`;
    });
    const count = (k: number) => {
      const counts = new Map<string, number>();
      for (const roles of everyCasting(k, ROLES)) {
        const { verdict, appealed } = expectedOf(roles);
        counts.set(`${verdict}>${appealed}`, (counts.get(`${verdict}>${appealed}`) ?? 0) + 1);
      }
      return counts;
    };
    const [three, five] = [count(3), count(5)];
    const want = [...three].map(([key, n]) => `${key.split(">")[0]} ${n} ${five.get(key)}`);
    expect(rows).to.have.members(want);
  });

  it("behavior: all 216 committees of three end as they must", async () => {
    const all = everyCasting(3, ROLES);
    expect(all).to.have.length(216);
    for (const roles of all) await check(roles);
  });

  it("behavior: committees of five, by seat 0 and the multiset of the others", async () => {
    const all = castings(5, ROLES);
    expect(all).to.have.length(756);
    for (const roles of deep ? all : sample(all, 60)) await check(roles);
  });

  it(`property: the order of the other seats changes nothing (${deep ? "" : "sampled of "}all 7,776 committees of five)`, async () => {
    const all = everyCasting(5, ROLES);
    expect(all).to.have.length(7_776);
    for (const roles of deep ? all : sample(all, 20)) await check(roles);
  });

  it("property: committees of seven (sampled)", async () => {
    const rng = new Prng(seed);
    for (let i = 0; i < (deep ? 500 : 15); i++) {
      const roles = Array.from({ length: 7 }, () => rng.pick<Role>(["honest", ...ROLES]));
      await check(roles);
    }
  });
});
