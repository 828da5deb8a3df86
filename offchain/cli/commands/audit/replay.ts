// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBundle } from "../../../audit/bundle/open-bundle.ts";
import { createFileLog, createMemoryLog, PROGRESS_FILE } from "../../../audit/replay/claim-log.ts";
import { readBuilds } from "../../../audit/replay/known-builds.ts";
import { replayBundle } from "../../../audit/replay/replay-bundle.ts";
import { replayCharts } from "../../../audit/replay/replay-charts.ts";
import { replayHtml, replayMarkdown, replayReport } from "../../../audit/replay/replay-report.ts";
import { choosePairing } from "../../../engines/zk/verify/choose-pairing.ts";
import { connect } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, hash, optional, required, text } from "../../fields.ts";
import { json } from "../../json.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..", "..");

export const auditReplay = defineCommand({
  name: "audit replay",
  summary:
    "Audit a bundle offline: run every recorded transaction again on a fresh local chain, and judge every claim.",
  details:
    "Starts a Hardhat chain in this process, on loopback, and mines the recorded blocks again from the first; only if each has its recorded hash is " +
    "anything believed. On that chain receipts are put together again and compared, committees drawn, votes, signatures and proofs checked by library and by " +
    "the deployed bytecode, settlements and balances computed, and opened inputs run through the program. One verdict a claim: ok, false with the first artefact that does " +
    "not fit, or not checkable and why. Exit code 1 if anything is false. With --out, reports as JSON, markdown and HTML with pictures; an interrupted " +
    "audit goes on when the command is given again.",
  examples: [
    "assay audit replay build/bundle --head 0x… --out build/audit",
    "assay audit replay build/bundle --root 0x… --refuse-development --json",
  ],
  args: { bundle: required("folder", "What `audit export` wrote.", text) },
  options: {
    head: optional(
      "hash",
      "The last block's hash, from a source of your own: without it nobody knows that it is the real chain.",
      hash,
    ),
    root: optional("hash", "The bundle's root, as its author published it.", hash),
    artifacts: optional(
      "folder",
      "Hardhat artifacts of your own build of the contracts; the checkout's by default.",
      text,
    ),
    out: optional(
      "folder",
      "Where to write audit.json, audit.md, audit.html and the pictures, and how far it came.",
      text,
    ),
    refuseDevelopment: flag("Refuse proofs under development keys on local chains too."),
  },
  async run(input, io) {
    const bundle = openBundle(input.bundle);
    const builds = readBuilds(input.artifacts ?? join(ROOT, "artifacts", "contracts"));
    const { head, root, refuseDevelopment, out } = input;
    const subject = json({ version: 1, bundle: bundle.root, head, root, refuseDevelopment, builds: builds.length });
    if (out !== undefined) mkdirSync(out, { recursive: true });
    const log = out === undefined ? createMemoryLog() : createFileLog(join(out, PROGRESS_FILE), subject);
    const pairing = choosePairing();
    const progress = io.progress("audit");
    try {
      await replayBundle(
        bundle,
        log,
        {
          headHash: head,
          root,
          builds,
          refuseDevelopmentKeys: refuseDevelopment,
          pairing,
          signal: io.signal,
          onProgress: (step, done, total) => progress.step(step, done, total),
        },
        {
          receiptOf: async (rpcUrl, hub, fromBlock, jobId) =>
            connect({ rpcUrl, hub, fromBlock: BigInt(fromBlock) }).getReceipt({ jobId }),
        },
      );
    } catch (error) {
      progress.failed(out === undefined ? "not complete" : "not complete; the same command goes on with it");
      throw error;
    } finally {
      await pairing.close?.();
    }
    const report = replayReport(bundle, log.claims);
    const charts = replayCharts(bundle, report);
    if (out !== undefined) {
      const files = {
        "audit.json": `${json(report)}\n`,
        "audit.md": replayMarkdown(report, Object.keys(charts)),
        "audit.html": replayHtml(report, charts),
        ...charts,
      };
      for (const [name, content] of Object.entries(files)) {
        const path = join(out, name);
        // The same audit gives the same files.
        if (!existsSync(path)) writeFileSync(path, content);
      }
    }
    progress.done(`${report.claims.length} claims`);
    io.result(report, replayMarkdown(report).trimEnd());
    return report.ok ? EXIT.done : EXIT.failed;
  },
});
