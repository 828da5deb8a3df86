// SPDX-License-Identifier: GPL-3.0-or-later
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync, existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { run } from "./run.mjs";
import { Unbuildable } from "./unbuildable.mjs";

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 24);

/** Paths that a compiler's dependency file names. */
function dependencies(text, folder) {
  const [, list = ""] = text.replaceAll("\\\n", " ").split(/:\s(.*)/s);
  return list
    .split(/(?<!\\)\s+/)
    .filter((path) => path !== "")
    .map((path) => resolve(folder, path.replaceAll("\\ ", " ")));
}

/** An object made earlier from exactly these bytes by exactly this command, if it is still there. */
function reuse(record, objects, folder) {
  try {
    const { object, log, files } = JSON.parse(readFileSync(record, "utf8"));
    for (const [path, hash] of Object.entries(files))
      if (digest(readFileSync(resolve(folder, path))) !== hash) return undefined;
    const path = join(objects, object);
    return existsSync(path) ? { path, log } : undefined;
  } catch {
    return undefined;
  }
}

async function compileUnit(unit, { compiler, version, include, folder }, { objects, scratch, env, advice, signal }) {
  const command = [...compiler, ...unit.flags, ...include, "-c", unit.source];
  const record = join(objects, `${unit.name}-${digest(JSON.stringify([version, command]))}.json`);
  const found = reuse(record, objects, folder);
  if (found !== undefined) return found;
  const [object, deps] = [`${unit.name}.o`, `${unit.name}.d`].map((name) => join(scratch, name));
  const { ok, output, how } = await run([...command, "-o", object, "-MMD", "-MF", deps], { cwd: folder, env, signal });
  if (!ok) {
    const [error = how] = output.split("\n").filter((line) => /\berror\b/i.test(line));
    throw new Unbuildable(
      `${basename(compiler[0])} could not compile ${unit.name}: ${error.trim()}`,
      advice,
      `${command.join(" ")}\n${output}`,
    );
  }
  const files = {};
  for (const path of dependencies(readFileSync(deps, "utf8"), folder)) files[path] = digest(readFileSync(path));
  const name = `${unit.name}-${digest(readFileSync(object))}.o`;
  renameSync(object, join(objects, name));
  // The record comes last, whole: who finds it finds its object.
  writeFileSync(`${deps}.json`, JSON.stringify({ object: name, log: output, files }));
  renameSync(`${deps}.json`, record);
  return { path: join(objects, name), log: output };
}

/**
 * Compiles a plan's units, as many at a time as there are cores, the longest first; unchanged ones are taken from `objects`. Returns the
 * objects in the units' order and whatever the compiler said. Throws Unbuildable at the first failure.
 */
export async function compileAll(plan, { objects, scratch, env, advice }) {
  mkdirSync(objects, { recursive: true });
  const stop = new AbortController();
  const results = [];
  let next = 0;
  let failure;
  const work = async () => {
    while (next < plan.units.length && failure === undefined) {
      const i = next++;
      try {
        results[i] = await compileUnit(plan.units[i], plan, { objects, scratch, env, advice, signal: stop.signal });
      } catch (error) {
        // Those that are stopped for its sake fail too.
        failure ??= error;
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failure !== undefined) throw failure;
  return { paths: results.map(({ path }) => path), log: results.map(({ log }) => log).join("") };
}
