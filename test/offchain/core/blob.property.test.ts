// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import {
  assertPart,
  cidOf,
  decodeIndex,
  encodeIndex,
  indexOf,
  joinBlob,
  MAX_BLOB_BYTES,
  parseCid,
  PART_BYTES,
  partDigest,
  splitBlob,
} from "../../../offchain/core/blob.ts";
import { utf8 } from "../../../offchain/core/bytes.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { expectCode } from "../../support/expect-code.ts";

describe("blob", () => {
  it("default: R66 a name that IPFS tools know, and its one spelling", async () => {
    // `echo -n hello | ipfs add --cid-version=1 --raw-leaves`
    const name = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";
    expect(cidOf(partDigest(utf8("hello")))).to.equal(name);
    expect(parseCid(name)).to.equal(partDigest(utf8("hello")));
    const others = [
      name.toUpperCase(),
      `${name}x`,
      "",
      "QmWATWQ7fVPP2EFGu71UkfnqhYXDYH566qy47CnJDgvs8u",
      name.replace("bafkrei", "bafybei"),
    ];
    for (const other of others) await expectCode("BLOB_INVALID", () => parseCid(other));
  });

  it("behavior: R66 split and join, with and without index", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 64 }), (bytes, partSize) => {
        const { root, parts } = splitBlob(bytes, partSize);
        const [first, ...rest] = parts;
        if (first === undefined) throw new TypeError("no parts");
        expect(first.digest).to.equal(root);
        const index = indexOf(assertPart(first.bytes, root));
        const joined =
          index === null
            ? first.bytes
            : joinBlob(
                index,
                rest.map((part) => part.bytes),
              );
        expect(joined).to.deep.equal(bytes);
      }),
    );
  });

  it("behavior: bytes that look like an index are not mistaken for one", () => {
    const bytes = encodeIndex({ size: 3n, partSize: 2, parts: [partDigest(utf8("a")), partDigest(utf8("b"))] });
    const { parts } = splitBlob(bytes);
    expect(parts.length).to.equal(2);
    const index = indexOf(parts[0]?.bytes ?? bytes);
    expect(index && joinBlob(index, [bytes])).to.deep.equal(bytes);
  });

  it("behavior: hostile indexes fail by a typed error and are otherwise canonical", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (noise) => {
        const bytes = Uint8Array.of(...utf8("ASI1"), 1, ...noise);
        try {
          expect(encodeIndex(decodeIndex(bytes))).to.deep.equal(bytes);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("error: BLOB_DIGEST, BLOB_INVALID, TOO_LARGE, BYTES_TRAILING, BYTES_TRUNCATED, VERSION_UNKNOWN", async () => {
    const { parts } = splitBlob(utf8("abcdef"), 4);
    const [head, one, two] = parts.map((part) => part.bytes);
    if (!head || !one || !two) throw new TypeError("fixture");
    const index = decodeIndex(head);
    await expectCode("BLOB_DIGEST", () => assertPart(one, partDigest(two)));
    await expectCode("BLOB_DIGEST", () => joinBlob(index, [utf8("abcx"), two]));
    await expectCode("BLOB_INVALID", () => joinBlob(index, [one]));
    await expectCode("BLOB_INVALID", () => joinBlob(index, [two, one]));
    await expectCode("BLOB_INVALID", () => decodeIndex(head.with(0, 0)));
    await expectCode("BLOB_INVALID", () => decodeIndex(new Uint8Array(PART_BYTES + 1)));
    await expectCode("BLOB_INVALID", () => encodeIndex({ size: 0n, partSize: 1, parts: [] }));
    await expectCode("BLOB_INVALID", () =>
      encodeIndex({ size: 1n, partSize: PART_BYTES + 1, parts: [partDigest(one)] }),
    );
    await expectCode("BYTES_TRAILING", () => decodeIndex(Uint8Array.of(...head, 0)));
    await expectCode("BYTES_TRUNCATED", () => decodeIndex(head.subarray(0, -1)));
    await expectCode("VERSION_UNKNOWN", () => decodeIndex(head.with(4, 2)));
    await expectCode("TOO_LARGE", () => decodeIndex(head, 5));
    await expectCode("TOO_LARGE", () => splitBlob(new Uint8Array(MAX_BLOB_BYTES + 1)));
  });
});
