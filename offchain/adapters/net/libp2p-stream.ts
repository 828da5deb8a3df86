// SPDX-License-Identifier: GPL-3.0-or-later
import { StreamResetError } from "@libp2p/interface";
import type { Stream } from "@libp2p/interface";

/** Received and not yet read; above it the stream is paused, so that its window closes and the sender waits. */
const HIGH_WATER_BYTES = 256 << 10;

/**
 * The bytes of a libp2p stream until it ends; throws when it is reset or aborted. The stream's own iterator takes in whatever arrives,
 * however slow its reader; this one holds the sender back. An end is no proof of wholeness: a connection that closes ends its streams.
 */
export async function* readStream(stream: Stream): AsyncGenerator<Uint8Array, void, undefined> {
  const queue: Uint8Array[] = [];
  let queuedBytes = 0;
  let over = false;
  let failure: unknown;
  let wake: () => void = () => undefined;
  const take = ({ data }: { readonly data: Uint8Array | { subarray(): Uint8Array } }) => {
    const bytes = data instanceof Uint8Array ? data : data.subarray();
    queue.push(bytes);
    queuedBytes += bytes.length;
    if (queuedBytes >= HIGH_WATER_BYTES && stream.readStatus === "readable") stream.pause();
    wake();
  };
  const end = () => {
    over = true;
    wake();
  };
  const close = ({ error }: { readonly error?: Error }) => {
    failure ??= error;
    if (error !== undefined || stream.readBufferLength === 0) over = true;
    wake();
  };
  stream.addEventListener("message", take);
  stream.addEventListener("end", end);
  stream.addEventListener("close", close);
  try {
    if (stream.readableEnded) over = true;
    if (stream.status === "reset" || stream.status === "aborted") failure ??= new StreamResetError();
    for (;;) {
      const bytes = queue.shift();
      if (bytes !== undefined) {
        queuedBytes -= bytes.length;
        if (queuedBytes < HIGH_WATER_BYTES / 2 && stream.readStatus === "paused") stream.resume();
        yield bytes;
      } else if (failure !== undefined) throw failure;
      else if (over) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stream.removeEventListener("message", take);
    stream.removeEventListener("end", end);
    stream.removeEventListener("close", close);
  }
}

/** Given to libp2p and not yet sent. */
const UNSENT_BYTES = 64 << 10;

/**
 * Gives bytes to the stream, then waits until most have gone. The stream's own `onDrain` waits once in its life (@libp2p/utils 7.4:
 * its promise is never renewed), and `send` says that there is room after any widening of the window.
 */
export async function writeStream(stream: Stream, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  stream.send(bytes);
  while (stream.writeBufferLength > UNSENT_BYTES) {
    if (stream.writeStatus !== "writable") throw new StreamResetError();
    await nextEvent(stream, signal);
  }
}

/** When the stream has sent something, or ends; rejects with the signal's reason. */
async function nextEvent(stream: Stream, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const settle = (how: () => void) => {
      for (const name of ["drain", "idle", "close"] as const) stream.removeEventListener(name, moved);
      signal.removeEventListener("abort", aborted);
      how();
    };
    const moved = () => settle(resolve);
    const aborted = () => settle(() => reject(signal.reason as Error));
    for (const name of ["drain", "idle", "close"] as const) stream.addEventListener(name, moved);
    signal.addEventListener("abort", aborted);
  });
}
