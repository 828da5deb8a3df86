// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { decodeStages, encodeStages, programRoot } from "../../../../offchain/core/program/container.ts";
import { decodeProgram } from "../../../../offchain/core/program/decode-program.ts";
import { encodeProgram } from "../../../../offchain/core/program/encode-program.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { randomBlock } from "../../../support/random-block.ts";
import { Random, randomPolynomial, randomProgram } from "../../../support/random-program.ts";

const anyProgram = fc.tuple(fc.integer(), fc.integer({ min: -2, max: 2 })).map(([seed, squares]) => {
  const random = new Random(seed);
  if (squares === -2) return randomBlock(random);
  return squares < 0 ? randomProgram(random) : randomPolynomial(random, squares);
});
const RUNS = process.env["ASSAY_DEEP"] === "1" ? 5000 : 200;

describe("program bytes", () => {
  it("default: decode(encode(program)) is the program, for both families and every operator", () => {
    fc.assert(
      fc.property(anyProgram, (program) => {
        const bytes = encodeProgram(program);
        const again = decodeProgram(bytes).program;
        expect(encodeProgram(again)).to.deep.equal(bytes);
        expect(again.ops.map((op) => op.kind)).to.deep.equal(program.ops.map((op) => op.kind));
      }),
      { numRuns: RUNS },
    );
  });

  it("behavior: a flipped byte is refused or is another program with exactly those bytes", () => {
    fc.assert(
      fc.property(anyProgram, fc.nat(), fc.integer({ min: 1, max: 255 }), (program, position, flip) => {
        const bytes = encodeProgram(program);
        const at = position % Math.min(bytes.length, 400);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        try {
          expect(encodeProgram(decodeProgram(bytes).program)).to.deep.equal(bytes);
        } catch (error) {
          if (!isAssayError(error) || error.module !== "program") throw error;
        }
      }),
      { numRuns: 5 * RUNS },
    );
  });

  it("error: PROGRAM_MALFORMED for truncated, extended and foreign bytes", async () => {
    const bytes = encodeProgram(randomPolynomial(new Random(1), 1));
    for (let length = 0; length < bytes.length; length++) {
      await expectCode("PROGRAM_MALFORMED", () => decodeProgram(bytes.slice(0, length)));
    }
    await expectCode("PROGRAM_MALFORMED", () => decodeProgram(Uint8Array.of(...bytes, 0)));
    await expectCode("PROGRAM_MALFORMED", () => decodeProgram(new Uint8Array((64 << 20) + 1)));
  });

  it("behavior: random bytes give a typed error, fast", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (tail) => {
        const head = encodeProgram(randomPolynomial(new Random(1), 1)).slice(0, 24);
        try {
          decodeProgram(Uint8Array.of(...head, ...tail));
        } catch (error) {
          return isAssayError(error) && error.module === "program";
        }
        return false;
      }),
      { numRuns: 1000 },
    );
  });

  it("behavior: equal shifts written one by one are a second encoding and refused", async () => {
    const weights = new Int8Array(2).fill(1);
    const finish = { kind: "scale", dtype: "i8", shifts: [3, 3], lo: 0, hi: 127, table: null } as const;
    const op = { kind: "dense", input: 0, outputs: 2, weights, bias: [0n, 0n], finish } as const;
    const bytes = encodeProgram({
      family: "quantised",
      inputs: [{ dtype: "i8", dims: [1], lo: 0, hi: 127 }],
      ops: [op],
      output: 1,
    });
    // ... u32 1 ‖ 3 at the end of the finish becomes u32 2 ‖ 3 3, and the operator one byte longer.
    const at = bytes.length - 7;
    const second = Uint8Array.of(...bytes.slice(0, at), 2, 0, 0, 0, 3, ...bytes.slice(at + 4));
    const length = bytes.findIndex((_, i) => i > 30 && bytes.length - 2 - (i + 4) === bytes[i]);
    second[length] = (second[length] ?? 0) + 1;
    expect(decodeProgram(bytes).program.ops).to.have.length(1);
    await expectCode("PROGRAM_MALFORMED", () => decodeProgram(second));
  });

  it("default: stages round-trip, and the root changes with any stage's bytes or order", async () => {
    const stages = [1, 2, 3].map((seed) => encodeProgram(randomProgram(new Random(seed))));
    const file = encodeStages(stages);
    expect(decodeStages(file)).to.deep.equal(stages);
    const root = programRoot(stages);
    expect(programRoot(stages.toReversed())).to.not.equal(root);
    expect(programRoot(stages.slice(0, 2))).to.not.equal(root);
    await expectCode("PROGRAM_MALFORMED", () => decodeStages(file.slice(0, -1)));
    await expectCode("PROGRAM_MALFORMED", () => decodeStages(Uint8Array.of(...file, 0)));
    await expectCode("PROGRAM_MALFORMED", () => decodeStages(encodeStages([])));
  });
});
