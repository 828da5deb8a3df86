// SPDX-License-Identifier: GPL-3.0-or-later
// docs/contracts/<Interface>.md from the NatSpec of contracts/interfaces. Hardhat's artifacts leave NatSpec out, so
// solc analyses the interfaces once more, without generating code.
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";

interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly internalType?: string;
}
interface AbiEntry {
  readonly type: string;
  readonly name?: string;
  readonly inputs?: readonly Parameter[];
  readonly outputs?: readonly Parameter[];
  readonly stateMutability?: string;
}
interface Notes {
  readonly title?: string;
  readonly notice?: string;
  readonly details?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly returns?: Readonly<Record<string, string>>;
}
type Doc = Notes & {
  readonly methods?: Readonly<Record<string, Notes>>;
  readonly events?: Readonly<Record<string, Notes>>;
  readonly errors?: Readonly<Record<string, readonly Notes[]>>;
};
interface Compiled {
  readonly abi: readonly AbiEntry[];
  readonly devdoc: Doc;
  readonly userdoc: Doc;
  readonly evm: { readonly methodIdentifiers: Readonly<Record<string, string>> };
}
interface SolcOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts: Readonly<Record<string, Readonly<Record<string, Compiled>>>>;
}

const require = createRequire(import.meta.url);
const solc = require("solc") as { compile(input: string): string };
const paths = [...globSync("contracts/{interfaces,types}/**/*.sol")].toSorted();
const selection = ["abi", "devdoc", "userdoc", "evm.methodIdentifiers"];
const output = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: Object.fromEntries(paths.map((path) => [path, { content: readFileSync(path, "utf8") }])),
      settings: { evmVersion: "osaka", outputSelection: { "*": { "*": selection } } },
    }),
  ),
) as SolcOutput;
for (const error of output.errors ?? [])
  if (error.severity === "error") {
    console.error(error.formattedMessage);
    process.exit(1);
  }

/** `struct Job` for tuples, the elementary type otherwise. */
const typeOf = ({ type, internalType }: Parameter) =>
  type.startsWith("tuple") ? (internalType ?? type).replace("struct ", "") : type;
const list = (parameters: readonly Parameter[] = []) =>
  parameters.map((parameter) => `${typeOf(parameter)}${parameter.name === "" ? "" : ` ${parameter.name}`}`).join(", ");
/** The key under which solc files an entry's notes: canonical types, tuples spelled out. */
const canonical = (entry: AbiEntry, identifiers: readonly string[]) =>
  identifiers.find((id) => id.startsWith(`${entry.name}(`) && id.split("(")[0] === entry.name) ?? "";

function section(entry: AbiEntry, user: Notes | undefined, developer: Notes | undefined): string {
  const returns = (entry.outputs ?? []).length > 0 ? ` returns (${list(entry.outputs)})` : "";
  const mutability =
    entry.stateMutability === "view" || entry.stateMutability === "pure" ? ` ${entry.stateMutability}` : "";
  const lines = [
    `### ${entry.name}`,
    "",
    "```solidity",
    `${entry.type} ${entry.name}(${list(entry.inputs)})${mutability}${returns}`,
    "```",
    "",
  ];
  if (user?.notice !== undefined) lines.push(user.notice, "");
  if (developer?.details !== undefined) lines.push(`*${developer.details}*`, "");
  const named = [...Object.entries(developer?.params ?? {}), ...Object.entries(developer?.returns ?? {})];
  for (const [name, text] of named) lines.push(`- \`${name}\`: ${text}`);
  if (named.length > 0) lines.push("");
  return lines.join("\n");
}

const pages = "docs/contracts";
rmSync(pages, { recursive: true, force: true });
mkdirSync(pages, { recursive: true });
const index: string[] = [];
for (const path of paths.filter((source) => source.startsWith("contracts/interfaces/"))) {
  for (const [name, contract] of Object.entries(output.contracts[path] ?? {})) {
    const { abi, devdoc, userdoc } = contract;
    const identifiers = Object.keys(contract.evm.methodIdentifiers);
    const parts = [`# ${name}`, "", `Generated from \`${path}\` by \`npm run generate\`.`, ""];
    if (devdoc.title !== undefined) parts.push(`**${devdoc.title}**`, "");
    if (userdoc.notice !== undefined) parts.push(userdoc.notice, "");
    if (devdoc.details !== undefined) parts.push(`*${devdoc.details}*`, "");
    for (const [kind, title] of [
      ["function", "Functions"],
      ["event", "Events"],
      ["error", "Errors"],
    ] as const) {
      const entries = abi.filter((entry) => entry.type === kind);
      if (entries.length === 0) continue;
      parts.push(`## ${title}`, "");
      for (const entry of entries) {
        const key = canonical(
          entry,
          kind === "function"
            ? identifiers
            : Object.keys(kind === "event" ? (userdoc.events ?? {}) : (userdoc.errors ?? {})),
        );
        const user =
          kind === "function"
            ? userdoc.methods?.[key]
            : kind === "event"
              ? userdoc.events?.[key]
              : userdoc.errors?.[key]?.[0];
        const developer =
          kind === "function"
            ? devdoc.methods?.[key]
            : kind === "event"
              ? devdoc.events?.[key]
              : devdoc.errors?.[key]?.[0];
        parts.push(section(entry, user, developer));
      }
    }
    writeFileSync(`${pages}/${basename(name)}.md`, `${parts.join("\n").trimEnd()}\n`);
    index.push(`- [${name}](${name}.md)${devdoc.title === undefined ? "" : `: ${devdoc.title}`}`);
  }
}
writeFileSync(
  `${pages}/README.md`,
  `# Contract interfaces\n\nGenerated by \`npm run generate\`.\n\n${index.join("\n")}\n`,
);
