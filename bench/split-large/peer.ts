// SPDX-License-Identifier: GPL-3.0-or-later
// One party of `bench -- split-large` on the data plane as workers have it: signed offers, sealed blobs, pulled by whoever was offered them.
import { randomBytes } from "node:crypto";
import { nodeCrypto } from "../../offchain/adapters/keys/node-crypto.ts";
import { OperatorSigner } from "../../offchain/adapters/keys/operator-signer.ts";
import { BlobFetcher } from "../../offchain/adapters/net/blob-fetcher.ts";
import { BlobServer } from "../../offchain/adapters/net/blob-server.ts";
import { EnvelopeAuthenticator } from "../../offchain/adapters/net/envelope-authenticator.ts";
import { EnvelopeSender } from "../../offchain/adapters/net/envelope-sender.ts";
import { MAX_LIMITS } from "../../offchain/adapters/net/limits.ts";
import { systemClock } from "../../offchain/adapters/observe/system-clock.ts";
import { MemoryBlobStore } from "../../offchain/adapters/store/memory-blob-store.ts";
import { fromHex, toHex, type Hex } from "../../offchain/core/bytes.ts";
import { domainSeparator } from "../../offchain/core/eip712.ts";
import {
  decodeOffer,
  decodeOfferReply,
  encodeOffer,
  encodeOfferReply,
  OFFER_PROTOCOL,
} from "../../offchain/core/messages.ts";
import type { PeerAddress, Transport } from "../../offchain/core/ports/transport.ts";
import { openSealedBlob, sealBlob, sealContext } from "../../offchain/core/seal.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { benchTransport, type BenchKind } from "../net/bench-transport.ts";

const SCOPE = { chainId: 31_337n, hub: `0x${"11".repeat(20)}` } as const;
const LIFE_MS = 60_000;
const MAX_REPLY = 4_096;
const CREDITS = 1 << 20;

/** What the on-chain record of a worker says. */
export interface PeerCard {
  readonly address: Hex;
  readonly sealKey: Hex;
  readonly places: Readonly<Record<BenchKind, PeerAddress>>;
}

/** The boundary under which salts come, ahead of tensors. */
export const SALTS = 0xfffd;

/** What arrived, opened. */
export interface Delivery {
  readonly jobId: Hex;
  readonly boundary: number;
  /** Which micro-batch of the boundary. */
  readonly index: number;
  readonly plain: Uint8Array;
}

export interface PeerOptions {
  /** Resolves when a micro-batch may come: an unanswered offer stops who feeds a full queue. */
  readonly room: (offer: { readonly jobId: Hex; readonly boundary: number }) => Promise<void>;
  readonly take: (delivery: Delivery) => void;
}

export class Peer {
  readonly card: PeerCard;
  /** Which transport the next boundaries take. */
  kind: BenchKind = "libp2p";
  readonly #transports: ReadonlyMap<BenchKind, Transport>;
  readonly #servers: ReadonlyMap<BenchKind, BlobServer>;
  readonly #fetchers: ReadonlyMap<BenchKind, BlobFetcher>;
  readonly #store: MemoryBlobStore;
  readonly #sender: EnvelopeSender;
  readonly #sealKey: Uint8Array;
  readonly #known = new Map<Hex, PeerCard>();

