// SPDX-License-Identifier: MIT
import type { AbiType, AbiValue } from "./abi.ts";

// Mirror of contracts/types/Types.sol, which is normative. Field order is hashed.

/** Stages a program may have (protocol.md section 5). */
export const MAX_STAGES = 8;

// Evidence kinds: bits of `Policy.mask`.
export const VOTE = 1;
export const PROOF = 2;
export const ENCLAVE = 4;
export const CIPHER = 8;
export const OPTIMISTIC = 16;

export const FLAG_CRITICAL = 1;
export const FLAG_ACCEPT_DOWNGRADE = 2;
export const FLAG_SMALL_POOL = 4;
export const FLAG_STANDBY = 8;
export const FLAG_JOIN = 16;
/** The requester accepts boundaries above the leakage limits, as the model's report states them. Read by workers, not by the hub. */
export const FLAG_ACCEPT_EXPOSURE = 32;

export const STATE_NONE = 0;
export const STATE_OPEN = 1;
export const STATE_PROPOSED = 2;
export const STATE_HUNG = 3;
export const STATE_WINDOW = 4;
export const STATE_FINAL = 5;
export const STATE_CLOSED = 6;
/** By state number. */
export const STATE_NAMES = ["NONE", "OPEN", "PROPOSED", "HUNG", "WINDOW", "FINAL", "CLOSED"] as const;

export const REASON_CANCELLED = 1;
export const REASON_EXPIRED = 2;
export const REASON_INPUT_UNAVAILABLE = 3;
export const REASON_UNRESOLVED = 4;
/** By reason number. */
export const REASON_NAMES = ["NONE", "CANCELLED", "EXPIRED", "INPUT_UNAVAILABLE", "UNRESOLVED"] as const;

export const ZERO_BYTES32 = `0x${"0".repeat(64)}` as const;
export const ZERO_ADDRESS = `0x${"0".repeat(40)}` as const;
export const SAID_ABSENT = ZERO_BYTES32;
export const SAID_ABSTAIN = `0x${"0".repeat(63)}1` as const;
export const SAID_UNREVEALED = `0x${"0".repeat(63)}2` as const;

export const KIND_PUBLIC = 0;
export const KIND_SALTED = 1;
export const KIND_BLINDED = 2;
export const KIND_CIPHER = 3;
export type DigestKind = 0 | 1 | 2 | 3;
/** By kind number. */
export const KIND_NAMES = ["PUBLIC", "SALTED", "BLINDED", "CIPHER"] as const;

/** `policy.cls` of jobs whose floats are compared within a tolerance; 0: exact. */
export const CLASS_T = 1;
export const PLACE_NETWORK = 0;
export const PLACE_CLIENT = 1;
export const PRODUCER_INPUT = 0xffff;
export const NO_PROBE = 0xffff;
/** Of a Claim: what the client made of a job's result, outside every stage. */
export const STAGE_CLIENT = 0xffff;

export const STAGE_INFO = {
  struct: {
    place: "uint8",
    inKind: "uint8",
    outKind: "uint8",
    probe: "uint16",
    kernel: "bytes32",
    keyId: "bytes32",
    weightsX: "bytes32",
    weightsY: "bytes32",
    producers: { array: "uint16" },
  },
} as const satisfies AbiType;

export const MODEL_MANIFEST = {
  struct: {
    name: "string",
    programRoot: "bytes32",
    stages: { array: STAGE_INFO },
    acceptedMasks: "uint32",
    workUnits: "uint64",
    weightsHash: "bytes32",
    reportHash: "bytes32",
    toolsHash: "bytes32",
  },
} as const satisfies AbiType;

export const POLICY = {
  struct: {
    mask: "uint8",
    k: "uint8",
    auditBps: "uint16",
    cls: "uint8",
    flags: "uint32",
    seatStake: "uint96",
    window: "uint32",
    tWork: "uint32",
    tReveal: "uint32",
    ticketClass: "uint32",
  },
} as const satisfies AbiType;

