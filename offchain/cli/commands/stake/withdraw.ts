// SPDX-License-Identifier: GPL-3.0-or-later
import { connectStake, ownerSigner, requireOwnWorker } from "../../../node/stake/connect-stake.ts";
import { withdrawUnbonded } from "../../../node/stake/leave-stake.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, optional, required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const stakeWithdraw = defineCommand({
  name: "stake withdraw",
  summary: "Take the stake whose unbonding time is over.",
  details: "Before that time the exit code is 75 and the message says when to come back.",
  examples: ["assay stake withdraw --config worker/assay.toml --owner-key-file owner.key"],
  args: {},
  options: {
    ownerKeyFile: required("file", "Private key of the owner (mode 0600).", text),
    to: optional("address", "Who gets it; else the owner.", address),
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const owner = ownerSigner(readPrivateKey(input.ownerKeyFile));
    const progress = io.progress("withdraw");
    progress.step("looking at the chain");
    try {
      const chain = await connectStake(config, io.signal, owner);
      const workerId = await requireOwnWorker(chain, config, owner.address);
      const to = input.to ?? owner.address;
      const amount = await withdrawUnbonded(chain, { workerId, to });
      progress.done("withdrawn");
      io.result({ workerId, amount, to }, `${amount} of worker ${workerId} sent to ${to}`);
      return EXIT.done;
    } catch (error) {
      progress.failed("not finished");
      throw error;
    }
  },
});
