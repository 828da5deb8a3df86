// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import type { Program } from "../../../offchain/core/program/types.ts";
import { linkCells } from "../../../offchain/engines/zk/circuit/cells/link-cells.ts";
import type { CellSpec } from "../../../offchain/engines/zk/circuit/cells/cell.ts";
import { compileCircuit } from "../../../offchain/engines/zk/circuit/compile-circuit.ts";
import { LOOKUP } from "../../../offchain/engines/zk/circuit/gadgets.ts";
import { Netlist, STEP_VALUE } from "../../../offchain/engines/zk/circuit/netlist.ts";
import { assemble } from "../../../offchain/engines/zk/circuit/assemble.ts";
import { runCircom } from "../../../offchain/engines/zk/circuit/run-circom.ts";
import type { CircuitOptions } from "../../../offchain/engines/zk/circuit/types.ts";
import { buildRoundOne } from "../../../offchain/engines/zk/witness/build-round-one.ts";
import { solveRoundTwo } from "../../../offchain/engines/zk/witness/solve-round-two.ts";
import { expectCode } from "../../support/expect-code.ts";

const program = (length: number): Program => ({
  family: "quantised",
  inputs: [{ dtype: "i8", dims: [length], lo: 0, hi: 7 }],
  ops: [{ kind: "map", input: 0, lo: 0, table: Int8Array.of(3, 1, 4, 1, 5, 9, 2, 6) }],
  output: 1,
});
const options = (inKind: "PUBLIC" | "SALTED", more: Partial<CircuitOptions> = {}): CircuitOptions => ({
  weights: "public",
  inKinds: [inKind],
  outKind: "PUBLIC",
  cacheFolder: "build/cells",
  ...more,
});

/** A template compiled and linked alone, its inputs free. */
async function linked(body: string, inputs: CellSpec["inputs"], outputs: CellSpec["outputs"] = {}) {
  const spec: CellSpec = { template: "Planted", folder: "gadgets", parameters: [], inputs, outputs };
  const names = Object.keys(inputs);
  const text = `pragma circom 2.1.6;
template Planted() {
${body}
}
template Cells() {
${names.map((name) => `signal input k0_${name};`).join("\n")}
component k0 = Planted();
${names.map((name) => `k0.${name} <== k0_${name};`).join("\n")}
}
component main = Cells();
`;
  const { r1cs, sym } = await runCircom(text);
  return linkCells([spec], r1cs, sym);
}

describe("circuit compiler errors", function () {
  this.timeout(60_000);

  it("error: NOT_PROVABLE for a long PUBLIC boundary, a BLINDED one, a wrong number of kinds", async () => {
    await expectCode("NOT_PROVABLE", () => compileCircuit(program(8193), options("PUBLIC")));
    await expectCode("NOT_PROVABLE", () => compileCircuit(program(300_000), options("SALTED")));
    await expectCode("NOT_PROVABLE", () => compileCircuit(program(3), options("BLINDED" as "PUBLIC")));
    await expectCode("NOT_PROVABLE", () => compileCircuit(program(3), options("PUBLIC", { inKinds: [] })));
    const both = options("PUBLIC", { weights: "private", backend: "one-round" });
    await expectCode("NOT_PROVABLE", () => compileCircuit(program(3), both));
  });

  it("error: CIRCOM_FAILED with circom's own words", async () => {
    const error = await expectCode("CIRCOM_FAILED", () => runCircom("pragma circom 2.1.6; template X( {"));
    expect((error as Error).message).to.include("error[P1012]");
  });

  it("error: CELL_INVALID for advice inside a gadget, whatever it is used for", async () => {
    const advice = "signal input x; signal bit; bit <-- x & 1; bit * (bit - 1) === 0;";
    await expectCode("CELL_INVALID", () => linked(advice, { x: null }));
    const root = "signal input x; signal root; root <-- 2; root * root === x;";
    await expectCode("CELL_INVALID", () => linked(root, { x: null }));
  });

  it("error: CELL_INVALID for a signal that nothing constrains, where it is used", async () => {
    const loose = "signal input x; signal free; signal other; free <-- x; other <-- x; x * x === free + other;";
    await expectCode("CELL_INVALID", () => linked(loose, { x: null }));
  });

  it("error: CELL_INVALID for a quotient by committed values: it is free where the divisor is 0", async () => {
    const quotient = "signal input x; signal input d; signal q; q <-- x / d; q * d === x;";
    await expectCode("CELL_INVALID", () => linked(quotient, { x: null, d: null }));
  });

  it("error: CELL_INVALID for a round-2 value under a committed name, and the reverse", async () => {
    await expectCode("CELL_INVALID", () =>
      linked("signal input rho; signal input x; signal y; y <== rho * x;", { rho: null, x: null }),
    );
    await expectCode("CELL_INVALID", () => linked("signal input x; signal r2_y; r2_y <== x * x;", { x: null }));
  });

  it("behavior: a gadget whose signals are all defined links, affine ones as forms", async () => {
    const [cell] = await linked(
      "signal input x; signal input y; signal sum; signal output z; sum <== x + y; z <== sum * sum + 3;",
      { x: null, y: null },
      { z: null },
    );
    expect(cell?.wires.map(({ name }) => name)).to.deep.equal(["z"]);
    expect(cell?.rows).to.have.length(1);
  });

  it("error: LINK_INVALID for a wire in no constraint, and for wrong inputs of a gadget", async () => {
    const net = new Netlist(null);
    net.advice(STEP_VALUE, null, 0, 0);
    await expectCode("LINK_INVALID", () => assemble(net, 0));
    await expectCode("LINK_INVALID", () => net.stamp(LOOKUP, { c: net.forms.one }));
    await expectCode("LINK_INVALID", () =>
      new Netlist(new Map()).stamp(LOOKUP, { c: net.forms.one, x: net.forms.one }),
    );
  });

  it("behavior: compiling stops when it is told to", async () => {
    const controller = new AbortController();
    controller.abort();
    let stopped = false;
    await compileCircuit(program(3), options("PUBLIC", { signal: controller.signal })).catch(() => (stopped = true));
    expect(stopped).to.equal(true);
  });

  it("error: WITNESS_INPUT, INPUT_RANGE, BATCH_TOO_LARGE for what a circuit cannot take", async () => {
    const circuit = await compileCircuit(program(3), options("SALTED"));
    const tensor = (...data: number[]) => [{ dtype: "i8" as const, dims: [1, 3], data: Int8Array.from(data) }];
    const salts = [new Uint8Array(31)];
    await expectCode("WITNESS_INPUT", () => buildRoundOne(circuit, { inputs: tensor(1, 2, 3), salts: [] }));
    await expectCode("INPUT_RANGE", () => buildRoundOne(circuit, { inputs: tensor(1, 2, 8), salts }));
    await expectCode(
      "BATCH_TOO_LARGE",
      () => buildRoundOne(circuit, { inputs: [{ dtype: "i8", dims: [2, 3], data: new Int8Array(6) }], salts }).outputs,
    );
  });

  it("error: WITNESS_UNSOLVED if a challenge is a pole", async () => {
    const circuit = await compileCircuit(program(3), options("PUBLIC"));
    const inputs = [{ dtype: "i8" as const, dims: [1, 3], data: Int8Array.of(1, 2, 3) }];
    const { values } = buildRoundOne(circuit, { inputs, salts: [] });
    await expectCode("WITNESS_UNSOLVED", () => solveRoundTwo(circuit, values, { c: 5n, rho: 1n << 200n }));
  });
});
