// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { blindedDigest } from "../../../../offchain/core/digest.ts";
import { maskProgram } from "../../../../offchain/core/masked/masked-program.ts";
import { digitPlanes, openShares, shareInputs } from "../../../../offchain/core/masked/shares.ts";
import { analyseProgram, elementsOf } from "../../../../offchain/core/program/analyse.ts";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import type { Finish, Op, Program } from "../../../../offchain/core/program/types.ts";
import { boundarySalt, LANES } from "../../../../offchain/core/salts.ts";
import { encodeTensor, type Tensor } from "../../../../offchain/core/tensor.ts";
import { KIND_BLINDED, ZERO_BYTES32 } from "../../../../offchain/core/types.ts";
import { decideVote, say } from "../../../../offchain/core/vote.ts";
import { loadStage, type LoadedStage } from "../../../../offchain/engines/program/executor.ts";
import { loadMaskedStage, runLane, type MaskedStage } from "../../../../offchain/engines/program/masked-lane.ts";
import { createOnnxExecutor } from "../../../../offchain/engines/program/onnx-executor.ts";
import { createReferenceExecutor, runReference } from "../../../../offchain/engines/program/reference-executor.ts";
import { createThreadedExecutor } from "../../../../offchain/engines/program/threaded-executor.ts";
import { chiSquaredP } from "../../../support/chi-squared.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Random, randomInputs, randomProgram } from "../../../support/random-program.ts";
import { seededBytes } from "../../../support/seeded-bytes.ts";

const EXACT: Finish = { kind: "exact" };
const rounded = (shift: number): Finish => ({
  kind: "scale",
  dtype: "i8",
  shifts: [shift],
  lo: 0,
  hi: 127,
  table: null,
});

function dense(width: number, outputs: number, weights: Int8Array, finish: Finish = EXACT): Program {
  const bias = Array.from({ length: outputs }, (_, o) => BigInt(1000 * o - 3000));
  const op: Op = { kind: "dense", input: 0, outputs, weights, bias, finish };
  return { family: "quantised", inputs: [{ dtype: "i8", dims: [width], lo: -127, hi: 127 }], ops: [op], output: 1 };
}

const stageOf = (program: Program): LoadedStage => loadStage(encodeProgram(program));

/** Tensors [batch, …] of one value everywhere. */
const constant = (program: Program, batch: number, value: number): Tensor[] =>
  program.inputs.map(({ dims }) => ({
    dtype: "i8",
    dims: [batch, ...dims],
    data: new Int8Array(batch * elementsOf(dims)).fill(value),
  }));

/** A generator that gives masks of one word: the extremes of a share. */
const wordBytes = (word: number) => (length: number) => {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < length; at += 4) view.setUint32(at, word, true);
  return bytes;
};

