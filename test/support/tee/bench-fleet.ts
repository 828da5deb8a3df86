// SPDX-License-Identifier: GPL-3.0-or-later
import type { PlanRequest } from "../../../offchain/core/planning/types.ts";
import { toWord } from "../../../offchain/core/tagged-hash.ts";
import { planCandidate, planRequest, planStage } from "../planning.ts";
import { Prng } from "../prng.ts";

/** The seeded instances of `bench -- tee`: layers and enclaves of different size and speed, three vendor families, two of them needed. */
export function benchFleet(seed: number, layers: number, size: number): PlanRequest {
  const rng = new Prng(seed);
  const stages = Array.from({ length: layers }, (_, stage) =>
    planStage(stage, layers, {
      mode: "ENCLAVE",
      macs: { dense: rng.int(1e6, 2e7), conv: 0, attention: 0, other: 0, cipher: 0 },
    }),
  );
  const candidates = Array.from({ length: size }, (_, id) => {
    const { rates } = planCandidate(id);
    const psPerMac = { ...rates.psPerMac, dense: rng.int(40, 300) };
    return planCandidate(id, {
      operator: toWord(1000 + id),
      family: 1 + (id % 3),
      memoryBytes: 2 ** 40,
      rates: { ...rates, psPerMac },
    });
  });
  const request = planRequest({ stages, candidates });
  return { ...request, constraints: { ...request.constraints, operatorOnce: true, minFamilies: 2 } };
}
