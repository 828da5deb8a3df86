// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../offchain/core/errors.ts";
import {
  decodeSeatMessage,
  encodeSeatMessage,
  MAX_SEAT_MESSAGE,
  type SeatMessage,
} from "../../../offchain/protocol/seat-wire.ts";
import { expectCode } from "../../support/expect-code.ts";

const hex = (length: number, fill: string) => `0x${fill.repeat(length)}` as const;
const sample: SeatMessage = {
  jobId: hex(32, "11"),
  stage: 2,
  round: 1,
  wantCommits: 5,
  wantOpenings: 0x7fffffff,
  commits: [0, 30].map((seat) => ({ seat, commit: { commitment: hex(32, "22"), signature: hex(64, "33") } })),
  openings: [
    {
      seat: 1,
      opening: {
        outDigest: hex(32, "44"),
        payload: hex(32, "55"),
        salt: hex(32, "66"),
        extra: hex(32, "88"),
        signature: null,
      },
    },
    {
      seat: 2,
      opening: {
        outDigest: hex(32, "44"),
        payload: hex(32, "55"),
        salt: hex(32, "66"),
        extra: hex(32, "88"),
        signature: hex(64, "77"),
      },
    },
  ],
};

describe("seat-wire", () => {
  it("default: round trip within the size limit", () => {
    expect(decodeSeatMessage(encodeSeatMessage(sample))).to.deep.equal(sample);
    const full = {
      seat: 0,
      opening: {
        outDigest: hex(32, "44"),
        payload: hex(32, "55"),
        salt: hex(32, "66"),
        extra: hex(32, "88"),
        signature: hex(64, "77"),
      },
    };
    const openings = Array.from({ length: 31 }, (_, seat) => ({ ...full, seat }));
    const commits = Array.from({ length: 31 }, (_, seat) => ({
      seat,
      commit: { commitment: hex(32, "22"), signature: hex(64, "33") },
    }));
    expect(encodeSeatMessage({ ...sample, commits, openings }).length).to.be.at.most(MAX_SEAT_MESSAGE);
  });

  it("error: BYTES_TRAILING, NOT_CANONICAL: more bytes, repeated or descending seats, another version", async () => {
    const good = encodeSeatMessage(sample);
    await expectCode("BYTES_TRAILING", () => decodeSeatMessage(Uint8Array.of(...good, 0)));
    await expectCode("NOT_CANONICAL", () =>
      decodeSeatMessage(encodeSeatMessage({ ...sample, commits: sample.commits.toReversed() })),
    );
    await expectCode("NOT_CANONICAL", () => decodeSeatMessage(Uint8Array.of(1, ...good.slice(1))));
  });

  it("R75: hostile bytes end in a typed error or in a message that encodes to them", () => {
    const good = encodeSeatMessage(sample);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, length) => {
        const bytes = good.slice(0, length === 0 ? good.length : length);
        if (at < bytes.length) bytes[at] = byte;
        try {
          expect(encodeSeatMessage(decodeSeatMessage(bytes))).to.deep.equal(bytes);
        } catch (error) {
          expect(isAssayError(error), String(error)).to.equal(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
