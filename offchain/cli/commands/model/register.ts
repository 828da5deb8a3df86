// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { toHex, type Hex } from "../../../core/bytes.ts";
import type { LoadedFloatModel } from "../../../engines/program/float/load-float-model.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import type { LoadedModel } from "../../../engines/program/load-program.ts";
import type { CipherModel } from "../../../engines/she/client/cipher-model.ts";
import { CIPHER_FOLDER } from "../../../engines/she/model/folders.ts";
import { loadCipherModel, loadRefreshModels } from "../../../engines/she/model/load-cipher-model.ts";
import { connectWallet } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, readPrivateKey, resolveConnection } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, optional, required, text } from "../../fields.ts";

async function modelsOf(input: {
  readonly folder: string;
  readonly cipher: boolean;
  readonly refreshed: boolean;
}): Promise<readonly (CipherModel | LoadedModel | LoadedFloatModel)[]> {
  if (input.cipher && input.refreshed) throw new CliError("USAGE", { why: "--cipher or --refreshed, not both" });
  if (input.refreshed) return loadRefreshModels(input.folder);
  return [input.cipher ? await loadCipherModel(join(input.folder, CIPHER_FOLDER)) : await loadAnyModel(input.folder)];
}

export const modelRegister = defineCommand({
  name: "model register",
  summary: "Register a model for good, and its verifying keys. Any change to it later is another model.",
  examples: [
    "assay model register models/digits-cnn --rpc http://127.0.0.1:8545 --hub 0x… --key-file author.key",
    "assay model register models/digits-mlp --refreshed --devnet build/devnet.json",
  ],
  args: { folder: required("folder", "Model folder; its files are checked first.", text) },
  options: {
    ...connectionOptions,
    keyFile: optional("file", "Private key of the author (mode 0600).", text),
    cipher: flag("Its model over ciphertexts (`assay model cipher`) instead, which is one of its own."),
    refreshed: flag("The models of its refreshed steps (`assay model refresh`) instead, each one of its own."),
  },
  async run(input, io) {
    const models = await modelsOf(input);
    const connection = resolveConnection(input);
    const privateKey = readPrivateKey(input.keyFile ?? connection.devKeyFile);
    const wallet = connectWallet({ ...connection, privateKey, signal: io.signal });
    const progress = io.progress("register");
    // Keys first: a job that asks for proofs can come with the model's block.
    let added = 0;
    for (const record of models.flatMap((model) => ("keys" in model ? model.keys : []))) {
      if (record === null) continue;
      progress.step("adding a verifying key");
      const sent = await wallet.registerKey({ record: toHex(record) });
      if (sent === null) continue;
      await wallet.waitForTransactionReceipt({ hash: sent });
      added++;
    }
    const registered: { readonly modelId: Hex; readonly name: string; readonly hash: Hex }[] = [];
    for (const { manifest } of models) {
      const { modelId, model } = manifest;
      progress.step(`waiting for the transaction of ${model.name}`, registered.length, models.length);
      const hash = await wallet.registerModel({ manifest: model });
      await wallet.waitForTransactionReceipt({ hash });
      registered.push({ modelId, name: model.name, hash });
    }
    progress.done("registered");
    const [first] = registered;
    const told = input.refreshed ? { models: registered } : { modelId: first?.modelId, hash: first?.hash, keys: added };
    io.result(told, registered.map(({ name, modelId }) => `${name}  ${modelId}`).join("\n"));
    return EXIT.done;
  },
});
