// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The canonical objects of the protocol. Field order is normative: every hash in this system is
// keccak256(abi.encode(...)) over these structs, mirrored by offchain/core and pinned by golden vectors.

// --- Evidence kinds: bits of `Policy.mask` ------------------------------------------------------------------------
uint8 constant VOTE = 1;
uint8 constant PROOF = 2;
uint8 constant ENCLAVE = 4;
uint8 constant CIPHER = 8;
uint8 constant OPTIMISTIC = 16;

// --- Policy flags ---------------------------------------------------------------------------------------------------
uint32 constant FLAG_CRITICAL = 1; // the requester calls the job critical; needs PROOF or CIPHER
uint32 constant FLAG_ACCEPT_DOWNGRADE = 2; // the requester's own consent to a critical job without them
uint32 constant FLAG_SMALL_POOL = 4; // accept fewer than two escalation rounds (insuredValue must be 0)
uint32 constant FLAG_STANDBY = 8; // seats that were absent at a stage's deadline are filled again, once
uint32 constant FLAG_JOIN = 16; // the input is the join of other jobs' results (`requestJoined`)
uint32 constant FLAG_ACCEPT_EXPOSURE = 32; // the requester's own consent to boundaries above the leakage limits; for workers only
// The upper 24 bits count the inputs of a batch (`BatchLib`); 0: a single input.

// --- Job states -----------------------------------------------------------------------------------------------------
uint8 constant STATE_NONE = 0;
uint8 constant STATE_OPEN = 1;
uint8 constant STATE_PROPOSED = 2; // OPTIMISTIC only
uint8 constant STATE_HUNG = 3;
uint8 constant STATE_WINDOW = 4;
uint8 constant STATE_FINAL = 5;
uint8 constant STATE_CLOSED = 6;

// --- Why a job closed without a result ------------------------------------------------------------------------------
uint8 constant REASON_CANCELLED = 1;
uint8 constant REASON_EXPIRED = 2;
uint8 constant REASON_INPUT_UNAVAILABLE = 3;
uint8 constant REASON_UNRESOLVED = 4;

// --- What a seat said when it said no digest (all other values of `Tally.said` are digests) -------------------------
bytes32 constant SAID_ABSENT = bytes32(0);
bytes32 constant SAID_ABSTAIN = bytes32(uint256(1));
bytes32 constant SAID_UNREVEALED = bytes32(uint256(2));

// --- Digest kinds of a boundary -------------------------------------------------------------------------------------
uint8 constant KIND_PUBLIC = 0;
uint8 constant KIND_SALTED = 1;
uint8 constant KIND_BLINDED = 2;
uint8 constant KIND_CIPHER = 3;

uint8 constant PLACE_NETWORK = 0;
uint8 constant PLACE_CLIENT = 1;
uint16 constant PRODUCER_INPUT = 0xffff; // a stage input that is the job's input
uint16 constant NO_PROBE = 0xffff;
uint16 constant STAGE_CLIENT = 0xffff; // of a Claim: what the client made of a job's result, outside every stage

/// One stage of a model, as the manifest describes it. `stagesHash` = keccak256(abi.encode(StageInfo[])) of the network's stages,
/// whose producers are numbered among themselves (`IModelRegistry.Model`).
struct StageInfo {
    uint8 place;
    uint8 inKind;
    uint8 outKind;
    uint16 probe; // inner operator whose digest is the vote payload, or NO_PROBE (then the payload is 0)
    bytes32 kernel; // keccak256 of the stage's canonical program bytes
    bytes32 keyId; // verifying key of the stage's circuit, 0 if none
    bytes32 weightsX; // C_w, the commitment to private weights in that key's basis (BN254 G1);
    bytes32 weightsY; // both 0 where the weights are constants of the circuit. Without a key: the tolerance of a float stage
    uint16[] producers; // stages that feed this one, or PRODUCER_INPUT
}

/// Everything a model is. modelId = keccak256(abi.encode("assay.v1.model", manifest)): any change is another model.
struct ModelManifest {
    string name;
    bytes32 programRoot; // Merkle root over the stages' bytes
    StageInfo[] stages;
    uint32 acceptedMasks; // bit m set: policies with mask m are accepted; bit 0: stages compute in floats, class T only
    uint64 workUnits; // price basis: a seat's reward must reach its class' price a unit times this
    bytes32 weightsHash; // per-stage weight mode and commitment
    bytes32 reportHash; // accuracy report with its leakage section; 0 is refused
    bytes32 toolsHash; // opset, compiler and runtime versions, size and timing hints
}

struct Policy {
    uint8 mask;
    uint8 k;
    uint16 auditBps;
    uint8 cls;
    uint32 flags;
    uint96 seatStake;
    uint32 window;
    uint32 tWork;
    uint32 tReveal;
    uint32 ticketClass;
}

struct Spec {
    bytes32 modelId;
    bytes32 inDigest;
    bytes32 inputRef;
    uint8 stages;
    Policy policy;
    uint96 seatReward;
    uint96 pokeFee;
    uint96 insuredValue;
    address client;
    address callback;
    uint32 callbackGas;
    uint48 expiry;
    uint32 paramsVersion;
    bytes32 resultKey;
}

