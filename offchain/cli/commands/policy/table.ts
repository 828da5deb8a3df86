// SPDX-License-Identifier: GPL-3.0-or-later
import { PRESETS } from "../../../core/policy-presets.ts";
import { POLICY_RULES, policyTableHash, type PolicyRule } from "../../../core/policy-rules.ts";
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";

/** A rule's conditions, as a person would say them. */
export function conditionsOf(rule: PolicyRule): string {
  const { criticality, privacy, polynomial, latencyBelowSec, cheapest, insurable } = rule;
  return [
    criticality,
    ...(privacy === undefined ? [] : [`privacy ${privacy.join(" or ")}`]),
    ...(polynomial === true ? ["a polynomial program"] : []),
    ...(latencyBelowSec === undefined ? [] : [`an answer within less than ${latencyBelowSec} s`]),
    ...(cheapest === true ? ["cheapest"] : []),
    ...(insurable === true ? ["a value that it may insure"] : []),
  ].join(", ");
}

export const policyTable = defineCommand({
  name: "policy table",
  summary: "Print the rules that choose a policy for a scenario, in order, and the hash that deployments hold of them.",
  details:
    "The first rule whose conditions all hold decides. Where its preset cannot run the job is refused, never weakened.",
  examples: ["assay policy table", "assay policy table --json"],
  args: {},
  options: {},
  async run(_, io) {
    const hash = policyTableHash();
    const rules = POLICY_RULES.map((rule) => `${conditionsOf(rule)}\n    → ${rule.preset}: ${rule.why}`);
    const presets = Object.values(PRESETS).map(
      ({ name, explanation: { evidence, cost, sees, limits } }) =>
        `${name}\n    ${evidence}\n    costs: ${cost}\n    sees the input: ${sees}\n    limits: ${limits}`,
    );
    io.result(
      { hash, rules: POLICY_RULES, presets: Object.values(PRESETS) },
      `${rules.join("\n")}\n\n${presets.join("\n")}\n\ntable ${hash}`,
    );
    return EXIT.done;
  },
});
