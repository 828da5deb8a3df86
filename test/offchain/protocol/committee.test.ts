// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { recordHash } from "../../../offchain/core/job.ts";
import type { Record as JobRecord } from "../../../offchain/core/types.ts";
import { findCommittee } from "../../../offchain/protocol/committee.ts";
import type { SlotView } from "../../../offchain/protocol/ports.ts";
import { EMPTY_RECORD, NO_WORD } from "../../../offchain/protocol/session-state.ts";
import { job, jobId } from "../../support/proof-worker.ts";
import { hashOf, signerOf } from "../../support/sample-receipt.ts";

const voted = { ...job, spec: { ...job.spec, stages: 1, policy: { ...job.spec.policy, k: 3 } } };
const answer = hashOf("answer");
const lie = hashOf("lie");
/** Three seats disagreed, one of them challenged: seven others decide. */
const contested: JobRecord = {
  seats: [4, 9, 2],
  boundaries: [answer],
  tallies: [{ stage: 0, round: 0, seats: [4, 9, 2], said: [answer, answer, lie], challenger: signerOf(2), bond: 10n }],
  decided: 0,
};
const slotOf = (word: string, round: number): SlotView => ({
  state: 1,
  stage: 0,
  round,
  flags: 0,
  seedRef: 7,
  deadline: 1_000,
  tableVersion: 3,
  escrow: 1n,
  word: word as `0x${string}`,
});

/** Draws the smallest ids that are not excluded. */
function fakeChain() {
  const drawn: (readonly number[])[] = [];
  return {
    drawn,
    seed: async () => hashOf("beat"),
    draw: async ({ excluded, count }: { readonly excluded: readonly number[]; readonly count: number }) => {
      drawn.push(excluded);
      const ids = Array.from({ length: 30 }, (_, i) => i + 1)
        .filter((id) => !excluded.includes(id))
        .slice(0, count);
      return { ids, signers: ids.map(signerOf) };
    },
    signers: async (ids: readonly number[]) => ids.map(signerOf),
  };
}

describe("findCommittee", () => {
  it("default: excludes everyone who sat in the job before", async () => {
    const chain = fakeChain();
    const committee = await findCommittee(chain, jobId, voted, contested, slotOf(recordHash(contested), 1));
    expect(committee?.ids).to.deep.equal([1, 3, 5, 6, 7, 8, 10]);
    expect(chain.drawn).to.deep.equal([[4, 9, 2]]);
  });

  it("R70: draws nothing from a record that the chain has moved on from, as a worker holds it after a restart", async () => {
    const chain = fakeChain();
    const slot = slotOf(recordHash(contested), 1);
    for (const stale of [EMPTY_RECORD, { ...contested, tallies: [] }, { ...contested, boundaries: [lie] }])
      expect(await findCommittee(chain, jobId, voted, stale, slot)).to.equal(null);
    expect(chain.drawn).to.deep.equal([]);
  });

  it("behavior: before anything is pinned, whatever was remembered counts for nothing", async () => {
    const chain = fakeChain();
    const committee = await findCommittee(chain, jobId, voted, contested, slotOf(NO_WORD, 0));
    expect(committee?.ids).to.deep.equal([1, 2, 3]);
    expect(chain.drawn).to.deep.equal([[]]);
  });
});
