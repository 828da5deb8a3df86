// SPDX-License-Identifier: GPL-3.0-or-later
// Compiles the arithmetic kernel of encrypted evaluation to WebAssembly, if that was not done for this state of its source: about
// three seconds, the same bytes everywhere. Plain JavaScript: it runs under Node 20, from the bootstrap.
//
//   node scripts/she/build.mjs
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const FOLDER = ["offchain/engines/she/kernel", "engines/she/kernel"]
  .map((path) => join(HERE, "../..", path))
  .find((path) => existsSync(path));
const { kernelFile, ROOT, SOURCE, VARIANTS } = await import(pathToFileURL(join(FOLDER ?? "", "sources.mjs")).href);

/** The bytes of one variant. Throws what the compiler says. */
export async function compileKernel(variant) {
  const { default: asc } = await import("assemblyscript/asc");
  const text = readFileSync(SOURCE, "utf8");
  let binary;
  const { error } = await asc.main(["kernel.ts", "--outFile", "kernel.wasm", ...VARIANTS[variant]], {
    readFile: (name) => (name === "kernel.ts" ? text : null),
    writeFile: (_name, contents) => {
      binary = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || binary === undefined) throw error ?? new Error("the compiler wrote nothing");
  return binary;
}

/** Whether every variant is there now. `say` is told of the work and of a failure. Never throws. */
export async function buildKernel({ say = (/** @type {string} */ _text) => {} } = {}) {
  try {
    for (const variant of Object.keys(VARIANTS)) {
      const target = kernelFile(variant);
      if (existsSync(target)) continue;
      say(`compiling the ${variant} arithmetic kernel`);
      const binary = await compileKernel(variant);
      mkdirSync(dirname(target), { recursive: true });
      // Others see a whole file or none.
      const temporary = `${target}.${process.pid}`;
      writeFileSync(temporary, binary);
      renameSync(temporary, target);
    }
    removeOld();
    return true;
  } catch (error) {
    say(`the arithmetic kernel was not built, so nothing is evaluated encrypted: ${error.message}`);
    return false;
  }
}

function removeOld() {
  const folder = join(ROOT, "build/she");
  const kept = new Set(Object.keys(VARIANTS).map(kernelFile));
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".wasm")))
    if (!kept.has(join(folder, name))) rmSync(join(folder, name), { force: true });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  process.exitCode = (await buildKernel({ say: (text) => console.error(`she: ${text}`) })) ? 0 : 1;
