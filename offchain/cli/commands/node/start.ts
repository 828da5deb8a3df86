// SPDX-License-Identifier: GPL-3.0-or-later
import { runUntilSignal } from "../../../node/run-until-signal.ts";
import { startNode } from "../../../node/start-node.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const nodeStart = defineCommand({
  name: "node start",
  summary: "Run a worker until a signal; then finish its seats and stop.",
  details:
    "The first line on stdout says where it listens. A first signal takes no new seats and finishes the open ones; a second one stops at " +
    "once, and the next start goes on from the journal.",
  examples: ["assay node start --config worker/assay.toml", "assay node start --config worker/assay.toml --json"],
  args: {},
  options: configOptions,
  stopsItself: true,
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const node = await startNode(config);
    const { operator, transportId, sealKey, addresses, monitorUrl, devUrl } = node;
    const endpoints = addresses.map(({ url }) => url);
    io.item(
      { ready: true, pid: process.pid, operator, transportId, sealKey, endpoints, monitorUrl, devUrl },
      `Worker ${operator} listens at ${endpoints.join(", ")}; health and metrics at ${monitorUrl}`,
    );
    await runUntilSignal(() => node.stop());
    return EXIT.done;
  },
});
