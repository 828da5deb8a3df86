// SPDX-License-Identifier: GPL-3.0-or-later
import { connectStake, ownerSigner, requireOwnWorker } from "../../../node/stake/connect-stake.ts";
import { leaveStake } from "../../../node/stake/leave-stake.ts";
import { defineCommand } from "../../command.ts";
import { readPrivateKey } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { timeText } from "../../stake-text.ts";

export const stakeLeave = defineCommand({
  name: "stake leave",
  summary: "Give up all tickets and begin to unbond the whole stake.",
  details:
    "Tickets change hands only in the second half of an epoch: before it, the exit code is 75 and the message says when to come back. Keep " +
    "the worker running until the table has changed and its last job is closed: until then it is drawn, and slashed for being absent. " +
    "Stake that is leaving stays slashable until it left. The worker's keys need not be on this machine.",
  examples: ["assay stake leave --config worker/assay.toml --owner-key-file owner.key"],
  args: {},
  options: {
    ownerKeyFile: required("file", "Private key of the owner (mode 0600).", text),
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const owner = ownerSigner(readPrivateKey(input.ownerKeyFile));
    const progress = io.progress("leave");
    progress.step("looking at the chain");
    try {
      const chain = await connectStake(config, io.signal, owner);
      const workerId = await requireOwnWorker(chain, config, owner.address);
      const { fromBlock } = config.chain;
      const left = await leaveStake(chain, { workerId, fromBlock, onStep: (step) => progress.step(step) });
      progress.done(`worker ${workerId} holds no tickets`);
      const { ticketsGivenUp, unbonding, unbondAt } = left;
      io.result(
        { workerId, ...left },
        unbonding === 0n
          ? `Worker ${workerId} gave up ${ticketsGivenUp} tickets and has no stake.`
          : `Worker ${workerId} gave up ${ticketsGivenUp} tickets; ${unbonding} may leave ${timeText(unbondAt)} by \`assay stake withdraw\`.`,
      );
      return EXIT.done;
    } catch (error) {
      progress.failed("not finished");
      throw error;
    }
  },
});
