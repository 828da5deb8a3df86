// SPDX-License-Identifier: GPL-3.0-or-later
// Gas of whole transactions, calldata included, on an in-process chain in a steady state: prefunded requester, workers
// that earned before, models and parameter sets used before. Targets: protocol.md section 11.
import { mkdir, writeFile } from "node:fs/promises";
import { drawCurves, measureCurves } from "./gas/curves.ts";
import { type JobShape, EMPTY_RECORD, createHubChain } from "../test/support/hub-chain.ts";

interface Row {
  readonly case: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly baseline?: string;
  readonly ratio?: number;
}

const FAST: readonly (JobShape & { readonly target: number })[] = [
  { k: 3, stages: 1, target: 140_000 },
  { k: 5, stages: 1, target: 175_000 },
  { k: 7, stages: 1, target: 215_000 },
  { k: 3, stages: 3, target: 265_000 },
  { k: 3, stages: 5, target: 410_000 },
];

export const suite = {
  name: "gas",
  async run(report: (row: Row) => void, progress: (text: string) => void): Promise<void> {
    const against = (name: string, value: number, target: number): void =>
      report({
        case: name,
        metric: "gas",
        value,
        unit: "gas",
        baseline: `target ${target}`,
        ratio: value / target,
      });
    progress("deploying, staking 76 workers");
    const chain = await createHubChain(76);
    for (const { k, stages, target } of FAST) {
      progress(`fast path, ${k} seats, ${stages} stages`);
      await chain.submit(await chain.request({ k, stages }));
      const requested = await chain.request({ k, stages });
      const submitted = await chain.submit(requested);
      const name = `${k} seats, ${stages} stage${stages === 1 ? "" : "s"}`;
      if (stages === 1) against(`request, ${name}`, requested.gas, 85_000);
      against(`submit to FINAL, ${name}`, submitted, target);
      if (k === 5) against("whole job, 5 seats, fast path", requested.gas + submitted, 260_000);
    }
    progress("slow path");
    against("slow path, 5 seats, batched", await slowPath(chain, 5, true), 330_000);
    against("slow path, 5 seats, one by one", await slowPath(chain, 5, false), 700_000);
    progress("window");
    against("window then settle, extra to submit, 5 seats", await windowed(chain, 5), 75_000);
    progress("curves over 2 to 31 seats, 1 to 8 stages");
    const curves = await measureCurves(chain, { slowPath, windowed, disputed, abandoned });
    for (const { k, stages, request, submit } of curves.fast) {
      const name = `${k} seats, ${stages} stages`;
      report({ case: `curve: request, ${name}`, metric: "gas", value: request, unit: "gas" });
      report({ case: `curve: submit, ${name}`, metric: "gas", value: submit, unit: "gas" });
    }
    for (const { k, stages, challenge, unanswered, abandoned: forgotten } of curves.ends) {
      const name = `${k} seats, ${stages} stages`;
      report({ case: `curve: challenge, ${name}`, metric: "gas", value: challenge, unit: "gas" });
      report({ case: `curve: expire, escalation, ${name}`, metric: "gas", value: unanswered, unit: "gas" });
      report({ case: `curve: expire, nobody came, ${name}`, metric: "gas", value: forgotten, unit: "gas" });
    }
    for (const { k, stages, ...gas } of curves.rounds)
      for (const [what, value] of Object.entries(gas))
        report({ case: `curve: ${what}, ${k} seats, ${stages} stages`, metric: "gas", value, unit: "gas" });
    for (const { k, ...gas } of curves.sampled)
      for (const [what, value] of Object.entries(gas))
        report({ case: `sampled: ${what}, ${k} seats`, metric: "gas", value, unit: "gas" });
    for (const { path, k, gas } of curves.dispute)
      report({ case: `curve: ${path}, ${k} seats`, metric: "gas", value: gas, unit: "gas" });
    if (!process.argv.includes("--write")) return;
    await mkdir("docs/gas", { recursive: true });
    await writeFile("docs/gas/curves.json", `${JSON.stringify(curves, undefined, 2)}\n`);
    for (const [name, picture] of Object.entries(drawCurves(curves)) as [string, string][])
      await writeFile(`docs/gas/${name}.svg`, picture);
  },
};

