// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { createContext, Script } from "node:vm";
import { toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { encodeReceipt } from "../../../offchain/core/receipt.ts";
import { encodeProofFile } from "../../../offchain/core/zk/proof-file.ts";
import { judgedReceipt, provenReceipt } from "../../support/proven-receipt.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";
import { sampleProofFile } from "../../support/sample-proof-file.ts";

/** What a web page would write: texts in, texts out. */
const PAGE = `
import { fromHex } from "./offchain/core/bytes.ts";
import { decodeReceipt } from "./offchain/core/receipt.ts";
import { verifyReceipt } from "./offchain/core/verify-receipt.ts";
import { decodeProofFile, verifyProofFile } from "./offchain/core/zk/proof-file.ts";
globalThis.checkReceipt = (hex) => JSON.stringify(verifyReceipt(decodeReceipt(fromHex(hex))));
globalThis.checkProofs = (hex) => JSON.stringify(verifyProofFile(decodeProofFile(fromHex(hex))));
`;

interface Page {
  readonly checkReceipt: (hex: Hex) => string;
  readonly checkProofs: (hex: Hex) => string;
}
const ok = (json: string): unknown => (JSON.parse(json) as { readonly ok: unknown }).ok;

describe("browser bundle", function () {
  this.timeout(60_000);
  let files: readonly string[];
  let page: Page;

  before(async () => {
    // "browser": an import of a Node module fails the build.
    const { metafile, outputFiles } = await build({
      stdin: { contents: PAGE, resolveDir: process.cwd(), loader: "ts" },
      bundle: true,
      platform: "browser",
      format: "iife",
      target: "es2022",
      metafile: true,
      write: false,
      logLevel: "silent",
    });
    files = Object.keys(metafile.inputs);
    const context = createContext({ TextEncoder, TextDecoder });
    new Script(outputFiles[0]?.text ?? "").runInContext(context);
    page = context as unknown as Page;
  });

  it("default: R68 R71 proofs and receipts are checked without Node", () => {
    for (const receipt of [provenReceipt(2), judgedReceipt(), fastReceipt(1, 3)])
      expect(ok(page.checkReceipt(toHex(encodeReceipt(receipt))))).to.equal(true);
    expect(ok(page.checkProofs(toHex(encodeProofFile(sampleProofFile(3)))))).to.equal(true);
    const lie = { ...sampleProofFile(1), jobId: `0x${"00".repeat(32)}` as const };
    expect(ok(page.checkProofs(toHex(encodeProofFile(lie))))).to.equal(false);
  });

  it("behavior: R71 the bundle holds MIT code alone: core and the noble libraries", () => {
    const own = files.filter((file) => !file.startsWith("node_modules/") && file !== "<stdin>");
    expect(own.length).to.be.greaterThan(20);
    for (const file of own) {
      expect(file).to.match(/^offchain\/core\//);
      expect(readFileSync(file, "utf8").split("\n", 1)[0]).to.equal("// SPDX-License-Identifier: MIT");
    }
    const packages = new Set(
      files.filter((file) => file.startsWith("node_modules/")).map((file) => file.split("/").slice(1, 3).join("/")),
    );
    expect([...packages].toSorted()).to.deep.equal(["@noble/curves", "@noble/hashes"]);
    for (const name of packages)
      expect(
        (JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { license: string }).license,
      ).to.equal("MIT");
  });
});
