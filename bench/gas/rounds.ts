// SPDX-License-Identifier: GPL-3.0-or-later
// Transactions of jobs that do not end at once: larger committees, slow paths behind finished stages, stages without a quorum, samples.
import { parseEventLogs, type Hex } from "viem";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { EMPTY_RECORD, type createHubChain } from "../../test/support/hub-chain.ts";

type Chain = Awaited<ReturnType<typeof createHubChain>>;
type Requested = Awaited<ReturnType<Chain["request"]>>;
type Shaped = { readonly k: number; readonly stages: number };
type Told = Parameters<Chain["escalated"]>[1];

const ZERO: Hex = `0x${"0".repeat(64)}`;
const LOTTERY_BPS = 5_000;

/** The record as the transaction's last event tells it. */
async function recordIn(chain: Chain, hash: Hex): Promise<Told> {
  const { logs } = await chain.publicClient.waitForTransactionReceipt({ hash });
  const told = parseEventLogs({ abi: assayHubAbi, logs }).flatMap(({ args }) =>
    "record" in args ? [args.record] : [],
  );
  const last = told.at(-1);
  if (last === undefined) throw new TypeError("the transaction told no record");
  return last;
}

const votesBefore = (chain: Chain, requested: Requested, stages: number) =>
  Array.from({ length: stages }, (_, stage) => chain.stageVotes(requested, stage));

/** The vote of the 2k + 1 seats that a challenge of the first stage drew, all upholding what stands. */
export async function escalatedVote(chain: Chain, shape: Shaped): Promise<number> {
  const requested = await chain.request({ ...shape, window: 600 });
  const { job } = requested;
  const votes = votesBefore(chain, requested, shape.stages);
  const stands = await recordIn(chain, await chain.hub.write.submit([job, EMPTY_RECORD, [], votes, "0x"]));
  const record = await recordIn(chain, await chain.hub.write.challenge([job, stands, 0]));
  await chain.networkHelpers.mine(3);
  const larger = chain.votesOf(await chain.escalated(requested, record, 0));
  return chain.gasOf(await chain.hub.write.submit([job, record, [], [larger], "0x"]));
}

/** The expiry of a job whose last stage found no quorum. */
export async function hungExpiry(chain: Chain, shape: Shaped): Promise<number> {
  const requested = await chain.request(shape);
  const { job } = requested;
  const ballot = chain.ballotOf(requested, shape.stages - 1);
  const outs = ballot.outs.map((right, seat): Hex => (seat % 3 === 0 ? right : `0x00${"ab".repeat(30)}0${seat % 3}`));
  const votes = [...votesBefore(chain, requested, shape.stages - 1), chain.votesOf({ ...ballot, outs })];
  const record = await recordIn(chain, await chain.hub.write.submit([job, EMPTY_RECORD, [], votes, "0x"]));
  await chain.networkHelpers.time.increase(601);
  return chain.gasOf(await chain.hub.write.expire([job, record]));
}

export interface SlowStage {
  readonly commitMany: number;
  readonly tally: number;
}

/** The last stage by the slow path, those before it by the fast one. */
export async function slowStage(chain: Chain, shape: Shaped): Promise<SlowStage> {
  const requested = await chain.request(shape);
  const { job, ids } = requested;
  const last = shape.stages - 1;
  const before = votesBefore(chain, requested, last);
  const record: Told =
    last === 0
      ? EMPTY_RECORD
      : await recordIn(chain, await chain.hub.write.submit([job, EMPTY_RECORD, [], before, "0x"]));
  const commits = chain.signedCommits(requested, last);
  const commitMany = await chain.gasOf(await chain.hub.write.commitMany([job, record, commits]));
  const pinned = { ...record, seats: ids };
  const batch = commits.map(({ commitment }) => commitment);
  const votes = chain.stageVotes(requested, last);
  return { commitMany, tally: await chain.gasOf(await chain.hub.write.tally([job, pinned, [], votes, batch, "0x"])) };
}

export interface Sampled {
  readonly k: number;
  readonly propose: number;
  /** Of an answer on which the lottery did not fall. */
  readonly open: number;
  /** Of one on which it fell: the auditors are seated, and vote with the primary. */
  readonly draw: number;
  readonly vote: number;
}

/** Jobs that one answers, until the lottery has fallen both ways. */
export async function sampled(chain: Chain, k: number): Promise<Sampled> {
  let found: Partial<Sampled> = {};
  await sampledOnce(chain, k); // the model and the set are packed now
  while (found.open === undefined || found.draw === undefined) found = { ...found, ...(await sampledOnce(chain, k)) };
  const { propose = 0, open, draw, vote = 0 } = found;
  return { k, propose, open, draw, vote };
}

async function sampledOnce(chain: Chain, k: number): Promise<Partial<Sampled>> {
  const requested = await chain.request({ k, stages: 1, auditBps: LOTTERY_BPS, window: 3_600 });
  const { job, ids } = requested;
  const ballot = chain.ballotOf(requested, 0);
  const [primary] = chain.seatsOf(ballot);
  if (primary === undefined) throw new TypeError("nobody is a candidate");
  const account = chain.signers[primary.n] ?? "0x";
  const proposed = await chain.hub.write.propose([job, EMPTY_RECORD, primary.commitment], { account });
  const record = await recordIn(chain, proposed);
  const propose = await chain.gasOf(proposed);
  await chain.networkHelpers.mine(3);
  const isDrawn = await chain.hub.simulate.draw([job, record]).then(
    () => true,
    () => false,
  );
  if (!isDrawn) {
    const { claim, salt } = primary;
    const opened = await chain.hub.write.open([job, record, [], claim.outDigest, ZERO, salt, "0x"]);
    return { propose, open: await chain.gasOf(opened) };
  }
  const drawn = await chain.hub.write.draw([job, record]);
  const seated = await recordIn(chain, drawn);
  if (seated.seats[0] !== ids[0]) throw new TypeError("another primary");
  const votes = chain.votesOf({ ...ballot, ids: seated.seats, outs: seated.seats.map(() => primary.claim.outDigest) });
  const voted = await chain.hub.write.submit([job, seated, [], [votes], "0x"]);
  return { propose, draw: await chain.gasOf(drawn), vote: await chain.gasOf(voted) };
}
