// SPDX-License-Identifier: GPL-3.0-or-later
// The native development setup makes the same bytes as the one in TypeScript, which the committed key records came from.
import { expect } from "chai";
import { writeGroups } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { writeZkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import type { NativeAddon, NativePath, NativeSession } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { writeR1cs } from "../../../../../offchain/engines/zk/r1cs/write-r1cs.ts";
import { makeDevelopmentZkey } from "../../../../../offchain/engines/zk/setup/make-development-key.ts";
import { committedWires, type SetupCircuit } from "../../../../../offchain/engines/zk/setup/setup-circuit.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { toyCircuit } from "../../../../support/toy-circuit.ts";
import { makeNatively, trapdoorBytes, type KeyBytes } from "./native-key.ts";
import { randomCircuit } from "./random-circuit.ts";
import { nativeOrReason } from "./reference.ts";

const DEEP = process.env["ASSAY_DEEP"] === "1";
const native = nativeOrReason();

describe("native development setup", function () {
  this.timeout(DEEP ? 1_200_000 : 240_000);
  let addon: NativeAddon;
  const sessions = new Map<NativePath, NativeSession>();

  before(function () {
    if (native.addon === undefined) {
      console.warn(`      skipped: the native prover is not here: ${native.reason}`);
      this.skip(); // nothing was built on this machine
    }
    addon = native.addon;
    for (const path of addon.paths()) sessions.set(path, addon.openSession(path, 2));
  });
  after(() => Promise.all([...sessions.values()].map((session) => addon.closeSession(session))));

  const expectSame = async (circuit: SetupCircuit, name: string): Promise<void> => {
    const { zkey, groups } = await makeDevelopmentZkey(circuit, { threads: 2 });
    const want: KeyBytes = { zkey: writeZkey(zkey), groups: writeGroups(groups) };
    for (const [path, session] of sessions) {
      const have = await makeNatively(addon, session, circuit);
      expect(Buffer.compare(have.zkey, want.zkey), `${name}, ${path}: .zkey`).to.equal(0);
      expect(Buffer.compare(have.groups, want.groups), `${name}, ${path}: .groups`).to.equal(0);
    }
  };

  it("default: byte by byte the keys of the setup in TypeScript, for every backend and instruction set", async () => {
    for (const kind of ["public", "private", "one-round"] as const)
      for (const rows of [1, 20]) await expectSame(toyCircuit(kind, rows), `${kind}, ${rows} rows`);
  });

  it("behavior: random circuits too: rows without terms, wires without rows, domains filled to the last row", async () => {
    const kinds = ["one-round", "two-round", "weights"] as const;
    for (let seed = 1; seed <= (DEEP ? 60 : 9); seed++) {
      const kind = kinds[seed % 3] ?? "weights";
      await expectSame(
        randomCircuit(seed, { kind, rows: seed % 2 === 0 ? 60 : 1 + ((seed * 13) % 40) }),
        `seed ${seed}`,
      );
    }
    // Rows and public wires that fill a domain of 32 rows, and one more.
    for (const rows of [27, 28, 29, 30, 31])
      await expectSame(randomCircuit(5, { kind: "two-round", rows }), `${rows} rows`);
  });

  const circuit = toyCircuit("private", 3);
  const { weights, round1 } = committedWires(circuit);
  const file = writeR1cs(circuit.r1cs);
  const trapdoor = trapdoorBytes(circuit);
  const session = (): NativeSession => [...sessions.values()][0] as NativeSession;
  const make = (change: {
    r1cs?: Uint8Array;
    ranges?: readonly [number, number, number, number];
    trapdoor?: Uint8Array;
  }) => {
    const ranges = change.ranges ?? [weights.from, weights.count, round1.from, round1.count];
    return addon.developmentKey(session(), change.r1cs ?? file, ...ranges, change.trapdoor ?? trapdoor);
  };

  it("error: CIRCUIT_UNFIT for groups that are not private, not there, or share a wire", async () => {
    const [from, count] = [round1.from, round1.count];
    for (const ranges of [
      [weights.from, weights.count, 3, count],
      [0, 1, from, count],
      [weights.from, weights.count, from, circuit.r1cs.wires],
      [weights.from, weights.count, 0xffffffff, 1],
      [weights.from, weights.count, from, 0xffffffff],
      [from, 1, from, count],
      [from + count - 1, 1, from, count],
    ] as const)
      await expectCode("CIRCUIT_UNFIT", () => make({ ranges }));
  });

  it("error: CIRCUIT_UNFIT for a trapdoor that makes no key", async () => {
    for (let secret = 0; secret < 6; secret++)
      await expectCode("CIRCUIT_UNFIT", () =>
        make({ trapdoor: trapdoor.slice().fill(0, 32 * secret, 32 * secret + 32) }),
      );
    // τ = 1 is a root of unity.
    const unity = trapdoor.slice().fill(0, 0, 32);
    unity[0] = 1;
    await expectCode("CIRCUIT_UNFIT", () => make({ trapdoor: unity }));
  });

  it("error: CIRCUIT_UNFIT, CIRCUIT_TOO_LARGE for bytes that are no circuit", async () => {
    const header = 12 + 12 + sectionBytes(file, 2) + 12;
    const changed = (at: number, value: number): Uint8Array => {
      const copy = file.slice();
      new DataView(copy.buffer).setUint32(at, value, true);
      return copy;
    };
    const unfit: readonly [string, Uint8Array][] = [
      ["nothing", new Uint8Array()],
      ["its magic", changed(0, 0)],
      ["its version", changed(4, 2)],
      ["its sections' number", changed(8, 4)],
      ["a section's type", changed(12, 4)],
      ["a section's length", changed(16, 0xffffffff)],
      ["a section's length, upper half", changed(20, 0xffffffff)],
      ["its end", file.slice(0, -1)],
      ["a surplus", Uint8Array.from([...file, 0])],
      ["the element's size", changed(header, 48)],
      ["its field", changed(header + 4, 0)],
      ["no wires", changed(header + 36, 0)],
      ["more outputs than wires", changed(header + 40, 0xffffffff)],
      ["fewer labels than wires", changed(header + 52, 1)],
      ["fewer rows than it says", changed(header + 60, 1)],
      ["more rows than it says", changed(header + 60, 1 << 20)],
      ["a row's length", changed(24, 0xffffffff)],
      ["a row's wire", changed(28, circuit.r1cs.wires)],
      ["a coefficient of 0", file.slice().fill(0, 32, 64)],
      ["a coefficient of 2^256 − 1", file.slice().fill(255, 32, 64)],
      ["a label", changed(file.length - 4, 1)],
    ];
    for (const [what, r1cs] of unfit)
      await expectCode("CIRCUIT_UNFIT", () => make({ r1cs })).catch((error: unknown) => {
        throw new Error(what, { cause: error });
      });
    await expectCode("CIRCUIT_TOO_LARGE", () => make({ r1cs: changed(header + 36, (1 << 24) + 1) }));
    await expectCode("CIRCUIT_TOO_LARGE", () => make({ r1cs: changed(header + 60, (1 << 22) + 1) }));
  });

  it("behavior: a cancelled setup rejects, and the session goes on", async () => {
    const large = randomCircuit(3, { kind: "two-round", rows: 3000 });
    const running = expectCode("CANCELLED", () => makeNatively(addon, session(), large));
    addon.cancelSession(session());
    await running;
    expect((await makeNatively(addon, session(), circuit)).groups.length).to.be.greaterThan(8);
  });
});

/** Length of a section of a file that starts with it. */
function sectionBytes(file: Uint8Array, type: number): number {
  const view = new DataView(file.buffer, file.byteOffset);
  expect(view.getUint32(12, true)).to.equal(type);
  return Number(view.getBigUint64(16, true));
}
