// SPDX-License-Identifier: GPL-3.0-or-later
import { MAX_ITERATIONS, MIN_ITERATIONS } from "../../../engines/zk/ceremony/step-file.ts";
import { applyBeacon } from "../../../engines/zk/ceremony/run-ceremony.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, integer, required, text } from "../../fields.ts";
import { ceremonyArgs, ptauOption, receiptText, withProgress } from "./ceremony-options.ts";

export const zkCeremonyBeacon = defineCommand({
  name: "zk ceremony beacon",
  summary: "End the contributions with the public randomness that was announced, in every delta.",
  details:
    "The value must be what the ceremony's beacon plan says; anyone can compare. Nobody can contribute afterwards.",
  examples: ["assay zk ceremony beacon ceremony --value 0x… --ptau powersOfTau28_hez_final_14.ptau --iterations 20"],
  args: ceremonyArgs,
  options: {
    value: required("hex", "The randomness, 32 to 255 bytes.", text),
    iterations: defaulted("n", "SHA-256 is applied 2^n times.", integer(MIN_ITERATIONS, MAX_ITERATIONS), 20),
    ...ptauOption,
  },
  stopsItself: true,
  async run({ folder, value, iterations, ptau }, io) {
    const receipt = await withProgress(io, "beacon", "applied", (options) =>
      applyBeacon(folder, { ...options, value, iterations, ptau }),
    );
    io.result({ folder, ...receipt }, receiptText(receipt));
    return EXIT.done;
  },
});
