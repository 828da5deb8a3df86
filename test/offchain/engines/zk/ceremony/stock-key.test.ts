// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "../../../../../offchain/core/bytes.ts";
import { FIELD_Q } from "../../../../../offchain/core/zk/field.ts";
import { CURVE_G1, CURVE_G2, pointOfG1, pointOfG2 } from "../../../../../offchain/core/zk/points.ts";
import { firstBadG1, readG1Lem, readG2Lem } from "../../../../../offchain/engines/zk/ceremony/lem.ts";
import { parseStockKey } from "../../../../../offchain/engines/zk/ceremony/stock-key.ts";
import { lemOfG1, lemOfG2 } from "../../../../../offchain/engines/zk/keys/lem-points.ts";
import { readZkey, writeZkey } from "../../../../../offchain/engines/zk/keys/zkey-file.ts";
import { expectCode } from "../../../../support/expect-code.ts";
import { bytesOf, ceremonyFixture, type Fixture } from "./fixture.ts";

const points = [1n, 2n, 77n].map((n) => pointOfG1(CURVE_G1.BASE.multiply(n)));
const list = new Uint8Array([...points.flatMap((point) => [...lemOfG1(point)]), ...new Uint8Array(64)]);
const little = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));

describe("points of key files from strangers", () => {
  it("default: they come back, infinity included", () => {
    expect(points.map((_, i) => readG1Lem(list, 64 * i))).to.deep.equal(points);
    const g2 = pointOfG2(CURVE_G2.BASE.multiply(5n));
    expect(readG2Lem(lemOfG2(g2))).to.deep.equal(g2);
    expect(readG1Lem(list, 192)).to.deep.equal({ x: 0n, y: 0n });
    expect(firstBadG1(list)).to.equal(-1);
  });

  it("behavior: a coordinate at or above q, or a point off the curve, is found", () => {
    const raw = list.slice(64, 96).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    for (const [at, patch] of [
      [64, little(raw + FIELD_Q)],
      [96, little(FIELD_Q)],
      [64, little(0n)],
      [100, Uint8Array.of((list[100] ?? 0) ^ 1)],
      [64, new Uint8Array(64).fill(255)],
    ] as const) {
      const copy = list.slice();
      copy.set(patch, at);
      expect(firstBadG1(copy)).to.equal(1);
    }
    expect(readG1Lem(new Uint8Array(64).fill(255))).to.deep.equal({ x: FIELD_Q, y: FIELD_Q });
  });
});

describe("keys as snarkjs keeps them", function () {
  this.timeout(300_000);
  let fixture: Fixture;
  let bytes: Uint8Array;
  before(async () => {
    fixture = await ceremonyFixture();
    bytes = bytesOf(fixture.key, "key.zkey");
  });
  const refuse = (content: Uint8Array) => expectCode("FILE_MALFORMED", () => parseStockKey(content, "key.zkey"));

  it("default: contributions with snarkjs's own hashes", () => {
    const { contributions } = parseStockKey(bytes, "key.zkey");
    expect(contributions.map(({ kind, name }) => [kind, name])).to.deep.equal([
      ["person", "alice"],
      ["person", "bob"],
      ["beacon", "beacon"],
    ]);
    expect(contributions.map(({ hash }) => toHex(hash))).to.deep.equal(
      fixture.receipts.map(({ stockHash }) => stockHash),
    );
    expect(toHex(contributions[2]?.beacon ?? new Uint8Array())).to.equal(`0x${"ab".repeat(32)}`);
  });

  it("error: FILE_MALFORMED for truncated, prolonged and other files", async () => {
    for (const length of [0, 4, 12, 20, 100, 500, 1000, bytes.length - 1]) await refuse(bytes.slice(0, length));
    await refuse(new Uint8Array([...bytes, 0]));
    await refuse(bytesOf(fixture.key, "key.groups"));
  });

  it("error: FILE_MALFORMED for a transcript that is not snarkjs's", async () => {
    const zkey = readZkey(bytes);
    const at = 68 + 3 * 64 + 128 + 64; // type, length of parameters, tag, length of the name, name
    const changed = (offset: number, value: number): Uint8Array => {
      const transcript = zkey.transcript.slice();
      transcript[offset] = value;
      return writeZkey({ ...zkey, transcript });
    };
    for (const [offset, value] of [
      [64, 2], // number of contributions
      [64, 4],
      [67, 255],
      [at, 2], // type
      [at, 1], // a beacon without its parameters
      [at + 4, 6], // length of parameters
      [at + 4, 8],
      [at + 8, 2], // tag
      [at + 9, 4], // length of the name
      [at + 10, 0x0a],
    ] as const)
      await refuse(changed(offset, value));
    await refuse(writeZkey({ ...zkey, transcript: new Uint8Array([...zkey.transcript, 0]) }));
  });
});
