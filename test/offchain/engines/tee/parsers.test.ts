// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { concatBytes } from "../../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import { readCbor, readCborPrefix } from "../../../../offchain/engines/tee/bytes/cbor.ts";
import { readCertificate } from "../../../../offchain/engines/tee/bytes/certificate.ts";
import { readCrl } from "../../../../offchain/engines/tee/bytes/crl.ts";
import { derBits, derBoolean, derOid, derSequence, derSmall, derTime, derUnsigned, readDer, TAG } from "../../../../offchain/engines/tee/bytes/der.ts"; // prettier-ignore
import { readPem } from "../../../../offchain/engines/tee/bytes/pem.ts";
import { parseQuote } from "../../../../offchain/engines/tee/dcap/parse.ts";
import { parseNitro } from "../../../../offchain/engines/tee/nitro/parse.ts";
import { parseGpu } from "../../../../offchain/engines/tee/nvidia/parse.ts";
import { parseSnp } from "../../../../offchain/engines/tee/snp/parse.ts";
import { expectError } from "../../../support/expect-error.ts";
import { Prng } from "../../../support/prng.ts";
import { REPORT, simulated } from "../../../support/tee/simulated.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const value = (text: string, tag: number) => readDer(hex(text), tag);

/** Changed, cut, repeated and inserted bytes; lengths are what parsers trip over, so heads are hit more often. */
function mutate(bytes: Uint8Array, rng: Prng): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let n = rng.int(1, 3); n > 0 && out.length > 0; n--) {
    const at = rng.int(0, (rng.chance(0.5) ? Math.min(64, out.length) : out.length) - 1);
    const kind = rng.int(0, 5);
    if (kind < 3) out[at] = rng.pick([0, 0x7f, 0x80, 0xff, rng.int(0, 255)]);
    else if (kind === 5) out = out.slice(0, at + 1);
    else {
      // Left out, or twice.
      const next = kind === 3 ? at + rng.int(1, 8) : Math.max(0, at - rng.int(1, 8));
      out = concatBytes(out.subarray(0, at), out.subarray(next));
    }
  }
  return out;
}

/** Counts refusals; anything but a typed refusal of this module is a crash. */
function fuzz(seed: Uint8Array, parse: (bytes: Uint8Array) => unknown, rounds: number): number {
  const rng = new Prng(rounds + seed.length);
  let refused = 0;
  for (let i = 0; i < rounds; i++)
    try {
      parse(mutate(seed, rng));
    } catch (error) {
      if (!isAssayError(error) || error.module !== "tee") throw error;
      refused++;
    }
  return refused;
}

