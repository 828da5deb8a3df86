// SPDX-License-Identifier: GPL-3.0-or-later
import { rememberSetup, setupContent } from "../../../engines/zk/ceremony/known-setups.ts";
import { verifySetup } from "../../../engines/zk/ceremony/verify-setup.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, required, text } from "../../fields.ts";
import { ptauOption, withProgress } from "./ceremony-options.ts";
import { circuitArgs, circuitOptions, compileStage, stageOf } from "./circuit-options.ts";

export const zkVerifySetup = defineCommand({
  name: "zk verify-setup",
  summary: "Verify a ceremony's key from the model's program and phase 1 alone, and name what is wrong with it.",
  details:
    "Compiles the stage again, recomputes the key before its contributions, strips it, and checks every delta, contribution, point and the " +
    "record against that. Run it once for every key before your worker takes seats of its jobs: with --cache as the worker's prove.cache, the worker knows. " +
    "Exit code 1 names the fault.",
  examples: ["assay zk verify-setup models/tumor-mlp circuits/keys/tumor-mlp --ptau powersOfTau28_hez_final_14.ptau"],
  args: { ...circuitArgs, folder: required("folder", "The key's folder, with manifest.json.", text) },
  options: {
    ...ptauOption,
    ...circuitOptions,
    allowDevelopment: flag("Also accept a key that only a local chain may use."),
  },
  async run(input, io) {
    const { folder, ptau, allowDevelopment } = input;
    const { model, stage } = await stageOf("zk verify-setup", input);
    const report = await withProgress(io, "verify setup", "holds", async (options, progress) => {
      const circuit = await compileStage(model, stage, input, { signal: io.signal, progress });
      const content = await setupContent(folder);
      const found = await verifySetup({ ...options, circuit, folder, ptau, allowDevelopment });
      // A worker with this cache need not do it again; of files that changed meanwhile nothing is known.
      if (content !== null && content === (await setupContent(folder)))
        await rememberSetup(input.cache, { content, circuitHash: circuit.circuitHash, report: found });
      return found;
    });
    if (report.class === "DEVELOPMENT") io.note("DEVELOPMENT key: for local chains only.");
    io.result(
      { ok: true, model: model.manifest.modelId, stage, ...report },
      [
        `${report.class} key ${report.keyId} of stage ${stage} holds`,
        ...report.checks.map((check) => `  ${check}`),
      ].join("\n"),
    );
    return EXIT.done;
  },
});
