// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { PINNED_PTAU } from "../../../../../offchain/engines/zk/ceremony/pinned-ptau.ts";

describe("pinned phase 1 files", () => {
  it("default: the list is the one that snarkjs publishes, 2^8 to 2^28", () => {
    const readme = readFileSync("node_modules/snarkjs/README.md", "utf8");
    const rows = [...readme.matchAll(/\|\s+(\d+)\s+\|[^|]*\|\s*\[(powersOf[^\]]+)\][^|]*\|\s*([0-9a-f]{128})/g)];
    expect(PINNED_PTAU).to.deep.equal(
      rows.map(([, power, name, blake2b]) => ({ power: Number(power), name, blake2b })),
    );
    expect(PINNED_PTAU.map(({ power }) => power)).to.deep.equal(Array.from({ length: 21 }, (_, i) => 8 + i));
    expect(new Set(PINNED_PTAU.map(({ blake2b }) => blake2b)).size).to.equal(21);
  });
});
