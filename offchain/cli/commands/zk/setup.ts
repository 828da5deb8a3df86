// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { keyIdOf } from "../../../core/zk/key-record.ts";
import { developmentSetup, DEVELOPMENT_WARNING } from "../../../engines/zk/setup/development-setup.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { once } from "./ceremony-options.ts";
import { circuitArgs, circuitOptions, compileStage, stagesOf } from "./circuit-options.ts";

export const zkSetup = defineCommand({
  name: "zk setup",
  summary: "Make DEVELOPMENT keys for a model's stages: for local chains only, anyone can forge proofs under them.",
  details:
    "The keys' secrets follow from the circuit, so every machine makes the same ones, and nobody needs to keep them. Contracts and workers " +
    "refuse them off chain 31337. For anything else run a ceremony: docs/zk-ceremony.md.",
  examples: ["assay zk setup models/tumor-mlp", "assay zk setup models/digits-mlp --ends public --json"],
  args: circuitArgs,
  options: circuitOptions,
  async run(input, io) {
    const { model, stages } = await stagesOf("zk setup", input);
    const progress = once(io.progress("development setup"));
    const made: { stage: number; circuitHash: string; keyId: string; folder: string; class: "DEVELOPMENT" }[] = [];
    try {
      for (const stage of stages) {
        const circuit = await compileStage(model, stage, input, { signal: io.signal, progress });
        const files = await developmentSetup(circuit, join(input.cache, "development-keys"), {
          signal: io.signal,
          onProgress: (step) => progress.step(`stage ${stage}: key, ${step}`),
        });
        const keyId = keyIdOf(new Uint8Array(readFileSync(files.record)));
        made.push({
          stage,
          circuitHash: circuit.circuitHash,
          keyId,
          folder: dirname(files.record),
          class: "DEVELOPMENT",
        });
      }
    } catch (error) {
      progress.failed("no keys");
      throw error;
    }
    progress.done("DEVELOPMENT keys");
    io.note(DEVELOPMENT_WARNING);
    io.result(
      { model: model.manifest.modelId, warning: DEVELOPMENT_WARNING, stages: made },
      made.map(({ stage, keyId, folder }) => `stage ${stage}: DEVELOPMENT key ${keyId}\n${folder}`).join("\n"),
    );
    return EXIT.done;
  },
});
