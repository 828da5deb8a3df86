// SPDX-License-Identifier: GPL-3.0-or-later
import { resolve } from "node:path";
import { initNode } from "../../../node/init.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { address, defaulted, flag, integer, optional, required, text, url } from "../../fields.ts";

export const nodeInit = defineCommand({
  name: "node init",
  summary: "Make a worker's folder: configuration, password file and fresh keys.",
  examples: ["assay node init worker --rpc https://rpc.example --chain-id 1 --hub 0x… --model models/digits-cnn"],
  args: { folder: required("folder", "Where to make it; must not hold a configuration yet.", text) },
  options: {
    rpc: optional("url", "JSON-RPC endpoint.", url),
    chainId: optional("n", "Chain id.", integer(1, Number.MAX_SAFE_INTEGER)),
    hub: optional("address", "Hub of the deployment.", address),
    fromBlock: defaulted("n", "Block of the deployment.", integer(0, Number.MAX_SAFE_INTEGER), 0),
    model: optional("folders", "Folders of the models to run, separated by commas.", text),
    passwordFile: optional("file", "Existing password file (mode 0600); a random one is made otherwise.", text),
    development: flag("Cheap keys and fault modes; refused off chain 31337."),
  },
  async run(input, io) {
    const values: Record<string, unknown> = { "chain.fromBlock": input.fromBlock };
    if (input.rpc !== undefined) values["chain.rpcUrl"] = input.rpc;
    if (input.chainId !== undefined) values["chain.id"] = input.chainId;
    if (input.hub !== undefined) values["chain.hub"] = input.hub;
    if (input.model !== undefined) values["work.models"] = input.model.split(",").map((folder) => resolve(folder));
    const made = await initNode({
      folder: input.folder,
      values,
      development: input.development,
      ...(input.passwordFile === undefined ? {} : { passwordFile: input.passwordFile }),
    });
    io.result(
      made,
      `Made ${made.configFile}.\nOperator ${made.operator}: send it gas money, then register it with the stake vault.`,
    );
    return EXIT.done;
  },
});
