// SPDX-License-Identifier: GPL-3.0-or-later
import { dirname, join } from "node:path/posix";
import { lineAt, type SourceFile, type Violation } from "./tree.ts";

/** What each off-chain room may import besides itself. Siblings never import each other. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  engines: ["core"],
  adapters: ["core"],
  protocol: ["core"],
  node: ["core", "engines", "adapters", "protocol"],
  audit: ["core", "engines", "adapters", "protocol"],
  sdk: ["core", "adapters/chain", "engines/she/client"],
  cli: ["core", "engines", "adapters", "protocol", "node", "audit", "sdk"],
};

/** The only rooms that may import a heavy dependency. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  viem: ["adapters/chain", "sdk"],
  ethers: ["adapters/keys", "sdk/ethers"],
  hardhat: ["audit/replay"],
  snarkjs: ["engines/zk"],
  circom2: ["engines/zk"],
  ffjavascript: ["engines/zk"],
  "onnxruntime-node": ["engines/program"],
  "node-seal": ["engines/she"],
  libp2p: ["adapters/net"],
  "node:sqlite": ["adapters/store"],
  pino: ["adapters/observe"],
  "prom-client": ["adapters/observe"],
  commander: ["cli"],
  "@commander-js/extra-typings": ["cli"],
  "@clack/prompts": ["cli"],
};

/** Folders under the MIT licence: what a dApp bundles. They must not reach GPL code or packages. */
const MIT = ["core", "adapters/chain", "engines/she", "sdk"];
const GPL_PACKAGES = ["snarkjs", "circomlib", "circomlibjs", "circom2", "ffjavascript"];

const IMPORT =
  /^\s*(?:import|export)\b[^;'"]*?from\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const packageOf = (name: string) =>
  name.startsWith("node:")
    ? name
    : name
        .split("/")
        .slice(0, name.startsWith("@") ? 2 : 1)
        .join("/");

/** `engines/zk` and `adapters/net` are rooms of their own; the others are their first folder. */
function roomOf(path: string): string {
  const [top = "", second = ""] = path.split("/");
  return top === "engines" || top === "adapters" ? `${top}/${second}` : top;
}

function offchainViolation(from: string, specifier: string): string | undefined {
  const room = roomOf(from);
  const top = room.split("/")[0] ?? "";
  const isMit = MIT.some((folder) => within(from, folder));
  if (!specifier.startsWith(".")) {
    const name = packageOf(specifier);
    const homes = HOMES[name];
    if (homes !== undefined && !homes.some((home) => within(from, home)))
      return `${name} may be imported only in ${homes.join(", ")}; reach it through a port`;
    if (specifier.startsWith("node:") && (top === "core" || (top === "sdk" && !within(from, "sdk/node"))))
      return `${specifier} is not isomorphic: pass it in (core), or move to sdk/node`;
    if (isMit && GPL_PACKAGES.includes(name)) return `${name} is GPL and this folder is MIT`;
    return undefined;
  }
  const target = join(dirname(join("offchain", from)), specifier);
  if (!within(target, "offchain")) {
    if (within(target, "artifacts")) return undefined;
    return `off-chain code must not import ${target}: only tests and scripts may import anything`;
  }
  const to = target.slice("offchain/".length);
  if (roomOf(to) === room) return undefined;
  const allowed = MAY_IMPORT[top] ?? [];
  if (!allowed.some((folder) => within(to, folder)))
    return `${room} may not import ${roomOf(to)}; allowed: ${allowed.join(", ") || "nothing outside itself"}`;
  if (isMit && !MIT.some((folder) => within(to, folder))) return `${to} is GPL and this folder is MIT`;
  return undefined;
}

function solidityViolation(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = join(dirname(path), specifier);
  const under = (folder: string) => within(target, `contracts/${folder}`);
  if (!within(path, "contracts/mocks") && under("mocks")) return "nothing outside contracts/mocks imports mocks";
  if (within(path, "contracts/interfaces") && !under("types") && !under("interfaces"))
    return "interfaces import only types and interfaces";
  if (within(path, "contracts/types") && !under("types")) return "types import only types";
  if (within(path, "contracts/libraries") && !under("types") && !under("libraries") && !under("interfaces"))
    return "libraries never import contracts";
  return undefined;
}

/** The layer rule, the one-home rule and the licence rule of the import graph. */
export function checkImports(tree: readonly SourceFile[]): Violation[] {
  const violations: Violation[] = [];
  for (const { path, text } of tree) {
    const check =
      path.startsWith("offchain/") && /\.(ts|mjs)$/.test(path)
        ? (specifier: string) => offchainViolation(path.slice("offchain/".length), specifier)
        : path.startsWith("contracts/") && path.endsWith(".sol")
          ? (specifier: string) => solidityViolation(path, specifier)
          : undefined;
    if (check === undefined) continue;
    for (const match of text.matchAll(IMPORT)) {
      const specifier = match[1] ?? match[2] ?? match[3] ?? "";
      const message = check(specifier);
      if (message !== undefined)
        violations.push({ file: path, line: lineAt(text, match.index), message: `import "${specifier}": ${message}` });
    }
  }
  return violations;
}
