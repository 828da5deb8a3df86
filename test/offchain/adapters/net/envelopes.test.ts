// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { fromHex } from "../../../../offchain/core/bytes.ts";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import { domainSeparator } from "../../../../offchain/core/eip712.ts";
import { OFFER_PROTOCOL } from "../../../../offchain/core/messages.ts";
import type { Offer, OfferReply } from "../../../../offchain/core/messages.ts";
import { Secret } from "../../../../offchain/core/secret.ts";
import { OperatorSigner } from "../../../../offchain/adapters/keys/operator-signer.ts";
import { EnvelopeAuthenticator } from "../../../../offchain/adapters/net/envelope-authenticator.ts";
import { EnvelopeSender } from "../../../../offchain/adapters/net/envelope-sender.ts";
import { lowerLimits } from "../../../../offchain/adapters/net/limits.ts";
import { MemoryNetwork } from "../../../../offchain/adapters/net/memory-network.ts";
import { MemoryTransport } from "../../../../offchain/adapters/net/memory-transport.ts";
import { sendOffer, serveOffers } from "../../../../offchain/adapters/net/offers.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, "0")}`;
const signerOf = (n: number) => new OperatorSigner(new Secret(fromHex(hash(n))));
const [alice, bob, eve] = [signerOf(1), signerOf(2), signerOf(3)];
const hub: Hex = `0x${"11".repeat(20)}`;
const domain = domainSeparator({ chainId: 31337n, hub });
const JOB = hash(77);
const PROTOCOL = "/test/talk/1";

