// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { decodeAbi } from "../../../offchain/core/abi.ts";
import { bytesToBig, fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import { digestOf } from "../../../offchain/core/digest.ts";
import { merkleRoot, verifyMerkle } from "../../../offchain/core/merkle.ts";
import { poseidon } from "../../../offchain/core/poseidon.ts";
import { decodeReceipt, encodeReceipt, receiptHash } from "../../../offchain/core/receipt.ts";
import { openSealedBlob } from "../../../offchain/core/seal.ts";
import { decodeTensor, encodeTensor } from "../../../offchain/core/tensor.ts";
import { verifyReceipt } from "../../../offchain/core/verify-receipt.ts";
import { expectCode } from "../../support/expect-code.ts";
import { judgedReceipt } from "../../support/proven-receipt.ts";
import { refereedReceipt } from "../../support/refereed-receipt.ts";
import { BOARDED, sharedJob } from "../../support/shared-receipt.ts";

type Lists = Readonly<Record<string, readonly Hex[]>>;
const read = (name: string): Lists =>
  JSON.parse(readFileSync(new URL(`../../fixtures/vectors/canonical-${name}.json`, import.meta.url), "utf8")) as Lists;
const bytesOf = (list: readonly Hex[] | undefined, i: number): Uint8Array => fromHex(list?.[i] ?? "0x");

/** The files are frozen: what they hold must stay readable by later code. Solidity reads them in Canonical.t.sol. */
describe("golden vectors", () => {
  it("default: R68 receipts decode, encode to the same bytes, and are true", () => {
    const lists = read("receipt");
    expect(lists["receipts"]?.length).to.equal(5);
    for (const [i, hex] of (lists["receipts"] ?? []).entries()) {
      const receipt = decodeReceipt(fromHex(hex));
      expect(toHex(encodeReceipt(receipt))).to.equal(hex);
      expect(receiptHash(receipt)).to.equal(lists["receiptHashes"]?.[i]);
      expect(verifyReceipt(receipt).checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    }
  });
  it("default: R68 receipts of enclaves that shared a program keep their bytes, and are true", () => {
    const { shared = [], sharedHashes } = read("receipt");
    const made = [sharedJob(), sharedJob({ lost: 2, nonce: 8n }), sharedJob({ nonce: 9n, evidence: BOARDED })].map(({ receipt }) => receipt); // prettier-ignore
    expect(made.map((receipt) => toHex(encodeReceipt(receipt)))).to.deep.equal(shared);
    for (const [i, hex] of shared.entries()) {
      const receipt = decodeReceipt(fromHex(hex));
      expect([toHex(encodeReceipt(receipt)), receiptHash(receipt)]).to.deep.equal([hex, sharedHashes?.[i]]);
      expect(verifyReceipt(receipt).checks.filter(({ ok }) => !ok)).to.deep.equal([]);
    }
  });
  it("R68, attack: a receipt with a referee's games keeps its bytes; what its words do not show is not believed", async () => {
    const { games = [], gamesHashes } = read("receipt");
    expect(games.length).to.equal(1);
    const bytes = fromHex(games[0] ?? "0x");
    const receipt = decodeReceipt(bytes);
    expect(receipt).to.deep.equal(decodeReceipt(encodeReceipt(refereedReceipt())));
    expect([toHex(encodeReceipt(receipt)), receiptHash(receipt)]).to.deep.equal([games[0], gamesHashes?.[0]]);
    const failed = verifyReceipt(receipt, { recordHash: receipt.recordHash }).checks.filter(({ ok }) => !ok);
    expect(failed.map(({ name }) => name)).to.include("tallies");
    const [ruling] = receipt.refereed;
    if (ruling === undefined) return expect.fail("no ruling");
    const [game] = ruling.games;
    if (game === undefined) return expect.fail("no game");
    const many = { ...ruling, games: [{ ...game, steps: [...game.steps, ...game.steps] }] };
    for (const refereed of [[ruling, ruling], [{ ...ruling, tally: 0 }], [{ ...ruling, tally: 9 }], [many]])
      await expectCode("RECEIPT_INVALID", () => encodeReceipt({ ...receipt, refereed }));
    const { proofs } = judgedReceipt();
    await expectCode("RECEIPT_INVALID", () => encodeReceipt({ ...receipt, proofs }));
    for (const length of [5, 100, bytes.length - 32, bytes.length - 1])
      expect(() => decodeReceipt(bytes.slice(0, length)), `${length} bytes`).to.throw();
    await expectCode("VERSION_UNKNOWN", () => decodeReceipt(bytes.with(4, 5)));
    return undefined;
  });

  it("behavior: R49 tensors and their three digests", () => {
    const lists = read("digest");
    expect(lists["tensors"]?.length).to.equal(30);
    for (const [i, hex] of (lists["tensors"] ?? []).entries()) {
      const bytes = fromHex(hex);
      expect(toHex(encodeTensor(decodeTensor(bytes)))).to.equal(hex);
      expect(digestOf(0, bytes)).to.equal(lists["publicDigests"]?.[i]);
      expect(digestOf(1, bytes, bytesOf(lists["saltedSalts"], i))).to.equal(lists["saltedDigests"]?.[i]);
      expect(digestOf(2, bytes, bytesOf(lists["blindedSalts"], i))).to.equal(lists["blindedDigests"]?.[i]);
    }
  });

  it("behavior: R66 sealed blobs open with either key", () => {
    const lists = read("seal");
    const context = fromHex(String(lists["context"]));
    for (const [i, plain] of (lists["plains"] ?? []).entries())
      for (const key of lists["privateKeys"] ?? []) {
        const blob = bytesOf(lists["blobs"], i);
        expect(toHex(openSealedBlob(nodeCrypto, blob, { context, privateKey: fromHex(key) }))).to.equal(plain);
      }
  });

  it("behavior: Poseidon and Merkle", () => {
    const hashes = read("poseidon");
    for (const [i, input] of (hashes["inputs"] ?? []).entries()) {
      const words = Array.from({ length: i + 1 }, (_, at) =>
        bytesToBig(fromHex(input).subarray(32 * at, 32 * at + 32)),
      );
      expect(poseidon(words)).to.equal(bytesToBig(bytesOf(hashes["outputs"], i)));
    }
    const trees = read("merkle");
    for (const [i, hex] of (trees["leaves"] ?? []).entries()) {
      const [leaves] = decodeAbi([{ array: "bytes" }], fromHex(hex));
      const root = merkleRoot(leaves.map((leaf) => fromHex(leaf)));
      expect(toHex(root)).to.equal(trees["roots"]?.[i]);
      const index = Number(trees["indexes"]?.[i]);
      const joined = bytesOf(trees["siblings"], i);
      const siblings = Array.from({ length: joined.length / 32 }, (_, at) => joined.subarray(32 * at, 32 * at + 32));
      expect(verifyMerkle(root, bytesOf(leaves, index), { index, count: leaves.length, siblings })).to.equal(true);
    }
  });
});
