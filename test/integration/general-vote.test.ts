// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { blindedDigest } from "../../offchain/core/digest.ts";
import { finalWord, recordHash } from "../../offchain/core/job.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { Cluster, until } from "../support/cluster/cluster.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };

describe("general-vote", function suite() {
  this.timeout(180_000);
  let chain: TestChain;
  let cluster: Cluster;
  let started = 0n;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 7, claimEveryMs: 1_000 });
    started = await cluster.client.public.getBlockNumber();
    await mineEvery(chain, 250);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  it("default: five seats agree and one transaction ends the job (R21, R22, R72)", async () => {
    const job = await cluster.request(input, { k: 5, tWork: 40 });
    const seats = await cluster.seats(job);
    // Asked before the end: workers forget what is over.
    const ownOf = ({ worker }: (typeof seats)[number]) => worker.desk.session(job.id)?.seat?.own ?? -1;
    const ids = seats.toSorted((a, b) => ownOf(a) - ownOf(b)).map(({ workerId }) => workerId);
    await cluster.sendInput(job, seats);
    const end = await cluster.ended(job);
    expect(end.state).to.equal(5);
    const slot = await cluster.slot(job.id);
    const output = encodeTensor({ dtype: "i8", dims: [4], data: Int8Array.of(2, 3, 4, 5) });
    const outDigest = blindedDigest(output, job.salts.get(0) ?? new Uint8Array());
    const tally = {
      stage: 0,
      round: 0,
      seats: ids,
      said: ids.map(() => outDigest),
      challenger: "0x0000000000000000000000000000000000000000",
      bond: 0n,
    } as const;
    const record = { seats: ids, boundaries: [outDigest], tallies: [tally], decided: 0 };
    expect(slot.word).to.equal(finalWord(outDigest, recordHash(record)));
  });

  it("R9: workers pay out what they earned to their owners by themselves", async () => {
    const { hub, token } = chain.deployment;
    const job = await cluster.request(input, { k: 5, tWork: 40 });
    const seats = await cluster.seats(job);
    const [seat] = seats;
    if (seat === undefined) throw new TypeError("no seat");
    await cluster.sendInput(job, seats);
    await cluster.ended(job);
    const { address } = seat.keys.operator;
    const read = { address: token, abi: devTokenAbi, functionName: "balanceOf", args: [address] } as const;
    const stakeLeft = await cluster.client.public.readContract({ ...read, blockNumber: started });
    await until(60_000, async () => {
      const { earned } = await cluster.client.public.readContract({
        address: hub,
        abi: assayHubAbi,
        functionName: "account",
        args: [seat.workerId],
      });
      return earned === 0n ? true : null;
    });
    expect((await cluster.client.public.readContract(read)) > stakeLeft).to.equal(true);
  });
});
