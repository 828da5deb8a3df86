// SPDX-License-Identifier: GPL-3.0-or-later
import { COMMITTEE_RULES, DEVELOPMENT_RULES } from "../core/threshold/draw-committee.ts";
import type { RequestInferenceSyncParameters } from "../sdk/actions/request-inference-sync.ts";
import { CliError } from "./errors.ts";
import { choice, flag, optional } from "./fields.ts";

export const enclaveOptions = {
  committee: optional(
    "rules",
    "Of fast-enclave: encrypt the input once, to the committee of enclaves that these rules draw, before anybody is seated: standard, or development for chains of simulated enclaves.",
    choice("standard", "development"),
  ),
  allowSimulated: flag(
    "Of fast-enclave and critical-enclave, on development chains: take SIMULATED enclaves, which prove nothing about hardware.",
  ),
};

export interface EnclaveInput {
  readonly preset: string | undefined;
  readonly committee: "standard" | "development" | undefined;
  readonly allowSimulated: boolean;
}

/** Which enclaves may see the input, and how it gets there. Error: USAGE for these options with another preset. */
export function enclaveWishes({
  preset,
  committee,
  allowSimulated,
}: EnclaveInput): Pick<RequestInferenceSyncParameters, "enclaves" | "committee"> {
  if (committee !== undefined && preset !== "fast-enclave")
    throw new CliError("USAGE", { why: "--committee goes with --preset fast-enclave" });
  if (preset !== "fast-enclave" && preset !== "critical-enclave") {
    if (allowSimulated)
      throw new CliError("USAGE", { why: "--allow-simulated goes with --preset fast-enclave or critical-enclave" });
    return {};
  }
  const rules = { standard: COMMITTEE_RULES, development: DEVELOPMENT_RULES } as const;
  return { enclaves: { allowSimulated }, ...(committee === undefined ? {} : { committee: rules[committee] }) };
}
