// SPDX-License-Identifier: GPL-3.0-or-later
// A worker as a real process: reads a configuration file, prints one line when it is ready.
import { loadConfig } from "../../../offchain/node/config.ts";
import { runUntilSignal } from "../../../offchain/node/run-until-signal.ts";
import { startNode } from "../../../offchain/node/start-node.ts";

const [file = "", crashAt = ""] = process.argv.slice(2);
const { config } = loadConfig({ file, flags: crashAt === "" ? {} : { "node.crashAt": crashAt } });
try {
  const node = await startNode(config);
  process.stdout.write(`${JSON.stringify({ ready: true, monitorUrl: node.monitorUrl, devUrl: node.devUrl })}\n`);
  await runUntilSignal(() => node.stop());
} catch (error) {
  process.stdout.write(`${JSON.stringify({ ready: false, code: Reflect.get(Object(error), "code") })}\n`);
  process.exitCode = 1;
}
