// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { isAssayError } from "../../../../../offchain/core/errors.ts";
import { decodeKeyRecord } from "../../../../../offchain/core/zk/key-record.ts";
import { checkKey, type KeyParts } from "../../../../../offchain/engines/zk/keys/check-key.ts";
import { readGroups, writeGroups, type KeyGroup } from "../../../../../offchain/engines/zk/keys/groups-file.ts";
import { BASE_FIELD, readZkey, writeZkey, type Zkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import { elementBytes } from "../../../../../offchain/engines/zk/setup/field-arithmetic.ts";
import { openKernel } from "../../../../../offchain/engines/zk/setup/kernel-source.ts";
import { makeDevelopmentKey } from "../../../../../offchain/engines/zk/setup/make-development-key.ts";
import type { WasmKernel } from "../../../../../offchain/engines/zk/setup/wasm-kernel.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { toyCircuit } from "../../../../support/toy-circuit.ts";

describe("key files", function () {
  this.timeout(120_000);
  const circuit = toyCircuit("private");
  let kernel: WasmKernel;
  let parts: KeyParts;
  let zkey: Uint8Array;
  let groups: Uint8Array;

  before(async () => {
    kernel = await openKernel();
    const key = await makeDevelopmentKey(circuit, { threads: 2 });
    parts = { ...key, record: decodeKeyRecord(key.record) };
    zkey = writeZkey(key.zkey);
    groups = writeGroups(key.groups);
  });

  it("default: what is written is read back, and passes every check", () => {
    expect(writeZkey(readZkey(zkey))).to.deep.equal(zkey);
    expect(writeGroups(readGroups(groups))).to.deep.equal(groups);
    checkKey(kernel, { zkey: readZkey(zkey), groups: readGroups(groups), record: parts.record }, circuit.circuitHash);
  });

  it("behavior: bytes changed, cut or added never crash: they are refused, or read as something that the check refuses", () => {
    const change = (bytes: Uint8Array, at: number, to: number, length: number): Uint8Array => {
      const copy = bytes.slice(0, length);
      if (at < copy.length) copy[at] = to;
      return copy;
    };
    const attempt = (files: { readonly zkey: Uint8Array; readonly groups: Uint8Array }): boolean => {
      try {
        checkKey(kernel, { zkey: readZkey(files.zkey), groups: readGroups(files.groups), record: parts.record });
        return true;
      } catch (error) {
        expect(isAssayError(error), String(error)).to.equal(true);
        return false;
      }
    };
    // Transcript and coefficients aside, every byte is covered by the check; those are verify-setup's.
    const headEnd = 12 + 16 + 12 + 84;
    fc.assert(
      fc.property(fc.nat(headEnd), fc.integer({ min: 0, max: 255 }), (at, to) => {
        const same = zkey[at] === to;
        expect(attempt({ zkey: change(zkey, at, to, zkey.length), groups })).to.equal(same);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.nat(groups.length - 1), fc.integer({ min: 0, max: 255 }), (at, to) => {
        const same = groups[at] === to;
        expect(attempt({ zkey, groups: change(groups, at, to, groups.length) })).to.equal(same);
      }),
      { numRuns: 100 },
    );
    fc.assert(
      fc.property(fc.nat(zkey.length - 1), fc.nat(groups.length - 1), (cutZkey, cutGroups) => {
        expect(attempt({ zkey: zkey.slice(0, cutZkey), groups })).to.equal(false);
        expect(attempt({ zkey, groups: groups.slice(0, cutGroups) })).to.equal(false);
      }),
      { numRuns: 100 },
    );
    expect(attempt({ zkey: Uint8Array.from([...zkey, 0]), groups })).to.equal(false);
    expect(attempt({ zkey, groups: Uint8Array.from([...groups, 0]) })).to.equal(false);
  });

  it("error: ZKEY_MALFORMED for coefficients that would send snarkjs elsewhere", async () => {
    const at = zkey.length;
    expect(at).to.be.greaterThan(0);
    const { coefficients } = parts.zkey;
    for (const [offset, value] of [
      [4, 2],
      [8, parts.zkey.domain],
      [12, parts.zkey.wires],
    ] as const) {
      const copy = coefficients.slice();
      new DataView(copy.buffer).setUint32(offset, value, true);
      await expectCode("ZKEY_MALFORMED", () => readZkey(writeZkey({ ...parts.zkey, coefficients: copy })));
    }
    const unreduced = coefficients.slice();
    unreduced.fill(255, 16, 48);
    await expectCode("ZKEY_MALFORMED", () => readZkey(writeZkey({ ...parts.zkey, coefficients: unreduced })));
    const more = coefficients.slice();
    new DataView(more.buffer).setUint32(0, 1e9, true);
    await expectCode("ZKEY_MALFORMED", () => readZkey(writeZkey({ ...parts.zkey, coefficients: more })));
    for (const change of [{ domain: 96 }, { domain: 0 }, { publics: parts.zkey.wires }, { wires: 0 }])
      await expectCode("ZKEY_MALFORMED", () => readZkey(writeZkey({ ...parts.zkey, ...change })));
  });

  it("error: GROUPS_MALFORMED for unknown, repeated or unordered groups and wires", async () => {
    const [weights, round1] = parts.groups as [KeyGroup, KeyGroup];
    const swapped = { ...round1, wires: round1.wires.toReversed() };
    for (const bad of [[round1, weights], [round1, round1], [weights, swapped], [{ ...weights, tag: 3 as 1 }]])
      await expectCode("GROUPS_MALFORMED", () => readGroups(writeGroups(bad)));
    const huge = groups.slice();
    new DataView(huge.buffer).setUint32(8 + 1 + 64 + 128, 0xffffffff, true);
    await expectCode("GROUPS_MALFORMED", () => readGroups(huge));
  });

  it("error: KEY_UNSOUND names what a key may not have", async () => {
    const [weights, round1] = parts.groups as [KeyGroup, KeyGroup];
    const { record } = parts;
    const refuse = async (change: Partial<KeyParts>, reason: RegExp): Promise<void> => {
      const error = await expectCode("KEY_UNSOUND", () => checkKey(kernel, { ...parts, ...change }));
      expect((error as { meta: { reason: string } }).meta.reason).to.match(reason);
    };
    const withZkey = (change: Partial<Zkey>): Partial<KeyParts> => ({ zkey: { ...parts.zkey, ...change } });
    const withPoint = (section: Uint8Array, point: Uint8Array, at = 0): Uint8Array => {
      const copy = section.slice();
      copy.set(point, at);
      return copy;
    };
    const shared = weights.wires.slice();
    shared[0] = round1.wires[0] ?? 0;
    const unreduced = new Uint8Array(64);
    unreduced.set(elementBytes(BASE_FIELD + 1n));
    const { delta1: _, ...noDelta1 } = record;
    const { deltaWeights: __, ...noWeights } = record;

    await refuse({ groups: [round1] }, /do not fit backend/);
    await refuse({ record: { ...noWeights, backend: 2 } }, /do not fit backend/);
    await refuse({ record: { ...noDelta1, backend: 3 } }, /delta1/);
    await refuse({ record: { ...record, ic: record.ic.slice(1) } }, /public wires/);
    await refuse({ record: { ...record, ic: record.ic.toReversed() } }, /IC 0/);
    await refuse({ groups: [{ ...weights, delta2: round1.delta2 }, round1] }, /deltaWeights/);
    await refuse(withZkey({ gamma2: parts.zkey.beta2 }), /gamma/);
    await refuse({ groups: [weights, { ...round1, wires: Uint32Array.of(2) }] }, /not private/);
    await refuse({ groups: [weights, { ...round1, wires: Uint32Array.of(parts.zkey.wires) }] }, /not private/);
    await refuse({ groups: [{ ...weights, wires: shared }, round1] }, /two groups/);
    await refuse(withZkey({ c: withPoint(parts.zkey.c, parts.zkey.alpha1) }), /second point/);
    await refuse(withZkey({ a: withPoint(parts.zkey.a, Uint8Array.of(1, 2, 3)) }), /not on the curve/);
    await refuse(withZkey({ b2: withPoint(parts.zkey.b2, Uint8Array.of(1, 2, 3)) }), /not on the curve/);
    await refuse(withZkey({ h: withPoint(parts.zkey.h, unreduced, 64) }), /point 1 of H/);
    await refuse(withZkey({ delta1: parts.zkey.alpha1 }), /delta2 differs/);
    await refuse(withZkey({ beta1: new Uint8Array(64) }), /beta is infinity/);
    await refuse({ groups: [{ ...weights, delta1: round1.delta1 }, round1] }, /differs between the groups/);
    await expectCode("KEY_UNSOUND", () => checkKey(kernel, parts, `0x${"ab".repeat(32)}`));
    await expectCode("KEY_DEGENERATE", () =>
      checkKey(kernel, { ...parts, record: { ...record, deltaWeights: record.delta2 } }),
    );
  });
});
