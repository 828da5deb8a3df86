// SPDX-License-Identifier: GPL-3.0-or-later
import { watchStage } from "../../../node/cipher/volunteer.ts";
import { connectStake } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { agrees, findingText, readStageFiles, stageArgs, stageOptions } from "./stage-options.ts";

export const cipherWatch = defineCommand({
  name: "cipher watch",
  summary: "Evaluate an encrypted stage of a job again and compare it with what its seats said. Signs nothing.",
  details:
    "Needs what the stage's seats were given, and no key. Exit code 1: the hub accepted another digest, or somebody stands for one; " +
    "`assay cipher defend` contests it. Exit code 75: the stage was not counted yet, or the job is over.",
  examples: [
    "assay cipher watch 0x… --model models/digits-mlp-poly/cipher --parcel stage-0.parcel --config worker/assay.toml",
  ],
  args: stageArgs,
  options: { ...stageOptions, ...configOptions },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const progress = io.progress("watch");
    try {
      const chain = await connectStake(config, io.signal);
      const onStep = (step: string) => progress.step(step);
      const query = { jobId: input.job, stage: input.stage, files: readStageFiles(input), onStep, signal: io.signal };
      const finding = await watchStage(chain, config, query);
      progress.done(finding === null ? "nothing to compare" : "compared");
      if (finding === null) {
        io.result({ ok: false, reason: "not counted" }, "The stage was not counted yet, or the job is over.");
        return EXIT.later;
      }
      io.result({ ...finding, ok: agrees(finding) }, findingText(finding));
      return agrees(finding) ? EXIT.done : EXIT.failed;
    } catch (error) {
      progress.failed("not compared");
      throw error;
    }
  },
});
