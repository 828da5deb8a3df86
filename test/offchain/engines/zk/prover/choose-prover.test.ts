// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { chooseProver } from "../../../../../offchain/engines/zk/prover/choose-prover.ts";
import type { FoundAddon, NativeAddon } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { describeProver } from "../../../../../offchain/node/describe-prover.ts";
import { expectCode } from "../../../../support/expect-code.ts";

const addon = {} as NativeAddon;
const there = (): FoundAddon => ({ addon, paths: ["adx", "portable"] });
const missing = (): FoundAddon => ({ reason: "nobody built it", fix: "build it" });
const env = (value?: string) => (value === undefined ? {} : { ASSAY_ZK_PROVER: value });

describe("chooseProver", () => {
  it("default: native on the fastest instruction set, where it is built", async () => {
    const chosen = chooseProver("auto", { env: {}, find: there });
    expect(chosen).to.deep.include({ name: "native", native: { addon, path: "adx" }, fix: "" });
    expect(await chosen.make()).to.deep.include({ name: "native", path: "adx" });
    expect(describeProver(chosen)).to.equal("native on adx");
  });

  it("behavior: snarkjs elsewhere, with the reason and what to do about it", async () => {
    const chosen = chooseProver("auto", { env: {}, find: missing });
    expect(chosen).to.deep.include({ name: "snarkjs", native: null, fix: "build it" });
    expect((await chosen.make()).name).to.equal("snarkjs");
    expect(describeProver(chosen)).to.equal(
      "snarkjs, for there is no native prover: nobody built it (to have it: build it)",
    );
  });

  it("behavior: the environment decides where nothing else does", async () => {
    for (const value of ["", "auto"])
      expect(chooseProver("auto", { env: env(value), find: there }).name).to.equal("native");
    const asked = chooseProver("auto", { env: env("snarkjs"), find: there });
    expect(asked.name).to.equal("snarkjs");
    expect(describeProver(asked)).to.equal("snarkjs, for ASSAY_ZK_PROVER says so");
    expect(chooseProver("auto", { env: env("native"), find: there }).name).to.equal("native");
    await expectCode("NATIVE_MISSING", () => chooseProver("auto", { env: env("native"), find: missing }));
    await expectCode("PROVER_UNKNOWN", () => chooseProver("auto", { env: env("rapidsnark"), find: there }));
  });

  it("behavior: the configuration decides before the environment, and looks for no addon that it does not want", async () => {
    const find = () => expect.fail("looked");
    expect(chooseProver("snarkjs", { env: env("native"), find })).to.include({
      name: "snarkjs",
      reason: "the configuration says so",
    });
    expect(chooseProver("native", { env: env("snarkjs"), find: there }).name).to.equal("native");
    await expectCode("NATIVE_MISSING", () => chooseProver("native", { env: env("snarkjs"), find: missing }));
  });
});
