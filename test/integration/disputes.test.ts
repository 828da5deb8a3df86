// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hexToBytes, keccak256, toHex as textHex, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { createChain } from "../../offchain/adapters/chain/create-chain.ts";
import { getTokenBalance } from "../../offchain/adapters/chain/actions/get-token-balance.ts";
import { silentLogger } from "../../offchain/adapters/observe/silent-logger.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryJournal } from "../../offchain/adapters/store/memory-journal.ts";
import { cipherDefend } from "../../offchain/cli/commands/cipher/defend.ts";
import { cipherWatch } from "../../offchain/cli/commands/cipher/watch.ts";
import { nodeInit } from "../../offchain/cli/commands/node/init.ts";
import { EXIT } from "../../offchain/cli/exit-code.ts";
import { concatBytes, toHex } from "../../offchain/core/bytes.ts";
import { encodeCipherParcel } from "../../offchain/core/she/cipher-parcel.ts";
import { drawSeed, ROUND_0_STAGE } from "../../offchain/core/draw.ts";
import { cipherStageHash } from "../../offchain/core/she/cipher-stage.ts";
import { encodeCompactPlaintext, encodeSheObject } from "../../offchain/core/she/object.ts";
import { packSignature, signDigest } from "../../offchain/core/signature.ts";
import {
  CIPHER,
  FLAG_SMALL_POOL,
  KIND_CIPHER,
  KIND_PUBLIC,
  NO_PROBE,
  VOTE,
  ZERO_BYTES32,
} from "../../offchain/core/types.ts";
import { encodeSheProgram } from "../../offchain/engines/she/compile/program-bytes.ts";
import { nodeHashes } from "../../offchain/engines/she/node-hashes.ts";
import { CipherSeat } from "../../offchain/engines/she/seat/cipher-seat.ts";
import { challengerMove, defenderMove } from "../../offchain/engines/she/trace/play.ts";
import { createRefereePort } from "../../offchain/node/referee-port.ts";
import { DisputeDesk } from "../../offchain/protocol/dispute-desk.ts";
import type { OpenTrace, TracePort } from "../../offchain/protocol/referee-ports.ts";
import { STATE } from "../../offchain/protocol/seat-machine.ts";
import { deployReferee } from "../../scripts/deploy/deploy-referee.ts";
import { captureCli } from "../support/capture-cli.ts";
import { expectCode } from "../support/expect-code.ts";
import { createHubChain, EMPTY_RECORD } from "../support/hub-chain.ts";
import { nullMetrics } from "../support/cluster/cluster.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { Prng } from "../support/prng.ts";
import { serveProvider } from "../support/serve-provider.ts";
import { polyPerceptron } from "../support/she/toy-programs.ts";
import { traceOf, tracedStages } from "../support/she/traced-run.ts";

const REWARD = 10n ** 18n;
const S = 28n * REWARD;
const K = 3;
const WINDOW = 600;

