// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { hashTypedData } from "viem";
import { toHex, utf8 } from "../../../offchain/core/bytes.ts";
import {
  bodyHashOf,
  decodeEnvelope,
  encodeEnvelope,
  envelopeDigest,
  verifyEnvelope,
  type Envelope,
  type SignedEnvelope,
} from "../../../offchain/core/envelope.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import {
  decodeHello,
  decodeOffer,
  decodeOfferReply,
  encodeHello,
  encodeOffer,
  encodeOfferReply,
  OFFER_PROTOCOL,
  type Hello,
  type Offer,
  type OfferReply,
} from "../../../offchain/core/messages.ts";
import { signDigest } from "../../../offchain/core/signature.ts";
import { expectCode } from "../../support/expect-code.ts";
import { DEPLOYMENT, DOMAIN, hashOf, keyOf, signerOf } from "../../support/sample-receipt.ts";

const OFFER: Offer = {
  jobId: hashOf("job"),
  boundary: 0xffff,
  lane: 0,
  blob: hashOf("blob"),
  bytes: 5000,
  deadline: 1_800_000_000n,
  grant: "0x000102030405060708090a0b0c0d0e0f",
};
const HELLO: Hello = {
  workerId: 3,
  transport: hashOf("t"),
  sealKey: hashOf("s"),
  programs: [hashOf("a"), hashOf("b")].toSorted(),
  load: 1,
  capacity: 4,
};
const REPLIES: readonly OfferReply[] = [
  { answer: "ACCEPT", credits: 65536 },
  { answer: "BUSY", retryAfterMs: 250 },
  { answer: "REFUSE", code: "STRANGER" },
  { answer: "FETCH" },
];

describe("envelope", () => {
  const body = encodeOffer(OFFER);
  const envelope: Envelope = {
    protocol: OFFER_PROTOCOL,
    from: signerOf(1),
    to: signerOf(2),
    jobId: OFFER.jobId,
    seq: 9n,
    deadline: 1000n,
    bodyHash: bodyHashOf(body),
  };
  const sign = (one: Envelope, worker = 1): SignedEnvelope => ({
    envelope: one,
    signature: signDigest(envelopeDigest(DOMAIN, one), keyOf(worker)),
    body,
  });
  const expected = { domain: DOMAIN, protocol: OFFER_PROTOCOL, to: signerOf(2), now: 990n, maxAhead: 60n };

  it("default: EIP-712, there and back, verified", () => {
    const types = {
      Envelope: [
        { name: "protocol", type: "string" },
        { name: "from", type: "address" },
        { name: "to", type: "address" },
        { name: "jobId", type: "bytes32" },
        { name: "seq", type: "uint64" },
        { name: "deadline", type: "uint64" },
        { name: "bodyHash", type: "bytes32" },
      ],
    } as const;
    const domain = { name: "Assay", version: "1", chainId: DEPLOYMENT.chainId, verifyingContract: DEPLOYMENT.hub };
    expect(toHex(envelopeDigest(DOMAIN, envelope))).to.equal(
      hashTypedData({ domain, types, primaryType: "Envelope", message: envelope }),
    );
    const back = decodeEnvelope(encodeEnvelope(sign(envelope)));
    expect(back).to.deep.equal(sign(envelope));
    verifyEnvelope(back, expected);
  });

  it("error: ENVELOPE_INVALID for another recipient, protocol, time, signer, body or chain", async () => {
    const signed = sign(envelope);
    for (const wrong of [
      { to: signerOf(3) },
      { protocol: "/assay/seat/1" },
      { now: 1001n },
      { now: 900n },
      { domain: hashOf("chain") },
    ])
      await expectCode("ENVELOPE_INVALID", () => verifyEnvelope(signed, { ...expected, ...wrong }));
    await expectCode("ENVELOPE_INVALID", () => verifyEnvelope(sign(envelope, 2), expected));
    await expectCode("ENVELOPE_INVALID", () => verifyEnvelope({ ...signed, body: utf8("x") }, expected));
    await expectCode("ENVELOPE_INVALID", () => encodeEnvelope({ ...signed, body: utf8("x") }));
    await expectCode("ENVELOPE_INVALID", () =>
      encodeEnvelope({ ...signed, envelope: { ...envelope, protocol: "x".repeat(65) } }),
    );
  });

  it("behavior: every flipped byte is refused", () => {
    const bytes = encodeEnvelope(sign(envelope));
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8)));
      expect(() => verifyEnvelope(decodeEnvelope(changed), expected), `byte ${at}`)
        .to.throw()
        .that.satisfies(isAssayError);
    }
  });
});

describe("messages", () => {
  const codecs: readonly { name: string; bytes: Uint8Array; again: (bytes: Uint8Array) => Uint8Array }[] = [
    { name: "hello", bytes: encodeHello(HELLO), again: (bytes) => encodeHello(decodeHello(bytes)) },
    { name: "offer", bytes: encodeOffer(OFFER), again: (bytes) => encodeOffer(decodeOffer(bytes)) },
    ...REPLIES.map((reply) => ({
      name: reply.answer,
      bytes: encodeOfferReply(reply),
      again: (bytes: Uint8Array) => encodeOfferReply(decodeOfferReply(bytes)),
    })),
  ];

  it("default: what was said comes back", () => {
    expect(decodeHello(encodeHello(HELLO))).to.deep.equal(HELLO);
    expect(decodeOffer(encodeOffer(OFFER))).to.deep.equal(OFFER);
    for (const reply of REPLIES) expect(decodeOfferReply(encodeOfferReply(reply))).to.deep.equal(reply);
  });

  it("behavior: one encoding each; truncated, padded and hostile bytes fail by a typed error", () => {
    for (const { name, bytes, again } of codecs) {
      for (let end = 0; end < bytes.length; end++)
        expect(() => again(bytes.subarray(0, end)), `${name} ${end}`)
          .to.throw()
          .that.satisfies(isAssayError);
      expect(() => again(Uint8Array.of(...bytes, 0)), name)
        .to.throw()
        .that.satisfies(isAssayError);
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
          const changed = bytes.with(at, value);
          try {
            expect(again(changed)).to.deep.equal(changed);
          } catch (error) {
            if (!isAssayError(error)) throw error;
          }
        }),
      );
    }
  });

  it("error: MESSAGE_INVALID, VERSION_UNKNOWN", async () => {
    await expectCode("MESSAGE_INVALID", () => encodeHello({ ...HELLO, programs: HELLO.programs.toReversed() }));
    await expectCode("MESSAGE_INVALID", () => encodeOffer({ ...OFFER, lane: 3 }));
    await expectCode("MESSAGE_INVALID", () => encodeOffer({ ...OFFER, bytes: 0 }));
    await expectCode("MESSAGE_INVALID", () => encodeOfferReply({ answer: "REFUSE", code: "not a code" }));
    await expectCode("MESSAGE_INVALID", () => decodeOfferReply(Uint8Array.of(1, 4)));
    await expectCode("VERSION_UNKNOWN", () => decodeOffer(encodeOffer(OFFER).with(0, 2)));
  });
});
