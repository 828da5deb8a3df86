// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { bytesToBig, fromHex } from "../../../offchain/core/bytes.ts";
import { saltedDigest } from "../../../offchain/core/digest.ts";
import { FIELD, mod } from "../../../offchain/core/poseidon-constants.ts";
import { analyseProgram } from "../../../offchain/core/program/analyse.ts";
import { linearOperators } from "../../../offchain/core/program/linear-operators.ts";
import { inputsOf, type Op, type Program } from "../../../offchain/core/program/types.ts";
import { encodeTensor } from "../../../offchain/core/tensor.ts";
import { fingerprint } from "../../../offchain/core/zk/fingerprint.ts";
import { applyLinear, identityMap } from "../../../offchain/engines/she/compile/linear-map.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import { STEP_DEFINE, STEP_FACTOR } from "../../../offchain/engines/zk/circuit/netlist.ts";
import type { CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { firstViolation } from "../../../offchain/engines/zk/r1cs/check-witness.ts";
import { WIRE_V } from "../../../offchain/engines/zk/r1cs/r1cs.ts";
import { bigintsToValues, valuesToBigints } from "../../../offchain/engines/zk/r1cs/witness-values.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import {
  CHALLENGE,
  compileChecked,
  compileFor,
  expectSound,
  factorsFor,
  randomInputs,
  witnessFor,
} from "../../support/circuit-run.ts";
import { expectCode } from "../../support/expect-code.ts";
import { Prng } from "../../support/prng.ts";
import { conv, dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";

const ARCHITECTURES: Readonly<Record<string, Program>> = {
  "two dense layers": stage([6], [dense(0, 6, 5, relu(9)), dense(1, 5, 3, signedOut(8))]),
  "a batch of rows": stage([4, 3], [dense(0, 3, 3, relu(9))]),
  "a convolution by polynomials, padded": stage(
    [2, 5, 4],
    [conv(0, [2, 2], [3, 3], { pads: [1, 1, 1, 1], finish: relu(10) })],
  ),
  // Strides pass over inputs, a corner of the kernel lies outside everywhere: empty columns, weights that no output reads.
  "a convolution by plain products, with unread inputs and weights": stage(
    [1, 4, 4],
    [conv(0, [1, 2], [2, 2], { strides: [3, 3], pads: [1, 1, 0, 0], finish: relu(8) })],
  ),
  "a convolution and a dense layer": stage(
    [1, 4, 4],
    [
      conv(0, [1, 2], [3, 3], { finish: relu(9) }),
      { kind: "reshape", input: 1, dims: [8] },
      dense(2, 8, 3, { kind: "exact" }),
    ],
  ),
};

/** r^T W and r · bias of each operator, from the matrices that encrypted evaluation makes of them. */
function transposedProducts(program: Program, factors: readonly bigint[]): bigint[] {
  const { values } = analyseProgram(program);
  let at = 0;
  return program.ops.flatMap((op: Op, i): bigint[] => {
    if (op.kind !== "dense" && op.kind !== "conv") return [];
    const [from = 0] = inputsOf(op);
    const [inDims = [], outDims = []] = [values[from]?.dims, values[program.inputs.length + i]?.dims];
    const size = inDims.reduce((product, dim) => product * dim, 1);
    const map = applyLinear(op, [identityMap(size)], inDims, outDims);
    const u = Array.from({ length: size + 1 }, () => 0n);
    for (const [o, { columns, weights }] of map.rows.entries()) {
      const r = factors[at++] ?? 0n;
      for (const [k, column] of columns.entries()) u[column] = mod((u[column] ?? 0n) + r * BigInt(weights[k] ?? 0));
      u[size] = mod((u[size] ?? 0n) + r * (map.bias[o] ?? 0n));
    }
    return u;
  });
}

const COUNTED = new Set(["two dense layers", "a convolution by polynomials, padded"]);
const ATTACKED = new Set([...COUNTED, "a convolution by plain products, with unread inputs and weights"]);
const SALT = Uint8Array.from({ length: 31 }, (_, i) => i * 5 + 1);

describe("linear-check mode of private weights", function () {
  this.timeout(240_000);
  const compiled = new Map<string, Promise<CompiledCircuit>>();
  const circuitOf = (name: string): Promise<CompiledCircuit> => {
    const made = compiled.get(name) ?? compileChecked(retrained(ARCHITECTURES[name] as Program, new Prng(31)));
    compiled.set(name, made);
    return made;
  };

  for (const name of Object.keys(ARCHITECTURES)) {
    it(`default: R37 ${name}: sound by the kit; v is that of r, u and both digests, with u as the other engine's matrix has it`, async () => {
      const circuit = await circuitOf(name);
      const { program } = circuit;
      const prng = new Prng(5);
      expectSound(circuit, prng);
      const inputs = randomInputs(program, prng);
      const factors = factorsFor(circuit);
      expect(circuit.checks).to.deep.equal(linearOperators(program));
      for (const r of [factors, factors.map(() => FIELD - 1n)]) {
        const { values, output } = witnessFor(circuit, inputs, r);
        const digests = [inputs[0], output].map((tensor) =>
          bytesToBig(fromHex(saltedDigest(encodeTensor(tensor as NonNullable<typeof tensor>), SALT))),
        );
        const words = [...r, ...transposedProducts(program, r), ...digests];
        expect(valuesToBigints(values)[WIRE_V]).to.equal(fingerprint(words, CHALLENGE.rho));
      }
    });

    if (COUNTED.has(name))
      it(`behavior: ${name}: a job's proof has r = u = 0, the v of a circuit without the mode, and its inference constraints`, async () => {
        const circuit = await circuitOf(name);
        const plain = await compileFor(circuit.program, "private", "SALTED");
        expect(plain.checks).to.deep.equal([]);
        expect(circuit.circuitHash).to.not.equal(plain.circuitHash);
        const inputs = randomInputs(circuit.program, new Prng(8));
        const zeros = factorsFor(circuit).map(() => 0n);
        const own = witnessFor(circuit, inputs, zeros).values;
        expect(firstViolation(circuit.r1cs, own)).to.equal(-1);
        expect(valuesToBigints(own)[WIRE_V]).to.equal(valuesToBigints(witnessFor(plain, inputs).values)[WIRE_V]);
        // Without factors: zeros.
        const salts = circuit.boundaries.map(() => SALT);
        expect(buildRoundOne(circuit, { inputs, salts }).values).to.deep.equal(
          buildRoundOne(circuit, { inputs, salts, factors: zeros }).values,
        );
        const rest = circuit.report.parts.filter(({ name: part }) => !part.endsWith("linear check"));
        const withoutWords = (parts: typeof rest) => parts.filter(({ name: part }) => part !== "fingerprint");
        expect(withoutWords(rest)).to.deep.equal(withoutWords([...plain.report.parts]));
        const words = circuit.checks.reduce((sum, { rows, columns }) => sum + rows + columns + 1, 0);
        const entries = circuit.report.parts.filter(({ name: part }) => part.endsWith("linear check"));
        const products = entries.reduce((sum, { constraints }) => sum + constraints, 0);
        expect(circuit.report.constraints).to.equal(plain.report.constraints + words + products);
      });

    if (!ATTACKED.has(name)) continue;
    describe(`cheating provers: ${name}`, () => {
      /** Round 2 is honest for what round 1 was made to say, v included: what a cheat can do best. */
      const accepts = async (lie: (values: bigint[], circuit: CompiledCircuit) => void): Promise<boolean> => {
        const circuit = await circuitOf(name);
        const salts = circuit.boundaries.map(() => SALT);
        const inputs = randomInputs(circuit.program, new Prng(9));
        const { values } = buildRoundOne(circuit, { inputs, salts, factors: factorsFor(circuit) });
        const numbers = valuesToBigints(values);
        lie(numbers, circuit);
        return firstViolation(circuit.r1cs, solveRoundTwo(circuit, bigintsToValues(numbers), CHALLENGE)) < 0;
      };
      const wiresOf = ({ plan: { steps } }: CompiledCircuit, kind: number): number[] =>
        Array.from({ length: steps.length / 5 }, (_, i) => i * 5)
          .filter((at) => steps[at] === kind)
          .map((at) => steps[at + 1] ?? 0);
      const add = (values: bigint[], wire: number, by: bigint) => (values[wire] = mod((values[wire] ?? 0n) + by));
      /** Partial sums of r^T W, in the order of their rows. */
      const sumsOf = (circuit: CompiledCircuit): number[] => {
        const { r1cs } = circuit;
        const factors = new Set(wiresOf(circuit, STEP_FACTOR));
        const sums: number[] = [];
        for (let at = 0; at < circuit.plan.steps.length; at += 5) {
          const [kind, wire = 0, , row = 0] = circuit.plan.steps.subarray(at, at + 5);
          if (kind !== STEP_DEFINE) continue;
          const side = r1cs.b.wires.subarray(r1cs.b.offsets[row] ?? 0, r1cs.b.offsets[row + 1] ?? 0);
          if (side.length > 0 && side.every((one) => factors.has(one))) sums.push(wire);
        }
        return sums;
      };

      it("default: the honest witness is accepted", async () => {
        expect(await accepts(() => undefined)).to.equal(true);
      });

      it("attack: no partial sum of u can be another, alone or against the next one", async () => {
        const sums = sumsOf(await circuitOf(name));
        const { report } = await circuitOf(name);
        const products = report.parts.filter(({ name: part }) => part.endsWith("linear check"));
        expect(sums.length).to.equal(products.reduce((sum, { constraints }) => sum + constraints, 0));
        const stride = Math.ceil(sums.length / 7);
        for (const [i, wire] of sums.entries()) {
          if (i % stride !== 0 && i !== sums.length - 1) continue;
          expect(await accepts((values) => add(values, wire, 1n))).to.equal(false);
          expect(
            await accepts((values) => {
              add(values, wire, 1n);
              add(values, sums[i + 1] ?? wire, wire === sums[i + 1] ? 0n : 1n);
            }),
          ).to.equal(false);
          expect(await accepts((values) => (values[wire] = 0n))).to.equal(false);
        }
      });

      it("attack: swapped, doubled, or zero elements of r under the same u", async () => {
        const circuit = await circuitOf(name);
        const [first = 0, second = 0] = wiresOf(circuit, STEP_FACTOR);
        expect(
          await accepts((values) => {
            [values[first], values[second]] = [values[second] ?? 0n, values[first] ?? 0n];
          }),
        ).to.equal(false);
        expect(await accepts((values) => add(values, first, values[first] ?? 0n))).to.equal(false);
        expect(await accepts((values) => (values[first] = 0n))).to.equal(false);
      });

      it("attack: other weights than those of the products", async () => {
        const { from, count } = (await circuitOf(name)).groups.weights;
        for (const wire of [from, from + count - 1, from + Math.floor(count / 2)])
          expect(await accepts((values) => add(values, wire, 1n))).to.equal(false);
      });
    });
  }

  it("behavior: the circuit belongs to the architecture, in this mode too", async () => {
    const architecture = ARCHITECTURES["two dense layers"] as Program;
    const [first, second] = [41, 42].map((seed) => compileChecked(retrained(architecture, new Prng(seed))));
    expect((await first)?.circuitHash).to.equal((await second)?.circuitHash);
  });

  describe("refusals", () => {
    const architecture = ARCHITECTURES["two dense layers"] as Program;
    const compile = (more: object, program = architecture) =>
      compileCircuit(program, {
        weights: "private",
        inKinds: ["SALTED"],
        outKind: "SALTED",
        linearCheck: true,
        cacheFolder: "build/cells",
        ...more,
      });

    it("error: NOT_PROVABLE for public weights, unsalted boundaries, several inputs, one round, no weights", async () => {
      await expectCode("NOT_PROVABLE", () => compile({ weights: "public" }));
      await expectCode("NOT_PROVABLE", () => compile({ inKinds: ["PUBLIC"] }));
      await expectCode("NOT_PROVABLE", () => compile({ outKind: "PUBLIC" }));
      await expectCode("NOT_PROVABLE", () => compile({ backend: "one-round" }));
      const [input] = architecture.inputs;
      if (input === undefined) return expect.fail("no input");
      await expectCode("NOT_PROVABLE", () =>
        compile(
          { inKinds: ["SALTED", "SALTED"] },
          {
            ...architecture,
            inputs: [input, input],
            ops: [{ kind: "concat", inputs: [0, 1], axis: 0 }, dense(2, 12, 3, relu(9))],
            output: 3,
          },
        ),
      );
      await expectCode("NOT_PROVABLE", () =>
        compile({}, { ...architecture, ops: [{ kind: "reshape", input: 0, dims: [2, 3] }], output: 1 }),
      );
      return undefined;
    });

    it("error: WITNESS_INPUT for an r of another length: none is cut off or filled up", async () => {
      const circuit = await circuitOf("two dense layers");
      const inputs = randomInputs(circuit.program, new Prng(1));
      const factors = factorsFor(circuit);
      for (const wrong of [factors.slice(1), [...factors, 0n]])
        await expectCode("WITNESS_INPUT", () =>
          buildRoundOne(circuit, { inputs, salts: [SALT, SALT], factors: wrong }),
        );
    });
  });
});
