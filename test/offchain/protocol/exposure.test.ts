// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bodyHashOf, encodeEnvelope, envelopeDigest } from "../../../offchain/core/envelope.ts";
import { decodeOfferReply, encodeOffer, OFFER_PROTOCOL, type OfferReply } from "../../../offchain/core/messages.ts";
import type { Exposure } from "../../../offchain/core/planning/leakage-limits.ts";
import { addressOfKey, signDigest } from "../../../offchain/core/signature.ts";
import { FLAG_ACCEPT_EXPOSURE, FLAG_SMALL_POOL } from "../../../offchain/core/types.ts";
import { InputDesk, type InputHolder } from "../../../offchain/protocol/input-desk.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { fakeHub, job, jobId, proofWorker, type ProofWorker } from "../../support/proof-worker.ts";
import { DOMAIN, hashOf, keyOf, signerOf } from "../../support/sample-receipt.ts";

const CLIENT = keyOf(99);
const client = addressOfKey(CLIENT);

describe("a worker whose model shows too much of a client's input", () => {
  let worker: ProofWorker;
  afterEach(() => worker.forget());
  const shown = (recoveryPpm: number | null): Exposure => [
    { boundary: "the boundary after stage 0", figures: recoveryPpm === null ? null : { recoveryPpm, dcorPpm: 1 } },
  ];
  const specWith = (flags: number) => ({ ...job.spec, client, policy: { ...job.spec.policy, flags } });

  /** What the client is answered that offers its boundary. */
  function offered(exposure: Exposure, flags: number): OfferReply {
    worker = proofWorker(3, fakeHub());
    const models = { ...worker.modules.models, exposure: () => exposure };
    const holder: InputHolder = {
      jobId,
      job: { ...job, spec: specWith(flags) },
      committee: { round: 0, stage: 0, ids: [3], signers: [signerOf(3)], k: 1 } as never,
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
    const limits = { maxBlobBytes: 1_000, maxPending: 1, maxPendingPerPeer: 1 };
    const desk = new InputDesk(limits, { ...worker.modules, models }, () => holder);
    const deadline = BigInt(Math.floor(worker.modules.chain.now()) + 60);
    const body = encodeOffer({
      jobId,
      boundary: 0xffff,
      lane: 0,
      blob: hashOf("blob"),
      bytes: 10,
      deadline,
      grant: `0x${"11".repeat(16)}`,
    });
    const envelope = {
      protocol: OFFER_PROTOCOL,
      from: client,
      to: worker.modules.keys.operator.address,
      jobId,
      seq: 1n,
      deadline,
      bodyHash: bodyHashOf(body),
    };
    const signature = signDigest(envelopeDigest(DOMAIN, envelope), CLIENT);
    return decodeOfferReply(desk.handle(encodeEnvelope({ envelope, signature, body })));
  }

  it("default: a boundary within the limits is taken", () => {
    expect(offered(shown(400_000), 0)).to.deep.equal({ answer: "ACCEPT", credits: 0 });
  });

  it("error: LEAKAGE_ABOVE_LIMIT, LEAKAGE_UNKNOWN: refused before a byte of it is here (R4)", () => {
    const above = shown(400_001);
    expect(offered(above, 0)).to.deep.equal({ answer: "REFUSE", code: "LEAKAGE_ABOVE_LIMIT" });
    expect(offered(above, FLAG_SMALL_POOL)).to.deep.equal({ answer: "REFUSE", code: "LEAKAGE_ABOVE_LIMIT" });
    expect(offered(shown(null), FLAG_ACCEPT_EXPOSURE)).to.deep.equal({ answer: "REFUSE", code: "LEAKAGE_UNKNOWN" });
  });

  it("behavior: the requester's own flag on the chain lifts the limit", () => {
    expect(offered(shown(400_001), FLAG_ACCEPT_EXPOSURE)).to.deep.equal({ answer: "ACCEPT", credits: 0 });
  });

  it("behavior: its seat abstains at once, for it waits for nothing", () => {
    worker = proofWorker(3, fakeHub());
    const models = { ...worker.modules.models, exposure: () => shown(400_001) };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 1 }, models, worker.modules.clock);
    expect([0, FLAG_ACCEPT_EXPOSURE].map((flags) => work.takes(specWith(flags)))).to.deep.equal([false, true]);
    work.drain();
    expect(work.takes(specWith(FLAG_ACCEPT_EXPOSURE))).to.equal(false);
  });
});
