// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { PUT_PROTOCOL } from "../../../offchain/core/blob-put.ts";
import { encodeOfferReply, OFFER_PROTOCOL, type OfferReply } from "../../../offchain/core/messages.ts";
import { InputDesk, type InputHolder } from "../../../offchain/protocol/input-desk.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { fakeHub, job, jobId, proofWorker, type ProofWorker } from "../../support/proof-worker.ts";
import { signerOf } from "../../support/sample-receipt.ts";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { toHex } from "../../../offchain/core/bytes.ts";

const RECEIVER = 9;
const holder: InputHolder = {
  jobId,
  job,
  committee: null,
  formerSigners: [],
  offers: [],
  isOver: false,
  appetite: "fed",
  addOffer: () => undefined,
  signerOf,
  addressesOf: () => [],
  takeInside: null,
  take: () => undefined,
  tick: async () => undefined,
};
const receiver = {
  workerId: RECEIVER,
  transportId: toHex(bytesOf("transport")),
  sealKey: toHex(nodeCrypto.x25519PublicKey(bytesOf("seal"))),
  addresses: [{ id: toHex(bytesOf("transport")), url: "memory://9" }],
};

describe("inputs passed on", () => {
  let worker: ProofWorker;
  afterEach(() => worker.forget());

  /** What a receiver with these answers is sent, by protocol. */
  async function send(answers: readonly OfferReply[]): Promise<string[]> {
    worker = proofWorker(3, fakeHub());
    const calls: string[] = [];
    const transport = {
      ...worker.modules.transport,
      call: async function* (_: unknown, protocol: string) {
        calls.push(protocol);
        if (protocol !== OFFER_PROTOCOL) return;
        const offers = calls.filter((one) => one === OFFER_PROTOCOL).length;
        yield encodeOfferReply(answers[offers - 1] ?? { answer: "REFUSE", code: "OFFER_REFUSED" });
      },
    };
    const clock = { ...worker.modules.clock, sleep: async () => undefined };
    const limits = { maxBlobBytes: 1_000, maxPending: 1, maxPendingPerPeer: 1 };
    const desk = new InputDesk(limits, { ...worker.modules, transport, clock }, () => holder);
    await desk.send(holder, [receiver], 0, bytesOf("plain"), "round-1");
    return calls;
  }
  const refuse = (code: string): OfferReply => ({ answer: "REFUSE", code });
  const accept: OfferReply = { answer: "ACCEPT", credits: 1_000 };

  it("default: offered, then put", async () => {
    expect(await send([accept])).to.deep.equal([OFFER_PROTOCOL, PUT_PROTOCOL]);
  });

  it("R72: a receiver that is a block behind its own draw is asked again, or an escalation would lack its votes", async () => {
    for (const code of ["SEAT_UNKNOWN", "STRANGER"])
      expect(await send([refuse(code), { answer: "BUSY", retryAfterMs: 1 }, accept]), code).to.deep.equal([
        OFFER_PROTOCOL,
        OFFER_PROTOCOL,
        OFFER_PROTOCOL,
        PUT_PROTOCOL,
      ]);
  });

  it("error: other refusals are final, and nobody is asked for ever", async () => {
    expect(await send([refuse("OFFER_REFUSED"), accept])).to.deep.equal([OFFER_PROTOCOL]);
    expect(await send(Array.from({ length: 30 }, () => refuse("SEAT_UNKNOWN")))).to.have.length(8);
  });
});
