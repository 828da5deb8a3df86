// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { openAdvert } from "../../../offchain/sdk/actions/get-adverts.ts";
import { fromHex, toHex } from "../../../offchain/core/bytes.ts";
import type { Tensor } from "../../../offchain/core/tensor.ts";
import { AdvertDesk } from "../../../offchain/protocol/advert-desk.ts";
import { ProtocolError } from "../../../offchain/protocol/errors.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { StageWork } from "../../../offchain/protocol/stage-work.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";
import { fakeHub, job, proofWorker } from "../../support/proof-worker.ts";

const zeros: Tensor = { dtype: "i8", dims: [4], data: new Int8Array(4) };

describe("adverts of a worker", () => {
  const { modelId } = job.spec;

  /** A desk over a shelf that counts its runs. */
  function deskWith(change: Partial<ModelShelf> = {}) {
    const worker = proofWorker(3, fakeHub());
    const ran: Tensor[] = [];
    const table = worker.modules.models.table(modelId) ?? [];
    const models: ModelShelf = {
      has: (id) => id === modelId,
      table: () => table,
      exposure: () => [],
      sample: async () => [zeros],
      stage: async () => ({
        maxInputBytes: 100,
        run: async ([input]) => {
          ran.push(input ?? zeros);
          return { output: zeros, probe: null };
        },
      }),
      ...change,
    };
    const modules = { ...worker.modules, models };
    const work = new StageWork({ maxRunning: 1, maxWaiting: 4 }, models, modules.clock);
    const desk = new AdvertDesk(modules, work);
    const { chain, keys } = modules;
    const open = (reply: Uint8Array) =>
      openAdvert(reply, {
        worker: 3,
        transportId: keys.transport.id,
        chainId: chain.chainId,
        hub: chain.hub,
        modelId,
        time: Math.floor(chain.now()),
      });
    after(() => worker.forget());
    return { desk, work, ran, open, stages: table.length };
  }
  const request = fromHex(modelId, 32);

  it("default: R74 a model that never ran is measured once, on zeros, whoever asks how often; the answer is signed", async () => {
    const { desk, ran, open, stages } = deskWith();
    const replies = await Promise.all([desk.serve(request), desk.serve(request), desk.serve(request)]);
    replies.push(await desk.serve(request));
    for (const reply of replies) {
      const { entries } = open(reply);
      expect(entries.map(({ stage, work, samples }) => [stage, work, samples])).to.deep.equal(
        Array.from({ length: stages }, (_, stage) => [stage, "run", 1]),
      );
    }
    // To warm up, and to measure.
    expect(ran).to.have.length(2 * stages);
    expect(ran.every(({ data }) => data.every((x) => x === 0))).to.equal(true);
  });

  it("behavior: what jobs took is advertised without another run; a model that cannot run is advertised without times", async () => {
    const busy = deskWith();
    busy.work.times.record(modelId, 0, "proof", 7);
    expect(busy.open(await busy.desk.serve(request)).entries.map(({ work, p50Us }) => [work, p50Us])).to.deep.equal([
      ["proof", 7_000],
    ]);
    expect(busy.ran).to.deep.equal([]);
    let tried = 0;
    const broken = deskWith({
      stage: async () => {
        tried += 1;
        throw new ProtocolError("STAGE_REFUSED", { stage: 0, model: modelId, reason: "unchecked" });
      },
    });
    for (let i = 0; i < 3; i++) expect(broken.open(await broken.desk.serve(request)).entries).to.deep.equal([]);
    expect(tried).to.equal(1);
  });

  it("error: ADVERT_REFUSED for a request that names no model, or one that is not hosted: nothing runs", async () => {
    const { desk, ran } = deskWith();
    for (const bytes of [new Uint8Array(), request.subarray(1), Uint8Array.of(...request, 0), bytesOf("another model")])
      await expectCode("ADVERT_REFUSED", async () => desk.serve(bytes));
    expect(ran).to.deep.equal([]);
    expect(toHex(request)).to.equal(modelId);
  });
});
