// SPDX-License-Identifier: GPL-3.0-or-later
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect } from "chai";
import { cellKey, type CellSpec } from "../../../offchain/engines/zk/circuit/cells/cell.ts";
import { compileCells } from "../../../offchain/engines/zk/circuit/cells/compile-cells.ts";
import * as gadgets from "../../../offchain/engines/zk/circuit/gadgets.ts";

/** What each header says about constraints, at one instance. */
const COSTS: readonly (readonly [spec: CellSpec, constraints: number])[] = [
  [gadgets.LOOKUP, 1],
  [gadgets.LOOKUP_PAIR, 2],
  [gadgets.LOOKUP_TRIPLE, 3],
  [gadgets.TABLE_ROW, 1],
  [gadgets.BALANCE, 1],
  [gadgets.BIT, 1],
  [gadgets.SIGNED_BYTE, 1],
  [gadgets.SIGNED_WORD, 1],
  [gadgets.HORNER_STEP, 1],
  [gadgets.HORNER_END, 1],
  [gadgets.SQUARE, 1],
  [gadgets.EQUAL, 1],
  [gadgets.CONTEXT, 1],
  [gadgets.RHO_SQUARE, 1],
  [gadgets.SELECT, 1],
  [gadgets.PRODUCT, 1],
  [gadgets.maximum(2), 1],
  [gadgets.maximum(5), 4],
  [gadgets.argmax(4), 8],
  [gadgets.innerProduct(4), 4],
  [gadgets.thresholds([1, 5, 9], 0n, 20n), 4],
  [gadgets.range([3, 4], 0), 2],
  [gadgets.range([3, 4, 4], 12), 4],
  [gadgets.bitRange(5), 5],
  [gadgets.oneHot(4), 5],
  [gadgets.clamp(3, 0n, 7n), 2],
  [gadgets.requantise(3), 2],
  // Three less than circomlib's count: lane 0 starts as the constant 0, so its first S-box is one too.
  [gadgets.poseidon(2), 240],
  [gadgets.poseidon(16), 609],
];

describe("gadget files", function () {
  this.timeout(60_000);

  it("default: every gadget has the constraints that its header promises", async () => {
    const cells = await compileCells(COSTS.map(([spec]) => spec));
    for (const [spec, constraints] of COSTS)
      expect(cells.get(cellKey(spec))?.rows.length, cellKey(spec)).to.equal(constraints);
  });

  it("behavior: no gadget depends on which others are compiled with it", async () => {
    const alone = await compileCells([gadgets.requantise(3)]);
    const together = await compileCells([gadgets.requantise(3), gadgets.LOOKUP, gadgets.clamp(3, 0n, 7n)]);
    expect(together.get("Requantise(3)")).to.deep.equal(alone.get("Requantise(3)"));
  });

  for (const file of readdirSync("circuits/gadgets").filter((name) => name.endsWith(".circom")))
    it(`behavior: ${file} is licensed, says what it is for and what its caller owes, and holds its template`, () => {
      const text = readFileSync(`circuits/gadgets/${file}`, "utf8");
      expect(text.startsWith("// SPDX-License-Identifier: GPL-3.0-or-later\n")).to.equal(true);
      if (file === "PoseidonConstants.circom") return;
      const name = basename(file, ".circom");
      expect([...text.matchAll(/^template (\w+)/gm)].map(([, template]) => template)).to.deep.equal([name]);
      for (const heading of ["Purpose", "Constraints", "Caller"])
        expect(text).to.match(new RegExp(`^// ${heading} `, "m"));
      expect(text, "a main component stands in no gadget").to.not.match(/component\s+main/);
      expect(text, "assert constrains nothing").to.not.match(/\bassert\s*\(/);
    });
});
