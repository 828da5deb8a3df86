// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { zeroAddress } from "viem";
import { finalWord, recordHash } from "../../../offchain/core/job.ts";
import { REASON } from "../../../offchain/core/settle-types.ts";
import { settle } from "../../../offchain/core/settle.ts";
import { createHubChain } from "../../support/hub-chain.ts";

const FEE_BPS = 200;

describe("payments of a job", () => {
  it("behavior: events, calldata and core's settle reproduce every payment (R22)", async () => {
    const chain = await createHubChain(30);
    const requested = await chain.request({ k: 3, stages: 2 });
    const { spec } = requested.job;
    const me = requested.job.requester;
    const before = await money(chain, me);
    const escrow = await chain.hub.read.escrowOf([spec]);
    await chain.submit(requested);

    // From here on only what the chain told and the calldata held.
    const [pinned] = await chain.hub.getEvents.Pinned({ jobId: requested.jobId });
    const [finalized] = await chain.hub.getEvents.Finalized({ jobId: requested.jobId });
    const seats = [...(pinned?.args.seats ?? [])];
    const boundaries = [0, 1].map((stage) => chain.stageVotes(requested, stage).outs[0] ?? "0x");
    const tallies = boundaries.map((digest, stage) => ({
      stage,
      round: 0,
      seats: seats.slice(stage * 3, stage * 3 + 3),
      said: [digest, digest, digest],
      challenger: zeroAddress,
      bond: 0n,
    }));
    const record = { seats, boundaries, tallies, decided: 0 };
    const hash = recordHash(record);
    expect(finalized?.args.recordHash).to.equal(hash);
    const { word } = await chain.hub.read.slot([requested.jobId]);
    expect(word).to.equal(finalWord(boundaries[1] ?? "0x", hash));
    expect(await chain.hub.read.verifyResult([requested.jobId, boundaries[1] ?? "0x", hash])).to.equal(true);

    const outcome = { reason: REASON.FINAL, seatsKnown: true, poked: false, feeBps: FEE_BPS };
    const told = settle(spec, record, outcome, escrow);
    const after = await money(chain, me);
    expect(after.free - before.free).to.equal(told.payments.requester);
    expect(after.fees - before.fees).to.equal(told.payments.fees);
    for (const [index, seat] of told.seats.entries()) {
      const have = after.accounts[seat.worker - 1];
      const had = before.accounts[seat.worker - 1];
      expect((have?.earned ?? 0n) - (had?.earned ?? 0n)).to.equal(told.payments.seats[index]);
      expect((have?.rho ?? 0) - (had?.rho ?? 0)).to.equal(seat.rho);
    }
  });
});

async function money(chain: Awaited<ReturnType<typeof createHubChain>>, requester: `0x${string}`) {
  const accounts = await Promise.all(chain.signers.map((_, index) => chain.hub.read.account([index + 1])));
  const { fees } = await chain.hub.read.totals();
  return { accounts, fees, free: await chain.hub.read.balanceOf([requester]) };
}
