// SPDX-License-Identifier: GPL-3.0-or-later
// Damaged files: the process survives them all, and refuses those that the readers in TypeScript refuse.
import { expect } from "chai";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import { decodeKeyRecord, type KeyRecord } from "../../../../../offchain/core/zk/key-record.ts";
import { checkKey, checkKeyHead } from "../../../../../offchain/engines/zk/keys/check-key.ts";
import { readGroups, writeGroups } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { readZkey, writeZkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import { writeR1cs } from "../../../../../offchain/engines/zk/r1cs/write-r1cs.ts";
import { writeWtns } from "../../../../../offchain/engines/zk/r1cs/wtns.ts";
import { openKernel } from "../../../../../offchain/engines/zk/setup/kernel-source.ts";
import { makeDevelopmentKey } from "../../../../../offchain/engines/zk/setup/make-development-key.ts";
import { committedWires } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { Prng } from "../../../../support/prng.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { finishToy, runToy, toyCircuit, type ToyCircuit } from "../../../../support/toy-circuit.ts";
import { openFiles, trapdoorBytes, writeKey, type KeyBytes } from "./native-key.ts";
import { randomCircuit } from "./random-circuit.ts";
import { join as joinBytes, nativeOrReason } from "./reference.ts";

const DEEP = process.env["ASSAY_DEEP"] === "1";
const LONG = DEEP || process.env["CI"] === "true";
/** Inputs of the program that knows the files' format, and of the comparison with TypeScript. */
const INPUTS = DEEP ? 120_000 : LONG ? 2_000 : 10_000;
const COMPARISONS = DEEP ? 20_000 : 600;
const ROOT = new URL("../../../../../", import.meta.url).pathname;
const native = nativeOrReason();
const execute = promisify(execFile);

/** What parser-fuzz.cpp prints. */
interface FuzzResult {
  readonly inputs: number;
  /** Instruction sets that took turns. */
  readonly kernels: number;
  readonly accepted: number;
  readonly proofs: number;
  readonly keys: number;
  readonly refused: Readonly<Record<string, number>>;
}

function fullWitness(circuit: ToyCircuit): Uint8Array {
  const run = runToy(circuit);
  const [c, rho] = [12345n ** 9n, 777n ** 11n];
  const v = run.words.slice(1).reduce((sum, word) => (sum * rho + word) % FIELD, run.words[0] ?? 0n);
  return finishToy(circuit, run, circuit.kind === "one-round" ? [5n, ...run.words] : [v, c, rho]);
}

describe("native readers", function () {
  this.timeout(DEEP ? 3_600_000 : 1_200_000);

  before(function () {
    if (native.addon !== undefined) return;
    console.warn(`      skipped: the native prover is not here: ${native.reason}`);
    this.skip(); // nothing was built on this machine
  });

  it(`behavior: ${INPUTS} damaged files of every format are refused, or work${LONG ? ", under sanitizers" : ""}`, async () => {
    const folders: string[] = [];
    for (const circuit of [
      ...(["public", "private", "one-round"] as const).map((kind) => {
        const toy = toyCircuit(kind, 2);
        return { ...toy, values: fullWitness(toy) };
      }),
      randomCircuit(1, { kind: "weights", rows: 12 }),
    ]) {
      const folder = temporaryFolder();
      folders.push(folder);
      const { zkey, groups } = await makeDevelopmentKey(circuit, { threads: 2 });
      writeKey({ zkey: writeZkey(zkey), groups: writeGroups(groups) }, folder);
      const { weights, round1 } = committedWires(circuit);
      const ranges = Uint32Array.of(weights.from, weights.count, round1.from, round1.count);
      writeFileSync(join(folder, "circuit.r1cs"), writeR1cs(circuit.r1cs));
      writeFileSync(join(folder, "witness.wtns"), writeWtns(circuit.values));
      writeFileSync(join(folder, "trapdoor.bin"), trapdoorBytes(circuit));
      writeFileSync(join(folder, "ranges.bin"), new Uint8Array(ranges.buffer));
    }
    const driver = join(ROOT, "test/offchain/engines/zk/native/fuzz/parser-fuzz.cpp");
    const build = [join(ROOT, "scripts/native/build.mjs"), "--driver", driver, ...(LONG ? ["--sanitize"] : [])];
    const program = (await execute(process.execPath, build)).stdout.trim();
    const seed = Number(process.env["ASSAY_SEED"] ?? 1) >>> 0;
    const { stdout } = await execute(program, [String(INPUTS), String(seed * 1_000_000), ...folders]);
    const result = JSON.parse(stdout) as FuzzResult;
    expect(result.inputs).to.equal(INPUTS);
    expect(result.kernels).to.equal(native.addon?.paths().length);
    // Neither everything nor nothing gets far.
    expect(result.accepted, stdout).to.be.within(INPUTS / 50, INPUTS / 3);
    expect(result.proofs, stdout).to.be.greaterThan(INPUTS / 200);
    expect(result.keys, stdout).to.be.greaterThan(INPUTS / 200);
    for (const code of ["ZKEY_MALFORMED", "GROUPS_MALFORMED", "KEY_UNSOUND", "CIRCUIT_UNFIT", "WITNESS_MALFORMED"])
      expect(result.refused[code], `${code}: ${stdout}`).to.be.greaterThan(INPUTS / 100);
    expect(result.accepted + Object.values(result.refused).reduce((sum, count) => sum + count, 0)).to.equal(INPUTS);
  });

  it(`behavior: ${COMPARISONS} damaged keys get the verdict of the readers in TypeScript`, async () => {
    const { addon } = native;
    if (addon === undefined) return;
    const kernel = await openKernel();
    const circuit = toyCircuit("private", 1);
    const made = await makeDevelopmentKey(circuit, { threads: 2 });
    const good: KeyBytes = { zkey: writeZkey(made.zkey), groups: writeGroups(made.groups) };
    const record = decodeKeyRecord(made.record);
    const folder = temporaryFolder();
    const path = addon.paths()[0] ?? "portable";
    const kernels = addon.openKernels(path, 1);
    const codeOf = (error: unknown): string => {
      const code = (error as { code?: unknown }).code;
      if (typeof code !== "string") throw error;
      return code;
    };
    const verdicts = new Map<string, number>();
    const prng = new Prng(Number(process.env["ASSAY_SEED"] ?? 5));
    for (let i = 0; i < COMPARISONS; i++) {
      const damaged = prng.chance(0.3)
        ? { ...good, groups: damage(prng, good.groups) }
        : { ...good, zkey: damage(prng, good.zkey) };
      const want = verdictOfTypeScript(kernel, damaged, record);
      const have = await openFiles(addon, path, writeKey(damaged, folder), { threads: 1 }).then(
        async ({ session, header }) => {
          await addon.closeSession(session);
          // The program has what the record speaks of checked in TypeScript.
          return verdict(() =>
            checkKeyHead({ zkey: header, groups: header.groups, record }, undefined, (g1, g2) =>
              addon.pairsToOne(kernels, joinBytes(g1), joinBytes(g2)),
            ),
          );
        },
        codeOf,
      );
      verdicts.set(have, (verdicts.get(have) ?? 0) + 1);
      expect(have, `input ${i}`).to.equal(want);
    }
    for (const known of ["accepted", "ZKEY_MALFORMED", "GROUPS_MALFORMED", "KEY_UNSOUND"])
      expect(verdicts.get(known), JSON.stringify([...verdicts])).to.be.greaterThan(0);
  });
});

type Kernel = Awaited<ReturnType<typeof openKernel>>;

function verdict(check: () => void): string {
  try {
    check();
    return "accepted";
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return error.code;
  }
}

const verdictOfTypeScript = (kernel: Kernel, { zkey, groups }: KeyBytes, record: KeyRecord): string =>
  verdict(() => checkKey(kernel, { zkey: readZkey(zkey), groups: readGroups(groups), record }));

/** One or two bytes or words changed, the file cut or grown; heads more often than points. */
function damage(prng: Prng, file: Uint8Array): Uint8Array {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  for (let n = prng.int(1, 2); n > 0; n--) {
    const at = prng.chance(0.4) ? prng.int(0, 300) : prng.int(0, copy.length - 8);
    if (prng.chance(0.5)) copy[at] = prng.int(0, 255);
    else view.setUint32(at, prng.pick([0, 1, 2, 3, 4, 64, 255, 1 << 20, 0xffffffff]), true);
  }
  if (prng.chance(0.1)) return copy.slice(0, prng.int(0, copy.length));
  if (prng.chance(0.05)) return Uint8Array.from([...copy, 0]);
  return copy;
}
