// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryJournal } from "../../../offchain/adapters/store/memory-journal.ts";
import { silentLogger } from "../../../offchain/adapters/observe/silent-logger.ts";
import type { Hex } from "../../../offchain/core/bytes.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Journal } from "../../../offchain/core/ports/journal.ts";
import { wordPath, wordTree } from "../../../offchain/core/she/digest.ts";
import type { Job, Record as JobRecord, StageInfo } from "../../../offchain/core/types.ts";
import { nodeHashes } from "../../../offchain/engines/she/node-hashes.ts";
import { lowerStage } from "../../../offchain/engines/she/trace/lower-stage.ts";
import { challengerMove, defenderMove } from "../../../offchain/engines/she/trace/play.ts";
import type { StageTrace } from "../../../offchain/engines/she/trace/trace.ts";
import { DisputeDesk } from "../../../offchain/protocol/dispute-desk.ts";
import type { OpenTrace, TracePort } from "../../../offchain/protocol/referee-ports.ts";
import { STATE } from "../../../offchain/protocol/seat-machine.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { Prng } from "../../support/prng.ts";
import { nullMetrics } from "../../support/cluster/cluster.ts";
import { smallProfile } from "../../support/she/small-profile.ts";
import { SimulatedReferee } from "../../support/she/simulated-referee.ts";
import { polyPerceptron } from "../../support/she/toy-programs.ts";
import { traceOf, tracedStages } from "../../support/she/traced-run.ts";

const S = 44n;
const address = (n: number): Hex => `0x${n.toString(16).padStart(40, "0")}`;
const [HONEST, LIAR, SYBIL, VOLUNTEER] = [address(1), address(2), address(3), address(4)];
const JOB_ID: Hex = `0x${"ab".repeat(32)}`;
const TERMS = { minWindow: 600, hung: 600, moveTime: 600 };

