// SPDX-License-Identifier: GPL-3.0-or-later
import { connect } from "../../../sdk/node/connect.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, resolveConnection } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { address, defaulted, integer, optional } from "../../fields.ts";

export const jobList = defineCommand({
  name: "job list",
  summary: "List jobs, newest first.",
  examples: [
    "assay job list --devnet build/devnet.json",
    "assay job list --rpc http://127.0.0.1:8545 --hub 0x… --json",
  ],
  args: {},
  options: {
    ...connectionOptions,
    requester: optional("address", "Only jobs of this requester.", address),
    limit: defaulted("n", "At most so many.", integer(1, 10_000), 50),
  },
  async run(input, io) {
    const client = connect({ ...resolveConnection(input), signal: io.signal });
    const jobs = await client.listJobs({ requester: input.requester, limit: input.limit });
    if (io.json) for (const job of jobs) io.item(job, "");
    else if (jobs.length === 0) io.note("No jobs.");
    else for (const job of jobs) io.item(job, `${job.jobId}  ${job.state.padEnd(8)}  block ${job.requestBlock}`);
    return EXIT.done;
  },
});
