// SPDX-License-Identifier: GPL-3.0-or-later
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "../../core/abi.ts";
import { ByteReader } from "../../core/byte-reader.ts";
import { ByteWriter } from "../../core/byte-writer.ts";
import { MAX_CHANNEL_DATA, MAX_CHANNEL_REPLY } from "../../core/channel-wire.ts";
import { MAX_RESULT_BYTES } from "../../core/result-request.ts";
import { MAX_EVIDENCE_BYTES as MAX_PROOF_BYTES } from "../../core/proof-wire.ts";
import { JOB } from "../../core/types.ts";
import { MAX_EVIDENCE_BYTES } from "../../engines/tee/verify.ts";
import { NodeError } from "../errors.ts";
import { COMMITTEE_MESSAGES } from "./committee/messages.ts";

/** One kind of question and its answer: a head of fixed form, and raw bytes behind it up to a limit. */
interface Message {
  readonly number: number;
  readonly ask: AbiType;
  readonly askTail: number;
  readonly reply: AbiType;
  readonly replyTail: number;
}

const MIB = 1 << 20;
/** Bytes of a channel between two enclaves that one message carries: of the data's side, and of the answering one. */
export const CHANNEL_BYTES = { data: MAX_CHANNEL_DATA, reply: MAX_CHANNEL_REPLY } as const;
const NOTHING = { struct: { version: "uint8" } } as const;

/**
 * All that a host and its enclave say to each other. The host asks, the enclave answers. No message has a place for an input in clear
 * that is not public, an activation, a salt or a key; names and numbers never change their meaning.
 */
export const MESSAGES = {
  /** First, and once: for which chain and worker. What the enclave is: its keys and what it declares of itself. */
  boot: {
    number: 1,
    ask: { struct: { chainId: "uint256", hub: "address", registry: "address", worker: "address" } },
    askTail: 0,
    reply: {
      struct: {
        key: "address",
        channelKey: "bytes32",
        sealKey: "bytes32",
        runtime: "bytes",
        kind: "string",
        simulated: "bool",
      },
    },
    replyTail: 0,
  },
  /** Evidence over the keys, for one more registration. The tail is the quote. */
  quote: {
    number: 2,
    ask: { struct: { epoch: "uint16", challenge: "bytes32" } },
    askTail: 0,
    reply: { struct: { format: "string" } },
    replyTail: MAX_EVIDENCE_BYTES,
  },
  /** A job and its input as the client sealed it, or a public one. */
  open: {
    number: 3,
    ask: { struct: { job: JOB, boundary: "uint16", sender: "address", isPublic: "bool" } },
    askTail: 65 * MIB,
    reply: NOTHING,
    replyTail: 0,
  },
  /** What a stage of an opened or ordered job came to. The tail is the last one's output sealed to the job's result key, empty if it names none. */
  run: {
    number: 4,
    ask: { struct: { jobId: "bytes32", stage: "uint8", epoch: "uint16" } },
    askTail: 0,
    reply: { struct: { outDigest: "bytes32", payload: "bytes32", evidence: "bytes" } },
    replyTail: MAX_RESULT_BYTES + MIB,
  },
  forget: {
    number: 5,
    ask: { struct: { jobId: "bytes32" } },
    askTail: 0,
    reply: NOTHING,
    replyTail: 0,
  },
  /** As `open`, of a critical job. Which enclaves the client chose, one pair a stage, is no secret: the chain will tell. */
  order: {
    number: 6,
    ask: { struct: { job: JOB, boundary: "uint16", sender: "address" } },
    askTail: 65 * MIB,
    reply: { struct: { attempt: "uint16", pairs: { array: { struct: { prover: "address", second: "address" } } } } },
    replyTail: 0,
  },
  /** The proof of a stage of an ordered job, made inside. The tail is abi.encode(ProofEvidence); `r` and `vs` are of EnclaveProof, `result` is as `run`'s. */
  prove: {
    number: 7,
    ask: { struct: { jobId: "bytes32", stage: "uint8", epoch: "uint16", deadlineMs: "uint64" } },
    askTail: 0,
    reply: { struct: { outDigest: "bytes32", result: "bytes", r: "bytes32", vs: "bytes32" } },
    replyTail: MAX_PROOF_BYTES,
  },
  /**
   * As `open`, of a job whose stages several enclaves share: the tail is the client's sealed `ScheduleOrder`. Who runs what is no secret,
   * for the chain tells it: the own run, and the workers before and after it, 0 where there is none.
   */
  schedule: {
    number: 8,
    ask: { struct: { job: JOB, boundary: "uint16", sender: "address" } },
    askTail: 65 * MIB,
    reply: { struct: { attempt: "uint16", first: "uint8", last: "uint8", previous: "address", next: "address" } },
    replyTail: 0,
  },
  /** Begins a channel to the next run's enclave, anew each time. The tail is its first handshake message. */
  dial: {
    number: 9,
    ask: { struct: { jobId: "bytes32" } },
    askTail: 0,
    reply: NOTHING,
    replyTail: CHANNEL_BYTES.reply,
  },
  /**
   * Bytes of a channel that came from the other enclave, and what goes back. `isFirst`: a dialler's first, which ends what another one
   * began. `isOver`: the boundary is here, whole.
   */
  step: {
    number: 10,
    ask: { struct: { jobId: "bytes32", isDialler: "bool", isFirst: "bool" } },
    askTail: CHANNEL_BYTES.data,
    reply: { struct: { isOpen: "bool", isOver: "bool" } },
    replyTail: CHANNEL_BYTES.reply,
  },
  /** The next sealed frames of the run's output, for the dialled channel. */
  feed: {
    number: 11,
    ask: { struct: { jobId: "bytes32" } },
    askTail: 0,
    reply: { struct: { isLast: "bool" } },
    replyTail: CHANNEL_BYTES.data,
  },
  /** What the own run came to, a result a stage; none if its input is not what the model takes. The tail is as `run`'s, of the last run. */
  compute: {
    number: 12,
    ask: { struct: { jobId: "bytes32", epoch: "uint16" } },
    askTail: 0,
    reply: { struct: { results: { array: { struct: { stage: "uint8", outDigest: "bytes32", evidence: "bytes" } } } } },
    replyTail: MAX_RESULT_BYTES + MIB,
  },
  ...COMMITTEE_MESSAGES,
} as const satisfies Readonly<Record<string, Message>>;

