// SPDX-License-Identifier: MIT
import { SheError } from "../../../core/she/errors.ts";
import { expandRow } from "../../../core/she/expand-seed.ts";
import type { SheHashes } from "../../../core/she/hashes.ts";
import type { SheHeader } from "../../../core/she/header.ts";
import { decodeSheObject, encodeSheObject } from "../../../core/she/object.ts";
import type { SheProfile } from "../../../core/she/profiles.ts";
import { Encoder } from "../encoding/encoder.ts";
import { coefficientsToRow, composeCoefficients } from "../encoding/residues.ts";
import { KernelMemory } from "../kernel/kernel.ts";
import { galoisMap } from "../../../core/she/modular.ts";
import { factor, Ring } from "../kernel/ring.ts";
import { errorBytes, profileSeed, PURPOSE, sampleErrors, sampleTernary, secretStream } from "./sampler.ts";

/** One evaluation key that a program needs: a rotation, or relinearisation (galois 0), at the highest level where it is used. */
export interface KeyRequest {
  readonly galois: number;
  readonly level: number;
}

export interface SheClientOptions {
  readonly profile: SheProfile;
  /** The compiled kernel for unshared memory; in Node: `nodeKernel()`. */
  readonly kernel: WebAssembly.Module;
  readonly hashes: SheHashes;
  /** From the operating system's generator, nothing else; in browsers and Node: `crypto.getRandomValues`. */
  readonly randomBytes: (length: number) => Uint8Array;
}

const ROOT_BYTES = 32;

/**
 * The only place that knows a secret key: makes evaluation keys, encrypts inputs, decrypts results. Runs in browsers and in Node.
 * Security: ring-LWE at 128 bit by the profile; ternary secret, centred binomial errors, every encryption under fresh bytes from
 * the operating system. Not reviewed by outsiders: receipts and documents say `she-client: unreviewed`.
 * Warning: CKKS is not secure against whoever sees decryptions: publish nothing of `decryptUnchecked` but values far from any rounding
 * boundary, and let no reaction depend on it. Decrypt final results only.
 */
export class SheClient {
  readonly profile: SheProfile;
  readonly #options: SheClientOptions;
  readonly #ring: Ring;
  readonly #encoder: Encoder;
  /** Secret in transformed rows of all primes; pointers of two work rows and of lists for products. */
  readonly #secret: number;
  readonly #work: readonly [number, number, number];
  readonly #lists: readonly [number, number];
  readonly #map: number;
  #root: Uint8Array | undefined;
  /** The root's meaning in this profile: all that is derived comes from it. */
  readonly #seed: Uint8Array;

