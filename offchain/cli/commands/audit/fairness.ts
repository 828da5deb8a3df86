// SPDX-License-Identifier: GPL-3.0-or-later
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createChain } from "../../../adapters/chain/create-chain.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { fairnessCharts } from "../../../audit/fairness/fairness-charts.ts";
import { fairnessMarkdown } from "../../../audit/fairness/fairness-markdown.ts";
import { measureFairness } from "../../../audit/fairness/measure-fairness.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, resolveConnection } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { integer, optional, text } from "../../fields.ts";
import { json } from "../../json.ts";
import { writeNewFile } from "../../new-file.ts";

const block = integer(0, Number.MAX_SAFE_INTEGER);

export const auditFairness = defineCommand({
  name: "audit fairness",
  summary: "Report from chain history who was drawn, paid and slashed how often, and whether chance explains it.",
  details:
    "Reads the deployment's events, draws every voted committee again from the ticket table of its epoch with trial seeds, and judges " +
    "every seat by the rules that settled its job. With --out the report is written as JSON and markdown, with pictures. Exit code 1 if a " +
    "worker's seats are further than three standard deviations from its tickets: of many workers, one in 370 is so by chance.",
  examples: [
    "assay audit fairness --devnet build/devnet.json --out build/fairness",
    "assay audit fairness --rpc https://rpc.example --chain-id 1 --hub 0x… --from-block 21000000 --json",
  ],
  args: {},
  options: {
    ...connectionOptions,
    chainId: optional("n", "Chain id; a devnet file names it.", integer(1, Number.MAX_SAFE_INTEGER)),
    fromBlock: optional("n", "The deployment's block: earlier tickets must be known.", block),
    toBlock: optional("n", "Last block; else the newest.", block),
    out: optional("folder", "Where to write fairness.json, fairness.md and the pictures.", text),
  },
  async run(input, io) {
    const { rpcUrl, hub, ...found } = resolveConnection(input);
    const chainId = input.chainId ?? found.chainId;
    if (chainId === undefined)
      throw new CliError("OPTION_MISSING", { command: "audit fairness", name: "--chain-id or --devnet" });
    const fromBlock = input.fromBlock === undefined ? found.fromBlock : BigInt(input.fromBlock);
    const toBlock = input.toBlock === undefined ? undefined : BigInt(input.toBlock);
    const progress = io.progress("fairness");
    progress.step("reading the chain");
    try {
      const chain = await createChain(
        { rpcUrl, chainId, hub },
        { clock: systemClock, random: Math.random, signal: io.signal, logger: silentLogger },
      );
      const report = await measureFairness(chain, {
        fromBlock,
        toBlock,
        onProgress: (at, last) => progress.step("reading the chain", Number(at - fromBlock), Number(last - fromBlock)),
      });
      const charts = fairnessCharts(report);
      if (input.out !== undefined) {
        mkdirSync(input.out, { recursive: true });
        const files = {
          "fairness.json": `${json(report)}\n`,
          "fairness.md": fairnessMarkdown(report, Object.keys(charts)),
        };
        for (const [name, content] of Object.entries({ ...files, ...charts }))
          writeNewFile(join(input.out, name), content);
      }
      progress.done(`${report.jobs} jobs`);
      io.result(report, fairnessMarkdown(report, []).trimEnd());
      return report.outliers.length === 0 ? EXIT.done : EXIT.failed;
    } catch (error) {
      progress.failed("not measured");
      throw error;
    }
  },
});
