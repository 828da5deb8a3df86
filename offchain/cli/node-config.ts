// SPDX-License-Identifier: GPL-3.0-or-later
import { loadConfig, type LoadedConfig } from "../node/config.ts";
import { eachSetting, flagName } from "../node/settings.ts";
import { optional, text, type Field } from "./fields.ts";

/** `--chain-rpc-url` as the key of an option: `chainRpcUrl`. */
const keyOf = (flag: string): string => flag.slice(2).replaceAll(/-([a-z0-9])/g, (_, c: string) => c.toUpperCase());

/** The configuration file and a flag for every setting of a worker, from the one registry of settings. */
export const configOptions: Readonly<Record<string, Field<string | undefined>>> = {
  config: optional("file", "TOML configuration, as `assay node init` writes it.", text),
  ...Object.fromEntries(
    [...eachSetting()].map(({ section, name, setting }) => [
      keyOf(flagName(section, name)),
      optional("value", setting.text, text),
    ]),
  ),
};

/** Flag > environment > file > default. Errors: CONFIG_UNREADABLE, CONFIG_UNKNOWN, CONFIG_INVALID, DEVELOPMENT_REFUSED. */
export function loadNodeConfig(input: Readonly<Record<string, unknown>>): LoadedConfig {
  const flags: Record<string, string> = {};
  for (const { section, name } of eachSetting()) {
    const flag = flagName(section, name);
    const value = input[keyOf(flag)];
    if (typeof value === "string") flags[flag] = value;
  }
  const { config } = input;
  return loadConfig({ ...(typeof config === "string" ? { file: config } : {}), environment: process.env, flags });
}
