// SPDX-License-Identifier: GPL-3.0-or-later
// node-seal 6.0.3 as an oracle: it never sees anything but what the tests make. Its objects are written uncompressed, a header and
// then u64 residues; only the residues are compared, since versions differ in header bytes.
import { createRequire } from "node:module";
import type { SheProfile } from "../../../offchain/core/she/profiles.ts";

/* The part of node-seal's interface used here. */
interface Deletable {
  delete(): void;
}
interface Saved extends Deletable {
  saveArray(compression: unknown): Uint8Array;
  loadArray(context: unknown, bytes: Uint8Array): void;
}
interface SealCipher extends Saved {
  readonly coeffModulusSize: number;
  readonly scale: number;
}
interface SealEvaluator {
  square(a: SealCipher, out: SealCipher): void;
  relinearize(a: SealCipher, keys: Saved, out: SealCipher): void;
  rescaleToNext(a: SealCipher, out: SealCipher): void;
  cipherModSwitchToNext(a: SealCipher, out: SealCipher): void;
  rotateVector(a: SealCipher, steps: number, keys: Saved, out: SealCipher): void;
  plainModSwitchToNext(a: Saved, out: Saved): void;
  multiplyPlain(a: SealCipher, plain: Saved, out: SealCipher): void;
  add(a: SealCipher, b: SealCipher, out: SealCipher): void;
  addPlain(a: SealCipher, plain: Saved, out: SealCipher): void;
}
interface SealLibrary {
  readonly SchemeType: { readonly ckks: unknown };
  readonly SecurityLevel: { readonly tc128: unknown };
  readonly ComprModeType: { readonly none: unknown };
  readonly CoeffModulus: { Create(degree: number, bits: Int32Array): unknown };
  EncryptionParameters(scheme: unknown): {
    setPolyModulusDegree(degree: number): void;
    setCoeffModulus(modulus: unknown): void;
  };
  Context(parameters: unknown, expand: boolean, level: unknown): SealContext;
  CKKSEncoder(context: unknown): {
    encode(values: Float64Array, scale: number, out: Saved): void;
    decode(plain: Saved): Float64Array;
  };
  Evaluator(context: unknown): SealEvaluator;
  KeyGenerator(
    context: unknown,
    secret?: Saved,
  ): {
    secretKey(): Saved;
    createPublicKey(): Saved;
    createRelinKeys(): Saved;
    createGaloisKeys(steps: Int32Array): Saved;
  };
  Encryptor(
    context: unknown,
    publicKey: Saved,
    secretKey: Saved,
  ): { encryptSymmetric(plain: Saved, out: SealCipher): void };
  Decryptor(context: unknown, secretKey: Saved): { decrypt(cipher: SealCipher, out: Saved): void };
  PlainText(): Saved;
  CipherText(): SealCipher;
  SecretKey(): Saved;
}
interface SealContext {
  parametersSet(): boolean;
  readonly keyContextData: { readonly parms: { readonly coeffModulus: Iterable<bigint | number> } };
}

/** A SEAL context over a profile's primes (or other bit sizes). */
export async function openSeal(degree: number, bits: readonly number[]) {
  const start = createRequire(import.meta.url)("node-seal") as () => Promise<SealLibrary>;
  const seal = await start();
  const parameters = seal.EncryptionParameters(seal.SchemeType.ckks);
  parameters.setPolyModulusDegree(degree);
  parameters.setCoeffModulus(seal.CoeffModulus.Create(degree, Int32Array.from(bits)));
  const context = seal.Context(parameters, true, seal.SecurityLevel.tc128);
  const primes = [...context.keyContextData.parms.coeffModulus].map(Number);
  const encoder = seal.CKKSEncoder(context);
  const evaluator = seal.Evaluator(context);
  return { seal, context, primes, encoder, evaluator, none: seal.ComprModeType.none };
}
export type Seal = Awaited<ReturnType<typeof openSeal>>;

export const sealOf = (profile: SheProfile): Promise<Seal> =>
  openSeal(
    profile.degree,
    profile.primes.map(() => 30),
  );

/** Bytes before a ciphertext's residues. */
const CIPHER_HEADER = 113;

/** All residues of a SEAL ciphertext, in order. */
export function sealResidues(bytes: Uint8Array, header = CIPHER_HEADER): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + header, bytes.byteLength - header);
  return Uint32Array.from({ length: Math.floor(view.byteLength / 8) }, (_, i) =>
    Number(view.getBigUint64(8 * i, true)),
  );
}

/** The bytes with other residues, from the end. */
export function withResidues(bytes: Uint8Array, residues: Uint32Array): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer, copy.byteLength - 8 * residues.length);
  for (const [i, residue] of residues.entries()) view.setBigUint64(8 * i, BigInt(residue), true);
  return copy;
}

/** Sets a ciphertext's scale, a double in the header. */
export function withScale(bytes: Uint8Array, scale: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setFloat64(73, scale, true);
  return copy;
}

/** Switching keys of a SEAL key set: by index, per digit the residues (b rows, then a rows, of all primes). */
export function sealKeys(bytes: Uint8Array): Map<number, Uint32Array[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys = new Map<number, Uint32Array[]>();
  let at = 48;
  const u64 = () => Number(view.getBigUint64((at += 8) - 8, true));
  const count = u64();
  for (let index = 0; index < count; index++) {
    const digits = u64();
    const all: Uint32Array[] = [];
    for (let digit = 0; digit < digits; digit++) {
      const start = at;
      at += 49;
      const [size, degree, primes] = [u64(), u64(), u64()];
      const length = size * degree * primes * 8;
      all.push(sealResidues(bytes.subarray(start, start + CIPHER_HEADER + length)));
      at = start + CIPHER_HEADER + length;
    }
    if (digits > 0) keys.set(index, all);
  }
  return keys;
}
