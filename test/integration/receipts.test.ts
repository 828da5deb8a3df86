// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { assayHubAbi } from "../../offchain/adapters/chain/abi/assay-hub.ts";
import { quoteEscrow } from "../../offchain/core/economics.ts";
import { decodeReceipt, encodeReceipt, type Receipt } from "../../offchain/core/receipt.ts";
import { offences } from "../../offchain/core/settle.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { devBehaviour, type DevFault } from "../../offchain/node/dev-faults.ts";
import { connect, type AssayReader } from "../../offchain/sdk/node/connect.ts";
import { mineEvery, startTestChain, type TestChain } from "../support/cluster/chain.ts";
import { Cluster, until, type TestJob } from "../support/cluster/cluster.ts";

const input = { dtype: "i8" as const, dims: [4], data: Int8Array.of(1, 2, 3, 4) };
const FEE_BPS = 200;

describe("receipts of real jobs", function suite() {
  this.timeout(240_000);
  let chain: TestChain;
  let cluster: Cluster;
  let reader: AssayReader;
  const receipts: Receipt[] = [];
  let opening: Awaited<ReturnType<typeof money>>;

  before(async () => {
    chain = await startTestChain();
    cluster = await Cluster.start(chain, { workers: 16 });
    reader = connect({ rpcUrl: chain.url, hub: chain.deployment.hub });
    opening = await money();
    await mineEvery(chain, 250);
  });
  afterEach(() => {
    for (const worker of cluster.workers) worker.behaviour = devBehaviour("none", true);
  });
  after(async () => {
    await cluster.stop();
    await chain.close();
  });

  async function money() {
    const { hub } = chain.deployment;
    const at = { address: hub, abi: assayHubAbi } as const;
    const read = cluster.client.public;
    const [accounts, frees, { fees }, requester] = await Promise.all([
      Promise.all(
        cluster.workers.map(({ workerId }) => read.readContract({ ...at, functionName: "account", args: [workerId] })),
      ),
      Promise.all(
        cluster.workers.map(({ keys }) =>
          read.readContract({ ...at, functionName: "balanceOf", args: [keys.operator.address] }),
        ),
      ),
      read.readContract({ ...at, functionName: "totals" }),
      read.readContract({ ...at, functionName: "balanceOf", args: [cluster.client.account.address] }),
    ]);
    return {
      earned: new Map(cluster.workers.map(({ workerId }, i) => [workerId, accounts[i]?.earned ?? 0n])),
      free: frees.reduce((sum, amount) => sum + amount, 0n),
      fees,
      requester,
    };
  }

  /** Runs a job with faults on its first seats; its receipt, as read from the chain and through its bytes. */
  async function receiptOf(k: number, faults: readonly DevFault[], challenge = false, send = true): Promise<Receipt> {
    const job: TestJob = await cluster.request(input, { k, ...(challenge ? { tWork: 20 } : {}) });
    const seats = await cluster.seats(job);
    for (const [i, fault] of faults.entries()) {
      const seat = seats[i];
      if (seat !== undefined) seat.behaviour = devBehaviour(fault, challenge);
    }
    if (send) await cluster.sendInput(job, seats);
    if (challenge) await until(60_000, async () => ((await cluster.slot(job.id)).round === 1 ? true : null));
    await cluster.ended(job);
    const receipt = await reader.getReceipt({ jobId: job.id });
    const report = verifyReceipt(receipt, { recordHash: receipt.recordHash });
    expect(
      report.checks.filter(({ ok }) => !ok),
      job.id,
    ).to.deep.equal([]);
    expect(receipt.settlement).to.have.length(1);
    expect(decodeReceipt(encodeReceipt(receipt)).settlement).to.deep.equal(receipt.settlement);
    receipts.push(receipt);
    return receipt;
  }

  /** A wei more in each payment of the receipt must be named. */
  function expectNamed(receipt: Receipt): void {
    const [told] = receipt.settlement;
    if (told === undefined) throw new TypeError("no settlement");
    const changed = (change: Partial<typeof told>) =>
      verifyReceipt(
        { ...receipt, settlement: [{ ...told, ...change }] },
        { recordHash: receipt.recordHash },
      ).checks.find(({ ok }) => !ok);
    for (const name of ["requester", "burn", "fees"] as const)
      expect(changed({ [name]: told[name] + 1n }), name).to.deep.include({ name: "settlement" });
    for (const name of ["requester", "burn", "fees"] as const)
      expect(changed({ [name]: told[name] + 1n })?.detail).to.contain(name);
    for (const name of ["seats", "taken", "challengers"] as const)
      for (const i of told[name].keys())
        expect(
          changed({ [name]: told[name].map((amount, at) => amount + (at === i ? 1n : 0n)) }),
          `${name} ${i}`,
        ).to.deep.include({ name: "settlement" });
  }

  it("default: an undisputed job's payments are in its receipt; a changed amount is named (R22, R33)", async () => {
    const receipt = await receiptOf(3, []);
    expect(receipt.reason).to.equal(0);
    expect(receipt.settlement[0]?.poke).to.equal(0n);
    expect(receipt.settlement[0]?.seats).to.deep.equal(Array(3).fill(receipt.job.spec.seatReward));
    expectNamed(receipt);
  });

  it("behavior: a killed seat: slow path, its slash and who poked are in the receipt (R27)", async () => {
    const receipt = await receiptOf(3, ["silent"]);
    expect(receipt.reason).to.equal(0);
    expect(receipt.settlement[0]?.taken).to.deep.include(2n * receipt.job.spec.seatReward);
    expectNamed(receipt);
  });

  it("behavior: a liar that challenges: two committees, its bond and stake shared out (R24, R27)", async () => {
    const receipt = await receiptOf(5, ["wrong-digest"], true);
    expect(receipt.record.tallies.map(({ round }) => round)).to.deep.equal([0, 1]);
    expect(receipt.settlement[0]?.taken).to.deep.include(receipt.job.spec.policy.seatStake);
    expectNamed(receipt);
  });

  it("behavior: a withheld reveal is in the receipt (R27)", async () => {
    const receipt = await receiptOf(3, ["withhold-reveal"]);
    expect(receipt.settlement[0]?.taken).to.deep.include(receipt.job.spec.policy.seatStake / 2n);
  });

  it("behavior: a job that closed for want of input pays the kill fee and refunds the rest (R24)", async () => {
    const receipt = await receiptOf(3, [], false, false);
    expect(receipt.reason).to.equal(3);
    expect(receipt.settlement[0]?.fees).to.equal((3n * receipt.job.spec.seatReward) / 10n);
    expectNamed(receipt);
  });

  it("behavior: a job that expired names who came and who did not, though the hub emits no record of it (R27)", async () => {
    const receipt = await receiptOf(3, ["silent", "silent"]);
    expect(receipt.reason).to.equal(2);
    expect(receipt.record.tallies).to.have.length(1);
    expect(offences(receipt.job.spec, receipt.record).filter(({ kind }) => kind === 3)).to.have.length(2);
    expectNamed(receipt);
  });

  it("R22: the receipts of all jobs together explain every balance at the hub", async () => {
    const now = await money();
    const due = { requester: 0n, fees: 0n, workers: 0n };
    const earned = new Map<number, bigint>();
    for (const { settlement, job, record } of receipts) {
      const [told] = settlement;
      if (told === undefined) throw new TypeError("no settlement");
      const quote = quoteEscrow(job.spec, FEE_BPS);
      due.requester += told.requester - quote;
      due.fees += told.fees;
      // Pokes before the settlement left the escrow, too.
      due.workers += told.poke + (quote - told.escrow);
      for (const [t, { bond }] of record.tallies.entries()) due.workers += (told.challengers[t] ?? 0n) - bond;
      for (const [i, { worker }] of offences(job.spec, record).entries())
        earned.set(worker, (earned.get(worker) ?? 0n) + (told.seats[i] ?? 0n));
    }
    expect(now.requester - opening.requester).to.equal(due.requester);
    expect(now.fees - opening.fees).to.equal(due.fees);
    expect(now.free - opening.free).to.equal(due.workers);
    for (const [worker, amount] of now.earned)
      expect(amount - (opening.earned.get(worker) ?? 0n), `worker ${worker}`).to.equal(earned.get(worker) ?? 0n);
  });
});
