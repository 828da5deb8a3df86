// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { FIELD } from "../../../../../offchain/core/poseidon-constants.ts";
import { checkWitness, firstViolation } from "../../../../../offchain/engines/zk/r1cs/check-witness.ts";
import { ConstantPool } from "../../../../../offchain/engines/zk/r1cs/constant-pool.ts";
import { MAX_CONSTRAINTS, MAX_WIRES } from "../../../../../offchain/engines/zk/r1cs/format.ts";
import { hashR1cs } from "../../../../../offchain/engines/zk/r1cs/hash-r1cs.ts";
import { constraintCount, type R1cs } from "../../../../../offchain/engines/zk/r1cs/r1cs.ts";
import { readR1cs } from "../../../../../offchain/engines/zk/r1cs/read-r1cs.ts";
import { readSym } from "../../../../../offchain/engines/zk/r1cs/sym.ts";
import { bigintsToValues, valuesToBigints } from "../../../../../offchain/engines/zk/r1cs/witness-values.ts";
import { writeR1cs } from "../../../../../offchain/engines/zk/r1cs/write-r1cs.ts";
import { readWtns, writeWtns } from "../../../../../offchain/engines/zk/r1cs/wtns.ts";
import { r1csOf } from "../../../../support/r1cs-of.ts";
import { expectError } from "../../../../support/expect-error.ts";

/** x·x = y; (y + 2)·c = 3·y - v. Wires: 1, v (out), c (public), x (private), y. */
const sample = (): R1cs =>
  r1csOf({ wires: 5, outputs: 1, publicInputs: 1, privateInputs: 1 }, [
    [{ 3: 1n }, { 3: 1n }, { 4: 1n }],
    [{ 0: 2n, 4: 1n }, { 2: 1n }, { 1: -1n, 4: 3n }],
  ]);
const witnessOf = (x: bigint, c: bigint): bigint[] => [1n, 3n * x * x - (x * x + 2n) * c, c, x, x * x];

/** Wire of the second row's first entry on side A, which has two: after three combinations of one entry. */
const WIDE_ROW = 3 * 40 + 4;
/** Offsets in the sample's file: prelude 12, section 2 header 12, then constraints. */
const CONSTRAINTS_AT = 24;
const bytesOf = () => writeR1cs(sample());
const constraintBytes = () => new DataView(bytesOf().buffer).getUint32(16, true);
const HEADER_AT = () => CONSTRAINTS_AT + constraintBytes() + 12;
const LABELS_AT = () => HEADER_AT() + 64 + 12;

function edited(edit: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = bytesOf();
  edit(new DataView(bytes.buffer), bytes);
  return bytes;
}

