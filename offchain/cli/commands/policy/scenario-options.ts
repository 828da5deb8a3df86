// SPDX-License-Identifier: GPL-3.0-or-later
import type { ScenarioWishes } from "../../../sdk/plan-job.ts";
import { choice, flag, optional, positive } from "../../fields.ts";

/** What a job is for. */
export const scenarioOptions = {
  criticality: optional("word", "critical or general (default).", choice("critical", "general")),
  privacy: optional(
    "wish",
    "Who may read the input: open (the seats; default), raw-stays (the raw input stays here) or sealed (no operator).",
    choice("open", "raw-stays", "sealed"),
  ),
  modality: optional(
    "kind",
    "tabular (default), image, text, audio or multimodal; evidence is the same for all.",
    choice("tabular", "image", "text", "audio", "multimodal"),
  ),
  budget: optional("seconds", "Until the answer must be there.", positive(2_592_000)),
  cheapest: flag("Prefer the cheapest evidence that makes lying unprofitable."),
};

export interface ScenarioInput {
  readonly criticality: "critical" | "general" | undefined;
  readonly privacy: "open" | "raw-stays" | "sealed" | undefined;
  readonly modality: ScenarioWishes["modality"];
  readonly budget: number | undefined;
  readonly cheapest: boolean;
}

/** The options as the SDK takes them. */
export const wishesOf = ({ criticality = "general", budget, ...rest }: ScenarioInput): ScenarioWishes => ({
  ...rest,
  criticality,
  latencyBudgetSec: budget,
});

/** Whether somebody described a scenario at all. */
export const isScenario = ({ criticality, privacy, modality, budget, cheapest }: ScenarioInput): boolean =>
  cheapest || [criticality, privacy, modality, budget].some((wish) => wish !== undefined);
