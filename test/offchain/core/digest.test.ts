// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { encodePacked, keccak256, toBytes, toHex as viemHex } from "viem";
import { toHex } from "../../../offchain/core/bytes.ts";
import { digestOf, joinDigest, stageInDigest } from "../../../offchain/core/digest.ts";
import { boundarySalt, INPUT_BOUNDARY, LANES } from "../../../offchain/core/salts.ts";
import { KIND_BLINDED, KIND_CIPHER, KIND_PUBLIC, KIND_SALTED, PRODUCER_INPUT } from "../../../offchain/core/types.ts";
import { bytesOf } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";
import { hashOf, sampleManifest } from "../../support/sample-receipt.ts";

describe("digest", () => {
  const bytes = Uint8Array.of(1, 2, 2, 1, 0, 0, 0);
  const domain = (name: string) => keccak256(toBytes(name));

  it("default: R49 PUBLIC and BLINDED are what Solidity's encodePacked gives", () => {
    const salt = bytesOf("salt");
    expect(digestOf(KIND_PUBLIC, bytes)).to.equal(
      keccak256(encodePacked(["bytes32", "bytes"], [domain("assay.v1.public"), viemHex(bytes)])),
    );
    expect(digestOf(KIND_BLINDED, bytes, salt)).to.equal(
      keccak256(
        encodePacked(["bytes32", "bytes32", "bytes"], [domain("assay.v1.blinded"), viemHex(salt), viemHex(bytes)]),
      ),
    );
  });

  it("behavior: R49 joins bind number, order, producer and kind", () => {
    const a = { producer: PRODUCER_INPUT, kind: KIND_PUBLIC, digest: hashOf("a") } as const;
    const b = { producer: 1, kind: KIND_BLINDED, digest: hashOf("b") } as const;
    expect(joinDigest([a, b])).to.equal(
      keccak256(
        encodePacked(
          ["string", "uint8", "uint16", "uint8", "bytes32", "uint16", "uint8", "bytes32"],
          ["assay.v1.join", 2, 0xffff, 0, a.digest, 1, 2, b.digest],
        ),
      ),
    );
    const others = [[a], [b, a], [a, b, b], [a, { ...b, kind: KIND_SALTED }], [a, { ...b, producer: 2 }]] as const;
    expect(new Set([[a, b], ...others].map(joinDigest)).size).to.equal(6);
  });

  it("behavior: R49 chain rule: one producer passes its digest on, several are joined, fan-out is allowed", () => {
    const [info] = sampleManifest(1).stages;
    if (info === undefined) throw new TypeError("fixture");
    const stages = [[PRODUCER_INPUT], [0], [0, 1, PRODUCER_INPUT]].map((producers) => ({ ...info, producers }));
    const boundaries = [hashOf("0"), hashOf("1")];
    expect(stageInDigest(stages, 0, hashOf("in"), boundaries)).to.equal(hashOf("in"));
    expect(stageInDigest(stages, 1, hashOf("in"), boundaries)).to.equal(hashOf("0"));
    expect(stageInDigest(stages, 2, hashOf("in"), boundaries)).to.equal(
      joinDigest([
        { producer: 0, kind: KIND_BLINDED, digest: hashOf("0") },
        { producer: 1, kind: KIND_BLINDED, digest: hashOf("1") },
        { producer: PRODUCER_INPUT, kind: KIND_PUBLIC, digest: hashOf("in") },
      ]),
    );
  });

  it("behavior: R34 two salts of one tensor are unlinkable; salts differ by boundary, lane and job", () => {
    const secret = bytesOf("job secret");
    const salts = [
      boundarySalt(secret, INPUT_BOUNDARY, KIND_BLINDED),
      boundarySalt(secret, 0, KIND_BLINDED),
      boundarySalt(secret, 0, KIND_BLINDED, LANES.A),
      boundarySalt(bytesOf("other"), 0, KIND_BLINDED),
    ].map((salt) => toHex(salt ?? new Uint8Array()));
    expect(new Set(salts).size).to.equal(4);
    expect(boundarySalt(secret, 0, KIND_SALTED)?.length).to.equal(31);
    expect(boundarySalt(secret, 0, KIND_PUBLIC)).to.equal(undefined);
    expect(digestOf(KIND_SALTED, bytes, bytesOf("a").subarray(1))).to.not.equal(
      digestOf(KIND_SALTED, bytes, bytesOf("b").subarray(1)),
    );
  });

  it("error: SALT_INVALID, DIGEST_KIND, LENGTH_WRONG", async () => {
    await expectCode("SALT_INVALID", () => digestOf(KIND_PUBLIC, bytes, bytesOf("s")));
    await expectCode("SALT_INVALID", () => digestOf(KIND_BLINDED, bytes));
    await expectCode("SALT_INVALID", () => digestOf(KIND_BLINDED, bytes, new Uint8Array(31)));
    await expectCode("SALT_INVALID", () => digestOf(KIND_SALTED, bytes, new Uint8Array(32)));
    await expectCode("DIGEST_KIND", () => digestOf(KIND_CIPHER, bytes));
    await expectCode("DIGEST_KIND", () => stageInDigest(sampleManifest(2).stages, 1, hashOf("in"), []));
    await expectCode("DIGEST_KIND", () => stageInDigest(sampleManifest(2).stages, 2, hashOf("in"), []));
    await expectCode("LENGTH_WRONG", () => boundarySalt(new Uint8Array(16), 0, KIND_BLINDED));
  });
});