struct Job {
    address requester;
    uint96 nonce;
    Spec spec;
}

/// A FINAL job whose result feeds another. `outDigest` and `recordHash` as in `Finalized`. All but `outDigest` is 0 where an optional
/// modality is absent: keccak256(keccak256("assay.v1.absent") | canonical bytes of a tensor of zeros), which seats check.
struct Parent {
    bytes32 jobId;
    bytes32 outDigest;
    bytes32 recordHash;
    /// 0: the result itself is fed. Else what `spec.client` of the joining job makes of it, by its signed
    /// Claim(jobId, STAGE_CLIENT, outDigest, fedDigest, client): a branch that ends on the client.
    bytes32 fedDigest;
    bytes32 r;
    bytes32 vs;
}

/// A job's whole storage: two slots while something is pinned, else one. `word` is 0, then keccak256(abi.encode(record))
/// once seats are pinned; at FINAL keccak256(abi.encode(outDigest, recordHash)) and at CLOSED the record's hash, both
/// with the low 64 bits cleared. Of an ended job only state, flags, deadline (of `retryCallback`), word, `stage` (0, or why it
/// CLOSED) and `round` (bit s: `lateCourt` judged stage s) remain.
struct Slot {
    uint8 state;
    uint8 stage;
    uint8 round;
    uint8 flags; // escalation rounds allowed and shape bits, fixed at request
    uint48 seedRef;
    uint48 deadline;
    uint16 tableVersion;
    uint112 escrow;
    bytes32 word;
}

/// One vote of one committee: what each seat said, and who paid for it if it is an escalation.
struct Tally {
    uint16 stage;
    uint8 round;
    uint32[] seats;
    bytes32[] said;
    address challenger; // round 0 of class T: a fingerprint of its sketches, see `IHubSketches`
    uint96 bond;
}

/// A job's history, re-supplied with every call and checked against `Slot.word`.
struct Record {
    uint32[] seats; // round-0 seats of all stages: stage s owns [s*k, s*k+k). Without VOTE: the 12 candidates
    bytes32[] boundaries; // accepted outDigest of each stage so far
    Tally[] tallies;
    uint32 decided; // bit s: stage s was decided by a court and cannot be challenged
}

/// One seat's opened vote: which (outDigest, payload) pair it claimed, its salt, its signature over Reveal (EIP-2098).
struct Opening {
    uint8 which;
    bytes32 salt;
    bytes32 r;
    bytes32 vs;
}

/// One committee's complete set of openings, in seat order, over the distinct pairs (outs[i], payloads[i]).
/// A seat that abstains says SAID_ABSTAIN with its reason as payload.
struct StageVotes {
    bytes32[] outs;
    bytes32[] payloads;
    Opening[] seats;
}

/// One committee's openings in class T: `which` of an opening points at a triple (outs[i], a[i], b[i]) of outDigest and sketches.
struct SketchVotes {
    bytes32[] outs;
    bytes32[] a;
    bytes32[] b;
    Opening[] seats;
}

/// Whose output a class T committee delivers.
struct Delivery {
    uint8 seat; // any that agrees; honest senders name the lowest whose output they hold
    bytes output; // its canonical tensor bytes
    bytes32[] pastA; // round 1: all sketches of round 0, as `Sketched` told them; else empty
    bytes32[] pastB;
}

/// One stage's proof: evidence for the claim that `worker`, a candidate's signer, maps the stage's input to `outDigest`.
struct StageProof {
    address worker;
    bytes32 outDigest;
    bytes evidence;
}

/// ENCLAVE and PROOF of one stage, in `StageProof.evidence`. The prover is `StageProof.worker`; both enclaves sign EnclaveResult, and
/// the prover's also EnclaveProof(bytes32 claimHash,bytes32 proofHash,uint16 epoch): its enclave made this proof.
struct EnclaveBundle {
    address second; // signer of another candidate, with an enclave of another vendor family; 0 where k is 1
    bytes result; // the prover's: channelHash 32, epoch u16, r 32, vs 32
    bytes secondResult; // alike; empty where k is 1
    bytes32 r; // of EnclaveProof (EIP-2098), under the epoch of `result`
    bytes32 vs;
    bytes proof; // as the adapter of PROOF takes it
}

/// A seat's signed Commit, for the slow path and for equivocation proofs.
struct SignedCommit {
    uint8 seat;
    bytes32 commitment;
    bytes32 r;
    bytes32 vs;
}

/// Numbered, immutable protocol numbers (protocol.md section 10). Durations in seconds, ratios in basis points.
struct ParameterSet {
    uint32 minWindow; // W
    uint32 minWork; // least tWork
    uint32 minReveal; // least tReveal
    uint32 hung; // time to challenge a HUNG stage
    uint32 hungLast; // the same when only a court can decide
    uint32 clientTime; // tClient
    uint32 moveTime; // tMove
    uint32 jobLife;
    uint32 lateCourt;
    uint16 feeBps; // of all seat rewards
    bool forceUninsured; // insuredValue must be 0 (development sets)
    bool localOnly; // refused unless chainId is 31337
}
