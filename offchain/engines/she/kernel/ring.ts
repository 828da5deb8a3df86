// SPDX-License-Identifier: MIT
import type { SheProfile } from "../../../core/she/profiles.ts";
import { bindKernel, type KernelExports, type KernelMemory } from "./kernel.ts";
import { galoisMap, inverseMod, mulMod, reverseBits, shoupOf } from "../../../core/she/modular.ts";

/** What the kernel needs to know of one prime: pointers of its tables, and constants with their Shoup companions. */
export interface PrimeTables {
  readonly prime: number;
  readonly forward: number;
  readonly inverse: number;
  readonly degreeInverse: number;
  readonly degreeInverseShoup: number;
  /** 2^32 mod p. */
  readonly radix: number;
  readonly radixShoup: number;
  /** floor(2^32 / p). */
  readonly mu: number;
}

/** A constant and its Shoup companion. */
export interface Factor {
  readonly value: number;
  readonly shoup: number;
}

/** The ring of a profile within a kernel's memory. Polynomials are pointers to consecutive rows of N residues. */
export class Ring {
  readonly profile: SheProfile;
  readonly memory: KernelMemory;
  readonly kernel: KernelExports;
  readonly degree: number;
  readonly rowBytes: number;
  /** Data primes; also the special prime's index. */
  readonly levels: number;
  readonly tables: readonly PrimeTables[];
  readonly #fill: boolean;
  readonly #inverses: readonly (readonly Factor[])[];
  readonly #maps = new Map<number, number>();

  /** `fill`: false on the threads that only share tables which another one fills. */
  constructor(profile: SheProfile, module: WebAssembly.Module, memory: KernelMemory, fill = true) {
    this.profile = profile;
    this.memory = memory;
    this.kernel = bindKernel(module, memory);
    this.degree = profile.degree;
    this.rowBytes = 4 * profile.degree;
    this.levels = profile.primes.length - 1;
    this.#fill = fill;
    this.tables = profile.primes.map((prime, i) => this.#tablesOf(prime, profile.roots[i] ?? 0));
    this.#inverses = profile.primes.map((a) => profile.primes.map((p) => factor(a === p ? 1 : inverseMod(a, p), p)));
  }

  /** 1/primes[of] modulo primes[modulo]. */
  inverseOf(of: number, modulo: number): Factor {
    return this.#inverses[of]?.[modulo] ?? { value: 0, shoup: 0 };
  }

  table(index: number): PrimeTables {
    return this.tables[index] as PrimeTables;
  }

  /** Pointer to `rows` rows of zeros. */
  allocate(rows: number): number {
    return this.memory.allocate(rows * this.rowBytes);
  }

  row(polynomial: number, index: number): Uint32Array {
    return this.memory.words(polynomial + index * this.rowBytes, this.degree);
  }

  forward(index: number, src: number, dst: number): void {
    const { forward, prime } = this.table(index);
    this.kernel.forward(src, dst, forward, this.degree, prime);
  }

  inverse(index: number, src: number, dst: number): void {
    const { inverse, prime, degreeInverse, degreeInverseShoup } = this.table(index);
    this.kernel.inverse(src, dst, inverse, this.degree, prime, degreeInverse, degreeInverseShoup);
  }

  /** Pointer of the index map of an automorphism, made at its first use. */
  map(galois: number): number {
    const known = this.#maps.get(galois);
    if (known !== undefined) return known;
    const pointer = this.allocate(1);
    if (this.#fill) this.row(pointer, 0).set(galoisMap(galois, this.degree));
    this.#maps.set(galois, pointer);
    return pointer;
  }

  #tablesOf(prime: number, root: number): PrimeTables {
    const { degree } = this;
    const [forward, inverse] = [this.allocate(2), this.allocate(2)];
    if (this.#fill) {
      this.#fillPowers(forward, root, prime);
      this.#fillPowers(inverse, inverseMod(root, prime), prime);
    }
    const degreeInverse = inverseMod(degree, prime);
    const radix = 2 ** 32 % prime;
    return {
      prime,
      forward,
      inverse,
      degreeInverse,
      degreeInverseShoup: shoupOf(degreeInverse, prime),
      radix,
      radixShoup: shoupOf(radix, prime),
      mu: Math.floor(2 ** 32 / prime),
    };
  }

  #fillPowers(pointer: number, root: number, prime: number): void {
    const { degree } = this;
    const words = this.memory.words(pointer, 2 * degree);
    const bits = Math.log2(degree);
    for (let i = 0, power = 1; i < degree; i++, power = mulMod(power, root, prime)) {
      const j = reverseBits(i, bits);
      words[j] = power;
      words[degree + j] = shoupOf(power, prime);
    }
  }
}

export const factor = (value: number, prime: number): Factor => ({ value, shoup: shoupOf(value, prime) });
