// SPDX-License-Identifier: GPL-3.0-or-later
import { parseOnnx, type OnnxTensor } from "../../offchain/engines/program/onnx/parse-onnx.ts";
import { Prng } from "../../test/support/prng.ts";

type WeightChange = (tensor: OnnxTensor, name: string) => Float64Array;

/** The model with every f32 weight tensor changed in place: same file, same length, other numbers. */
export function changeWeights(bytes: Uint8Array, change: WeightChange): Uint8Array {
  const changed = Buffer.from(bytes);
  for (const [name, tensor] of parseOnnx(bytes).constants) {
    if (tensor.type !== "float") continue;
    const raw = (values: ArrayLike<number>) => Buffer.from(Float32Array.from(values).buffer);
    const before = raw(tensor.data);
    const at = changed.indexOf(before);
    if (at === -1 || changed.includes(before, at + 1)) throw new RangeError(`${name} is not once in the file`);
    raw(change(tensor, name)).copy(changed, at);
  }
  return new Uint8Array(changed);
}

const width = ({ dims }: OnnxTensor) => dims.at(-1) ?? 1;

function rounded(data: Float64Array, group: number, levels: number): Float64Array {
  const result = data.slice();
  for (let from = 0; from < data.length; from += group) {
    const part = result.subarray(from, from + group);
    const step = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / levels;
    if (step > 0) part.forEach((value, i) => (part[i] = Math.round(value / step) * step));
  }
  return result;
}

function gaussian(rng: Prng): number {
  const uniform = () => (rng.next() + 1) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Every weight off by a normal share of itself. */
export function noisyWeights(bytes: Uint8Array, share: number, seed: number): Uint8Array {
  const rng = new Prng(seed);
  return changeWeights(bytes, ({ data }) => data.map((value) => value * (1 + share * gaussian(rng))));
}

/** Weights in 8 bits: one scale a tensor, or one a row, which is the better forgery. */
export const int8Weights = (bytes: Uint8Array, per: "tensor" | "row"): Uint8Array =>
  changeWeights(bytes, (tensor) => rounded(tensor.data, per === "row" ? width(tensor) : tensor.data.length, 127));

/** Weights with 10 bits of mantissa, as in half precision. */
export const halfWeights = (bytes: Uint8Array): Uint8Array =>
  changeWeights(bytes, ({ data }) =>
    data.map((value) => {
      const step = 2 ** (Math.floor(Math.log2(Math.abs(value) || 1)) - 10);
      return Math.round(value / step) * step;
    }),
  );
