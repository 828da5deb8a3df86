// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { HttpTransport } from "../../../../offchain/adapters/net/http-transport.ts";
import { Libp2pTransport } from "../../../../offchain/adapters/net/libp2p-transport.ts";
import { NetError } from "../../../../offchain/adapters/net/errors.ts";
import { nodeCrypto } from "../../../../offchain/adapters/keys/node-crypto.ts";
import { OperatorSigner } from "../../../../offchain/adapters/keys/operator-signer.ts";
import { toHex, type Hex } from "../../../../offchain/core/bytes.ts";
import type { CallOptions, PeerAddress, Transport } from "../../../../offchain/core/ports/transport.ts";
import { Secret } from "../../../../offchain/core/secret.ts";
import { toWord } from "../../../../offchain/core/tagged-hash.ts";
import { matrix } from "../../../../offchain/engines/split/matrix.ts";
import { Seeded } from "../../../../offchain/engines/split/seeded.ts";
import { DenseLayer, ReluLayer, type TrainLayer } from "../../../../offchain/engines/split/train/layers.ts";
import { encodeMessage } from "../../../../offchain/engines/split/train/messages.ts";
import { RemoteTrainPeer } from "../../../../offchain/engines/split/train/remote-train-peer.ts";
import { SealedChannel, TRAIN_PROTOCOL } from "../../../../offchain/engines/split/train/sealed-channel.ts";
import { TrainClient } from "../../../../offchain/engines/split/train/train-client.ts";
import { TrainHost } from "../../../../offchain/engines/split/train/train-host.ts";
import { TrainServer } from "../../../../offchain/engines/split/train/train-server.ts";
import { callOptions, collect } from "../../../ports/transport.compliance.ts";
import { expectCode } from "../../../support/expect-code.ts";

const HUB: Hex = `0x${"ab".repeat(20)}`;
const RUN = toWord(77);
const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

/** A side's keys. */
function party(seed: number) {
  const signer = new OperatorSigner(new Secret(new Uint8Array(32).fill(seed)));
  const sealKey = new Uint8Array(32).fill(seed + 100);
  return { signer, sealKey, card: { address: signer.address, sealKey: nodeCrypto.x25519PublicKey(sealKey) } };
}
const [alice, bob, mallory] = [party(1), party(2), party(3)];
type Party = typeof alice;

let nowMs = 1_800_000_000_000;
const clock = { nowMs: () => nowMs };
const channel = (self: Party, other: Party, over: Partial<{ run: typeof RUN; chainId: bigint }> = {}) =>
  new SealedChannel(
    { chainId: 31_337n, hub: HUB, run: RUN, other: other.card, ...over },
    { crypto: nodeCrypto, clock, signer: self.signer, sealKey: self.sealKey },
  );

function network(seed: number) {
  const random = new Seeded(seed);
  const draw = (length: number) => Float64Array.from({ length }, () => random.normal() / 2);
  const dense = [new DenseLayer(draw(40), draw(8)), new DenseLayer(draw(24), draw(3))] as const;
  const layers: TrainLayer[] = [dense[0], new ReluLayer(), dense[1]];
  return { dense, layers };
}
const serverOf = (layers: readonly TrainLayer[]) =>
  new TrainServer({ layers: layers.slice(2), inputWidth: 8, outputWidth: 3, rate: 0.1 });
const clientOptions = (layers: readonly TrainLayer[]) =>
  ({ bottom: layers.slice(0, 2), outputWidth: 3, rate: 0.1, server: "trusted", criticality: "general" }) as const;
const batch = (random: Seeded) => ({
  inputs: matrix(
    4,
    5,
    Float64Array.from({ length: 20 }, () => random.normal()),
  ),
  labels: Int32Array.of(0, 1, 2, 1),
});

/** A transport whose handler is called directly; `spoil` may change or repeat what passes. */
function direct(host: TrainHost) {
  let handler: Parameters<Transport["serve"]>[1] | null = null;
  host.serve({ serve: (_protocol, given) => (handler = given) });
  const answer = async (request: Uint8Array) => {
    if (handler === null) throw new TypeError("nothing is served");
    return collect(handler({ id: null, remote: "test" }, request, new AbortController().signal));
  };
  return answer;
}

