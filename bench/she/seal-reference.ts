// SPDX-License-Identifier: GPL-3.0-or-later
// The same network on node-seal: tuned (same packing and baby and giant steps, keys for the rotations used, weights encoded once),
// and as a first attempt would have it (default keys, one dot product a row, encoding in the loop).
import { packFew, packReplicated } from "../../offchain/engines/she/compile/packing.ts";
import type { LinearMap } from "../../offchain/engines/she/compile/linear-map.ts";
import { openSeal } from "../../test/support/she/seal.ts";
import type { RealNetwork } from "./real-network.ts";

export interface ReferenceResult {
  readonly cpuMs: number;
  readonly maxError: number;
}

const cpuMs = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** dense, square, dense at N = 8192, 128 bit, primes of 50, 36, 36, 36 and 60 bits. */
export async function runTunedSeal(
  { input, first, second, exact }: RealNetwork,
  babies: number,
  runs: number,
): Promise<ReferenceResult> {
  const degree = 8192;
  const slots = degree / 2;
  const { seal, context, encoder, evaluator } = await openSeal(degree, [50, 36, 36, 36, 60]);
  const scale = 2 ** 36;
  const packed = packReplicated({ ...first, bias: [] }, slots, () => babies);
  const period = 2 ** Math.ceil(Math.log2(first.rows.length));
  const last = packFew({ ...second, bias: [] }, slots, period);
  if (packed === undefined || last === undefined) return { cpuMs: Number.NaN, maxError: Number.NaN };
  const { packing } = packed;
  const generator = seal.KeyGenerator(context);
  const secret = generator.secretKey();
  const relinearise = generator.createRelinKeys();
  const encryptor = seal.Encryptor(context, generator.createPublicKey(), secret);
  const decryptor = seal.Decryptor(context, secret);
  const steps = new Set([...packing.folds, ...last.folds]);
  for (let b = 1; b < babies; b++) steps.add(b);
  for (let a = 1; a < packing.giants; a++) steps.add(a * babies);
  const galois = generator.createGaloisKeys(Int32Array.from(steps));
  const encode = (values: Float64Array, at: number, drop: number) => {
    const plain = seal.PlainText();
    encoder.encode(values, at, plain);
    for (let i = 0; i < drop; i++) evaluator.plainModSwitchToNext(plain, plain);
    return plain;
  };
  const diagonals = Array.from({ length: packing.giants }, (_, a) =>
    Array.from({ length: babies }, (_b, b) => encode(packing.diagonal(a, b) ?? new Float64Array(slots), scale, 0)),
  );
  const biasOf = (values: readonly number[], places: Int32Array) =>
    Float64Array.from(places, (o) => (o < 0 ? 0 : (values[o] ?? 0)));
  const lastWeights = encode(last.diagonal(0, 0) ?? new Float64Array(slots), scale, 2);
  let biases: readonly ReturnType<typeof encode>[] | undefined;
  const times: number[] = [];
  let decoded = new Float64Array(0);
  for (let run = 0; run < runs; run++) {
    const [plain, fresh, scratch] = [seal.PlainText(), seal.CipherText(), seal.CipherText()];
    encoder.encode(
      Float64Array.from(packed.input, (i) => (i < 0 ? 0 : (input[i] ?? 0))),
      scale,
      plain,
    );
    encryptor.encryptSymmetric(plain, fresh);
    const since = process.cpuUsage();
    const rotated = [fresh];
    for (let b = 1; b < babies; b++) {
      const out = seal.CipherText();
      evaluator.rotateVector(fresh, b, galois, out);
      rotated.push(out);
    }
    const sum = seal.CipherText();
    const inner = seal.CipherText();
    for (const [a, row] of diagonals.entries()) {
      const target = a === 0 ? sum : inner;
      for (const [b, diagonal] of row.entries()) {
        evaluator.multiplyPlain(rotated[b] ?? fresh, diagonal, b === 0 ? target : scratch);
        if (b > 0) evaluator.add(target, scratch, target);
      }
      if (a === 0) continue;
      evaluator.rotateVector(inner, a * babies, galois, inner);
      evaluator.add(sum, inner, sum);
    }
    const fold = (folds: readonly number[]) => {
      for (const step of folds) {
        evaluator.rotateVector(sum, step, galois, scratch);
        evaluator.add(sum, scratch, sum);
      }
    };
    evaluator.rescaleToNext(sum, sum);
    fold(packing.folds);
    // Encoded at the scale that the sum has here; the first run only.
    biases ??= [encode(biasOf(first.bias, packing.bias), sum.scale, 1)];
    evaluator.addPlain(sum, biases[0] ?? plain, sum);
    evaluator.square(sum, sum);
    evaluator.relinearize(sum, relinearise, sum);
    evaluator.rescaleToNext(sum, sum);
    evaluator.multiplyPlain(sum, lastWeights, sum);
    evaluator.rescaleToNext(sum, sum);
    fold(last.folds);
    if (biases.length === 1) biases = [...biases, encode(biasOf(second.bias, last.bias), sum.scale, 3)];
    evaluator.addPlain(sum, biases[1] ?? plain, sum);
    if (run > 0) times.push(cpuMs(since));
    decryptor.decrypt(sum, plain);
    decoded = Float64Array.from(encoder.decode(plain));
    for (const object of [plain, scratch, sum, inner, ...rotated]) object.delete();
  }
  const maxError = Math.max(...exact.map((y, o) => Math.abs(y - (decoded[last.outputs[o] ?? 0] ?? Number.NaN))));
  return { cpuMs: median(times), maxError };
}

