// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "./abi.ts";
import { concatBytes, equalBytes, fromHex, toHex, utf8, type Hex } from "./bytes.ts";
import { ByteReader } from "./byte-reader.ts";
import { CoreError } from "./core-errors.ts";
import { ENCLAVE_PAIR } from "./enclave-bundle.ts";
import { platformOf } from "./enclave-status.ts";
import { domainHash, keccak256 } from "./keccak.ts";
import { ENCLAVE, JOB, MODEL_MANIFEST, PARENT, RECORD, ZERO_BYTES32 } from "./types.ts";
import { PROOF_EVIDENCE } from "./zk/evidence.ts";

/** What one seat of a committee left behind. Unused fields are zero. */
const SEAT_EVIDENCE = {
  struct: {
    /** Signing address; 0 if the seat never committed. */
    signer: "address",
    /** Slow path only: on the fast path it follows from the opening. */
    commitment: "bytes32",
    /** Over Commit; 0 if the seat posted its commitment by a transaction of its own. */
    commitR: "bytes32",
    commitVs: "bytes32",
    opened: "bool",
    outDigest: "bytes32",
    /** The probe's digest; in class T sketch A. */
    payload: "bytes32",
    /** In class T sketch B; else 0. */
    extra: "bytes32",
    salt: "bytes32",
    /** Over Reveal; fast path only: on the slow path the commitment binds the opening. */
    revealR: "bytes32",
    revealVs: "bytes32",
  },
} as const satisfies AbiType;

/** The evidence behind `record.tallies[i]`, in the same order. */
const COMMITTEE = { struct: { fast: "bool", seats: { array: SEAT_EVIDENCE } } } as const satisfies AbiType;

/** The proof behind a tally that nobody voted in: a stage of a PROOF job, or a court's ruling. */
const PROVEN = {
  struct: {
    /** Index in `record.tallies`. */
    tally: "uint16",
    /** Of the proven claim: the prover. */
    worker: "address",
    outDigest: "bytes32",
    /** The verification-key record; its hash is the stage's `keyId`. */
    key: "bytes",
    evidence: PROOF_EVIDENCE,
    /** One where the policy asks for enclaves too, else none: what they signed. */
    enclaves: { array: ENCLAVE_PAIR },
  },
} as const satisfies AbiType;

/** What a vendor's evidence rested on when it was judged: DER certificates and lists, and the texts as they were signed. */
const ENDORSEMENT = {
  struct: {
    pck: "bytes",
    ca: "bytes",
    root: "bytes",
    rootCrl: "bytes",
    caCrl: "bytes",
    tcbSigner: "bytes",
    tcbInfo: "bytes",
    tcbInfoSignature: "bytes",
    identitySigner: "bytes",
    identity: "bytes",
    identitySignature: "bytes",
  },
} as const satisfies AbiType;

/** What was shown to the VerdictBoard, whole, of an enclave whose vendor's signatures no chain verifies: drawn attesters judged it. */
const BOARD_EVIDENCE = {
  struct: {
    /** The board's address. */
    board: "address",
    caseId: "uint256",
    /** Number of `EnclaveLib`, without the bit of simulation: 3 AMD SEV-SNP, 4 AWS Nitro. */
    vendor: "uint8",
    /** Unix seconds: the time that it is judged at. */
    openedAt: "uint48",
    evidence: "bytes",
    /** AMD's certificates as `abi.encode(vcek, ask, ark)`; of AWS none. */
    endorsements: "bytes",
  },
} as const satisfies AbiType;

/** The enclave behind a tally that one operator said alone, or shares with others: its signature, and its registration. */
const ENCLAVED = {
  struct: {
    /** Index in `record.tallies`. */
    tally: "uint16",
    /** Of EnclaveResult. */
    channelHash: "bytes32",
    epoch: "uint16",
    r: "bytes32",
    vs: "bytes32",
    /** Where enclaves share a program: which of `schedule`'s plans had it do so. 0 of samples. */
    plan: "uint8",
    /** Of the channel that the stage's input came through: what `channelHash` is recomputed from. Empty where it is 0. */
    handshake: "bytes",
    /** What the evidence bound; the worker is the seat's signer. */
    registry: "address",
    key: "address",
    channelKey: "bytes32",
    sealKey: "bytes32",
    challenge: "bytes32",
    runtime: "bytes",
    /** Unix seconds of the registration: what a quote rested on was current then. */
    registeredAt: "uint48",
    /** The chain marked it: made without hardware, proves nothing. */
    simulated: "bool",
    /** Signed part, signature, attestation key, QE report, its signature, QE authentication data. Empty, as `endorsement`, beside `board`. */
    quote: "bytes",
    endorsement: ENDORSEMENT,
    /** One of evidence that stands at the board, instead of a quote; else none. */
    board: { array: BOARD_EVIDENCE },
  },
} as const satisfies AbiType;

