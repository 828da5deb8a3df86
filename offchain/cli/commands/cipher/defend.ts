// SPDX-License-Identifier: GPL-3.0-or-later
import { defendStage } from "../../../node/cipher/volunteer.ts";
import { asOperator, withKeys } from "../../../node/stake/connect-stake.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { findingText, readStageFiles, stageArgs, stageOptions } from "./stage-options.ts";

export const cipherDefend = defineCommand({
  name: "cipher defend",
  summary:
    "Stand for the right result of an encrypted stage before the referee, and contest every other, until the job is over.",
  details:
    "For anyone who has what the stage's seats were given: no seat and no stake are needed, but tokens in the operator's account, as much as " +
    "the job's seat stake for each bond, at most referee.bondLimit. Bonds come back, with half of those of whoever lost. Nothing is staked where " +
    "everybody says what was evaluated here. Interrupted or killed, run it again before the next move is due: whoever is late loses its bond. " +
    "The worker of these keys must not run meanwhile. Exit code 75: the job was over before.",
  examples: [
    "assay cipher defend 0x… --model models/digits-mlp-poly/cipher --parcel stage-0.parcel --config volunteer/assay.toml",
  ],
  args: stageArgs,
  options: { ...stageOptions, ...configOptions },
  stopsItself: true,
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const files = readStageFiles(input);
    const progress = io.progress("defend");
    const onStep = (step: string) => progress.step(step);
    const query = { jobId: input.job, stage: input.stage, files, onStep, signal: io.signal };
    try {
      const finding = await withKeys(config, async (keys) =>
        asOperator(config, keys, io.signal, async (chain) => defendStage(chain, keys, config, query)),
      );
      progress.done(finding === null ? "the job was over" : io.signal.aborted ? "interrupted" : "the job is over");
      if (finding === null) {
        io.result({ ok: false, reason: "over" }, "The job was over before its stage could be evaluated.");
        return EXIT.later;
      }
      io.result({ ...finding, ok: true }, findingText(finding));
      return EXIT.done;
    } catch (error) {
      progress.failed("not finished");
      throw error;
    }
  },
});
