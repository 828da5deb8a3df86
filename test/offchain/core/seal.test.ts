// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import fc from "fast-check";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { fromHex, toHex, utf8 } from "../../../offchain/core/bytes.ts";
import type { CryptoPort } from "../../../offchain/core/crypto-port.ts";
import { isAssayError } from "../../../offchain/core/errors.ts";
import { hpkeOpen, hpkeSeal } from "../../../offchain/core/hpke.ts";
import {
  CHUNK_BYTES,
  openSealedBlob,
  readSealedHeader,
  sealBlob,
  sealContext,
  sealRecipients,
} from "../../../offchain/core/seal.ts";
import { bytesOf, repeatableCrypto } from "../../support/deterministic.ts";
import { expectCode } from "../../support/expect-code.ts";
import { DEPLOYMENT, hashOf, signerOf } from "../../support/sample-receipt.ts";

/** RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode, sequence number 0. */
const RFC = {
  info: "0x4f6465206f6e2061204772656369616e2055726e",
  skEm: "0xf4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
  enc: "0x1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
  pkRm: "0x4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
  skRm: "0x8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
  aad: "0x436f756e742d30",
  pt: "0x4265617574792069732074727574682c20747275746820626561757479",
  ct: "0x1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
} as const;

describe("hpke", () => {
  const fixed: CryptoPort = {
    ...nodeCrypto,
    generateX25519: () => ({
      privateKey: fromHex(RFC.skEm),
      publicKey: nodeCrypto.x25519PublicKey(fromHex(RFC.skEm)),
    }),
  };

  it("default: R66 the vectors of RFC 9180 A.2.1", () => {
    const made = hpkeSeal(fixed, fromHex(RFC.pkRm), fromHex(RFC.info), fromHex(RFC.aad), fromHex(RFC.pt));
    expect(toHex(made.enc)).to.equal(RFC.enc);
    expect(toHex(made.sealed)).to.equal(RFC.ct);
    const opened = hpkeOpen(nodeCrypto, fromHex(RFC.skRm), fromHex(RFC.info), fromHex(RFC.aad), made);
    expect(toHex(opened ?? new Uint8Array())).to.equal(RFC.pt);
  });

  it("behavior: another key, info, aad or ciphertext gives null", () => {
    const made = hpkeSeal(fixed, fromHex(RFC.pkRm), fromHex(RFC.info), fromHex(RFC.aad), fromHex(RFC.pt));
    const [key, info, aad] = [fromHex(RFC.skRm), fromHex(RFC.info), fromHex(RFC.aad)];
    expect(hpkeOpen(nodeCrypto, bytesOf("other"), info, aad, made)).to.equal(null);
    expect(hpkeOpen(nodeCrypto, key, aad, aad, made)).to.equal(null);
    expect(hpkeOpen(nodeCrypto, key, info, info, made)).to.equal(null);
    expect(hpkeOpen(nodeCrypto, key, info, aad, { ...made, sealed: made.sealed.subarray(1) })).to.equal(null);
  });

  it("error: KEY_EXCHANGE for low-order points, by ports that throw and ports that return zero", async () => {
    const zero: CryptoPort = { ...nodeCrypto, x25519: () => new Uint8Array(32) };
    const one = new Uint8Array(32).with(0, 1);
    for (const [port, point] of [
      [nodeCrypto, new Uint8Array(32)],
      [nodeCrypto, one],
      [zero, bytesOf("point")],
    ] as const) {
      await expectCode("KEY_EXCHANGE", () => hpkeSeal(port, point, utf8(""), utf8(""), utf8("x")));
      await expectCode("KEY_EXCHANGE", () =>
        hpkeOpen(port, bytesOf("key"), utf8(""), utf8(""), { enc: point, sealed: new Uint8Array(48) }),
      );
    }
  });
});

