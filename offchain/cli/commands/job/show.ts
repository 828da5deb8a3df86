// SPDX-License-Identifier: GPL-3.0-or-later
import { connect } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, resolveConnection } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { hash, required } from "../../fields.ts";
import { describeJob } from "../../describe-job.ts";

export const jobShow = defineCommand({
  name: "job show",
  summary: "Show where a job stands, its seats, its result and who was slashed.",
  examples: ["assay job show 0x… --devnet build/devnet.json"],
  args: { job: required("id", "Job id.", hash) },
  options: connectionOptions,
  async run(input, io) {
    const client = connect({ ...resolveConnection(input), signal: io.signal });
    const view = await client.getJob({ jobId: input.job });
    io.result(view, describeJob(view));
    return EXIT.done;
  },
});
