// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { packSketch } from "../../../offchain/core/sketch.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { ZERO_BYTES32 } from "../../../offchain/core/types.ts";
import { chainSet, deliveryOf, toSketchVotes, type ShownOpening } from "../../../offchain/protocol/seat-sketches.ts";
import { reasonWord, SAID_ABSTAIN_WORD } from "../../../offchain/protocol/said.ts";
import { newSeat } from "../../../offchain/protocol/seat-machine.ts";
import type { SessionState } from "../../../offchain/protocol/session-state.ts";
import { tolerantManifest, TAU } from "../../support/cluster/tolerant.ts";

const word = (n: number) => `0x${n.toString(16).padStart(64, "0")}` as const;
const sketch = (first: number) => packSketch([first, ...Array.from({ length: 15 }, () => 0)]);
const shown = (out: number, first: number): ShownOpening => ({
  outDigest: word(out),
  payload: sketch(first),
  extra: ZERO_BYTES32,
  salt: word(out + 100),
  signature: null,
});
const abstention: ShownOpening = { ...shown(0, 0), outDigest: SAID_ABSTAIN_WORD, payload: reasonWord(1) };
const output = toHex(encodeTensor({ dtype: "f32", dims: [1, 1], data: Float32Array.of(1) }));

describe("seat-sketches", () => {
  const table = tolerantManifest().stages;
  const past = { a: [sketch(1)], b: [ZERO_BYTES32], seedB: word(7) };
  const state = { table, memory: { sketched: { 0: past } } } as unknown as SessionState;
  const seatOf = (own: number, out: number, round = 0) => ({
    ...newSeat({ jobId: word(1), stage: 0, round, seats: [1, 2, 3], signers: [], own, seed: word(5) }),
    vote: { outDigest: word(out), payload: sketch(0) },
    output,
  });

  it("default: the lowest agreeing seat whose output this seat holds", () => {
    const openings = [shown(11, 0), shown(12, TAU), shown(12, 1)];
    expect(deliveryOf(state, seatOf(2, 12), openings)).to.deep.equal({ seat: 1, output, pastA: [], pastB: [] });
    expect(deliveryOf(state, seatOf(0, 11), openings)?.seat).to.equal(0);
  });

  it("behavior: an outlier sends no count, nor does a seat whose output is not at hand", () => {
    const openings = [shown(11, 50), shown(12, 0), shown(13, 1)];
    expect(deliveryOf(state, seatOf(0, 11), openings)).to.equal(null);
    expect(deliveryOf(state, { ...seatOf(1, 12), output: null }, openings)).to.equal(null);
    expect(deliveryOf(state, seatOf(1, 12), openings)?.seat).to.equal(1);
  });

  it("edge: without a quorum nothing is delivered, and anybody counts; absent and abstaining seats show nothing", () => {
    for (const openings of [
      [shown(11, 0), undefined, undefined],
      [abstention, abstention, shown(11, 0)],
      [undefined, undefined, undefined],
    ])
      expect(deliveryOf(state, seatOf(0, 11), openings)).to.deep.equal({ seat: 0, output: "0x", pastA: [], pastB: [] });
  });

  it("behavior: a second committee shows the first one's sketches again", () => {
    const delivery = deliveryOf(state, seatOf(1, 12, 1), [shown(11, 0), shown(12, 0), shown(13, 0)]);
    expect(delivery).to.deep.equal({ seat: 1, output, pastA: past.a, pastB: past.b });
  });

  it("default: distinct triples once, a pointer a seat, 255 where nothing is known", () => {
    const votes = toSketchVotes([shown(11, 0), undefined, { ...shown(11, 0), salt: word(9) }, shown(11, 1)]);
    expect(votes.outs).to.deep.equal([word(11), word(11)]);
    expect(votes.a).to.deep.equal([sketch(0), sketch(1)]);
    expect(votes.seats.map(({ which }) => which)).to.deep.equal([0, 255, 0, 1]);
    expect(votes.seats[2]?.salt).to.equal(word(9));
  });

  it("behavior: an absent seat is a zero in the chain's set, not a gap", () => {
    expect(chainSet([word(1), undefined])).to.equal(chainSet([word(1), ZERO_BYTES32]));
    expect(chainSet([word(1), undefined])).not.to.equal(chainSet([word(1)]));
  });
});
