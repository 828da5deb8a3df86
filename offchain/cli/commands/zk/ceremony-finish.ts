// SPDX-License-Identifier: GPL-3.0-or-later
import { finishCeremony } from "../../../engines/zk/ceremony/finish-ceremony.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { ceremonyArgs, ptauOption, withProgress } from "./ceremony-options.ts";

export const zkCeremonyFinish = defineCommand({
  name: "zk ceremony finish",
  summary: "Verify a ceremony with two contributors and a beacon for every delta, and write its key.",
  details:
    "Writes key.zkey, key.groups, key.record, ceremony.json, transcript.json and manifest.json. The record's class is CEREMONY if phase 1 is on " +
    "the published list, else DEVELOPMENT. Let others check the folder with `assay zk verify-setup`.",
  examples: ["assay zk ceremony finish ceremony --ptau powersOfTau28_hez_final_14.ptau --out circuits/keys/tumor-mlp"],
  args: ceremonyArgs,
  options: { ...ptauOption, out: required("folder", "Where to write the key; must not exist or be empty.", text) },
  stopsItself: true,
  async run({ folder, ptau, out }, io) {
    const manifest = await withProgress(io, "finish", "written", (options) =>
      finishCeremony(folder, { ...options, ptau, out }),
    );
    if (manifest.class === "DEVELOPMENT")
      io.note("DEVELOPMENT key: its phase 1 is not on the published list. For local chains only.");
    io.result(
      { folder: out, manifest },
      `${manifest.class} key ${manifest.keyId}\ntranscript ${manifest.transcriptHash}\n${out}`,
    );
    return EXIT.done;
  },
});
