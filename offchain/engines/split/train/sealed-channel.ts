// SPDX-License-Identifier: GPL-3.0-or-later
import type { Hex } from "../../../core/bytes.ts";
import type { CryptoPort } from "../../../core/crypto-port.ts";
import { domainSeparator } from "../../../core/eip712.ts";
import {
  bodyHashOf,
  decodeEnvelope,
  encodeEnvelope,
  envelopeDigest,
  MAX_BODY_BYTES,
  verifyEnvelope,
} from "../../../core/envelope.ts";
import { isAssayError } from "../../../core/errors.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { Signer } from "../../../core/ports/keys.ts";
import { openSealedBlob, sealBlob, sealContext, type SealScope } from "../../../core/seal.ts";
import { unpackSignature } from "../../../core/signature.ts";
import type { Word } from "../../../core/tagged-hash.ts";
import type { Deployment } from "../../../core/types.ts";
import { SplitError } from "../errors.ts";

export const TRAIN_PROTOCOL = "/assay/train/1";
/** Seconds that a message may travel. */
const LIFE_SECONDS = 120n;
/** What sealing to one key adds, at most: the head, one entry, and a tag for every chunk of 64 KiB. */
const SEAL_OVERHEAD = 512;
export const MAX_SEALED_REPLY = MAX_BODY_BYTES + 4_096;

export interface TrainSession extends Deployment {
  /** Names this training; both sides agree on it before. */
  readonly run: Word;
  /** Who is on the other end, by the registry or by agreement. */
  readonly other: { readonly address: Hex; readonly sealKey: Uint8Array };
}

export interface ChannelModules {
  readonly crypto: CryptoPort;
  readonly signer: Signer;
  /** X25519 private key of this side. */
  readonly sealKey: Uint8Array;
  readonly clock: Pick<Clock, "nowMs">;
}

/**
 * Training messages as sealed blobs in signed envelopes. Each is bound to its deployment, run, sender, recipient and number: a message
 * replayed, out of order, cut short, from another run or from anyone else does not open.
 */
export class SealedChannel {
  readonly #session: TrainSession;
  readonly #modules: ChannelModules;
  readonly #domain: Hex;

  constructor(session: TrainSession, modules: ChannelModules) {
    this.#session = session;
    this.#modules = modules;
    this.#domain = domainSeparator(session);
  }

  /** Message `number` of this side. Error: TRAIN_MESSAGE for one too large to travel. */
  pack(number: bigint, plain: Uint8Array): Uint8Array {
    const { crypto, signer, clock } = this.#modules;
    const { run, other } = this.#session;
    if (plain.length + SEAL_OVERHEAD > MAX_BODY_BYTES)
      throw new SplitError("TRAIN_MESSAGE", { reason: `${plain.length} bytes are too many: train on smaller batches` });
    const context = sealContext(this.#scope(number, signer.address));
    const body = sealBlob(crypto, { context, recipients: [other.sealKey], plain });
    const deadline = BigInt(Math.floor(clock.nowMs() / 1000)) + LIFE_SECONDS;
    const { address: from } = signer;
    const envelope = {
      protocol: TRAIN_PROTOCOL,
      from,
      to: other.address,
      jobId: run,
      seq: number,
      deadline,
      bodyHash: bodyHashOf(body),
    };
    const signature = unpackSignature(signer.signDigest(envelopeDigest(this.#domain, envelope)));
    return encodeEnvelope({ envelope, signature, body });
  }

  /** Opens message `number` of the other side, and no other. Error: TRAIN_MESSAGE. */
  unpack(number: bigint, bytes: Uint8Array): Uint8Array {
    const { crypto, signer, sealKey, clock } = this.#modules;
    const { run, other } = this.#session;
    const refuse = (reason: string, cause?: unknown) => new SplitError("TRAIN_MESSAGE", { reason }, { cause });
    try {
      const signed = decodeEnvelope(bytes);
      const { from, jobId, seq } = signed.envelope;
      if (from !== other.address.toLowerCase()) throw refuse("a stranger sent it");
      if (jobId !== run.toLowerCase()) throw refuse("it is of another training");
      if (seq !== number) throw refuse(`it is message ${seq}, ${number} is due`);
      const now = BigInt(Math.floor(clock.nowMs() / 1000));
      const expected = {
        domain: this.#domain,
        protocol: TRAIN_PROTOCOL,
        to: signer.address,
        now,
        maxAhead: LIFE_SECONDS,
      };
      verifyEnvelope(signed, expected);
      const context = sealContext(this.#scope(number, other.address));
      return openSealedBlob(crypto, signed.body, { context, privateKey: sealKey, maxBytes: MAX_BODY_BYTES });
    } catch (error) {
      if (!isAssayError(error) || error.code === "TRAIN_MESSAGE") throw error;
      throw refuse(error.message, error);
    }
  }

  /** The number takes the place of a boundary; the envelope has all its bits. */
  #scope(number: bigint, sender: Hex): SealScope {
    const { chainId, hub, run } = this.#session;
    return { chainId, hub, jobId: run, boundary: Number(number & 0xffffn), lane: 0, sender };
  }
}
