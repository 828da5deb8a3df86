// SPDX-License-Identifier: GPL-3.0-or-later
import { join } from "node:path";
import { toHex } from "../../../core/bytes.ts";
import { CIPHER_FOLDER } from "../../../engines/she/model/folders.ts";
import { loadCipherModel } from "../../../engines/she/model/load-cipher-model.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import { connectWallet } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, readPrivateKey, resolveConnection } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { flag, optional, required, text } from "../../fields.ts";

export const modelRegister = defineCommand({
  name: "model register",
  summary: "Register a model for good, and its verifying keys. Any change to it later is another model.",
  examples: ["assay model register models/digits-cnn --rpc http://127.0.0.1:8545 --hub 0x… --key-file author.key"],
  args: { folder: required("folder", "Model folder; its files are checked first.", text) },
  options: {
    ...connectionOptions,
    keyFile: optional("file", "Private key of the author (mode 0600).", text),
    cipher: flag("Its model over ciphertexts (`assay model cipher`) instead, which is one of its own."),
  },
  async run(input, io) {
    const model = input.cipher
      ? await loadCipherModel(join(input.folder, CIPHER_FOLDER))
      : await loadAnyModel(input.folder);
    const connection = resolveConnection(input);
    const privateKey = readPrivateKey(input.keyFile ?? connection.devKeyFile);
    const wallet = connectWallet({ ...connection, privateKey, signal: io.signal });
    const progress = io.progress("register");
    // Keys first: a job that asks for proofs can come with the model's block.
    let added = 0;
    for (const record of "keys" in model ? model.keys : []) {
      if (record === null) continue;
      progress.step("adding a verifying key");
      const sent = await wallet.registerKey({ record: toHex(record) });
      if (sent === null) continue;
      await wallet.waitForTransactionReceipt({ hash: sent });
      added++;
    }
    progress.step("waiting for the transaction");
    const hash = await wallet.registerModel({ manifest: model.manifest.model });
    await wallet.waitForTransactionReceipt({ hash });
    progress.done("registered");
    io.result(
      { modelId: model.manifest.modelId, hash, keys: added },
      `${model.manifest.model.name}  ${model.manifest.modelId}`,
    );
    return EXIT.done;
  },
});
