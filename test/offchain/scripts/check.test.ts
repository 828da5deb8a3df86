// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { checkClaims } from "../../../scripts/check/claims.ts";
import { checkImports } from "../../../scripts/check/imports.ts";
import { checkLinks } from "../../../scripts/check/links.ts";
import { checkRequirements } from "../../../scripts/check/requirements.ts";
import { checkText } from "../../../scripts/check/text.ts";
import { countLines } from "../../../scripts/support/run-counted.ts";

const GPL = "// SPDX-License-Identifier: GPL-3.0-or-later\n";
const MIT = "// SPDX-License-Identifier: MIT\n";
const importOf = (path: string, specifier: string) =>
  checkImports([{ path, text: `import { thing } from "${specifier}";\n` }]).length;

describe("import rule", () => {
  const cases: readonly [file: string, specifier: string, violations: number][] = [
    ["offchain/core/claim.ts", "./bytes.ts", 0],
    ["offchain/core/claim.ts", "@noble/hashes/sha3.js", 0],
    ["offchain/core/claim.ts", "node:crypto", 1],
    ["offchain/core/claim.ts", "viem", 1],
    ["offchain/core/program/encode.ts", "../bytes.ts", 0],
    ["offchain/core/claim.ts", "../engines/program/compile.ts", 1],
    ["offchain/engines/program/compile.ts", "../../core/tensor.ts", 0],
    ["offchain/engines/program/compile.ts", "../she/evaluate.ts", 1],
    ["offchain/adapters/net/http.ts", "../keys/signer.ts", 1],
    ["offchain/protocol/seat.ts", "../adapters/chain/chain.ts", 1],
    ["offchain/protocol/seat.ts", "../core/ports/chain.ts", 0],
    ["offchain/node/start-node.ts", "../protocol/seat.ts", 0],
    ["offchain/node/start-node.ts", "../sdk/client.ts", 1],
    ["offchain/sdk/actions/request.ts", "../../adapters/chain/chain.ts", 0],
    ["offchain/sdk/actions/request.ts", "../../adapters/net/http.ts", 1],
    ["offchain/sdk/actions/request.ts", "node:fs", 1],
    ["offchain/sdk/node/crypto.ts", "node:crypto", 0],
    ["offchain/sdk/actions/request.ts", "circomlibjs", 1],
    ["offchain/engines/program/onnx.ts", "onnxruntime-node", 0],
    ["offchain/node/start-node.ts", "onnxruntime-node", 1],
    ["offchain/cli/main.ts", "../../scripts/test.ts", 1],
    ["contracts/jobs/AssayHub.sol", "../interfaces/IAssayHub.sol", 0],
    ["contracts/jobs/AssayHub.sol", "../mocks/DevToken.sol", 1],
    ["contracts/interfaces/IAssayHub.sol", "../libraries/VoteRules.sol", 1],
    ["contracts/libraries/VoteRules.sol", "../jobs/AssayHub.sol", 1],
  ];
  for (const [file, specifier, violations] of cases)
    it(`${violations === 0 ? "default" : "error"}: ${file} imports ${specifier}`, () =>
      expect(importOf(file, specifier)).to.equal(violations));

  it("behavior: dynamic and side-effect imports count too", () => {
    const text = `${MIT}import "viem";\nconst late = await import("node:fs");\n`;
    expect(checkImports([{ path: "offchain/core/x.ts", text }]).map(({ line }) => line)).to.deep.equal([2, 3]);
  });
});

describe("R51: what mode SPLIT may be called", () => {
  const count = (text: string, path = "docs/x.md") => checkText([{ path, text }]).length;

  it("error: a sentence that calls it encrypted, private or confidential", () => {
    for (const text of [
      "Mode SPLIT keeps inputs private.",
      "Inputs are encrypted by split inference.",
      "| `SPLIT` is confidential | yes |",
      "Use\nSPLIT for\nconfidential inputs.",
      "- one thing\n- SPLIT gives privacy\n",
      "It is not free. Split learning is a private way to infer.",
    ])
      expect(count(text), text).to.equal(1);
    expect(count(`${MIT}/**\n * A SPLIT stage\n * encrypts its input.\n */\n`, "offchain/core/x.ts")).to.equal(1);
    expect(count(`${GPL}const help = "SPLIT is private";\n`, "offchain/cli/x.ts")).to.equal(1);
  });

  it("behavior: warnings, other modes and other splits pass", () => {
    for (const text of [
      "SPLIT is not encryption.",
      "Split inference is never private.",
      "MASKED hides the input; it is encrypted on the way.",
      "SPLIT shows each seat its boundary. Private weights are another matter.",
      "Split the file; it is private.",
      "| SPLIT | one boundary in clear |\n| CIPHER | encrypted |",
    ])
      expect(count(text), text).to.equal(0);
  });
});

