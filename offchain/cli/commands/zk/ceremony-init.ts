// SPDX-License-Identifier: GPL-3.0-or-later
import { parsePhase1 } from "../../../engines/zk/ceremony/phase-1.ts";
import { initCeremony } from "../../../engines/zk/ceremony/run-ceremony.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { ptauOption, withProgress } from "./ceremony-options.ts";
import { circuitArgs, circuitOptions, compileStage, stageOf } from "./circuit-options.ts";

const MAX_PHASE1_BYTES = 4096;

export const zkCeremonyInit = defineCommand({
  name: "zk ceremony init",
  summary:
    "Begin the ceremony for one stage of a model: compute its key without secrets and strip the committed wires.",
  details:
    "The strip comes before anyone can contribute: afterwards it would be worthless. --beacon-plan says which public randomness will end the " +
    "ceremony, such as a block that does not exist yet; every contribution is bound to it.",
  examples: [
    'assay zk ceremony init models/tumor-mlp ceremony --id tumor-mlp --phase1 phase1.json --ptau powersOfTau28_hez_final_14.ptau --beacon-plan "RANDAO of Ethereum block 30000000"',
  ],
  args: { ...circuitArgs, folder: required("folder", "Where to begin it; must not exist or be empty.", text) },
  options: {
    id: required("id", "Name of the key: lower-case letters, digits, hyphens.", text),
    phase1: required("file", "What `ceremony import` wrote.", text),
    ...ptauOption,
    beaconPlan: required("text", "Which public randomness will be the beacon.", text),
    ...circuitOptions,
  },
  stopsItself: true,
  async run(input, io) {
    const { folder, id, ptau, beaconPlan } = input;
    const phase1 = parsePhase1(readFileBytes(input.phase1, MAX_PHASE1_BYTES));
    const { model, stage } = await stageOf("zk ceremony init", input);
    const { circuit: facts } = await withProgress(io, "init", "ready for contributions", async (options, progress) => {
      const circuit = await compileStage(model, stage, input, { signal: io.signal, progress });
      return initCeremony(folder, { ...options, id, circuit, phase1, ptau, beaconPlan });
    });
    const committed = facts.groups.reduce((sum, { wires }) => sum + wires.count, 0);
    io.result(
      { folder, id, stage, circuit: facts, phase1, beaconPlan },
      `${folder}: ${facts.constraints} constraints, ${committed} committed wires stripped\nNow at least two people run \`assay zk ceremony contribute\`, one after the other.`,
    );
    return EXIT.done;
  },
});
