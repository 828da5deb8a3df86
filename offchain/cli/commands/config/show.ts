// SPDX-License-Identifier: GPL-3.0-or-later
import { describeConfig } from "../../../node/config.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const configShow = defineCommand({
  name: "config show",
  summary: "Show every setting of a worker with its value and where that came from.",
  examples: ["assay config show --config worker/assay.toml"],
  args: {},
  options: configOptions,
  async run(input, io) {
    const settings = describeConfig(loadNodeConfig(input));
    const lines = settings.map(
      ({ name, value, source }) =>
        `${name.padEnd(22)} ${JSON.stringify(value)}${source === "default" ? "" : `  (${source})`}`,
    );
    io.result({ settings }, lines.join("\n"));
    return EXIT.done;
  },
});
