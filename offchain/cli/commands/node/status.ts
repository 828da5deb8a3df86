// SPDX-License-Identifier: GPL-3.0-or-later
import { CliError } from "../../errors.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, url } from "../../fields.ts";

export const nodeStatus = defineCommand({
  name: "node status",
  summary: "Show what a running worker says about itself; exit code 1 if it is not ready.",
  examples: ["assay node status", "assay node status --monitor http://127.0.0.1:9464 --json"],
  args: {},
  options: { monitor: defaulted("url", "The worker's health and metrics address.", url, "http://127.0.0.1:9464") },
  async run({ monitor }, io) {
    const get = async (path: string): Promise<Response> => {
      try {
        return await fetch(new URL(path, monitor), {
          signal: AbortSignal.any([io.signal, AbortSignal.timeout(5_000)]),
        });
      } catch (error) {
        throw new CliError("MONITOR_SILENT", { url: monitor }, { cause: error });
      }
    };
    const [ready, status] = await Promise.all([get("/readyz"), get("/status")]);
    const body = (await status.json()) as Record<string, unknown>;
    await ready.body?.cancel();
    const text = Object.entries(body).map(([name, value]) => `${name.padEnd(12)} ${JSON.stringify(value)}`);
    io.result({ ready: ready.ok, ...body }, [`ready        ${ready.ok}`, ...text].join("\n"));
    return ready.ok ? EXIT.done : EXIT.failed;
  },
});
