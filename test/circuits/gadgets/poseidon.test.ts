// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import * as lite from "poseidon-lite";
import { bytesToBig } from "../../../offchain/core/bytes.ts";
import { FIELD } from "../../../offchain/core/poseidon-constants.ts";
import { poseidon, poseidonFold, toWords } from "../../../offchain/core/poseidon.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { mutate } from "../../../offchain/engines/zk/kit/mutate.ts";
import { constraintCount, type R1cs } from "../../../offchain/engines/zk/r1cs/r1cs.ts";
import { compileCircom } from "../../support/compile-circom.ts";
import { Prng } from "../../support/prng.ts";

const permutation = (n: number) => compileCircom(`component main = Poseidon(${n});`, ["Poseidon.circom"]);
const EXTREMES = [0n, 1n, FIELD - 1n, (FIELD - 1n) / 2n, 1n << 253n];
/** Wires 1 (the output) and those that circom computes, in the order of definition, follow the inputs. */
const computed = (r1cs: R1cs): number[] =>
  Array.from({ length: r1cs.wires }, (_, wire) => wire).filter((wire) => wire === 1 || wire > 1 + r1cs.privateInputs);

describe("Poseidon gadget", () => {
  for (const [n, reference, budget] of [
    [2, lite.poseidon2, 240],
    [16, lite.poseidon16, 609],
  ] as const)
    describe(`of ${n} elements`, () => {
      const gadget = permutation(n);
      const prng = new Prng(n);

      it(`behavior: ${budget} constraints, none linear`, () => {
        expect(constraintCount(gadget.r1cs)).to.equal(budget);
        for (let row = 0; row < budget; row++)
          for (const side of [gadget.r1cs.a, gadget.r1cs.b])
            expect(side.offsets[row + 1], `row ${row}`).to.be.greaterThan(side.offsets[row] ?? 0);
      });

      it("default: R34 equals core and poseidon-lite, extremes included", async () => {
        const inputs = EXTREMES.map((value, i) => Array.from({ length: n }, (_, k) => (k === i % n ? value : 1n)));
        inputs.push(
          Array.from({ length: n }, () => FIELD - 1n),
          Array.from({ length: n }, () => 0n),
        );
        for (let i = 0; i < 5; i++) inputs.push(Array.from({ length: n }, () => prng.bigint(260) % FIELD));
        for (const input of inputs) {
          const witness = await gadget.witness({ in: input });
          expect(witness[1]).to.equal(poseidon(input)).and.equal(reference(input));
          expect(firstViolation(gadget.r1cs, witness)).to.equal(-1);
        }
      });

      it("behavior: no wire can be changed alone, sign flips and zeros included", async () => {
        const witness = await gadget.witness({ in: Array.from({ length: n }, () => prng.bigint(254) % FIELD) });
        expect(mutate(gadget.r1cs, witness)).to.deep.equal([]);
      });

      it("behavior: each constraint determines one new wire, so no second witness exists", () => {
        const { r1cs } = gadget;
        const known = new Set(Array.from({ length: r1cs.wires }, (_, wire) => wire));
        for (const wire of computed(r1cs)) known.delete(wire);
        for (let row = 0; row < constraintCount(r1cs); row++) {
          for (const side of [r1cs.a, r1cs.b])
            for (let entry = side.offsets[row] ?? 0; entry < (side.offsets[row + 1] ?? 0); entry++)
              expect(known.has(side.wires[entry] ?? -1), `row ${row}`).to.equal(true);
          const from = r1cs.c.offsets[row] ?? 0;
          const fresh = [...r1cs.c.wires.subarray(from, r1cs.c.offsets[row + 1])].filter((wire) => !known.has(wire));
          expect(fresh, `row ${row}`).to.have.length(1);
          known.add(fresh[0] ?? -1);
        }
        expect(known.size).to.equal(r1cs.wires);
      });
    });

  it("behavior: known lanes give the same hash for fewer constraints", async () => {
    const known = `[${2n ** 64n + 784n}, 0]`;
    const gadget = compileCircom(`component main = PoseidonLanes(2, 1, 1, ${known});`, ["PoseidonLanes.circom"]);
    expect(constraintCount(gadget.r1cs)).to.equal(237);
    const witness = await gadget.witness({ in: [77n] });
    expect(witness[1]).to.equal(poseidon([2n ** 64n + 784n, 77n]));
  });
});

describe("PoseidonFold gadget", () => {
  const salt = Uint8Array.from({ length: 31 }, (_, i) => 255 - i);

  for (const [length, constraints] of [
    [1, 237 + 564 + 3],
    [31 * 15, 237 + 564 + 45],
    [31 * 15 + 1, 237 + 2 * 564 + 48],
    [784 + 12, 237 + 2 * 564 + 78],
  ] as const)
    it(`default: ${length} bytes give core's SALTED digest in ${constraints} constraints`, async () => {
      const gadget = compileCircom(`component main = PoseidonFold(${length});`, ["PoseidonFold.circom"]);
      expect(constraintCount(gadget.r1cs)).to.equal(constraints);
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + 255) & 255);
      const witness = await gadget.witness({ words: toWords(bytes), salt: bytesToBig(salt) });
      expect(witness[1]).to.equal(bytesToBig(poseidonFold(bytes, salt)));
      expect(firstViolation(gadget.r1cs, witness)).to.equal(-1);
      expect(mutate(gadget.r1cs, witness)).to.deep.equal([]);
    });

  it("behavior: the length separates tensors that differ by zeros at the end", async () => {
    const digest = async (length: number) => {
      const gadget = compileCircom(`component main = PoseidonFold(${length});`, ["PoseidonFold.circom"]);
      return (await gadget.witness({ words: toWords(new Uint8Array(length)), salt: 5n }))[1];
    };
    expect(await digest(3)).to.not.equal(await digest(4));
  });
});
