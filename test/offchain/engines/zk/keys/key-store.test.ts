// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CompiledCircuit } from "../../../../../offchain/engines/zk/circuit/types.ts";
import { KeyStore } from "../../../../../offchain/engines/zk/keys/key-store.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { stageSample } from "../../../../support/model-stage.ts";
import { Prng } from "../../../../support/prng.ts";
import { dense, relu, retrained, stage } from "../../../../support/small-architectures.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

const OPTIONS = { weights: "public", inKinds: ["PUBLIC"], outKind: "PUBLIC" } as const;

describe("KeyStore", function () {
  this.timeout(120_000);
  const cacheFolder = temporaryFolder();
  const keyFolder = temporaryFolder();
  const local = new KeyStore({ keyFolder, cacheFolder, chainId: 31337n });
  const mainnet = new KeyStore({ keyFolder, cacheFolder, chainId: 1n });
  let circuit: CompiledCircuit;

  before(async () => {
    circuit = await local.compile((await stageSample("tumor-mlp")).stage.program, OPTIONS);
  });

  it("error: KEY_MISSING where there is none, DEVELOPMENT_REFUSED off the local chain", async () => {
    await expectCode("KEY_MISSING", () => local.find(circuit));
    await expectCode("DEVELOPMENT_REFUSED", () => mainnet.ensureDevelopmentKeys(circuit));
    await expectCode("KEY_MISSING", () => local.find(circuit));
  });

  it("default: development keys are made once and found again, by circuit and by id", async () => {
    const { key, files } = await local.ensureDevelopmentKeys(circuit);
    const found = await local.find(circuit, key.keyId);
    expect(found.files).to.deep.equal(files);
    expect(found.key.keyId).to.equal(key.keyId);
    await expectCode("KEY_MISSING", () => local.find(circuit, `0x${"00".repeat(32)}`));
    const [input] = circuit.boundaries as [CompiledCircuit["boundaries"][number]];
    const boundaries = [{ ...input, header: new Uint8Array(9) }, ...circuit.boundaries.slice(1)];
    await expectCode("KEY_MISSING", () => local.find({ ...circuit, boundaries }));
  });

  it("behavior: a named development key is made where it is missing; another name, or another chain, is refused", async () => {
    const { key } = await local.find(circuit);
    const chains = [31337n, 1n].map((chainId) => {
      return new KeyStore({ keyFolder, cacheFolder: temporaryFolder(), chainId });
    });
    const [fresh, far] = chains as [KeyStore, KeyStore];
    await expectCode("KEY_MISSING", () => far.findOrMake(circuit, key.keyId));
    await expectCode("KEY_MISSING", () => fresh.findOrMake(circuit, `0x${"00".repeat(32)}`));
    expect((await fresh.findOrMake(circuit, key.keyId)).key.keyId).to.equal(key.keyId);
    expect((await fresh.findOrMake(circuit)).key.keyId).to.equal(key.keyId);
  });

  it("behavior: a stage is found in the mode that its key was made for, and in no other", async () => {
    const program = retrained(stage([4], [dense(0, 4, 3, relu(8))]), new Prng(2));
    const store = new KeyStore({ keyFolder: temporaryFolder(), cacheFolder: temporaryFolder(), chainId: 31337n });
    const ends = { inKinds: ["SALTED"], outKind: "SALTED" } as const;
    const options = { weights: "private", ...ends, cacheFolder: "build/cells" } as const;
    const [plain, checked] = await Promise.all(
      [options, { ...options, linearCheck: true }].map(async (mode) => {
        const { files, key } = await store.ensureDevelopmentKeys(await store.compile(program, mode));
        return { files, keyId: key.keyId };
      }),
    );
    expect(plain?.keyId).to.not.equal(checked?.keyId);
    for (const [made, modes] of [
      [plain, 0],
      [checked, 1],
    ] as const) {
      const found = await store.ofStage(program, options, made?.keyId);
      expect(found.files).to.deep.equal(made?.files);
      expect(found.circuit.checks).to.have.length(modes);
    }
    expect((await store.ofStage(program, options)).key.keyId).to.equal(plain?.keyId);
    await expectCode("KEY_MISSING", () => store.ofStage(program, options, `0x${"00".repeat(32)}`));
    // Between public ends there is no such mode to look for.
    const open = { ...options, outKind: "PUBLIC" } as const;
    await expectCode("KEY_MISSING", () => store.ofStage(program, open, checked?.keyId));
  });

  it("error: KEY_DEVELOPMENT where a chain that is not local finds one, also among the ceremonies'", async () => {
    await expectCode("KEY_DEVELOPMENT", () => mainnet.find(circuit));
    const { files } = await local.find(circuit);
    await cp(dirname(files.zkey), join(keyFolder, "posing"), { recursive: true });
    await expectCode("KEY_DEVELOPMENT", () => mainnet.find(circuit));
    expect((await local.find(circuit)).files.zkey).to.equal(join(keyFolder, "posing", "key.zkey"));
  });

  it("behavior: folders that hold no key, or a damaged record, are passed over", async () => {
    await mkdir(join(keyFolder, "aaa"));
    await mkdir(join(keyFolder, "bbb"));
    await writeFile(join(keyFolder, "bbb", "key.record"), "not a record");
    await writeFile(join(keyFolder, "ccc"), "not a folder");
    expect((await local.find(circuit)).files.zkey).to.equal(join(keyFolder, "posing", "key.zkey"));
  });
});
