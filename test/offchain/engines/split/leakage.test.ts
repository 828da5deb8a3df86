// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { utf8 } from "../../../../offchain/core/bytes.ts";
import {
  assertLeakage,
  DEFAULT_LEAKAGE_LIMITS,
  withinLeakage,
} from "../../../../offchain/core/planning/leakage-limits.ts";
import {
  decodeLeakageReport,
  encodeLeakageReport,
  leakageAfter,
  LEAKAGE_WARNING,
  type LeakageCut,
  type LeakageReport,
} from "../../../../offchain/core/planning/leakage-report.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { distanceCorrelation } from "../../../../offchain/engines/split/distance-correlation.ts";
import { matrix, solveRidge, type Matrix } from "../../../../offchain/engines/split/matrix.ts";
import {
  classMeanRecovery,
  measureCut,
  recoveredVariance,
  type LeakageRows,
} from "../../../../offchain/engines/split/measure-cut.ts";
import { mlpAttack } from "../../../../offchain/engines/split/mlp-attack.ts";
import { imageGrid } from "../../../../offchain/engines/split/picture.ts";
import { ridgeAttack } from "../../../../offchain/engines/split/ridge-attack.ts";
import { Seeded } from "../../../../offchain/engines/split/seeded.ts";
import { expectCode } from "../../../support/expect-code.ts";

const WIDTH = 12;

/** Inputs with three hidden causes, a label, and a boundary that `show` makes of the input. */
function rows(
  count: number,
  seed: number,
  show: (input: Float64Array, random: Seeded) => readonly number[],
): LeakageRows {
  const random = new Seeded(seed);
  const inputs = matrix(count, WIDTH);
  const boundaries: number[][] = [];
  const labels = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const causes = [random.normal(), random.normal(), random.normal()];
    const input = inputs.data.subarray(row * WIDTH, (row + 1) * WIDTH);
    for (let c = 0; c < WIDTH; c++) input[c] = 10 * (causes[c % 3] ?? 0) + random.normal();
    labels[row] = (causes[0] ?? 0) > 0 ? 1 : 0;
    boundaries.push([...show(input, random)]);
  }
  return { inputs, labels, boundary: matrix(count, boundaries[0]?.length ?? 1, Float64Array.from(boundaries.flat())) };
}

const options = { modality: "tabular", seed: 1, passes: 6, classes: 2 } as const;
const measure = (show: (input: Float64Array, random: Seeded) => readonly number[]) =>
  measureCut(rows(400, 1, show), rows(200, 2, show), options);
const at = (input: Float64Array, i: number) => input[i] ?? 0;

const cut = (change: Partial<LeakageCut> = {}): LeakageCut => ({
  afterOp: 0,
  kind: "dense",
  dims: [128],
  bytes: 128,
  recoveryPpm: 650_000,
  dcorPpm: 900_000,
  ridgePpm: 650_000,
  ridgeExponent: -3,
  mlpPpm: 600_000,
  worstAttributePpm: null,
  tokenPpm: null,
  labelPpm: 950_000,
  accuracyPpm: 980_000,
  ...change,
});
const report = (cuts: readonly LeakageCut[]): LeakageReport => ({
  version: 1,
  warning: LEAKAGE_WARNING,
  program: toWord(5),
  modality: "image",
  seed: 1,
  auxiliaryRows: 1500,
  testRows: 500,
  passes: 8,
  noise: null,
  classMeanPpm: 200_000,
  cuts,
});