describe("strict readers", () => {
  it("error: DER for anything but the one encoding of a value", () => {
    const bad: [string, (() => unknown)[]][] = [
      ["lengths", ["30", "3080", "308000", "30810100", "3081 7f", "3082 0001 00", "3084 00000001 00", "3003 0201", "3000 00", "1f8100 00"].map((text) => () => value(text, TAG.sequence))],
      ["containers", ["3003 020201", "3002 0402"].map((text) => () => derSequence(value(text, TAG.sequence)))],
      ["integers", ["0200", "0202 0001", "0201 80", "0201 ff"].map((text) => () => derUnsigned(value(text, TAG.integer)))],
      ["small integers", [() => derSmall(value("0201 08", TAG.integer), 7), () => derSmall(value("0206 010000000000", TAG.integer), 7)]],
      ["booleans", ["0100", "0101 01", "0102 ffff"].map((text) => () => derBoolean(value(text, TAG.boolean)))],
      ["identifiers", ["0600", "0601 80", "0602 8001", "0603 2a8001", "0602 2a86"].map((text) => () => derOid(value(text, TAG.oid)))],
      ["bit strings", ["0300", "0301 01", "0302 0880", "0302 0401"].map((text) => () => derBits(value(text, TAG.bitString)))],
      ["times", ["2601010000Z", "260101000000", "261301000000Z", "260230000000Z", "260101250000Z", "26010100006 Z"].map((text) => () => derTime(value(`17${(text.length).toString(16).padStart(2, "0")}${Buffer.from(text).toString("hex")}`, TAG.utcTime)))],
      ["early generalised times", [() => derTime(value(`180f${Buffer.from("20260101000000Z").toString("hex")}`, TAG.generalizedTime))]],
      ["tags", [() => value("0400", TAG.sequence), () => derTime(undefined), () => derUnsigned(undefined)]],
    ]; // prettier-ignore
    for (const [, attempts] of bad) for (const attempt of attempts) expectError(attempt, "DER");
  });

  it("behavior: DER numbers and times", () => {
    expect(derSmall(value("0202 00ff", TAG.integer), 255)).to.equal(255);
    expect(derUnsigned(value("0201 00", TAG.integer))).to.deep.equal(Uint8Array.of(0));
    const time = (tag: string, text: string) => derTime(value(`${tag}${text.length.toString(16).padStart(2, "0")}${Buffer.from(text).toString("hex")}`, Number.parseInt(tag, 16))); // prettier-ignore
    expect(time("17", "500101000000Z")).to.equal(BigInt(Date.UTC(1950, 0, 1) / 1000));
    expect(time("17", "491231235959Z")).to.equal(BigInt(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000));
    expect(time("18", "99991231235959Z")).to.equal(BigInt(Date.UTC(9999, 11, 31, 23, 59, 59) / 1000));
  });

  it("error: CBOR for indefinite, long, tagged, repeated, deep and truncated items", () => {
    const bad = ["", "1800", "1817", "190017", "1a0000ffff", "1b00000000ffffffff", "1c", "5f4100ff", "7f6161ff", "9f00ff", "bf0000ff", "c000", "f97e00", "f7", "e0", "5803aabb", "a20000 0000", "a1f600", "62c328", "0000", "9affffffff", "5bffffffffffffffff", "8181818181818100"]; // prettier-ignore
    for (const text of bad) expectError(() => readCbor(hex(text)), "CBOR");
    for (const text of ["bf00", "bf0000", "bf0000ff00", "bf00bfff ff", "bf00000000ff"])
      expectError(() => readCbor(hex(text), true), "CBOR");
    expectError(() => readCbor(Uint8Array.from([0x99, 0x04, 0x01, ...new Uint8Array(1025)])), "CBOR");
  });

  it("behavior: CBOR values, prefixes and an open outer map", () => {
    expect(readCbor(hex("84 1818 20 f5 f6"))).to.deep.equal([24n, -1n, true, null]);
    expect(readCborPrefix(hex("4101 ffff")).used).to.equal(2);
    expect(readCbor(hex("bf 01 4102 ff"), true)).to.deep.equal(new Map([[1n, Uint8Array.of(2)]]));
  });

  it("error: PEM for text around blocks, broken lines, padding and size", () => {
    const good = simulated().intel.chain(["pck"]);
    expect(readPem(good)).to.have.length(1);
    expect(readPem(`${good.replaceAll("\n", "\r\n")}\0`)).to.deep.equal(readPem(good));
    const bad = [
      "",
      ` ${good}`,
      `${good}x`,
      `${good}\0\0`,
      good.replace("CERTIFICATE", "KEY"),
      good.replace("\nM", "\n M"),
      good.replace(/(\n.{10})(.)/, "$1\n$2"),
      good.replace(/\n-----END/, "=\n-----END"),
      good.replace(/.\n-----END/, "\n-----END"),
      good.repeat(9),
      `${good}${"\n".repeat(33_000)}`,
      "-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n",
    ];
    for (const text of bad) expectError(() => readPem(text), "PEM");
  });

  it("behavior: 100,000 mutated inputs are read or refused with a typed error, none crashes", () => {
    const platform = simulated();
    const collateral = platform.intel.collateral(true);
    const [pck, ca] = readPem(platform.intel.chain(["pck", "ca"]));
    if (pck === undefined || ca === undefined) expect.fail("no certificates");
    const issuer = readCertificate(ca);
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
    const chain = new Uint8Array(Buffer.from(platform.intel.chain(["ca"])));
    const cases: [number, Uint8Array, (bytes: Uint8Array) => unknown, number][] = [
      [25_000, pck, readCertificate, 0.75],
      [15_000, collateral.pckCrl, (bytes) => readCrl(bytes, issuer), 0.99],
      [10_000, chain, (bytes) => readPem(text(bytes)), 0.9],
      [15_000, platform.aws.document(REPORT), parseNitro, 0.25],
      [15_000, platform.intel.quote("dcap-tdx-v5", REPORT), (bytes) => parseQuote(bytes, "dcap-tdx-v5"), 0.3],
      [15_000, platform.nvidia.report(REPORT), parseGpu, 0.3],
      [5_000, platform.amd.report(REPORT), parseSnp, 0.2],
    ];
    expect(cases.reduce((sum, [rounds]) => sum + rounds, 0)).to.equal(100_000);
    for (const [rounds, seed, parse, share] of cases) expect(fuzz(seed, parse, rounds)).to.be.least(share * rounds);
  });
});
