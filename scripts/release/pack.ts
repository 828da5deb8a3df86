// SPDX-License-Identifier: GPL-3.0-or-later
// Packs what others install: contracts (Solidity and ABIs), sdk and node (JavaScript with types), into build/packages.
// Each package's manifest stands in its folder; dependency versions come from the root's exact pins.
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const OUT = "build/packages";
const root = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** What of offchain/ each package carries: the import rule guarantees that nothing else is reached. */
const PARTS = {
  sdk: ["core", "adapters/chain", "engines/she", "sdk"],
  node: ["core", "adapters", "engines", "protocol", "node", "audit", "sdk", "cli"],
} as const;

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    console.error(`pack: ${command} ${args.join(" ")} failed`);
    process.exit(1);
  }
}

function writeManifest(source: string, target: string): string {
  const manifest = JSON.parse(readFileSync(source, "utf8")) as Manifest;
  const dependencies: Record<string, string> = {};
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    const version = root.dependencies[name];
    if (version === undefined) {
      console.error(`pack: ${source} depends on ${name}, which the root does not pin`);
      process.exit(1);
    }
    dependencies[name] = version;
  }
  const filled = { ...manifest, version: root.version, engines: { node: ">=22" }, dependencies };
  writeFileSync(target, `${JSON.stringify(filled, null, 2)}\n`);
  return manifest.name;
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(join(OUT, "js"), { recursive: true });
run("tsc", "-p", "scripts/release/tsconfig.json");

for (const [name, parts] of Object.entries(PARTS)) {
  const folder = join(OUT, name);
  mkdirSync(folder, { recursive: true });
  for (const part of parts) cpSync(join(OUT, "js", part), join(folder, part), { recursive: true });
  cpSync(name === "sdk" ? "offchain/sdk/LICENSE" : "LICENSE", join(folder, "LICENSE"));
  console.log(`packing ${writeManifest(`offchain/${name}/package.json`, join(folder, "package.json"))}`);
}
// What the prover compiles circuits from; the program finds it at its package's root.
for (const path of globSync("circuits/{gadgets,layers}/*.circom")) {
  const target = join(OUT, "node", path);
  mkdirSync(dirname(target), { recursive: true });
  cpSync(path, target);
}
// The native prover is built where it is installed, by whatever compiler is there.
for (const [from, to] of [
  ["offchain/engines/zk/native/**/*.{h,cpp,mjs}", (path: string) => path.slice("offchain/".length)],
  ["scripts/native/*.mjs", (path: string) => path],
  // So is what asks a Nitro enclave's security module, for its image.
  ["offchain/engines/tee/native/*.{c,mjs}", (path: string) => path.slice("offchain/".length)],
  ["scripts/nsm/*.mjs", (path: string) => path],
] as const)
  for (const path of globSync(from)) {
    const target = join(OUT, "node", to(path));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
// The arithmetic kernel is the same everywhere, so its build travels with its source.
run("node", "scripts/she/build.mjs");
for (const path of [...globSync("offchain/engines/she/kernel/*.as"), ...globSync("build/she/*.wasm")])
  for (const name of ["sdk", "node"]) {
    const target = join(OUT, name, path.startsWith("offchain/") ? path.slice("offchain/".length) : path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
const contracts = join(OUT, "contracts");
for (const path of globSync("contracts/**/*.sol").filter((source) => !source.includes("/mocks/"))) {
  const target = join(contracts, path.slice("contracts/".length));
  mkdirSync(dirname(target), { recursive: true });
  cpSync(path, target);
}
cpSync("contracts/LICENSE", join(contracts, "LICENSE"));
console.log(`packing ${writeManifest("contracts/package.json", join(contracts, "package.json"))}`);

rmSync(join(OUT, "js"), { recursive: true });
for (const name of ["contracts", "sdk", "node"])
  run("npm", "pack", "--silent", "--pack-destination", OUT, join(".", OUT, name));
console.log(globSync(`${OUT}/*.tgz`).toSorted().join("\n"));
