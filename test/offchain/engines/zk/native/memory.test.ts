// SPDX-License-Identifier: GPL-3.0-or-later
// What a key says that it and its proofs take is what decides whether it may be opened: it must be true, and must not grow. Measured in a
// program of its own, where nothing else takes memory.
import { expect } from "chai";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeWtns } from "../../../../../offchain/engines/zk/r1cs/wtns.ts";
import { makeNatively, writeKey } from "./native-key.ts";
import { randomCircuit } from "./random-circuit.ts";
import { nativeOrReason } from "./reference.ts";

const DEEP = process.env["ASSAY_DEEP"] === "1";
const PROOFS = DEEP ? 1000 : 100;
const MIB = 1 << 20;
const ROOT = new URL("../../../../../", import.meta.url).pathname;
const native = nativeOrReason();
const execute = promisify(execFile);

interface Measured {
  readonly keySaid: number;
  readonly keyTook: number;
  readonly proofSaid: number;
  readonly proofTook: number;
  readonly grown: number;
}

describe("native prover's memory", function () {
  this.timeout(DEEP ? 1_800_000 : 300_000);
  let program = "";

  before(async function () {
    if (native.addon === undefined) {
      console.warn(`      skipped: the native prover is not here: ${native.reason}`);
      this.skip(); // nothing was built on this machine
    }
    const driver = join(ROOT, "test/offchain/engines/zk/native/memory/proof-memory.cpp");
    program = (
      await execute(process.execPath, [join(ROOT, "scripts/native/build.mjs"), "--driver", driver])
    ).stdout.trim();
  });

  const folderOf = async (rows: number): Promise<string> => {
    const { addon } = native;
    if (addon === undefined) return "";
    const circuit = randomCircuit(3, { kind: "weights", rows });
    const session = addon.openSession(addon.paths()[0] ?? "portable", 2);
    const { folder } = writeKey(await makeNatively(addon, session, circuit));
    await addon.closeSession(session);
    writeFileSync(join(folder, "witness.wtns"), writeWtns(circuit.values));
    return folder;
  };
  const measure = async (path: string, threads: number, proofs: number, folder: string): Promise<Measured> =>
    JSON.parse((await execute(program, [path, String(threads), String(proofs), folder])).stdout) as Measured;

  it("behavior: key and proof take no more than the key says, on any number of threads", async () => {
    for (const rows of [10, 16_000]) {
      const folder = await folderOf(rows);
      for (const path of native.addon?.paths() ?? [])
        for (const threads of [1, 2, 8]) {
          const { keySaid, keyTook, proofSaid, proofTook } = await measure(path, threads, 3, folder);
          const what = `${path}, ${threads} threads, ${rows} rows`;
          // Opening leaves some of its own scratch with the allocator, which proofs take up again.
          expect(keyTook + proofTook, what).to.be.lessThan(keySaid + proofSaid);
          // Nor is it so careful that small machines refuse what they could do.
          expect(keySaid + proofSaid, what).to.be.lessThan(3 * (keyTook + proofTook) + 12 * MIB + 3 * threads * MIB);
        }
    }
  });

  it(`behavior: ${PROOFS} proofs leave a process as large as it was after the first`, async () => {
    const folder = await folderOf(1000);
    const { grown } = await measure(native.addon?.paths()[0] ?? "portable", 2, PROOFS, folder);
    // A lost witness would be 32 KiB a proof; a lost blind a page, which only a thousand show. Threads take turns at the allocator.
    expect(grown, "bytes").to.be.lessThan(2 * MIB);
  });
});
