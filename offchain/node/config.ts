// SPDX-License-Identifier: GPL-3.0-or-later
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "smol-toml";
import { publicUrl } from "../adapters/chain/rpc-transport.ts";
import { NodeError } from "./errors.ts";
import { configSchema, eachSetting, environmentName, flagName, type NodeConfig } from "./settings.ts";

export type ConfigSource = "flag" | "environment" | "file" | "default";

export interface LoadedConfig {
  readonly config: NodeConfig;
  /** `chain.rpcUrl` → where its value came from. */
  readonly sources: ReadonlyMap<string, ConfigSource>;
  /** Relative paths in the file are relative to it. */
  readonly folder: string;
}

export interface LoadConfigOptions {
  /** TOML file; none: flags, environment and defaults only. */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** By setting: `{ "chain.rpcUrl": "…" }` or `{ "--chain-rpc-url": "…" }`. */
  readonly flags?: Readonly<Record<string, string | undefined>>;
}

const PATHS = new Set([
  "keys.folder",
  "keys.passwordFile",
  "store.folder",
  "enclave.model",
  "enclave.collateral",
  "enclave.vcek",
  "enclave.amdChain",
  "prove.keys",
  "prove.cache",
  "prove.openings",
  "prove.phase1",
  "log.file",
]);
const SHOWN_ENVIRONMENT =
  /^ASSAY_(CHAIN|KEYS|STORE|NET|MONITOR|LOG|WORK|ENCLAVE|ATTESTER|PROVE|CHECKS|REWARDS|TABLE|NODE)_/;

/** Flag > environment > file > default. Errors: CONFIG_UNREADABLE, CONFIG_UNKNOWN with a suggestion, CONFIG_INVALID. */
export function loadConfig(options: LoadConfigOptions): LoadedConfig {
  const fromFile = options.file === undefined ? {} : readToml(options.file);
  const folder = options.file === undefined ? "." : dirname(options.file);
  const { environment = {}, flags = {} } = options;
  rejectUnknown(fromFile, environment, flags);
  const sources = new Map<string, ConfigSource>();
  const values: Record<string, Record<string, unknown>> = {};
  for (const { section, name, setting } of eachSetting()) {
    const key = `${section}.${name}`;
    const flag = flags[key] ?? flags[flagName(section, name)];
    const variable = environment[environmentName(section, name)];
    const inFile = section in fromFile ? Reflect.get(Object(fromFile[section]), name) : undefined;
    const [source, value]: [ConfigSource, unknown] =
      flag !== undefined
        ? ["flag", fromText(flag, setting.fallback, key)]
        : variable !== undefined
          ? ["environment", fromText(variable, setting.fallback, key)]
          : inFile !== undefined
            ? ["file", inFile]
            : ["default", setting.fallback];
    sources.set(key, source);
    (values[section] ??= {})[name] =
      PATHS.has(key) && (source === "file" || source === "default") ? relativeTo(folder, value) : value;
  }
  if (sources.get("work.models") === "file" && Array.isArray(values["work"]?.["models"]))
    values["work"]["models"] = values["work"]["models"].map((path: unknown) => relativeTo(folder, path));
  const parsed = configSchema.safeParse(values);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = issue?.path.join(".") ?? "?";
    const reason =
      values[issue?.path[0] as string]?.[issue?.path[1] as string] === undefined
        ? "it is not set"
        : (issue?.message ?? "?");
    throw new NodeError("CONFIG_INVALID", { name, source: sources.get(name) ?? "default", reason });
  }
  const config = parsed.data as NodeConfig;
  checkDevelopment(config);
  return { config, sources, folder };
}

/** Development switches work on the local chain only: a configuration that travels cannot weaken a real worker. Error: DEVELOPMENT_REFUSED. */
function checkDevelopment({ node, chain, enclave, attester }: NodeConfig): void {
  const { development } = node;
  const refuse = (what: string) => new NodeError("DEVELOPMENT_REFUSED", { what, chain: chain.id, development });
  if (development && chain.id !== 31_337) throw refuse("node.development");
  if (node.crashAt !== "" && !development) throw refuse("node.crashAt");
  if (enclave.provider === "simulated" && (!development || process.env["NODE_ENV"] === "production"))
    throw refuse("enclave.provider simulated");
  if (attester.simulatedRoot !== "" && (!development || process.env["NODE_ENV"] === "production"))
    throw refuse("attester.simulatedRoot");
}

function readToml(path: string): Record<string, unknown> {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "unknown";
    throw new NodeError("CONFIG_UNREADABLE", { path, reason }, { cause });
  }
}

const relativeTo = (folder: string, path: unknown) =>
  typeof path === "string" && path !== "" && !isAbsolute(path) ? join(folder, path) : path;

/** Text of a flag or variable as the type that the default (or nothing) suggests. */
function fromText(text: string, like: unknown, key: string): unknown {
  if (typeof like === "boolean")
    return text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : text;
  if (typeof like === "number" || key === "chain.id") return /^\d+$/.test(text) ? Number(text) : text;
  return Array.isArray(like) ? text.split(",").filter((part) => part !== "") : text;
}

function rejectUnknown(
  file: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>>,
): void {
  const all = [...eachSetting()].map(({ section, name }) => ({
    key: `${section}.${name}`,
    variable: environmentName(section, name),
    flag: flagName(section, name),
  }));
  const keys = new Set(all.map(({ key }) => key));
  const sections = new Set(all.map(({ key }) => key.split(".")[0] ?? ""));
  for (const [section, entries] of Object.entries(file)) {
    if (!sections.has(section)) throw unknown(section, "file", [...sections]);
    for (const name of Object.keys(Object(entries)))
      if (!keys.has(`${section}.${name}`)) throw unknown(`${section}.${name}`, "file", [...keys]);
  }
  const variables = new Set(all.map(({ variable }) => variable));
  for (const name of Object.keys(environment))
    if (SHOWN_ENVIRONMENT.test(name) && !variables.has(name)) throw unknown(name, "environment", [...variables]);
  const flagNames = new Set(all.flatMap(({ flag, key }) => [flag, key]));
  for (const name of Object.keys(flags)) if (!flagNames.has(name)) throw unknown(name, "flag", [...flagNames]);
}

function unknown(name: string, source: ConfigSource, known: readonly string[]) {
  const [nearest = ""] = known.toSorted((a, b) => distance(a, name) - distance(b, name));
  return new NodeError("CONFIG_UNKNOWN", { name, source, suggestion: nearest });
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(
        Math.min((next[j - 1] ?? 0) + 1, (row[j] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Every setting with its value and source, URLs without their path: for `config show`. */
export function describeConfig({
  config,
  sources,
}: LoadedConfig): { name: string; value: unknown; source: ConfigSource }[] {
  return [...eachSetting()].map(({ section, name }) => {
    const value: unknown = Reflect.get(Object(Reflect.get(config, section)), name);
    const key = `${section}.${name}`;
    return {
      name: key,
      value: key === "chain.rpcUrl" ? publicUrl(String(value)) : value,
      source: sources.get(key) ?? "default",
    };
  });
}
