// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KEY_DEVELOPMENT } from "../../../../../offchain/core/zk/key-record.ts";
import { CURVE_G1, pointOfG1 } from "../../../../../offchain/core/zk/points.ts";
import { assertKeyClass } from "../../../../../offchain/core/zk/verifying-key.ts";
import { openKeyFiles } from "../../../../../offchain/engines/zk/keys/key-files.ts";
import { g1OfLem } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import {
  DEVELOPMENT_WARNING,
  developmentSetup,
  type SetupOptions,
} from "../../../../../offchain/engines/zk/setup/development-setup.ts";
import { domainLog2 } from "../../../../../offchain/engines/zk/setup/evaluate-qap.ts";
import type { SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { developmentTrapdoor } from "../../../../../offchain/engines/zk/setup/trapdoor.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { nativeMissing } from "../../../../support/native-addon.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { toyCircuit } from "../../../../support/toy-circuit.ts";
import { keyOf } from "../../../../support/toy-proof.ts";

const read = async (files: Readonly<Record<string, string>>): Promise<Buffer[]> =>
  Promise.all(Object.values(files).map((path) => readFile(path)));

const provers = nativeMissing === "" ? (["snarkjs", "native"] as const) : (["snarkjs"] as const);
const everyMade: Buffer[][] = [];

for (const prover of provers)
  describe(`developmentSetup with ${prover}`, function () {
    this.timeout(120_000);
    const setup = (circuit: SetupCircuit, folder: string, options: SetupOptions = {}) =>
      developmentSetup(circuit, folder, { prover, ...options });

    it("default: a checked key of each backend, class DEVELOPMENT, which says aloud that anyone can forge", async () => {
      const folder = temporaryFolder();
      for (const [kind, backend, tags] of [
        ["one-round", 1, []],
        ["public", 2, [2]],
        ["private", 3, [1, 2]],
      ] as const) {
        const circuit = toyCircuit(kind);
        const warnings: string[] = [];
        const steps = new Set<string>();
        const files = await setup(circuit, folder, {
          onWarning: (text) => warnings.push(text),
          onProgress: (step) => steps.add(step),
        });
        expect(warnings).to.deep.equal([DEVELOPMENT_WARNING]);
        expect([...steps]).to.deep.equal(["evaluate", "multiply", "write", "verify"]);
        const { record, groups, zkey } = await openKeyFiles(files, circuit.circuitHash);
        expect(record.cls).to.equal(KEY_DEVELOPMENT);
        expect(record.backend).to.equal(backend);
        expect(groups.map(({ tag }) => tag)).to.deep.equal(tags);
        expect(zkey.wires).to.equal(circuit.r1cs.wires);
        await expectCode("KEY_DEVELOPMENT", () => assertKeyClass(keyOf(record), 1n));
        assertKeyClass(keyOf(record), 31337n);
      }
    });

    it("behavior: every machine makes the same key, from secrets that anyone can compute", async () => {
      const circuit = toyCircuit("public");
      const [first, second] = await Promise.all(
        [1, 2].map((threads) => setup(circuit, temporaryFolder(), { threads })),
      );
      everyMade.push(await read({ ...first }), await read({ ...second }));
      for (const files of everyMade) expect(files).to.deep.equal(everyMade[0]);
      const { zkey } = await openKeyFiles(first as typeof second & object);
      const { alpha, tau } = developmentTrapdoor(circuit.circuitHash);
      expect(g1OfLem(zkey.alpha1)).to.deep.equal(pointOfG1(CURVE_G1.BASE.multiply(alpha)));
      expect(developmentTrapdoor(`0x${"00".repeat(32)}`).tau).to.not.equal(tau);
    });

    it("behavior: a cached key is not made again; a damaged one is", async () => {
      const folder = temporaryFolder();
      const circuit = toyCircuit("public");
      let made = 0;
      const options = { onWarning: () => made++ };
      const files = await setup(circuit, folder, options);
      await setup(circuit, folder, options);
      expect(made).to.equal(1);
      const bytes = await readFile(files.zkey);
      const damaged = Buffer.from(bytes);
      damaged[damaged.length - 500] = (damaged[damaged.length - 500] ?? 0) ^ 1;
      await writeFile(files.zkey, damaged);
      await setup(circuit, folder, options);
      expect(made).to.equal(2);
      expect(await readFile(files.zkey)).to.deep.equal(bytes);
      // The same circuit between other boundaries has another record.
      const [input, output] = circuit.boundaries;
      const boundaries = [{ ...input, kind: 1 } as const, output];
      const other = await setup({ ...circuit, boundaries: boundaries as typeof circuit.boundaries }, folder);
      expect(dirname(other.zkey)).to.not.equal(dirname(files.zkey));
    });

    it("behavior: callers at the same time share one making, which goes on when the first one gives up; nothing half is left", async () => {
      const folder = temporaryFolder();
      const circuit = toyCircuit("public", 30);
      const controller = new AbortController();
      const reason = new Error("enough");
      const first = setup(circuit, folder, {
        signal: controller.signal,
        onProgress: (step) => {
          if (step === "multiply") controller.abort(reason);
        },
      });
      const others = [1, 2, 3].map(() => setup(circuit, folder));
      await first.then(
        () => expect.fail("went on"),
        (error: unknown) => expect(error).to.equal(reason),
      );
      const files = await Promise.all(others);
      expect(new Set(files.map(({ zkey }) => zkey)).size).to.equal(1);
      expect(await readdir(folder)).to.have.length(1);
      await expectCode("ABORT_ERR", () => setup(circuit, folder, { signal: AbortSignal.abort() })).catch(
        (error: unknown) => expect(error).to.be.instanceOf(Error),
      );
    });

    it("error: CIRCUIT_UNFIT for groups that do not cover the circuit, CIRCUIT_TOO_LARGE beyond the domain", async () => {
      const circuit = toyCircuit("public");
      const { groups, circuitHash } = circuit;
      const bad = [
        { ...circuit, circuitHash: circuitHash.toUpperCase() as typeof circuitHash },
        { ...circuit, groups: { ...groups, round1: { ...groups.round1, count: 0 } } },
        { ...circuit, groups: { ...groups, round1: { from: 5, count: groups.round1.count } } },
        { ...circuit, groups: { ...groups, round2: { ...groups.round2, count: 1 } } },
        { ...circuit, r1cs: { ...circuit.r1cs, publicInputs: 3 } },
      ];
      const folder = temporaryFolder();
      for (const unfit of bad) await expectCode("CIRCUIT_UNFIT", () => setup(unfit, folder));
      expect(await readdir(join(folder))).to.deep.equal([]);
      await expectCode("CIRCUIT_TOO_LARGE", () => domainLog2(2 ** 26, 3));
      expect(domainLog2(4, 3)).to.equal(3);
      expect(domainLog2(5, 3)).to.equal(4);
    });
  });
