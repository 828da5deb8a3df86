// SPDX-License-Identifier: GPL-3.0-or-later
import type { Stream } from "@libp2p/interface";
import { isAssayError } from "../../core/errors.ts";
import type { Handler, PeerIdentity } from "../../core/ports/transport.ts";
import { NetError } from "./errors.ts";
import { readStream, writeStream } from "./libp2p-stream.ts";
import { ChunkReader, failureReply, lengthHead, MAX_FRAME_BYTES, REPLY } from "./libp2p-wire.ts";
import type { NetLimits } from "./limits.ts";
import { nextOrAbort, untilAborted } from "./until-aborted.ts";

/** Reads one request from the stream, runs the handler, and streams its reply; ends the stream whatever happens. Never throws. */
export async function answerStream(
  stream: Stream,
  from: PeerIdentity,
  handler: Handler | null,
  limits: NetLimits,
  life: AbortSignal,
): Promise<void> {
  const call = new AbortController();
  const end = (phase: string, ms: number) =>
    call.abort(new NetError("CALL_TIMEOUT", { peer: "the caller", phase, limitMs: ms }));
  const whole = setTimeout(end, limits.callMs, "serve", limits.callMs);
  stream.addEventListener("close", () => call.abort(new NetError("CALL_ABORTED", { peer: "the caller" })));
  const signal = AbortSignal.any([call.signal, life]);
  const write = async (bytes: Uint8Array): Promise<void> => {
    const idle = setTimeout(end, limits.idleMs, "serve", limits.idleMs);
    try {
      await writeStream(stream, bytes, signal);
    } finally {
      clearTimeout(idle);
    }
  };
  try {
    if (handler === null) await write(new Uint8Array([REPLY.busy]));
    else {
      const request = await readRequest(stream, limits, signal);
      if (request === null) await write(new Uint8Array([REPLY.tooLarge]));
      else await reply(handler(from, request, signal), write, signal);
    }
    await finish(stream, limits.idleMs);
  } catch (error) {
    stream.abort(error as Error);
  } finally {
    clearTimeout(whole);
  }
}

/** Null for one above the limit. A request that stops coming is cut at the idle limit. */
async function readRequest(stream: Stream, limits: NetLimits, signal: AbortSignal): Promise<Uint8Array | null> {
  const chunks = withIdleLimit(readStream(stream), limits.idleMs, signal);
  const reader = new ChunkReader(chunks);
  try {
    const length = await reader.length();
    if (length !== null && length > limits.requestBytes) return null;
    const request = length === null ? null : await reader.exactly(length);
    if (request === null) throw new NetError("MESSAGE_MALFORMED", { kind: "request", reason: "it broke off" });
    return request;
  } finally {
    await reader.close();
  }
}

async function* withIdleLimit(source: AsyncGenerator<Uint8Array>, idleMs: number, signal: AbortSignal) {
  try {
    for (;;) {
      const late = new AbortController();
      const error = new NetError("CALL_TIMEOUT", { peer: "the caller", phase: "serve", limitMs: idleMs });
      const idle = setTimeout(() => late.abort(error), idleMs);
      try {
        const step = await nextOrAbort(source, AbortSignal.any([signal, late.signal]));
        if (step.done === true) return;
        yield step.value;
      } finally {
        clearTimeout(idle);
      }
    }
  } finally {
    void source.return(undefined).catch(() => undefined);
  }
}

async function reply(
  chunks: AsyncIterable<Uint8Array>,
  write: (bytes: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let begun = false;
  try {
    for await (const chunk of untilAborted(chunks, signal)) {
      if (!begun) await write(new Uint8Array([REPLY.ok]));
      begun = true;
      for (let at = 0; at < chunk.length; at += MAX_FRAME_BYTES) {
        const part = chunk.subarray(at, at + MAX_FRAME_BYTES);
        await write(lengthHead(part.length));
        await write(part);
      }
    }
  } catch (error) {
    if (begun || signal.aborted) throw error;
    return await write(failureReply(isAssayError(error) ? error.code : "INTERNAL"));
  }
  if (!begun) await write(new Uint8Array([REPLY.ok]));
  await write(lengthHead(0));
}

/**
 * The caller closes first: libp2p drops bytes that come together with a half-close and the end of its own negotiation. One that takes
 * nothing more for the idle limit is cut.
 */
async function finish(stream: Stream, idleMs: number): Promise<void> {
  // What still comes is dropped; without a listener each stream of a flood would keep a window full of it.
  stream.addEventListener("message", () => undefined);
  if (stream.readStatus === "paused") stream.resume();
  if (stream.remoteWriteStatus !== "closed") {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, idleMs);
      const over = () => {
        clearTimeout(timer);
        resolve();
      };
      stream.addEventListener("remoteCloseWrite", over);
      stream.addEventListener("close", over);
    });
  }
  if (stream.remoteWriteStatus === "closed") return await stream.close({ signal: AbortSignal.timeout(idleMs) });
  stream.abort(new NetError("CALL_TIMEOUT", { peer: "the caller", phase: "serve", limitMs: idleMs }));
}
