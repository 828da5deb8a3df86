// SPDX-License-Identifier: GPL-3.0-or-later
import {
  asOperator,
  connectStake,
  ownerSigner,
  requireOwnWorker,
  withKeys,
} from "../../../node/stake/connect-stake.ts";
import { takeBond } from "../../../node/stake/fund-bond.ts";
import { withdrawUnbonded } from "../../../node/stake/leave-stake.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, flag, optional, required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";

export const stakeWithdraw = defineCommand({
  name: "stake withdraw",
  summary: "Take the stake whose unbonding time is over.",
  details: "Before that time the exit code is 75 and the message says when to come back.",
  examples: [
    "assay stake withdraw --config worker/assay.toml --owner-key-file owner.key",
    "assay stake withdraw --config worker/assay.toml --owner-key-file owner.key --bond",
  ],
  args: {},
  options: {
    ownerKeyFile: required("file", "Private key of the owner (mode 0600).", text),
    to: optional("address", "Who gets it; else the owner.", address),
    bond: flag("First take the operator's free balance too; needs its keys, and its worker must not run."),
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
      let bond = 0n;
      if (input.bond) {
        progress.step("taking the operator's free balance");
        bond = await withKeys(config, async (keys) =>
          asOperator(config, keys, io.signal, async (operator) => takeBond(operator, to)),
        );
      }
      progress.step("taking the stake");
      const amount = await withdrawUnbonded(chain, { workerId, to, mayBeNone: bond > 0n });
      progress.done("withdrawn");
      io.result(
        { workerId, amount, bond, to },
        `${amount} of stake${input.bond ? ` and ${bond} of free balance` : ""} sent to ${to}`,
      );
      return EXIT.done;
    } catch (error) {
      progress.failed("not finished");
      throw error;
    }
  },
});
