// SPDX-License-Identifier: GPL-3.0-or-later
// Key files that were made to harm, one fault each: the native reader names the same fault as the one in TypeScript, or a stricter one.
import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { FIELD_Q } from "../../../../../offchain/core/zk/field.ts";
import { readGroups, writeGroups, type KeyGroup } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { readZkey, type Zkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import type { NativeAddon, NativePath, NativeSession } from "../../../../../offchain/engines/zk/prover/native-addon.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { strayG2 } from "../../../../support/stray-point.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";
import { makeNatively, openFiles, writeKey, type KeyBytes } from "./native-key.ts";
import { randomCircuit } from "./random-circuit.ts";
import { integers, join as joinBytes, nativeOrReason } from "./reference.ts";

const native = nativeOrReason();

describe("native key files", function () {
  this.timeout(120_000);
  const circuit = randomCircuit(6, { kind: "weights", rows: 50 });
  const folder = temporaryFolder();
  let addon: NativeAddon;
  let setup: NativeSession;
  let path: NativePath = "portable";
  let good: KeyBytes;
  let zkey: Zkey;
  let groups: readonly KeyGroup[];

  before(async function () {
    if (native.addon === undefined) {
      console.warn(`      skipped: the native prover is not here: ${native.reason}`);
      this.skip(); // nothing was built on this machine
    }
    addon = native.addon;
    path = addon.paths()[0] ?? path;
    setup = addon.openSession(path, 1);
    good = await makeNatively(addon, setup, circuit);
    [zkey, groups] = [readZkey(good.zkey), readGroups(good.groups)];
  });
  after(async () => {
    if (native.addon !== undefined) await addon.closeSession(setup);
  });

  const open = async (bytes: Partial<KeyBytes>, memory?: number) => {
    const key = await openFiles(addon, path, writeKey({ ...good, ...bytes }, folder), { threads: 1, memory });
    await addon.closeSession(key.session);
    return key.header;
  };
  const refuse = async (code: string, what: string, bytes: Partial<KeyBytes>, reason = /./): Promise<void> => {
    const error = await expectCode(code, () => open(bytes)).catch((cause: unknown) => {
      throw new Error(what, { cause });
    });
    expect((error as { reason?: string }).reason, what).to.match(reason);
  };
  /** Where a section's bytes begin. */
  const sectionAt = (type: number): number => {
    const view = new DataView(good.zkey.buffer, good.zkey.byteOffset);
    for (let at = 12; ; at += 12 + Number(view.getBigUint64(at + 4, true)))
      if (view.getUint32(at, true) === type) return at + 12;
  };
  const withU32 = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  const withBytes = (bytes: Uint8Array, at: number, put: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    copy.set(put, at);
    return copy;
  };
  const firstPoint = (points: Uint8Array, size = 64): number => {
    for (let at = 0; ; at += size) if (points.subarray(at, at + size).some((byte) => byte !== 0)) return at;
  };

  it("default: the header is the file's; sections may come in any order", async () => {
    const check = async (bytes: Partial<KeyBytes>): Promise<void> => {
      const header = await open(bytes);
      for (const name of ["wires", "publics", "alpha1", "beta1", "beta2", "gamma2", "delta1", "delta2", "ic"] as const)
        expect(header[name], name).to.deep.equal(zkey[name]);
      expect(header.groups).to.deep.equal(groups.map(({ tag, delta1, delta2 }) => ({ tag, delta1, delta2 })));
      expect(header.residentBytes).to.be.greaterThan(1000);
    };
    await check({});
    const sections = cutSections(good.zkey);
    await check({ zkey: joinBytes([good.zkey.slice(0, 12), ...sections.toReversed()]) });
  });

  it("error: ZKEY_MALFORMED for what is no file of sections", async () => {
    const file = good.zkey;
    const sections = cutSections(file);
    const head = file.slice(0, 12);
    const withCount = (count: number) => withU32(head, 8, count);
    const cases: readonly [string, Uint8Array][] = [
      ["nothing", new Uint8Array()],
      ["half a head", file.slice(0, 11)],
      ["its magic", withU32(file, 0, 0)],
      ["its version", withU32(file, 4, 2)],
      ["no sections", withU32(file, 8, 0)],
      ["2^32 − 1 sections", withU32(file, 8, 0xffffffff)],
      ["a missing section", joinBytes([withCount(9), ...sections.slice(0, 9)])],
      ["a missing section, not said", joinBytes([head, ...sections.slice(0, 9)])],
      ["a repeated section", joinBytes([head, ...sections.slice(0, 9), sections[0] ?? head])],
      ["an eleventh section", joinBytes([withCount(11), ...sections, withU32(sections[0] ?? head, 0, 11)])],
      ["section 0", withU32(file, 12, 0)],
      ["section 2^32 − 1", withU32(file, 12, 0xffffffff)],
      ["a length of 2^32 − 1", withU32(file, 16, 0xffffffff)],
      ["a length of 2^64 − 1", withU32(withU32(file, 16, 0xffffffff), 20, 0xffffffff)],
      ["a length of 2^64 − 12", withU32(withU32(file, 16, 0xfffffff4), 20, 0xffffffff)],
      ["its last byte gone", file.slice(0, -1)],
      ["a byte behind", Uint8Array.from([...file, 0])],
      ["another protocol", withU32(file, sectionAt(1), 2)],
    ];
    for (const [what, bytes] of cases) await refuse("ZKEY_MALFORMED", what, { zkey: bytes });
  });

  it("error: ZKEY_MALFORMED for counts and lengths that do not agree", async () => {
    const at = sectionAt(2);
    const cases: readonly [string, Uint8Array][] = [
      ["a coordinate's size", withU32(good.zkey, at, 48)],
      ["the base field", withU32(good.zkey, at + 4, 0)],
      ["the scalar field", withU32(good.zkey, at + 40, 0)],
      ...[0, 1, zkey.wires - 1, zkey.wires + 1, (1 << 24) + 1, 0xffffffff].map((wires): [string, Uint8Array] => [
        `${wires} wires`,
        withU32(good.zkey, at + 72, wires),
      ]),
      ...[0, zkey.publics + 1, zkey.wires - 1, zkey.wires, 0xffffffff].map((publics): [string, Uint8Array] => [
        `${publics} public wires`,
        withU32(good.zkey, at + 76, publics),
      ]),
      ...[0, 1, 2, 96, zkey.domain * 2, 2 ** 27, 2 ** 28, 2 ** 31, 0xffffffff].map((domain): [string, Uint8Array] => [
        `a domain of ${domain}`,
        withU32(good.zkey, at + 80, domain),
      ]),
      ["a longer header", resized(good.zkey, 2, 1)],
      ["a shorter header", resized(good.zkey, 2, -1)],
      ...[1, 3, 5, 6, 7, 8, 9].flatMap((type): [string, Uint8Array][] => [
        [`section ${type} and a byte`, resized(good.zkey, type, 1)],
        [`section ${type} without a byte`, resized(good.zkey, type, -1)],
        [`section ${type} and a point`, resized(good.zkey, type, 64)],
      ]),
      ["a short transcript", resized(good.zkey, 10, -1)],
    ];
    for (const [what, bytes] of cases) await refuse("ZKEY_MALFORMED", what, { zkey: bytes });
  });

  it("error: ZKEY_MALFORMED for coefficients out of range", async () => {
    const at = sectionAt(4);
    const count = new DataView(good.zkey.buffer, good.zkey.byteOffset).getUint32(at, true);
    const last = at + 4 + 44 * (count - 1);
    const cases: readonly [string, Uint8Array][] = [
      ...[0, count - 1, count + 1, 0xffffffff, Math.ceil(2 ** 32 / 44)].map((said): [string, Uint8Array] => [
        `${said} said`,
        withU32(good.zkey, at, said),
      ]),
      ["no count", resized(good.zkey, 4, -(4 + 44 * count))],
      ["half a count", resized(good.zkey, 4, -(2 + 44 * count))],
      ...[at + 4, last].flatMap((entry): [string, Uint8Array][] => [
        ["a third matrix", withU32(good.zkey, entry, 2)],
        ["a row behind the last", withU32(good.zkey, entry + 4, zkey.domain)],
        ["row 2^32 − 1", withU32(good.zkey, entry + 4, 0xffffffff)],
        ["a wire behind the last", withU32(good.zkey, entry + 8, zkey.wires)],
        ["wire 2^32 − 1", withU32(good.zkey, entry + 8, 0xffffffff)],
        ["r", withBytes(good.zkey, entry + 12, elementBytes(FIELD))],
        ["2^256 − 1", withBytes(good.zkey, entry + 12, new Uint8Array(32).fill(255))],
      ]),
    ];
    for (const [what, bytes] of cases) await refuse("ZKEY_MALFORMED", what, { zkey: bytes });
    // The last that are in range, in any order.
    const entries = Array.from({ length: count }, (_, i) => good.zkey.slice(at + 4 + 44 * i, at + 48 + 44 * i));
    await open({ zkey: withBytes(good.zkey, at + 4, joinBytes(entries.toReversed())) });
    await open({ zkey: withU32(withU32(good.zkey, last + 4, zkey.domain - 1), last + 8, zkey.wires - 1) });
  });

  it("error: GROUPS_MALFORMED for what is no list of ascending groups", async () => {
    const file = good.groups;
    const [weights, round1] = groups as [KeyGroup, KeyGroup];
    const countAt = 8 + 1 + 64 + 128;
    const cases: readonly [string, Uint8Array][] = [
      ["nothing", new Uint8Array()],
      ["half a head", file.slice(0, 7)],
      ["its magic", withU32(file, 0, 0)],
      ["its version", withU32(file, 4, 2)],
      ["half a group", file.slice(0, 100)],
      ["half a point", file.slice(0, -1)],
      ["a byte behind", Uint8Array.from([...file, 0])],
      ["group 0", withBytes(file, 8, Uint8Array.of(0))],
      ["group 3", withBytes(file, 8, Uint8Array.of(3))],
      ...[weights.wires.length + 1, 0xffffffff, Math.ceil(2 ** 32 / 68)].map((count): [string, Uint8Array] => [
        `${count} wires`,
        withU32(file, countAt, count),
      ]),
      ["wire 0", withU32(file, countAt + 4, 0)],
      ["groups that descend", writeGroups([round1, weights])],
      ["a group twice", writeGroups([round1, round1])],
      ["wires that descend", writeGroups([weights, { ...round1, wires: round1.wires.toReversed() }])],
      [
        "a wire twice",
        writeGroups([weights, { ...round1, wires: round1.wires.map((wire, i) => (i === 1 ? wire - 1 : wire)) }]),
      ],
    ];
    for (const [what, bytes] of cases) await refuse("GROUPS_MALFORMED", what, { groups: bytes });
  });

  it("error: KEY_UNSOUND for committed wires that are public, not there, shared, or published a second time", async () => {
    const [weights, round1] = groups as [KeyGroup, KeyGroup];
    const withWire = (group: KeyGroup, at: number, wire: number): KeyGroup => ({
      ...group,
      wires: group.wires.map((old, i) => (i === (at < 0 ? group.wires.length + at : at) ? wire : old)),
    });
    const cases: readonly [string, readonly KeyGroup[]][] = [
      ["not private", [withWire(weights, 0, zkey.publics), round1]],
      ["not private", [weights, withWire(round1, -1, zkey.wires)]],
      ["not private", [weights, withWire(round1, -1, 0xffffffff)]],
      ["in two groups", [weights, withWire(round1, 0, weights.wires.at(-1) ?? 0)]],
    ];
    for (const [why, changed] of cases)
      await refuse("KEY_UNSOUND", why, { groups: writeGroups(changed) }, new RegExp(why));
    // A committed wire's point, or any other, over δ2 in section 8.
    const wire = round1.wires[0] ?? 0;
    const from = firstPoint(round1.points);
    const second = round1.points.slice(from, from + 64);
    const unstripped = withBytes(good.zkey, sectionAt(8) + 64 * (wire - zkey.publics - 1), second);
    await refuse("KEY_UNSOUND", "strip rule", { zkey: unstripped }, /second point/);
  });

  it("error: KEY_UNSOUND for points off the curve or not reduced, in every place that holds one", async () => {
    const places: [string, number, number][] = [
      ["alpha", sectionAt(2) + 84, 64],
      ["beta", sectionAt(2) + 148, 64],
      ["beta", sectionAt(2) + 212, 128],
      ["gamma", sectionAt(2) + 340, 128],
      ["delta2", sectionAt(2) + 468, 64],
      ["delta2", sectionAt(2) + 532, 128],
      ["IC", sectionAt(3), 64],
      ["A", sectionAt(5) + firstPoint(zkey.a), 64],
      ["B", sectionAt(6) + firstPoint(zkey.b1), 64],
      ["B", sectionAt(7) + firstPoint(zkey.b2, 128), 128],
      ["C", sectionAt(8) + firstPoint(zkey.c), 64],
      ["H", sectionAt(9) + zkey.h.length - 64, 64],
    ];
    const damage = (bytes: Uint8Array, at: number, size: number): Uint8Array[] => {
      const point = bytes.slice(at, at + size);
      const coordinates = integers(point);
      const unreduced = coordinates.findIndex((value) => value + FIELD_Q < 2n ** 256n);
      const shifted = elementBytes((coordinates[unreduced] ?? 0n) + FIELD_Q);
      return [
        withBytes(bytes, at, Uint8Array.of((point[0] ?? 0) ^ 1)),
        withBytes(bytes, at + size - 32, elementBytes(((coordinates.at(-1) ?? 0n) + 1n) % FIELD_Q)),
        // The same point, written otherwise.
        withBytes(bytes, at + 32 * unreduced, shifted),
        withBytes(bytes, at, new Uint8Array(size).fill(255)),
      ];
    };
    for (const [name, at, size] of places)
      for (const bytes of damage(good.zkey, at, size))
        await refuse("KEY_UNSOUND", name, { zkey: bytes }, new RegExp(`of ${name} is not on the curve`));
    const [weights, round1] = groups as [KeyGroup, KeyGroup];
    const second = 8 + 1 + 64 + 128 + 4 + 68 * weights.wires.length;
    for (const [at, size] of [
      [9, 64],
      [73, 128],
      [8 + 1 + 64 + 128 + 4 + 4, 64],
      [second + 1, 64],
      [second + 65, 128],
      [second + 1 + 64 + 128 + 4 + 68 * (round1.wires.length - 1) + 4, 64],
    ] as const) {
      // The last wire's point may be infinity, which is a point.
      if (good.groups.subarray(at, at + size).every((byte) => byte === 0)) continue;
      for (const bytes of damage(good.groups, at, size))
        await refuse("KEY_UNSOUND", `groups at ${at}`, { groups: bytes }, /of group [12] is not on the curve/);
    }
  });

  it("error: KEY_UNSOUND for points of G2 outside the subgroup, one among many or in the header", async () => {
    const stray = lemOfG2(strayG2());
    const count = zkey.b2.length / 128;
    for (let wire = 0; wire < count; wire++) {
      const at = 128 * wire;
      if (zkey.b2.subarray(at, at + 128).every((byte) => byte === 0)) continue;
      await refuse(
        "KEY_UNSOUND",
        `wire ${wire}`,
        { zkey: withBytes(good.zkey, sectionAt(7) + at, stray) },
        /B is outside/,
      );
    }
    for (const [name, offset] of [
      ["beta", 212],
      ["gamma", 340],
      ["delta2", 532],
    ] as const)
      await refuse(
        "KEY_UNSOUND",
        name,
        { zkey: withBytes(good.zkey, sectionAt(2) + offset, stray) },
        new RegExp(`${name} is outside`),
      );
    await refuse("KEY_UNSOUND", "a group's delta", { groups: withBytes(good.groups, 73, stray) }, /group 1 is outside/);
  });

  it("error: KEY_UNSOUND for a wire whose B is infinity in one group alone", async () => {
    const at = firstPoint(zkey.b2, 128);
    const zero = new Uint8Array(128);
    const without2 = withBytes(good.zkey, sectionAt(7) + at, zero);
    const without1 = withBytes(good.zkey, sectionAt(6) + at / 2, zero.slice(0, 64));
    for (const bytes of [without1, without2])
      await refuse("KEY_UNSOUND", "B", { zkey: bytes }, /differs between the groups/);
    await open({ zkey: withBytes(without2, sectionAt(6) + at / 2, zero.slice(0, 64)) });
  });

  it("error: KEY_UNSOUND for files that are not there, or no files", async () => {
    const files = writeKey(good);
    const pipe = join(files.folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    mkdirSync(join(files.folder, "folder"));
    for (const name of ["nothing", "folder", "pipe", "key.zkey/below", "x".repeat(300), ""]) {
      const there = name === "" ? "" : join(files.folder, name);
      await expectCode("KEY_UNSOUND", () => openFiles(addon, path, { zkey: there, groups: files.groups }));
      await expectCode("KEY_UNSOUND", () => openFiles(addon, path, { zkey: files.zkey, groups: there }));
    }
    await expectCode("KEY_UNSOUND", () => openFiles(addon, path, { zkey: "/dev/zero", groups: files.groups }));
  });

  it("error: CIRCUIT_TOO_LARGE for a key that takes more memory than is left", async () => {
    const files = writeKey(good);
    const { header, session } = await openFiles(addon, path, files);
    await addon.closeSession(session);
    const enough = header.residentBytes + header.proofBytes;
    for (const memory of [0, 1, enough - 1])
      await expectCode("CIRCUIT_TOO_LARGE", () => openFiles(addon, path, files, { memory }));
    await addon.closeSession((await openFiles(addon, path, files, { memory: enough })).session);
  });

  it("behavior: what becomes of the files later, an open key does not notice", async () => {
    const files = writeKey(good);
    const key = await openFiles(addon, path, files);
    truncateSync(files.zkey, 0);
    writeFileSync(files.groups, "other");
    expect((await addon.commit(key.session, circuit.values)).point).to.have.length(64);
    await addon.closeSession(key.session);
  });
});

/** The sections of a file, each with its type and length. */
function cutSections(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset);
  const sections: Uint8Array[] = [];
  for (let at = 12; at < file.length;) {
    const end = at + 12 + Number(view.getBigUint64(at + 4, true));
    sections.push(file.slice(at, end));
    at = end;
  }
  return sections;
}

/** The file with a section that is longer or shorter, and says so. */
function resized(file: Uint8Array, type: number, by: number): Uint8Array {
  const sections = cutSections(file).map((section) => {
    const view = new DataView(section.buffer, section.byteOffset);
    if (view.getUint32(0, true) !== type) return section;
    const bytes = new Uint8Array(section.length + by);
    bytes.set(section.subarray(0, bytes.length));
    new DataView(bytes.buffer).setBigUint64(4, BigInt(bytes.length - 12), true);
    return bytes;
  });
  return joinBytes([file.slice(0, 12), ...sections]);
}
