// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ZERO_ADDRESS, ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { emptyBallot, untilUndecided, type Ballot } from "../../../offchain/protocol/ballot.ts";
import type { Hex } from "../../../offchain/protocol/ports.ts";

const [A, B, C] = ["aa", "bb", "cc"].map((byte): Hex => `0x${byte.repeat(32)}`);

/** A committee of three whose set is complete. */
const ballotOf = (stage: number, said: readonly (Hex | undefined)[]): Ballot => ({
  ...emptyBallot(stage, 0, [ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS], ZERO_BYTES32),
  commitSet: ZERO_BYTES32,
  openings: said.map((outDigest = ZERO_BYTES32) => ({
    outDigest,
    payload: ZERO_BYTES32,
    salt: ZERO_BYTES32,
    extra: "0x",
    signature: `0x${"11".repeat(64)}`,
  })),
});

const stages = (ballots: readonly Ballot[]) => untilUndecided(ballots).map(({ stage }) => stage);

describe("ballots that go to the hub together", () => {
  it("default: all, while each accepts a digest", () => {
    expect(stages([])).to.deep.equal([]);
    expect(stages([ballotOf(0, [A, A, B]), ballotOf(1, [B, B, B])])).to.deep.equal([0, 1]);
  });

  it("behavior: none behind one that accepts nothing: the hub would refuse the call for it", () => {
    expect(stages([ballotOf(0, [A, A, A]), ballotOf(1, [A, B, C]), ballotOf(2, [A, A, A])])).to.deep.equal([0, 1]);
    expect(stages([ballotOf(0, [A, B, C]), ballotOf(1, [A, A, A])])).to.deep.equal([0]);
    // Two abstentions are no digest.
    expect(stages([ballotOf(0, [ZERO_BYTES32, ZERO_BYTES32, A]), ballotOf(1, [A, A, A])])).to.deep.equal([0]);
  });
});