type Chain = Awaited<ReturnType<typeof createHubChain>>;
type Requested = Awaited<ReturnType<Chain["request"]>>;

const NOBODY: `0x${string}` = "0x0000000000000000000000000000000000000000";

/** The record of a job whose stages all stand without dissent. */
function recordOf(chain: Chain, requested: Requested) {
  const { k } = requested.job.spec.policy;
  const tallies = Array.from({ length: requested.job.spec.stages }, (_, stage) => {
    const seats = requested.ids.slice(stage * k, stage * k + k);
    return { stage, round: 0, seats, said: chain.ballotOf(requested, stage).outs, challenger: NOBODY, bond: 0n };
  });
  return { seats: requested.ids, boundaries: tallies.flatMap(({ said }) => said.slice(0, 1)), tallies, decided: 0 };
}

/** A challenge of the first stage in its window, and the expiry of a larger committee of which nobody came. */
async function disputed(chain: Chain, shape: JobShape): Promise<{ challenge: number; unanswered: number }> {
  const requested = await chain.request({ ...shape, window: 600 });
  await chain.submit(requested);
  const record = recordOf(chain, requested);
  const challenge = await chain.gasOf(await chain.hub.write.challenge([requested.job, record, 0]));
  const { seatReward } = requested.job.spec;
  const bond = (5n * BigInt(2 * shape.k + 1) * seatReward + 3n) / 4n;
  const opened = { stage: 0, round: 1, seats: [], said: [], challenger: chain.me, bond };
  const escalated = { ...record, tallies: [...record.tallies, opened] };
  await chain.networkHelpers.mine(3);
  await chain.networkHelpers.time.increase(requested.job.spec.policy.tWork * shape.stages + 1);
  return { challenge, unanswered: await chain.gasOf(await chain.hub.write.expire([requested.job, escalated])) };
}

/** The expiry of a job whose first committee never came. */
async function abandoned(chain: Chain, shape: JobShape): Promise<number> {
  const { job } = await chain.request(shape);
  await chain.networkHelpers.time.increase(job.spec.policy.tWork * shape.stages + 1);
  return chain.gasOf(await chain.hub.write.expire([job, EMPTY_RECORD]));
}

/** What a window costs more than ending at once. */
async function windowed(chain: Chain, k: number): Promise<number> {
  const plain = await chain.submit(await chain.request({ k, stages: 1 }));
  const waiting = await chain.request({ k, stages: 1, window: 600 });
  const submitted = await chain.submit(waiting);
  const record = recordOf(chain, waiting);
  await chain.networkHelpers.time.increase(601);
  const settled = await chain.gasOf(await chain.hub.write.settle([waiting.job, record, "0x"]));
  return submitted + settled - plain;
}

/** All transactions from the first commitment to FINAL. */
async function slowPath(chain: Chain, k: number, batched: boolean): Promise<number> {
  const requested = await chain.request({ k, stages: 1 });
  const { job, ids } = requested;
  const pinned = { seats: ids, boundaries: [], tallies: [], decided: 0 };
  const commits = chain.signedCommits(requested, 0);
  let gas = 0;
  if (batched) {
    gas += await chain.gasOf(await chain.hub.write.commitMany([job, EMPTY_RECORD, commits]));
  } else {
    for (const [seat, { commitment }] of commits.entries()) {
      const record = seat === 0 ? EMPTY_RECORD : pinned;
      const account = chain.signers[(ids[seat] ?? 0) - 1] ?? "0x";
      gas += await chain.gasOf(await chain.hub.write.commit([job, record, seat, commitment], { account }));
    }
  }
  const batch = batched ? commits.map(({ commitment }) => commitment) : [];
  const votes = chain.stageVotes(requested, 0);
  gas += await chain.gasOf(await chain.hub.write.tally([job, pinned, [], votes, batch, "0x"]));
  return gas;
}
