// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { ByteReader } from "../../../offchain/core/byte-reader.ts";
import { ByteWriter } from "../../../offchain/core/byte-writer.ts";
import {
  bigToBytes,
  bytesToBig,
  compareBytes,
  equalBytes,
  fromHex,
  fromUtf8,
  isHex,
  toHex,
  utf8,
} from "../../../offchain/core/bytes.ts";
import { expectCode } from "../../support/expect-code.ts";

describe("bytes", () => {
  it("default: fields come back as written", () => {
    const bytes = new ByteWriter()
      .u8(1)
      .bool(true)
      .u16le(0x1234)
      .u16be(0x1234)
      .u32le(0xfffffffe)
      .u32be(0xfffffffe)
      .u64le(2n ** 63n)
      .u64be(5n)
      .bytes(utf8("abc"))
      .string("é")
      .fixed("0x0102", 2)
      .finish();
    const reader = new ByteReader(bytes, "The sample");
    expect([reader.u8(), reader.bool(), reader.u16le(), reader.u16be()]).to.deep.equal([1, true, 0x1234, 0x1234]);
    expect([reader.u32le(), reader.u32be(), reader.u64le(), reader.u64be()]).to.deep.equal([
      0xfffffffe,
      0xfffffffe,
      2n ** 63n,
      5n,
    ]);
    expect([toHex(reader.bytes(3)), reader.string(2), reader.hex(2)]).to.deep.equal(["0x616263", "é", "0x0102"]);
    reader.end();
    expect(bytesToBig(bigToBytes(2n ** 255n + 3n, 32))).to.equal(2n ** 255n + 3n);
    expect(compareBytes(utf8("ab"), utf8("b"))).to.be.lessThan(0);
    expect(equalBytes(utf8("ab"), utf8("ab"))).to.equal(true);
    expect([isHex("0xAb"), isHex("0xa"), isHex("ab"), isHex("0x00", 2)]).to.deep.equal([true, false, false, false]);
  });

  it("default: numbers of every length, there and back, also out of the middle of other bytes", () => {
    for (let length = 0; length <= 80; length++) {
      const frame = Uint8Array.from({ length: length + 16 }, (_, i) => (i * 89 + length * 7 + 200) & 0xff);
      const bytes = frame.subarray(5, 5 + length);
      const value = bytesToBig(bytes);
      expect(value).to.equal(BigInt(`${toHex(bytes)}${length === 0 ? "0" : ""}`));
      expect(bigToBytes(value, length)).to.deep.equal(bytes);
      expect(bigToBytes(value, length + 3)).to.deep.equal(Uint8Array.from([0, 0, 0, ...bytes]));
      expect(bigToBytes(0n, length)).to.deep.equal(new Uint8Array(length));
      expect(bigToBytes((1n << BigInt(8 * length)) - 1n, length)).to.deep.equal(new Uint8Array(length).fill(255));
    }
  });

  it("error: NUMBER_OUT_OF_RANGE for what does not fit", async () => {
    for (const length of [0, 1, 7, 8, 9, 32]) {
      await expectCode("NUMBER_OUT_OF_RANGE", () => bigToBytes(1n << BigInt(8 * length), length));
      await expectCode("NUMBER_OUT_OF_RANGE", () => bigToBytes(-1n, length));
    }
  });

  it("error: HEX_INVALID", async () => {
    for (const wrong of ["", "00", "0x0", "0xzz", "0X00"]) await expectCode("HEX_INVALID", () => fromHex(wrong));
    await expectCode("HEX_INVALID", () => fromHex("0x00", 2));
  });

  it("error: BYTES_TRUNCATED, BYTES_TRAILING, TOO_LARGE, NOT_CANONICAL from a reader", async () => {
    const reader = () => new ByteReader(Uint8Array.of(2, 0, 0, 0), "The sample");
    await expectCode("BYTES_TRUNCATED", () => reader().raw(5));
    await expectCode("BYTES_TRUNCATED", () => reader().bytes(10));
    await expectCode("BYTES_TRUNCATED", () => reader().count(3, 10, 2));
    await expectCode("TOO_LARGE", () => reader().bytes(1));
    await expectCode("TOO_LARGE", () => reader().count(3, 2, 1));
    await expectCode("BYTES_TRAILING", () => reader().end());
    await expectCode("NOT_CANONICAL", () => reader().bool());
    await expectCode("NOT_CANONICAL", () => fromUtf8(Uint8Array.of(0xff)));
  });

  it("error: NUMBER_OUT_OF_RANGE, LENGTH_WRONG from a writer", async () => {
    await expectCode("NUMBER_OUT_OF_RANGE", () => new ByteWriter().u8(256));
    await expectCode("NUMBER_OUT_OF_RANGE", () => new ByteWriter().u16le(1.5));
    await expectCode("NUMBER_OUT_OF_RANGE", () => new ByteWriter().u64be(-1n));
    await expectCode("LENGTH_WRONG", () => new ByteWriter().fixed(new Uint8Array(3), 2));
  });
});
