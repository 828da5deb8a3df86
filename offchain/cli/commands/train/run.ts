// SPDX-License-Identifier: GPL-3.0-or-later
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { join } from "node:path";
import { nodeCrypto } from "../../../adapters/keys/node-crypto.ts";
import { HttpTransport } from "../../../adapters/net/http-transport.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { standardise } from "../../../core/program/preprocess.ts";
import { readDataset, readRecipe } from "../../../engines/program/import-folder.ts";
import { ONNX_LIMITS } from "../../../engines/program/onnx/parse-onnx.ts";
import { resolvePreprocess } from "../../../engines/program/recipe.ts";
import { matrix, pickRows } from "../../../engines/split/matrix.ts";
import { Seeded } from "../../../engines/split/seeded.ts";
import { RemoteTrainPeer } from "../../../engines/split/train/remote-train-peer.ts";
import { SealedChannel } from "../../../engines/split/train/sealed-channel.ts";
import { TrainClient } from "../../../engines/split/train/train-client.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { CliError } from "../../errors.ts";
import { EXIT } from "../../exit-code.ts";
import { choice, defaulted, flag, integer, required, text } from "../../fields.ts";
import { checkNewFile, writeNewFile } from "../../new-file.ts";
import { defenceOptions, openDefence } from "../../train/defence-options.ts";
import { readIdentity } from "../../train/identity-file.ts";
import { readInvitation, sessionOf } from "../../train/invitation.ts";
import { TrainNetwork } from "../../train/train-network.ts";

/** Of one message and its answer. */
const DEADLINE_MS = 60_000;

export const trainRun = defineCommand({
  name: "train run",
  summary: "Tune a model's first (and last) layers on your own data, against a server that holds the others.",
  details:
    "Trains on the rows that the folder's recipe names for calibration. Rows, labels and your layers stay here; activations and " +
    "gradients leave, sealed to the server. Plain split training is no encryption: a hostile server can steer your layers into telling " +
    "it the rows, so it is refused for critical scenarios and for servers that you do not vouch for. Afterwards `assay train join` puts " +
    "both sides' layers together.",
  examples: [
    "assay train run own --identity alice.key --invitation invitation.json --trust-server --out ends.onnx",
    "assay train run own --identity alice.key --invitation invitation.json --trust-server --out ends.onnx --clip 200 --variance 1600 --step 0.05 --budget 8000 --ledger rows.sqlite",
  ],
  args: { folder: required("folder", "Folder with model.onnx, recipe.json and the data it names.", text) },
  options: {
    identity: required("file", "Keys that `assay train identity` made.", text),
    invitation: required("file", "What the server wrote.", text),
    out: required("file", "Where to write the model with your layers tuned.", text),
    passes: defaulted("n", "Passes over the rows.", integer(1, 10_000), 3),
    batch: defaulted("rows", "Rows a step.", integer(1, 4096), 8),
    seed: defaulted("n", "Order of the rows.", integer(0, 0xffffffff), 1),
    criticality: defaulted("criticality", "Of what the model is for.", choice("general", "critical"), "general"),
    trustServer: flag("You vouch for whoever runs the server."),
    ...defenceOptions,
  },
  async run(input, io) {
    const { folder, out, passes, batch, seed, criticality, trustServer } = input;
    checkNewFile(out);
    const { invitation, server, keep } = readInvitation(input.invitation);
    const { signer, sealKey } = await readIdentity(input.identity);
    const onnx = readFileBytes(join(folder, "model.onnx"), ONNX_LIMITS.bytes);
    const own = toHex(keccak256(onnx));
    if (own !== invitation.onnxHash) throw new CliError("TRAIN_OTHER_MODEL", { invited: invitation.onnxHash, own });
    const network = new TrainNetwork(onnx);
    const { bottom, top, outputWidth } = network.parts(keep);
    const recipe = await readRecipe(folder);
    const data = await readDataset(folder, recipe.calibration);
    const largest = data.labels.reduce((a, b) => Math.max(a, b), 0);
    if (largest >= network.classes)
      throw new CliError("TRAIN_MODEL_UNFIT", {
        reason: `the data has label ${largest}, it has ${network.classes} scores`,
      });
    const rows = matrix(
      data.rows,
      network.inputWidth,
      standardise(resolvePreprocess(recipe.preprocess, undefined), data.features),
    );

    const transport = new HttpTransport({}, { logger: silentLogger });
    const channel = new SealedChannel(sessionOf(invitation.run, server), {
      crypto: nodeCrypto,
      clock: systemClock,
      signer,
      sealKey,
    });
    const peer = new RemoteTrainPeer(
      { server: { id: null, url: invitation.url }, signal: io.signal, deadlineMs: DEADLINE_MS },
      { transport, channel },
    );
    const defended = openDefence(input, { run: invitation.run, identity: sealKey });
    const subjects =
      defended === null
        ? []
        : Array.from({ length: data.rows }, (_, row) => defended.subjectOf(pickRows(rows, [row]).data));
    const progress = io.progress("train");
    try {
      await transport.start();
      const client = new TrainClient(
        {
          bottom,
          top,
          outputWidth,
          rate: invitation.rate,
          server: trustServer ? "trusted" : "unknown",
          criticality,
          ...(defended === null ? {} : { defence: defended.defence }),
        },
        peer,
      );
      const random = new Seeded(seed);
      const losses: number[] = [];
      for (let pass = 1; pass <= passes; pass++) {
        let sum = 0;
        const order = random.order(data.rows);
        for (let at = 0; at < order.length; at += batch) {
          const chosen = order.slice(at, at + batch);
          const labels = Int32Array.from(chosen, (row) => data.labels[row] ?? 0);
          const about = chosen.flatMap((row) => subjects[row] ?? []);
          sum += (await client.train(pickRows(rows, chosen), labels, about)) * chosen.length;
          progress.step(`pass ${pass} of ${passes}`, at + chosen.length, order.length);
        }
        losses.push(sum / data.rows);
      }
      writeNewFile(out, network.write());
      progress.done("trained");
      const noise = defended?.describe(subjects) ?? null;
      const lines = [
        ...losses.map((loss, pass) => `pass ${pass + 1}: mean loss ${loss.toFixed(4)}`),
        noise === null
          ? "No noise: the server saw activations as they are."
          : `About one row at most epsilon ${(noise.epsilonMilli / 1000).toFixed(3)} has left: ${noise.label} noise.`,
        `Wrote ${out}.`,
      ];
      io.result({ out, rows: data.rows, losses, ...noise }, lines.join("\n"));
      return EXIT.done;
    } catch (error) {
      progress.failed("not trained");
      throw error;
    } finally {
      defended?.close();
      await transport.stop();
    }
  },
});
