// SPDX-License-Identifier: GPL-3.0-or-later
import { defineCommand } from "../../command.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { cardText, makeIdentity } from "../../train/identity-file.ts";

export const trainIdentity = defineCommand({
  name: "train identity",
  summary: "Make the keys of one side of split trainings and print its card.",
  details:
    "The file (mode 0600) stays secret; the card goes to the other side. These keys hold no money and belong to no worker.",
  examples: ["assay train identity alice.key"],
  args: { file: required("file", "Where to write the keys.", text) },
  options: {},
  async run({ file }, io) {
    const card = cardText(makeIdentity(file).card);
    io.result({ file, card }, card);
    return Promise.resolve(EXIT.done);
  },
});
