// SPDX-License-Identifier: GPL-3.0-or-later
import { NodeError } from "../../../node/errors.ts";
import { connectStake, findWorker, withKeys } from "../../../node/stake/connect-stake.ts";
import { describeStake } from "../../../node/stake/describe-stake.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { integer, optional } from "../../fields.ts";
import { configOptions, loadNodeConfig } from "../../node-config.ts";
import { stakeText } from "../../stake-text.ts";

export const stakeShow = defineCommand({
  name: "stake show",
  summary: "Show a worker's stake, tickets, record, earnings and free balance.",
  examples: [
    "assay stake show --config worker/assay.toml",
    "assay stake show --worker 7 --chain-rpc-url https://rpc.example --chain-id 1 --chain-hub 0x…",
  ],
  args: {},
  options: {
    worker: optional("id", "Any worker; else the one whose keys are configured.", integer(1, 2 ** 32 - 1)),
    ...configOptions,
  },
  async run(input, io) {
    const { config } = loadNodeConfig(input);
    const { fromBlock, id } = config.chain;
    const progress = io.progress("stake");
    progress.step("reading the chain");
    try {
      const chain = await connectStake(config, io.signal);
      let workerId = input.worker ?? null;
      if (workerId === null) {
        const address = await withKeys(config, async (keys) => Promise.resolve(keys.operator.address));
        workerId = await findWorker(chain, address, fromBlock);
        if (workerId === null) throw new NodeError("NOT_REGISTERED", { chain: id, address });
      }
      const report = await describeStake(chain, workerId, fromBlock);
      progress.done("read");
      io.result(report, stakeText(report));
      return EXIT.done;
    } catch (error) {
      progress.failed("not read");
      throw error;
    }
  },
});