describe("sealed training messages", () => {
  for (const [name, make] of [
    ["HTTP", () => new HttpTransport({}, { logger })],
    ["libp2p", () => new Libp2pTransport({}, { logger })],
  ] as const) {
    it(`R55: default: over ${name} the weights are those of one process, and nothing readable passes`, async () => {
      const [remote, local] = [network(5), network(5)];
      const [serving, calling] = [make(), make()];
      const passed: Uint8Array[] = [];
      try {
        const host = new TrainHost({ channel: channel(bob, alice), peer: serverOf(remote.layers) });
        host.serve({
          serve: (protocol, handler) => {
            serving.serve(protocol, async function* (from, request, signal) {
              passed.push(request);
              for await (const chunk of handler(from, request, signal)) {
                passed.push(chunk);
                yield chunk;
              }
            });
          },
        });
        const [server] = await serving.start();
        await calling.start();
        const signal = new AbortController().signal;
        const options = { server: server as PeerAddress, signal, deadlineMs: 5_000 };
        const peer = new RemoteTrainPeer(options, { transport: calling, channel: channel(alice, bob) });
        const client = new TrainClient(clientOptions(remote.layers), peer);
        const same = new TrainClient(clientOptions(local.layers), serverOf(local.layers));
        const random = new Seeded(6);
        for (let step = 0; step < 12; step++) {
          const { inputs, labels } = batch(random);
          expect(await client.train(inputs, labels)).to.equal(await same.train(inputs, labels));
        }
      } finally {
        await calling.stop();
        await serving.stop();
      }
      remote.dense.forEach((layer, i) => expect(layer.weights).to.deep.equal(local.dense[i]?.weights));
      expect(passed).to.have.length(48);
      // The first activation, as it would stand in a message in clear.
      const fresh = network(5);
      const { inputs } = batch(new Seeded(6));
      const hidden = fresh.layers[1]?.forward(fresh.dense[0].forward(inputs));
      const canary = toHex(encodeMessage({ kind: "activation", step: 0, values: hidden ?? inputs })).slice(-400, -300);
      expect(canary).to.match(/[1-9a-f]/);
      for (const bytes of passed) expect(toHex(bytes)).to.not.include(canary);
    });
  }

  it("error: TRAIN_MESSAGE for replays, other orders, cuts, flips, strangers, other runs and chains, and after its time; nothing moves", async () => {
    const { layers, dense } = network(8);
    const before = dense[1].weights.slice();
    const answer = direct(new TrainHost({ channel: channel(bob, alice), peer: serverOf(layers) }));
    const make = (kind: "activation" | "gradient", step: number, columns: number) =>
      encodeMessage({ kind, step, values: matrix(4, columns, new Float64Array(4 * columns).fill(0.25)) });
    const activation = make("activation", 0, 8);
    const good = channel(alice, bob).pack(1n, activation);
    const bad: readonly (readonly [string, Uint8Array])[] = [
      ["a later number", channel(alice, bob).pack(2n, activation)],
      ["number zero", channel(alice, bob).pack(0n, activation)],
      ["a stranger", channel(mallory, bob).pack(1n, activation)],
      ["for another", channel(alice, mallory).pack(1n, activation)],
      ["another run", channel(alice, bob, { run: toWord(78) }).pack(1n, activation)],
      ["another chain", channel(alice, bob, { chainId: 1n }).pack(1n, activation)],
      ["its own answers turned back", channel(bob, alice).pack(1n, activation)],
      ["nothing", new Uint8Array()],
      ["more behind it", Uint8Array.of(...good, 0)],
      ...[1, 20, 100, good.length - 1].map((length) => ["a cut", good.subarray(0, length)] as const),
      ...Array.from({ length: 60 }, (_, i) => {
        const at = Math.floor((good.length * i) / 60);
        return ["a flip", good.map((byte, place) => (place === at ? byte ^ 0x10 : byte))] as const;
      }),
    ];
    for (const [what, bytes] of bad)
      await expectCode("TRAIN_MESSAGE", async () => answer(bytes)).catch((error: unknown) => {
        throw new TypeError(what, { cause: error });
      });
    nowMs += 121_000;
    await expectCode("TRAIN_MESSAGE", async () => answer(good));
    nowMs -= 121_000;
    const early = nowMs;
    nowMs -= 10_000;
    await expectCode("TRAIN_MESSAGE", async () => answer(good));
    nowMs = early;
    expect(dense[1].weights).to.deep.equal(before);

    const scores = await answer(good);
    // Sent again byte by byte it is answered again, from memory; the same content sealed anew is out of its turn.
    expect(await answer(good)).to.deep.equal(scores);
    await expectCode("TRAIN_MESSAGE", async () => answer(channel(alice, bob).pack(1n, activation)));
    await expectCode("TRAIN_MESSAGE", async () => answer(channel(alice, bob).pack(2n, activation)));
    expect(dense[1].weights).to.deep.equal(before);
    await answer(channel(alice, bob).pack(2n, make("gradient", 0, 3)));
    const moved = dense[1].weights.slice();
    expect(moved).to.not.deep.equal(before);
    await expectCode("TRAIN_MESSAGE", async () => answer(good));
    expect(dense[1].weights).to.deep.equal(moved);
  });

  it("error: TRAIN_MESSAGE: a client takes no answer but the one due, and keeps its weights", async () => {
    const { layers, dense } = network(8);
    const host = direct(new TrainHost({ channel: channel(bob, alice), peer: serverOf(network(8).layers) }));
    const old: Uint8Array[] = [];
    let spoil = (reply: Uint8Array): Uint8Array => reply;
    const transport: Pick<Transport, "call"> = {
      async *call(_peer: PeerAddress, protocol: string, request: Uint8Array, _options: CallOptions) {
        expect(protocol).to.equal(TRAIN_PROTOCOL);
        const reply = await host(request);
        old.push(reply);
        yield spoil(reply);
      },
    };
    const signal = new AbortController().signal;
    const options = { server: { id: null, url: "" }, signal, deadlineMs: 1_000 };
    const make = () => new RemoteTrainPeer(options, { transport, channel: channel(alice, bob) });
    const client = new TrainClient(clientOptions(layers), make());
    const { inputs, labels } = batch(new Seeded(1));
    await client.train(inputs, labels);
    const before = dense[0].weights.slice();
    for (const change of [
      () => old[0] ?? new Uint8Array(),
      (reply: Uint8Array) => reply.subarray(0, reply.length - 5),
      (reply: Uint8Array) => reply.map((byte, at) => (at === reply.length - 20 ? byte ^ 1 : byte)),
      () => channel(mallory, alice).pack(3n, new Uint8Array(9)),
    ]) {
      spoil = change;
      await expectCode("TRAIN_MESSAGE", async () => client.train(inputs, labels));
    }
    expect(dense[0].weights).to.deep.equal(before);
  });

  it("behavior: an answer lost on its way is asked for again and counts once", async () => {
    const [remote, local] = [network(9), network(9)];
    const host = direct(new TrainHost({ channel: channel(bob, alice), peer: serverOf(remote.layers) }));
    let calls = 0;
    const transport: Pick<Transport, "call"> = {
      async *call(_peer: PeerAddress, _protocol: string, request: Uint8Array) {
        calls += 1;
        const reply = await host(request);
        if (calls % 3 === 1) throw new NetError("PEER_UNREACHABLE", { peer: "server", reason: "lost" });
        yield reply;
      },
    };
    const options = { server: { id: null, url: "" }, signal: callOptions().signal, deadlineMs: 1_000 };
    const peer = new RemoteTrainPeer(options, { transport, channel: channel(alice, bob) });
    const client = new TrainClient(clientOptions(remote.layers), peer);
    const same = new TrainClient(clientOptions(local.layers), serverOf(local.layers));
    const random = new Seeded(2);
    for (let step = 0; step < 4; step++) {
      const { inputs, labels } = batch(random);
      await client.train(inputs, labels);
      await same.train(inputs, labels);
    }
    expect(calls).to.be.above(8);
    remote.dense.forEach((layer, i) => expect(layer.weights).to.deep.equal(local.dense[i]?.weights));
  });

  it("error: TRAIN_MESSAGE for a message too large to travel", async () => {
    await expectCode("TRAIN_MESSAGE", () => channel(alice, bob).pack(1n, new Uint8Array(1 << 20)));
    expect(channel(alice, bob).pack(1n, new Uint8Array((1 << 20) - 512)).length).to.be.below((1 << 20) + 4_096);
  });
});
