// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadAllCommands, loadCommands } from "../../../offchain/cli/commands/loaders.ts";
import { EXIT } from "../../../offchain/cli/exit-code.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { keccak256 } from "../../../offchain/core/keccak.ts";
import { captureCli, type Captured } from "../../support/capture-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { smallPtau } from "../../support/zk/small-ptau.ts";

const MODEL = "models/tumor-poly";
const ENTROPY = "canary entropy of the tests";
const commands = await loadAllCommands();
const run = async (...argv: string[]): Promise<Captured> => captureCli(commands, argv);
const answer = ({ out }: Captured): Record<string, unknown> => JSON.parse(out) as Record<string, unknown>;
const codeOf = (captured: Captured): unknown => (answer(captured)["error"] as { code?: unknown } | undefined)?.code;

describe("assay zk", function () {
  this.timeout(300_000);

  it("behavior: commands of three words load alone; groups print their help", async () => {
    const [only, ...others] = await loadCommands(["zk", "ceremony", "finish", "x"]);
    expect(only?.name).to.equal("zk ceremony finish");
    expect(others).to.deep.equal([]);
    expect(await loadCommands(["zk", "ceremony"])).to.have.length(commands.length);
    for (const argv of [["zk"], ["zk", "ceremony"]]) {
      expect((await run(...argv)).code).to.equal(EXIT.usage);
      const { code, out } = await run(...argv, "--help");
      expect(code).to.equal(EXIT.done);
      expect(out).to.contain("ceremony");
    }
    expect((await run("zk", "ceremony", "nothing")).code).to.equal(EXIT.usage);
  });

  it("default: zk compile reports constraints and writes the circuit", async () => {
    const out = join(temporaryFolder(), "circuits");
    const compiled = await run("zk", "compile", MODEL, "--ends", "public", "--out", out, "--json");
    expect(compiled.code, compiled.out).to.equal(EXIT.done);
    const [stage] = answer(compiled)["stages"] as {
      circuitHash: string;
      report: { constraints: number };
      boundaries: { kind: number }[];
      file: string;
    }[];
    expect(stage?.report.constraints).to.be.within(50, 600);
    expect(stage?.boundaries.map(({ kind }) => kind)).to.deep.equal([0, 0]);
    expect(toHex(keccak256(new Uint8Array(readFileSync(stage?.file ?? ""))))).to.equal(stage?.circuitHash);
    const again = await run("zk", "compile", MODEL, "--ends", "public", "--out", out, "--json");
    expect([again.code, codeOf(again)]).to.deep.equal([EXIT.usage, "FILE_EXISTS"]);
    const { out: text } = await run("zk", "compile", MODEL, "--ends", "public");
    expect(text)
      .to.contain(`${stage?.report.constraints ?? 0} constraints`)
      .and.to.contain("fingerprint");
  });

  it("behavior: zk compile in linear-check mode says what the mode adds; NOT_PROVABLE for weights that need no proof", async () => {
    const options = ["zk", "compile", "models/tumor-mlp", "--weights", "private", "--ends", "salted", "--json"];
    const circuits = await Promise.all([run(...options), run(...options, "--linear-check")]);
    const sizes = circuits.map((captured) => {
      expect(captured.code, captured.out).to.equal(EXIT.done);
      return (answer(captured)["stages"] as { report: { constraints: number } }[])[0]?.report.constraints ?? 0;
    });
    // Entries, biases, and words: 30-16-8-1.
    const entries = 30 * 16 + 16 * 8 + 8;
    expect((sizes[1] ?? 0) - (sizes[0] ?? 0)).to.equal(entries + 25 + (16 + 31 + 8 + 17 + 1 + 9));
    const refused = await run("zk", "compile", "models/tumor-mlp", "--linear-check", "--json");
    expect(codeOf(refused)).to.equal("NOT_PROVABLE");
  });

  it("error: OPTION_INVALID for a stage that the model lacks", async () => {
    const refused = await run("zk", "compile", MODEL, "--stage", "7", "--json");
    expect([refused.code, codeOf(refused)]).to.deep.equal([EXIT.usage, "OPTION_INVALID"]);
  });

  it("default: zk setup says loudly that its keys are for development", async () => {
    const cache = join(temporaryFolder(), "zk");
    const made = await run("zk", "setup", MODEL, "--ends", "public", "--cache", cache, "--json");
    expect(made.code, made.out).to.equal(EXIT.done);
    const [stage] = answer(made)["stages"] as { class: string; folder: string }[];
    expect(stage?.class).to.equal("DEVELOPMENT");
    expect(readdirSync(stage?.folder ?? "").toSorted()).to.deep.equal(["key.groups", "key.record", "key.zkey"]);
    const text = await run("zk", "setup", MODEL, "--ends", "public", "--cache", cache);
    expect(text.err).to.contain("anyone can forge");
    expect(text.out).to.contain("DEVELOPMENT");
  });

  it("default: a ceremony from import to verify-setup; entropy is found nowhere", async () => {
    const folder = temporaryFolder();
    const at = (name: string): string => join(folder, name);
    const ptau = await smallPtau(8);
    const captured: Captured[] = [];
    const expectDone = async (...argv: string[]): Promise<Record<string, unknown>> => {
      const done = await run(...argv, "--json");
      captured.push(done);
      expect(done.code, `${argv.join(" ")}\n${done.out}`).to.equal(EXIT.done);
      for (const line of done.err.trim().split("\n")) expect(JSON.parse(line)).to.have.property("progress");
      return answer(done);
    };
    const unknown = await run("zk", "ceremony", "import", ptau, "--out", at("phase1.json"), "--json");
    expect([unknown.code, codeOf(unknown)]).to.deep.equal([EXIT.failed, "PTAU_UNPINNED"]);
    await expectDone("zk", "ceremony", "import", ptau, "--unpinned", "--out", at("phase1.json"));
    const init = ["zk", "ceremony", "init", MODEL, at("running"), "--ends", "public", "--id", "poly", "--ptau", ptau];
    await expectDone(...init, "--phase1", at("phase1.json"), "--beacon-plan", "a value of the tests");
    writeFileSync(at("entropy.txt"), ENTROPY);
    const contribute = ["zk", "ceremony", "contribute", at("running"), "--ptau", ptau];
    const alice = await expectDone(...contribute, "--name", "alice", "--entropy-file", at("entropy.txt"));
    await expectDone(...contribute, "--name", "bob");
    expect(alice["hash"]).to.match(/^0x[0-9a-f]{64}$/);
    const beacon = ["zk", "ceremony", "beacon", at("running"), "--value", `0x${"cd".repeat(32)}`, "--ptau", ptau];
    const last = await expectDone(...beacon, "--iterations", "10");
    const finished = await expectDone("zk", "ceremony", "finish", at("running"), "--ptau", ptau, "--out", at("key"));
    expect(finished["manifest"]).to.deep.include({ class: "DEVELOPMENT", transcriptHash: last["hash"] });
    const verify = ["zk", "verify-setup", MODEL, at("key"), "--ptau", ptau];
    const refused = await run(...verify, "--ends", "public", "--json");
    expect([refused.code, codeOf(refused)]).to.deep.equal([EXIT.failed, "RECORD_WRONG"]);
    const report = await expectDone(...verify, "--ends", "public", "--allow-development");
    expect(report).to.deep.include({ ok: true, contributors: ["alice", "bob"], transcriptHash: last["hash"] });
    // The same key for other boundaries is another circuit's.
    const other = await run(...verify, "--ends", "salted", "--json");
    expect([other.code, codeOf(other)]).to.deep.equal([EXIT.failed, "CIRCUIT_MISMATCH"]);
    const secret = Buffer.from(ENTROPY);
    for (const { out, err } of captured) expect(out + err).not.to.contain(ENTROPY);
    for (const name of readdirSync(at("running")))
      expect(readFileSync(join(at("running"), name)).includes(secret), name).to.equal(false);
  });
});