export type MessageName = keyof typeof MESSAGES;
export type Ask<N extends MessageName> = AbiValue<(typeof MESSAGES)[N]["ask"]>;
export type Reply<N extends MessageName> = AbiValue<(typeof MESSAGES)[N]["reply"]>;
export const DONE = { version: 1 } as const;

/** Why an enclave refuses: a closed list, because a free text could say too much. */
export const REFUSALS = [
  "BUSY",
  "CHANNEL",
  "EPOCH",
  "EVIDENCE",
  "FAILED",
  "INPUT",
  "INPUT_MISMATCH",
  "JOB",
  "JOB_UNKNOWN",
  "PEER",
  "STATE",
  // No proof was made, or can be made here.
  "PROOF",
  // Not of this enclave's committees, or it holds no share of that one.
  "COMMITTEE",
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type Side = "ask" | "reply";
export type Tailed<T> = T & { readonly tail: Uint8Array };
export type Asked = { readonly [N in MessageName]: { readonly id: number; readonly name: N; readonly body: Ask<N>; readonly tail: Uint8Array } }[MessageName]; // prettier-ignore
export type Replied =
  | { readonly [N in MessageName]: { readonly id: number; readonly name: N; readonly body: Reply<N>; readonly tail: Uint8Array } }[MessageName] // prettier-ignore
  | { readonly id: number; readonly name: "refused"; readonly refusal: Refusal };

const REPLY_BIT = 0x80;
const REFUSED = 0xff;
/** id 4, type 1, head's length 4. */
const FIXED = 9;
const MAX_HEAD = 16_384;
const EMPTY: Uint8Array = new Uint8Array();

const invalid = (reason: string, cause?: unknown) => new NodeError("ENCLAVE_WIRE", { reason }, { cause });
const nameOf = (number: number): MessageName | undefined =>
  (Object.keys(MESSAGES) as MessageName[]).find((name) => MESSAGES[name].number === number);

/** Longest frame of a type, after its length field; undefined for types that this side never sends. */
function limitOf(side: Side, type: number): number | undefined {
  if (type === REFUSED) return side === "reply" ? FIXED + 1 : undefined;
  const name = nameOf(type & ~REPLY_BIT);
  if (name === undefined || type >= REPLY_BIT !== (side === "reply")) return undefined;
  return FIXED + MAX_HEAD + (side === "ask" ? MESSAGES[name].askTail : MESSAGES[name].replyTail);
}

/** u32le length of the rest, u32le id, u8 type, u32le length of the head, head, tail. */
function frame(id: number, type: number, head: Uint8Array, tail: Uint8Array): Uint8Array {
  const writer = new ByteWriter().u32le(FIXED + head.length + tail.length).u32le(id).u8(type); // prettier-ignore
  return writer.u32le(head.length).raw(head).raw(tail).finish();
}

export function encodeAsk<N extends MessageName>(id: number, name: N, body: Ask<N>, tail = EMPTY): Uint8Array {
  const { number, ask } = MESSAGES[name];
  return frame(id, number, encodeAbi([ask as AbiType], [body as never]), tail);
}

export function encodeReply<N extends MessageName>(id: number, name: N, body: Reply<N>, tail = EMPTY): Uint8Array {
  const { number, reply } = MESSAGES[name];
  return frame(id, number | REPLY_BIT, encodeAbi([reply as AbiType], [body as never]), tail);
}

export const encodeRefusal = (id: number, refusal: Refusal): Uint8Array =>
  frame(id, REFUSED, Uint8Array.of(REFUSALS.indexOf(refusal)), EMPTY);

interface Parsed {
  readonly id: number;
  readonly type: number;
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

function parse(side: Side, bytes: Uint8Array): Parsed {
  const reader = new ByteReader(bytes, "A message of the enclave's wire");
  const [id, type, length] = [reader.u32le(), reader.u8(), reader.u32le()];
  if (limitOf(side, type) === undefined) throw invalid(`type ${type}`);
  if (length > MAX_HEAD) throw invalid(`a head of ${length} bytes`);
  const head = reader.raw(length).slice();
  return { id, type, head, tail: reader.raw(reader.remaining).slice() };
}

function decodeHead(type: AbiType, head: Uint8Array): unknown {
  const [value] = decodeAbi([type], head);
  return value;
}

/** One question, of the bytes behind its length. Errors: ENCLAVE_WIRE, and those of the ABI decoder. */
export function decodeAsk(bytes: Uint8Array): Asked {
  const { id, type, head, tail } = parse("ask", bytes);
  const name = nameOf(type) as MessageName;
  if (tail.length > MESSAGES[name].askTail) throw invalid(`${tail.length} bytes behind ${name}`);
  return { id, name, body: decodeHead(MESSAGES[name].ask, head), tail } as Asked;
}

/** One answer. Errors: as `decodeAsk`. */
export function decodeReply(bytes: Uint8Array): Replied {
  const { id, type, head, tail } = parse("reply", bytes);
  if (type === REFUSED) {
    const refusal = REFUSALS[head[0] ?? REFUSALS.length];
    if (head.length !== 1 || tail.length > 0 || refusal === undefined) throw invalid("a refusal of another form");
    return { id, name: "refused", refusal };
  }
  const name = nameOf(type & ~REPLY_BIT) as MessageName;
  if (tail.length > MESSAGES[name].replyTail) throw invalid(`${tail.length} bytes behind ${name}`);
  return { id, name, body: decodeHead(MESSAGES[name].reply, head), tail } as Replied;
}

/**
 * Cuts a stream into frames. A length above what its type may have is refused from the first nine bytes on: nothing larger is ever held.
 */
export class FrameReader {
  readonly #side: Side;
  #held: Uint8Array[] = [];
  #count = 0;

  constructor(side: Side) {
    this.#side = side;
  }

  /** Frames that are complete now, without their length. Error: ENCLAVE_WIRE; the stream is then good for nothing. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#held.push(chunk);
    this.#count += chunk.length;
    const frames: Uint8Array[] = [];
    for (;;) {
      const need = this.#need();
      if (need === undefined || this.#count < need) return frames;
      const all = this.#join();
      frames.push(all.slice(4, need));
      this.#held = need === all.length ? [] : [all.subarray(need)];
      this.#count -= need;
    }
  }

  /** Whether a frame has begun and not ended. */
  get isPartial(): boolean {
    return this.#count > 0;
  }

  /** Bytes of the frame that has begun, with its length field; undefined while not even that is known. */
  #need(): number | undefined {
    if (this.#count < 9) return undefined;
    const reader = new ByteReader(this.#first(9), "A frame");
    const length = reader.u32le();
    reader.u32le();
    const type = reader.u8();
    const limit = limitOf(this.#side, type);
    if (limit === undefined) throw invalid(`type ${type}`);
    if (length < FIXED || length > limit) throw invalid(`a frame of ${length} bytes, of type ${type}`);
    return 4 + length;
  }

  #first(count: number): Uint8Array {
    const [first] = this.#held;
    return first !== undefined && first.length >= count ? first : this.#join();
  }

  #join(): Uint8Array {
    const [only] = this.#held;
    if (this.#held.length === 1 && only !== undefined) return only;
    const all = new Uint8Array(this.#count);
    let at = 0;
    for (const part of this.#held) {
      all.set(part, at);
      at += part.length;
    }
    this.#held = [all];
    return all;
  }
}
