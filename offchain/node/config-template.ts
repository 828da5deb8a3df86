// SPDX-License-Identifier: GPL-3.0-or-later
import { stringify } from "smol-toml";
import { eachSetting, environmentName, flagName } from "./settings.ts";

const toToml = (value: unknown): string => (stringify({ v: value }).split("= ")[1] ?? "").trim();

/** A configuration file with every setting, its meaning, and the given values; others stand commented out with their defaults. */
export function configTemplate(values: Readonly<Record<string, unknown>> = {}): string {
  const lines = ["# Assay worker. Flags and ASSAY_… variables override this file; see docs/config.md.", ""];
  let current = "";
  for (const { section, name, setting } of eachSetting()) {
    if (section !== current) {
      if (current !== "") lines.push("");
      lines.push(`[${section}]`);
      current = section;
    }
    const value = values[`${section}.${name}`];
    lines.push(`# ${setting.text}`);
    if (value !== undefined) lines.push(`${name} = ${toToml(value)}`);
    else if (setting.fallback === undefined) lines.push(`# ${name} = (must be given)`);
    else lines.push(`# ${name} = ${toToml(setting.fallback)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** docs/config.md. */
export function configDocs(): string {
  const rows = [...eachSetting()].map(({ section, name, setting }) => {
    const fallback = setting.fallback === undefined ? "must be given" : `\`${toToml(setting.fallback)}\``;
    return `| \`${section}.${name}\` | ${fallback} | ${setting.text} | \`${environmentName(section, name)}\` \`${flagName(section, name)}\` |`;
  });
  return [
    "# Configuration of a worker",
    "",
    "Generated from `offchain/node/settings.ts`; do not edit. Flag > environment > file > default. Unknown names are errors.",
    "Secrets are given by the path of a file with mode 0600, never by value.",
    "",
    "| setting | default | meaning | environment, flag |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
