// SPDX-License-Identifier: GPL-3.0-or-later
// What others install works outside this repository: packed, installed into empty projects, used.
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { encodeReceipt } from "../../offchain/core/receipt.ts";
import { encodeProofFile } from "../../offchain/core/zk/proof-file.ts";
import { sampleProofFile } from "../support/sample-proof-file.ts";
import { fastReceipt } from "../support/sample-receipt.ts";

const PACKAGES = resolve("build/packages");
const MODELS = resolve("models");
const tarball = (name: string) => join(PACKAGES, `assay-${name}-0.1.0.tgz`);

function project(name: string): { folder: string; run: (command: string, ...args: string[]) => string } {
  const folder = mkdtempSync(join(tmpdir(), `assay-${name}-`));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  // No dependency's install script may run, here as in the repository.
  run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", tarball(name));
  return { folder, run };
}

describe("packages", function suite() {
  this.timeout(400_000);
  const folders: string[] = [];

  before(() => {
    execFileSync(process.execPath, ["scripts/release/pack.ts"], { stdio: ["ignore", "ignore", "inherit"] });
  });
  after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  it("R71: sdk: reads and checks receipts and proofs in an empty project, without GPL code", () => {
    const { folder, run } = project("sdk");
    folders.push(folder);
    writeFileSync(join(folder, "job.receipt"), encodeReceipt(fastReceipt(1, 5)));
    writeFileSync(join(folder, "model.proof"), encodeProofFile(sampleProofFile(2)));
    writeFileSync(
      join(folder, "check.mjs"),
      `import { readFileSync } from "node:fs";
import { assayPublicActions } from "@assay/sdk";
import { connect } from "@assay/sdk/node";
import { decodeReceipt } from "@assay/sdk/core/receipt";
import { verifyReceipt } from "@assay/sdk/core/verify-receipt";
import { decodeProofFile, verifyProofFile } from "@assay/sdk/core/zk/proof-file";
const proofs = verifyProofFile(decodeProofFile(new Uint8Array(readFileSync("model.proof"))));
const receipt = decodeReceipt(new Uint8Array(readFileSync("job.receipt")));
console.log(JSON.stringify({ ok: verifyReceipt(receipt).ok && proofs.ok, kinds: [typeof assayPublicActions, typeof connect] }));
`,
    );
    const said = JSON.parse(run(process.execPath, "check.mjs")) as unknown;
    expect(said).to.deep.equal({ ok: true, kinds: ["function", "function"] });
    const licences = globSync("node_modules/{*,@*/*}/package.json", { cwd: folder }).map((path) => {
      const { license } = JSON.parse(readFileSync(join(folder, path), "utf8")) as { license?: unknown };
      return String(license);
    });
    expect(licences.length).to.be.greaterThan(3);
    expect(licences.filter((licence) => licence.includes("GPL"))).to.deep.equal([]);
    // Other engines than the SDK's own, and the worker, are not carried along.
    expect(existsSync(join(folder, "node_modules/@assay/sdk/node"))).to.equal(false);
    expect(existsSync(join(folder, "node_modules/onnxruntime-node"))).to.equal(false);
  });

  it("R39 R71: sdk: makes a client's keys and encrypts for a model over ciphertexts", () => {
    const { folder, run } = project("sdk");
    folders.push(folder);
    cpSync(join(MODELS, "tumor-poly"), join(folder, "model"), { recursive: true });
    writeFileSync(
      join(folder, "encrypt.mjs"),
      `import { readFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { CipherKeySet } from "@assay/sdk/she/client/cipher-key-set";
import { finishOf } from "@assay/sdk/she/client/cipher-model";
import { MemoryKeyLedger } from "@assay/sdk/she/client/key-ledger";
import { nodeKernel } from "@assay/sdk/she/kernel/node-kernel";
import { loadCipherModel } from "@assay/sdk/she/model/load-cipher-model";
import { nodeHashes } from "@assay/sdk/she/node-hashes";
import { requestCipher } from "@assay/sdk/actions/request-cipher";
const model = await loadCipherModel("model/cipher");
const finish = finishOf(model, new Uint8Array(readFileSync("model/program")));
const own = { kernel: nodeKernel(), hashes: nodeHashes, randomBytes: (length) => new Uint8Array(randomBytes(length)) };
const keys = new CipherKeySet({ model, finish, finality: { isFinal: async () => false }, ledger: new MemoryKeyLedger(), ...own });
const input = await keys.session.encrypt([new Array(30).fill(1)]);
console.log(JSON.stringify([typeof requestCipher, input.length, keys.parcel(0, input).length]));
`,
    );
    const [kind, input, parcel] = JSON.parse(run(process.execPath, "encrypt.mjs")) as [string, number, number];
    expect(kind).to.equal("function");
    expect(input).to.be.within(100_000, 1_000_000);
    expect(parcel).to.be.greaterThan(input + 1_000_000);
  });

  it("R31 R76: node: the command runs, inspects a model, proves and verifies", () => {
    const { folder, run } = project("node");
    folders.push(folder);
    cpSync(join(MODELS, "tumor-mlp"), join(folder, "tumor-mlp"), { recursive: true });
    const command = join(folder, "node_modules/@assay/node/cli/main.js");
    expect(run(process.execPath, command, "--version").trim()).to.equal("0.1.0");
    const model = JSON.parse(run(process.execPath, command, "model", "inspect", "tumor-mlp", "--json")) as {
      name: string;
    };
    expect(model.name).to.equal("tumor-mlp");
    const usage = JSON.parse(readFileSync(join(MODELS, "tumor-mlp/model.json"), "utf8")) as {
      preprocess: { offset: number[] };
    };
    writeFileSync(join(folder, "input.json"), JSON.stringify(usage.preprocess.offset));
    run(process.execPath, command, "prove", "tumor-mlp", "input.json", "--out", "a.proof", "--json");
    const said = run(process.execPath, command, "verify", "a.proof", "--model", "tumor-mlp", "--json");
    expect((JSON.parse(said) as { ok: boolean }).ok).to.equal(true);
    // What an install script would have done, had it been allowed to: the same model natively, if there is a compiler.
    const root = join(folder, "node_modules/@assay/node");
    const built = run(process.execPath, join(root, "scripts/native/build.mjs")).trim() !== "";
    const again = run(process.execPath, command, "prove", "tumor-mlp", "input.json", "--out", "b.proof", "--json");
    expect((JSON.parse(again) as { prover: string }).prover).to.equal(built ? "native" : "snarkjs");
  });

  it("R71: contracts: the consumer base and every interface are there, mocks are not", () => {
    const { folder } = project("contracts");
    folders.push(folder);
    const root = join(folder, "node_modules/@assay/contracts");
    const files = globSync("**/*.sol", { cwd: root });
    expect(files).to.include.members(["consumer/InferenceConsumer.sol", "interfaces/IAssayHub.sol", "types/Types.sol"]);
    expect(files.filter((file) => file.includes("mocks"))).to.deep.equal([]);
    // Every relative import resolves inside the package.
    for (const file of files)
      for (const [, target = ""] of readFileSync(join(root, file), "utf8").matchAll(/from "(\.[^"]+)"/g))
        expect(existsSync(join(root, file, "..", target)), `${file} imports ${target}`).to.equal(true);
  });
});
