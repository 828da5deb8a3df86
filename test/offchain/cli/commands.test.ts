// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadAllCommands, loadCommands } from "../../../offchain/cli/commands/loaders.ts";
import { EXIT } from "../../../offchain/cli/exit-code.ts";
import { toHex } from "../../../offchain/core/bytes.ts";
import { keccak256 } from "../../../offchain/core/keccak.ts";
import { encodeReceipt } from "../../../offchain/core/receipt.ts";
import { KIND_BLINDED } from "../../../offchain/core/types.ts";
import { batchOutput, batchReceipt } from "../../support/batch-receipt.ts";
import { captureCli } from "../../support/capture-cli.ts";
import { provenReceipt } from "../../support/proven-receipt.ts";
import { branchReceipts, joinedReceipt, parentOf } from "../../support/joined-receipt.ts";
import { fastReceipt } from "../../support/sample-receipt.ts";
import { seededReceipt } from "../../support/seeded-receipt.ts";

const HUB = `0x${"11".repeat(20)}`;
const commands = await loadAllCommands();
const run = async (...argv: string[]) => captureCli(commands, argv);
const codeOf = (out: string): unknown => (JSON.parse(out) as { error?: { code?: unknown } }).error?.code;

describe("commands", () => {
  it("behavior: a command line loads its own command only, an unclear one all of them", async () => {
    expect((await loadCommands(["node", "start", "--json"])).map(({ name }) => name)).to.deep.equal(["node start"]);
    expect((await loadCommands(["request"])).map(({ name }) => name)).to.deep.equal(["request"]);
    for (const argv of [[], ["--help"], ["node"], ["nothing"]])
      expect(await loadCommands(argv)).to.have.length(commands.length);
  });

  let folder: string;
  const file = (name: string, content: string | Uint8Array, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-cli-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("default: every command of code.md's first step exists, takes --json and has an example", async () => {
    const names = commands.map(({ name }) => name);
    for (const name of [
      "devnet",
      "model import",
      "model inspect",
      "model cuts",
      "model leakage",
      "model refresh",
      "model register",
      "request",
      "job show",
      "job list",
      "receipt verify",
      "receipt leaf",
      "receipt agreement",
      "prove",
      "verify",
      "node init",
      "node start",
      "node status",
      "node doctor",
      "stake add",
      "stake show",
      "stake leave",
      "stake withdraw",
      "cipher watch",
      "cipher defend",
      "cipher check",
      "config show",
      "config check",
    ])
      expect(names).to.include(name);
    for (const command of commands) {
      expect(command.examples.length, command.name).to.be.greaterThan(0);
      const { code, out } = await run(...command.name.split(" "), "--help");
      expect(code, command.name).to.equal(EXIT.done);
      expect(out, command.name).to.contain("--json");
    }
  });

  it("R69: receipt verify says yes with 0 and no with 1", async () => {
    const bytes = encodeReceipt(fastReceipt(1, 5));
    const good = await run("receipt", "verify", file("good.receipt", bytes), "--json");
    expect(good.code).to.equal(EXIT.done);
    expect(JSON.parse(good.out)).to.deep.include({ ok: true, end: "FINAL" });
    const bad = bytes.slice();
    bad[400] = (bad[400] ?? 0) ^ 1;
    const refused = await run("receipt", "verify", file("bad.receipt", bad));
    expect(refused.code).to.equal(EXIT.failed);
    expect(refused.out).to.contain("NOT VALID");
    expect((await run("receipt", "verify", file("none.receipt", "hello"))).code).to.equal(EXIT.failed);
  });

  it("R69: receipt verify takes many receipts, a line each, and names those that do not hold", async () => {
    const receipts = [fastReceipt(1, 5), provenReceipt(2), fastReceipt(3, 3), provenReceipt(2)].map(encodeReceipt);
    const bad = receipts[3]?.slice() ?? new Uint8Array();
    const at = 4000;
    bad[at] = (bad[at] ?? 0) ^ 1;
    const names = [...receipts.slice(0, 3), bad].map((bytes, i) => file(`many ${i}.receipt`, bytes));
    const { code, out, err } = await run("receipt", "verify", ...names);
    expect(code).to.equal(EXIT.failed);
    const lines = out.trim().split("\n");
    expect(lines.slice(0, 3)).to.deep.equal(names.slice(0, 3).map((name) => `ok     ${name}`));
    expect(lines[3]).to.match(/^FAILED .*many 3\.receipt: \w+/);
    expect(err).to.contain("4 receipts, 1 not valid");
    const json = await run("receipt", "verify", ...names.slice(0, 3), "--json");
    expect(json.code).to.equal(EXIT.done);
    const reports = json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(reports.map((report) => [report["file"], report["ok"]])).to.deep.equal(
      names.slice(0, 3).map((name) => [name, true]),
    );
    expect((await run("receipt", "verify", ...names, "--input", "x")).code).to.equal(EXIT.usage);
    expect((await run("receipt", "verify")).code).to.equal(EXIT.usage);
  });

  it("R53 R69: receipt verify --joined judges a joined job with its branches, and says what is missing", async () => {
    const branches = branchReceipts();
    const joined = file("joined.receipt", encodeReceipt(joinedReceipt(branches.map(parentOf))));
    const [a, b] = branches.map((receipt, i) => file(`branch ${i}.receipt`, encodeReceipt(receipt))) as [
      string,
      string,
    ];
    const whole = await run("receipt", "verify", joined, a, b, "--joined");
    expect(whole.code).to.equal(EXIT.done);
    expect(whole.out).to.contain("| parent 1 | ok |").and.contain("Every stage has evidence.");
    const half = await run("receipt", "verify", joined, a, "--joined");
    expect(half.code).to.equal(EXIT.done);
    expect(half.out).to.contain(`${branches[1].jobId}: its receipt was not given`).and.contain("Not every stage");
    const bad = file("branch.receipt", encodeReceipt(branches[1]).with(400, 1));
    expect((await run("receipt", "verify", joined, a, bad, "--joined")).code).to.equal(EXIT.failed);
  });

  it("R11: receipt leaf takes one inference out of a batch, and receipt verify judges it alone", async () => {
    const whole = file("batch.receipt", encodeReceipt(batchReceipt(5, KIND_BLINDED)));
    const out = join(folder, "three.leaf");
    const taken = await run("receipt", "leaf", whole, "--index", "3", "--out", out, "--json");
    expect(taken.code).to.equal(EXIT.done);
    expect(JSON.parse(taken.out)).to.deep.include({ index: 3, count: 5, tensor: toHex(batchOutput(3)), file: out });
    const good = await run("receipt", "verify", out);
    expect(good.code).to.equal(EXIT.done);
    expect(good.out).to.contain("it opens output 3 of 5");
    const bytes = readFileSync(out);
    const at = bytes.indexOf(batchOutput(3));
    bytes[at + batchOutput(3).length - 1] = (bytes[at + batchOutput(3).length - 1] ?? 0) ^ 1;
    const bad = await run("receipt", "verify", file("bad.leaf", bytes));
    expect(bad.code).to.equal(EXIT.failed);
    expect(bad.out).to.contain("NOT VALID: leaf");
    const none = await run("receipt", "leaf", whole, "--index", "5", "--out", out, "--json");
    expect(codeOf(none.out)).to.equal("MERKLE_INVALID");
  });

  it("R29: receipt agreement says agreement, and never correctness; a receipt that does not hold leaves nothing to say", async () => {
    const paths = [1, 1, 0].map((second, seed) => {
      const output = { dtype: "i8" as const, dims: [1, 2], data: Int8Array.of(0, second) };
      return file(`seed ${seed}.receipt`, encodeReceipt(seededReceipt({ seed, output })));
    });
    const good = await run("receipt", "agreement", ...paths);
    expect(good.code).to.equal(EXIT.done);
    expect(good.out)
      .to.match(/^agreement 67 %/)
      .and.contain("not correctness")
      .and.contain("Not checked:");
    const json = await run("receipt", "agreement", ...paths, "--json");
    expect((JSON.parse(json.out) as { agreement: unknown }).agreement).to.deep.include({ largest: 2, runs: 3 });
    const replicas = await run("receipt", "agreement", paths[0] ?? "", paths[0] ?? "", "--json");
    expect(replicas.code).to.not.equal(EXIT.done);
    expect(codeOf(replicas.out)).to.equal("AGREEMENT_INVALID");
    const broken = await run("receipt", "agreement", ...paths, file("broken.receipt", "hello"));
    expect(broken.code).to.equal(EXIT.failed);
    expect(broken.out).to.contain("nothing measured").and.contain("broken.receipt");
    const foreign = await run("receipt", "agreement", ...paths, "--model", "models/mail-letters");
    expect(foreign.code).to.equal(EXIT.failed);
  });

  it("R28: model inspect shows a float model's tolerance", async () => {
    const { code, out } = await run("model", "inspect", "models/mail-letters", "--json");
    expect(code).to.equal(EXIT.done);
    expect(JSON.parse(out)).to.deep.include({ name: "mail-letters", class: "T", inputDims: [74], outputDims: [42] });
    expect((await run("model", "inspect", "models/mail-letters")).out).to.contain("seats agree within");
  });

  it("R48: model cuts shows every legal cut and the best ones", async () => {
    const { code, out } = await run("model", "cuts", "models/digits-cnn", "--stages", "3", "--json");
    expect(code).to.equal(EXIT.done);
    const { cuts, table, stageNs } = JSON.parse(out) as {
      cuts: number[];
      stageNs: number[];
      table: { afterOp: number }[];
    };
    expect(cuts).to.have.length(2);
    expect(stageNs).to.have.length(3);
    expect(table.map(({ afterOp }) => afterOp)).to.include.members(cuts);
    expect((await run("model", "cuts", "models/digits-mlp", "--stages", "9")).code).to.equal(EXIT.failed);
  });

  it("R51: model leakage makes the committed report again, byte for byte, and refuses too few rows", async function () {
    this.timeout(900_000);
    const deep = process.env["ASSAY_DEEP"] === "1" ? ["digits-cnn", "digits-split"] : [];
    for (const name of ["digits-mlp", ...deep]) {
      const { code, out } = await run("model", "leakage", `models/${name}`, "--out", folder, "--json");
      expect(code).to.equal(EXIT.done);
      for (const made of ["leakage.json", "leakage.png"]) {
        const committed = readFileSync(`models/${name}/${made}`);
        expect(Buffer.compare(readFileSync(join(folder, made)), committed), `${name}/${made}`).to.equal(0);
      }
      const { hash } = JSON.parse(out) as { hash: string };
      expect(toHex(keccak256(new Uint8Array(readFileSync(join(folder, "leakage.json")))))).to.equal(hash);
      const { leakage } = JSON.parse((await run("model", "inspect", `models/${name}`, "--json")).out) as {
        leakage: { hash: string };
      };
      expect(leakage.hash).to.equal(hash);
    }
    const few = await run("model", "leakage", "models/digits-mlp", "--auxiliary", "999", "--json");
    expect(codeOf(few.out)).to.equal("LEAKAGE_DATA");
    expect(codeOf((await run("model", "leakage", "models/tumor-mlp", "--json")).out)).to.equal("LEAKAGE_DATA");
  });

  it("R51: model cuts --split refuses what the report puts above the limits; inspect says so", async () => {
    const { code, out } = await run("model", "cuts", "models/digits-cnn", "--split", "--stages", "1", "--json");
    expect(code).to.equal(EXIT.done);
    const { table } = JSON.parse(out) as { table: { refused: string | null; leakage: { recoveryPpm: number } }[] };
    expect(table.map(({ refused }) => refused)).to.deep.equal(table.map(() => "leakage"));
    expect(table[0]?.leakage.recoveryPpm).to.be.above(900_000);
    const cut = await run("model", "cuts", "models/digits-cnn", "--split", "--json");
    expect([cut.code, codeOf(cut.out)]).to.deep.equal([EXIT.failed, "CUTS_IMPOSSIBLE"]);
    expect((await run("model", "inspect", "models/digits-cnn")).out).to.contain("recovery 92.6 %");
    // Before operator 16 the input itself is read behind every cut.
    const text = await run("model", "cuts", "models/mail-transformer", "--split", "--json");
    expect((JSON.parse(text.out) as { cuts: number[] }).cuts).to.deep.equal([22]);
    expect((await run("model", "inspect", "models/mail-transformer")).out).to.contain("the input is read behind it");
  });

  it("default: model inspect names the model", async () => {
    const { code, out } = await run("model", "inspect", "models/tumor-mlp", "--json");
    expect(code).to.equal(EXIT.done);
    expect(JSON.parse(out)).to.deep.include({ name: "tumor-mlp", inputDims: [30] });
  });

  it("default: node init makes a folder that config check and config show accept", async () => {
    const path = join(folder, "worker");
    const made = await run(
      "node",
      "init",
      path,
      "--rpc",
      "http://127.0.0.1:8545",
      "--chain-id",
      "31337",
      "--hub",
      HUB,
      "--development",
      "--json",
    );
    expect(made.code, made.err + made.out).to.equal(EXIT.done);
    const config = join(path, "assay.toml");
    expect(statSync(config).mode & 0o777).to.equal(0o600);
    expect((await run("config", "check", "--config", config)).code).to.equal(EXIT.done);
    const shown = await run("config", "show", "--config", config, "--log-level", "debug", "--json");
    const { settings } = JSON.parse(shown.out) as { settings: { name: string; value: unknown; source: string }[] };
    expect(settings).to.deep.include({ name: "log.level", value: "debug", source: "flag" });
    expect(settings).to.deep.include({ name: "chain.hub", value: HUB, source: "file" });
    expect((await run("node", "init", path, "--development")).code).to.equal(EXIT.usage);
  });

  it("error: CONFIG_INVALID names what is missing, exit code 2", async () => {
    const { code, out } = await run("config", "check", "--json");
    expect(code).to.equal(EXIT.usage);
    expect(codeOf(out)).to.equal("CONFIG_INVALID");
  });

  it("default: node doctor names each finding with its fix, exit code 1 when something is wrong", async () => {
    const config = join(folder, "worker", "assay.toml");
    const { code, out } = await run("node", "doctor", "--config", config, "--json");
    expect(code).to.equal(EXIT.failed);
    const { ok, checks } = JSON.parse(out) as {
      ok: boolean;
      checks: { name: string; ok: boolean; detail: string; fix: string }[];
    };
    expect(ok).to.equal(false);
    const chain = checks.find(({ name }) => name === "chain");
    expect(chain?.ok).to.equal(false);
    expect(chain?.fix).to.not.equal("");
    const prover = checks.find(({ name }) => name === "prover");
    expect(prover?.ok).to.equal(true);
    expect(prover?.detail).to.match(/; (native on (ifma|adx|portable)|snarkjs, for .+)$/);
    const asked = await run("node", "doctor", "--config", config, "--prove-prover", "snarkjs", "--json");
    expect(asked.out).to.contain("; snarkjs, for the configuration says so");
  });

  it("error: MONITOR_SILENT when no worker runs, exit code 75", async () => {
    const { code, out } = await run("node", "status", "--monitor", "http://127.0.0.1:9", "--json");
    expect(code).to.equal(EXIT.later);
    expect(codeOf(out)).to.equal("MONITOR_SILENT");
  });

  it("error: CONNECTION_MISSING, FILE_UNREADABLE, KEY_MISSING, KEY_FILE_OPEN, exit code 2", async () => {
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ["CONNECTION_MISSING", ["job", "list"]],
      ["FILE_UNREADABLE", ["job", "list", "--devnet", join(folder, "nowhere.json")]],
      ["FILE_UNREADABLE", ["job", "list", "--devnet", file("broken.json", "{}")]],
      ["FILE_UNREADABLE", ["receipt", "verify", join(folder, "nowhere.receipt")]],
      ["KEY_MISSING", ["request", "models/tumor-mlp", "x.json", "--rpc", "http://127.0.0.1:9", "--hub", HUB]],
      [
        "KEY_FILE_OPEN",
        [
          "request",
          "models/tumor-mlp",
          "x",
          "--rpc",
          "http://127.0.0.1:9",
          "--hub",
          HUB,
          "--key-file",
          file("open.key", "0x", 0o644),
        ],
      ],
    ];
    for (const [code, argv] of cases) {
      const result = await run(...argv, "--json");
      expect(codeOf(result.out), argv.join(" ")).to.equal(code);
      expect(result.code, argv.join(" ")).to.equal(EXIT.usage);
    }
  });

  it("error: an endpoint that is down is exit code 75", async () => {
    const { code } = await run("job", "show", `0x${"ab".repeat(32)}`, "--rpc", "http://127.0.0.1:9", "--hub", HUB);
    expect(code).to.equal(EXIT.later);
  });
});
