// SPDX-License-Identifier: GPL-3.0-or-later
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { expect } from "chai";
import { readdirSync, rmSync, renameSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { Signature, recoverAddress } from "ethers";
import { fromHex, toHex } from "../../../../offchain/core/bytes.ts";
import { Secret } from "../../../../offchain/core/secret.ts";
import {
  createKeyRing,
  openKeyRing,
  operatorKeyPath,
  rotateSealKey,
} from "../../../../offchain/adapters/keys/key-ring.ts";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const modules = { crypto: nodeCrypto };
/** Hardhat's first account. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const options = (folder = temporaryFolder()) => ({ folder, password: new Secret("correct horse"), development: true });
const made = async (folder = temporaryFolder()) => {
  await createKeyRing({ ...options(folder), operatorKey: new Secret(fromHex(KEY)) }, modules);
  return options(folder);
};

describe("key ring", () => {
  it("default: R72: operator, transport and seal keys apart", async () => {
    const where = await made();
    expect(readdirSync(where.folder).toSorted()).to.deep.equal([
      "dev-operator.json",
      "dev-seal-1.json",
      "dev-transport.json",
    ]);
    const ring = await openKeyRing(where, modules);
    expect(ring.operator.address).to.equal(ADDRESS);
    expect(ring.transport.id).to.match(/^0x[0-9a-f]{64}$/);
    expect(ring.sealKeys).to.have.length(1);
    expect(operatorKeyPath(where)).to.equal(join(where.folder, "dev-operator.json"));
    ring.close();
  });

  it("behavior: signatures are EIP-2098, low-s, deterministic, and recover to the address", async () => {
    const ring = await openKeyRing(await made(), modules);
    for (let i = 0; i < 40; i++) {
      const digest = nodeCrypto.sha256(new Uint8Array([i]));
      const compact = ring.operator.signDigest(digest);
      expect(compact).to.have.length(64);
      const signature = Signature.from(toHex(compact));
      expect(recoverAddress(toHex(digest), signature).toLowerCase()).to.equal(ADDRESS);
      const s = BigInt(signature.s);
      expect(s <= secp256k1.Point.Fn.ORDER / 2n).to.equal(true);
      expect(ring.operator.signDigest(digest)).to.deep.equal(compact);
    }
  });

  it("behavior: the transport identity signs Ed25519", async () => {
    const ring = await openKeyRing(await made(), modules);
    const message = new Uint8Array([1, 2, 3]);
    expect(ed25519.verify(ring.transport.sign(message), message, fromHex(ring.transport.id))).to.equal(true);
  });

  it("behavior: seal keys agree with their public keys; a new one comes first and the old one stays", async () => {
    const where = await made();
    expect(await rotateSealKey(where, modules)).to.equal(2);
    const ring = await openKeyRing(where, modules);
    expect(ring.sealKeys).to.have.length(2);
    for (const pair of ring.sealKeys) {
      expect(pair.use((key) => nodeCrypto.x25519PublicKey(key))).to.deep.equal(pair.publicKey);
    }
    const before = ring.sealKeys[0]?.publicKey;
    await rotateSealKey(where, modules);
    const again = await openKeyRing(where, modules);
    expect(again.sealKeys[1]?.publicKey).to.deep.equal(before);
  });

  it("behavior: prf is the same after a restart and depends on worker, label and input, without ambiguity", async () => {
    const where = await made();
    const other = options();
    await createKeyRing(other, modules);
    const [ring, again, stranger] = [
      await openKeyRing(where, modules),
      await openKeyRing(where, modules),
      await openKeyRing(other, modules),
    ];
    const input = new Uint8Array([1]);
    const value = ring.prf("commit", input);
    expect(value).to.have.length(32);
    expect(again.prf("commit", input)).to.deep.equal(value);
    const others = [
      stranger.prf("commit", input),
      ring.prf("commi", new Uint8Array([0x74, 1])),
      ring.prf("reveal", input),
      ring.prf("commit", new Uint8Array([1, 0])),
    ];
    for (const one of others) expect(one).not.to.deep.equal(value);
  });

  it("behavior: the column cipher opens its own rows only", async () => {
    const where = await made();
    const cipher = (await openKeyRing(where, modules)).columnCipher;
    const again = (await openKeyRing(where, modules)).columnCipher;
    const plain = new Uint8Array(Buffer.from("canary salt"));
    const sealed = cipher.seal(plain, "row/1");
    expect(Buffer.from(sealed).includes("canary")).to.equal(false);
    expect(cipher.seal(plain, "row/1"), "fresh every time").not.to.deep.equal(sealed);
    expect(again.open(sealed, "row/1")).to.deep.equal(plain);
    await expectCode("COLUMN_ALTERED", () => again.open(sealed, "row/2"));
    for (let i = 0; i < sealed.length; i++) {
      const altered = sealed.slice();
      altered[i] = (altered[i] ?? 0) ^ 1;
      await expectCode("COLUMN_ALTERED", () => again.open(altered, "row/1"));
      await expectCode("COLUMN_ALTERED", () => again.open(sealed.subarray(0, i), "row/1"));
    }
  });

  it("R73: canary: nothing of a ring prints a key", async () => {
    const ring = await openKeyRing(await made(), modules);
    for (const text of [
      inspect(ring, { depth: 9, showHidden: true }),
      JSON.stringify(ring),
      inspect(ring.operator, { showHidden: true }),
      inspect(ring.sealKeys, { depth: 9 }),
    ]) {
      expect(text).not.to.include(KEY.slice(2)).and.not.to.include(fromHex(KEY).slice(0, 6).join(", "));
    }
  });

  it("error: KEYS_CLOSED", async () => {
    const ring = await openKeyRing(await made(), modules);
    const { operator, sealKeys } = ring;
    ring.close();
    await expectCode("KEYS_CLOSED", () => ring.operator);
    await expectCode("KEYS_CLOSED", () => ring.transport);
    await expectCode("KEYS_CLOSED", () => ring.sealKeys);
    await expectCode("KEYS_CLOSED", () => ring.prf("x", new Uint8Array(1)));
    await expectCode("KEYS_CLOSED", () => operator.signDigest(new Uint8Array(32)));
    await expectCode("KEYS_CLOSED", () => sealKeys[0]?.use((key) => key));
  });

  it("error: DIGEST_INVALID: nothing but 32 bytes is signed", async () => {
    const ring = await openKeyRing(await made(), modules);
    for (const digest of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0), "0x" as unknown as Uint8Array]) {
      await expectCode("DIGEST_INVALID", () => ring.operator.signDigest(digest));
    }
  });

  it("error: KEY_MISSING names the first missing file; KEY_PURPOSE a swapped one", async () => {
    await expectCode("KEY_MISSING", () => openKeyRing(options(), modules));
    const where = await made();
    rmSync(join(where.folder, "dev-seal-1.json"));
    await expectCode("KEY_MISSING", () => openKeyRing(where, modules));
    renameSync(join(where.folder, "dev-transport.json"), join(where.folder, "dev-seal-1.json"));
    await expectCode("KEY_MISSING", () => openKeyRing(where, modules));
    const other = await made();
    rmSync(join(other.folder, "dev-seal-1.json"));
    renameSync(join(other.folder, "dev-transport.json"), join(other.folder, "dev-seal-1.json"));
    renameSync(join(where.folder, "dev-operator.json"), join(other.folder, "dev-transport.json"));
    await expectCode("KEY_PURPOSE", () => openKeyRing(other, modules));
  });

  it("error: KEY_EXISTS: creating twice leaves the first ring", async () => {
    const where = await made();
    await expectCode("KEY_EXISTS", () => createKeyRing(where, modules));
    expect((await openKeyRing(where, modules)).operator.address).to.equal(ADDRESS);
  });
});
