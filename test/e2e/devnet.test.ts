// SPDX-License-Identifier: GPL-3.0-or-later
import { execFile, spawn } from "node:child_process";
import { expect } from "chai";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deployContract, readContract, writeContract } from "viem/actions";
import type { Hex } from "viem";
import { askFromContract } from "../../examples/ask-from-contract.ts";
import { devTokenAbi } from "../../offchain/adapters/chain/abi/dev-token.ts";
import { interpretOutput } from "../../offchain/core/program/preprocess.ts";
import { pollUntil } from "../../offchain/sdk/poll-until.ts";
import { readArtifact } from "../../scripts/deploy/read-artifact.ts";
import { interpretReals, prepareReals } from "../../offchain/core/program/real-input.ts";
import { boundarySalt, INPUT_BOUNDARY } from "../../offchain/core/salts.ts";
import { KIND_SALTED } from "../../offchain/core/types.ts";
import { verifyReceiptFile } from "../../offchain/audit/verify-receipt-file.ts";
import { encodeReceipt } from "../../offchain/core/receipt.ts";
import { encodeTensor } from "../../offchain/core/tensor.ts";
import { loadFloatModel } from "../../offchain/engines/program/float/load-float-model.ts";
import { loadModel } from "../../offchain/engines/program/load-program.ts";
import { connectWallet } from "../../offchain/sdk/node/connect.ts";
import { nodeCrypto } from "../../offchain/sdk/node/node-crypto.ts";
import { resultKeyPair } from "../../offchain/sdk/job-secret.ts";
import { Children } from "../../scripts/demo/children.ts";
import { startDevnet, writeDevnetFile, type Devnet } from "../../scripts/demo/devnet.ts";
import { createRunFolder, type RunFolder } from "../../scripts/demo/run-folder.ts";
import type { FairnessReport } from "../../offchain/audit/fairness/fairness-report.ts";
import { loadCommands } from "../../offchain/cli/commands/loaders.ts";
import { captureCli } from "../support/capture-cli.ts";
import { isLoopback, listenersOf } from "../support/listeners.ts";

const TOKEN = 10n ** 18n;
const CANARY = Int8Array.from({ length: 30 }, (_, i) => ((i * 37 + 11) % 120) - 60);

