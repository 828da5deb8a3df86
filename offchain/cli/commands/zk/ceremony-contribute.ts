// SPDX-License-Identifier: GPL-3.0-or-later
import { contribute } from "../../../engines/zk/ceremony/run-ceremony.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { optional, required, text } from "../../fields.ts";
import { ceremonyArgs, ptauOption, receiptText, withProgress } from "./ceremony-options.ts";

const MAX_ENTROPY_BYTES = 1 << 20;

export const zkCeremonyContribute = defineCommand({
  name: "zk ceremony contribute",
  summary: "Verify a ceremony and add fresh secrets of this machine to every delta.",
  details:
    "Everything is verified from circuit and phase 1 first: a key that was not stripped gets no contribution. The secrets come from the " +
    "operating system and are forgotten; a text, asked for on a terminal or read from --entropy-file, is mixed in and never shown or kept. " +
    "Publish the transcript hash that is printed: with it you will find your step in the finished key.",
  examples: [
    "assay zk ceremony contribute ceremony --name alice --ptau powersOfTau28_hez_final_14.ptau",
    "assay zk ceremony contribute ceremony --name bob --ptau powersOfTau28_hez_final_14.ptau --entropy-file dice.txt --yes",
  ],
  args: ceremonyArgs,
  options: {
    name: required("name", "Who you are, for the transcript.", text),
    ...ptauOption,
    entropyFile: optional("file", "More entropy, instead of the question.", text),
  },
  stopsItself: true,
  async run({ folder, name, ptau, entropyFile }, io) {
    const typed =
      entropyFile === undefined
        ? await io.secret("Type a random text, to be mixed with this machine's randomness (empty: only that)")
        : Buffer.from(readFileBytes(entropyFile, MAX_ENTROPY_BYTES)).toString("latin1");
    if (typed === undefined) return EXIT.interrupted;
    const receipt = await withProgress(io, "contribute", "contributed", (options) =>
      contribute(folder, { ...options, name, text: typed, ptau }),
    );
    io.result({ folder, ...receipt }, receiptText(receipt));
    return EXIT.done;
  },
});
