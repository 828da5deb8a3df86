// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { scaleOf, sketchA, sketchB, tallySketches } from "../../../../offchain/core/sketch.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { calibrateTolerance, type HonestRun } from "../../../../offchain/engines/committee/calibrate-tolerance.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";

interface Scatter {
  readonly width?: number;
  readonly rows?: number;
  readonly noise?: number;
  readonly machines?: number;
  readonly tail?: number;
}

/** Machines around a truth, each off by at most `noise` in every element. */
function scattered({ width = 40, rows = 800, noise = 1e-5, machines = 5, tail = 0 }: Scatter = {}): HonestRun[] {
  const rng = new Prng(3);
  const real = () => rng.next() / 2 ** 31 - 1;
  const truth = Float64Array.from({ length: rows * width }, () => 10 * real());
  return Array.from({ length: machines }, (_, machine) => ({
    machine: `machine ${machine}`,
    rows: machine === machines - 1 ? rows / 2 : rows,
    outputs: Float32Array.from(
      truth.subarray(0, (machine === machines - 1 ? rows / 2 : rows) * width),
      (value, i) => value + real() * noise + (machine === 0 && i === 5 ? tail : 0),
    ),
  }));
}

describe("calibrate tolerance", () => {
  it("R28: tau is ⌈2ε/scale⌉ + 1 with ε = 4 × p99.9, and twice the largest coordinate fits", () => {
    for (const width of [16, 17, 40])
      for (const noise of [1e-6, 1e-4, 1e-3]) {
        const { tolerance, report } = calibrateTolerance(scattered({ width, noise }), width);
        const { epsilon, scale, tau, machines, largestCoordinate } = report;
        expect(tau).to.equal(Math.ceil((2 * epsilon) / scale) + 1);
        expect(tolerance.tau).to.equal(tau);
        expect(scaleOf(tolerance)).to.equal(scale);
        const p999 = Math.max(...machines.map((machine) => machine.p999));
        expect(epsilon).to.be.within(3.6 * p999, 4.4 * p999);
        expect(report.draws).to.equal(width > 16 ? 8 : 1);
        expect(largestCoordinate / scale).to.be.within(8191 * 0.9, 16_384 * 1.1);
        expect(machines.map((machine) => machine.rows)).to.deep.equal([800, 800, 800, 800, 400]);
      }
  });

  it("R28: honest machines agree within it, in every committee of fresh seeds", () => {
    const runs = scattered({ noise: 0.001 });
    const { tolerance } = calibrateTolerance(runs, 40);
    for (let row = 0; row < 100; row++) {
      const [seed, commitSet] = [toWord(row), toWord(row + 1000)];
      const votes = runs.map(({ outputs }) => {
        const output = outputs.subarray(40 * row, 40 * row + 40);
        return { a: sketchA(output, tolerance, seed), b: sketchB(output, tolerance, seed, commitSet) };
      });
      expect(tallySketches(votes, tolerance.tau).agreeing.every((agrees) => agrees)).to.equal(true);
    }
  });

  it("error: CALIBRATION_FAILED for too little to see, equal machines, heavy tails and answers that are none", async () => {
    const fails = (runs: HonestRun[], width = 40) =>
      expectCode("CALIBRATION_FAILED", () => calibrateTolerance(runs, width));
    await fails(scattered({ machines: 2 }));
    await fails(scattered({ rows: 98 }));
    await fails(scattered({ noise: 0 }));
    await fails(scattered({ tail: 1, width: 16 }), 16);
    await fails(scattered().map((run) => ({ ...run, outputs: run.outputs.map(() => 0) })));
    await fails(scattered().map((run) => ({ ...run, outputs: run.outputs.with(7, Number.NaN) })));
    await fails(scattered(), 41);
  });

  it("error: TOLERANCE_TOO_WIDE where honest answers scatter, GUESSABLE where few outputs are compared", async () => {
    await expectCode("TOLERANCE_TOO_WIDE", () => calibrateTolerance(scattered({ noise: 1 }), 40));
    for (const width of [1, 10]) await expectCode("GUESSABLE", () => calibrateTolerance(scattered({ width }), width));
  });
});
