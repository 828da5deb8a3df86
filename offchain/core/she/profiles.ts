// SPDX-License-Identifier: MIT
import { SheError } from "./errors.ts";

/**
 * Ring and primes of one parameter set. Primes: the k largest p < 2^30 with p = 1 mod 2N, ascending; the last is the special
 * prime of key switching. Roots: the smallest primitive 2N-th root of unity of each. 128 bit by the HE standard's table for
 * ternary secrets (log QP <= 218 at N = 8192, <= 438 at 16384).
 */
export interface SheProfile {
  readonly id: number;
  readonly name: string;
  /** Degree of the ring, N: a power of two. */
  readonly degree: number;
  readonly primes: readonly number[];
  readonly roots: readonly number[];
  /** The scale of tensors between stages is 2^this. */
  readonly boundaryScaleBits: number;
  /** Primes that a linear operation drops. */
  readonly linearDrop: 1 | 2;
  /** Levels below the first that a program may use up. */
  readonly depth: number;
}

/** Data primes: a fresh ciphertext's level. */
export const dataPrimes = (profile: SheProfile): number => profile.primes.length - 1;

const P13 = [1073184769, 1073233921, 1073299457, 1073430529, 1073479681, 1073643521, 1073692673];
const P13_ROOTS = [101208, 224084, 5142, 170252, 32138, 97548, 52921];
const P14 = [1071415297, 1071513601, 1072496641, 1072857089, 1073053697, 1073184769, 1073479681, 1073643521];
const P14_ROOTS = [62083, 23777, 16454, 157353, 10850, 10381, 65226, 238846];

const p13 = (id: number, name: string, count: number, boundaryScaleBits: number, linearDrop: 1 | 2): SheProfile => ({
  id,
  name,
  degree: 8192,
  primes: P13.slice(-count),
  roots: P13_ROOTS.slice(-count),
  boundaryScaleBits,
  linearDrop,
  depth: count - 3,
});

/** The only parameter sets: a client never chooses its own. Numbers are never reused. */
export const SHE_PROFILES: readonly SheProfile[] = [
  p13(1, "P13-3", 6, 30, 1),
  p13(2, "P13-4", 7, 30, 1),
  {
    id: 3,
    name: "P14-5",
    degree: 16384,
    primes: P14,
    roots: P14_ROOTS,
    boundaryScaleBits: 30,
    linearDrop: 1,
    depth: 5,
  },
  p13(4, "P13-R", 5, 45, 2),
];

/** Error: PROFILE_UNKNOWN. */
export function sheProfile(id: number): SheProfile {
  const profile = SHE_PROFILES.find((known) => known.id === id);
  if (profile === undefined) throw new SheError("PROFILE_UNKNOWN", { profile: id });
  return profile;
}
