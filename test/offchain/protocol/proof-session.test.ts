// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../offchain/core/bytes.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { encodeSealedInput } from "../../../offchain/core/sealed-input.ts";
import { decodeMemory } from "../../../offchain/protocol/seat-codec.ts";
import { expectCode } from "../../support/expect-code.ts";
import {
  boundaryFor,
  fakeHub,
  from,
  job,
  jobId,
  orderOf,
  proofBy,
  proofWorker,
  signedBy,
  saltOf,
  WORKERS,
  type ProofWorker,
} from "../../support/proof-worker.ts";
import { signerOf } from "../../support/sample-receipt.ts";

const client = from(job.requester);
const fellow = (worker: number) => from(signerOf(worker));
const known = (worker: ProofWorker) => worker.until(() => worker.session.committee !== null);
const proven = (worker: ProofWorker, stage: number) =>
  worker.until(() => worker.session.receive({ kind: "status", jobId }).phases[stage] === "proven");

describe("proof sessions", function suite() {
  this.timeout(30_000);
  const workers: ProofWorker[] = [];
  const start = (...args: Parameters<typeof proofWorker>): ProofWorker => {
    const made = proofWorker(...args);
    workers.push(made);
    return made;
  };
  afterEach(() => {
    for (const worker of workers.splice(0)) worker.forget();
  });

  it("default: runs, passes the boundary on, proves, shares, and submits the whole chain once it is complete", async () => {
    const hub = fakeHub();
    const last = start(7, hub);
    await known(last);
    expect(last.session.receive({ kind: "status", jobId })).to.deep.equal({
      able: true,
      load: 0,
      phases: ["none", "none", "none"],
    });
    // The boundary may come before the order.
    last.session.take(boundaryFor(2), fellow(5), false);
    last.session.take(orderOf(2), client, false);
    await proven(last, 2);
    expect(last.prover.tasks.map(({ stage, claim }) => [stage, claim.worker])).to.deep.equal([[2, signerOf(7)]]);
    await last.until(() => last.sent.length === 2);
    expect(hub.submitted).to.deep.equal([]);
    for (const stage of [0, 1]) last.session.receive(proofBy(stage, WORKERS[stage] ?? 0));
    await last.until(() => hub.submitted.length > 0);
    expect(hub.submitted).to.have.length(1);
    expect(hub.submitted[0]?.map(({ worker }) => worker)).to.deep.equal(WORKERS.map(signerOf));
  });

  it("behavior: the first stage's boundary goes to the next prover, and again when that one is replaced", async () => {
    const first = start(3, fakeHub());
    await known(first);
    first.session.take(orderOf(0), client, false);
    await first.until(() => first.passed.some(({ to }) => to === 5));
    expect(toHex(first.passed[0]?.plain ?? new Uint8Array())).to.equal(toHex(boundaryFor(1)));
    first.session.take(orderOf(0, [3, 9, 7], 2), client, false);
    await first.until(() => first.passed.some(({ to }) => to === 9));
    // An older attempt does not undo a newer one.
    first.session.take(orderOf(0, [3, 5, 7], 1), client, false);
    const before = first.passed.filter(({ to }) => to === 5).length;
    await first.until(() => first.passed.length > 3);
    expect(first.passed.filter(({ to }) => to === 5).length).to.equal(before);
  });

  it("behavior: a restart neither proves again nor forgets: the journal held the proof before anyone got it (R52)", async () => {
    const hub = fakeHub();
    const before = start(3, hub);
    await known(before);
    before.session.take(orderOf(0), client, false);
    await proven(before, 0);
    const row = before.journal.job({ jobId, role: "watcher", stage: 0, round: 0 });
    expect(decodeMemory(row?.data ?? new Uint8Array()).proofs).to.have.length(1);
    before.forget();
    const after = start(3, hub, before.journal);
    await known(after);
    after.session.take(orderOf(0), client, false);
    await after.until(() => after.sent.length >= 2);
    expect(after.prover.tasks).to.deep.equal([]);
    for (const stage of [1, 2]) after.session.receive(proofBy(stage, WORKERS[stage] ?? 0));
    // Its turn comes: the last stage's prover does not submit.
    await after.until(() => {
      hub.now += 1;
      return hub.submitted.length === 1;
    });
  });

  it("behavior: what is proven is submitted alone when the time runs out, from the chain's stage on", async () => {
    const hub = fakeHub();
    const [first, second] = [start(3, hub), start(5, hub)];
    await known(first);
    await known(second);
    first.session.take(orderOf(0), client, false);
    second.session.take(orderOf(1), client, false);
    second.session.take(boundaryFor(1), fellow(3), false);
    await proven(first, 0);
    await proven(second, 1);
    hub.now = hub.slot.deadline - 10;
    // Stage 1 cannot go before stage 0.
    for (let i = 0; i < 20; i += 1) await second.session.tick();
    expect(hub.submitted).to.deep.equal([]);
    await first.until(() => hub.submitted.length === 1);
    expect(hub.submitted[0]?.map(({ worker }) => worker)).to.deep.equal([signerOf(3)]);
  });

  it("behavior: a stage that went to another candidate is cancelled", async () => {
    const worker = start(3, fakeHub());
    await known(worker);
    worker.prover.gate = new Promise(() => undefined);
    worker.session.take(orderOf(0), client, false);
    await worker.until(() => worker.prover.tasks.length === 1);
    expect(worker.session.receive({ kind: "status", jobId }).phases[0]).to.equal("working");
    worker.session.take(orderOf(1, [9, 3, 7], 2), client, false);
    await worker.until(() => worker.prover.tasks[0]?.signal.aborted === true);
    expect(worker.session.receive({ kind: "status", jobId }).phases.slice(0, 2)).to.deep.equal(["none", "waiting"]);
  });

  it("behavior: a full queue takes no new jobs; a stranger to the draw none at all", async () => {
    const busy = start(3, fakeHub());
    await known(busy);
    busy.prover.load = busy.prover.maxLoad;
    expect(busy.session.appetite).to.equal("busy");
    expect(busy.session.receive({ kind: "status", jobId }).able).to.equal(false);
    const stranger = start(77, fakeHub());
    await known(stranger);
    expect(stranger.session.appetite).to.equal("none");
    await expectCode("OFFER_REFUSED", () => stranger.session.take(orderOf(0), client, false));
  });

  it("behavior: candidates end what nobody carries on", async () => {
    const hub = fakeHub();
    const worker = start(1, hub);
    await known(worker);
    hub.now = hub.slot.deadline + 60;
    await worker.until(() => hub.pokes.length > 0);
    expect(hub.pokes[0]).to.equal("expire");
  });

  it("error: OFFER_REFUSED for orders of strangers, of others' stages, with non-candidates, for other programs", async () => {
    const worker = start(3, fakeHub());
    await known(worker);
    const take = (plain: Uint8Array, offer = client) => worker.session.take(plain, offer, false);
    await expectCode("OFFER_REFUSED", () => take(orderOf(0), fellow(5)));
    await expectCode("OFFER_REFUSED", () => take(orderOf(1)));
    await expectCode("OFFER_REFUSED", () => take(orderOf(0, [3, 99, 7])));
    await expectCode("OFFER_REFUSED", () => take(orderOf(0, [3, 5])));
    await expectCode("OFFER_REFUSED", () => worker.session.take(orderOf(0), client, true));
    expect(worker.session.openStages).to.equal(0);
  });

  it("error: OFFER_REFUSED for boundaries of workers that were not asked, and for salts of fellows", async () => {
    const worker = start(5, fakeHub());
    await known(worker);
    worker.session.take(orderOf(1), client, false);
    await expectCode("OFFER_REFUSED", () => worker.session.take(boundaryFor(1), fellow(7), false));
    await expectCode("OFFER_REFUSED", () => worker.session.take(boundaryFor(1), fellow(77), false));
    const salted = encodeSealedInput({ stage: 1, salts: [{ boundary: 0, salt: saltOf(9) }], tensors: [] });
    await expectCode("OFFER_REFUSED", () => worker.session.take(salted, fellow(3), false));
    worker.session.take(boundaryFor(1), fellow(3), false);
    await proven(worker, 1);
  });

  it("error: STATEMENT_INVALID for proofs of strangers, of this worker, and of stages that are none", async () => {
    const worker = start(3, fakeHub());
    await known(worker);
    const proof = proofBy(1, 5);
    const refused = async (by: number, change: object) =>
      expectCode("STATEMENT_INVALID", () => worker.session.receive(signedBy(by, { ...proof, ...change })));
    await refused(77, { worker: signerOf(77) });
    await refused(3, { worker: signerOf(3) });
    await refused(5, { stage: 5 });
  });

  it("R52: nobody speaks in a candidate's name: a stranger's false proof does not keep the true one out", async () => {
    const hub = fakeHub();
    const last = start(7, hub);
    await known(last);
    last.session.take(orderOf(2), client, false);
    last.session.take(boundaryFor(2), fellow(5), false);
    await proven(last, 2);
    for (const stage of [0, 1]) {
      const proof = proofBy(stage, WORKERS[stage] ?? 0);
      const forged = { ...proof, evidence: proof.evidence.toReversed() };
      // With the true proof's signature, with another candidate's, and with none.
      for (const bad of [forged, { ...signedBy(9, forged), worker: proof.worker }])
        await expectCode("STATEMENT_INVALID", () => last.session.receive(bad));
      const unsigned = { ...forged, signature: new Uint8Array(64) };
      await expectCode("SIGNATURE_INVALID", () => last.session.receive(unsigned));
      last.session.receive(proof);
    }
    await last.until(() => hub.submitted.length > 0);
    expect(hub.submitted[0]?.map(({ worker }) => worker)).to.deep.equal(WORKERS.map(signerOf));
  });

  it("R52: a prover that was given a wrong boundary proves again over the right one, and its fellows hear it", async () => {
    const hub = fakeHub();
    const last = start(7, hub);
    await known(last);
    last.session.take(orderOf(2), client, false);
    const wrong = { dtype: "i8" as const, dims: [1, 8], data: new Int8Array(8).fill(9) };
    const tensors = [{ boundary: 1, tensor: encodeTensor(wrong) }];
    last.session.take(encodeSealedInput({ stage: 2, salts: [], tensors }), fellow(5), false);
    await proven(last, 2);
    const [first] = last.prover.tasks;
    // The first prover of stage 1 is lost; its successor passes the true boundary on.
    last.session.take(orderOf(2, [3, 9, 7], 2), client, false);
    last.session.take(boundaryFor(2), fellow(9), false);
    await last.until(() => last.prover.tasks.length === 2);
    expect(last.prover.tasks[1]?.claim.inDigest).to.not.equal(first?.claim.inDigest);
    last.session.receive(proofBy(0, 3));
    last.session.receive(proofBy(1, 9));
    await last.until(() => hub.submitted.length > 0);
    expect(hub.submitted[0]?.map(({ worker }) => worker)).to.deep.equal([3, 9, 7].map(signerOf));
  });

  it("behavior: false and foreign proofs never reach the hub, and their senders are not heard again", async () => {
    const hub = fakeHub();
    const worker = start(7, hub);
    await known(worker);
    worker.session.take(orderOf(2), client, false);
    worker.session.take(boundaryFor(2), fellow(5), false);
    await proven(worker, 2);
    worker.session.receive(proofBy(1, 5));
    const copied = signedBy(4, { ...proofBy(0, 3), worker: signerOf(4) }); // worker 3's proof under worker 4's name
    const flipped = proofBy(0, 6);
    flipped.evidence[40] = (flipped.evidence[40] ?? 0) ^ 1;
    for (const bad of [
      copied,
      signedBy(6, flipped),
      signedBy(8, { ...proofBy(0, 8), outDigest: proofBy(1, 8).outDigest }),
    ])
      worker.session.receive(bad);
    for (let i = 0; i < 40; i += 1) {
      await worker.session.tick();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(hub.submitted).to.deep.equal([]);
    worker.session.receive(proofBy(0, 6)); // too late: it lied
    for (let i = 0; i < 40; i += 1) await worker.session.tick();
    expect(hub.submitted).to.deep.equal([]);
    worker.session.receive(proofBy(0, 3));
    await worker.until(() => hub.submitted.length === 1);
    expect(hub.submitted[0]?.[0]?.worker).to.equal(signerOf(3));
  });

  const withLast = async (hub: ReturnType<typeof fakeHub>) => {
    const worker = start(7, hub);
    await known(worker);
    worker.session.take(orderOf(2), client, false);
    worker.session.take(boundaryFor(2), fellow(5), false);
    await proven(worker, 2);
    worker.session.receive(proofBy(1, 5));
    return worker;
  };

  it("R70: a machine that cannot judge loses no proof: it judges again", async () => {
    const hub = fakeHub();
    const worker = await withLast(hub);
    let failures = 0;
    worker.prover.beforeJudging = async () => {
      if (++failures <= 2) throw new RangeError("out of memory");
    };
    worker.session.receive(proofBy(0, 3));
    await worker.until(() => hub.submitted.length === 1);
    expect(failures).to.be.greaterThan(2);
    expect(hub.submitted[0]?.map(({ worker: by }) => by)).to.deep.equal(WORKERS.map(signerOf));
  });

  it("behavior: an answer that comes while its worker's false one is judged is kept", async () => {
    const hub = fakeHub();
    const worker = await withLast(hub);
    let corrected = false;
    worker.prover.beforeJudging = async () => {
      if (corrected) return;
      corrected = true;
      worker.session.receive(proofBy(0, 3));
    };
    worker.session.receive(signedBy(3, { ...proofBy(0, 3), outDigest: proofBy(1, 3).outDigest }));
    await worker.until(() => hub.submitted.length === 1);
    expect(hub.submitted[0]?.[0]?.worker).to.equal(signerOf(3));
  });
});
