// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { isAssayError } from "../../../../offchain/core/errors.ts";
import type { Hex } from "../../../../offchain/core/bytes.ts";
import {
  decodeCipherParcel,
  encodeCipherParcel,
  isCipherParcel,
  MAX_STAGE_KEY_BYTES,
  type CipherParcel,
} from "../../../../offchain/core/she/cipher-parcel.ts";
import { ciphertextDigest, encodeCiphertext } from "../../../../offchain/core/she/ciphertext-tensor.ts";
import { cipherDigest } from "../../../../offchain/core/she/digest.ts";
import { portableHashes } from "../../../../offchain/core/she/hashes.ts";
import { encodeSheObject, type SheObject } from "../../../../offchain/core/she/object.ts";
import { cipherHeader } from "../../../../offchain/core/she/cipher-stage.ts";
import { sheProfile } from "../../../../offchain/core/she/profiles.ts";
import { encodeTensor } from "../../../../offchain/core/tensor.ts";
import { expectCode } from "../../../support/expect-code.ts";
import { Prng } from "../../../support/prng.ts";

const body = (byte: number): Hex => `0x${byte.toString(16).padStart(2, "0").repeat(32)}`;
const parcel: CipherParcel = {
  stage: 1,
  keyBodies: [body(1), body(2), body(3)],
  keys: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)],
  input: Uint8Array.of(9, 9),
};
const SIZES = { head: 4 + 1 + 2, list: 2 + 3 * 32 };

describe("parcel of an encrypted stage", () => {
  const good = encodeCipherParcel(parcel);

  it("R41: holds what one stage takes, in one encoding", () => {
    expect(decodeCipherParcel(good)).to.deep.equal(parcel);
    expect(isCipherParcel(good)).to.equal(true);
    expect(isCipherParcel(good.subarray(1))).to.equal(false);
    expect(isCipherParcel(Uint8Array.of(0x41))).to.equal(false);
    const later = { ...parcel, keys: [], input: new Uint8Array(0) };
    expect(decodeCipherParcel(encodeCipherParcel(later))).to.deep.equal(later);
  });

  it("error: refuses cut, trailing, oversized and second encodings", async () => {
    for (let length = 0; length < good.length; length++)
      await expectCode("BYTES_TRUNCATED", () => decodeCipherParcel(good.slice(0, length)));
    await expectCode("BYTES_TRAILING", () => decodeCipherParcel(Uint8Array.of(...good, 0)));
    const set = (at: number, ...bytes: number[]) => {
      const changed = good.slice();
      changed.set(bytes, at);
      return changed;
    };
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(3, 0x51)));
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(4, 2)));
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(5, 0, 8)));
    // More key bodies than fit, more keys than bodies, an empty key, keys of more than 16 MiB, a ciphertext of no profile's size.
    await expectCode("TOO_LARGE", () => decodeCipherParcel(set(SIZES.head, 255, 255)));
    await expectCode("BYTES_TRUNCATED", () => decodeCipherParcel(set(SIZES.head, 1, 0)));
    const keys = SIZES.head + SIZES.list;
    await expectCode("NOT_CANONICAL", () => encodeCipherParcel({ ...parcel, keyBodies: [body(1)] }));
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(keys + 2, 0, 0, 0, 0)));
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(keys + 2, 1, 0, 0, 1)));
    await expectCode("NOT_CANONICAL", () => decodeCipherParcel(set(good.length - 6, 0, 255, 255, 255)));
    const half = new Uint8Array(MAX_STAGE_KEY_BYTES / 2 + 1);
    await expectCode("NOT_CANONICAL", () => encodeCipherParcel({ ...parcel, keys: [half, half] }));
  });

  it("behavior: 20,000 changed parcels are read as what they say, or refused", () => {
    const rng = new Prng(41);
    for (let i = 0; i < 20_000; i++) {
      const changed = good.slice(0, rng.chance(0.3) ? rng.int(0, good.length) : good.length);
      for (let n = rng.int(1, 3); n > 0 && changed.length > 0; n--)
        changed[rng.int(0, changed.length - 1)] = rng.int(0, 255);
      try {
        expect(encodeCipherParcel(decodeCipherParcel(changed))).to.deep.equal(changed);
      } catch (error) {
        if (!isAssayError(error)) throw error;
      }
    }
  });
});

describe("ciphertext on the data plane", () => {
  const profile = sheProfile(1);
  const object: SheObject = { header: cipherHeader(profile, 2), rows: new Uint32Array(4 * profile.degree).fill(7) };

  it("R41: a boundary's digest is its ciphertext's, whatever form travels", () => {
    const want = cipherDigest(object, portableHashes);
    expect(ciphertextDigest(encodeCiphertext(encodeSheObject(object)), portableHashes)).to.equal(want);
  });

  it("error: what is no ciphertext has no digest", async () => {
    const digestOf = (tensor: Uint8Array) => ciphertextDigest(tensor, portableHashes);
    const bytes = encodeSheObject(object);
    const full = bytes.slice();
    // A residue that is not below its prime.
    full.set([255, 255, 255, 255], 32);
    for (const wrong of [full, bytes.slice(0, -4), Uint8Array.of(1)])
      await expectCode("BYTES_REFUSED", () => digestOf(encodeCiphertext(wrong)));
    const data = new Int8Array(bytes.buffer);
    await expectCode("BYTES_REFUSED", () => digestOf(encodeTensor({ dtype: "i8", dims: [data.length], data })));
    await expectCode("BYTES_REFUSED", () =>
      digestOf(encodeTensor({ dtype: "u8", dims: [2, bytes.length / 2], data: bytes })),
    );
    await expectCode("BYTES_TRUNCATED", () => digestOf(encodeCiphertext(bytes).slice(0, 3)));
    const key: SheObject = {
      header: { ...object.header, kind: "key", special: true, level: 1 },
      rows: new Uint32Array(4 * profile.degree),
    };
    await expectCode("BYTES_REFUSED", () => digestOf(encodeCiphertext(encodeSheObject(key))));
  });
});
