// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { judgeEnclave, missingOf, type EnclaveFacts } from "../../../../offchain/node/enclave/check-enclave.ts";

const DAY = 86_400;

describe("the doctor about an enclave", () => {
  const ready: EnclaveFacts = {
    provider: "tsm",
    model: "models/digits",
    missing: null,
    now: 1_790_000_000n,
    endsAt: 1_790_000_000n + 30n * BigInt(DAY),
    renewBeforeSec: DAY,
    board: { attesters: 16, price: 50n, funds: 120n },
    gasMoney: 800_000n * 7n,
    gasPrice: 7n,
  };

  it("R59: default: whose registration can be paid, judged and renewed is well", () => {
    expect(judgeEnclave(ready)).to.deep.equal({
      ok: true,
      detail: "tsm, models/digits; files until 2026-10-21T14:13Z; 16 attesters or more; 120 for verdicts of 50",
      fix: "",
    });
    const intel = judgeEnclave({ ...ready, board: null, gasMoney: 7_000_000n * 7n });
    expect([intel.ok, intel.detail.includes("attesters")]).to.deep.equal([true, false]);
    expect(judgeEnclave({ ...ready, endsAt: null, provider: "nitro" }).detail).to.match(/^nitro, models\/digits; 16/);
  });

  it("R59: behavior: it says of a simulated one that it is, and of a board without a jury that challenges fail", () => {
    expect(judgeEnclave({ ...ready, provider: "simulated" }).detail).to.match(/^SIMULATED/);
    const few = judgeEnclave({ ...ready, board: { attesters: 15, price: 50n, funds: 50n } });
    expect([few.ok, few.detail.includes("15 attesters (a challenge takes 16)")]).to.deep.equal([true, true]);
  });

  for (const [what, poor, fix] of [
    ["no guest", { missing: "/sys/kernel/config/tsm/report" }, "TDX or SEV-SNP guest"],
    ["no Nitro enclave", { provider: "nitro", missing: "/dev/nsm" }, "Nitro enclave"],
    ["files that ended", { endsAt: ready.now - 1n }, "Fetch them again"],
    ["files that end before a renewal wins time", { endsAt: ready.now + BigInt(DAY) }, "Fetch them again"],
    ["four attesters", { board: { attesters: 4, price: 50n, funds: 120n } }, "--join"],
    ["no tokens for a verdict", { board: { attesters: 16, price: 50n, funds: 49n } }, "tokens"],
    ["an account that cannot pay a case and a registration", { gasMoney: 800_000n * 7n - 1n }, "gas money"],
    ["an account that cannot pay Intel's collateral", { board: null, gasMoney: 7_000_000n * 7n - 1n }, "gas money"],
  ] as const)
    it(`R59: behavior: ${what}`, () => {
      const found = judgeEnclave({ ...ready, ...poor });
      expect([found.ok, found.fix.includes(fix)]).to.deep.equal([false, true]);
    });

  it("behavior: what a platform gives evidence by is looked for, and the first that is not here is named", () => {
    const tsm = "/sys/kernel/config/tsm/report";
    expect(missingOf("tsm", () => false)).to.equal(tsm);
    expect(missingOf("tsm", (path) => path === tsm)).to.equal(null);
    expect(missingOf("nitro", () => false)).to.equal("/dev/nsm");
    expect(missingOf("nitro", (path) => path === "/dev/nsm")).to.match(/nsm$/);
    expect(missingOf("simulated", () => false)).to.equal(null);
  });
});