export const SPEC = {
  struct: {
    modelId: "bytes32",
    inDigest: "bytes32",
    inputRef: "bytes32",
    stages: "uint8",
    policy: POLICY,
    seatReward: "uint96",
    pokeFee: "uint96",
    insuredValue: "uint96",
    client: "address",
    callback: "address",
    callbackGas: "uint32",
    expiry: "uint48",
    paramsVersion: "uint32",
    resultKey: "bytes32",
  },
} as const satisfies AbiType;

export const JOB = { struct: { requester: "address", nonce: "uint96", spec: SPEC } } as const satisfies AbiType;

export const PARENT = {
  struct: {
    jobId: "bytes32",
    outDigest: "bytes32",
    recordHash: "bytes32",
    fedDigest: "bytes32",
    r: "bytes32",
    vs: "bytes32",
  },
} as const satisfies AbiType;

export const TALLY = {
  struct: {
    stage: "uint16",
    round: "uint8",
    seats: { array: "uint32" },
    said: { array: "bytes32" },
    challenger: "address",
    bond: "uint96",
  },
} as const satisfies AbiType;

export const RECORD = {
  struct: {
    seats: { array: "uint32" },
    boundaries: { array: "bytes32" },
    tallies: { array: TALLY },
    decided: "uint32",
  },
} as const satisfies AbiType;

export const OPENING = {
  struct: { which: "uint8", salt: "bytes32", r: "bytes32", vs: "bytes32" },
} as const satisfies AbiType;

export const STAGE_VOTES = {
  struct: { outs: { array: "bytes32" }, payloads: { array: "bytes32" }, seats: { array: OPENING } },
} as const satisfies AbiType;

/** Class T: `which` of an opening points at a triple (outs[i], a[i], b[i]) of outDigest and sketches. */
export const SKETCH_VOTES = {
  struct: {
    outs: { array: "bytes32" },
    a: { array: "bytes32" },
    b: { array: "bytes32" },
    seats: { array: OPENING },
  },
} as const satisfies AbiType;

/** Class T: whose output a committee delivers. */
export const DELIVERY = {
  struct: { seat: "uint8", output: "bytes", pastA: { array: "bytes32" }, pastB: { array: "bytes32" } },
} as const satisfies AbiType;

export const STAGE_PROOF = {
  struct: { worker: "address", outDigest: "bytes32", evidence: "bytes" },
} as const satisfies AbiType;

export const SIGNED_COMMIT = {
  struct: { seat: "uint8", commitment: "bytes32", r: "bytes32", vs: "bytes32" },
} as const satisfies AbiType;

export const PARAMETER_SET = {
  struct: {
    minWindow: "uint32",
    minWork: "uint32",
    minReveal: "uint32",
    hung: "uint32",
    hungLast: "uint32",
    clientTime: "uint32",
    moveTime: "uint32",
    jobLife: "uint32",
    lateCourt: "uint32",
    feeBps: "uint16",
    forceUninsured: "bool",
    localOnly: "bool",
  },
} as const satisfies AbiType;

export type StageInfo = AbiValue<typeof STAGE_INFO>;
export type ModelManifest = AbiValue<typeof MODEL_MANIFEST>;
export type Policy = AbiValue<typeof POLICY>;
export type Spec = AbiValue<typeof SPEC>;
export type Job = AbiValue<typeof JOB>;
export type Parent = AbiValue<typeof PARENT>;
export type Tally = AbiValue<typeof TALLY>;
export type Record = AbiValue<typeof RECORD>;
export type Opening = AbiValue<typeof OPENING>;
export type StageVotes = AbiValue<typeof STAGE_VOTES>;
export type SketchVotes = AbiValue<typeof SKETCH_VOTES>;
export type Delivery = AbiValue<typeof DELIVERY>;
export type StageProof = AbiValue<typeof STAGE_PROOF>;
export type SignedCommit = AbiValue<typeof SIGNED_COMMIT>;
export type ParameterSet = AbiValue<typeof PARAMETER_SET>;

/** Where a job lives: every id, signature and seal is bound to it. */
export interface Deployment {
  readonly chainId: bigint;
  readonly hub: `0x${string}`;
}
