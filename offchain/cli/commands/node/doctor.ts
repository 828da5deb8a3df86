// SPDX-License-Identifier: GPL-3.0-or-later
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { runDoctor } from "../../../node/doctor.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const nodeDoctor = defineCommand({
  name: "node doctor",
  summary:
    "Check everything a worker needs, without starting it; exit code 1 if something is wrong, each with its fix.",
  examples: ["assay node doctor --config worker/assay.toml"],
  args: {},
  options: configOptions,
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const progress = io.progress("doctor");
    progress.step("looking at chain, clock, keys, disk, models and ports");
    const checks = await runDoctor(config, { logger: silentLogger });
    const ok = checks.every((check) => check.ok);
    progress.done(ok ? "all well" : "something is wrong");
    const lines = checks.map(
      (check) =>
        `${check.ok ? "ok    " : "FAILED"} ${check.name}: ${check.detail}${check.ok ? "" : `\n       ${check.fix}`}`,
    );
    io.result({ ok, checks }, lines.join("\n"));
    return ok ? EXIT.done : EXIT.failed;
  },
});
