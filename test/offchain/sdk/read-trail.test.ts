// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import {
  createClient,
  custom,
  encodeAbiParameters,
  encodeEventTopics,
  encodeFunctionData,
  type Hex,
  type Transaction,
} from "viem";
import { assayHubAbi } from "../../../offchain/adapters/chain/abi/assay-hub.ts";
import { jobId as jobIdOf } from "../../../offchain/core/job.ts";
import { REASON_EXPIRED, type Job } from "../../../offchain/core/types.ts";
import { decodeCall } from "../../../offchain/sdk/job-trail.ts";
import { readTrail } from "../../../offchain/sdk/read-trail.ts";
import { DEPLOYMENT, sampleJob, sampleManifest } from "../../support/sample-receipt.ts";

const RECORD = { seats: [], boundaries: [], tallies: [], decided: 0 };
const HASH: Hex = `0x${"77".repeat(32)}`;
const sample = sampleJob(sampleManifest(1), 5);
const jobs = [7n, 8n, 9n].map((nonce): Job => ({ ...sample, nonce }));
const expire = (job: Job, decided = 0): Hex =>
  encodeFunctionData({ abi: assayHubAbi, functionName: "expire", args: [job, { ...RECORD, decided }] });
const many = (...calls: readonly Hex[]): Hex =>
  encodeFunctionData({ abi: assayHubAbi, functionName: "submitMany", args: [calls] });

const place = { address: DEPLOYMENT.hub, transactionHash: HASH, blockNumber: "0x1", blockHash: HASH };
const closed = (job: Job) => ({
  ...place,
  topics: encodeEventTopics({ abi: assayHubAbi, eventName: "Closed", args: { jobId: jobIdOf(DEPLOYMENT, job) } }),
  data: encodeAbiParameters([{ type: "uint8" }, { type: "uint256" }], [REASON_EXPIRED, 0n]),
});
const undone = (index: bigint) => ({
  ...place,
  topics: encodeEventTopics({ abi: assayHubAbi, eventName: "CallFailed" }),
  data: encodeAbiParameters([{ type: "uint256" }, { type: "bytes" }], [index, "0x"]),
});

/** What the job's one transaction did for it, as read from a chain that has this transaction and these events. */
async function expiryOf(job: Job, input: Hex, logs: readonly object[]) {
  const answers: Record<string, unknown> = {
    eth_getLogs: logs.map((log, i) => ({ ...log, logIndex: `0x${i.toString(16)}`, transactionIndex: "0x0" })),
    eth_getTransactionByHash: { hash: HASH, input, from: DEPLOYMENT.hub, type: "0x2" } satisfies Partial<
      Record<keyof Transaction, string>
    >,
    eth_chainId: "0x7a69",
  };
  const client = createClient({
    transport: custom({ request: async ({ method }: { method: string }) => answers[method] }),
  });
  const trail = await readTrail(client, DEPLOYMENT.hub, jobIdOf(DEPLOYMENT, job), 0n);
  expect(trail.events.map(({ eventName }) => eventName)).to.deep.equal(["Closed"]);
  return decodeCall(trail, HASH, "expire");
}

describe("a job's trail", () => {
  const [first, second, third] = jobs as [Job, Job, Job];
  const events = [closed(first), closed(second)];

  it("default: of a plain call and of a bundle, the call that was the job's", async () => {
    expect((await expiryOf(first, expire(first), events))?.[0].nonce).to.equal(7n);
    const bundle = many(expire(third), expire(first), expire(second));
    expect((await expiryOf(first, bundle, events))?.[0].nonce).to.equal(7n);
    expect((await expiryOf(second, bundle, events))?.[0].nonce).to.equal(8n);
  });

  it("attack: an undone call, a lookalike, garbage and a nested bundle give no other evidence; two calls of a job give none", async () => {
    const bundle = many(expire(second, 1), "0xdeadbeef", expire(first), "0x", expire(second, 2));
    expect((await expiryOf(second, bundle, [undone(0n), ...events]))?.[1].decided).to.equal(2);
    expect((await expiryOf(second, bundle, [undone(4n), ...events]))?.[1].decided).to.equal(1);
    expect(await expiryOf(second, bundle, events)).to.equal(null);
    expect(await expiryOf(second, many(many(expire(second))), events)).to.equal(null);
    const lookalike = { ...second, spec: { ...second.spec, seatReward: 1n } };
    expect(await expiryOf(second, many(expire(lookalike)), events)).to.equal(null);
  });
});
