// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { concatBytes, equalBytes, utf8 } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { decodeReply, decodeRequest, decodeSignedAsk, encodeEnveloped, encodeOpenAsk, encodeReply, encodeSignedAsk, type OpenAsk, type SignedAsk } from "../../../../offchain/core/threshold/host-wire.ts"; // prettier-ignore
import { MAX_HEADER_BYTES } from "../../../../offchain/core/threshold/sealed-input.ts";
import { expectError } from "../../../support/expect-error.ts";

const ADDRESS = `0x${"ab".repeat(20)}` as const;
const WORD = `0x${"cd".repeat(32)}` as const;
const open: readonly OpenAsk[] = [
  { kind: "key", epoch: 7 },
  { kind: "publish", epoch: 0xffff_ffff, key: new Uint8Array(500).fill(3) },
];
const step = { epoch: 7, mask: 0xffff_ffff, attempt: 255 };
const signed: readonly SignedAsk[] = [
  { kind: "commit", ...step },
  { kind: "deal", ...step, list: Uint8Array.of(1, 2, 3) },
  { kind: "judge", ...step, list: new Uint8Array() },
  { kind: "release", boundary: 0xffff, sender: ADDRESS, receiver: WORD, header: new Uint8Array(700) },
];

describe("R63: what members' hosts say to each other", () => {
  it("default: every request and reply comes out as it went in", () => {
    for (const ask of open) expect(decodeRequest(encodeOpenAsk(ask))).to.deep.equal(ask);
    for (const ask of signed) expect(decodeSignedAsk(encodeSignedAsk(ask))).to.deep.equal(ask);
    const enveloped = decodeRequest(encodeEnveloped(Uint8Array.of(9, 8)));
    expect(enveloped).to.deep.equal({ kind: "enveloped", envelope: Uint8Array.of(9, 8) });
    for (const reply of [new Uint8Array(), Uint8Array.of(1, 0), "SEAT_UNKNOWN"])
      expect(decodeReply(encodeReply(reply))).to.deep.equal(reply);
  });

  it("error: truncated, oversized, trailing and unknown requests; refusals that are no word", () => {
    for (const bytes of open.map((ask) => encodeOpenAsk(ask).subarray(0, 4)))
      expectError(() => decodeRequest(bytes), "BYTES_TRUNCATED");
    for (const ask of signed)
      expectError(() => decodeSignedAsk(encodeSignedAsk(ask).subarray(0, 9)), "BYTES_TRUNCATED");
    expectError(() => decodeRequest(new Uint8Array()), "BYTES_TRUNCATED");
    expectError(() => decodeRequest(concatBytes(encodeOpenAsk({ kind: "key", epoch: 1 }), Uint8Array.of(0))), "BYTES_TRAILING"); // prettier-ignore
    expectError(() => decodeSignedAsk(concatBytes(encodeSignedAsk(signed[0] as SignedAsk), Uint8Array.of(0))), "BYTES_TRAILING"); // prettier-ignore
    for (const kind of [3, 255]) expectError(() => decodeRequest(Uint8Array.of(kind, 0, 0, 0, 0)), "NOT_CANONICAL");
    expectError(() => decodeSignedAsk(Uint8Array.of(4)), "NOT_CANONICAL");
    expectError(() => decodeRequest(encodeOpenAsk({ kind: "publish", epoch: 1, key: new Uint8Array(9_000) })), "TOO_LARGE"); // prettier-ignore
    const release = { kind: "release", boundary: 0, sender: ADDRESS, receiver: WORD, header: new Uint8Array(MAX_HEADER_BYTES + 1) } as const; // prettier-ignore
    expectError(() => decodeSignedAsk(encodeSignedAsk(release)), "TOO_LARGE");
    expectError(() => decodeSignedAsk(encodeSignedAsk({ kind: "deal", ...step, list: new Uint8Array(200_000) })), "TOO_LARGE"); // prettier-ignore
    for (const word of ["", "lower", "A B", "A".repeat(49), "\u0000\u0000"])
      expectError(() => decodeReply(concatBytes(Uint8Array.of(0), utf8(word))), "NOT_CANONICAL");
    expectError(() => decodeReply(Uint8Array.of(2, 1)), "NOT_CANONICAL");
    expectError(() => decodeReply(new Uint8Array()), "NOT_CANONICAL");
  });

  it("behavior: no bytes crash it, and what is read is written again as it was", () => {
    const read = <T>(decode: () => T): T | undefined => {
      try {
        return decode();
      } catch (error) {
        if (!isAssayError(error)) throw error;
        return undefined;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        const ask = read(() => decodeSignedAsk(bytes));
        if (ask !== undefined) expect(equalBytes(encodeSignedAsk(ask), bytes)).to.equal(true);
        const request = read(() => decodeRequest(bytes));
        if (request !== undefined && request.kind !== "enveloped")
          expect(equalBytes(encodeOpenAsk(request), bytes)).to.equal(true);
        read(() => decodeReply(bytes));
      }),
      { numRuns: 2_000 },
    );
  });
});
