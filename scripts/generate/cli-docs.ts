// SPDX-License-Identifier: GPL-3.0-or-later
// docs/cli.md from the command data that the program itself is built from.
import { writeFileSync } from "node:fs";
import type { Command } from "../../offchain/cli/command.ts";
import { loadAllCommands } from "../../offchain/cli/commands/loaders.ts";
import { argumentUsage, helpOf, optionFlags } from "../../offchain/cli/run-cli.ts";

const commands = await loadAllCommands();
const escape = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function section(command: Command): string {
  const args = Object.entries(command.args);
  const usage = args.map(([name, field]) => argumentUsage(name, field));
  const rows = [
    ...args.map(([name, field]) => `| \`${name}\` | ${escape(helpOf(field))} |`),
    ...Object.entries(command.options).map(
      ([name, field]) => `| \`${optionFlags(name, field)}\` | ${escape(helpOf(field))} |`,
    ),
  ];
  const parts = [`## assay ${command.name}`, "", command.summary, ""];
  if (command.details !== "") parts.push(command.details, "");
  parts.push("```sh", `assay ${[command.name, ...usage].join(" ")} [options]`, "```", "");
  if (rows.length > 0) parts.push("| argument or option | meaning |", "|---|---|", ...rows, "");
  parts.push("Examples:", "", "```sh", ...command.examples, "```", "");
  return parts.join("\n");
}

const head = `# The \`assay\` command

Generated from \`offchain/cli/commands\` by \`npm run generate\`. In a checkout: \`npm run assay -- <command>\`.

Data goes to stdout, everything else to stderr. Every command takes

| option | meaning |
|---|---|
| \`--json\` | one JSON object on stdout (streams: one a line); progress objects on stderr |
| \`--yes\` | answer every question with yes |
| \`--no-color\` | no colours |
| \`--help\` | what the command takes |

Exit codes: 0 done · 1 failed or negative verdict · 2 usage or configuration · 75 try later · 130 interrupted. Under \`--json\` a failure is the
object \`{"error":{"id","code","message","fix","retry"}}\`.

${commands.map((command) => `- [\`assay ${command.name}\`](#assay-${command.name.replaceAll(" ", "-")}): ${command.summary}`).join("\n")}
`;

writeFileSync("docs/cli.md", `${head}\n${commands.map(section).join("\n").trimEnd()}\n`);
