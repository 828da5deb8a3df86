// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFile } from "node:fs/promises";
import { TrainNetwork } from "../../../../offchain/cli/train/train-network.ts";
import { standardise } from "../../../../offchain/core/program/preprocess.ts";
import { takeRows, type Dataset } from "../../../../offchain/engines/program/dataset.ts";
import { readDataset, readRecipe } from "../../../../offchain/engines/program/import-folder.ts";
import { importModel } from "../../../../offchain/engines/program/import-model.ts";
import { resolvePreprocess } from "../../../../offchain/engines/program/recipe.ts";
import { matrix, pickRows } from "../../../../offchain/engines/split/matrix.ts";
import { Seeded } from "../../../../offchain/engines/split/seeded.ts";
import { ConvLayer, type ConvShape } from "../../../../offchain/engines/split/train/conv-layer.ts";
import {
  backwardAll,
  DenseLayer,
  forwardAll,
  ReluLayer,
  softmaxLoss,
  type TrainLayer,
} from "../../../../offchain/engines/split/train/layers.ts";
import { TrainClient } from "../../../../offchain/engines/split/train/train-client.ts";
import { TrainServer } from "../../../../offchain/engines/split/train/train-server.ts";
import { turnedDigits } from "../../../support/turned-digits.ts";

const folder = new URL("../../../../models/digits-cnn", import.meta.url).pathname;
const general = { server: "trusted", criticality: "general" } as const;

/** Unlike strides and pads on each side, so that no mix-up of axes passes. */
const FIRST: ConvShape = {
  kernel: [3, 2],
  strides: [2, 1],
  pads: [1, 0, 0, 1],
  inDims: [2, 6, 5],
  outDims: [4, 3, 5],
};
const SECOND: ConvShape = {
  kernel: [2, 3],
  strides: [1, 2],
  pads: [0, 1, 1, 1],
  inDims: [4, 3, 5],
  outDims: [3, 3, 3],
};

const draw = (random: Seeded, length: number) => Float64Array.from({ length }, () => random.normal() / 3);

function network(seed: number) {
  const random = new Seeded(seed);
  const conv = ({ kernel, inDims, outDims, ...rest }: ConvShape) =>
    new ConvLayer(draw(random, outDims[0] * inDims[0] * kernel[0] * kernel[1]), draw(random, outDims[0]), {
      kernel,
      inDims,
      outDims,
      ...rest,
    });
  const trained = [conv(FIRST), conv(SECOND), new DenseLayer(draw(random, 27 * 3), draw(random, 3))] as const;
  const layers: TrainLayer[] = [trained[0], new ReluLayer(), trained[1], new ReluLayer(), trained[2]];
  return { trained, layers };
}

function batch(random: Seeded, rows: number) {
  const inputs = matrix(rows, 60, draw(random, rows * 60));
  return { inputs, labels: Int32Array.from({ length: rows }, (_, row) => ((inputs.data[60 * row] ?? 0) > 0 ? 1 : 2)) };
}

