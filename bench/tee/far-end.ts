// SPDX-License-Identifier: GPL-3.0-or-later
// The other process of the channel's loopback case: sends tensors over a channel to whoever connects, and the same bytes over bare TLS.
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { ChannelSession } from "../../offchain/engines/tee/channel/session.ts";
import { channelEnd } from "../../test/support/tee/channel.ts";
import { serveRaw } from "../net/raw-tls.ts";

export interface FarEnd {
  readonly channelPort: number;
  readonly rawPort: number;
}

const tensor = new Uint8Array(1 << 20).fill(7);

/** In one system call, and not before the one before is on its way. */
async function write(socket: Socket, pieces: Iterable<Uint8Array>): Promise<void> {
  socket.cork();
  let isFree = true;
  for (const piece of pieces) isFree = socket.write(piece);
  socket.uncork();
  if (!isFree) await once(socket, "drain");
}

/** The handshake, then a tensor of 4 bytes that says how many to send. */
async function serve(socket: Socket): Promise<void> {
  const session = new ChannelSession(channelEnd(false));
  for await (const bytes of socket as AsyncIterable<Buffer>) {
    const { reply, tensors } = session.receive(bytes);
    await write(socket, reply);
    for (const question of tensors)
      for (let left = Buffer.from(question).readUInt32BE(); left > 0; left--)
        await write(socket, [...session.send(tensor)].flat());
  }
}

const server = createServer((socket) => {
  socket.setNoDelay();
  serve(socket).catch((error: unknown) => socket.destroy(error as Error));
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
process.on("disconnect", () => process.exit());
process.send?.({ channelPort: (server.address() as AddressInfo).port, rawPort: await serveRaw() } satisfies FarEnd);
