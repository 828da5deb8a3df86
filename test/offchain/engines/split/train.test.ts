// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { MemoryPrivacyLedger } from "../../../../offchain/adapters/store/memory-privacy-ledger.ts";
import { releaseRho } from "../../../../offchain/core/noise/mechanism.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { matrix, type Matrix } from "../../../../offchain/engines/split/matrix.ts";
import { Seeded } from "../../../../offchain/engines/split/seeded.ts";
import {
  backwardAll,
  DenseLayer,
  forwardAll,
  ReluLayer,
  softmaxLoss,
  type TrainLayer,
} from "../../../../offchain/engines/split/train/layers.ts";
import { decodeMessage, encodeMessage } from "../../../../offchain/engines/split/train/messages.ts";
import { TrainClient, type TrainClientOptions } from "../../../../offchain/engines/split/train/train-client.ts";
import { TrainServer, type TrainPeer } from "../../../../offchain/engines/split/train/train-server.ts";
import { expectCode } from "../../../support/expect-code.ts";

function randomDense(random: Seeded, inputs: number, outputs: number): DenseLayer {
  const weights = Float64Array.from({ length: inputs * outputs }, () => random.normal() / Math.sqrt(inputs));
  return new DenseLayer(weights, new Float64Array(outputs));
}

/** Three dense layers; the same seed, the same weights. */
function network(seed: number) {
  const random = new Seeded(seed);
  const dense = [randomDense(random, 6, 9), randomDense(random, 9, 7), randomDense(random, 7, 3)] as const;
  const layers: TrainLayer[] = [dense[0], new ReluLayer(), dense[1], new ReluLayer(), dense[2]];
  return { dense, layers };
}

const general = { outputWidth: 3, rate: 0.1, server: "trusted", criticality: "general" } as const;

function parties(seed: number, change: Partial<TrainClientOptions> = {}) {
  const { dense, layers } = network(seed);
  const server = new TrainServer({ layers: layers.slice(2), inputWidth: 9, outputWidth: 3, rate: 0.1 });
  const options: TrainClientOptions = { ...general, bottom: layers.slice(0, 2), ...change };
  return { dense, server, client: new TrainClient(options, server) };
}

function batch(random: Seeded, rows: number): { inputs: Matrix; labels: Int32Array } {
  const inputs = matrix(
    rows,
    6,
    Float64Array.from({ length: 6 * rows }, () => random.normal()),
  );
  return { inputs, labels: Int32Array.from({ length: rows }, (_, row) => ((inputs.data[6 * row] ?? 0) > 0 ? 1 : 2)) };
}