describe(".r1cs files", () => {
  it("default: what is written is read back, and one circuit has one encoding", () => {
    const r1cs = sample();
    const bytes = writeR1cs(r1cs);
    expect(readR1cs(bytes)).to.deep.equal(r1cs);
    expect(writeR1cs(readR1cs(bytes))).to.deep.equal(bytes);
    expect(constraintCount(r1cs)).to.equal(2);
    expect(hashR1cs(r1cs))
      .to.equal(hashR1cs(readR1cs(bytes)))
      .and.match(/^0x[0-9a-f]{64}$/);
  });

  it("behavior: reads from any alignment", () => {
    const bytes = bytesOf();
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(readR1cs(shifted.subarray(1))).to.deep.equal(sample());
  });

  it("behavior: sections may come in any order", () => {
    const bytes = bytesOf();
    const constraints = bytes.subarray(12, HEADER_AT() - 12);
    const rest = bytes.subarray(HEADER_AT() - 12);
    expect(readR1cs(Buffer.concat([bytes.subarray(0, 12), rest, constraints]))).to.deep.equal(sample());
  });

  it("behavior: entries of a row may come in any order, and are sorted", () => {
    const swapped = edited((_, bytes) => {
      const [first, second] = [0, 36].map((by) =>
        bytes.slice(CONSTRAINTS_AT + WIDE_ROW + by, CONSTRAINTS_AT + WIDE_ROW + by + 36),
      );
      bytes.set(second ?? [], CONSTRAINTS_AT + WIDE_ROW);
      bytes.set(first ?? [], CONSTRAINTS_AT + WIDE_ROW + 36);
    });
    expect(hashR1cs(readR1cs(swapped))).to.not.equal(undefined);
    expect(readR1cs(swapped).a.wires).to.deep.equal(sample().a.wires);
  });

  const malformedFiles: Record<string, () => Uint8Array> = {
    nothing: () => new Uint8Array(),
    "another magic": () => edited((_, bytes) => (bytes[0] = 0x77)),
    "another version": () => edited((view) => view.setUint32(4, 2, true)),
    "too few sections": () => edited((view) => view.setUint32(8, 2, true)),
    "2^32 - 1 sections": () => edited((view) => view.setUint32(8, 0xffffffff, true)),
    "an unknown section": () => edited((view) => view.setUint32(HEADER_AT() - 12, 4, true)),
    "a section twice": () => edited((view) => view.setUint32(HEADER_AT() - 12, 2, true)),
    "a section beyond the end": () => edited((view) => view.setBigUint64(16, 1n << 62n, true)),
    "bytes after the last section": () => Buffer.concat([bytesOf(), Uint8Array.of(0)]),
    "a short header": () =>
      edited((view) => {
        view.setBigUint64(HEADER_AT() - 8, 60n, true);
      }),
    "fewer wires than inputs and outputs": () => edited((view) => view.setUint32(HEADER_AT() + 36, 3, true)),
    "outputs beyond 2^32": () => edited((view) => view.setUint32(HEADER_AT() + 40, 0xffffffff, true)),
    "fewer labels than wires": () => edited((view) => view.setBigUint64(HEADER_AT() + 52, 4n, true)),
    "more constraints than bytes": () => edited((view) => view.setUint32(HEADER_AT() + 60, MAX_CONSTRAINTS, true)),
    "fewer constraints than bytes": () => edited((view) => view.setUint32(HEADER_AT() + 60, 1, true)),
    "a label out of range": () => edited((view) => view.setBigUint64(LABELS_AT() + 8, 1n << 40n, true)),
    "a combination longer than its section": () => edited((view) => view.setUint32(CONSTRAINTS_AT, 0xffffffff, true)),
    "a wire out of range": () => edited((view) => view.setUint32(CONSTRAINTS_AT + 4, 5, true)),
    "a wire twice in one combination": () => edited((view) => view.setUint32(CONSTRAINTS_AT + WIDE_ROW, 4, true)),
    "a coefficient of 0": () => edited((_, bytes) => bytes.fill(0, CONSTRAINTS_AT + 8, CONSTRAINTS_AT + 40)),
    "a coefficient of r": () => edited((_, bytes) => bytes.set(bigintsToLittle(FIELD), CONSTRAINTS_AT + 8)),
    "a coefficient of 2^256 - 1": () => edited((_, bytes) => bytes.fill(255, CONSTRAINTS_AT + 8, CONSTRAINTS_AT + 40)),
  };
  for (const [what, file] of Object.entries(malformedFiles))
    it(`error: FILE_MALFORMED for ${what}`, () => expectError(() => readR1cs(file()), "FILE_MALFORMED"));

  it("error: FILE_MALFORMED at every truncation", () => {
    const bytes = bytesOf();
    for (let length = 0; length < bytes.length; length++)
      expectError(() => readR1cs(bytes.subarray(0, length)), "FILE_MALFORMED");
  });

  it("behavior: no single changed byte is read as another circuit under the old hash, and none crashes", () => {
    const bytes = bytesOf();
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1, 0x80]) {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        try {
          const read = readR1cs(changed);
          // What is not part of the circuit is the label map alone.
          if (at < LABELS_AT() && !(at >= HEADER_AT() + 52 && at < HEADER_AT() + 60))
            expect(hashR1cs(read)).to.not.equal(hashR1cs(sample()));
        } catch (error) {
          expectError(() => {
            throw error;
          }, /^(FILE_MALFORMED|FILE_TOO_LARGE|FIELD_WRONG)$/);
        }
      }
  });

  it("error: FIELD_WRONG for another prime or element size", () => {
    expectError(() => readR1cs(edited((view) => view.setUint8(HEADER_AT() + 4, 2))), "FIELD_WRONG");
    expectError(() => readR1cs(edited((view) => view.setUint32(HEADER_AT(), 8, true))), "FIELD_WRONG");
  });

  it("error: FILE_TOO_LARGE before anything is allocated", () => {
    expectError(
      () => readR1cs(edited((view) => view.setUint32(HEADER_AT() + 60, MAX_CONSTRAINTS + 1, true))),
      "FILE_TOO_LARGE",
    );
    expectError(
      () => readR1cs(edited((view) => view.setUint32(HEADER_AT() + 36, MAX_WIRES + 1, true))),
      "FILE_TOO_LARGE",
    );
  });
});

const bigintsToLittle = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

