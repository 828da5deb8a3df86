// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { groth16, zKey } from "snarkjs";
import { ProveChild } from "../../../../../offchain/engines/zk/prover/prove-child.ts";
import { SnarkjsProver } from "../../../../../offchain/engines/zk/prover/snarkjs-prover.ts";
import { developmentSetup } from "../../../../../offchain/engines/zk/setup/development-setup.ts";
import { proverCompliance } from "../../../../ports/prover.compliance.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { runToy, toyCircuit } from "../../../../support/toy-circuit.ts";
import { keyOf, proveToy, publicsOf } from "../../../../support/toy-proof.ts";

proverCompliance("SnarkjsProver", () => new SnarkjsProver());

describe("SnarkjsProver", function () {
  this.timeout(120_000);

  it("behavior: its one-round proofs are stock Groth16 proofs, which snarkjs verifies", async () => {
    const circuit = toyCircuit("one-round", 5);
    const files = await developmentSetup(circuit, temporaryFolder());
    const key = await new SnarkjsProver().open(files, { memoryMiB: 1024, threads: 1 });
    const run = runToy(circuit);
    const { a, b, c1, c2 } = await proveToy(key, circuit, run);
    expect(c1).to.deep.equal({ x: 0n, y: 0n });
    const text = ({ x, y }: { x: bigint; y: bigint }): [string, string, string] => [String(x), String(y), "1"];
    const pair = ([c0, c]: readonly [bigint, bigint]): [string, string] => [String(c0), String(c)];
    const stock = {
      pi_a: text(a),
      pi_b: [pair(b.x), pair(b.y), ["1", "0"]],
      pi_c: text(c2),
      protocol: "groth16",
      curve: "bn128",
    } as const;
    const signals = publicsOf(keyOf(key.record), run, c1).map(String);
    const vk = await zKey.exportVerificationKey(files.zkey);
    expect(await groth16.verify(vk, signals, stock)).to.equal(true);
    expect(await groth16.verify(vk, ["1", ...signals.slice(1)], stock)).to.equal(false);
    await key.close();
  });

  it("error: PROVER_MEMORY when the process outgrows its limit", async () => {
    const files = await developmentSetup(toyCircuit("public"), temporaryFolder());
    await expectCode("PROVER_MEMORY", async () => {
      // Node alone takes more than this, so the watch strikes while the key opens or at the first work.
      const key = await new SnarkjsProver().open(files, { memoryMiB: 20, threads: 1 });
      for (;;) await key.commit(runToy(toyCircuit("public")).values);
    });
  });

  it("error: PROVER_CRASHED when the process has no key, or dies", async () => {
    const child = new ProveChild();
    const request = { call: "finish", values: new Uint8Array(32) } as const;
    await expectCode("PROVER_CRASHED", () => child.call(request, () => {}));
    await child.kill(new Error("done"));
    expect(child.alive).to.equal(false);
  });

  it("behavior: no process is left after close, also of keys that failed to open", async function () {
    if (!existsSync(`/proc/${process.pid}/task`)) this.skip(); // no /proc to count processes in
    const files = await developmentSetup(toyCircuit("public"), temporaryFolder());
    const before = children();
    const key = await new SnarkjsProver().open(files, { memoryMiB: 1024, threads: 2 });
    expect(children()).to.equal(before + 1);
    await key.close();
    await expectCode("KEY_UNSOUND", () =>
      new SnarkjsProver().open({ ...files, groups: `${files.groups}.none` }, { memoryMiB: 1024, threads: 2 }),
    );
    expect(children()).to.equal(before);
  });
});

/** Linux says which processes are ours. */
const children = (): number => {
  const tasks = `/proc/${process.pid}/task`;
  const lists = readdirSync(tasks).map((task) => readFileSync(`${tasks}/${task}/children`, "utf8"));
  return lists.join(" ").split(/\s+/).filter(Boolean).length;
};