describe("disputes about ciphertexts", function suite() {
  this.timeout(60_000);
  const [stage = expect.fail("no stage")] = tracedStages(polyPerceptron([40, 6, 2], new Prng(5)), {
    profile: smallProfile(512, 6),
  });
  const { operations } = lowerStage(stage.compiled.plan, 0);
  const lieAbout = (row: number, coordinate: number) => {
    const prime = stage.facts.profile.primes[operations[row]?.prime ?? 0] ?? 0;
    return traceOf(stage, (at, values) => {
      if (at === row) values[coordinate] = ((values[coordinate] ?? 0) + 1) % prime;
    });
  };
  const rowsOf = (op: string) => operations.flatMap((one, row) => (one.op === op ? [row] : []));
  const truth = traceOf(stage);
  const GOOD = truth.commitment(stage.facts).outDigest;
  const lie = lieAbout(rowsOf("mac")[3] ?? 0, 17);
  const BAD = lie.commitment(stage.facts).outDigest;

  const job = {
    requester: address(9),
    nonce: 1n,
    spec: {
      modelId: JOB_ID,
      inDigest: stage.inDigest,
      inputRef: stage.keySetRoot,
      stages: 1,
      expiry: 1e9,
      paramsVersion: 1,
      policy: { mask: 9, k: 5, seatStake: S },
    },
  } as unknown as Job;

  const recordOf = (said: readonly Hex[], accepted: Hex | null): JobRecord => ({
    seats: [1, 2, 3, 4, 5],
    boundaries: accepted === null ? [] : [accepted],
    tallies: [{ stage: 0, round: 0, seats: [1, 2, 3, 4, 5], said, challenger: address(0), bond: 0n }],
    decided: 0,
  });
  const HONEST_VOTE = recordOf([GOOD, GOOD, GOOD, GOOD, BAD], GOOD);
  const CAPTURED = recordOf([BAD, BAD, BAD, BAD, BAD], BAD);

  const refereeOf = (
    record: JobRecord,
    { state = STATE.WINDOW, confirmations = 0 }: { state?: number; confirmations?: number } = {},
  ) => {
    const table: StageInfo[] = [];
    const rules = { job, jobId: JOB_ID, table, stage, terms: TERMS, record, state, confirmations };
    const referee = new SimulatedReferee(rules);
    for (const party of [HONEST, LIAR, SYBIL, VOLUNTEER]) referee.mint(party, 10n * S);
    return referee;
  };

  const openTrace = (trace: StageTrace): OpenTrace => ({
    facts: stage.facts,
    commitment: trace.commitment(stage.facts),
    defenderMove: async (place) => defenderMove(trace, place),
    challengerMove: async (place, posted) => challengerMove(trace, place, posted, nodeHashes),
    close: async () => undefined,
  });

  interface PartyOptions {
    readonly party: Hex;
    readonly trace: StageTrace | null;
    readonly vote?: Hex;
    readonly limit?: bigint;
    readonly journal?: Journal;
    /** Stops after so many calls. */
    readonly calls?: number;
    readonly stopAt?: string;
  }

  function enter(referee: SimulatedReferee, options: PartyOptions) {
    const { party, trace, vote = GOOD, limit = 100n * S, calls = Infinity, stopAt } = options;
    const clock = new ManualClock();
    const journal = options.journal ?? new MemoryJournal({ clock });
    const refused: string[] = [];
    const ended: string[] = [];
    const opened: Hex[] = [];
    const traces: TracePort = {
      open: async ({ inDigest }) => {
        opened.push(inDigest);
        return trace === null ? null : openTrace(trace);
      },
    };
    const own = () => referee.calls.filter((call) => call.startsWith(party)).length;
    const life = new AbortController();
    const checkpoint = (step: string) => {
      if (own() >= calls || step === stopAt) {
        life.abort();
        throw new TypeError("the process ends here");
      }
    };
    const desk = new DisputeDesk(
      { bondLimit: limit, tickMs: 1, settleSec: 0 },
      {
        referee: referee.port(party),
        traces,
        journal,
        clock,
        logger: silentLogger,
        metrics: {
          ...nullMetrics,
          count: (name, labels) => {
            const { reason = "", side = "", outcome = "" } = labels as Record<string, string>;
            if (name === "assay_referee_refused_total") refused.push(reason);
            if (name === "assay_referee_ended_total") ended.push(`${side} ${outcome}`);
          },
        },
        signal: life.signal,
        checkpoint,
      },
    );
    desk.restore();
    if (desk.disputes.length === 0) desk.stand(JOB_ID, job, 0, vote);
    /** One look, and all that it began. */
    const look = async () => {
      if (life.signal.aborted) return;
      clock.advance(60_000);
      await desk.tick();
      await desk.idle();
    };
    return { desk, journal, look, refused, ended, opened, party, options, isDead: () => life.signal.aborted };
  }
  type Party = ReturnType<typeof enter>;

  /** Everybody looks in turn until nobody has anything to do. */
  async function quiet(referee: SimulatedReferee, parties: readonly Pick<Party, "look">[], seconds = 12) {
    // Some times: a trace is evaluated, and a process dies, without a call.
    for (let idle = 0; idle < 3;) {
      const before = referee.calls.length;
      for (const party of parties) {
        await party.look();
        referee.advance(seconds);
      }
      idle = referee.calls.length === before ? idle + 1 : 0;
    }
  }

  /** To the job's end, and until all bonds are collected. */
  async function finish(referee: SimulatedReferee, parties: readonly Pick<Party, "look">[]) {
    for (let round = 0; referee.state.slot.state < STATE.FINAL; round++) {
      expect(round, "the job ends").to.be.lessThan(40);
      await quiet(referee, parties);
      referee.advance(601);
      try {
        referee.settle();
      } catch {
        // Games run, or a verdict waits.
      }
    }
    await quiet(referee, parties);
  }

  const tokens = (referee: SimulatedReferee, party: Hex) => referee.state.tokens.get(party) ?? 0n;
  const callsOf = (referee: SimulatedReferee, party: Hex) =>
    referee.calls.filter((call) => call.startsWith(party)).map((call) => call.slice(party.length + 1));

  it("R44: whoever stands for one changed coefficient loses its bond to the seats that voted right, who lose nothing", async () => {
    const referee = refereeOf(HONEST_VOTE);
    const before = referee.money;
    const seat = enter(referee, { party: HONEST, trace: truth, vote: GOOD });
    const liar = enter(referee, { party: LIAR, trace: lie, vote: BAD });
    await finish(referee, [liar, seat]);
    expect(referee.state.record).to.deep.include({ boundaries: [GOOD], decided: 1 });
    // It contested the truth as well, and lost that too.
    expect(tokens(referee, LIAR)).to.equal(8n * S);
    expect(tokens(referee, HONEST)).to.equal(11n * S);
    expect([referee.money, referee.state.burned]).to.deep.equal([before, S]);
    expect(seat.desk.disputes, "forgotten when all is collected").to.deep.equal([]);
    expect(seat.desk.atStake).to.equal(0n);
    expect(seat.ended.toSorted()).to.deep.equal(["challenger won", "defender won"]);
    expect(callsOf(referee, HONEST).filter((call) => call === "defend")).to.have.lengthOf(1);
  });

  it("R44: a captured committee falls to one volunteer, and to nobody where all say the truth", async () => {
    const referee = refereeOf(CAPTURED);
    const seats = [LIAR, SYBIL].map((party) => enter(referee, { party, trace: lie, vote: BAD }));
    const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
    await finish(referee, [volunteer, ...seats]);
    expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
    expect(tokens(referee, VOLUNTEER) > 10n * S).to.equal(true);
    for (const party of [LIAR, SYBIL]) expect(tokens(referee, party) <= 9n * S).to.equal(true);

    const honest = refereeOf(recordOf([GOOD, GOOD, GOOD, GOOD, GOOD], GOOD));
    const watcher = enter(honest, { party: VOLUNTEER, trace: truth });
    await finish(honest, [watcher]);
    expect(callsOf(honest, VOLUNTEER), "nothing to say").to.deep.equal([]);
  });

  it("behavior: a seat whose vote nobody contests computes nothing and gives no bond", async () => {
    const referee = refereeOf(recordOf([GOOD, GOOD, GOOD, GOOD, GOOD], GOOD));
    const seat = enter(referee, { party: HONEST, trace: truth, vote: GOOD });
    await finish(referee, [seat]);
    expect([seat.opened, callsOf(referee, HONEST)]).to.deep.equal([[], []]);
  });

  it("behavior: an outvoted seat and one whose stage hangs stand up at once, and win what nobody contests", async () => {
    for (const [record, state] of [
      [recordOf([GOOD, BAD, BAD, BAD, BAD], BAD), STATE.WINDOW],
      [recordOf([GOOD, GOOD, GOOD, BAD, BAD], null), STATE.HUNG],
    ] as const) {
      const referee = refereeOf(record, { state });
      const seat = enter(referee, { party: HONEST, trace: truth, vote: GOOD });
      expect(seat.desk.leads(JOB_ID, 0), "no larger committee need be asked").to.equal(true);
      await seat.look();
      await seat.look();
      expect(callsOf(referee, HONEST)).to.deep.equal(["defend"]);
      await finish(referee, [seat]);
      expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
      expect(tokens(referee, HONEST)).to.equal(10n * S);
    }
  });

  // --- False opponents ---------------------------------------------------------------------------------------------------

  /** Opens a game against the first defence and picks wherever it likes. */
  function hostile(referee: SimulatedReferee, party: Hex, rng: Prng, moves = Infinity) {
    const port = referee.port(party);
    let made = 0;
    const look = async () => {
      const view = await port.view(JOB_ID, job, [], 0);
      const game = view?.games.find((one) => one.challenger === party);
      const [defence] = view?.defences ?? [];
      const call = { jobId: JOB_ID, job, record: HONEST_VOTE };
      try {
        if (game === undefined && defence !== undefined && defence.party !== party) {
          await port.approve(S);
          await port.challenge({ ...call, defence: defence.id });
        } else if (game?.place != null && !game.defenderMoves && made < moves) {
          const posted = (await port.posted(JOB_ID, game.id)) ?? [];
          const facts = { stage: stage.facts, inDigest: stage.inDigest, keySetRoot: stage.keySetRoot };
          const index = rng.int(0, posted.length - 1);
          if (posted instanceof Uint8Array)
            await port.move(JOB_ID, game.id, { kind: "pickResidue", index: index % 256 }, facts);
          else {
            const tree = wordTree(
              posted.map((word) => fromHex(word, 32)),
              nodeHashes,
            );
            const path = wordPath(tree, index).map(toHex);
            await port.move(JOB_ID, game.id, { kind: "pick", index, node: posted[index] ?? "0x", path }, facts);
          }
          made += 1;
        }
      } catch {
        // Refused: too late, or too poor.
      }
    };
    return { look };
  }

  it("R44: challengers that pick at random, and fall silent anywhere, never cost an honest defender its bond", async () => {
    const rng = new Prng(7);
    for (const moves of [0, 1, 2, 3, Infinity, Infinity, Infinity, Infinity]) {
      const referee = refereeOf(recordOf([GOOD, BAD, BAD, BAD, BAD], BAD));
      const seat = enter(referee, { party: HONEST, trace: truth, vote: GOOD });
      const attackers = [SYBIL, VOLUNTEER].map((party) => hostile(referee, party, rng, moves));
      await finish(referee, [seat, ...attackers]);
      expect(seat.ended).to.deep.equal(["defender won", "defender won"]);
      expect(tokens(referee, HONEST)).to.equal(10n * S + S);
      expect(tokens(referee, SYBIL)).to.equal(9n * S);
      expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
    }
  });

  it("R44: a defender that falls silent before any of its moves loses to whoever contests it", async () => {
    for (let calls = 1; calls <= 6; calls++) {
      const referee = refereeOf(CAPTURED);
      const liar = enter(referee, { party: LIAR, trace: lie, vote: BAD, limit: S, calls });
      const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
      await finish(referee, [liar, volunteer]);
      expect(tokens(referee, VOLUNTEER), `silent behind ${calls} calls`).to.equal(10n * S + S / 2n);
      expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
    }
  });

  it("R44: an accomplice that stands for the truth and gives up on purpose changes nothing; its heir is named", async () => {
    const referee = refereeOf(CAPTURED);
    const fake = referee.port(SYBIL);
    const { commitment, facts } = openTrace(truth);
    await fake.approve(S);
    const call = { jobId: JOB_ID, job, record: CAPTURED, table: [], stage: 0 };
    await fake.defend({ ...call, facts, commitment });
    const friend = referee.port(LIAR);
    await friend.approve(S);
    await friend.challenge({ ...call, defence: 1n });
    const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
    await finish(referee, [volunteer]);
    expect(referee.state.defences[0]?.defeated, "lost on purpose").to.equal(true);
    expect(callsOf(referee, VOLUNTEER)).to.include.members(["defend", "timeout", "crown", "court"]);
    expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
    expect(tokens(referee, VOLUNTEER)).to.equal(10n * S);
  });

  it("R44: many games at once, on both sides: every lie falls, and the truth stands", async () => {
    const referee = refereeOf(CAPTURED);
    const rng = new Prng(3);
    const liars = Array.from({ length: 4 }, (_, i) => {
      const party = address(100 + i);
      referee.mint(party, S);
      // Of the last rows: a residue of an earlier one may be multiplied by zero.
      const row = rowsOf(["forward", "divide", "permute", "add"][i] ?? "mac").at(-1) ?? 0;
      const trace = lieAbout(row, rng.int(0, 511));
      return enter(referee, { party, trace, vote: trace.commitment(stage.facts).outDigest, limit: S });
    });
    const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
    await volunteer.look();
    await volunteer.look();
    const attackers = [LIAR, SYBIL].map((party) => hostile(referee, party, rng));
    await finish(referee, [...liars, ...attackers, volunteer]);
    expect(referee.state.record.boundaries).to.deep.equal([GOOD]);
    expect(volunteer.ended.toSorted()).to.deep.equal([
      ...Array.from({ length: 4 }, () => "challenger won"),
      ...Array.from({ length: 2 }, () => "defender won"),
    ]);
    // The two hostile challengers may have taken the bond of a lie before; nobody took this one's.
    expect(tokens(referee, VOLUNTEER)).to.equal(10n * S + (6n * S) / 2n);
  });

  // --- Money ---------------------------------------------------------------------------------------------------------------

  it("R44: nothing is staked on an evaluation that is not what the seat voted for", async () => {
    const referee = refereeOf(recordOf([GOOD, BAD, BAD, BAD, BAD], BAD));
    const seat = enter(referee, { party: HONEST, trace: lieAbout(rowsOf("add")[0] ?? 0, 1), vote: GOOD });
    await finish(referee, [seat]);
    expect(seat.refused).to.deep.equal(["irreproducible"]);
    expect(callsOf(referee, HONEST)).to.deep.equal([]);
    expect(seat.desk.leads(JOB_ID, 0), "the larger committee is asked instead").to.equal(false);
  });

  it("behavior: no bond beyond the operator's limit, nor without tokens, gas or inputs; a defence goes before all challenges", async () => {
    const limited = refereeOf(CAPTURED);
    const liar = enter(limited, { party: LIAR, trace: lie, vote: BAD, limit: S });
    const careful = enter(limited, { party: VOLUNTEER, trace: truth, limit: S + S / 2n });
    await quiet(limited, [liar, careful]);
    expect(callsOf(limited, VOLUNTEER)).to.deep.equal(["defend"]);
    expect(careful.refused).to.include("limit");
    expect(careful.desk.atStake).to.equal(S);

    const poor = refereeOf(CAPTURED);
    poor.state.tokens.set(VOLUNTEER, S - 1n);
    const beggar = enter(poor, { party: VOLUNTEER, trace: truth });
    await quiet(poor, [beggar]);
    expect([callsOf(poor, VOLUNTEER), beggar.refused.at(0)]).to.deep.equal([[], "tokens"]);
    // What is owed counts, once it was taken.
    poor.state.owed.set(VOLUNTEER, 1n);
    await quiet(poor, [beggar]);
    expect(callsOf(poor, VOLUNTEER)).to.deep.equal(["withdraw", "defend"]);

    const dear = refereeOf(CAPTURED);
    dear.gasPrice = dear.gasMoney / 2_500_000n + 1n;
    const stuck = enter(dear, { party: VOLUNTEER, trace: truth });
    await quiet(dear, [stuck]);
    expect([callsOf(dear, VOLUNTEER), stuck.refused.at(0)]).to.deep.equal([[], "gas"]);

    const blind = enter(refereeOf(CAPTURED), { party: VOLUNTEER, trace: null });
    await blind.look();
    await blind.look();
    expect(blind.desk.leads(JOB_ID, 0)).to.equal(false);
    const off = enter(refereeOf(CAPTURED), { party: VOLUNTEER, trace: truth, limit: 0n });
    expect(off.desk.disputes).to.deep.equal([]);
  });

  it("behavior: whoever comes too late to stand up contests all the same, and a lie that falls leaves the vote", async () => {
    const referee = refereeOf(HONEST_VOTE);
    const liar = enter(referee, { party: LIAR, trace: lie, vote: BAD, limit: S });
    referee.advance(280);
    await liar.look();
    await liar.look();
    referee.advance(30);
    const seat = enter(referee, { party: HONEST, trace: truth, vote: GOOD });
    await finish(referee, [seat, liar]);
    expect(callsOf(referee, HONEST)).to.include("challenge").and.not.include("defend");
    expect(referee.state.record).to.deep.include({ boundaries: [GOOD], decided: 0 });
    expect(tokens(referee, HONEST)).to.equal(10n * S + S / 2n);
  });

  // --- Restarts and reorganisations ------------------------------------------------------------------------------------------

  it("R44: killed at every step it goes on from the chain: one bond each, no game lost, all collected", async () => {
    const stops = [
      "traced",
      "bond-sending",
      "bond-mined",
      "move-pick",
      "move-pickResidue",
      "move-post",
      "verdict-sending",
    ];
    for (const stopAt of [...stops, 1, 2, 3, 4, 6, 8, 10]) {
      const referee = refereeOf(CAPTURED);
      const liar = enter(referee, { party: LIAR, trace: lie, vote: BAD });
      const journal = new MemoryJournal({ clock: new ManualClock() });
      const how = typeof stopAt === "string" ? { stopAt } : { calls: stopAt };
      let volunteer = enter(referee, { party: VOLUNTEER, trace: truth, journal, ...how });
      let died = 0;
      const alive = {
        look: async () => {
          await volunteer.look();
          if (!volunteer.isDead()) return;
          died += 1;
          volunteer = enter(referee, { party: VOLUNTEER, trace: truth, journal });
          await volunteer.look();
        },
      };
      await finish(referee, [liar, alive]);
      const calls = callsOf(referee, VOLUNTEER);
      expect(died, String(stopAt)).to.equal(1);
      for (const kind of ["defend", "challenge"])
        expect(
          calls.filter((call) => call === kind),
          `${kind}, ${stopAt}`,
        ).to.have.lengthOf(1);
      expect(referee.state.record.boundaries, String(stopAt)).to.deep.equal([GOOD]);
      expect(tokens(referee, VOLUNTEER) > 10n * S, String(stopAt)).to.equal(true);
      expect(journal.job({ jobId: JOB_ID, role: "party", stage: 0, round: 0 })?.done).to.equal(true);
    }
  });

  it("R44: what a reorganisation takes back is done again; a defence that may still get another number is not contested", async () => {
    for (const after of [1, 2, 4, 7, 9, 11]) {
      const referee = refereeOf(CAPTURED);
      const liar = enter(referee, { party: LIAR, trace: lie, vote: BAD, limit: S });
      const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
      const old = referee.snapshot();
      while (referee.calls.length < after) for (const party of [liar, volunteer]) await party.look();
      referee.reorganise(old);
      await finish(referee, [liar, volunteer]);
      expect(referee.state.record.boundaries, `behind ${after} calls`).to.deep.equal([GOOD]);
      expect(tokens(referee, VOLUNTEER)).to.equal(10n * S + S / 2n);
    }
    const shallow = refereeOf(CAPTURED, { confirmations: 3 });
    const liar = enter(shallow, { party: LIAR, trace: lie, vote: BAD, limit: S });
    const volunteer = enter(shallow, { party: VOLUNTEER, trace: truth });
    for (let i = 0; i < 5; i++) for (const party of [liar, volunteer]) await party.look();
    expect(callsOf(shallow, VOLUNTEER)).to.deep.equal(["defend"]);
    shallow.advance(36);
    await volunteer.look();
    expect(callsOf(shallow, VOLUNTEER)).to.deep.equal(["defend", "challenge"]);
  });

  it("behavior: a game that should not have been opened has no move, and is not tried without end", async () => {
    // As where a reorganisation gave the number of a lie's defence to an honest one.
    const referee = refereeOf(CAPTURED);
    const { commitment, facts } = openTrace(truth);
    const [other, own] = [referee.port(SYBIL), referee.port(VOLUNTEER)];
    const call = { jobId: JOB_ID, job, record: CAPTURED, table: [], stage: 0 };
    for (const port of [other, own]) await port.approve(S);
    await other.defend({ ...call, facts, commitment });
    await own.challenge({ ...call, defence: 1n });
    const volunteer = enter(referee, { party: VOLUNTEER, trace: truth });
    const seat = enter(referee, { party: SYBIL, trace: truth, vote: GOOD });
    await quiet(referee, [seat, volunteer]);
    expect(callsOf(referee, SYBIL)).to.include("post");
    expect(callsOf(referee, VOLUNTEER)).to.include("defend").and.not.include("pick");
    expect(referee.state.defences[0]?.defeated).to.equal(false);
  });
});