describe("split training", () => {
  it("R55: default: without noise the weights are those of unsplit training, bit for bit", async () => {
    const { dense, client } = parties(7);
    const whole = network(7);
    const random = new Seeded(9);
    for (let step = 0; step < 40; step++) {
      const { inputs, labels } = batch(random, 8);
      const { loss, gradient } = softmaxLoss(forwardAll(whole.layers, inputs), labels);
      backwardAll(whole.layers, gradient, 0.1);
      expect(await client.train(inputs, labels)).to.equal(loss);
    }
    dense.forEach((layer, index) => {
      expect(layer.weights).to.deep.equal(whole.dense[index]?.weights);
      expect(layer.bias).to.deep.equal(whole.dense[index]?.bias);
    });
    expect(dense[0].weights).to.not.deep.equal(network(7).dense[0].weights);
  });

  it("behavior: gradients are the slopes of the loss", () => {
    const { layers, dense } = network(3);
    const { inputs, labels } = batch(new Seeded(5), 4);
    const lossOf = () => softmaxLoss(forwardAll(layers, inputs), labels).loss;
    const rate = 1e-6;
    const before = dense.map(({ weights }) => weights.slice());
    const { gradient } = softmaxLoss(forwardAll(layers, inputs), labels);
    backwardAll(layers, gradient, rate);
    const slopes = dense.map(({ weights }, l) => weights.map((value, i) => ((before[l]?.[i] ?? 0) - value) / rate));
    dense.forEach(({ weights }, l) => weights.set(before[l] ?? []));
    for (const [l, i] of [
      [0, 0],
      [0, 20],
      [1, 5],
      [1, 40],
      [2, 3],
    ] as const) {
      const weights = dense[l].weights;
      const value = weights[i] ?? 0;
      weights[i] = value + 1e-5;
      const up = lossOf();
      weights[i] = value - 1e-5;
      const slope = (up - lossOf()) / 2e-5;
      weights[i] = value;
      expect(Math.abs(slope - (slopes[l]?.[i] ?? 0))).to.be.below(1e-4);
    }
  });

  it("R55: behavior: the ledger counts every row of every step, and stops training before anything leaves", async () => {
    const mechanism = { clip: 300, varianceNumerator: 400, varianceDenominator: 1 };
    const rho = releaseRho(mechanism);
    const ledger = new MemoryPrivacyLedger();
    const defence = {
      mechanism,
      step: 0.05,
      secret: new Uint8Array(32).fill(3),
      run: toWord(1),
      ledger,
      budgetMicro: 2n * rho,
    };
    let sent = 0;
    const { server } = parties(7);
    const counting: TrainPeer = {
      forward: async (message) => {
        sent++;
        return server.forward(message);
      },
      backward: async (message) => server.backward(message),
    };
    const client = new TrainClient({ ...general, bottom: network(7).layers.slice(0, 2), defence }, counting);
    const { inputs, labels } = batch(new Seeded(2), 2);
    const subjects = [toWord(70), toWord(71)];
    await client.train(inputs, labels, subjects);
    await client.train(inputs, labels, subjects);
    expect(ledger.totalMicro(toWord(70))).to.equal(2n * rho);
    expect(ledger.totalMicro(toWord(71))).to.equal(2n * rho);
    await expectCode("PRIVACY_BUDGET_EXCEEDED", async () => client.train(inputs, labels, subjects));
    await expectCode("TRAIN_REFUSED", async () => client.train(inputs, labels));
    expect(sent).to.equal(2);
  });

  it("error: TRAIN_REFUSED for critical scenarios and servers that nobody vouches for", async () => {
    await expectCode("TRAIN_REFUSED", () => parties(1, { criticality: "critical" }));
    await expectCode("TRAIN_REFUSED", () => parties(1, { server: "unknown" }));
    expect(() => parties(1, { server: "enclave" })).to.not.throw();
  });

  it("error: TRAIN_MESSAGE for messages out of order, of another shape, or not finite; nothing moves", async () => {
    const { server, dense } = parties(4);
    const before = dense.map(({ weights }) => weights.slice());
    const make = (kind: "activation" | "gradient", step: number, rows: number, columns: number, value = 0.5) =>
      encodeMessage({ kind, step, values: matrix(rows, columns, new Float64Array(rows * columns).fill(value)) });
    await expectCode("TRAIN_MESSAGE", async () => server.backward(make("gradient", 0, 2, 3)));
    const good = make("activation", 0, 2, 9);
    const bad = [
      make("activation", 1, 2, 9),
      make("activation", 0, 2, 8),
      make("gradient", 0, 2, 9),
      make("activation", 0, 5000, 9),
      make("activation", 0, 2, 9, Number.NaN),
      make("activation", 0, 2, 9, Infinity),
      good.subarray(0, good.length - 1),
      Uint8Array.of(...good, 0),
      Uint8Array.of(2, ...good.subarray(1)),
      new Uint8Array(0),
    ];
    for (const message of bad) await expectCode("TRAIN_MESSAGE", async () => server.forward(message));
    await server.forward(good);
    await expectCode("TRAIN_MESSAGE", async () => server.forward(good));
    await expectCode("TRAIN_MESSAGE", async () => server.backward(make("gradient", 0, 3, 3)));
    expect(dense.map(({ weights }) => weights)).to.deep.equal(before);
    const back = await server.backward(make("gradient", 0, 2, 3));
    expect(decodeMessage(back, { kind: "back", step: 0, columns: 9 }).rows).to.equal(2);
    expect(dense[2].weights).to.not.deep.equal(before[2]);
    const random = new Seeded(6);
    for (let n = 0; n < 2000; n++) {
      const bytes = Uint8Array.from(good, (byte) => (random.next() % 20 === 0 ? random.next() & 255 : byte));
      try {
        const { columns } = decodeMessage(bytes, { kind: "activation", step: 0, columns: 9 });
        expect(columns).to.equal(9);
      } catch (error) {
        expect((error as { code?: string }).code).to.equal("TRAIN_MESSAGE");
      }
    }
  });
});
