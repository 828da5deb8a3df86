// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { wtns } from "snarkjs";
import { elementsOf } from "../../../offchain/core/program/analyse.ts";
import type { Program } from "../../../offchain/core/program/types.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import { STEP_DEFINE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import { runCircom } from "../../../offchain/engines/zk/circuit/run-circom.ts";
import type { CircuitRecord, CompiledCircuit } from "../../../offchain/engines/zk/circuit/types.ts";
import { readR1cs } from "../../../offchain/engines/zk/r1cs/read-r1cs.ts";
import { readSym, type Sym } from "../../../offchain/engines/zk/r1cs/sym.ts";
import { valuesToBigints } from "../../../offchain/engines/zk/r1cs/witness-values.ts";
import { readWtns } from "../../../offchain/engines/zk/r1cs/wtns.ts";
import { randomInputs, witnessFor } from "../../support/circuit-run.ts";
import { canonicalRows, eliminate, rowsOf } from "../../support/compare-r1cs.ts";
import { printCircom } from "../../support/print-circom.ts";
import { Prng } from "../../support/prng.ts";
import { randomBlock } from "../../support/random-block.ts";
import { Random, randomPolynomial, randomProgram } from "../../support/random-program.ts";
import { dense, relu, retrained, signedOut, stage } from "../../support/small-architectures.ts";

/** Names that both circuits share: inputs of main by their wire in the drawing, own signals of component k as nk.name. */
function sharedNames({ plan, publics }: CompiledCircuit, { advice, drawn, placed }: CircuitRecord) {
  const linked = new Map<number, string>([[0, "1"]]);
  const kept = new Set<string>();
  const put = (wire: number, name: string) => {
    linked.set(wire, name);
    kept.add(`main.${name}`);
  };
  for (let wire = 1; wire <= publics.length; wire++) put(wire, `w${wire}`);
  let at = 0;
  for (let i = 0; i < plan.steps.length; i += 5)
    if (plan.steps[i] !== STEP_DEFINE) put(plan.steps[i + 1] ?? 0, `w${advice[at++]}`);
  expect(at).to.equal(advice.length);
  expect(placed.length).to.equal(drawn.length);
  for (const [k, wires] of placed.entries()) for (const { name, wire } of wires) put(wire, `n${k}.${name}`);
  return { linked, kept };
}

/** Without lookups other operators take tens of thousands of constraints. */
const SMALL_IN_BITS = new Set(["dense", "square", "forest", "map", "reshape", "concat"]);

/** With ASSAY_DEEP=1 two programs of the same operators, and more of one: circom takes seconds over each. */
const DEEP = process.env["ASSAY_DEEP"] === "1";

/** Small programs of every kind of operator: circom takes long over long sums. */
function smallPrograms(): { name: string; program: Program }[] {
  const programs: { name: string; program: Program }[] = [];
  const kinds = new Map<string, number>();
  for (let seed = 0; programs.length < (DEEP ? 24 : 15); seed++) {
    const random = new Random(seed);
    const program =
      seed % 3 === 0 ? randomBlock(random) : seed % 3 === 1 ? randomProgram(random) : randomPolynomial(random, 1);
    const name = program.ops.map(({ kind }) => kind).join();
    const wide = program.ops.some((op) => "weights" in op && op.weights.length > 200);
    const forest = program.ops.some((op) => op.kind === "forest" && op.features.length > 60);
    const size = program.inputs.reduce((sum, { dims }) => sum + elementsOf(dims), 0);
    if (wide || forest || size > 60 || (kinds.get(name) ?? 0) >= (DEEP ? 2 : 1)) continue;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
    programs.push({ name: `${name} (seed ${seed})`, program });
  }
  return programs;
}

async function expectSame(circuit: CompiledCircuit, oracle: { r1cs: Uint8Array; sym: Uint8Array }): Promise<Sym> {
  const record = circuit.record as CircuitRecord;
  const { linked, kept } = sharedNames(circuit, record);
  const sym = readSym(oracle.sym);
  const keep = new Set([...kept].map((name) => sym.wireOf.get(name) ?? -1));
  expect(keep.has(-1), "a wire of the linked circuit does not exist in circom's").to.equal(false);
  const full = canonicalRows(eliminate(rowsOf(readR1cs(oracle.r1cs)), keep), (wire) =>
    wire === 0 ? "1" : (sym.nameOf.get(wire) ?? "?").slice("main.".length),
  );
  const own = canonicalRows(rowsOf(circuit.r1cs), (wire) => linked.get(wire) ?? "?");
  // Texts, not arrays: chai's own comparison of thousands of lines takes seconds.
  const [mine, theirs] = [new Set(own), new Set(full)];
  expect(own.filter((row) => !theirs.has(row)).slice(0, 3), "only in the linked circuit").to.deep.equal([]);
  expect(full.filter((row) => !mine.has(row)).slice(0, 3), "only in circom's").to.deep.equal([]);
  expect(own.join("\n") === full.join("\n"), "some constraint occurs another number of times").to.equal(true);
  return sym;
}

/** The same committed values and challenges give circom's own witness program every other wire as we have it. */
async function expectSameWitness(circuit: CompiledCircuit, wasm: Uint8Array | undefined, sym: Sym, seed: number) {
  const values = valuesToBigints(witnessFor(circuit, randomInputs(circuit.program, new Prng(seed))).values);
  const { linked } = sharedNames(circuit, circuit.record as CircuitRecord);
  const inputs: Record<string, string> = {};
  for (const [wire, signal] of linked) if (signal.startsWith("w")) inputs[signal] = (values[wire] ?? 0n).toString();
  const file: { type: "mem"; data?: Uint8Array } = { type: "mem" };
  await wtns.calculate(inputs, wasm ?? new Uint8Array(), file);
  const theirs = valuesToBigints(readWtns(file.data ?? new Uint8Array()));
  for (const [wire, signal] of linked)
    if (wire > 0) expect(theirs[sym.wireOf.get(`main.${signal}`) ?? 0], signal).to.equal(values[wire]);
}

describe("linked circuit and all-circom circuit", function () {
  this.timeout(300_000);
  it("default: private weights in linear-check mode", async () => {
    const program = retrained(stage([3], [dense(0, 3, 4, relu(8)), dense(1, 4, 2, signedOut(7))]), new Prng(2));
    const circuit = await compileCircuit(program, {
      weights: "private",
      inKinds: ["SALTED"],
      outKind: "SALTED",
      linearCheck: true,
      record: true,
      cacheFolder: "build/cells",
    });
    const oracle = await runCircom(await printCircom(circuit.record as CircuitRecord), { wasm: true });
    await expectSameWitness(circuit, oracle.wasm, await expectSame(circuit, oracle), 3);
  });

  for (const [i, { name, program }] of smallPrograms().entries()) {
    it(`default: equal multisets of constraints, and circom's witness is ours: ${name}`, async () => {
      const kind = i % 6 === 0 ? "SALTED" : "PUBLIC";
      const circuit = await compileCircuit(program, {
        weights: "public",
        inKinds: program.inputs.map(() => "PUBLIC"),
        outKind: kind,
        record: true,
        cacheFolder: "build/cells",
        backend: i % 3 === 1 && program.ops.every((op) => SMALL_IN_BITS.has(op.kind)) ? "one-round" : "two-round",
      });
      const record = circuit.record as CircuitRecord;
      const oracle = await runCircom(await printCircom(record), { wasm: true });
      const sym = await expectSame(circuit, oracle);

      await expectSameWitness(circuit, oracle.wasm, sym, i);
    });
  }
});