  /** `root`: 32 bytes kept from `exportRoot`; without, a new secret is drawn. */
  constructor(options: SheClientOptions, root?: Uint8Array) {
    const { profile } = options;
    this.profile = profile;
    this.#options = options;
    const rows = 6 * profile.primes.length + 8;
    this.#ring = new Ring(profile, options.kernel, KernelMemory.ofSize(rows * 4 * profile.degree + 2 ** 17));
    this.#encoder = new Encoder(profile.degree);
    this.#secret = this.#ring.allocate(profile.primes.length);
    this.#work = [this.#ring.allocate(1), this.#ring.allocate(1), this.#ring.allocate(1)];
    this.#map = this.#ring.allocate(1);
    this.#lists = [this.#ring.memory.allocate(64), this.#ring.memory.allocate(64)];
    this.#root = (root ?? options.randomBytes(ROOT_BYTES)).slice();
    if (this.#root.length !== ROOT_BYTES || this.#root.every((byte) => byte === 0))
      throw new SheError("CLIENT_ROOT", { length: this.#root.length });
    this.#seed = profileSeed(this.#root, profile.id, options.hashes);
    const secret = sampleTernary(profile.degree, (length) =>
      secretStream(this.#seed, PURPOSE.secret, [0, 0], length, options.hashes),
    );
    for (const index of profile.primes.keys()) coefficientsToRow(this.#ring, secret, index, this.#row(index));
    secret.fill(0);
  }

  /** Slots of a plaintext. */
  get slots(): number {
    return this.#encoder.slots;
  }

  /** The secret, for the owner's own safe store: whoever has it reads all inputs and results. Error: CLIENT_FORGOTTEN. */
  exportRoot(): Uint8Array {
    return this.#knownRoot().slice();
  }

  /** Overwrites the secret; every later call fails. */
  forget(): void {
    this.#root?.fill(0);
    this.#seed.fill(0);
    this.#root = undefined;
    for (const index of this.profile.primes.keys()) this.#ring.row(this.#secret, index).fill(0);
    for (const pointer of this.#work) this.#ring.row(pointer, 0).fill(0);
  }

  /**
   * An evaluation key in seeded form: public, and good for one rotation or relinearisation up to its level. Galois keys hold the
   * inverse automorphism: b_j = -a_j s' + e_j + P delta_j s with s' = s(X^(1/g)); relinearisation: s' = s, s^2 in the last place.
   * The same request gives the same bytes. Errors: CLIENT_FORGOTTEN, LEVEL_MISMATCH.
   */
  createKey({ galois, level }: KeyRequest): Uint8Array {
    this.#knownRoot();
    const { hashes } = this.#options;
    const { degree, primes } = this.profile;
    const special = primes.length - 1;
    if (level < 1 || level > special) throw new SheError("LEVEL_MISMATCH", { what: "A key", level, wanted: special });
    const seed = secretStream(this.#seed, PURPOSE.publicSeed, [galois, 0], 32, hashes);
    const header: SheHeader = {
      kind: "key",
      profile: this.profile,
      level,
      seeded: true,
      compact: false,
      special: true,
      galois,
    };
    const indices = [...Array.from({ length: level }, (_, i) => i), special];
    const rows = new Uint32Array(2 * level * indices.length * degree);
    if (galois !== 0) this.#ring.row(this.#map, 0).set(galoisMap(this.#inverseGalois(galois), degree));
    const [a, error, other] = this.#work;
    for (let digit = 0; digit < level; digit++) {
      const errors = sampleErrors(
        degree,
        secretStream(this.#seed, PURPOSE.keyError, [galois, digit], errorBytes(degree), hashes),
      );
      for (const [position, index] of indices.entries()) {
        const prime = primes[index] ?? 0;
        const place = (2 * digit * indices.length + position) * degree;
        expandRow(this.#ring.row(a, 0), seed, digit, index, prime, hashes);
        rows.set(this.#ring.row(a, 0), place + indices.length * degree);
        coefficientsToRow(this.#ring, errors, index, error);
        if (galois === 0) this.#ring.row(other, 0).set(this.#ring.row(this.#row(index), 0));
        else this.#ring.kernel.permute(this.#row(index), other, this.#map, degree);
        this.#multiply(a, other, other, index);
        this.#ring.kernel.subtract(error, other, error, degree, prime);
        if (index === digit) this.#addTarget(error, other, galois === 0, index);
        rows.set(this.#ring.row(error, 0), place);
      }
      errors.fill(0);
    }
    for (const pointer of [error, other]) this.#ring.row(pointer, 0).fill(0);
    return encodeSheObject({ header, rows }, seed);
  }

  /**
   * A fresh ciphertext of real slots at this scale and level, in seeded form: c1 uniform from a public seed, c0 = m + e - c1 s.
   * Both seeds are new in every call, so the same input never gives the same bytes. Errors: CLIENT_FORGOTTEN, LEVEL_MISMATCH,
   * PLAIN_OVERFLOW.
   */
  encrypt(slots: ArrayLike<number>, scale: number, level: number): Uint8Array {
    this.#knownRoot();
    const { hashes, randomBytes } = this.#options;
    const { degree, primes } = this.profile;
    if (level < 1 || level >= primes.length)
      throw new SheError("LEVEL_MISMATCH", { what: "A ciphertext", level, wanted: primes.length - 1 });
    const seed = randomBytes(32).slice();
    const fresh = randomBytes(32).slice();
    const stream = secretStream(fresh, PURPOSE.inputError, [0, 0], errorBytes(degree), hashes);
    const errors = sampleErrors(degree, stream);
    const message = this.#encoder.encode(slots, scale);
    for (let i = 0; i < degree; i++) message[i] = (message[i] ?? 0) + (errors[i] ?? 0);
    const rows = new Uint32Array(2 * level * degree);
    const [a, work] = this.#work;
    for (let index = 0; index < level; index++) {
      expandRow(this.#ring.row(a, 0), seed, 0, index, primes[index] ?? 0, hashes);
      rows.set(this.#ring.row(a, 0), (level + index) * degree);
      coefficientsToRow(this.#ring, message, index, work);
      this.#multiply(a, this.#row(index), a, index);
      this.#ring.kernel.subtract(work, a, work, degree, primes[index] ?? 0);
      rows.set(this.#ring.row(work, 0), index * degree);
    }
    for (const secret of [fresh, stream, errors, message]) secret.fill(0);
    for (const pointer of [a, work]) this.#ring.row(pointer, 0).fill(0);
    const header = { ...PLAIN_HEADER, profile: this.profile, level };
    return encodeSheObject({ header, rows }, seed);
  }

  /**
   * The slots of any ciphertext at this scale. Warning: knows nothing of finality; `CipherSession` does, and is what applications
   * use. Errors: BYTES_REFUSED, CLIENT_FORGOTTEN.
   */
  decryptUnchecked(bytes: Uint8Array, scale: number): Float64Array {
    this.#knownRoot();
    const { header, rows } = decodeSheObject(bytes, this.#options.hashes);
    if (header.kind !== "ciphertext" || header.profile.id !== this.profile.id)
      throw new SheError("BYTES_REFUSED", {
        what: header.kind,
        reason: `it is not a ciphertext of ${this.profile.name}`,
      });
    const { level } = header;
    const { degree, primes } = this.profile;
    const [a, work] = this.#work;
    const residues = Array.from({ length: level }, (_, index) => {
      this.#ring.row(a, 0).set(rows.subarray((level + index) * degree, (level + index + 1) * degree));
      this.#multiply(a, this.#row(index), a, index);
      this.#ring.row(work, 0).set(rows.subarray(index * degree, (index + 1) * degree));
      this.#ring.kernel.add(a, work, a, degree, primes[index] ?? 0);
      this.#ring.inverse(index, a, a);
      return this.#ring.row(a, 0).slice();
    });
    for (const pointer of [a, work]) this.#ring.row(pointer, 0).fill(0);
    return this.#encoder.decode(composeCoefficients(residues, primes.slice(0, level)), scale);
  }

  #knownRoot(): Uint8Array {
    if (this.#root === undefined) throw new SheError("CLIENT_FORGOTTEN");
    return this.#root;
  }

  #row(index: number): number {
    return this.#secret + index * this.#ring.rowBytes;
  }

  #multiply(a: number, b: number, out: number, index: number): void {
    const { prime, radix, radixShoup, mu } = this.#ring.table(index);
    const [listA, listB] = this.#lists;
    this.#ring.memory.words(listA, 1)[0] = a;
    this.#ring.memory.words(listB, 1)[0] = b;
    this.#ring.kernel.dot(listA, listB, 1, out, this.#ring.degree, prime, radix, radixShoup, mu);
  }

  /** row += P * s, or P * s^2. */
  #addTarget(row: number, work: number, squared: boolean, index: number): void {
    const { prime } = this.#ring.table(index);
    const special = factor((this.profile.primes.at(-1) ?? 0) % prime, prime);
    if (squared) this.#multiply(this.#row(index), this.#row(index), work, index);
    const source = squared ? work : this.#row(index);
    this.#ring.kernel.scale(source, special.value, special.shoup, work, this.#ring.degree, prime);
    this.#ring.kernel.add(row, work, row, this.#ring.degree, prime);
  }

  /** 1/g mod 2N, a power of two whose odd residues have exponent N/2. */
  #inverseGalois(galois: number): number {
    const modulus = 2 * this.profile.degree;
    let result = 1;
    for (let e = modulus / 4 - 1, base = galois; e > 0; e = Math.floor(e / 2), base = (base * base) % modulus)
      if (e % 2 === 1) result = (result * base) % modulus;
    return result;
  }
}

const PLAIN_HEADER = { kind: "ciphertext", seeded: true, compact: false, special: false, galois: 0 } as const;
