// SPDX-License-Identifier: GPL-3.0-or-later
import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import fc from "fast-check";
import { advertStatement, decodeAdvert, encodeAdvert, type Advert } from "../../../offchain/core/advert.ts";
import { concatBytes, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { quoteTime } from "../../../offchain/core/quote.ts";
import { OPTIMISTIC, PROOF, VOTE } from "../../../offchain/core/types.ts";
import { WorkTimes } from "../../../offchain/protocol/work-times.ts";
import { openAdvert } from "../../../offchain/sdk/actions/get-adverts.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";

const MODEL: Hex = `0x${"ab".repeat(32)}`;
const HUB: Hex = `0x${"11".repeat(20)}`;
const TIME = 1_800_000_000;
const ADVERT: Advert = {
  chainId: 31_337n,
  hub: HUB,
  modelId: MODEL,
  time: BigInt(TIME),
  load: 1,
  capacity: 2,
  entries: [
    { stage: 0, work: "run", samples: 3, p50Us: 1_000, p99Us: 2_000 },
    { stage: 0, work: "proof", samples: 1, p50Us: 900_000, p99Us: 900_000 },
    { stage: 1, work: "run", samples: 3, p50Us: 3_000, p99Us: 3_000 },
  ],
};
const key = bytesOf("transport");
const expected = {
  worker: 7,
  transportId: toHex(ed25519.getPublicKey(key)),
  chainId: 31_337n,
  hub: HUB,
  modelId: MODEL,
  time: TIME,
};
const signed = (advert: Advert): Uint8Array => {
  const bytes = encodeAdvert(advert);
  return concatBytes(bytes, ed25519.sign(advertStatement(bytes), key));
};

describe("adverts and quoted times", () => {
  it("default: what was measured comes back, signed by the worker of the record", () => {
    expect(decodeAdvert(encodeAdvert(ADVERT))).to.deep.equal(ADVERT);
    expect(openAdvert(signed(ADVERT), expected)).to.deep.equal(ADVERT);
  });

  it("error: truncated, padded and hostile bytes fail by a typed error; one encoding each", () => {
    const bytes = encodeAdvert(ADVERT);
    for (let end = 0; end < bytes.length; end++)
      expect(() => decodeAdvert(bytes.subarray(0, end)), `${end}`)
        .to.throw()
        .that.satisfies(isAssayError);
    expect(() => decodeAdvert(Uint8Array.of(...bytes, 0)))
      .to.throw()
      .that.satisfies(isAssayError);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const changed = bytes.with(at, value);
        try {
          expect(encodeAdvert(decodeAdvert(changed))).to.deep.equal(changed);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
    );
  });

  it("error: MESSAGE_INVALID, VERSION_UNKNOWN", async () => {
    const [first, second, third] = ADVERT.entries as [Advert["entries"][0], Advert["entries"][0], Advert["entries"][0]];
    const wrong: readonly Advert["entries"][] = [
      [second, first],
      [first, first],
      [third, second],
      [{ ...first, samples: 0 }],
      [{ ...first, p50Us: 2_001 }],
    ];
    for (const entries of wrong) await expectCode("MESSAGE_INVALID", () => encodeAdvert({ ...ADVERT, entries }));
    await expectCode("VERSION_UNKNOWN", () => decodeAdvert(encodeAdvert(ADVERT).with(0, 2)));
  });

  it("error: ADVERT_INVALID for another's signature, any changed byte, another chain, hub, model or time", async () => {
    const reply = signed(ADVERT);
    await expectCode("ADVERT_INVALID", () => openAdvert(reply, { ...expected, transportId: MODEL }));
    await expectCode("ADVERT_INVALID", () => openAdvert(reply, { ...expected, chainId: 1n }));
    await expectCode("ADVERT_INVALID", () => openAdvert(reply, { ...expected, hub: `0x${"22".repeat(20)}` }));
    await expectCode("ADVERT_INVALID", () => openAdvert(reply, { ...expected, modelId: `0x${"cd".repeat(32)}` }));
    for (const time of [TIME - 601, TIME + 601])
      await expectCode("ADVERT_INVALID", () => openAdvert(reply, { ...expected, time }));
    for (let at = 0; at < reply.length; at += 3)
      expect(() => openAdvert(reply.with(at, (reply[at] ?? 0) ^ 1), expected), `${at}`)
        .to.throw()
        .that.satisfies(isAssayError);
    for (const length of [0, 10, 64])
      expect(() => openAdvert(reply.slice(0, length), expected))
        .to.throw()
        .that.satisfies(isAssayError);
  });

  it("behavior: a worker advertises the median and the 99th percentile of its newest times, in order", () => {
    const times = new WorkTimes();
    expect(times.entries(MODEL)).to.deep.equal([]);
    times.record(MODEL, 1, "proof", 5);
    for (let ms = 0; ms < 100; ms++) times.record(MODEL, 1, "run", ms);
    times.record(MODEL, 0, "run", 1e12);
    const entries = times.entries(MODEL);
    expect(entries).to.deep.equal([
      { stage: 0, work: "run", samples: 1, p50Us: 2 ** 32 - 1, p99Us: 2 ** 32 - 1 },
      { stage: 1, work: "run", samples: 64, p50Us: 68_000, p99Us: 99_000 },
      { stage: 1, work: "proof", samples: 1, p50Us: 5_000, p99Us: 5_000 },
    ]);
    expect(decodeAdvert(encodeAdvert({ ...ADVERT, entries })).entries).to.deep.equal(entries);
  });

  it("R74: times are quoted by evidence: stages add up, proofs are made side by side, a window waits; null where nobody measured", () => {
    const job = { stages: 2, mask: VOTE, window: 0, inputs: 1, blockSec: 1, load: 0 };
    const { entries } = ADVERT;
    expect(quoteTime(job, entries)).to.deep.equal({ answerSec: 4.004, finalSec: 4.004, workSec: 0.004 });
    expect(quoteTime({ ...job, inputs: 10 }, entries).workSec).to.equal(0.04);
    expect(quoteTime({ ...job, load: 1 }, entries).workSec).to.equal(0.008);
    expect(quoteTime({ ...job, window: 15 }, entries).finalSec).to.be.within(20.0039, 20.0041);
    const sampled = { ...job, stages: 1, mask: OPTIMISTIC, window: 15 };
    expect(quoteTime(sampled, entries)).to.deep.equal({ answerSec: 6.001, finalSec: 6.001 + 16, workSec: 0.001 });
    expect(quoteTime({ ...job, stages: 1, mask: PROOF }, entries).workSec).to.equal(0.901); // 1 ms and 900 ms
    for (const unknown of [
      { ...job, mask: PROOF },
      { ...job, stages: 3 },
    ])
      expect(quoteTime(unknown, entries)).to.deep.equal({ answerSec: null, finalSec: null, workSec: null });
  });
});
