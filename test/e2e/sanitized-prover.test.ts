// SPDX-License-Identifier: GPL-3.0-or-later
// The native prover's suites once more, over a build that ends the process at the first read outside an array and the first overflow.
import { expect } from "chai";
import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildNative, planBuild, smokeEnvironment } from "../../scripts/native/build.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SUITES = ["prover/native-addon", "prover/native-prover", "native/setup", "native/key-parsers"];
const DEEP_SUITES = ["prover/native-lifecycle", "native/kernels", "native/prove", "native/pairing"];
const chosen = process.env["ASSAY_DEEP"] === "1" ? [...SUITES, ...DEEP_SUITES] : SUITES;

describe("the native prover with sanitizers", function () {
  this.timeout(1_800_000);
  let env: NodeJS.ProcessEnv = {};

  before(async function () {
    try {
      execFileSync("c++", ["--version"], { stdio: "ignore" });
    } catch {
      return this.skip(); // no C++ compiler on this machine
    }
    const status = await buildNative({ sanitize: true });
    expect(status.state, JSON.stringify(status)).to.equal("built");
    env = { ...smokeEnvironment(planBuild({ sanitize: true })), ASSAY_TEST_ADDON: (status as { file: string }).file };
    // A few of everything: instrumented code is slow, and finds with few what it finds with many.
    delete env["CI"];
    delete env["ASSAY_DEEP"];
  });

  for (const suite of chosen)
    it(`behavior: nothing is read, written or computed out of bounds in ${suite}`, async () => {
      const mocha = `${ROOT}node_modules/mocha/bin/mocha.js`;
      const args = [mocha, "--config", ".mocharc.json", `test/offchain/engines/zk/${suite}.test.ts`];
      const { code, output } = await new Promise<{ code: number | string | null; output: string }>((resolve) => {
        execFile(process.execPath, args, { cwd: ROOT, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? null), output: stdout + stderr }),
        );
      });
      expect(output).to.not.match(/Sanitizer|runtime error/);
      expect(code, output.slice(-4000)).to.equal(0);
      expect(output).to.match(/\d+ passing/);
    });
});
