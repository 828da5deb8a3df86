// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { concatBytes } from "../../../offchain/core/bytes.ts";
import { decodeChannelData, decodeChannelReply, encodeChannelData, encodeChannelReply, MAX_CHANNEL_DATA, MAX_CHANNEL_REPLY } from "../../../offchain/core/channel-wire.ts"; // prettier-ignore
import { isAssayError } from "../../../offchain/core/errors.ts";
import { encodePlan } from "../../../offchain/core/planning/encode-plan.ts";
import { decodeScheduleOrder, enclaveId, encodeScheduleOrder, type ScheduleOrder } from "../../../offchain/core/schedule-order.ts"; // prettier-ignore
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { expectError } from "../../support/expect-error.ts";

const key = (n: number): `0x${string}` => `0x${n.toString(16).padStart(40, "0")}`;
const planOf = (runs: readonly (readonly [number, number, number])[]): Uint8Array =>
  encodePlan({
    jobId: toWord(5),
    candidatesHash: toWord(6),
    objective: "throughput",
    runs: runs.map(([first, last, of]) => ({ first, last, worker: enclaveId(key(of)), plannedNs: 3 })),
  });
const end = (n: number) => ({ worker: key(100 + n), key: key(n), channelKey: toWord(200 + n), expiry: 2_000 });
const ORDER: ScheduleOrder = {
  attempt: 3,
  time: 1_000,
  plan: planOf([[0, 0, 1], [1, 2, 2]]), // prettier-ignore
  enclaves: [end(1), end(2)],
  input: { stage: 1, salts: [{ boundary: 0, salt: new Uint8Array(32).fill(1) }], tensors: [] },
};

describe("R60: what a client tells the enclaves of a job", () => {
  it("default: comes out as it went in", () => {
    const { decoded, ...order } = decodeScheduleOrder(encodeScheduleOrder(ORDER));
    expect(order).to.deep.equal(ORDER);
    expect(decoded.runs.map(({ first, last }) => [first, last])).to.deep.equal([[0, 0], [1, 2]]); // prettier-ignore
  });

  it("error: NOT_CANONICAL for plans with gaps, enclaves that they do not name, or name twice, and stages that begin no run", () => {
    const bad: readonly Partial<ScheduleOrder>[] = [
      { enclaves: [end(1)] },
      { enclaves: [end(2), end(1)] },
      { enclaves: [end(1), end(3)] },
      { plan: planOf([[0, 0, 1], [2, 2, 2]]) }, // prettier-ignore
      { plan: planOf([[1, 1, 1], [2, 2, 2]]) }, // prettier-ignore
      { plan: planOf([[0, 0, 1], [1, 2, 1]]), enclaves: [end(1), end(1)] }, // prettier-ignore
      { input: { ...ORDER.input, stage: 2 } },
    ];
    for (const change of bad) expectError(() => encodeScheduleOrder({ ...ORDER, ...change }), "NOT_CANONICAL");
    expectError(() => encodeScheduleOrder({ ...ORDER, plan: ORDER.plan.subarray(1) }), "PLAN_MALFORMED");
  });

  it("error: every cut and every changed byte is refused or another order, and none crashes", () => {
    const bytes = encodeScheduleOrder(ORDER);
    for (let cut = 0; cut < bytes.length; cut += 1) expectError(() => decodeScheduleOrder(bytes.subarray(0, cut)), /./);
    expectError(() => decodeScheduleOrder(concatBytes(bytes, Uint8Array.of(0))), /./);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, value) => {
        const changed = bytes.map((byte, i) => (i === at ? byte ^ value : byte));
        try {
          expect(encodeScheduleOrder(decodeScheduleOrder(changed))).to.deep.equal(changed);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("R60: what hosts say to each other for a channel", () => {
  it("default: comes out as it went in, up to its limits", () => {
    for (const length of [0, 1, MAX_CHANNEL_DATA]) {
      const data = { isFirst: length === 1, bytes: new Uint8Array(length).fill(7) };
      expect(decodeChannelData(encodeChannelData(data))).to.deep.equal(data);
    }
    const reply = { isOver: true, bytes: new Uint8Array(MAX_CHANNEL_REPLY) };
    expect(decodeChannelReply(encodeChannelReply(reply))).to.deep.equal(reply);
  });

  it("error: other versions, flags and lengths are refused", () => {
    for (const decode of [decodeChannelData, decodeChannelReply]) {
      for (const bytes of [[], [1], [2, 0], [0, 0], [1, 2, 3]]) expectError(() => decode(Uint8Array.from(bytes)), /./);
      expectError(() => decode(encodeChannelData({ isFirst: true, bytes: new Uint8Array(MAX_CHANNEL_DATA + 1) })), "NOT_CANONICAL"); // prettier-ignore
    }
    expectError(() => decodeChannelReply(encodeChannelReply({ isOver: true, bytes: new Uint8Array(MAX_CHANNEL_REPLY + 1) })), "NOT_CANONICAL"); // prettier-ignore
  });
});