describe("sealBlob", () => {
  const scope = { ...DEPLOYMENT, jobId: hashOf("job"), boundary: 0xffff, lane: 0, sender: signerOf(1) };
  const context = sealContext(scope);
  const keys = ["a", "b", "c"].map((name) => nodeCrypto.x25519PublicKey(bytesOf(name)));
  const open = (blob: Uint8Array, name = "a", expected = context, maxBytes = 1 << 24) =>
    openSealedBlob(nodeCrypto, blob, { context: expected, privateKey: bytesOf(name), maxBytes });
  const seal = (plain: Uint8Array, recipients = keys) => sealBlob(nodeCrypto, { context, recipients, plain });

  it("default: R66 every recipient opens it, at every chunk border", () => {
    for (const length of [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]) {
      const plain = Uint8Array.from({ length }, (_, i) => i & 255);
      const blob = seal(plain);
      expect(readSealedHeader(blob).plainBytes).to.equal(length);
      for (const name of ["a", "b", "c"]) expect(open(blob, name)).to.deep.equal(plain);
    }
  });

  it("behavior: R75 a seat's unusable or borrowed key does not spoil the blob of its co-seats", () => {
    const lowOrder = toHex(new Uint8Array(32));
    const [mine = new Uint8Array(32), other = new Uint8Array(32)] = keys;
    const borrowed = toHex(mine).toUpperCase().replace("0X", "0x") as `0x${string}`;
    const recipients = sealRecipients(nodeCrypto, [toHex(mine), lowOrder, borrowed, toHex(other)]);
    expect(recipients.map(toHex)).to.deep.equal([toHex(mine), toHex(other)]);
    expect(open(seal(utf8("input"), recipients))).to.deep.equal(utf8("input"));
    expect(sealRecipients(nodeCrypto, [lowOrder])).to.deep.equal([]);
  });

  it("behavior: R11 sealing twice gives nothing in common, and nothing of the plain text shows", () => {
    const plain = utf8("canary".repeat(20));
    const [first, second] = [seal(plain), seal(plain)];
    expect(toHex(first).includes(toHex(utf8("canary")).slice(2))).to.equal(false);
    expect(toHex(first.subarray(38 + 3 * 88))).to.not.equal(toHex(second.subarray(38 + 3 * 88)));
  });

  it("behavior: R66 every flipped byte and every truncation is refused by every recipient", () => {
    const blob = sealBlob(repeatableCrypto("flip"), { context, recipients: keys, plain: utf8("0123456789") });
    for (let at = 0; at < blob.length; at++)
      for (const name of ["a", "b"]) {
        const changed = blob.with(at, (blob[at] ?? 0) ^ (1 << (at % 8)));
        expect(() => open(changed, name), `byte ${at}, ${name}`)
          .to.throw()
          .that.satisfies(isAssayError);
      }
    for (let end = 0; end < blob.length; end++)
      expect(() => open(blob.subarray(0, end)), `end ${end}`)
        .to.throw()
        .that.satisfies(isAssayError);
  });

  it("behavior: R66 chunks cannot be swapped, dropped, repeated or cut at a border", async () => {
    const blob = seal(new Uint8Array(3 * CHUNK_BYTES).fill(7));
    const start = 38 + 3 * 88;
    const size = CHUNK_BYTES + 16;
    const chunk = (i: number) => blob.subarray(start + i * size, start + (i + 1) * size);
    const made = (...order: number[]) =>
      Uint8Array.from([...blob.subarray(0, start), ...order.flatMap((i) => [...chunk(i)])]);
    for (const order of [
      [1, 0, 2],
      [0, 2],
      [0, 1],
      [0, 0, 1, 2],
      [0, 1, 2, 2],
    ])
      await expectCode("SEALED_TAMPERED", () => open(made(...order)));
    await expectCode("SEALED_INVALID", () => open(made()));
  });

  it("behavior: R11 the context binds chain, hub, job, boundary, lane and sender", async () => {
    const blob = seal(utf8("x"));
    const others = [
      { ...scope, chainId: 1n },
      { ...scope, hub: signerOf(2) },
      { ...scope, jobId: hashOf("other") },
      { ...scope, boundary: 0 },
      { ...scope, lane: 1 },
      { ...scope, sender: signerOf(2) },
    ].map(sealContext);
    expect(new Set([context, ...others].map(toHex)).size).to.equal(7);
    for (const other of others) {
      await expectCode("SEALED_CONTEXT", () => open(blob, "a", other));
      const moved = blob.slice();
      moved.set(other, 6);
      await expectCode("SEALED_TAMPERED", () => open(moved, "a", other));
    }
  });

  it("behavior: hostile bytes fail by a typed error only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (noise, headed) => {
        const bytes = headed ? Uint8Array.of(...utf8("ASB1"), 1, 1, ...context, ...noise) : noise;
        try {
          open(bytes);
        } catch (error) {
          if (!isAssayError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("error: SEALED_NOT_FOR_US, SEALED_INVALID, TOO_LARGE, VERSION_UNKNOWN, NUMBER_OUT_OF_RANGE", async () => {
    const blob = seal(utf8("xyz"));
    await expectCode("SEALED_NOT_FOR_US", () => open(blob, "stranger"));
    await expectCode("TOO_LARGE", () => open(blob, "a", context, 2));
    await expectCode("VERSION_UNKNOWN", () => open(blob.with(4, 9)));
    await expectCode("SEALED_INVALID", () => open(blob.with(0, 0)));
    await expectCode("SEALED_INVALID", () => seal(utf8("x"), [...keys, ...keys]));
    await expectCode("NUMBER_OUT_OF_RANGE", () => seal(utf8("x"), []));
    await expectCode("NUMBER_OUT_OF_RANGE", () =>
      seal(
        utf8("x"),
        Array.from({ length: 32 }, (_, i) => bytesOf(`k${i}`)),
      ),
    );
  });
});
