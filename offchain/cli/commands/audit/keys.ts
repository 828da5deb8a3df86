// SPDX-License-Identifier: GPL-3.0-or-later
import { createChain } from "../../../adapters/chain/create-chain.ts";
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { auditKeys, type KeyReport } from "../../../audit/keys/audit-keys.ts";
import { createMemoryLog } from "../../../audit/replay/claim-log.ts";
import { loadModel } from "../../../engines/program/load-program.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, resolveConnection } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { integer, optional, required, text } from "../../fields.ts";

export const auditKeysCommand = defineCommand({
  name: "audit keys",
  summary:
    "Follow a model's verifying keys from the circuit's source to the chain, and call development keys what they are.",
  details:
    "Compiles each stage twice from nothing and compares; the key must be of that circuit. A development key is made again from its published numbers: " +
    "anyone can forge under it, and a key that only says so is named. A ceremony's key is verified with --keys and --ptau. With a chain, its registry must hold the " +
    "same record and its registry of models the model. Exit code 1 if anything is false.",
  examples: [
    "assay audit keys models/tumor-mlp",
    "assay audit keys models/tumor-mlp --devnet build/devnet.json --json",
    "assay audit keys models/tumor-mlp --keys circuits/keys --ptau powersOfTau28_hez_final_12.ptau",
  ],
  args: { model: required("folder", "Model folder with manifest.json, model.json and program.", text) },
  options: {
    ...connectionOptions,
    chainId: optional("n", "Chain id; a devnet file names it.", integer(1, Number.MAX_SAFE_INTEGER)),
    keys: optional("folder", "Folder of ceremonies' keys, one folder each.", text),
    ptau: optional("file", "The phase 1 file of those ceremonies.", text),
  },
  async run(input, io) {
    const progress = io.progress("audit keys");
    try {
      const isOnline = input.rpc !== undefined || input.devnet !== undefined;
      const { rpcUrl, hub, chainId } = isOnline ? resolveConnection(input) : { rpcUrl: "", hub: "", chainId: 0 };
      const chain = isOnline
        ? await createChain(
            { rpcUrl, chainId: input.chainId ?? chainId ?? 31337, hub },
            { clock: systemClock, random: Math.random, signal: io.signal, logger: silentLogger },
          )
        : undefined;
      const model = await loadModel(input.model);
      const log = createMemoryLog();
      let last = "";
      await auditKeys(model, log, {
        chain,
        keyFolder: input.keys,
        ptau: input.ptau,
        signal: io.signal,
        onProgress: (step) => {
          if (step !== last) progress.step(step);
          last = step;
        },
      });
      const { modelId } = model.manifest;
      const report: KeyReport = {
        ok: log.claims.every(({ verdict }) => verdict !== "false"),
        modelId,
        claims: log.claims,
      };
      progress.done(`${log.claims.length} claims`);
      io.result(
        report,
        report.claims.length === 0
          ? "no stage of this model has a key"
          : report.claims.map(({ id, verdict, detail }) => `${verdict.padEnd(13)} ${id}: ${detail}`).join("\n"),
      );
      return report.ok ? EXIT.done : EXIT.failed;
    } catch (error) {
      progress.failed("not audited");
      throw error;
    }
  },
});
