// SPDX-License-Identifier: GPL-3.0-or-later
import { checkNewFile, writeNewFile } from "../../new-file.ts";
import { encodePhase1, importPhase1 } from "../../../engines/zk/ceremony/phase-1.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, required, text } from "../../fields.ts";
import { withProgress } from "./ceremony-options.ts";

export const zkCeremonyImport = defineCommand({
  name: "zk ceremony import",
  summary: "Check a phase 1 file (prepared powers of tau) against the published list, and its powers.",
  details:
    "Takes powersOfTau28_hez_final_NN.ptau with 2^NN at least the circuit's domain; `zk compile` says which. --unpinned takes any file: its keys " +
    "are DEVELOPMENT keys, whatever ceremony follows.",
  examples: [
    "assay zk ceremony import powersOfTau28_hez_final_14.ptau --out phase1.json",
    "assay zk ceremony import local.ptau --unpinned --out phase1.json",
  ],
  args: { file: required("file", "The prepared .ptau file.", text) },
  options: {
    out: required("file", "Where to write what `ceremony init` takes.", text),
    unpinned: flag("Accept a file that is not on the list, for tests on a local chain."),
  },
  async run({ file, out, unpinned }, io) {
    checkNewFile(out);
    const phase1 = await withProgress(io, "import", "verified", (options) =>
      importPhase1(file, { ...options, unpinned }),
    );
    writeNewFile(out, encodePhase1(phase1));
    if (!phase1.pinned)
      io.note("NOT on the published list: somebody may know its secret. Keys made from it stay DEVELOPMENT keys.");
    io.result(
      { ...phase1, file: out },
      `${phase1.name}: up to 2^${phase1.power} constraints\nblake2b ${phase1.blake2b}\n${out}`,
    );
    return EXIT.done;
  },
});
