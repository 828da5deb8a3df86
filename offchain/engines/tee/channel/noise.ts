// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { ChannelError } from "./errors.ts";
import { dh, generateDhKeyPair, hash, hkdf2, open, seal, TAG_BYTES, type DhKeyPair } from "./primitives.ts";

// The Noise Protocol Framework, revision 34: Noise_XX and Noise_IK over 25519, ChaChaPoly and SHA256.

type Token = "e" | "s" | "ee" | "es" | "se" | "ss";
export type NoisePattern = "XX" | "IK";

const MESSAGES: Readonly<Record<NoisePattern, readonly (readonly Token[])[]>> = {
  XX: [["e"], ["e", "ee", "s", "es"], ["s", "se"]],
  IK: [
    ["e", "es", "s", "ss"],
    ["e", "ee", "se"],
  ],
};
const DH_BYTES = 32;
export const MAX_NOISE_MESSAGE = 65_535;

export interface HandshakeOptions {
  readonly pattern: NoisePattern;
  readonly isInitiator: boolean;
  readonly prologue: Uint8Array;
  readonly staticKey: DhKeyPair;
  /** The responder's static key: the initiator of IK knows it beforehand. */
  readonly remoteStatic?: Uint8Array;
  /** Known ephemeral keys are for test vectors only. */
  readonly ephemeral?: DhKeyPair;
}

export interface TransportKeys {
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
}

const refuse = (detail: string): never => {
  throw new ChannelError("CHANNEL_HANDSHAKE", { detail });
};

/** One handshake, once: any refusal ends it for good. */
export class NoiseHandshake {
  readonly #isInitiator: boolean;
  readonly #messages: readonly (readonly Token[])[];
  readonly #static: DhKeyPair;
  #ephemeral: DhKeyPair | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #remoteStatic: Uint8Array | undefined;
  #key: Uint8Array | undefined;
  #counter = 0n;
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #next = 0;
  #isDead = false;

  constructor(options: HandshakeOptions) {
    const { pattern, isInitiator, prologue, staticKey, remoteStatic, ephemeral } = options;
    this.#isInitiator = isInitiator;
    this.#messages = MESSAGES[pattern];
    this.#static = staticKey;
    this.#ephemeral = ephemeral;
    const name = utf8(`Noise_${pattern}_25519_ChaChaPoly_SHA256`);
    this.#hash = name.length <= 32 ? concatBytes(name, new Uint8Array(32 - name.length)) : hash(name);
    this.#chainingKey = this.#hash;
    this.#mixHash(prologue);
    if (pattern === "IK") {
      this.#remoteStatic = isInitiator ? remoteStatic : undefined;
      const known = isInitiator ? remoteStatic : staticKey.publicKey;
      this.#mixHash(known?.length === DH_BYTES ? known : refuse("the responder's key must be known"));
    }
  }

  get isDone(): boolean {
    return this.#next === this.#messages.length;
  }
  /** Whether this side writes the next message. */
  get isMyTurn(): boolean {
    return !this.isDone && (this.#next % 2 === 0) === this.#isInitiator;
  }
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }
  /** Binds everything exchanged; the same on both sides when done. */
  get handshakeHash(): Uint8Array {
    return this.#hash;
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = hash(this.#hash, data);
  }

  #mixKey(input: Uint8Array | undefined): void {
    if (input === undefined) return refuse("a key of low order");
    [this.#chainingKey, this.#key] = hkdf2(this.#chainingKey, input);
    this.#counter = 0n;
  }

  #seal(plain: Uint8Array): Uint8Array {
    const out = this.#key === undefined ? plain : seal(this.#key, this.#counter++, this.#hash, plain);
    this.#mixHash(out);
    return out;
  }

  #open(sealed: Uint8Array): Uint8Array {
    const plain = this.#key === undefined ? sealed : open(this.#key, this.#counter++, this.#hash, sealed);
    if (plain === undefined) return refuse("a message does not authenticate");
    this.#mixHash(sealed);
    return plain;
  }

  /** `es` is the initiator's ephemeral with the responder's static key, `se` the other way round. */
  #mixDh(token: "ee" | "es" | "se" | "ss"): void {
    const [mine, theirs] = this.#isInitiator ? [token[0], token[1]] : [token[1], token[0]];
    const own = mine === "e" ? this.#ephemeral : this.#static;
    const other = theirs === "e" ? this.#remoteEphemeral : this.#remoteStatic;
    if (own === undefined || other === undefined) return refuse("a key is missing");
    this.#mixKey(dh(own.privateKey, other));
  }

  #begin(isWriting: boolean): readonly Token[] {
    const tokens = this.#messages[this.#next];
    if (this.#isDead) return refuse("it failed before");
    if (tokens === undefined || this.isMyTurn !== isWriting) {
      this.#isDead = true;
      return refuse("a message out of turn");
    }
    this.#isDead = true;
    return tokens;
  }

  /** The next message. Its payload is as secret as the pattern says: that of a first message is not. */
  write(payload: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const token of this.#begin(true)) {
      if (token === "e") {
        this.#ephemeral ??= generateDhKeyPair();
        this.#mixHash(this.#ephemeral.publicKey);
        parts.push(this.#ephemeral.publicKey);
      } else if (token === "s") parts.push(this.#seal(this.#static.publicKey));
      else this.#mixDh(token);
    }
    parts.push(this.#seal(payload));
    const message = concatBytes(...parts);
    if (message.length > MAX_NOISE_MESSAGE) return refuse("the payload is too long");
    this.#next++;
    this.#isDead = false;
    return message;
  }

  /** The payload of the peer's next message. Error: CHANNEL_HANDSHAKE, after which the handshake is dead. */
  read(message: Uint8Array): Uint8Array {
    const tokens = this.#begin(false);
    if (message.length > MAX_NOISE_MESSAGE) return refuse("a message is too long");
    let at = 0;
    const take = (length: number): Uint8Array => {
      if (message.length - at < length) return refuse("a message is truncated");
      at += length;
      return message.slice(at - length, at);
    };
    for (const token of tokens) {
      if (token === "e") {
        this.#remoteEphemeral = take(DH_BYTES);
        this.#mixHash(this.#remoteEphemeral);
      } else if (token === "s") {
        this.#remoteStatic = this.#open(take(DH_BYTES + (this.#key === undefined ? 0 : TAG_BYTES)));
      } else this.#mixDh(token);
    }
    const payload = this.#open(take(message.length - at));
    this.#next++;
    this.#isDead = false;
    return payload;
  }

  /** Keys of both directions. Error: CHANNEL_HANDSHAKE before the end. */
  split(): TransportKeys {
    if (!this.isDone || this.#isDead) return refuse("it is not finished");
    const [first, second] = hkdf2(this.#chainingKey, new Uint8Array());
    return this.#isInitiator ? { send: first, receive: second } : { send: second, receive: first };
  }
}
