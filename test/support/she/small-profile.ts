// SPDX-License-Identifier: GPL-3.0-or-later
import { sheProfile, type SheProfile } from "../../../offchain/core/she/profiles.ts";
import { powMod } from "../../../offchain/core/she/modular.ts";

/** Profile 1's primes, or 3's if there are more, in a ring small enough for schoolbook references; not secure, and no parser knows its id. */
export function smallProfile(degree: number, primes = 4): SheProfile {
  const full = sheProfile(primes > 6 ? 3 : 1);
  const chosen = full.primes.slice(-primes);
  return {
    ...full,
    id: 0,
    name: `small-${degree}`,
    degree,
    primes: chosen,
    roots: full.roots.slice(-primes).map((root, i) => powMod(root, full.degree / degree, chosen[i] ?? 0)),
    depth: primes - 3,
  };
}
