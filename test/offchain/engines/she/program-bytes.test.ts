// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../../offchain/core/bytes.ts";
import { compilePlan } from "../../../../offchain/engines/she/compile/compile-plan.ts";
import {
  decodeSheProgram,
  encodeSheProgram,
  sheProgramId,
  type SheProgram,
} from "../../../../offchain/engines/she/compile/program-bytes.ts";
import { nodeHashes } from "../../../../offchain/engines/she/node-hashes.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";
import { polyPerceptron, randomInput } from "../../../support/she/toy-programs.ts";

const root = (byte: number) => toHex(new Uint8Array(32).fill(byte));

function sample(interleave: number, cuts: readonly number[]): SheProgram {
  const rng = new Prng(interleave);
  const program = polyPerceptron([20, 12, 3], rng);
  const { plan } = compilePlan(program, { calibration: [randomInput(program, rng)], interleave, cuts });
  return { plan, weightRoots: plan.stages.map((_, i) => root(i + 1)), toleranceUnits: 1_000_000 };
}

describe("SHE program bytes", () => {
  it("default: round trip, with keys, levels and plaintexts computed again", () => {
    for (const program of [sample(1, []), sample(1, [0]), sample(128, [0])]) {
      const bytes = encodeSheProgram(program);
      expect(decodeSheProgram(bytes)).to.deep.equal(program);
    }
    const ids = [
      sample(1, []),
      sample(1, [0]),
      { ...sample(1, []), toleranceUnits: 5 },
      { ...sample(1, []), weightRoots: [root(9)] },
    ];
    expect(new Set(ids.map((program) => sheProgramId(encodeSheProgram(program), nodeHashes))).size).to.equal(4);
  });

  it("error: refused when levels, rotations, slots, scales or plaintexts are not as they must be", async () => {
    const good = sample(128, [0]);
    const { plan } = good;
    const [first, second] = plan.stages as [(typeof plan.stages)[number], (typeof plan.stages)[number]];
    const withStages = (...stages: typeof plan.stages) => ({ ...good, plan: { ...plan, stages } });
    const step = first.steps[0] as Extract<(typeof first.steps)[number], { kind: "linear" }>;
    const withStep = (changes: Partial<typeof step>) =>
      withStages({ ...first, steps: [{ ...step, ...changes }] }, second);
    const cases: [string, SheProgram][] = [
      ["no tolerance", { ...good, toleranceUnits: 0 }],
      ["input scale", { ...good, plan: { ...plan, inputScale: 2 ** 600 } }],
      ["interleave", { ...good, plan: { ...plan, interleave: 3 } }],
      ["slot map", { ...good, plan: { ...plan, slotMap: plan.slotMap.map(() => 8192) } }],
      ["outputs", { ...good, plan: { ...plan, outputUnits: [1, 1] } }],
      ["output slot", { ...good, plan: { ...plan, outputUnits: [32] } }],
      ["no output", { ...good, plan: { ...plan, outputUnits: [] } }],
      ["level", withStep({ level: 4 })],
      ["baby steps", withStep({ babies: 3 })],
      ["fold", withStep({ folds: [3] })],
      ["fold beyond the slots", withStep({ folds: [32] })],
      ["plaintexts out of order", withStep({ diagonals: step.diagonals.toReversed() })],
      ["name", withStep({ name: "a\nb" })],
      ["long name", withStep({ name: "a".repeat(65) })],
      [
        "ends in a square",
        withStages({ ...first, steps: [{ kind: "square", name: "s", level: first.levelIn }] }, second),
      ],
      ["too many levels", withStages({ ...first, levelIn: 6 }, second)],
      ["no stage", withStages()],
      ["empty stage", withStages({ ...first, steps: [] }, second)],
    ];
    for (const [what, program] of cases) {
      let code: unknown;
      try {
        decodeSheProgram(encodeSheProgram(program));
      } catch (error) {
        code = (error as { code?: unknown }).code;
      }
      expect(code, what).to.equal("BYTES_REFUSED");
    }
    const bytes = encodeSheProgram(good);
    await expectCode("BYTES_TRAILING", () => decodeSheProgram(new Uint8Array([...bytes, 0])));
    await expectCode("BYTES_TRUNCATED", () => decodeSheProgram(bytes.slice(0, -1)));
    await expectCode("PROFILE_UNKNOWN", () => decodeSheProgram(bytes.with(5, 77)));
    for (const [at, value] of [
      [0, 1],
      [4, 2],
      [5, 4],
    ] as const)
      await expectCode("BYTES_REFUSED", () => decodeSheProgram(bytes.with(at, value)));
  });

  it("property: mutated bytes are refused or canonical", () => {
    const rng = new Prng(3);
    const original = encodeSheProgram(sample(128, [0]));
    const codes = ["BYTES_REFUSED", "PROFILE_UNKNOWN", "BYTES_TRUNCATED", "BYTES_TRAILING", "TOO_LARGE"];
    const rounds = process.env["ASSAY_DEEP"] === "1" ? 100_000 : 5_000;
    for (let i = 0; i < rounds; i++) {
      const bytes = original.slice(0, rng.chance(0.1) ? rng.int(0, original.length) : original.length);
      for (let n = rng.int(0, 3); n > 0; n--) bytes[rng.int(0, bytes.length)] = rng.int(0, 255);
      try {
        expect(Buffer.compare(encodeSheProgram(decodeSheProgram(bytes)), bytes)).to.equal(0);
      } catch (error) {
        expect((error as { code?: string }).code, String(error)).to.be.oneOf(codes);
      }
    }
  });
});