describe("R22: R65: envelopes", () => {
  let clock: ManualClock;
  beforeEach(() => (clock = new ManualClock()));
  const isParty = (from: Hex, job: Hex) => from === alice.address && job === JOB;
  const authenticator = (over = {}) =>
    new EnvelopeAuthenticator({ domain, self: bob.address, ...over }, { clock, isParty });
  const sender = (signer = alice, over = domain) => new EnvelopeSender({ domain: over }, { signer, clock });
  const message = (over = {}) => ({
    protocol: PROTOCOL,
    to: bob.address,
    jobId: JOB,
    body: new Uint8Array([1, 2]),
    ...over,
  });

  it("default", async () => {
    const receiver = authenticator();
    const { envelope, body } = await receiver.open(PROTOCOL, sender().wrap(message()));
    expect(envelope).to.deep.include({ from: alice.address, to: bob.address, jobId: JOB, protocol: PROTOCOL });
    expect(body).to.deep.equal(new Uint8Array([1, 2]));
  });

  it("behavior: any order within the window, each once; ascending also within one millisecond and over a restart", async () => {
    const receiver = authenticator();
    const first = sender();
    const wrapped = Array.from({ length: 20 }, () => first.wrap(message()));
    clock.advance(1);
    wrapped.push(sender().wrap(message()));
    for (const bytes of wrapped.toReversed()) await receiver.open(PROTOCOL, bytes);
    for (const bytes of wrapped) await expectCode("ENVELOPE_REPLAYED", () => receiver.open(PROTOCOL, bytes));
  });

  it("error: ENVELOPE_REPLAYED when racing itself, below the window, and after the receiver's restart", async () => {
    const receiver = authenticator();
    const bytes = sender().wrap(message());
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => receiver.open(PROTOCOL, bytes)));
    expect(outcomes.filter((one) => one.status === "fulfilled")).to.have.length(1);
    const narrow = authenticator({ window: 4 });
    const from = sender();
    const numbered = Array.from({ length: 12 }, () => from.wrap(message()));
    for (const one of numbered.slice(1)) await narrow.open(PROTOCOL, one);
    for (const one of numbered) await expectCode("ENVELOPE_REPLAYED", () => narrow.open(PROTOCOL, one));
    clock.advance(2_000);
    await expectCode("ENVELOPE_REPLAYED", () => authenticator().open(PROTOCOL, bytes));
  });

  it("error: ENVELOPE_EXPIRED for the past and for deadlines too far ahead", async () => {
    const receiver = authenticator();
    await expectCode("ENVELOPE_EXPIRED", () => receiver.open(PROTOCOL, sender().wrap(message({ lifeMs: 3_600_000 }))));
    const bytes = sender().wrap(message({ lifeMs: 1_000 }));
    clock.advance(5_000);
    await expectCode("ENVELOPE_EXPIRED", () => receiver.open(PROTOCOL, bytes));
  });

  it("error: ENVELOPE_STRANGER, ENVELOPE_RECIPIENT, ENVELOPE_PROTOCOL", async () => {
    const receiver = authenticator();
    await expectCode("ENVELOPE_STRANGER", () => receiver.open(PROTOCOL, sender(eve).wrap(message())));
    await expectCode("ENVELOPE_STRANGER", () => receiver.open(PROTOCOL, sender().wrap(message({ jobId: hash(78) }))));
    await expectCode("ENVELOPE_RECIPIENT", () => receiver.open(PROTOCOL, sender().wrap(message({ to: eve.address }))));
    await expectCode("ENVELOPE_PROTOCOL", () =>
      receiver.open(PROTOCOL, sender().wrap(message({ protocol: "/test/other/1" }))),
    );
  });

  it("error: ENVELOPE_SIGNATURE for another chain or hub, and a forger does not use up its victim's numbers", async () => {
    const receiver = authenticator();
    for (const other of [
      { chainId: 1n, hub },
      { chainId: 31337n, hub: alice.address },
    ]) {
      await expectCode("ENVELOPE_SIGNATURE", () =>
        receiver.open(PROTOCOL, sender(alice, domainSeparator(other)).wrap(message())),
      );
    }
    const bytes = sender().wrap(message());
    const forged = bytes.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    await expectCode("ENVELOPE_SIGNATURE", () => receiver.open(PROTOCOL, forged));
    await receiver.open(PROTOCOL, bytes);
  });

  it("behavior: every flipped byte and every truncation is refused", async () => {
    const receiver = authenticator();
    const bytes = sender().wrap(message());
    for (let i = 0; i < bytes.length; i++) {
      const altered = bytes.slice();
      altered[i] = (altered[i] ?? 0) ^ 1;
      for (const bad of [altered, bytes.subarray(0, i)]) {
        const code = await receiver.open(PROTOCOL, bad).then(
          () => "accepted",
          (error: { code: string }) => error.code,
        );
        expect(code, `byte ${i}`).to.match(/^ENVELOPE_/);
      }
    }
    await expectCode("ENVELOPE_MALFORMED", () => receiver.open(PROTOCOL, new Uint8Array([...bytes, 0])));
    await receiver.open(PROTOCOL, bytes);
  });
});