describe("MASKED lanes", () => {
  const executors = [
    createOnnxExecutor({ threads: 1, maxBatch: 4096 }),
    createOnnxExecutor({ threads: 2, maxBatch: 4096 }),
    createThreadedExecutor({ threads: 1, maxBatch: 4096 }),
    createReferenceExecutor({ maxBatch: 4096 }),
  ];
  const [fast] = executors;
  if (fast === undefined) throw new TypeError("no executor");
  afterEach(async () => {
    await Promise.all(executors.map((executor) => executor.close()));
  });

  async function lanes(
    stage: MaskedStage,
    inputs: readonly Tensor[],
    random: (n: number) => Uint8Array,
    executor = fast,
  ) {
    if (executor === undefined) throw new TypeError("no executor");
    const { laneA, laneB } = shareInputs(stage.masked, inputs, random);
    return [await runLane(stage, laneA, true, executor), await runLane(stage, laneB, false, executor)] as const;
  }

  it("R50: default: equals the unmasked stage bit for bit on 10,000 inputs, random programs, both executors", async function () {
    this.timeout(120_000);
    const random = new Random(50);
    const bytes = seededBytes(1);
    const kinds = new Set<string>();
    let inputs = 0;
    for (let n = 0; inputs < 10_000; n++) {
      const program = randomProgram(random);
      const stage = stageOf(program);
      const starts = ["dense", "conv", "sumPool", "add"].includes(
        program.ops.find(({ kind }) => kind !== "reshape" && kind !== "transpose" && kind !== "concat")?.kind ?? "",
      );
      if (!starts) continue;
      let masked: MaskedStage;
      try {
        masked = loadMaskedStage(stage);
      } catch {
        // A later operator reads the input too: another test.
        continue;
      }
      kinds.add(program.ops[masked.masked.at]?.kind ?? "");
      const given = randomInputs(random, program, 100);
      const expected = runReference(stage, given).outputs[0];
      const executor = executors[n % 3];
      const [a, b] = await lanes(masked, given, bytes, executor);
      expect(openShares(masked.masked, a, b)).to.deep.equal(expected);
      await executor?.close();
      inputs += 100;
    }
    expect([...kinds].toSorted()).to.deep.equal(["add", "conv", "dense", "sumPool"]);
  });

  it("R50: behavior: extreme shares and weights at K = 1032 and beyond the fp32 range are exact", async function () {
    this.timeout(60_000);
    const random = new Random(3);
    for (const width of [1032, 1033, 2500]) {
      const weights = Int8Array.from({ length: 3 * width }, (_, i) =>
        i < width ? 127 : i < 2 * width ? -127 : random.pick([-127, 127]),
      );
      const stage = stageOf(dense(width, 3, weights));
      const masked = loadMaskedStage(stage);
      for (const word of [0, 1, 0x80808080, 0x7f7f7f7f, 0xffffffff, 0x80000000, 0x7fffffff]) {
        for (const value of [-127, 127, 0]) {
          const given = constant(stage.program, 2, value);
          const expected = runReference(stage, given).outputs[0];
          for (const executor of executors) {
            const [a, b] = await lanes(masked, given, wordBytes(word), executor);
            expect(openShares(masked.masked, a, b)).to.deep.equal(expected);
          }
        }
      }
    }
  });

  it("R50: behavior: every byte of each share is uniform for a constant input", () => {
    const program = dense(4096, 1, new Int8Array(4096).fill(1));
    const masked = maskProgram(program, analyseProgram(program));
    for (const [value, seed] of [
      [0, 7],
      [127, 8],
      [-127, 9],
    ] as const) {
      const { laneA, laneB } = shareInputs(masked, constant(program, 32, value), seededBytes(seed));
      for (const share of [laneA[0], laneB[0]]) {
        for (let place = 0; place < 4; place++) {
          const counts = Array.from({ length: 256 }, () => 0);
          const words = share?.data ?? [];
          for (const word of words) {
            const byte = (word >>> (8 * place)) & 255;
            counts[byte] = (counts[byte] ?? 0) + 1;
          }
          const want = words.length / 256;
          expect(
            chiSquaredP(
              counts,
              counts.map(() => want),
            ),
            `byte ${place} of ${value}`,
          ).to.be.greaterThan(0.001);
        }
      }
    }
  });

  it("behavior: each call draws its own mask, from the generator it is given", () => {
    const program = dense(64, 1, new Int8Array(64).fill(1));
    const masked = maskProgram(program, analyseProgram(program));
    const given = constant(program, 1, 5);
    const [first, second] = [1, 2].map(() => shareInputs(masked, given, (length) => nodeCrypto.randomBytes(length)));
    expect(first?.laneA[0]?.data).to.not.deep.equal(second?.laneA[0]?.data);
    expect(first?.laneB[0]?.data).to.not.deep.equal(second?.laneB[0]?.data);
  });

  it("behavior: digits are balanced and stand for the share modulo 2^32", () => {
    const program = dense(8, 1, new Int8Array(8).fill(1));
    const masked = maskProgram(program, analyseProgram(program));
    const words = Uint32Array.of(0, 1, 0x7f, 0x80, 0xff7f8000, 0x80808080, 0x7fffffff, 0xffffffff);
    const [planes] = digitPlanes(masked, [{ dtype: "u32-mod", dims: [1, 8], data: words }]);
    expect(planes?.dims).to.deep.equal([4, 8]);
    words.forEach((word, e) => {
      const digits = [0, 1, 2, 3].map((j) => planes?.data[8 * j + e] ?? 0);
      expect(digits.every((digit) => digit >= -128 && digit <= 127)).to.equal(true);
      const sum = digits.reduce((total, digit, j) => total + digit * 256 ** j, 0);
      expect(sum >>> 0).to.equal(word);
    });
  });

  it("R50: behavior: one changed word of an output share loses the lane's vote, or is seen as a mismatch", async () => {
    const stage = stageOf(dense(20, 4, new Int8Array(80).fill(3), rounded(8)));
    const masked = loadMaskedStage(stage);
    const given = constant(stage.program, 1, 9);
    const [a, b] = await lanes(masked, given, seededBytes(4));
    const secret = new Uint8Array(32).fill(6);
    const salts = [LANES.A, LANES.B].map((lane) => boundarySalt(secret, 0, KIND_BLINDED, lane) ?? new Uint8Array());
    expect(salts[0]).to.not.deep.equal(salts[1]);
    const digest = (share: Tensor) =>
      say(blindedDigest(encodeTensor(share), salts[0] ?? new Uint8Array()), ZERO_BYTES32);
    const honest = digest(a);
    for (let word = 0; word < 4; word++) {
      const data = Uint32Array.from(a.data);
      data[word] = ((data[word] ?? 0) + 1) >>> 0;
      const forged: Tensor = { ...a, data };
      expect(digest(forged)).to.not.equal(honest);
      expect(decideVote([honest, digest(forged), honest], 0, 0)).to.deep.include({ accepted: honest, dissent: true });
      expect(decideVote([honest, digest(forged)], 0, 0).verdict).to.equal("HUNG");
    }
    const wild: Tensor = { ...a, data: Uint32Array.from(a.data, (word) => (word + 0x40000000) >>> 0) };
    await expectCode("LANE_MISMATCH", () => openShares(masked.masked, wild, b));
    // Both lanes adding the bias: within range of a narrow stage it may hide, so the lane is told, and the result differs.
    const twice = await runLane(masked, shareInputs(masked.masked, given, seededBytes(4)).laneB, true, fast);
    expect(twice.data).to.not.deep.equal(b.data);
  });

  it("error: LANE_MISMATCH one beyond each end of the proven range, and not at it", async () => {
    const stage = stageOf(dense(3, 1, Int8Array.of(1, 2, -3)));
    const { masked } = loadMaskedStage(stage);
    const { lo, hi } = masked.bounds[0] ?? { lo: 0n, hi: 0n };
    const zero: Tensor = { dtype: "u32-mod", dims: [1, 1], data: Uint32Array.of(0) };
    const share = (value: bigint): Tensor => ({ ...zero, data: Uint32Array.of(Number(BigInt.asUintN(32, value))) });
    for (const edge of [lo, hi]) expect(openShares(masked, share(edge), zero).data[0]).to.equal(Number(edge));
    for (const beyond of [lo - 1n, hi + 1n])
      await expectCode("LANE_MISMATCH", () => openShares(masked, share(beyond), zero));
  });

  it("error: MASK_NOT_LINEAR for stages that lanes cannot compute; BOUND_OVERFLOW for what int32 cannot hold", async () => {
    const input = { dtype: "i8" as const, dims: [4], lo: -127, hi: 127 };
    const mask = (ops: readonly Op[], inputs: Program["inputs"] = [input], family: Program["family"] = "quantised") => {
      const program: Program = { family, inputs, ops, output: inputs.length + ops.length - 1 };
      return maskProgram(program, analyseProgram(program));
    };
    const table = new Int8Array(255).fill(1);
    const one = dense(4, 4, new Int8Array(16).fill(1), rounded(4)).ops[0] as Op;
    expect(mask([one]).at).to.equal(0);
    expect(mask([{ kind: "reshape", input: 0, dims: [4] }, { ...one, input: 1 } as Op]).at).to.equal(1);
    const refused: (readonly Op[])[] = [
      [{ kind: "map", input: 0, lo: -127, table }],
      [{ kind: "reshape", input: 0, dims: [2, 2] }],
      [{ kind: "map", input: 0, lo: -127, table }, { ...one, input: 1 } as Op],
      [one, { kind: "add", inputs: [0, 1], multipliers: [1, 1], finish: rounded(1) }],
    ];
    for (const ops of refused) await expectCode("MASK_NOT_LINEAR", () => mask(ops));
    await expectCode("MASK_NOT_LINEAR", () =>
      mask([{ ...one, finish: { ...rounded(4), dtype: "i8" } } as Op], [input], "polynomial"),
    );
    const huge = dense(4, 1, new Int8Array(4).fill(127));
    const op = { ...(huge.ops[0] as Op & { kind: "dense" }), bias: [2n ** 31n - 1n] };
    await expectCode("BOUND_OVERFLOW", () => analyseProgram({ ...huge, ops: [op] }));
    // Whoever brings another analysis is not believed either.
    const analysis = analyseProgram(huge);
    const [info] = analysis.ops;
    const loose = { ...analysis, ops: [{ ...info, bounds: [{ lo: 0n, hi: 2n ** 31n }] }] } as typeof analysis;
    await expectCode("MASK_NOT_LINEAR", () => maskProgram(huge, loose));
  });

  it("error: SHARE_INVALID for shares of another shape, type or batch", async () => {
    const stage = loadMaskedStage(stageOf(dense(4, 2, new Int8Array(8).fill(1))));
    const good: Tensor = { dtype: "u32-mod", dims: [1, 4], data: new Uint32Array(4) };
    const bad: Tensor[][] = [
      [],
      [good, good],
      [{ ...good, dims: [4] }],
      [{ ...good, dims: [2, 4] }],
      [{ ...good, dims: [0, 4], data: new Uint32Array(0) }],
      [{ dtype: "i32", dims: [1, 4], data: new Int32Array(4) }],
    ];
    for (const shares of bad) await expectCode("SHARE_INVALID", async () => runLane(stage, shares, true, fast));
    const out: Tensor = { dtype: "u32-mod", dims: [1, 2], data: new Uint32Array(2) };
    await expectCode("SHARE_INVALID", () =>
      openShares(stage.masked, out, { ...out, dims: [2, 2], data: new Uint32Array(4) }),
    );
    await expectCode("INPUT_RANGE", () =>
      shareInputs(stage.masked, [{ dtype: "i8", dims: [1, 4], data: Int8Array.of(0, -128, 0, 0) }], seededBytes(1)),
    );
  });
});