  private constructor(parts: {
    card: PeerCard;
    transports: ReadonlyMap<BenchKind, Transport>;
    store: MemoryBlobStore;
    servers: ReadonlyMap<BenchKind, BlobServer>;
    sender: EnvelopeSender;
    sealKey: Uint8Array;
  }) {
    this.card = parts.card;
    this.#transports = parts.transports;
    this.#servers = parts.servers;
    this.#store = parts.store;
    this.#sender = parts.sender;
    this.#sealKey = parts.sealKey;
    const { store, transports } = parts;
    this.#fetchers = new Map(
      [...transports].map(([kind, transport]) => [
        kind,
        new BlobFetcher({ limits: MAX_LIMITS }, { transport, store, clock: systemClock }),
      ]),
    );
  }

  static async start(options: PeerOptions): Promise<Peer> {
    const signer = new OperatorSigner(new Secret(new Uint8Array(randomBytes(32))));
    const sealKey = nodeCrypto.randomBytes(32);
    const domain = domainSeparator(SCOPE);
    const store = new MemoryBlobStore({ quotaBytes: 1 << 30 }, { clock: systemClock });
    const [transports, servers] = [new Map<BenchKind, Transport>(), new Map<BenchKind, BlobServer>()];
    const places: Partial<Record<BenchKind, PeerAddress>> = {};
    let self: Peer | null = null;
    const isParty = (from: Hex) => self?.knows(from) ?? false;
    const authenticator = new EnvelopeAuthenticator({ domain, self: signer.address }, { clock: systemClock, isParty });
    for (const kind of ["http", "libp2p"] as const) {
      const transport = benchTransport(kind);
      transports.set(kind, transport);
      servers.set(kind, new BlobServer({ limits: MAX_LIMITS }, { store, clock: systemClock, transport }));
      transport.serve(OFFER_PROTOCOL, async function* (_from, request) {
        const { envelope, body } = await authenticator.open(OFFER_PROTOCOL, request);
        const offer = decodeOffer(body);
        if (self === null) throw new TypeError("not started yet");
        await options.room(offer);
        void self.fetch(kind, envelope.from, offer).then(options.take);
        yield encodeOfferReply({ answer: "ACCEPT", credits: CREDITS });
      });
      const [place] = await transport.start();
      if (place !== undefined) places[kind] = place;
    }
    const { http, libp2p } = places;
    if (http === undefined || libp2p === undefined) throw new TypeError("a transport has no address");
    const card = {
      address: signer.address,
      sealKey: toHex(nodeCrypto.x25519PublicKey(sealKey)),
      places: { http, libp2p },
    };
    const sender = new EnvelopeSender({ domain }, { signer, clock: systemClock });
    return (self = new Peer({ card, transports, store, servers, sender, sealKey }));
  }

  knows(address: Hex): boolean {
    return this.#known.has(address);
  }

  meet(cards: readonly PeerCard[]): void {
    for (const card of cards) this.#known.set(card.address, card);
  }

  async fetch(kind: BenchKind, from: Hex, offer: ReturnType<typeof decodeOffer>): Promise<Delivery> {
    const { jobId, boundary, lane, blob: root, bytes, grant } = offer;
    const card = this.#known.get(from);
    if (card === undefined) throw new TypeError("an unknown sender passed");
    const holders = [{ peer: card.places[kind], grant }];
    const expiresAtMs = systemClock.nowMs() + LIFE_MS;
    const fetcher = this.#fetchers.get(kind);
    const sealed = await fetcher?.fetch({ root, bytes, holders, signal: new AbortController().signal, expiresAtMs });
    const context = sealContext({ ...SCOPE, jobId, boundary, lane, sender: from });
    const opened = openSealedBlob(nodeCrypto, sealed ?? new Uint8Array(), { context, privateKey: this.#sealKey });
    return { jobId, boundary, index: opened[0] ?? 0, plain: opened.subarray(1) };
  }

  /** Seals, stores and offers; resolves when the other side has room for it. */
  async send(to: PeerCard, { jobId, boundary, index, plain: body }: Delivery): Promise<void> {
    const { kind } = this;
    const expiresAtMs = systemClock.nowMs() + LIFE_MS;
    const context = sealContext({ ...SCOPE, jobId, boundary, lane: 0, sender: this.card.address });
    const plain = new Uint8Array(Buffer.concat([Uint8Array.of(index), body]));
    const sealed = sealBlob(nodeCrypto, { context, recipients: [fromHex(to.sealKey, 32)], plain });
    const published = await this.#servers.get(kind)?.publish(sealed, { expiresAtMs });
    const transport = this.#transports.get(kind);
    if (published === undefined || transport === undefined) throw new TypeError(`no ${kind}`);
    const deadline = BigInt(Math.floor(expiresAtMs / 1000));
    const { root: blob, bytes, grant } = published;
    const offer = encodeOffer({ jobId, boundary, lane: 0, blob, bytes, deadline, grant });
    const request = this.#sender.wrap({ protocol: OFFER_PROTOCOL, to: to.address, jobId, body: offer });
    const options = { signal: new AbortController().signal, deadlineMs: 30_000, maxReplyBytes: MAX_REPLY };
    const chunks: Uint8Array[] = [];
    for await (const chunk of transport.call(to.places[kind], OFFER_PROTOCOL, request, options)) chunks.push(chunk);
    const { answer } = decodeOfferReply(new Uint8Array(Buffer.concat(chunks)));
    if (answer !== "ACCEPT") throw new TypeError(`an offer was answered ${answer}`);
  }

  /** Between runs: blobs that were moved need not stay. */
  async sweep(): Promise<void> {
    await this.#store.sweep(Number.MAX_SAFE_INTEGER);
  }

  async stop(): Promise<void> {
    for (const transport of this.#transports.values()) await transport.stop();
  }
}