describe("split training of convolutions", () => {
  it("R55: default: the weights are those of unsplit training, bit for bit, wherever the cut", async () => {
    for (const [cut, end] of [
      [2, 5],
      [4, 5],
      // The client keeps the last layer too.
      [2, 4],
    ] as const) {
      const [split, whole] = [network(11), network(11)];
      const widths = { 2: 60, 4: 27, 5: 3 } as const;
      const [inputWidth, outputWidth] = [widths[cut], widths[end]];
      const server = new TrainServer({ layers: split.layers.slice(cut, end), inputWidth, outputWidth, rate: 0.1 });
      const ends = { bottom: split.layers.slice(0, cut), top: split.layers.slice(end) };
      const client = new TrainClient({ ...general, ...ends, outputWidth, rate: 0.1 }, server);
      const random = new Seeded(12);
      for (let step = 0; step < 20; step++) {
        const { inputs, labels } = batch(random, 5);
        const { loss, gradient } = softmaxLoss(forwardAll(whole.layers, inputs), labels);
        backwardAll(whole.layers, gradient, 0.1);
        expect(await client.train(inputs, labels)).to.equal(loss);
      }
      split.trained.forEach(({ weights, bias }, index) => {
        expect(weights).to.deep.equal(whole.trained[index]?.weights);
        expect(bias).to.deep.equal(whole.trained[index]?.bias);
        expect(weights).to.not.deep.equal(network(11).trained[index]?.weights);
      });
    }
  });

  it("behavior: gradients are the slopes of the loss, of every weight, bias and input", () => {
    const { layers, trained } = network(3);
    const { inputs, labels } = batch(new Seeded(5), 2);
    const lossOf = () => softmaxLoss(forwardAll(layers, inputs), labels).loss;
    const slopeAt = (list: Float64Array, i: number) => {
      const value = list[i] ?? 0;
      list[i] = value + 1e-5;
      const up = lossOf();
      list[i] = value - 1e-5;
      const down = lossOf();
      list[i] = value;
      return (up - down) / 2e-5;
    };
    const parts = trained.flatMap(({ weights, bias }) => [weights, bias]);
    const slopes = parts.map((list) => Float64Array.from(list, (_, i) => slopeAt(list, i)));
    const inputSlopes = Float64Array.from(inputs.data, (_, i) => slopeAt(inputs.data, i));
    const before = parts.map((list) => list.slice());
    const rate = 1e-6;
    const { gradient } = softmaxLoss(forwardAll(layers, inputs), labels);
    const back = backwardAll(layers, gradient, rate);
    parts.forEach((list, p) => {
      list.forEach((value, i) => {
        const moved = ((before[p]?.[i] ?? 0) - value) / rate;
        expect(Math.abs(moved - (slopes[p]?.[i] ?? 0)), `part ${p}, ${i}`).to.be.below(1e-4);
      });
    });
    // Rows' gradients are sums over the batch's mean loss: two rows, hence the factor.
    back.data.forEach((g, i) => expect(Math.abs(g / 2 - (inputSlopes[i] ?? 0)), `input ${i}`).to.be.below(1e-4));
    expect(Math.max(...slopes.map((list) => list.filter((slope) => Math.abs(slope) > 1e-3).length))).to.be.above(10);
  });

  it("R55: behavior: digits-cnn on turned digits: the tuned model beats the zoo's, and goes through the importer", async function () {
    this.timeout(120_000);
    const recipe = { ...(await readRecipe(folder)), proofs: undefined, acceptedPolicies: [1] };
    const preprocess = resolvePreprocess(recipe.preprocess, undefined);
    const own = turnedDigits(await readDataset(folder, recipe.calibration), 60);
    const held = turnedDigits(takeRows(await readDataset(folder, recipe.evaluation), 500), 60);
    const digits = new TrainNetwork(new Uint8Array(await readFile(`${folder}/model.onnx`)));
    const { bottom, middle, inputWidth, outputWidth } = digits.parts({ first: 1, last: 0 });
    const realsOf = (data: Dataset) => matrix(data.rows, 784, standardise(preprocess, data.features));
    const scores = forwardAll([...bottom, ...middle], realsOf(held));
    const right = Array.from(held.labels).filter((label, row) => {
      const line = scores.data.subarray(10 * row, 10 * row + 10);
      return line.indexOf(line.reduce((a, b) => Math.max(a, b), -Infinity)) === label;
    });
    const untuned = (100 * right.length) / held.rows;
    // The client keeps the first convolution and its activation.
    const server = new TrainServer({ layers: middle, inputWidth, outputWidth, rate: 0.03 });
    const client = new TrainClient({ ...general, outputWidth, rate: 0.03, bottom }, server);
    const random = new Seeded(1);
    const inputs = realsOf(own);
    for (let pass = 0; pass < 2; pass++) {
      const order = random.order(own.rows);
      for (let at = 0; at < order.length; at += 8) {
        const rows = order.slice(at, at + 8);
        const labels = Int32Array.from(rows, (row) => own.labels[row] ?? 0);
        await client.train(pickRows(inputs, rows), labels);
      }
    }
    const { files } = await importModel({
      onnx: digits.write(),
      recipe,
      calibration: takeRows(own, 200),
      evaluation: held,
    });
    const { evaluation } = JSON.parse(new TextDecoder().decode(files["report.json"])) as {
      evaluation: { floatPercent: number; integerPercent: number };
    };
    expect(untuned).to.be.below(60);
    expect(evaluation.floatPercent).to.be.above(80);
    expect(evaluation.integerPercent).to.be.above(80);
  });
});
