// SPDX-License-Identifier: GPL-3.0-or-later
// Builds the helper that asks a Nitro enclave's security module, unless that was done; prints its path. For images of Nitro enclaves:
// nothing else needs it. Plain JavaScript without dependencies: it runs under Node 20 with nothing installed.
//
//   node scripts/nsm/build.mjs
import { existsSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { run, runNow } from "../native/run.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const FOLDER = ["offchain/engines/tee/native", "engines/tee/native"]
  .map((path) => join(HERE, "../..", path))
  .find((path) => existsSync(path));
const { FLAGS, helperFile, SOURCE } = await import(pathToFileURL(join(FOLDER ?? "", "sources.mjs")).href);

const COMPILERS = ["cc", "gcc", "clang"];

/** The first C compiler that runs, `CC` before all; undefined if there is none. */
export function findCompiler(env = process.env) {
  const asked = (env.CC ?? "").trim();
  return (asked === "" ? COMPILERS : [asked])
    .map((name) => name.split(/\s+/))
    .find((command) => runNow([...command, "--version"], { env }).ok);
}

/** The helper's path. Throws with what to do. */
export async function buildHelper({ env = process.env, file = helperFile() } = {}) {
  if (existsSync(file)) return file;
  const compiler = findCompiler(env);
  if (compiler === undefined)
    throw new Error(`there is no C compiler (${COMPILERS.join(", ")}, or CC=…): install one, then build again`);
  mkdirSync(dirname(file), { recursive: true });
  // Others see a whole file or none.
  const temporary = `${file}.${process.pid}`;
  const { ok, output, how } = await run([...compiler, ...FLAGS, "-o", temporary, SOURCE], { env });
  if (!ok) throw new Error(`${compiler[0]} could not compile it: ${output.trim() || how}`);
  renameSync(temporary, file);
  return file;
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  try {
    console.log(await buildHelper());
  } catch (error) {
    console.error(`nsm: ${error.message}`);
    process.exitCode = 1;
  }