describe("devnet of real processes", function suite() {
  this.timeout(240_000);
  const children = new Children();
  let root: string;
  let folder: RunFolder;
  let devnet: Devnet;

  before(async () => {
    root = mkdtempSync(join(tmpdir(), "assay-e2e-"));
    folder = createRunFolder(root, new Date());
    devnet = await startDevnet({
      folder,
      workers: 5,
      models: ["models/tumor-mlp", "models/mail-letters"],
      children,
      signal: new AbortController().signal,
      progress: () => {},
    });
  });
  after(async () => {
    await children.stopAll(5_000);
    rmSync(root, { recursive: true, force: true });
  });

  it("R70: every listener is on loopback", () => {
    const pids = [devnet.chain.child.pid, ...devnet.workers.map(({ child }) => child.pid)];
    const listeners = listenersOf(pids);
    // The chain; of each worker its transport, its monitor and its development switch.
    expect(listeners.length).to.equal(1 + 3 * devnet.workers.length);
    expect(listeners.filter(({ address }) => !isLoopback(address))).to.deep.equal([]);
  });

  it("R11, R73: a job's input, salts and keys stay out of chain, logs and plain files; its receipt replays", async () => {
    const { hub, fromBlock } = devnet.deployment;
    const model = await loadModel("models/tumor-mlp");
    const manifest = model.manifest.model;
    const wallet = connectWallet({
      rpcUrl: devnet.chain.url,
      hub,
      fromBlock: BigInt(fromBlock),
      privateKey: devnet.requesterKey,
      pollMs: 200,
    });
    await wallet.waitForTransactionReceipt({ hash: await wallet.deposit({ amount: 100n * TOKEN }) });
    const input = { dtype: "i8" as const, dims: [1, 30], data: CANARY };
    const done = await wallet.requestInferenceSync({ manifest, input, policy: { tWork: 60 } });
    const receipt = await wallet.getReceipt({ jobId: done.jobId });
    const secret = done.secret.reveal();

    const report = await verifyReceiptFile(encodeReceipt(receipt), {
      manifest,
      model,
      opened: { input: encodeTensor(input), secret },
      rpcUrl: devnet.chain.url,
      hub,
    });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.skipped).to.deep.equal([]);

    const secrets = new Map<string, Uint8Array>([
      ["input", new Uint8Array(CANARY.buffer)],
      ["job secret", secret],
      ["input salt", boundarySalt(secret, INPUT_BOUNDARY, KIND_SALTED) ?? new Uint8Array()],
      ["output salt", boundarySalt(secret, 0, KIND_SALTED) ?? new Uint8Array()],
      ["result key", resultKeyPair(nodeCrypto, done.secret).privateKey],
      ["requester key", Buffer.from(devnet.requesterKey.slice(2), "hex")],
    ]);
    const places = new Map<string, Buffer>();
    const head = Number(await devnet.chain.rpc("eth_blockNumber", []));
    for (let number = 0; number <= head; number++) {
      const block = await devnet.chain.rpc("eth_getBlockByNumber", [`0x${number.toString(16)}`, true]);
      places.set(`block ${number}`, Buffer.from(JSON.stringify(block)));
    }
    const logs = await devnet.chain.rpc("eth_getLogs", [{ fromBlock: "0x0", toBlock: "latest" }]);
    places.set("events", Buffer.from(JSON.stringify(logs)));
    // What any user of the machine can read of a running process.
    for (const { child } of devnet.workers) {
      const path = `/proc/${child.pid}/cmdline`;
      if (existsSync(path)) places.set(path, readFileSync(path));
    }
    for (const path of globSync(`${folder.path}/**/*`))
      if (statSync(path).isFile()) places.set(path, readFileSync(path));
    expect(places.size).to.be.greaterThan(head + 10);

    const found: string[] = [];
    for (const [place, bytes] of places)
      for (const [name, value] of secrets) {
        // Any 12 bytes of it, raw, as hexadecimal or as base64 in each of its three alignments.
        const part = Buffer.from(value).subarray(4, 16);
        const forms = [part, Buffer.from(part.toString("hex"))];
        for (const cut of [0, 1, 2]) {
          const aligned = Buffer.from(value).subarray(3 + cut, 3 + cut + 12);
          forms.push(Buffer.from(aligned.toString("base64")), Buffer.from(aligned.toString("base64url")));
        }
        if (forms.some((form) => bytes.includes(form))) found.push(`${name} in ${place}`);
      }
    expect(found).to.deep.equal([]);
  });

  it("R71: a contract asks, its client seals the input, the contract is called back", async () => {
    const { hub, fromBlock, token } = devnet.deployment;
    const { manifest: file, ...model } = await loadModel("models/tumor-mlp");
    const wallet = connectWallet({
      rpcUrl: devnet.chain.url,
      hub,
      fromBlock: BigInt(fromBlock),
      privateKey: devnet.requesterKey,
      pollMs: 200,
    });
    const done = async (hash: Promise<Hex>) => wallet.waitForTransactionReceipt({ hash: await hash });
    const artifact = readArtifact("DigitReader");
    if (artifact === undefined) throw new TypeError("DigitReader is not built");
    const { contractAddress } = await done(deployContract(wallet, { ...artifact, chain: null, args: [hub] }));
    const reader = { address: contractAddress ?? "0x", abi: artifact.abi } as const;
    const amount = 10n * TOKEN;
    await done(
      writeContract(wallet, {
        chain: null,
        address: token,
        abi: devTokenAbi,
        functionName: "approve",
        args: [reader.address, amount],
      }),
    );
    await done(writeContract(wallet, { chain: null, ...reader, functionName: "fund", args: [amount] }));

    const input = { dtype: "i8" as const, dims: [1, 30], data: CANARY };
    const { jobId, delivery, secret } = await askFromContract(wallet, hub, reader, file.model, input);
    const view = await pollUntil(
      async () => {
        const job = await wallet.getJob({ jobId });
        return job.state === "FINAL" ? job : undefined;
      },
      { doing: "waiting", everyMs: 250, timeoutMs: 60_000 },
    );
    expect(view?.job.requester.toLowerCase()).to.equal(reader.address.toLowerCase());
    const result = await wallet.fetchResult({
      jobId,
      manifest: file.model,
      secret,
      outDigest: view?.outDigest ?? "0x",
      seats: delivery.seats,
    });
    expect(interpretOutput(model.output, result.output)[0]?.label).to.be.oneOf(["benign", "malignant"]);
    const reading = (await readContract(wallet, {
      ...reader,
      functionName: "readings",
      args: [jobId],
    })) as readonly unknown[];
    expect(reading[1]).to.equal(view?.outDigest);
    expect(reading[2]).to.equal(5);
    // A private result: the chain holds its digest only.
    expect(reading[3]).to.equal(255);
    expect(reading[4]).to.equal(true);
  });

  it("R28: real machines agree on a float model's answer, and an auditor runs it again within its tolerance", async () => {
    const { hub, fromBlock } = devnet.deployment;
    const model = await loadFloatModel("models/mail-letters");
    const rpcUrl = devnet.chain.url;
    const wallet = connectWallet({
      rpcUrl,
      hub,
      fromBlock: BigInt(fromBlock),
      privateKey: devnet.requesterKey,
      pollMs: 200,
    });
    const letters = Array.from(
      "visit our site at http:/",
      (letter) => " abcdefghijklmnopqrstuvwxyz0.,!?$%'-:/".indexOf(letter) + 2,
    );
    const input = prepareReals(model.preprocess, [...Array.from({ length: 32 - letters.length }, () => 0), ...letters]);
    const done = await wallet.requestInferenceSync({
      manifest: model.manifest.model,
      input,
      policy: { tWork: 60 },
      deposit: true,
    });
    expect(interpretReals(model.output, done.output)[0]?.label).to.equal("/");
    const bytes = encodeReceipt(await wallet.getReceipt({ jobId: done.jobId, result: done.result }));
    const report = await verifyReceiptFile(bytes, {
      manifest: model.manifest.model,
      model,
      opened: { input: encodeTensor(input) },
      rpcUrl,
      hub,
    });
    expect(report.checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    expect(report.skipped).to.deep.equal([]);
  });

  it("R71, R69: the examples request an inference and verify its receipt", async () => {
    const file = writeDevnetFile(devnet, folder);
    const receipt = join(root, "example.receipt");
    const run = async (...args: string[]) => promisify(execFile)(process.execPath, args).then(({ stdout }) => stdout);
    const asked = await run("examples/request-inference.ts", file, receipt);
    expect(asked).to.match(/^(benign|malignant)$/m);
    expect(asked).to.contain("receipt valid");
    const checked = await run("examples/verify-receipt.ts", receipt);
    expect(checked).to.contain("settlement - every payment is what the rules give");
    expect(checked).to.not.contain("FAILED");
  });

  it("R69: a requester keeps what opens its job, and an auditor does the inference again from files alone", async () => {
    const file = writeDevnetFile(devnet, folder);
    const [input, receipt, opening] = ["patient.json", "opened.receipt", "opening"].map((name) => join(root, name));
    const row = readFileSync("models/data/tumor-test.csv", "utf8").split("\n")[2]?.split(",").slice(0, 30).map(Number);
    writeFileSync(input ?? "", JSON.stringify(row));
    const cli = async (...argv: string[]) => captureCli(await loadCommands(argv), [...argv, "--json"]);
    const files = ["--receipt", receipt ?? "", "--opening", opening ?? ""];
    const asked = ["request", "models/tumor-mlp", input ?? "", "--devnet", file, "--deposit", ...files];
    const done = await cli(...asked);
    expect(done.code, done.err).to.equal(0);
    for (const name of ["secret", "input"]) expect(statSync(join(opening ?? "", name)).mode & 0o777).to.equal(0o600);
    const opened = ["--input", join(opening ?? "", "input"), "--secret-file", join(opening ?? "", "secret")];
    const audit = await cli("receipt", "verify", receipt ?? "", "--model", "models/tumor-mlp", ...opened);
    expect(audit.code, audit.out).to.equal(0);
    expect(JSON.parse(audit.out)).to.have.nested.property("checks").that.deep.includes({
      name: "re-execution",
      ok: true,
      detail: "running the program again gives the agreed digest",
    });
    // The same folder again: nothing is sent.
    const again = await cli(...asked);
    expect([again.code, again.out + again.err]).to.satisfy(
      ([code, text]: [number, string]) => code === 2 && text.includes("FILE_EXISTS"),
    );
  });

  it("R18: the fairness report of all these jobs: every end known, no seat failed, pay as agreed, nobody drawn too often", async () => {
    const file = writeDevnetFile(devnet, folder);
    const out = join(root, "fairness");
    const argv = ["audit", "fairness", "--devnet", file, "--out", out, "--json"];
    const { code, out: printed, err } = await captureCli(await loadCommands(argv), argv);
    expect(code, err).to.equal(0);
    const report = JSON.parse(printed) as FairnessReport;
    expect(report.jobs).to.be.at.least(3);
    expect(report.models.every(({ jobs, final }) => jobs === final)).to.equal(true);
    expect(report.workers.every(({ seats, agreed }) => seats === agreed)).to.equal(true);
    const seated = report.selection.reduce((sum, { seats }) => sum + seats, 0);
    expect(report.workers.reduce((sum, { seats }) => sum + seats, 0)).to.equal(seated);
    expect(readFileSync(join(out, "fairness.md"), "utf8")).to.include("![selection.svg](selection.svg)");
    expect(JSON.parse(readFileSync(join(out, "fairness.json"), "utf8"))).to.deep.equal(report);
    // Never over an older report.
    expect((await captureCli(await loadCommands(argv), argv)).code).to.equal(2);
  });
});

