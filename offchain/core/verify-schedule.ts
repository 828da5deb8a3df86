// SPDX-License-Identifier: MIT
import { fromHex } from "./bytes.ts";
import { CANDIDATES } from "./draw.ts";
import { jobTable } from "./network-part.ts";
import { enclavePlanRequest, plansFailure } from "./planning/enclave-plan.ts";
import type { EnclaveSchedule, Receipt } from "./receipt.ts";
import { MAX_STAGES } from "./types.ts";
import { isSimulatedVendor } from "./enclave-status.ts";

/** A candidate's enclave as the planner takes it. */
export const plannedEnclave = (one: EnclaveSchedule["candidates"][number]) => ({
  ...one,
  simulated: isSimulatedVendor(one.vendor),
});

/**
 * What is wrong with the plans of enclaves that shared a program: each must follow from the candidates shown, and each signature be one of
 * theirs. Whether the chain was told these plans, and had these enclaves, only the chain knows. Errors of `candidatesHash` only.
 */
export function scheduleFailure({ jobId, job, manifest, record, enclaves, schedule }: Receipt): string | undefined {
  const [told] = schedule;
  if (told === undefined) return undefined;
  const { plans, candidates } = told;
  const { expiry, stages } = job.spec;
  const table = jobTable(manifest);
  // Both bound the work: a plan is searched for, and each later one leaves out an enclave more.
  if (table.length !== stages || stages > MAX_STAGES) return `${table.length} stages cannot be planned`;
  if (plans.length > CANDIDATES) return `${plans.length} plans of at most ${CANDIDATES} enclaves`;
  const places = candidates.map(({ workerId }) => record.seats.indexOf(workerId));
  if (places.some((place, i) => place <= (places[i - 1] ?? -1))) return "these are not the candidates' enclaves, in their order"; // prettier-ignore
  const request = enclavePlanRequest({ jobId, table, expiry }, candidates.map(plannedEnclave));
  const failure = plansFailure(
    request,
    plans.map((plan) => fromHex(plan)),
  );
  if (failure !== undefined) return failure;
  const strange = enclaves.find(({ tally, key, simulated }) => {
    const planned = candidates.find((one) => one.key === key);
    if (planned === undefined || planned.workerId !== record.tallies[tally]?.seats[0]) return true;
    return plannedEnclave(planned).simulated !== simulated;
  });
  return strange && `tally ${strange.tally}: ${strange.key} was planned as another worker's enclave, or another kind's`;
}

export function scheduleText({ schedule: [told], record }: Receipt): string {
  const { plans = [], candidates = [] } = told ?? {};
  return `${plans.length} plans follow from enclaves of ${candidates.length} of ${record.seats.length} candidates`;
}
