// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { execFile, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BUILDS } from "../../../offchain/engines/zk/native/sources.mjs";
import { chooseProver } from "../../../offchain/engines/zk/prover/choose-prover.ts";
import { findNativeAddon } from "../../../offchain/engines/zk/prover/native-addon.ts";
import { buildNative, planBuild } from "../../../scripts/native/build.mjs";
import { compileAll } from "../../../scripts/native/compile.mjs";
import { expectCode } from "../../support/expect-code.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BUILD_SCRIPT = join(ROOT, "scripts/native/build.mjs");
const ARM = "aarch64-linux-gnu-g++";

const runs = (...command: [string, ...string[]]): boolean => {
  try {
    execFileSync(command[0], command.slice(1), { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
const HAS_COMPILER = runs("c++", "--version");

/** A folder of builds that need not compile what the bootstrap compiled. */
function warmBuilds(): string {
  const builds = temporaryFolder();
  if (existsSync(join(BUILDS, "objects")))
    cpSync(join(BUILDS, "objects"), join(builds, "objects"), { recursive: true });
  return builds;
}

/** A program of shell that is taken for a compiler. */
function fakeCompiler(name: string, script: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, `#!/bin/sh\nif [ "$1" = --version ]; then echo "${name} 1.0"; exit 0; fi\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Builds and collects what it says. */
async function build(builds: string, env: NodeJS.ProcessEnv = process.env, again = false) {
  const said: string[] = [];
  const status = await buildNative({ builds, env, again, say: (text: string) => said.push(text) });
  return { status, said };
}

const foldersIn = (builds: string): string[] =>
  readdirSync(builds).filter((name) => /^([0-9a-f]{24}|unf.*)$/.test(name));

describe("the native prover's build", function () {
  this.timeout(600_000);

  describe("with a compiler", () => {
    before(function () {
      if (!HAS_COMPILER) this.skip(); // no C++ compiler on this machine
    });

    it("default: builds once, in silence from then on; what it built loads", async () => {
      const builds = warmBuilds();
      const first = await build(builds);
      expect(first.status.state, JSON.stringify(first.status)).to.equal("built");
      expect(first.said).to.have.length(1);
      const started = performance.now();
      expect(await build(builds)).to.deep.equal({ status: first.status, said: [] });
      // The bootstrap asks each time: it may cost no more than a glance.
      expect(performance.now() - started).to.be.lessThan(500);
      const { addon, paths } = findNativeAddon(builds) as { addon: object; paths: readonly string[] };
      expect(addon).to.be.an("object");
      expect(paths.at(-1)).to.equal("portable");
      const chosen = chooseProver("native", { find: () => findNativeAddon(builds) });
      expect(chosen).to.deep.include({ name: "native", fix: "" });
      expect(chosen.native?.path).to.equal(paths[0]);
    });

    it("behavior: builds at the same time leave one whole build and nothing half", async () => {
      const builds = warmBuilds();
      const script = `import(process.argv[2]).then(async ({ buildNative }) => console.log((await buildNative({ builds: process.argv[1] })).state))`;
      const all = [1, 2, 3].map(() => execute(process.execPath, ["-e", script, builds, BUILD_SCRIPT]));
      for (const { stdout } of await Promise.all(all)) expect(stdout).to.equal("built\n");
      expect(foldersIn(builds)).to.have.length(1);
      expect(findNativeAddon(builds).addon).to.be.an("object");
    });

    it("behavior: a build that was killed is begun anew, and what it left is removed when it is old", async () => {
      const builds = warmBuilds();
      const slow = fakeCompiler("slow", "sleep 60");
      const script = `import(process.argv[2]).then(({ buildNative }) => buildNative({ builds: process.argv[1], say: console.log }))`;
      const child = spawn(process.execPath, ["-e", script, builds, BUILD_SCRIPT], {
        env: { ...process.env, CXX: slow },
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise<void>((resolve) => void child.stdout.once("data", () => resolve()));
      while (foldersIn(builds).length === 0) await new Promise((resolve) => void setTimeout(resolve, 10));
      const gone = new Promise((resolve) => void child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      const [left = ""] = foldersIn(builds);
      expect(left).to.match(/^unfinished-/);
      expect(findNativeAddon(builds).reason).to.equal("it was not built on this machine");
      utimesSync(join(builds, left), 0, 0);
      expect((await build(builds)).status.state).to.equal("built");
      expect(foldersIn(builds)).to.have.length(1);
      expect(foldersIn(builds)).to.not.include(left);
    });

    it("behavior: sources that changed since are not proven with", async () => {
      const builds = warmBuilds();
      await build(builds);
      const path = join(builds, "status.json");
      writeFileSync(path, readFileSync(path, "utf8").replace(/"sources": "\w/, '"sources": "x'));
      expect(findNativeAddon(builds).reason).to.equal("its sources changed since it was built");
    });

    it("behavior: nothing is to be warned of", async () => {
      const { status } = await build(BUILDS);
      expect(readFileSync(join(BUILDS, status.key, "build.log"), "utf8")).to.equal("");
    });

    it("behavior: no instruction set's code can take another's place: weak symbols of its objects are its own", async function () {
      if (!runs("nm", "--version")) this.skip(); // no nm to list symbols with
      const plan = planBuild();
      const scratch = temporaryFolder();
      const { paths } = await compileAll(plan, {
        objects: join(BUILDS, "objects"),
        scratch,
        env: process.env,
        advice: "",
      });
      const kernels = plan.units.flatMap(({ set }: { set?: string }, i: number) =>
        set === undefined ? [] : [{ set, object: paths[i] as string }],
      );
      expect(kernels.length).to.be.greaterThan(0);
      for (const { set, object } of kernels) {
        const symbols = execFileSync("nm", ["-C", "--defined-only", object]).toString().trim().split("\n");
        expect(symbols.length).to.be.greaterThan(10);
        const weak = symbols.map((line) => line.slice(17)).filter((line) => /^[WVu] /.test(line));
        // A name that says the instruction set, be it in a template's argument, is nobody else's. Exceptions' types are data.
        const foreign = weak.filter(
          (line) => !line.includes(`assay::${set}::`) && !/^V (?:DW\.ref\.__gxx|typeinfo (?:name )?for )/.test(line),
        );
        expect(foreign, set).to.deep.equal([]);
      }
    });

    it("behavior: the portable path compiles for arm64 without a warning: needs g++-aarch64-linux-gnu", async function () {
      if (!runs(ARM, "--version")) this.skip(); // no cross compiler: Debian's package is g++-aarch64-linux-gnu
      const objects = join(BUILDS, "objects");
      const env = { ...process.env, CXX: ARM };
      const plan = planBuild({ arch: "arm64", env });
      expect(plan.sets).to.deep.equal(["portable"]);
      const { paths, log } = await compileAll(plan, { objects, scratch: temporaryFolder(), env, advice: "" });
      expect(paths).to.have.length(plan.units.length);
      expect(log).to.equal("");
    });
  });

  describe("without one", () => {
    it("behavior: says once what is missing and how to get it, and snarkjs serves", async () => {
      const builds = temporaryFolder();
      const env = { PATH: temporaryFolder() };
      const first = await build(builds, env);
      expect(first.status).to.deep.include({ state: "failed", reason: "there is no C++ compiler (c++, g++, clang++)" });
      expect(first.said).to.have.length(1);
      for (const part of ["there is no C++ compiler", "snarkjs", "apt-get install g++", "npm run bootstrap"])
        expect(first.said[0]).to.contain(part);
      expect((await build(builds, env)).said).to.deep.equal([]);
      expect((await build(builds, env, true)).said).to.have.length(1);

      const find = () => findNativeAddon(builds);
      const chosen = chooseProver("auto", { env: {}, find });
      expect(chosen).to.deep.include({ name: "snarkjs", native: null });
      expect(chosen.reason).to.contain("there is no C++ compiler");
      expect(chosen.fix).to.contain("apt-get install g++");
      expect((await chosen.make()).name).to.equal("snarkjs");
      await expectCode("NATIVE_MISSING", () => chooseProver("native", { env: {}, find }));
    });

    it("behavior: a compiler that appears is used at once", async function () {
      if (!HAS_COMPILER) return this.skip(); // no C++ compiler on this machine
      const builds = warmBuilds();
      expect((await build(builds, { PATH: temporaryFolder() })).status.state).to.equal("failed");
      expect((await build(builds)).status.state).to.equal("built");
    });

    it("behavior: the exit code is 0 all the same, for an install must not fail", async () => {
      const copy = join(temporaryFolder(), "package");
      for (const part of ["scripts/native", "offchain/engines/zk/native"])
        cpSync(join(ROOT, part), join(copy, part), { recursive: true });
      const env = { PATH: temporaryFolder() };
      const { stdout, stderr } = await execute(process.execPath, [join(copy, "scripts/native/build.mjs")], { env });
      expect(stdout).to.equal("");
      expect(stderr).to.contain(`node ${join(copy, "scripts/native/build.mjs")} --again`);
      expect(existsSync(join(copy, "build/native/status.json"))).to.equal(true);
    });
  });

  describe("with one that is not up to it", () => {
    const cases: readonly [string, string, RegExp][] = [
      ["is named by CXX but is not there", "", /^CXX=.* does not run$/],
      [
        "cannot compile",
        'echo "kernels.cpp:1:1: error: too new for me"; exit 1',
        /could not compile kernels-.*too new/,
      ],
      [
        "cannot link",
        'for arg; do case "$arg" in -c) c=1;; *.o) o="$arg";; *.d) d="$arg";; esac; done\n' +
          'if [ "$c" = 1 ]; then echo > "$o"; echo "x: " > "$d"; else echo "no linker"; exit 1; fi',
        /could not link/,
      ],
      [
        "makes what does not load",
        'for arg; do case "$arg" in -c) c=1;; *.o) o="$arg";; *.d) d="$arg";; *.node) n="$arg";; esac; done\n' +
          'if [ "$c" = 1 ]; then echo > "$o"; echo "x: " > "$d"; else echo > "$n"; fi',
        /does not work here/,
      ],
    ];
    for (const [what, script, reason] of cases)
      it(`behavior: a compiler that ${what} is named once, with its messages kept`, async () => {
        const builds = temporaryFolder();
        const compiler = script === "" ? join(temporaryFolder(), "none") : fakeCompiler("old", script);
        const env = { ...process.env, CXX: compiler };
        const first = await build(builds, env);
        expect(first.status.state).to.equal("failed");
        expect(first.status.reason).to.match(reason);
        expect(first.said.filter((text) => text.includes("could not be built"))).to.have.length(1);
        expect((await build(builds, env)).said).to.deep.equal([]);
        expect(foldersIn(builds)).to.deep.equal([]);
        const found = findNativeAddon(builds);
        expect(found.reason).to.match(/^it could not be built: /);
        expect((found as { fix: string }).fix).to.contain("npm run bootstrap");
      });

    it("behavior: an addon that is damaged on disk is not there", async function () {
      if (!HAS_COMPILER) return this.skip(); // no C++ compiler on this machine
      const builds = warmBuilds();
      const { status } = await build(builds);
      writeFileSync(join(builds, status.key, "prover.node"), "nothing");
      expect(findNativeAddon(builds).reason).to.match(/^it does not load: /);
    });

    it("behavior: a folder that cannot be written to is no disaster", async () => {
      const builds = join(temporaryFolder(), "file", "builds");
      writeFileSync(join(builds, "../../file"), "in the way");
      expect((await build(builds)).status.state).to.equal("failed");
      expect(findNativeAddon(builds).reason).to.equal("it was not built on this machine");
    });
  });

  it("behavior: headers lie with the project's Node or with the one that runs", async () => {
    const copy = join(temporaryFolder(), "package");
    for (const part of ["scripts/native", "offchain/engines/zk/native"])
      cpSync(join(ROOT, part), join(copy, part), { recursive: true });
    const moved = join(temporaryFolder(), "bin");
    mkdirSync(moved);
    symlinkSync(process.execPath, join(moved, "node"));
    const { planBuild: plan } = (await import(join(copy, "scripts/native/build.mjs"))) as {
      planBuild: typeof planBuild;
    };
    const env = { ...process.env, CXX: fakeCompiler("any", "") };
    const { include } = plan({ env });
    expect(existsSync(join(String(include.at(-1)), "node_api.h"))).to.equal(true);
  });
});
