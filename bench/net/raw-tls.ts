// SPDX-License-Identifier: GPL-3.0-or-later
// The baseline: bytes over one TLS connection, nothing else. A pre-shared key spares a certificate; the cipher is the data plane's.
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import type { AddressInfo } from "node:net";

const KEY = Buffer.alloc(32, 7);
const SETTINGS = { ciphers: "PSK-CHACHA20-POLY1305", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

/** Sends as many bytes as each connection asks for. Returns the port. */
export async function serveRaw(): Promise<number> {
  const server = createServer({ ...SETTINGS, pskCallback: () => KEY }, (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (question: Buffer) => {
      const bytes = Buffer.alloc(question.readUInt32BE(0), 5);
      socket.end(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

export async function receiveRaw(port: number, bytes: number): Promise<void> {
  const socket = connect({
    ...SETTINGS,
    host: "127.0.0.1",
    port,
    pskCallback: () => ({ psk: KEY, identity: "bench" }),
    checkServerIdentity: () => undefined,
  });
  await once(socket, "secureConnect");
  const question = Buffer.alloc(4);
  question.writeUInt32BE(bytes);
  socket.write(question);
  let received = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) received += chunk.length;
  if (received !== bytes) throw new RangeError(`${received} of ${bytes} bytes`);
}
