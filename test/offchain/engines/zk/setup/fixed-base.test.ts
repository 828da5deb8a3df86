// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { CURVE_G1, CURVE_G2, pointOfG1, pointOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { g1OfLem, g2OfLem } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { bestWindow, FixedBase } from "../../../../../offchain/engines/zk/setup/fixed-base.ts";
import { kernelSource } from "../../../../../offchain/engines/zk/setup/kernel-source.ts";
import { multiplyGenerators } from "../../../../../offchain/engines/zk/setup/multiply-generators.ts";
import { WasmKernel } from "../../../../../offchain/engines/zk/setup/wasm-kernel.ts";
import { expectCode } from "../../../../support/expect-code.ts";

const EDGES = [0n, 1n, 2n, 127n, 128n, 129n, 2n ** 15n, 2n ** 15n + 1n, FIELD - 1n, FIELD - 2n, FIELD / 2n, 2n ** 253n];
const pack = (values: readonly bigint[]): Uint8Array => Uint8Array.from(values.flatMap((v) => [...elementBytes(v)]));
const scalar = fc.bigInt({ min: 0n, max: FIELD - 1n });

describe("FixedBase", function () {
  this.timeout(60_000);

  it("default: multiplies like noble, for every window width and edge", async () => {
    const source = await kernelSource();
    const kernel = await WasmKernel.open(source.code);
    for (const width of [2, 3, 5, 8, 11]) {
      const base = new FixedBase(kernel, "g1", source.g1, width);
      const points = base.multiply(pack(EDGES), EDGES.length);
      for (const [i, value] of EDGES.entries())
        expect(g1OfLem(points.subarray(i * 64, i * 64 + 64)), `${width} ${value}`).to.deep.equal(
          value === 0n ? { x: 0n, y: 0n } : pointOfG1(CURVE_G1.BASE.multiply(value)),
        );
    }
    for (const width of [3, 8]) {
      const base = new FixedBase(kernel, "g2", source.g2, width);
      const points = base.multiply(pack(EDGES.slice(1)), EDGES.length - 1);
      for (const [i, value] of EDGES.slice(1).entries())
        expect(g2OfLem(points.subarray(i * 128, i * 128 + 128))).to.deep.equal(
          pointOfG2(CURVE_G2.BASE.multiply(value)),
        );
    }
  });

  it("behavior: random scalars agree over threads, chunks and widths", async () => {
    const source = await kernelSource();
    await fc.assert(
      fc.asyncProperty(fc.array(scalar, { minLength: 1, maxLength: 6 }), async (values) => {
        const { g1, g2 } = await multiplyGenerators(
          source,
          { g1: pack(values), g2: pack(values.slice(1)) },
          { threads: 2 },
        );
        for (const [i, value] of values.entries()) {
          if (value !== 0n)
            expect(g1OfLem(g1.subarray(i * 64, i * 64 + 64))).to.deep.equal(pointOfG1(CURVE_G1.BASE.multiply(value)));
          if (i > 0 && value !== 0n)
            expect(g2OfLem(g2.subarray((i - 1) * 128, i * 128))).to.deep.equal(
              pointOfG2(CURVE_G2.BASE.multiply(value)),
            );
        }
      }),
      { numRuns: 4 },
    );
  });

  it("behavior: wide windows for many points, narrow ones for few", () => {
    expect(bestWindow(1)).to.be.lessThan(4);
    expect(bestWindow(1000)).to.be.within(6, 9);
    expect(bestWindow(1_000_000)).to.equal(16);
  });

  it("error: PROVER_CRASHED for a thread that fails, the signal's reason for an aborted one", async () => {
    const source = await kernelSource();
    const scalars = { g1: pack(EDGES), g2: new Uint8Array() };
    await expectCode("PROVER_CRASHED", () =>
      multiplyGenerators({ ...source, code: new Uint8Array(8) }, scalars, { threads: 1 }),
    );
    const reason = new Error("enough");
    const controller = new AbortController();
    const many = { g1: pack(Array.from({ length: 20_000 }, () => FIELD - 5n)), g2: new Uint8Array() };
    const running = multiplyGenerators(source, many, {
      threads: 2,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    await running.then(
      () => expect.fail("went on"),
      (error: unknown) => expect(error).to.equal(reason),
    );
  });
});
