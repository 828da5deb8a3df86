// SPDX-License-Identifier: GPL-3.0-or-later
import { loadAnyModel } from "../../engines/program/load-any-model.ts";
import { PRESETS, type PresetName } from "../../core/policy-presets.ts";
import { connect } from "../../sdk/node/connect.ts";
import { clientPartOf } from "../client-part-of.ts";
import { defineCommand } from "../command.ts";
import { connectionOptions, resolveConnection } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { amount, choice, defaulted, flag, integer, optional, required, text } from "../fields.ts";

const names = Object.keys(PRESETS) as PresetName[];

export const quote = defineCommand({
  name: "quote",
  summary: "Say what an inference would cost and how long it would take, under each policy, before anything is paid.",
  details:
    "Prices come from the deployment, by the checks that a request meets. Times come from adverts: some workers, drawn at random, say how long the model took them, signed; the median counts. What nobody has measured yet is said to be unknown.",
  examples: [
    "assay quote models/tumor-mlp --devnet build/devnet.json",
    "assay quote models/digits-cnn --policy critical-proof --devnet build/devnet.json --json",
  ],
  args: { model: required("folder", "Model folder with manifest.json.", text) },
  options: {
    policy: optional("preset", `One of ${names.join(", ")}; all by default.`, choice(...names)),
    inputs: optional("number", "Inputs of a batch.", integer(1, 4_096)),
    seatReward: optional("amount", "Reward of a seat, token base units.", amount),
    insure: optional("amount", "Value at risk, token base units.", amount),
    sample: defaulted("number", "Workers to ask.", integer(1, 64), 5),
    acceptExposure: flag(
      "Of models that keep stages here: accept that operators see more than the leakage limits allow.",
    ),
    ...connectionOptions,
  },
  async run(input, io) {
    const client = connect({ ...resolveConnection(input), signal: io.signal });
    const model = await loadAnyModel(input.model);
    const { adverts, blockSec, quotes, refused } = await client.quotePolicies({
      manifest: model.manifest.model,
      clientPart: clientPartOf(model),
      presets: input.policy === undefined ? undefined : [input.policy],
      inputs: input.inputs,
      seatReward: input.seatReward,
      insuredValue: input.insure,
      acceptExposure: input.acceptExposure,
      sample: input.sample,
      signal: io.signal,
    });
    const seconds = (value: number | null): string => (value === null ? "unknown" : `${value.toFixed(1)} s`);
    const lines = [
      ...quotes.map(
        ({ preset, likely, escrow, time, explanation }) =>
          `${preset}\n    price ${likely}, at most ${escrow}\n    answer ${seconds(time.answerSec)}, final ${seconds(time.finalSec)}\n    sees the input: ${explanation.sees}`,
      ),
      ...refused.map(({ preset, why }) => `${preset}\n    not now: ${why}`),
      `${adverts.answered.length} of ${adverts.answered.length + adverts.silent.length} workers said how fast they are; a block takes ${blockSec.toFixed(1)} s`,
    ];
    const shown = quotes.map(({ preset, likely, escrow, gas, rounds, spec, time }) => ({
      preset,
      likely,
      escrow,
      gas,
      rounds,
      policy: spec.policy,
      ...time,
    }));
    io.result({ quotes: shown, refused, adverts, blockSec }, lines.join("\n"));
    return quotes.length > 0 ? EXIT.done : EXIT.failed;
  },
});