describe("text rules", () => {
  const cases: readonly [name: string, path: string, text: string][] = [
    ["bare error", "offchain/core/x.ts", `${MIT}throw new Error("x");\n`],
    ["console outside the CLI", "offchain/node/x.ts", `${GPL}console.log(1);\n`],
    ["silenced types", "test/x.test.ts", `${GPL}// @ts-ignore\n`],
    ["only", "test/x.test.ts", `${GPL}it.only("x", () => {});\n`],
    ["skip without a reason", "test/x.test.ts", `${GPL}it.skip("x", () => {});\n`],
    ["machine path", "docs/x.md", "see /home/alice/assay\n"],
    ["unfinished", "contracts/x.sol", `${MIT}// TODO later\n`],
    ["GPL line in an MIT folder", "offchain/sdk/x.ts", GPL],
    ["no licence line", "offchain/node/x.ts", "export {};\n"],
  ];
  for (const [name, path, text] of cases)
    it(`error: ${name}`, () => expect(checkText([{ path, text }])).to.have.length(1));

  it("default: clean files, and skips that say why", () => {
    const text = `${GPL}it.skip("verifies a quote: needs ../shared/fixtures", () => {});\nthis.skip(); // no compiler\n`;
    expect(checkText([{ path: "test/x.test.ts", text }])).to.deep.equal([]);
  });
});

describe("link rule", () => {
  const exists = (path: string) => path === "docs/there.md";
  const example = { path: "examples/x.ts", text: `${GPL}run();\n` };
  const page = (text: string) => [example, { path: "docs/page.md", text }];

  it("default: relative links and examples that are the file", () => {
    const text = "[a](there.md#part) [b](https://example.org)\n<!-- example: examples/x.ts -->\n\n```ts\nrun();\n```\n";
    expect(checkLinks(page(text), exists)).to.deep.equal([]);
  });

  it("error: dead link", () => expect(checkLinks(page("[a](gone.md)"), exists)).to.have.length(1));

  it("error: example differs from its file, or is missing", () => {
    const marker = "<!-- example: examples/x.ts -->\n\n";
    expect(checkLinks(page(`${marker}\`\`\`ts\nother();\n\`\`\`\n`), exists)).to.have.length(1);
    expect(checkLinks(page(marker), exists)).to.have.length(1);
  });
});

describe("requirements rule", () => {
  const rows = Array.from({ length: 76 }, (_, n) => `| R${n + 1} | ${n === 0 ? "met" : "open"} | x |\n`).join("");

  it("error: met, but no test names it", () => {
    expect(checkRequirements([{ path: "docs/requirements.md", text: rows }])).to.have.length(1);
  });

  it("default: a test names it", () => {
    const test = { path: "test/offchain/x.test.ts", text: 'it("R1: immutable", () => {})' };
    expect(checkRequirements([{ path: "docs/requirements.md", text: rows }, test])).to.deep.equal([]);
  });

  it("error: a row is missing", () => {
    const text = rows.replace("| R7 | open | x |\n", "");
    expect(
      checkRequirements([{ path: "docs/requirements.md", text }]).some(({ message }) => message.includes("R7")),
    ).to.equal(true);
  });
});

describe("test counting", () => {
  it("behavior: adds mocha's lines and ignores titles that look alike", () => {
    const text = "  12 passing (3s)\n  1 pending\nit says 9 passing\n  3 passing\n";
    expect([countLines(text, "passing"), countLines(text, "pending"), countLines(text, "failing")]).to.deep.equal([
      15, 1, 0,
    ]);
  });
});

describe("threat model's claims", () => {
  const source = { path: "test/a.test.ts", text: 'it("a liar is slashed", () => {});' };
  const row = (n: number, tests: string) => `| T${n} | claim | who | what | limits | ${tests} |\n`;
  const messages = (text: string, path = "docs/threat-model.md") =>
    checkClaims([{ path, text }, source]).map(({ message }) => message);
  const good = '[a](../test/a.test.ts) "a liar is slashed"';

  it("default: every claim names a test that is there", () => {
    expect(messages(row(1, good) + row(2, `${good}; [a](../test/a.test.ts) \`slashed\``))).to.deep.equal([]);
  });

  it("error: no page, no claims, no test, a strange test, words of no title, numbers and cells that are missing", () => {
    expect(messages(row(1, good), "docs/other.md")).to.have.length(1);
    expect(messages("# Claims")).to.have.length(1);
    expect(messages(row(1, "none"))).to.have.length(1);
    expect(messages(row(1, '[b](../test/b.test.ts) "a liar is slashed"'))).to.have.length(1);
    expect(messages(row(1, '[s](../scripts/a.ts) "a liar is slashed"'))).to.have.length(1);
    expect(messages(row(1, '[a](../test/a.test.ts) "a saint is slashed"'))).to.have.length(1);
    expect(messages(row(2, good))).to.have.length(1);
    expect(messages(`| T1 | claim | who | what | ${good} |\n`)).to.have.length(1);
  });
});
