// SPDX-License-Identifier: GPL-3.0-or-later
import type { Duplex } from "node:stream";
import type { EnclaveInner } from "./inner.ts";
import { decodeAsk, encodeRefusal, encodeReply, FrameReader } from "./wire.ts";

/** Questions under way at once; more are refused. */
const MAX_ASKED = 64;

/**
 * Serves an enclave over its one stream until that ends: resolves then. What is no message ends the stream, for whatever follows it
 * cannot be told apart.
 */
export async function serveInner(stream: Duplex, inner: Pick<EnclaveInner, "handle">): Promise<void> {
  const frames = new FrameReader("ask");
  const open = new Set<number>();
  const answer = async (bytes: Uint8Array): Promise<void> => {
    const asked = decodeAsk(bytes);
    const { id } = asked;
    if (open.has(id) || open.size >= MAX_ASKED) {
      stream.write(encodeRefusal(id, "BUSY"));
      return;
    }
    open.add(id);
    const answered = await inner.handle(asked);
    open.delete(id);
    if (stream.destroyed) return;
    if (typeof answered === "string") stream.write(encodeRefusal(id, answered));
    else stream.write(encodeReply(id, answered.name, answered.body, answered.tail));
  };
  await new Promise<void>((resolve) => {
    stream.on("data", (chunk: Uint8Array) => {
      try {
        for (const bytes of frames.push(chunk)) answer(bytes).catch(() => stream.destroy());
      } catch {
        stream.destroy();
      }
    });
    stream.on("error", () => stream.destroy());
    stream.on("end", () => stream.end());
    stream.on("close", resolve);
  });
}
