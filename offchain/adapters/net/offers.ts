// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { isAssayError } from "../../core/errors.ts";
import { decodeOffer, decodeOfferReply, encodeOffer, encodeOfferReply, OFFER_PROTOCOL } from "../../core/messages.ts";
import type { Offer, OfferReply } from "../../core/messages.ts";
import type { PeerAddress, Transport } from "../../core/ports/transport.ts";
import type { EnvelopeAuthenticator } from "./envelope-authenticator.ts";
import type { EnvelopeSender } from "./envelope-sender.ts";
import { NetError } from "./errors.ts";
import type { NetLimits } from "./limits.ts";

const MAX_REPLY_BYTES = 256;

/** Serves `/assay/offer/1`: `admit` checks capacity and says ACCEPT, BUSY or REFUSE; it runs for parties of the job only. */
export function serveOffers(
  transport: Transport,
  options: { readonly limits: NetLimits },
  modules: {
    readonly authenticator: EnvelopeAuthenticator;
    readonly admit: (offer: Offer, from: Hex, signal: AbortSignal) => Promise<OfferReply>;
  },
): void {
  const pending = new Map<Hex, number>();
  transport.serve(OFFER_PROTOCOL, async function* (_peer, request, signal) {
    const { envelope, body } = await modules.authenticator.open(OFFER_PROTOCOL, request);
    const offer = readOffer(body);
    if (offer.jobId !== envelope.jobId) {
      throw new NetError("MESSAGE_MALFORMED", { kind: "offer", reason: "it is about another job than its envelope" });
    }
    const count = pending.get(envelope.from) ?? 0;
    if (count >= options.limits.offersPerPeer) {
      yield encodeOfferReply({ answer: "BUSY", retryAfterMs: options.limits.backoffMs });
      return;
    }
    if (offer.bytes > options.limits.boundaryBytes) {
      yield encodeOfferReply({ answer: "REFUSE", code: "BLOB_TOO_LARGE" });
      return;
    }
    pending.set(envelope.from, count + 1);
    try {
      yield encodeOfferReply(await modules.admit(offer, envelope.from, signal));
    } finally {
      const left = (pending.get(envelope.from) ?? 1) - 1;
      if (left > 0) pending.set(envelope.from, left);
      else pending.delete(envelope.from);
    }
  });
}

/** Offers a blob; returns the bytes that the receiver wants put: 0 if it has it, or fetches it. Errors OFFER_BUSY, OFFER_REFUSED, MESSAGE_MALFORMED, those of `call`. */
export async function sendOffer(
  options: {
    readonly peer: PeerAddress;
    readonly to: Hex;
    readonly offer: Offer;
    readonly signal: AbortSignal;
    readonly deadlineMs?: number;
  },
  modules: { readonly transport: Transport; readonly sender: EnvelopeSender },
): Promise<number> {
  const { peer, to, offer, signal, deadlineMs = 5_000 } = options;
  const request = modules.sender.wrap({ protocol: OFFER_PROTOCOL, to, jobId: offer.jobId, body: encodeOffer(offer) });
  const chunks: Uint8Array[] = [];
  const call = { signal, deadlineMs, maxReplyBytes: MAX_REPLY_BYTES };
  for await (const chunk of modules.transport.call(peer, OFFER_PROTOCOL, request, call)) chunks.push(chunk);
  const reply = readReply(new Uint8Array(Buffer.concat(chunks)));
  switch (reply.answer) {
    case "ACCEPT":
      return reply.credits;
    case "FETCH":
      return 0;
    case "BUSY":
      throw new NetError("OFFER_BUSY", { peer: peer.url, retryAfterMs: reply.retryAfterMs });
    case "REFUSE":
      throw new NetError("OFFER_REFUSED", { peer: peer.url, code: reply.code });
  }
}

function readOffer(body: Uint8Array): Offer {
  return read("offer", () => decodeOffer(body));
}

function readReply(bytes: Uint8Array): OfferReply {
  return read("offer reply", () => decodeOfferReply(bytes));
}

function read<T>(kind: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw new NetError("MESSAGE_MALFORMED", { kind, reason: isAssayError(cause) ? cause.code : "unknown" }, { cause });
  }
}
