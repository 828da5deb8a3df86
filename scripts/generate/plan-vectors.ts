// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/plans.json: requests and the plans that planStages makes of them, bit for bit.
import { writeFileSync } from "node:fs";
import { toHex } from "../../offchain/core/bytes.ts";
import { planStages } from "../../offchain/core/planning/plan-stages.ts";
import type { PlanRequest } from "../../offchain/core/planning/types.ts";
import { isAssayError } from "../../offchain/core/errors.ts";
import { planCandidate, planChain, planRequest, randomPlanRequest } from "../../test/support/planning.ts";
import { Prng } from "../../test/support/prng.ts";

const rng = new Prng(2026);
const requests: { name: string; request: PlanRequest }[] = [
  { name: "four equal workers, four equal stages", request: planRequest() },
  { name: "latency takes two", request: planRequest({ objective: "latency" }) },
  {
    name: "eight stages, five workers of different speed",
    request: planRequest({
      stages: planChain(8),
      candidates: [1, 2, 3, 4, 5].map((id) => {
        const { rates } = planCandidate(id);
        return planCandidate(id, { rates: { ...rates, psPerMac: { ...rates.psPerMac, dense: 40 * id } } });
      }),
    }),
  },
];
for (let n = 0; requests.length < 16; n++) {
  const request = randomPlanRequest(rng, 8, 8);
  try {
    if (planStages(request).plan.runs.length > 1) requests.push({ name: `random request ${n}`, request });
  } catch (error) {
    if (!isAssayError(error)) throw error;
  }
}

const vectors = requests.map(({ name, request }) => {
  const { bytes, planHash } = planStages(request);
  return { name, request, bytes: toHex(bytes), planHash };
});
writeFileSync("test/fixtures/vectors/plans.json", `${JSON.stringify(vectors, null, 1)}\n`);