describe("leakage", () => {
  it("R51: default: an open boundary is recovered, an independent one is not", () => {
    const open = measure((input) => [...input]);
    expect(open.recoveryPpm).to.be.at.least(990_000);
    expect(open.dcorPpm).to.be.at.least(990_000);
    expect(open.labelPpm).to.be.at.least(900_000);
    const closed = measure((_input, random) => [random.normal(), random.normal()]);
    // The attribute that is recovered best by luck.
    expect(closed.recoveryPpm).to.be.at.most(60_000);
    expect(closed.dcorPpm).to.be.at.most(250_000);
    expect(closed.labelPpm).to.be.within(350_000, 650_000);
  });

  it("R51: behavior: one fully recovered attribute is not hidden by the average of the others", () => {
    const leak = measure((input) => [at(input, 7)]);
    expect(leak.worstAttributePpm).to.be.at.least(990_000);
    expect(leak.recoveryPpm).to.equal(leak.worstAttributePpm);
    expect(Math.max(leak.ridgePpm, leak.mlpPpm)).to.be.below(600_000);
  });

  it("behavior: what no line can read, the non-linear attack does", () => {
    const cubes = (input: Float64Array) => [0, 1, 2].map((i) => at(input, i) ** 3);
    const leak = measureCut(rows(400, 1, cubes), rows(200, 2, cubes), { ...options, passes: 60 });
    expect(leak.mlpPpm).to.be.above(leak.ridgePpm + 50_000);
  });

  it("behavior: both closed forms of the ridge agree, and the penalty is searched", () => {
    const wide = (input: Float64Array, random: Seeded) =>
      Array.from({ length: 90 }, (_, i) => at(input, i % WIDTH) + 0.1 * random.normal());
    const [few, test] = [rows(80, 3, wide), rows(50, 4, wide)];
    const dual = ridgeAttack(few.boundary, few.inputs);
    expect(recoveredVariance(test.inputs, dual.predict(test.boundary))).to.be.above(0.95);
    const noisy = rows(60, 5, (_input, random) => Array.from({ length: 40 }, () => random.normal()));
    // Nothing to learn: the largest penalty is the best.
    expect(ridgeAttack(noisy.boundary, noisy.inputs).exponent).to.equal(0);
  });

  it("behavior: the solver solves; a matrix that is not positive is refused", async () => {
    const a = matrix(2, 2, Float64Array.of(4, 2, 2, 3));
    const { data } = solveRidge(a, 0, matrix(2, 1, Float64Array.of(10, 8)));
    expect(Array.from(data, (value) => Math.round(value * 1e9) / 1e9)).to.deep.equal([1.75, 1.5]);
    await expectCode("ATTACK_FAILED", () => solveRidge(matrix(2, 2, Float64Array.of(1, 2, 2, 1)), 0, matrix(2, 1)));
    const infinite = matrix(3, 2, Float64Array.of(1, 2, 3, Number.NaN, 5, 6));
    await expectCode("ATTACK_FAILED", () => mlpAttack(infinite, infinite, { seed: 1, passes: 1 })(infinite));
  });

  it("behavior: distance correlation is 1 for a scaled copy and near 0 for independent rows", () => {
    const random = new Seeded(8);
    const fill = (): Matrix =>
      matrix(
        150,
        3,
        Float64Array.from({ length: 450 }, () => random.normal()),
      );
    const [a, b] = [fill(), fill()];
    expect(
      distanceCorrelation(
        a,
        matrix(
          150,
          3,
          a.data.map((value) => 5 * value),
        ),
      ),
    ).to.be.above(0.999999);
    expect(distanceCorrelation(a, b)).to.be.below(0.25);
    expect(distanceCorrelation(a, matrix(150, 1))).to.equal(0);
  });

  it("behavior: tokens are named by the nearest embedding, their place taken into account", () => {
    const table = matrix(5, 2, Float64Array.of(0, 0, 50, 0, 0, 50, 50, 50, -50, 20));
    const places = matrix(2, 2, Float64Array.of(100, 0, 0, 100));
    const random = new Seeded(4);
    const make = (count: number) => {
      const ids = Int32Array.from({ length: 2 * count }, () => random.next() % 5);
      const inputs = matrix(count, 4);
      ids.forEach((id, i) => {
        for (let c = 0; c < 2; c++)
          inputs.data[2 * i + c] = (table.data[2 * id + c] ?? 0) + (places.data[2 * (i % 2) + c] ?? 0);
      });
      const labels = Int32Array.from({ length: count }, (_, row) => (ids[2 * row] ?? 0) % 2);
      return { ids, side: { inputs, boundary: inputs, labels } };
    };
    const [auxiliary, test] = [make(200), make(60)];
    const tokens = { table, places, truth: test.ids };
    const leak = measureCut(auxiliary.side, test.side, { ...options, modality: "tokens", tokens });
    expect(leak.tokenPpm).to.equal(1_000_000);
    expect(leak.recoveryPpm).to.equal(1_000_000);
  });

  it("R51: behavior: the same rows give the same bits, and these ones", () => {
    const run = () => {
      const show = (input: Float64Array) => [at(input, 0) + at(input, 4), Math.max(0, at(input, 8))];
      const [auxiliary, test] = [rows(300, 21, show), rows(120, 22, show)];
      const { estimate, ...figures } = measureCut(auxiliary, test, options);
      const hash = createHash("sha256").update(new Uint8Array(estimate.data.slice().buffer)).digest("hex");
      return { figures, hash, mean: classMeanRecovery(auxiliary, test, 2) };
    };
    const first = run();
    expect(run()).to.deep.equal(first);
    // Pinned: another machine, another Node must reproduce it.
    expect(first.hash.slice(0, 16)).to.equal("5378bfa96633bb4d");
  });

  it("R51: behavior: pictures are plain PNG of the same bytes everywhere", () => {
    const png = imageGrid([[Float64Array.of(0, 127, 64, 300), Float64Array.of(1, 2, 3, -4)]], 2, 127);
    expect(Array.from(png.subarray(1, 4))).to.deep.equal([80, 78, 71]);
    const length = new DataView(png.buffer).getUint32(33);
    const pixels = inflateSync(png.subarray(41, 41 + length));
    // Two images of two columns and a gap of two: a filter byte and six greys a line.
    expect(Array.from(pixels)).to.deep.equal([0, 0, 255, 128, 128, 2, 4, 0, 129, 255, 128, 128, 6, 0]);
  });

  it("R51: error: LEAKAGE_ABOVE_LIMIT, LEAKAGE_UNKNOWN; what SDK and worker ask before a SPLIT job", async () => {
    const ask = (change: Partial<LeakageCut>) => assertLeakage("1", cut(change), DEFAULT_LEAKAGE_LIMITS);
    ask({ recoveryPpm: 400_000, dcorPpm: 850_000 });
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => ask({ recoveryPpm: 400_001, dcorPpm: 0 }));
    await expectCode("LEAKAGE_ABOVE_LIMIT", () => ask({ recoveryPpm: 0, dcorPpm: 850_001 }));
    await expectCode("LEAKAGE_UNKNOWN", () => assertLeakage("1", null, DEFAULT_LEAKAGE_LIMITS));
    expect(withinLeakage(null, DEFAULT_LEAKAGE_LIMITS)).to.equal(false);
    assertLeakage("1", cut(), { maxRecoveryPpm: 700_000, maxDcorPpm: 900_000 });
  });

  it("R51: error: NOT_CANONICAL for a report that understates, repeats, or is written otherwise", async () => {
    const good = report([cut(), cut({ afterOp: 2 })]);
    const bytes = utf8(encodeLeakageReport(good));
    expect(decodeLeakageReport(bytes)).to.deep.equal(good);
    expect(leakageAfter(good, 2)?.recoveryPpm).to.equal(650_000);
    expect(leakageAfter(good, 1)).to.equal(null);
    const bad: LeakageReport[] = [
      report([cut({ recoveryPpm: 100_000 })]),
      report([cut({ tokenPpm: 900_000 })]),
      report([cut({ dcorPpm: -1 })]),
      report([cut({ mlpPpm: 0.5 })]),
      report([cut(), cut()]),
      report([{ ...cut(), extra: 1 } as LeakageCut]),
      { ...good, version: 2 as 1 },
      { ...good, warning: "complete" as typeof LEAKAGE_WARNING },
      { ...good, program: "0x12" },
      { ...good, auxiliaryRows: 999 },
      { ...good, testRows: 499 },
      { ...good, testRows: 500.5 },
      { ...good, passes: 0 },
      { ...good, seed: -1 },
      { ...good, modality: "sound" as "image" },
      { ...good, classMeanPpm: 1_000_001 },
      { ...good, noise: { clip: 1 } as unknown as null },
      { ...good, noise: "much" as unknown as null },
      { ...good, remark: "mild" } as LeakageReport,
    ];
    for (const value of bad)
      await expectCode("NOT_CANONICAL", () => decodeLeakageReport(utf8(encodeLeakageReport(value))));
    const noise = { clip: 1, varianceNumerator: 0, varianceDenominator: 1 };
    await expectCode("NOISE_INVALID", () => decodeLeakageReport(utf8(encodeLeakageReport({ ...good, noise }))));
    await expectCode("NOT_CANONICAL", () => decodeLeakageReport(utf8(JSON.stringify(good))));
    await expectCode("NOT_CANONICAL", () => decodeLeakageReport(utf8("nothing")));
    await expectCode("NOT_CANONICAL", () => decodeLeakageReport(utf8("null")));
    await expectCode("NOT_CANONICAL", () =>
      decodeLeakageReport(utf8(encodeLeakageReport({ ...good, cuts: [null as unknown as LeakageCut] }))),
    );
  });
});