/** How enclaves came to share a program: what each of their plans is recomputed from. */
const SCHEDULE = {
  struct: {
    /** As the chain was told them, in its order. */
    plans: { array: "bytes" },
    /** The candidates' enclaves that the client admitted, in the order of the candidates, as registered before the first plan. */
    candidates: {
      array: {
        struct: {
          workerId: "uint32",
          key: "address",
          /** Numbers of `EnclaveLib`: the vendor with bit 7 if SIMULATED. */
          vendor: "uint8",
          status: "uint8",
          /** Unix seconds. */
          expiry: "uint32",
        },
      },
    },
  },
} as const satisfies AbiType;

const STEP_OPENING = { struct: { chunk: "bytes", path: { array: "bytes32" } } } as const satisfies AbiType;

/** The referee's ruling behind a court's tally of a stage over ciphertexts: who stood for what, and how the games ended. */
const REFEREED = {
  struct: {
    /** Index in `record.tallies`. */
    tally: "uint16",
    /** Whose digest is the verdict, and who is paid. */
    champion: "address",
    /** Their hash is the stage's `kernel`. */
    facts: {
      struct: {
        profile: "uint16",
        levelIn: "uint8",
        levelOut: "uint8",
        depth: "uint8",
        opRoot: "bytes32",
        weightRoot: "bytes32",
      },
    },
    /** In chain order. */
    defences: {
      array: {
        struct: {
          party: "address",
          outDigest: "bytes32",
          traceRoot: "bytes32",
          outBody: "bytes32",
          edge: { array: "bytes32" },
          isDefeated: "bool",
        },
      },
    },
    /** Those that were played to their end. */
    games: {
      array: {
        struct: {
          /** Index in `defences`. */
          defence: "uint16",
          challenger: "address",
          isDefended: "bool",
          isLate: "bool",
          /** One where the defender showed it. */
          steps: {
            array: {
              struct: {
                row: "uint32",
                coordinate: "uint16",
                /** The game ended at the row's leaf: the operation is none. */
                isRow: "bool",
                /** From the chunk, or the row's leaf, to the trace's root. */
                path: { array: "bytes32" },
                record: "bytes32",
                recordPath: { array: "bytes32" },
                chunk: "bytes",
                operands: { array: STEP_OPENING },
              },
            },
          },
        },
      },
    },
  },
} as const satisfies AbiType;

/**
 * A client stage's claim, signed by `spec.client` (`clientClaim`): closes the digest chain, proves nothing. `stage` is its place in the
 * manifest; the first one's `inDigest` is the client's own commitment to the raw input.
 */
const CLIENT_CLAIM = {
  struct: { stage: "uint16", inDigest: "bytes32", outDigest: "bytes32", r: "bytes32", vs: "bytes32" },
} as const satisfies AbiType;

const SETTLEMENT = {
  struct: {
    feeBps: "uint16",
    /** What was left of the escrow when the job was settled. */
    escrow: "uint256",
    /** What the vault really took, one a seat in the order of the tallies. */
    taken: { array: "uint256" },
    seats: { array: "uint256" },
    challengers: { array: "uint256" },
    requester: "uint256",
    burn: "uint256",
    fees: "uint256",
    poke: "uint256",
  },
} as const satisfies AbiType;