/** The first layer as a first attempt: milliseconds of CPU for all rows, from `rows` of them. */
export async function runNaiveSeal(first: LinearMap, input: readonly number[], rows: number): Promise<number> {
  const degree = 16384;
  const slots = degree / 2;
  const { seal, context, encoder, evaluator } = await openSeal(degree, [60, 40, 40, 40, 40, 60]);
  const scale = 2 ** 40;
  const generator = seal.KeyGenerator(context);
  const galois = generator.createGaloisKeys(Int32Array.from({ length: 10 }, (_, i) => 2 ** i));
  const encryptor = seal.Encryptor(context, generator.createPublicKey(), generator.secretKey());
  const [plain, fresh] = [seal.PlainText(), seal.CipherText()];
  const spread = new Float64Array(slots);
  spread.set(input.map((x) => x / 128));
  encoder.encode(spread, scale, plain);
  encryptor.encryptSymmetric(plain, fresh);
  const since = process.cpuUsage();
  for (let row = 0; row < rows; row++) {
    const [weights, sum, scratch] = [seal.PlainText(), seal.CipherText(), seal.CipherText()];
    const values = new Float64Array(slots);
    const { columns = [], weights: own = [] } = first.rows[row] ?? {};
    for (const [k, column] of columns.entries()) values[column] = (own[k] ?? 0) / 128;
    encoder.encode(values, scale, weights);
    evaluator.multiplyPlain(fresh, weights, sum);
    evaluator.rescaleToNext(sum, sum);
    for (let step = 1; step < 1024; step *= 2) {
      evaluator.rotateVector(sum, step, galois, scratch);
      evaluator.add(sum, scratch, sum);
    }
    const mask = new Float64Array(slots);
    mask[row] = 1;
    encoder.encode(mask, scale, weights);
    evaluator.plainModSwitchToNext(weights, weights);
    evaluator.multiplyPlain(sum, weights, sum);
    evaluator.rescaleToNext(sum, sum);
    for (const object of [weights, sum, scratch]) object.delete();
  }
  return (cpuMs(since) / rows) * first.rows.length;
}

/** One rotation at N = 8192 with these primes of 30 bits. */
export async function timeSealRotation(primes: number, runs: number): Promise<number> {
  const { seal, context, encoder, evaluator } = await openSeal(
    8192,
    Array.from({ length: primes }, () => 30),
  );
  const generator = seal.KeyGenerator(context);
  const galois = generator.createGaloisKeys(Int32Array.from([3]));
  const encryptor = seal.Encryptor(context, generator.createPublicKey(), generator.secretKey());
  const [plain, fresh, out] = [seal.PlainText(), seal.CipherText(), seal.CipherText()];
  encoder.encode(new Float64Array(4096), 2 ** 30, plain);
  encryptor.encryptSymmetric(plain, fresh);
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const since = process.cpuUsage();
    evaluator.rotateVector(fresh, 3, galois, out);
    times.push(cpuMs(since));
  }
  return median(times);
}