describe("constant pool", () => {
  it("behavior: equal values share an id through growth", () => {
    const pool = new ConstantPool();
    const values = Array.from({ length: 5000 }, (_, i) => (BigInt(i) * 0x123456789abcdef0123456789n) % FIELD);
    const ids = values.map((value) => pool.idOf(value));
    expect(new Set(ids).size).to.equal(5000);
    expect(values.map((value) => pool.idOf(value))).to.deep.equal(ids);
    expect(pool.constants).to.deep.equal(values);
  });
});

describe(".wtns files", () => {
  const values = () => bigintsToValues(witnessOf(5n, 7n));

  it("default: written and read back, negatives reduced", () => {
    expect(readWtns(writeWtns(values()))).to.deep.equal(values());
    expect(valuesToBigints(values())[1]).to.equal(FIELD + 75n - 27n * 7n);
  });

  it("error: FILE_MALFORMED for truncation, surplus, unreduced values, wire 0 not 1", () => {
    const bytes = writeWtns(values());
    for (let length = 0; length < bytes.length; length++)
      expectError(() => readWtns(bytes.subarray(0, length)), "FILE_MALFORMED");
    expectError(() => readWtns(Buffer.concat([bytes, Uint8Array.of(0)])), "FILE_MALFORMED");
    const unreduced = bytes.slice();
    unreduced.set(bigintsToLittle(FIELD + 5n), unreduced.length - 64);
    expectError(() => readWtns(unreduced), "FILE_MALFORMED");
    const noOne = values();
    noOne[0] = 2;
    expectError(() => readWtns(writeWtns(noOne)), "FILE_MALFORMED");
    const claimsMore = bytes.slice();
    claimsMore[24 + 36] = 9;
    expectError(() => readWtns(claimsMore), "FILE_MALFORMED");
  });

  it("error: FIELD_WRONG, FILE_TOO_LARGE", () => {
    const bytes = writeWtns(values());
    bytes[28] = 3;
    expectError(() => readWtns(bytes), "FIELD_WRONG");
    const large = writeWtns(values());
    new DataView(large.buffer).setUint32(24 + 36, MAX_WIRES + 1, true);
    expectError(() => readWtns(large), "FILE_TOO_LARGE");
  });
});

describe("constraint checker", () => {
  it("default: accepts a witness, names the first violated row", () => {
    const r1cs = sample();
    checkWitness(r1cs, witnessOf(5n, 7n));
    checkWitness(r1cs, bigintsToValues(witnessOf(FIELD - 3n, 123456789n)));
    const bad = witnessOf(5n, 7n);
    bad[1] = (bad[1] ?? 0n) + 1n;
    expect(firstViolation(r1cs, bad)).to.equal(1);
    expectError(() => checkWitness(r1cs, bad), "CONSTRAINT_VIOLATED", { row: 1 });
    bad[4] = 26n;
    expect(firstViolation(r1cs, bigintsToValues(bad))).to.equal(0);
  });

  it("error: FILE_MALFORMED for a witness of another length or without 1", () => {
    expectError(() => checkWitness(sample(), witnessOf(5n, 7n).slice(1)), "FILE_MALFORMED");
    expectError(() => checkWitness(sample(), [2n, ...witnessOf(5n, 7n).slice(1)]), "FILE_MALFORMED");
  });
});

describe(".sym files", () => {
  const read = (text: string) => readSym(new TextEncoder().encode(text));

  it("default: names to wires, aliases kept, eliminated signals left out", () => {
    const { wireOf, nameOf } = read("1,1,1,main.v\n2,-1,0,main.r.a[0]\n3,2,0,main.x[0][1]\n4,2,0,main.r2_y\n");
    expect([...wireOf]).to.deep.equal([
      ["main.v", 1],
      ["main.x[0][1]", 2],
      ["main.r2_y", 2],
    ]);
    expect(nameOf.get(2)).to.equal("main.x[0][1]");
  });

  it("error: FILE_MALFORMED for lines that are not label,wire,component,name", () => {
    for (const text of [
      "1,1,1\n",
      "1,-2,1,main.v\n",
      "1,0,1,main.v\n",
      "x,1,1,main.v\n",
      "1,1,1,main v\n",
      "1,01,1,a\n",
    ])
      expectError(() => read(text), "FILE_MALFORMED");
    expectError(() => read("1,1,1,main.v\n2,2,1,main.v\n"), "FILE_MALFORMED");
    expectError(() => readSym(Uint8Array.of(0xff, 0xfe)), "FILE_MALFORMED");
  });
});