const RECEIPT = {
  struct: {
    chainId: "uint256",
    hub: "address",
    jobId: "bytes32",
    job: JOB,
    manifest: MODEL_MANIFEST,
    /** 0: FINAL; else the REASON_ for which the job closed. */
    reason: "uint8",
    record: RECORD,
    recordHash: "bytes32",
    /** 0 unless FINAL. */
    outDigest: "bytes32",
    committees: { array: COMMITTEE },
    /** One for each tally that rests on a proof, in their order; its committee is empty. */
    proofs: { array: PROVEN },
    /** One for each tally that an enclave signed, in their order. */
    enclaves: { array: ENCLAVED },
    /** One where enclaves that share a program have signed, else none. */
    schedule: { array: SCHEDULE },
    /** One for each tally that a referee of ciphertexts decided, in their order; its committee is empty. */
    refereed: { array: REFEREED },
    clientClaims: { array: CLIENT_CLAIM },
    /** Of a job with FLAG_JOIN: whose results its input joins. Each has a receipt of its own. */
    parents: { array: PARENT },
    /** None or one. */
    settlement: { array: SETTLEMENT },
    /** Canonical tensor bytes of the result, empty if not included; the salt belongs to the digest kind. */
    output: "bytes",
    outputSalt: "bytes",
  },
} as const satisfies AbiType;

export type SeatEvidence = AbiValue<typeof SEAT_EVIDENCE>;
export type CommitteeEvidence = AbiValue<typeof COMMITTEE>;
export type ProvenTally = AbiValue<typeof PROVEN>;
export type EnclavedTally = AbiValue<typeof ENCLAVED>;
export type BoardEvidence = AbiValue<typeof BOARD_EVIDENCE>;
export type EnclaveSchedule = AbiValue<typeof SCHEDULE>;
export type RefereedTally = AbiValue<typeof REFEREED>;
export type ClientClaim = AbiValue<typeof CLIENT_CLAIM>;
export type ReceiptSettlement = AbiValue<typeof SETTLEMENT>;
/** A finished job, self-contained: the job, its claims, the evidence for each. */
export type Receipt = AbiValue<typeof RECEIPT>;

const MAGIC = utf8("ASRC");
/**
 * 2: with proofs; 3: with sketches; 4: with what client stages took, and with parents; 5: with what enclaves signed; 6: with a referee's
 * games; 7: with the channels between enclaves; 8: with what their plans follow from; 9: with evidence that stands at the board.
 */
const VERSION = 9;
/** A job with 31 seats, three committees and an inline output stays far below. */
export const MAX_RECEIPT_BYTES = 18 * 1024 * 1024;

const bad = (why: string) => new CoreError("RECEIPT_INVALID", { why });
const isZero = (...values: readonly Hex[]): boolean => values.every((value) => BigInt(value) === 0n);

/** What the board takes; mirror: contracts/evidence/enclave/VerdictBoard.sol. */
const MAX_BOARD_BYTES = 16_384;
const BOARD_PLATFORMS: readonly (string | undefined)[] = ["amd-snp", "aws-nitro"];

/** One of two forms: a quote that the chain verified, or what the board was shown. */
function checkEvidence({ tally, quote, endorsement, board }: EnclavedTally): void {
  const isQuoted = quote !== "0x" || Object.values(endorsement).some((part) => part !== "0x");
  if (board.length + (isQuoted ? 1 : 0) !== 1)
    throw bad(`${isQuoted ? "a quote and " : ""}${board.length} cases of the board for tally ${tally}`);
  for (const { vendor, evidence, endorsements } of board) {
    if (vendor > 0x7f || !BOARD_PLATFORMS.includes(platformOf(vendor)))
      throw bad(`evidence of vendor ${vendor} at the board for tally ${tally}`);
    for (const part of [evidence, endorsements]) {
      const size = part.length / 2 - 1;
      if (size > MAX_BOARD_BYTES)
        throw bad(`${size} bytes at the board for tally ${tally}, at most ${MAX_BOARD_BYTES}`);
    }
  }
}

