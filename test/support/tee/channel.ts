// SPDX-License-Identifier: GPL-3.0-or-later
import { fromHex, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import {
  addressOfKey,
  packSignature,
  recoverSigner,
  signDigest,
  unpackSignature,
} from "../../../offchain/core/signature.ts";
import { toWord, type Word } from "../../../offchain/core/tagged-hash.ts";
import { ChannelSession, type ChannelOptions } from "../../../offchain/engines/tee/channel/session.ts";
import { dhKeyPair, type DhKeyPair } from "../../../offchain/engines/tee/channel/primitives.ts";

/** An enclave's keys, by number. */
export interface TestEnclave {
  readonly address: Hex;
  readonly channel: DhKeyPair;
  readonly channelKey: Word;
  readonly sign: (digest: Word) => Uint8Array;
}

export function testEnclave(n: number): TestEnclave {
  const secret = fromHex(toWord(1000 + n), 32);
  const channel = dhKeyPair(fromHex(toWord(2000 + n), 32));
  return {
    address: addressOfKey(secret),
    channel,
    channelKey: toHex(channel.publicKey),
    sign: (digest) => packSignature(signDigest(fromHex(digest, 32), secret)),
  };
}

export function recover(digest: Word, signature: Uint8Array): Hex | undefined {
  try {
    return recoverSigner(fromHex(digest, 32), unpackSignature(signature));
  } catch {
    return undefined;
  }
}

export const [ALICE, BOB, EVE] = [testEnclave(1), testEnclave(2), testEnclave(3)] as const;

/** Options of one end between two enclaves; `other` is who the schedule names. */
export function channelEnd(
  isInitiator: boolean,
  change: Partial<ChannelOptions> = {},
  [own, other] = isInitiator ? [ALICE, BOB] : [BOB, ALICE],
): ChannelOptions {
  return {
    pattern: "XX",
    isInitiator,
    purpose: {
      chainId: 31_337n,
      registry: `0x${"77".repeat(20)}`,
      jobId: toWord(5),
      fromStage: 0,
      toStage: 1,
      initiatorKey: ALICE.address,
      responderKey: BOB.address,
      scheduleHash: toWord(6),
    },
    staticKey: own.channel,
    peer: { channelKey: other.channelKey, expiry: 2000n },
    now: 1000n,
    payload: Uint8Array.of(isInitiator ? 1 : 2),
    admitPeer: () => undefined,
    sign: own.sign,
    recover,
    maxBytes: 2 ** 22,
    ...change,
  };
}

export const joined = (pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));

/** Runs both ends against each other until nobody has anything to say; `tamper` may change what passes. */
export function shake(
  initiator: ChannelSession,
  responder: ChannelSession,
  tamper: (bytes: Uint8Array, index: number) => Uint8Array = (bytes) => bytes,
): void {
  let message = joined(initiator.start());
  let [to, from] = [responder, initiator];
  for (let index = 0; message.length > 0; index++) {
    const { reply } = to.receive(tamper(message, index));
    message = joined(reply);
    [to, from] = [from, to];
  }
}

export function openPair(change: Partial<ChannelOptions> = {}): [ChannelSession, ChannelSession] {
  const pair: [ChannelSession, ChannelSession] = [
    new ChannelSession(channelEnd(true, change)),
    new ChannelSession(channelEnd(false, change)),
  ];
  shake(...pair);
  return pair;
}
