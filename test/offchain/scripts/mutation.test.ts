// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { INVARIANTS } from "../../../scripts/mutation/invariants.ts";
import { complaints, occurrences, plant } from "../../../scripts/mutation/plant.ts";

const first = INVARIANTS[0];
if (first === undefined) expect.fail("no invariants");

describe("mutations", () => {
  it("default: each of the 37 invariants has a fault that still applies exactly once, and tests that exist", () => {
    expect(INVARIANTS.map(({ number }) => number)).to.deep.equal(Array.from({ length: 37 }, (_, i) => i + 1));
    expect(INVARIANTS.flatMap((invariant) => complaints(".", invariant))).to.deep.equal([]);
  });

  it("behavior: a text that is gone, a fault that changes nothing and a missing test are named", () => {
    const { mutation } = first;
    const gone = { ...first, mutation: { ...mutation, find: "no such text" } };
    expect(complaints(".", gone)[0]).to.include("occurs 0 times");
    const same = { ...first, mutation: { ...mutation, replace: mutation.find } };
    expect(complaints(".", same)[0]).to.include("changes nothing");
    const lost = { ...first, tests: [{ file: first.tests[0].file, name: "test_Nothing" }] as const };
    expect(complaints(".", lost)[0]).to.include("there is no test_Nothing");
  });

  it("behavior: a planted fault is taken out again to the byte", () => {
    const copy = mkdtempSync(join(tmpdir(), "assay-plant-"));
    try {
      cpSync("contracts", join(copy, "contracts"), { recursive: true });
      const path = join(copy, "contracts", first.mutation.file);
      const before = readFileSync(path, "utf8");
      const restore = plant(copy, first.mutation);
      expect(occurrences(copy, first.mutation)).to.equal(0);
      expect(readFileSync(path, "utf8")).to.include(first.mutation.replace);
      restore();
      expect(readFileSync(path, "utf8")).to.equal(before);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