/** One way to say that something is missing. */
function checkAbsences(receipt: Receipt): void {
  if (receipt.settlement.length > 1) throw bad("more than one settlement");
  if (receipt.committees.length !== receipt.record.tallies.length)
    throw bad(`${receipt.committees.length} committees for ${receipt.record.tallies.length} tallies`);
  for (const [i, { tally, enclaves }] of receipt.proofs.entries()) {
    if (enclaves.length > 1) throw bad("more than one pair of enclaves for a proof");
    if (i > 0 && (receipt.proofs[i - 1]?.tally ?? 0) >= tally) throw bad("proofs do not ascend");
    const committee = receipt.committees[tally];
    if (committee === undefined || committee.fast || committee.seats.length > 0)
      throw bad(`a proof and votes for tally ${tally}`);
  }
  for (const [i, one] of receipt.enclaves.entries()) {
    const { tally } = one;
    if (i > 0 && (receipt.enclaves[i - 1]?.tally ?? 0) >= tally) throw bad("enclaves do not ascend");
    if (receipt.committees[tally]?.seats.length !== 1)
      throw bad(`an enclave for tally ${tally}, which is not one seat's`);
    checkEvidence(one);
  }
  const isShared = receipt.job.spec.policy.mask === ENCLAVE && receipt.enclaves.length > 0;
  if (receipt.schedule.length !== (isShared ? 1 : 0))
    throw bad(`${receipt.schedule.length} schedules instead of ${isShared ? 1 : 0}`);
  for (const [i, { tally, games }] of receipt.refereed.entries()) {
    if (i > 0 && (receipt.refereed[i - 1]?.tally ?? 0) >= tally) throw bad("rulings do not ascend");
    const committee = receipt.committees[tally];
    const isBare = committee !== undefined && !committee.fast && committee.seats.length === 0;
    if (!isBare || receipt.proofs.some((proof) => proof.tally === tally))
      throw bad(`a ruling beside votes or a proof for tally ${tally}`);
    if (games.some(({ steps }) => steps.length > 1)) throw bad("more than one step for a game");
  }
  if (receipt.output === "0x" && receipt.outputSalt !== "0x") throw bad("a salt without an output");
  for (const { fast, seats } of receipt.committees)
    for (const seat of seats) {
      const { opened, commitment, signer } = seat;
      if (!opened && !isZero(seat.outDigest, seat.payload, seat.extra, seat.salt, seat.revealR, seat.revealVs))
        throw bad("an opening of a seat that has not opened");
      if (fast && !(opened && isZero(commitment, seat.commitR, seat.commitVs)))
        throw bad("a fast-path seat that has not opened, or with a separate commitment");
      if (!fast && !isZero(seat.revealR, seat.revealVs)) throw bad("a signed opening on the slow path");
      if (!fast && commitment === ZERO_BYTES32 && (opened || !isZero(signer, seat.commitR, seat.commitVs)))
        throw bad("evidence of a seat that has not committed");
    }
}

/**
 * "ASRC" ‖ u8 version ‖ abi.encode(receipt): one encoding a receipt. Errors: RECEIPT_INVALID, ABI_VALUE.
 */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  checkAbsences(receipt);
  return concatBytes(MAGIC, Uint8Array.of(VERSION), encodeAbi([RECEIPT], [receipt]));
}

/**
 * Reads a receipt from anyone: its form only. `verifyReceipt` says whether it is true. Errors: RECEIPT_INVALID, TOO_LARGE,
 * VERSION_UNKNOWN, BYTES_TRUNCATED, ABI_NOT_CANONICAL, NOT_CANONICAL.
 */
export function decodeReceipt(bytes: Uint8Array, maxBytes = MAX_RECEIPT_BYTES): Receipt {
  if (bytes.length > maxBytes)
    throw new CoreError("TOO_LARGE", { what: "The receipt", actual: `${bytes.length} bytes`, limit: maxBytes });
  const reader = new ByteReader(bytes, "The receipt");
  if (!equalBytes(reader.raw(4), MAGIC)) throw bad("it does not begin with ASRC");
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The receipt", version });
  const [receipt] = decodeAbi([RECEIPT], reader.raw(reader.remaining));
  checkAbsences(receipt);
  return receipt;
}

/** keccak256(keccak256("assay.v1.receipt") ‖ bytes). `receipt`: or the bytes that it was decoded from. */
export const receiptHash = (receipt: Receipt | Uint8Array): Hex =>
  toHex(keccak256(domainHash("assay.v1.receipt"), receipt instanceof Uint8Array ? receipt : encodeReceipt(receipt)));

/** The output's bytes, or undefined if the receipt does not include them. */
export const receiptOutput = (receipt: Receipt): Uint8Array | undefined =>
  receipt.output === "0x" ? undefined : fromHex(receipt.output);
