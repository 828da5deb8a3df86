// SPDX-License-Identifier: GPL-3.0-or-later
import { indexOf, PART_BYTES } from "../../core/blob.ts";
import type { BlobIndex } from "../../core/blob.ts";
import type { Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import type { BlobStore } from "../../core/ports/blob-store.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { PeerAddress, Transport } from "../../core/ports/transport.ts";
import { BLOB_PROTOCOL, encodeBlobRequest } from "./blob-wire.ts";
import { NetError } from "./errors.ts";
import type { NetLimits } from "./limits.ts";
import { Semaphore } from "./semaphore.ts";

export interface BlobHolder {
  readonly peer: PeerAddress;
  readonly grant: Hex;
}

export interface FetchBlobOptions {
  readonly root: Hex;
  /** Size that the offer states; the index must agree. */
  readonly bytes: number;
  readonly holders: readonly BlobHolder[];
  readonly signal: AbortSignal;
  /** How long parts are kept; without it until deleted. */
  readonly expiresAtMs?: number;
  /** Defaults to the limit for boundaries; programs and keys state theirs. */
  readonly maxBytes?: number;
}

/** Where a part's bytes go: every place in the blob that has them, all of one length. */
type Places = readonly [Uint8Array, ...Uint8Array[]];

/** A holder during one fetch. */
interface Source extends BlobHolder {
  /** Outages: what fails together counts once, each part that comes takes one back. */
  failures: number;
  /** Lied about content, or failed too often without a part between: not asked again. */
  dead: boolean;
  tampered: boolean;
  readonly lacks: Set<Hex>;
}

/**
 * Fetches blobs part by part into the store, from several holders at once. Each part is hashed on arrival; verified parts stay, so a
 * later attempt, even after a restart or from other holders, moves only what is missing.
 */
export class BlobFetcher {
  readonly #limits: NetLimits;
  readonly #transport: Transport;
  readonly #store: BlobStore;
  readonly #clock: Pick<Clock, "sleep">;
  readonly #random: () => number;
  readonly #slots: Semaphore;

  constructor(
    options: { readonly limits: NetLimits },
    modules: {
      readonly transport: Transport;
      readonly store: BlobStore;
      readonly clock: Pick<Clock, "sleep">;
      /** For jitter only. */
      readonly random?: () => number;
    },
  ) {
    this.#limits = options.limits;
    this.#transport = modules.transport;
    this.#store = modules.store;
    this.#clock = modules.clock;
    this.#random = modules.random ?? Math.random;
    this.#slots = new Semaphore(options.limits.fetches);
  }

  /** Errors BLOB_TOO_LARGE, BLOB_INDEX_INVALID, BLOB_TAMPERED (no honest holder left), BLOB_UNAVAILABLE, CALL_ABORTED, those of the store. */
  async fetch(options: FetchBlobOptions): Promise<Uint8Array> {
    const maxBytes = options.maxBytes ?? this.#limits.boundaryBytes;
    if (options.bytes > maxBytes) throw new NetError("BLOB_TOO_LARGE", { bytes: options.bytes, limit: maxBytes });
    const sources = options.holders.map((holder): Source => {
      return { ...holder, failures: 0, dead: false, tampered: false, lacks: new Set() };
    });
    const first = new Uint8Array(PART_BYTES);
    const lengths = await this.#fetchParts(new Map([[options.root, [first]]]), sources, options);
    const root = first.subarray(0, lengths.get(options.root));
    const index = readIndex(root, maxBytes);
    const size = index === null ? root.length : Number(index.size);
    if (size !== options.bytes) {
      throw new NetError("BLOB_INDEX_INVALID", { reason: `it says ${size} bytes, the offer ${options.bytes}` });
    }
    if (index === null) return root;
    // Parts are received where they belong: nothing is copied together afterwards.
    const blob = new Uint8Array(size);
    const places = new Map<Hex, [Uint8Array, ...Uint8Array[]]>();
    for (const [i, part] of index.parts.entries()) {
      const place = blob.subarray(i * index.partSize, (i + 1) * index.partSize);
      const others = places.get(part);
      if (others === undefined) places.set(part, [place]);
      else others.push(place);
    }
    const received = await this.#fetchParts(places, sources, options);
    for (const [part, [place, ...copies]] of places) {
      if (received.get(part) !== place.length || copies.some(({ length }) => length !== place.length))
        throw new NetError("BLOB_INDEX_INVALID", { reason: "part lengths differ from it" });
      for (const copy of copies) copy.set(place);
    }
    return blob;
  }

  /** Fills the first place of each part, from the store or from holders. Returns how many bytes each has. */
  async #fetchParts(
    places: ReadonlyMap<Hex, Places>,
    sources: readonly Source[],
    options: FetchBlobOptions,
  ): Promise<ReadonlyMap<Hex, number>> {
    const lengths = new Map<Hex, number>();
    const missing = new Set<Hex>();
    for (const [part, [place]] of places) {
      const bytes = await this.#store.get(part);
      if (bytes === null) missing.add(part);
      else {
        place.set(bytes.subarray(0, place.length));
        lengths.set(part, bytes.length);
      }
    }
    const waiting = new Set(missing);
    const worker = async (source: Source, rank: number) => {
      while (!source.dead && !options.signal.aborted && rank < this.#parallel(source)) {
        const part = [...waiting].find((one) => !source.lacks.has(one));
        if (part === undefined) return;
        waiting.delete(part);
        const [place] = places.get(part) ?? [new Uint8Array()];
        const length = await this.#slots.run(() => this.#fetchPart(part, place, source, options));
        if (length === null) waiting.add(part);
        else {
          missing.delete(part);
          lengths.set(part, length);
        }
      }
    };
    const useful = (source: Source) => !source.dead && [...missing].some((part) => !source.lacks.has(part));
    // A part that one holder fails goes back to the others, whose workers may have left by then: hence rounds. Every attempt fetches a
    // part, or costs its holder a failure, its life or the part, so they end.
    while (missing.size > 0 && !options.signal.aborted && sources.some(useful)) {
      const workers = sources.filter(useful).flatMap((source) => {
        return Array.from({ length: this.#parallel(source) }, (_, rank) => worker(source, rank));
      });
      await Promise.all(workers);
    }
    if (options.signal.aborted)
      throw new NetError("CALL_ABORTED", { peer: "the holders" }, { cause: options.signal.reason });
    if (missing.size === 0) return lengths;
    const liar = sources.find((source) => source.tampered);
    if (liar && sources.every((source) => source.tampered))
      throw new NetError("BLOB_TAMPERED", { peer: liar.peer.url });
    throw new NetError("BLOB_UNAVAILABLE", { missing: missing.size, holders: sources.length });
  }

  /** Fewer at once after each outage: of parts that share a connection, none may be whole when it is cut. */
  #parallel({ failures }: Source): number {
    return Math.max(1, this.#limits.fetchesPerPeer >> failures);
  }

  /** The part's length when it is in its place and in the store. Failures of the holder are noted in `source`; those of our own disk are thrown. */
  async #fetchPart(part: Hex, place: Uint8Array, source: Source, options: FetchBlobOptions): Promise<number | null> {
    const request = encodeBlobRequest({ op: "GET", grant: source.grant, part });
    const call = { signal: options.signal, deadlineMs: this.#limits.callMs, maxReplyBytes: place.length };
    const { failures } = source;
    let length = 0;
    try {
      for await (const chunk of this.#transport.call(source.peer, BLOB_PROTOCOL, request, call)) {
        place.set(chunk, length);
        length += chunk.length;
      }
    } catch (error) {
      await this.#noteFailure(error, part, source, failures, options.signal);
      return null;
    }
    const { expiresAtMs } = options;
    try {
      const expiry = expiresAtMs === undefined ? {} : { expiresAtMs };
      await this.#store.put(place.subarray(0, length), { expected: part, ...expiry });
      source.failures = Math.max(0, source.failures - 1);
      return length;
    } catch (error) {
      if (!isAssayError(error) || error.code !== "DIGEST_MISMATCH") throw error;
      source.tampered = true;
      source.dead = true;
      return null;
    }
  }

  /** `before`: the holder's failures when the call began. */
  async #noteFailure(error: unknown, part: Hex, source: Source, before: number, signal: AbortSignal): Promise<void> {
    if (!isAssayError(error)) throw error;
    const code = String(error.code === "REMOTE_FAILED" ? error.meta["code"] : error.code);
    switch (code) {
      case "CALL_ABORTED":
        return;
      case "PART_MISSING":
        source.lacks.add(part);
        return;
      case "REPLY_TOO_LARGE": // more bytes than the name allows cannot be an accident
        source.tampered = true;
        source.dead = true;
        return;
      case "PEER_BUSY":
      case "PEER_UNREACHABLE":
      case "CALL_TIMEOUT":
      case "REPLY_BROKEN":
        if (source.failures <= before) source.failures = before + 1;
        if (source.failures > this.#limits.retries) source.dead = true;
        // 250 ms, 500 ms, … to 4 s, half of it random, so that many receivers do not return together.
        else await this.#pause(Math.min(4_000, this.#limits.backoffMs * 2 ** (source.failures - 1)), signal);
        return;
      default:
        source.dead = true;
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(ms / 2 + (ms / 2) * this.#random(), signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

function readIndex(root: Uint8Array, maxBytes: number): BlobIndex | null {
  try {
    return indexOf(root, maxBytes);
  } catch (cause) {
    if (isAssayError(cause) && cause.code === "TOO_LARGE") {
      throw new NetError("BLOB_TOO_LARGE", { bytes: "more", limit: maxBytes }, { cause });
    }
    throw new NetError("BLOB_INDEX_INVALID", { reason: isAssayError(cause) ? cause.code : "unknown" }, { cause });
  }
}
