// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../core/bytes.ts";
import { decodeEnvelope, verifyEnvelope } from "../../core/envelope.ts";
import type { SignedEnvelope } from "../../core/envelope.ts";
import { isAssayError } from "../../core/errors.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { NetError } from "./errors.ts";
import { SEQ_PER_MS } from "./envelope-sender.ts";

export interface AuthenticatorOptions {
  /** This deployment's `domainSeparator`: envelopes of another chain or hub do not verify. */
  readonly domain: Hex;
  /** This worker's address. */
  readonly self: Hex;
  /** Furthest deadline taken seriously, seconds from now. */
  readonly maxAheadSeconds?: number;
  /** Numbers remembered per sender (default 4096): so many newer envelopes may overtake a late one. */
  readonly window?: number;
}

export interface AuthenticatorModules {
  readonly clock: Pick<Clock, "nowMs">;
  /** Has this address a part in this job (a seat, its requester, its client)? Asked before any expensive check. */
  readonly isParty: (from: Hex, jobId: Hex) => boolean | Promise<boolean>;
}

/** Senders remembered; forgetting one raises the floor for all that are not. */
const MAX_SENDERS = 4096;

interface Seen {
  /** Everything up to here counts as seen. */
  floor: bigint;
  recent: Set<bigint>;
}

/**
 * Opens envelopes. Refuses, each with its own code: malformed bytes, another protocol or recipient, expired or far-off deadlines,
 * strangers, replays, wrong signatures. A restart forgets what was seen, so numbers from before it (they tell time) are replays too.
 */
export class EnvelopeAuthenticator {
  readonly #options: AuthenticatorOptions;
  readonly #modules: AuthenticatorModules;
  readonly #senders = new Map<Hex, Seen>();
  #floor: bigint;

  constructor(options: AuthenticatorOptions, modules: AuthenticatorModules) {
    this.#options = options;
    this.#modules = modules;
    this.#floor = BigInt(modules.clock.nowMs()) * SEQ_PER_MS;
  }

  /** Errors: ENVELOPE_*. */
  async open(protocol: string, bytes: Uint8Array): Promise<SignedEnvelope> {
    const signed = decode(bytes);
    const { envelope } = signed;
    const { domain, self, maxAheadSeconds = 600 } = this.#options;
    if (envelope.protocol !== protocol) {
      throw new NetError("ENVELOPE_PROTOCOL", { have: envelope.protocol, want: protocol });
    }
    if (envelope.to !== self.toLowerCase()) throw new NetError("ENVELOPE_RECIPIENT", { to: envelope.to });
    const now = BigInt(Math.floor(this.#modules.clock.nowMs() / 1000));
    const maxAhead = BigInt(maxAheadSeconds);
    if (envelope.deadline < now || envelope.deadline > now + maxAhead) {
      throw new NetError("ENVELOPE_EXPIRED", { deadline: envelope.deadline });
    }
    // Strangers are turned away before a signature is checked, which costs a thousand times more than sending one.
    if (!(await this.#modules.isParty(envelope.from, envelope.jobId))) {
      throw new NetError("ENVELOPE_STRANGER", { from: envelope.from, job: envelope.jobId });
    }
    this.#refuseReplay(envelope.from, envelope.seq);
    try {
      verifyEnvelope(signed, { domain, protocol, to: self, now, maxAhead });
    } catch (cause) {
      throw new NetError("ENVELOPE_SIGNATURE", {}, { cause });
    }
    // Only now: a forger must not be able to use up its victim's numbers. No await since the check above.
    this.#remember(envelope.from, envelope.seq);
    return signed;
  }

  #refuseReplay(from: Hex, seq: bigint): void {
    const seen = this.#senders.get(from);
    const old = seen ? seq <= seen.floor || seen.recent.has(seq) : seq < this.#floor;
    if (old) throw new NetError("ENVELOPE_REPLAYED", { seq, from });
  }

  #remember(from: Hex, seq: bigint): void {
    const seen = this.#senders.get(from) ?? { floor: this.#floor - 1n, recent: new Set<bigint>() };
    this.#senders.delete(from); // re-inserted last: the map's order is least recently used first
    this.#senders.set(from, seen);
    seen.recent.add(seq);
    const window = this.#options.window ?? 4096;
    if (seen.recent.size > window) {
      const ascending = [...seen.recent].toSorted((a, b) => (a < b ? -1 : 1));
      const forgotten = Math.ceil(window / 2); // half at once, so that sorting is rare
      seen.floor = ascending[forgotten - 1] ?? seen.floor;
      seen.recent = new Set(ascending.slice(forgotten));
    }
    if (this.#senders.size <= MAX_SENDERS) return;
    const [oldest] = this.#senders;
    if (!oldest) return;
    this.#senders.delete(oldest[0]);
    for (const one of oldest[1].recent) if (one >= this.#floor) this.#floor = one + 1n;
  }
}

function decode(bytes: Uint8Array): SignedEnvelope {
  try {
    return decodeEnvelope(bytes);
  } catch (cause) {
    throw new NetError("ENVELOPE_MALFORMED", { reason: isAssayError(cause) ? cause.code : "unknown" }, { cause });
  }
}