describe("R66: offers", () => {
  const offer = (over: Partial<Offer> = {}): Offer => ({
    jobId: JOB,
    boundary: 0,
    lane: 0,
    blob: hash(5),
    bytes: 1000,
    deadline: 2_000_000_000n,
    grant: `0x${"ab".repeat(16)}`,
    ...over,
  });
  async function setUp(admit: (offer: Offer, from: Hex) => Promise<OfferReply>, limits = lowerLimits()) {
    const clock = new ManualClock();
    const network = new MemoryNetwork();
    const server = new MemoryTransport({ name: "bob" }, { network });
    const client = new MemoryTransport({ name: "alice" }, { network });
    const authenticator = new EnvelopeAuthenticator(
      { domain, self: bob.address },
      { clock, isParty: (from) => from === alice.address },
    );
    serveOffers(server, { limits }, { authenticator, admit });
    const [peer] = await server.start();
    await client.start();
    const send = (one: Offer, signer = alice, deadlineMs = 5_000) => {
      const modules = {
        transport: client,
        sender: senders.get(signer) ?? new EnvelopeSender({ domain }, { signer, clock }),
      };
      senders.set(signer, modules.sender);
      const target = peer ?? { id: null, url: "" };
      return sendOffer(
        { peer: target, to: bob.address, offer: one, signal: new AbortController().signal, deadlineMs },
        modules,
      );
    };
    const senders = new Map<OperatorSigner, EnvelopeSender>();
    return { send, client, peer };
  }

  it("default: ACCEPT with credits", async () => {
    const seen: unknown[] = [];
    const { send } = await setUp(async (one, from) => {
      seen.push([one, from]);
      return { answer: "ACCEPT", credits: 12_345 };
    });
    expect(await send(offer())).to.equal(12_345);
    expect(seen).to.deep.equal([[offer(), alice.address]]);
  });

  it("error: OFFER_BUSY, OFFER_REFUSED", async () => {
    const busy = await setUp(async () => ({ answer: "BUSY", retryAfterMs: 700 }));
    const error = await expectCode("OFFER_BUSY", () => busy.send(offer()));
    expect((error as { meta: { retryAfterMs: number } }).meta.retryAfterMs).to.equal(700);
    const refuse = await setUp(async () => ({ answer: "REFUSE", code: "NO_SEAT" }));
    await expectCode("OFFER_REFUSED", () => refuse.send(offer()));
  });

  it("behavior: strangers and oversized blobs never reach admission", async () => {
    let admitted = 0;
    const { send } = await setUp(async () => {
      admitted++;
      return { answer: "ACCEPT", credits: 1 };
    });
    await expectCode("REMOTE_FAILED", () => send(offer(), eve));
    await expectCode("OFFER_REFUSED", () => send(offer({ bytes: (64 << 20) + 1 })));
    expect(admitted).to.equal(0);
  });

  it("behavior: flood: at most the limit of one peer is pending, the rest is told to wait", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { send } = await setUp(
      async () => {
        await gate;
        return { answer: "ACCEPT", credits: 1 };
      },
      lowerLimits({ offersPerPeer: 4 }),
    );
    const outcomes = Array.from({ length: 10 }, () =>
      send(offer()).then(
        () => "ok",
        (e: { code: string }) => e.code,
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    release();
    const ended = await Promise.all(outcomes);
    expect(ended.filter((one) => one === "ok")).to.have.length(4);
    expect(ended.filter((one) => one === "OFFER_BUSY")).to.have.length(6);
    expect(await send(offer())).to.equal(1);
  });

  it("error: MESSAGE_MALFORMED for an offer about another job than its envelope, and for garbage replies", async () => {
    const { client, peer } = await setUp(async () => ({ answer: "ACCEPT", credits: 1 }));
    const clock = new ManualClock();
    const network = new MemoryNetwork();
    const server = new MemoryTransport({ name: "bob" }, { network });
    const caller = new MemoryTransport({ name: "alice" }, { network });
    server.serve(OFFER_PROTOCOL, async function* () {
      yield new Uint8Array([9, 9]);
    });
    const [liar] = await server.start();
    await caller.start();
    const signal = new AbortController().signal;
    const sender = new EnvelopeSender({ domain }, { signer: alice, clock });
    await expectCode("MESSAGE_MALFORMED", () =>
      sendOffer(
        { peer: liar ?? { id: null, url: "" }, to: bob.address, offer: offer(), signal },
        { transport: caller, sender },
      ),
    );
    const crossed = { wrap: (one: Parameters<EnvelopeSender["wrap"]>[0]) => sender.wrap({ ...one, jobId: hash(78) }) };
    const error = await expectCode("REMOTE_FAILED", () =>
      sendOffer(
        { peer: peer ?? { id: null, url: "" }, to: bob.address, offer: offer(), signal },
        { transport: client, sender: crossed as EnvelopeSender },
      ),
    );
    expect((error as { meta: { code: string } }).meta.code).to.equal("MESSAGE_MALFORMED");
  });
});
