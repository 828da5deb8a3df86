// SPDX-License-Identifier: GPL-3.0-or-later
import { silentLogger } from "../../../adapters/observe/silent-logger.ts";
import { join } from "node:path";
import { nodeCrypto } from "../../../adapters/keys/node-crypto.ts";
import { HttpTransport } from "../../../adapters/net/http-transport.ts";
import { systemClock } from "../../../adapters/observe/system-clock.ts";
import { toHex } from "../../../core/bytes.ts";
import { keccak256 } from "../../../core/keccak.ts";
import { SealedChannel } from "../../../engines/split/train/sealed-channel.ts";
import { TrainHost } from "../../../engines/split/train/train-host.ts";
import { TrainServer } from "../../../engines/split/train/train-server.ts";
import { ONNX_LIMITS } from "../../../engines/program/onnx/parse-onnx.ts";
import { defineCommand } from "../../command.ts";
import { readFileBytes } from "../../connection.ts";
import { EXIT } from "../../exit-code.ts";
import { defaulted, integer, positive, required, text, url, optional } from "../../fields.ts";
import { checkNewFile, writeNewFile } from "../../new-file.ts";
import { card, cardText, readIdentity } from "../../train/identity-file.ts";
import { sessionOf, type Invitation } from "../../train/invitation.ts";
import { TrainNetwork } from "../../train/train-network.ts";

export const trainServe = defineCommand({
  name: "train serve",
  summary: "Hold a model's middle layers while a client tunes it on data that stays with the client.",
  details:
    "Writes an invitation for the one client whose card is given, serves it until a signal, then writes the model with its layers " +
    "tuned. Messages are sealed to that client and numbered; anyone else's are refused. There is no evidence for training: its product " +
    "is a new model. The server sees activations and gradients, which tell it about the data, and without --keep-last the labels.",
  examples: [
    "assay train serve models/digits-mlp --identity bob.key --client 0x….… --invitation invitation.json --out middle.onnx",
  ],
  args: { folder: required("folder", "Model folder; its model.onnx is what both sides begin with.", text) },
  options: {
    identity: required("file", "Keys that `assay train identity` made.", text),
    client: required("card", "The client's card.", card),
    invitation: required("file", "Where to write what the client needs.", text),
    out: required("file", "Where to write the model with tuned middle layers.", text),
    keepFirst: defaulted("n", "Layers with weights that the client keeps at the beginning.", integer(1, 1000), 1),
    keepLast: defaulted("n", "Layers with weights that the client keeps at the end.", integer(0, 1000), 0),
    rate: defaulted("rate", "Learning rate.", positive(10), 0.05),
    host: defaulted("address", "Where to listen.", text, "127.0.0.1"),
    port: defaulted("port", "Where to listen; 0 is any free port.", integer(0, 65_535), 0),
    publicUrl: optional("url", "What the client dials, if a proxy stands before this server.", url),
  },
  stopsItself: true,
  async run(input, io) {
    const { folder, client, invitation: invitationFile, out, keepFirst, keepLast, rate, host, port, publicUrl } = input;
    checkNewFile(out);
    checkNewFile(invitationFile);
    const { signer, sealKey, card: own } = await readIdentity(input.identity);
    const onnx = readFileBytes(join(folder, "model.onnx"), ONNX_LIMITS.bytes);
    const network = new TrainNetwork(onnx);
    const { middle, inputWidth, outputWidth } = network.parts({ first: keepFirst, last: keepLast });
    const run = toHex(nodeCrypto.randomBytes(32));
    const channel = new SealedChannel(sessionOf(run, client), {
      crypto: nodeCrypto,
      clock: systemClock,
      signer,
      sealKey,
    });
    const server = new TrainServer({ layers: middle, inputWidth, outputWidth, rate });
    let steps = 0;
    const counting = {
      forward: async (message: Uint8Array) => server.forward(message),
      backward: async (message: Uint8Array) => {
        const answer = await server.backward(message);
        steps++;
        return answer;
      },
    };
    const options = { host, port, ...(publicUrl === undefined ? {} : { publicUrl }) };
    const transport = new HttpTransport(options, { logger: silentLogger });
    new TrainHost({ channel, peer: counting }).serve(transport);
    const [address] = await transport.start();
    try {
      const invitation: Invitation = {
        version: 1,
        url: address?.url ?? "",
        server: cardText(own),
        run,
        onnxHash: toHex(keccak256(onnx)),
        keepFirst,
        keepLast,
        rate,
      };
      writeNewFile(invitationFile, `${JSON.stringify(invitation, null, 2)}\n`);
      io.item(
        { ready: true, ...invitation },
        `Listening at ${invitation.url} for ${cardText(client)}; a signal ends it.`,
      );
      await aborted(io.signal);
    } finally {
      await transport.stop();
    }
    writeNewFile(out, network.write());
    io.item({ out, steps }, `${steps} steps; wrote ${out}.`);
    return EXIT.done;
  },
});

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
