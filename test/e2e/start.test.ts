// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pairSigners } from "../../offchain/audit/evidence/enclave-pairs.ts";
import type { ReplayReport } from "../../offchain/audit/replay/replay-report.ts";
import { fromHex } from "../../offchain/core/bytes.ts";
import { decodeReceipt } from "../../offchain/core/receipt.ts";
import { verifyReceipt } from "../../offchain/core/verify-receipt.ts";
import { planCiphers } from "../../scripts/demo/plan-ciphers.ts";
import { createSecretWatch } from "../../scripts/demo/secret-watch.ts";
import type { FaultOutcome } from "../../scripts/demo/fault-checks.ts";
import type { RunSummary } from "../../scripts/demo/summary.ts";
import { isLoopback, listenersOf, processTree } from "../support/listeners.ts";

describe("npm start, a shortened run", function suite() {
  this.timeout(420_000);

  it("R70, R68, R69, R62, R27, R33, R39, R41, R72, R74: jobs of every preset end right, the liar is slashed, the killed worker comes back, and an auditor does it all again", async () => {
    const run = spawn(process.execPath, ["scripts/start.ts", "--patients", "1", "--digits", "1"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exposed = new Set<string>();
    let output = "";
    for (const stream of [run.stdout, run.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        // Looked at whenever something happens: the whole run is covered, without a timer.
        if (run.pid === undefined) return;
        for (const { address, port } of listenersOf(processTree(run.pid)))
          if (!isLoopback(address)) exposed.add(`${address}:${port}`);
      });
    const code = await new Promise<number | null>((done) => run.once("close", done));
    expect(code, output.slice(-4_000)).to.equal(0);
    expect([...exposed]).to.deep.equal([]);

    const folder = /build\/run\/\S+/.exec(output.slice(output.lastIndexOf("summary.json")))?.[0] ?? "";
    const summary = JSON.parse(readFileSync(join(folder, "summary.json"), "utf8")) as RunSummary;
    expect(summary).to.deep.include({ ok: true, problems: [] });
    expect(summary.jobs).to.have.length(17);
    expect(summary.workers).to.have.length(16);
    for (const job of summary.jobs) {
      expect(job, `job ${job.index}`).to.deep.include({ matchesProgram: true, receiptVerified: true });
      const receipt = decodeReceipt(new Uint8Array(readFileSync(job.receipt)));
      const { recordHash } = job;
      expect(verifyReceipt(receipt, { recordHash }).ok, `job ${job.index}`).to.equal(true);
      expect(receipt.jobId).to.equal(job.jobId);
      // One proof a stage, or votes: never both.
      expect(receipt.proofs).to.have.length(["critical-proof", "critical-enclave"].includes(job.preset) ? 1 : 0);
      expect(job.answer).to.equal(job.truth);
      expect(job.wireBytes).to.be.greaterThan(500);
      // Nobody pays more than was quoted; where nothing went wrong it is what was expected.
      const { quoted, most, paid } = job.fee;
      expect(Number(paid)).to.be.at.most(Number(most));
      // On a loaded machine seats may have to commit on the chain, which costs a poke; the lottery may draw auditors.
      const isQuiet = !["liar", "killed", "economy", "enclave"].includes(job.kind) && !("committed" in job.phasesMs);
      if (isQuiet) expect(paid, `job ${job.index}`).to.equal(quoted);
    }
    const presets = new Set(summary.jobs.map(({ preset }) => preset));
    const voted = ["general-vote", "general-split", "economy", "masked"] as const;
    for (const preset of [...voted, "critical-proof", "critical-cipher", "fast-enclave", "critical-enclave"] as const)
      expect(presets).to.include(preset);
    expect(output).not.to.include("Not shown in this run");
    const split = summary.jobs.find(({ kind }) => kind === "split");
    expect([split?.endToEnd, split?.sees]).to.deep.equal([false, "nobody (boundaries leak)"]);
    const enclaved = summary.jobs.find(({ kind }) => kind === "enclave");
    expect(enclaved?.sees).to.include("SIMULATED");
    expect(enclaved?.evidence).to.match(/ENCLAVE \(SIMULATED\)|VOTE/); // votes, where chance had it audited
    // Two workers' enclaves of two vendors said one digest, and one of them proved it: by their keys, which the registry knows.
    const pair = summary.jobs.find(({ preset }) => preset === "critical-enclave");
    expect(pair).to.deep.include({ endToEnd: true, sees: "2 SIMULATED enclaves", dissented: [] });
    expect(pair?.evidence).to.equal("PROOF (DEVELOPMENT KEY) + ENCLAVE (SIMULATED) of aws and intel");
    expect(new Set(pair?.agreed).size).to.equal(2);
    const signed = decodeReceipt(new Uint8Array(readFileSync(pair?.receipt ?? "")));
    expect(pairSigners(signed)).to.have.length(2);
    const proven = summary.jobs.filter(({ kind }) => kind === "proven").map(({ model }) => model);
    expect(proven).to.deep.equal(["tumor-mlp", "digits-cnn", "credit-forest"]);
    expect(output).to.include("three receipts hold together");

    // Held-out patients and a digit on ciphertexts: two stages of five seats each; what they were given is megabytes of keys.
    const encrypted = summary.jobs.filter(({ preset }) => preset === "critical-cipher");
    expect(encrypted.map(({ model, sees, evidence }) => [model, sees, evidence])).to.deep.equal([
      ["tumor-poly", "nobody but the client", "VOTE + CIPHER"],
      ["digits-mlp-poly", "nobody but the client", "VOTE + CIPHER"],
    ]);
    for (const { committees, wireBytes } of encrypted) {
      expect(committees.map((seats) => seats.length)).to.deep.equal([5, 5]);
      expect(wireBytes).to.be.greaterThan(40e6);
    }
    // Inputs and key roots: in nothing that left the client, by its own search; inputs in nothing that anybody wrote, by one more.
    const { patients, digit } = await planCiphers(0);
    const inputs = [patients, digit].flatMap(({ cipher }) => cipher?.inputs ?? []);
    expect(summary.secrecy).to.deep.include({ found: [], secrets: inputs.length + encrypted.length });
    expect(summary.secrecy.bytes["what workers were sent"]).to.be.greaterThan(100e6);
    const { marks } = summary.secrecy;
    expect(marks).to.include.all.keys("what workers were sent", "calls to the chain", "blocks", "logs");
    const watch = createSecretWatch();
    for (const { data } of inputs) watch.plant("input", new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    for (const { jobId } of encrypted) watch.mark(fromHex(jobId));
    for (const part of ["logs", "workers", "bundle/chain", "receipts"]) watch.lookInFolder(part, join(folder, part));
    expect(watch.secrecy.found).to.deep.equal([]);
    expect(watch.secrecy.marks).to.include.all.keys("logs", "bundle/chain", "receipts");
    expect(summary.liar?.slashed).to.equal("44.00 DEV");
    expect(summary.jobs.find(({ kind }) => kind === "liar")?.committees.map((seats) => seats.length)).to.deep.equal([
      5, 11,
    ]);
    expect(summary.killed).to.deep.include({ offence: "slashed as absent", restarted: true });

    // What the run left is enough to do all of it again: no chain, no worker is there any more.
    expect(output).to.include(summary.audit.replay);
    const argv = summary.audit.replay.split(" ").slice(2);
    const report = JSON.parse(
      execFileSync(process.execPath, ["offchain/cli/main.ts", ...argv, "--json"], {
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
        stdio: ["ignore", "pipe", "ignore"],
      }),
    ) as ReplayReport;
    expect(report.claims.filter(({ verdict }) => verdict !== "ok")).to.deep.equal([]);
    const again = report.claims.filter(({ id }) => id.endsWith("/re-execution"));
    expect(again).to.have.length(summary.jobs.length - encrypted.length);
    // Both vendors' evidence is judged again, what the chain verified and what its attesters said.
    const attested = report.claims.find(({ id }) => id === `job/${pair?.jobId}/attestations`);
    for (const platform of ["intel-tdx", "aws-nitro"])
      expect(attested?.detail).to.include(`SIMULATED, proves nothing about hardware: ${platform}`);
    // Encrypted ones are evaluated again a stage a claim, from ciphertexts and keys that open nothing.
    const traces = report.claims.filter(({ id }) => id.includes("/ciphertext trace of stage "));
    expect(traces).to.have.length(2 * encrypted.length);
  });

  it("R75, R74: npm start -- --faults: every liar ends in the documented verdict, with the money moved as documented", async function faults() {
    if (process.env["ASSAY_DEEP"] !== "1") this.skip(); // four minutes of sixteen processes; the parts are tested apart
    this.timeout(600_000); // eight liars, one after the other
    const run = spawn(process.execPath, ["scripts/start.ts", "--faults"], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    run.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise<number | null>((done) => run.once("close", done));
    expect(code, output.slice(-4_000)).to.equal(0);
    const folder = /build\/run\/\S+/.exec(output.slice(output.lastIndexOf("faults.json")))?.[0] ?? "";
    const { outcomes } = JSON.parse(readFileSync(join(folder, "faults.json"), "utf8")) as { outcomes: FaultOutcome[] };
    expect(outcomes.map(({ preset, problems }) => [preset, problems])).to.deep.equal([
      ["general-vote", []],
      ["critical-proof", []],
      ["economy", []],
      ["general-split", []],
      ["critical-cipher", []],
      ["critical-cipher", []],
      ["fast-enclave", []],
      ["critical-enclave", []],
    ]);
  });
});
