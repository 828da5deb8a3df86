// SPDX-License-Identifier: GPL-3.0-or-later
import { x25519 } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { expect } from "chai";
import fc from "fast-check";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { expectCode } from "../../../support/expect-code.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const ascii = (text: string) => new Uint8Array(Buffer.from(text));
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("nodeCrypto", () => {
  it("default: R66: X25519, RFC 7748 section 6.1", () => {
    const alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const alicePublic = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    const bobPublic = hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    expect(nodeCrypto.x25519PublicKey(alice)).to.deep.equal(alicePublic);
    expect(nodeCrypto.x25519PublicKey(bob)).to.deep.equal(bobPublic);
    expect(nodeCrypto.x25519(alice, bobPublic)).to.deep.equal(shared);
    expect(nodeCrypto.x25519(bob, alicePublic)).to.deep.equal(shared);
  });

  it("behavior: ChaCha20-Poly1305, RFC 8439 section 2.8.2", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const nonce = hex("070000004041424344454647");
    const aad = hex("50515253c0c1c2c3c4c5c6c7");
    const plain = ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = nodeCrypto.chacha20Poly1305Seal(key, nonce, aad, plain);
    expect(sealed.subarray(0, 16)).to.deep.equal(hex("d31a8d34648e60db7b86afbc53ef7ec2"));
    expect(sealed.subarray(-16)).to.deep.equal(hex("1ae10b594f09e26a7e902ecbd0600691"));
    expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, sealed)).to.deep.equal(plain);
  });

  it("behavior: HMAC-SHA256, RFC 4231 case 2", () => {
    const tag = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect(nodeCrypto.hmacSha256(ascii("Jefe"), ascii("what do ya want for nothing?"))).to.deep.equal(tag);
  });

  it("behavior: agrees with an independent implementation", () => {
    fc.assert(
      fc.property(bytes32, bytes32, fc.uint8Array({ maxLength: 200 }), (a, b, message) => {
        expect(nodeCrypto.x25519(a, x25519.getPublicKey(b))).to.deep.equal(
          x25519.getSharedSecret(a, x25519.getPublicKey(b)),
        );
        expect(nodeCrypto.sha256(message)).to.deep.equal(sha256(message));
        expect(nodeCrypto.hmacSha256(a, message)).to.deep.equal(hmac(sha256, a, message));
      }),
      { numRuns: 40 },
    );
  });

  it("R66: any flipped bit, truncation, other nonce or other context opens to nothing", () => {
    const [key, nonce, aad] = [new Uint8Array(32).fill(7), new Uint8Array(12), ascii("row 1")];
    const sealed = nodeCrypto.chacha20Poly1305Seal(key, nonce, aad, ascii("hello"));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const altered = sealed.slice();
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, altered), `bit ${bit}`).to.equal(null);
    }
    for (let length = 0; length < sealed.length; length++) {
      expect(nodeCrypto.chacha20Poly1305Open(key, nonce, aad, sealed.subarray(0, length)), `length ${length}`).to.equal(
        null,
      );
    }
    expect(nodeCrypto.chacha20Poly1305Open(key, nonce, ascii("row 2"), sealed)).to.equal(null);
    expect(nodeCrypto.chacha20Poly1305Open(key, new Uint8Array(12).fill(1), aad, sealed)).to.equal(null);
    expect(nodeCrypto.chacha20Poly1305Open(new Uint8Array(32), nonce, aad, sealed)).to.equal(null);
  });

  it("behavior: a low-order public key gives no secret", () => {
    for (const point of [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 1 : 0))]) {
      expect(() => nodeCrypto.x25519(new Uint8Array(32).fill(9), point)).to.throw();
    }
  });

  it("error: CRYPTO_INPUT", async () => {
    const short = new Uint8Array(31);
    const ok = new Uint8Array(32);
    await expectCode("CRYPTO_INPUT", () => nodeCrypto.x25519PublicKey(short));
    await expectCode("CRYPTO_INPUT", () => nodeCrypto.x25519(short, ok));
    await expectCode("CRYPTO_INPUT", () => nodeCrypto.x25519(ok, new Uint8Array(33)));
    await expectCode("CRYPTO_INPUT", () => nodeCrypto.chacha20Poly1305Seal(short, new Uint8Array(12), short, short));
    await expectCode("CRYPTO_INPUT", () => nodeCrypto.chacha20Poly1305Open(ok, new Uint8Array(11), ok, ok));
  });
});