describe("assay devnet with jobs over ciphertexts", function suite() {
  this.timeout(300_000);

  it("R39, R41: by two commands, held-out patients are diagnosed on ciphertexts, and the receipt verifies against the model", async function deep() {
    if (process.env["ASSAY_DEEP"] !== "1") this.skip(); // two stages of five seats take ten workers; npm start has the same jobs
    const root = mkdtempSync(join(tmpdir(), "assay-cipher-"));
    const [file = "", input = "", receipt = ""] = ["devnet.json", "patients.json", "job.receipt"].map((name) =>
      join(root, name),
    );
    const devnet = spawn(
      process.execPath,
      ["offchain/cli/main.ts", "devnet", "--workers", "10", "--file", file, "--json"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    try {
      await new Promise<void>((ready, failed) => {
        let output = "";
        devnet.stdout.on("data", (chunk: Buffer) => {
          output += chunk.toString();
          if (output.includes('"ready":true')) ready();
        });
        devnet.once("close", (code) => failed(new Error(`the devnet ended with ${code}`)));
      });
      const lines = readFileSync("models/data/tumor-test.csv", "utf8").split("\n").slice(1);
      const rows = [14, 27, 40].map((row) => lines[row]?.split(",").map(Number) ?? []);
      writeFileSync(input, JSON.stringify(rows.map((row) => row.slice(0, 30))));
      const cli = async (...argv: string[]) => captureCli(await loadCommands(argv), [...argv, "--json"]);
      const model = "models/tumor-poly";
      const terms = ["--preset", "critical-cipher", "--devnet", file, "--deposit", "--receipt", receipt];
      const asked = await cli("request", model, input, ...terms);
      expect(asked.code, asked.err).to.equal(0);
      const truth = rows.map((row) => (row[30] === 1 ? "malignant" : "benign"));
      expect(JSON.parse(asked.out)).to.deep.include({ answers: truth, receiptValid: true });
      const judged = await cli("receipt", "verify", receipt, "--model", `${model}/cipher`);
      expect(judged.code, judged.out + judged.err).to.equal(0);
      // Another model's folder is not what it answers for.
      expect((await cli("receipt", "verify", receipt, "--model", "models/digits-mlp-poly/cipher")).code).to.equal(1);
    } finally {
      devnet.kill("SIGINT");
      if (devnet.exitCode === null) await new Promise((ended) => devnet.once("close", ended));
      rmSync(root, { recursive: true, force: true });
    }
  });
});