/** Workers' own machines on a real chain with the deployed referee: nothing here tells them what to do. */
describe("disputes about ciphertexts, played before the deployed referee", function suite() {
  this.timeout(240_000);
  const life = new AbortController();
  const [stage = expect.fail("no stage")] = tracedStages(polyPerceptron([4, 2], new Prng(8)));
  const { compiled, facts, sources, inDigest, keySetRoot } = stage;
  const kernel = cipherStageHash(facts);
  let hub: Awaited<ReturnType<typeof createHubChain>>;
  let endpoint: Awaited<ReturnType<typeof serveProvider>>;
  let modelId: Hex;
  let plainId: Hex;
  let seat: CipherSeat;
  let good: Hex;
  let nonce = 1_000n;

  /** The engine's own seat, its trace on a thread. */
  const honest: TracePort = {
    open: async () => {
      const trace = await seat.startTrace(work());
      return {
        facts,
        commitment: trace.commitment,
        defenderMove: (place) => trace.defenderMove(place),
        challengerMove: (place, posted) => trace.challengerMove(place, posted),
        close: () => trace.close(),
      };
    },
  };
  const work = () => ({
    inDigest,
    input: encodeSheObject(sources.input),
    keySetRoot,
    keyBodies: sources.keyBodies,
    keys: sources.keys.flatMap((key) => (key === undefined ? [] : [encodeSheObject(key)])),
  });

  const lieAt = (row: number, coordinate: number): { bad: Hex; traces: TracePort } => {
    const trace = traceOf(stage, (at, values) => {
      if (at === row) values[coordinate] = (values[coordinate] ?? 0) === 0 ? 1 : (values[coordinate] ?? 0) - 1;
    });
    const open: OpenTrace = {
      facts,
      commitment: trace.commitment(facts),
      defenderMove: async (place) => defenderMove(trace, place),
      challengerMove: async (place, posted) => challengerMove(trace, place, posted, nodeHashes),
      close: async () => undefined,
    };
    return { bad: open.commitment.outDigest, traces: { open: async () => open } };
  };

  before(async () => {
    hub = await createHubChain(10);
    const { networkHelpers, publicClient } = hub;
    const { walletClient } = hub;
    await deployReferee({ publicClient, walletClient, hub: hub.hub.address }, true);
    await networkHelpers.time.increase(48 * 3600);
    await hub.router.write.add([CIPHER]);
    await hub.vault.write.advanceEpoch();
    endpoint = await serveProvider(hub.provider);
    seat = await CipherSeat.start({
      plan: compiled.plan,
      stage: 0,
      weights: compiled.weights[0] ?? [],
      kernel,
      hashes: nodeHashes,
      lanes: 1,
    });
    good = (await seat.evaluate(work())).outDigest;
    modelId = await register(KIND_CIPHER, VOTE | CIPHER);
    plainId = await register(KIND_PUBLIC, VOTE);
  });

  async function register(kind: number, mask: number): Promise<Hex> {
    const info = {
      place: 0,
      inKind: kind,
      outKind: kind,
      probe: NO_PROBE,
      kernel,
      keyId: ZERO_BYTES32,
      weightsX: ZERO_BYTES32,
      weightsY: ZERO_BYTES32,
      producers: [0xffff],
    };
    const manifest = {
      name: "one stage",
      programRoot: keccak256("0x01"),
      stages: [info],
      acceptedMasks: 1 << mask,
      workUnits: 1n,
      weightsHash: keccak256("0x02"),
      reportHash: keccak256("0x03"),
      toolsHash: keccak256("0x04"),
    };
    await hub.registry.write.register([manifest]);
    return hub.registry.read.idOf([manifest]);
  }

  after(async () => {
    life.abort();
    await seat.close();
    await endpoint.close();
  });

  /** A job of three seats, which say these digests. */
  async function voted(outs: readonly Hex[], mask = VOTE | CIPHER) {
    const now = Number((await hub.publicClient.getBlock()).timestamp);
    const spec = {
      modelId: mask === VOTE ? plainId : modelId,
      inDigest,
      inputRef: keySetRoot,
      stages: 1,
      policy: {
        mask,
        k: K,
        auditBps: 10_000,
        cls: 0,
        flags: FLAG_SMALL_POOL,
        seatStake: S,
        window: WINDOW,
        tWork: 60,
        tReveal: 120,
        ticketClass: 0,
      },
      seatReward: REWARD,
      pokeFee: REWARD / 20n,
      insuredValue: 0n,
      client: hub.me,
      callback: `0x${"0".repeat(40)}` as const,
      callbackGas: 0,
      expiry: now + 5 * 86_400,
      paramsVersion: 1,
      resultKey: ZERO_BYTES32,
    };
    const job = { requester: hub.me, nonce: nonce++, spec };
    await hub.hub.write.request([job.nonce, spec]);
    await hub.networkHelpers.mine(3);
    const jobId = await hub.hub.read.jobIdOf([hub.me, job.nonce, spec]);
    const slot = await hub.hub.read.slot([jobId]);
    const block = await hub.publicClient.getBlock({ blockNumber: BigInt(slot.seedRef) });
    const seed = drawSeed(block.hash, jobId, ROUND_0_STAGE, 0);
    const [ids] = await hub.vault.read.draw([slot.tableVersion, 0, seed, [], BigInt(K)]);
    const ballot = { jobId, stage: 0, round: 0, inDigest, ids, outs };
    await hub.hub.write.submit([job, EMPTY_RECORD, [], [hub.votesOf(ballot)], "0x"]);
    expect((await hub.hub.read.slot([jobId])).state).to.equal(STATE.WINDOW);
    return { job, jobId, ids };
  }
  type Voted = Awaited<ReturnType<typeof voted>>;

  /** A party on an account of its own, with tokens for ten bonds. */
  async function enter(name: string, traces: TracePort, limit = 10n * S) {
    const key = keccak256(textHex(name));
    const { address } = privateKeyToAccount(key);
    await hub.networkHelpers.setBalance(address, 10n ** 20n);
    await hub.token.write.mint([address, 10n * S]);
    const clock = new ManualClock();
    const journal = new MemoryJournal({ clock });
    const chain = await createChain(
      { rpcUrl: endpoint.url, chainId: 31337, hub: hub.hub.address, pollMs: 5 },
      {
        clock: systemClock,
        random: Math.random,
        signal: life.signal,
        logger: silentLogger,
        journal,
        signer: {
          address: toHex(hexToBytes(address)),
          signDigest: (digest) => packSignature(signDigest(digest, hexToBytes(key))),
        },
      },
    );
    const port = createRefereePort(chain, { fromBlock: 0n, maxRange: 100_000, confirmations: 0 });
    const desk = new DisputeDesk(
      { bondLimit: limit, tickMs: 1, settleSec: 0 },
      {
        referee: port,
        traces,
        journal,
        clock,
        logger: silentLogger,
        metrics: nullMetrics,
        signal: life.signal,
        checkpoint: () => undefined,
      },
    );
    const look = async () => {
      clock.advance(60_000);
      await desk.tick();
      await desk.idle();
    };
    const tokens = () => getTokenBalance(chain, { account: address });
    const sent = () => journal.transactions({ status: "mined" }).map(({ purpose }) => purpose);
    return { desk, look, tokens, sent, chain, port };
  }

  /** Everybody looks in turn, and time goes on where nobody has anything to do, until the job is over and all is collected. */
  async function finish({ job, jobId }: Voted, parties: readonly Awaited<ReturnType<typeof enter>>[]) {
    const count = () => parties.reduce((sum, { sent }) => sum + sent().length, 0);
    for (let step = 0; step < 60; step++) {
      let before = -1;
      while (before !== count()) {
        before = count();
        for (const { look } of parties) await look();
        for (const { look } of parties) await look();
      }
      if (parties.every(({ desk }) => desk.disputes.length === 0)) return;
      await hub.networkHelpers.time.increase(WINDOW + 1);
      const record = (await parties[0]?.port.view(jobId, job, [], 0))?.record ?? EMPTY_RECORD;
      await hub.hub.write.settle([job, record, "0x"]).catch(() => undefined);
    }
    expect.fail("the job does not end");
  }

  const stakeOf = async (id: number) => (await hub.vault.read.worker([id])).stake;
  const M = 1000n * REWARD;

  it("R44: a seat that flips one coefficient is slashed, by seats that agree with each other and by nobody's order", async () => {
    const { bad, traces } = lieAt(40, 4_321);
    expect(bad).not.to.equal(good);
    const dispute = await voted([good, bad, good]);
    const { jobId, job, ids } = dispute;
    const liar = await enter("liar", traces);
    const seats = [await enter("seat 0", honest), await enter("seat 2", honest)];
    liar.desk.stand(jobId, job, 0, bad);
    for (const { desk } of seats) desk.stand(jobId, job, 0, good);
    await finish(dispute, [liar, ...seats]);
    expect((await hub.hub.read.slot([jobId])).state).to.equal(STATE.FINAL);
    for (const [i, id] of ids.entries()) expect(await stakeOf(id), `seat ${i}`).to.equal(i === 1 ? M - S : M);
    // Its defence, and a challenge of each honest one.
    expect(await liar.tokens()).to.equal(10n * S - 3n * S);
    const won = (await Promise.all(seats.map(({ tokens }) => tokens()))).reduce((a, b) => a + b, 0n) - 20n * S;
    expect(won).to.equal((3n * S) / 2n);
  });

  it("behavior: defences and games are seen as of one block, though others come while they are read", async () => {
    const { traces, bad } = lieAt(40, 7);
    const { jobId, job } = await voted([good, bad, good]);
    const parties = [await enter("first", honest), await enter("second", traces)];
    for (const [i, { desk }] of parties.entries()) desk.stand(jobId, job, 0, i === 0 ? good : bad);
    for (let i = 0; i < 4; i++) for (const { look } of parties) await look();
    const [{ chain } = expect.fail("no party")] = parties;
    const seenAt: unknown[] = [];
    let head: unknown;
    const request = (async (call: { method: string; params: readonly unknown[] }) => {
      if (call.method === "eth_call") {
        await hub.networkHelpers.mine(1);
        seenAt.push(call.params[1]);
      }
      const answer: unknown = await chain.client.request(call as never);
      if (call.method === "eth_getBlockByNumber") head ??= Reflect.get(Object(answer), "number");
      return answer;
    }) as typeof chain.client.request;
    const moving = { ...chain, client: { ...chain.client, request } };
    const options = { fromBlock: 0n, maxRange: 100_000, confirmations: 0 };
    const view = await createRefereePort(moving, options).view(jobId, job, [], 0);
    expect(view?.defences.length).to.equal(2);
    expect(view?.games.length).to.be.at.least(1);
    const read = (view?.defences.length ?? 0) + (view?.games.length ?? 0);
    expect(seenAt.filter((at) => at === head)).to.have.length(read);
  });

  /** What the command is given: files as a seat has them, and a folder of its own keys. */
  async function volunteer(folder: string): Promise<{ readonly argv: readonly string[]; readonly operator: Hex }> {
    const { plan, weights } = compiled;
    const program = encodeSheProgram({ plan, weightRoots: [facts.weightRoot], toleranceUnits: 1 });
    const { keyBodies, keys, input } = work();
    await writeFile(join(folder, "program"), program);
    await writeFile(join(folder, "weights-0"), concatBytes(...(weights[0] ?? []).map(encodeCompactPlaintext)));
    await writeFile(join(folder, "parcel"), encodeCipherParcel({ stage: 0, keyBodies, keys, input }));
    const worker = join(folder, "volunteer");
    const chain = ["--rpc", endpoint.url, "--chain-id", "31337", "--hub", hub.hub.address, "--development"];
    const made = await captureCli([nodeInit], ["node", "init", worker, ...chain, "--json"]);
    const { operator } = JSON.parse(made.out) as { operator: Hex };
    const config = join(worker, "assay.toml");
    const settings = await readFile(config, "utf8");
    const quick = settings
      .replace(/^#? ?pollMs = .*$/m, "pollMs = 20")
      .replace(/^#? ?level = .*$/m, 'level = "silent"');
    await writeFile(config, quick);
    await hub.networkHelpers.setBalance(operator, 10n ** 20n);
    await hub.token.write.mint([operator, 10n * S]);
    const files = ["--model", folder, "--parcel", join(folder, "parcel"), "--config", config];
    return { argv: [...files, "--json"], operator };
  }

  it("R44: a captured committee falls to one honest volunteer, who runs one command", async () => {
    const folder = await mkdtemp(join(tmpdir(), "assay-volunteer-"));
    const { argv, operator } = await volunteer(folder);
    const { bad, traces } = lieAt(150, 77);
    const dispute = await voted([bad, bad, bad]);
    const { jobId, job, ids } = dispute;
    const before = await Promise.all(ids.map(stakeOf));
    const captured = await enter("captured", traces);
    captured.desk.stand(jobId, job, 0, bad);

    const watched = await captureCli([cipherWatch], ["cipher", "watch", jobId, ...argv]);
    expect(watched.code, watched.err).to.equal(EXIT.failed);
    expect(JSON.parse(watched.out)).to.deep.include({ outDigest: good, accepted: bad, said: { [bad]: K }, ok: false });

    const end = { isReached: false };
    const run = captureCli([cipherDefend], ["cipher", "defend", jobId, ...argv]).finally(() => (end.isReached = true));
    const mine = (party: Hex) => party.toLowerCase() === operator.toLowerCase();
    while (!end.isReached) {
      await captured.look();
      await hub.networkHelpers.mine(1);
      const view = await captured.port.view(jobId, job, [], 0);
      if (view === null) return expect.fail("the job is gone");
      const own = view.defences.find(({ party }) => mine(party));
      const played = view.games.filter(({ place, defence }) => {
        return place !== null && view.defences.some(({ id, defeated }) => id === defence && !defeated);
      });
      // Time goes on only where the volunteer has nothing to do: its machine may be busy with other tests.
      const isDue = played.some(
        (game) =>
          captured.port.now() > game.deadline ||
          (game.defenderMoves ? game.defence === own?.id : mine(game.challenger)),
      );
      const isUnmet = view.defences.some(
        ({ party, defeated, id }) =>
          !mine(party) && !defeated && !view.games.some((game) => game.defence === id && mine(game.challenger)),
      );
      const isEnded = view.slot.state >= STATE.FINAL;
      if (isEnded || (own !== undefined && !isDue && !isUnmet && view.verdict === null)) {
        await hub.networkHelpers.time.increase(60);
        if (!isEnded) await hub.hub.write.settle([job, view.record, "0x"]).catch(() => undefined);
      }
    }
    const { code, err } = await run;
    expect(code, err).to.equal(EXIT.done);
    expect((await hub.hub.read.slot([jobId])).state).to.equal(STATE.FINAL);
    for (const [i, id] of ids.entries()) expect(await stakeOf(id), `seat ${i}`).to.equal((before[i] ?? 0n) - S);
    // Half of a bond for each of two games; all of it back in its account.
    expect(await hub.token.read.balanceOf([operator])).to.equal(11n * S);

    const again = await captureCli([cipherDefend], ["cipher", "defend", jobId, ...argv]);
    expect(again.code, "the job is over").to.equal(EXIT.later);
    const agreed = await voted([good, good, bad]);
    const same = await captureCli([cipherWatch], ["cipher", "watch", agreed.jobId, ...argv]);
    expect([same.code, (JSON.parse(same.out) as { ok: boolean }).ok]).to.deep.equal([EXIT.done, true]);
    await rm(join(folder, "weights-0"));
    const plain = await voted([good, good, bad], VOTE);
    for (const [job_, code_] of [
      [agreed.jobId, "FILE_MISSING"],
      [plain.jobId, "NOT_CIPHERED"],
      [agreed.jobId.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")), "JOB_UNKNOWN"],
    ] as const) {
      const refused = await captureCli([cipherWatch], ["cipher", "watch", job_, ...argv]);
      expect([refused.code, refused.out + refused.err], code_).to.satisfy(
        ([status, text]: [number, string]) => status !== EXIT.done && text.includes(code_),
      );
    }
    await rm(folder, { recursive: true });
    return undefined;
  });

  it("error: REVERTED with the referee's own reason and numbers; nothing is sent", async () => {
    const { jobId, job } = await voted([good, good, lieAt(40, 1).bad]);
    const party = await enter("stranger", honest);
    const call = { jobId, job, record: EMPTY_RECORD };
    const reason = async (what: () => Promise<unknown>) =>
      Reflect.get(Object(await expectCode("REVERTED", what)), "meta");
    expect(await reason(() => party.port.challenge({ ...call, defence: 99n }))).to.include({
      name: "DefenceUnknown",
      args: "99",
    });
    expect(await reason(() => party.port.timeout(jobId, 98n))).to.include({ name: "GameUnknown", args: "98" });
    expect(await reason(() => party.port.withdraw())).to.include({ name: "NothingOwed" });
    expect(party.sent()).to.deep.equal([]);
  });
});
