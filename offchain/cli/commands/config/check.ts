// SPDX-License-Identifier: GPL-3.0-or-later
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const configCheck = defineCommand({
  name: "config check",
  summary: "Check a worker's configuration; exit code 2 names what is wrong.",
  examples: ["assay config check --config worker/assay.toml"],
  args: {},
  options: configOptions,
  async run(input, io) {
    const { folder } = loadNodeConfig(input);
    io.result({ ok: true, folder }, "The configuration is complete and consistent.");
    return EXIT.done;
  },
});
