// SPDX-License-Identifier: GPL-3.0-or-later
import { checkNewFile, writeNewFile } from "../../new-file.ts";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { toHex } from "../../../core/bytes.ts";
import { writeR1cs } from "../../../engines/zk/r1cs/write-r1cs.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { optional, text } from "../../fields.ts";
import { circuitArgs, circuitOptions, compileStage, stagesOf } from "./circuit-options.ts";
import { circuitText } from "./report-text.ts";

export const zkCompile = defineCommand({
  name: "zk compile",
  summary: "Compile a model's stages into circuits and report their constraints.",
  details:
    "The same program and options give the same circuit, and the same hash, on every machine. --out keeps the circuits as iden3's .r1cs files.",
  examples: [
    "assay zk compile models/tumor-mlp",
    "assay zk compile models/digits-cnn --ends public --out build/circuits --json",
  ],
  args: circuitArgs,
  options: { ...circuitOptions, out: optional("folder", "Where to write stage-<n>.r1cs.", text) },
  async run(input, io) {
    const { model, stages } = await stagesOf("zk compile", input);
    const path = (stage: number): string | undefined =>
      input.out === undefined ? undefined : join(input.out, `stage-${stage}.r1cs`);
    for (const stage of stages) {
      const file = path(stage);
      if (file !== undefined) checkNewFile(file);
    }
    const progress = io.progress("compile");
    const started = performance.now();
    const made: { stage: number; circuitHash: string; boundaries: unknown; report: unknown; file: string | null }[] =
      [];
    const lines: string[] = [];
    try {
      for (const stage of stages) {
        const circuit = await compileStage(model, stage, input, { signal: io.signal, progress });
        const file = path(stage);
        if (input.out !== undefined && file !== undefined) {
          mkdirSync(input.out, { recursive: true });
          writeNewFile(file, writeR1cs(circuit.r1cs));
        }
        const boundaries = circuit.boundaries.map((boundary) => ({ ...boundary, header: toHex(boundary.header) }));
        const { circuitHash, report } = circuit;
        made.push({ stage, circuitHash, boundaries, report, file: file ?? null });
        lines.push(circuitText(stage, circuit));
      }
    } catch (error) {
      progress.failed("not compiled");
      throw error;
    }
    progress.done(
      `${stages.length === 1 ? "1 stage" : `${stages.length} stages`} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
    io.result({ model: model.manifest.modelId, stages: made }, lines.join("\n\n"));
    return EXIT.done;
  },
});
