// SPDX-License-Identifier: GPL-3.0-or-later
// The channel as enclaves use it: two processes, one TCP connection on loopback, beside bare TLS with the same cipher.
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { ChannelSession } from "../../offchain/engines/tee/channel/session.ts";
import type { BenchRow } from "../../scripts/bench.ts";
import { channelEnd } from "../../test/support/tee/channel.ts";
import { receiveRaw } from "../net/raw-tls.ts";
import type { FarEnd } from "./far-end.ts";

const TENSORS = 256;
const ROUNDS = 9;

/** Milliseconds from the question to the last tensor, handshake before it left out. */
async function receiveTensors(port: number): Promise<number> {
  const session = new ChannelSession(channelEnd(true));
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const write = (pieces: readonly Uint8Array[]) => pieces.forEach((piece) => socket.write(piece));
  write(session.start());
  let [start, received, isAsked] = [0, 0, false];
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    const { reply, tensors } = session.receive(bytes);
    write(reply);
    received += tensors.length;
    if (session.isOpen && !isAsked) {
      isAsked = true;
      start = performance.now();
      const question = Buffer.alloc(4);
      question.writeUInt32BE(TENSORS);
      for (const pieces of session.send(question)) write(pieces);
    }
    if (received === TENSORS) break;
  }
  if (received !== TENSORS) throw new RangeError(`${received} of ${TENSORS} tensors`);
  return performance.now() - start;
}

export async function loopback(report: (row: BenchRow) => void, median: (values: readonly number[]) => number) {
  const child = fork(new URL("far-end.ts", import.meta.url));
  try {
    const [{ channelPort, rawPort }] = (await once(child, "message")) as [FarEnd];
    const [ours, raw]: [number[], number[]] = [[], []];
    for (let round = -2; round < ROUNDS; round++) {
      const channelMs = await receiveTensors(channelPort);
      const start = performance.now();
      await receiveRaw(rawPort, TENSORS << 20);
      const rawMs = performance.now() - start;
      if (round >= 0) [ours, raw].forEach((times, i) => times.push(i === 0 ? channelMs : rawMs));
    }
    const [value, baseline] = [median(ours), median(raw)].map((ms) => (1000 * TENSORS) / ms) as [number, number];
    const common = { case: "channel", unit: "MiB/s" } as const;
    const metric = "1 MiB tensors over loopback, a process each end";
    report({ ...common, metric, value, baseline: "bare TLS, the same cipher", ratio: value / baseline });
  } finally {
    child.kill();
  }
}
