// SPDX-License-Identifier: GPL-3.0-or-later
import { ONNX_LIMITS } from "../../../engines/program/onnx/parse-onnx.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { required, text } from "../../fields.ts";
import { writeNewFile } from "../../new-file.ts";
import { readInvitation } from "../../train/invitation.ts";
import { TrainNetwork } from "../../train/train-network.ts";

export const trainJoin = defineCommand({
  name: "train join",
  summary: "Put a client's and a server's tuned layers together into one model.",
  details:
    "The result is an ordinary model.onnx: with a recipe and data of its own, `assay model import` compiles and judges it.",
  examples: ["assay train join ends.onnx middle.onnx --invitation invitation.json --out tuned/model.onnx"],
  args: {
    client: required("file", "What the client wrote.", text),
    server: required("file", "What the server wrote.", text),
  },
  options: {
    invitation: required("file", "The invitation: which layers are whose.", text),
    out: required("file", "Where to write the model.", text),
  },
  async run({ client, server, invitation, out }, io) {
    const { keep } = readInvitation(invitation);
    const [whole, other] = [client, server].map((path) => new TrainNetwork(readFileBytes(path, ONNX_LIMITS.bytes)));
    if (whole !== undefined && other !== undefined) {
      whole.takeMiddle(other, keep);
      writeNewFile(out, whole.write());
    }
    io.result({ out }, `Wrote ${out}.`);
    return Promise.resolve(EXIT.done);
  },
});
