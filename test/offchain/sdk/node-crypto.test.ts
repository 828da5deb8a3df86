// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { nodeCrypto as workers } from "../../../offchain/adapters/keys/node-crypto.ts";
import { CHUNK_BYTES, openSealedBlob, sealBlob } from "../../../offchain/core/seal.ts";
import { nodeCrypto } from "../../../offchain/sdk/node/node-crypto.ts";

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));

describe("nodeCrypto", () => {
  it("default: X25519 agrees with RFC 7748 section 5.2", () => {
    const scalar = bytes("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    const point = bytes("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    expect(nodeCrypto.x25519(scalar, point)).to.deep.equal(
      bytes("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"),
    );
    const pair = nodeCrypto.generateX25519();
    expect(nodeCrypto.x25519PublicKey(pair.privateKey)).to.deep.equal(pair.publicKey);
  });

  it("behavior: HMAC-SHA256 agrees with RFC 4231 case 2", () => {
    const mac = nodeCrypto.hmacSha256(
      new TextEncoder().encode("Jefe"),
      new TextEncoder().encode("what do ya want for nothing?"),
    );
    expect(mac).to.deep.equal(bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  });

  it("behavior: ChaCha20-Poly1305 agrees with RFC 8439 section 2.8.2", () => {
    const key = bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const nonce = bytes("070000004041424344454647");
    const aad = bytes("50515253c0c1c2c3c4c5c6c7");
    const plain = new TextEncoder().encode(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = nodeCrypto.chacha20Poly1305Seal(key, nonce, aad, plain);
    expect(sealed.slice(0, 16)).to.deep.equal(bytes("d31a8d34648e60db7b86afbc53ef7ec2"));
    expect(sealed.slice(-16)).to.deep.equal(bytes("1ae10b594f09e26a7e902ecbd0600691"));
    expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, sealed)).to.deep.equal(plain);
  });

  it("error: every altered byte, another nonce or AAD and truncation open as null", () => {
    const key = nodeCrypto.randomBytes(32);
    const nonce = nodeCrypto.randomBytes(12);
    const aad = new Uint8Array([1, 2]);
    const sealed = nodeCrypto.chacha20Poly1305Seal(key, nonce, aad, new Uint8Array([5, 6, 7]));
    for (let at = 0; at < sealed.length; at++) {
      const bad = sealed.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, bad), `byte ${at}`).to.equal(null);
    }
    expect(nodeCrypto.chacha20Poly1305Open(key, nonce, new Uint8Array([1]), sealed)).to.equal(null);
    expect(nodeCrypto.chacha20Poly1305Open(key, nodeCrypto.randomBytes(12), aad, sealed)).to.equal(null);
    expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, sealed.slice(0, 15))).to.equal(null);
  });

  it("behavior: R11 what it seals workers open, and what they seal it opens", () => {
    const context = nodeCrypto.randomBytes(32);
    for (const length of [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1]) {
      const plain = nodeCrypto.randomBytes(length);
      for (const [sender, receiver] of [
        [nodeCrypto, workers],
        [workers, nodeCrypto],
      ] as const) {
        const { privateKey, publicKey } = receiver.generateX25519();
        const sealed = sealBlob(sender, { context, recipients: [publicKey], plain });
        expect(openSealedBlob(receiver, sealed, { context, privateKey })).to.deep.equal(plain);
      }
    }
  });
});
