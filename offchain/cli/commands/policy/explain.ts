// SPDX-License-Identifier: GPL-3.0-or-later
import { explainPolicy, wordsOf } from "../../../core/explain-policy.ts";
import { policyTableHash } from "../../../core/policy-rules.ts";
import { loadAnyModel } from "../../../engines/program/load-any-model.ts";
import { costOf, paceOf } from "../../../sdk/actions/quote-policies.ts";
import { connect } from "../../../sdk/node/connect.ts";
import { clientPartOf } from "../../client-part-of.ts";
import { defineCommand } from "../../command.ts";
import { connectionOptions, resolveConnection } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { amount, flag, optional, required, text } from "../../fields.ts";
import { scenarioOptions, wishesOf } from "./scenario-options.ts";

export const policyExplain = defineCommand({
  name: "policy explain",
  summary:
    "Say which policy a scenario gets: why, what it costs, who sees the input, what it does not protect against.",
  details:
    "Reads the deployment's prices, limits and workers. What no set of workers can serve, what contradicts itself and what the model does not accept is refused at once, with what is missing; nothing weaker is chosen.",
  examples: [
    "assay policy explain models/tumor-mlp --devnet build/devnet.json",
    "assay policy explain models/tumor-mlp --criticality critical --budget 60 --devnet build/devnet.json --json",
    "assay policy explain models/digits-split --privacy raw-stays --modality image --devnet build/devnet.json",
  ],
  args: { model: required("folder", "Model folder with manifest.json.", text) },
  options: {
    ...scenarioOptions,
    insure: optional("amount", "Value at risk that the evidence must cover, token base units.", amount),
    acceptExposure: flag(
      "Of models that keep stages here: accept that operators see more than the leakage limits allow.",
    ),
    ...connectionOptions,
  },
  async run(input, io) {
    const client = connect({ ...resolveConnection(input), signal: io.signal });
    const model = await loadAnyModel(input.model);
    const manifest = model.manifest.model;
    const { time } = await paceOf(client);
    const adverts = await client.getAdverts({ modelId: model.manifest.modelId, time, signal: io.signal });
    const { resolved, spec, escrow } = await client.quoteInference({
      manifest,
      clientPart: clientPartOf(model),
      scenario: { ...wishesOf(input), cost: costOf(adverts) },
      insuredValue: input.insure,
      acceptExposure: input.acceptExposure,
    });
    if (resolved === null) throw new CliError("USAGE", { why: "A scenario is missing" });
    const { preset } = resolved;
    const words = explainPolicy(resolved, spec, escrow);
    const table = policyTableHash();
    const lines = [...wordsOf(preset, words), `rules           ${table}, as this deployment holds them`].join("\n");
    io.result({ preset, policy: spec.policy, ...words, table }, lines);
    return EXIT.done;
  },
});
