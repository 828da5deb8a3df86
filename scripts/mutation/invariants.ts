// SPDX-License-Identifier: GPL-3.0-or-later
// The numbered invariants of protocol.md section 13: where each is tested, and a planted fault that a test must catch.
// `node scripts/mutate.ts` plants them one by one; docs/invariants.md is generated from this table.

/** A test function: its file below test/contracts, and its name. */
export interface TestPlace {
  readonly file: string;
  readonly name: string;
}

/** A textual fault: `find` occurs exactly once in `file`. */
export interface Mutation {
  /** Below contracts. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What goes wrong with it, as a clause. */
  readonly fault: string;
}

export interface Invariant {
  readonly number: number;
  readonly theme: string;
  readonly sentence: string;
  /** The first one must catch the mutation. */
  readonly tests: readonly [TestPlace, ...TestPlace[]];
  readonly mutation: Mutation;
}

/** "jobs/Court.t.sol test_X" */
function places(...names: readonly [string, ...string[]]): readonly [TestPlace, ...TestPlace[]] {
  const place = (text: string): TestPlace => {
    const [file = "", name = ""] = text.split(" ");
    return { file, name };
  };
  const [first, ...rest] = names;
  return [place(first), ...rest.map((text) => place(text))];
}

const HUB = "invariants/HubInvariants.t.sol";
const STAKE = "invariants/StakeInvariants.t.sol";
const BEACON = "invariants/BeaconInvariants.t.sol";

export const INVARIANTS: readonly Invariant[] = [
  {
    number: 1,
    theme: "money",
    sentence: "The hub holds exactly free balances + earnings + escrows + bonds + fees.",
    tests: places(`${HUB} invariant_HubOwesWhatItHolds`, "libraries/SettleLib.t.sol testFuzz_Conserved"),
    mutation: {
      file: "jobs/HubSettlement.sol",
      find: "if (p.burn != 0) TOKEN.safeTransfer(DEAD, p.burn);",
      replace: "if (p.burn > 1e30) TOKEN.safeTransfer(DEAD, p.burn);",
      fault: "burned slashes stay in the hub",
    },
  },
  {
    number: 2,
    theme: "money",
    sentence: "The vault holds exactly stakes + what is unbonding.",
    tests: places(`${STAKE} invariant_VaultHoldsStakesAndUnbonding`, `${HUB} invariant_VaultHoldsTheStakes`),
    mutation: {
      file: "staking/StakeVault.sol",
      find: "if (taken != 0) TOKEN.safeTransfer(HUB, taken);",
      replace: "if (taken > 1e30) TOKEN.safeTransfer(HUB, taken);",
      fault: "slashed tokens stay in the vault",
    },
  },
  {
    number: 3,
    theme: "money",
    sentence: "Per job, paid + refunded + burned + fees = escrow + bonds + slashes.",
    tests: places("libraries/SettleLib.t.sol testFuzz_Conserved", "libraries/SettleLib.t.sol test_Vectors"),
    mutation: {
      file: "libraries/SettleLib.sol",
      find: "        p.requester += rest;\n",
      replace: "        p.requester += rest / 2;\n",
      fault: "half of what slashes leave over vanishes",
    },
  },
  {
    number: 4,
    theme: "money",
    sentence: "Only deposits raise the sum, by what really arrived.",
    tests: places("attacks/Routing.t.sol test_RevertWhen_TheTokenTakesAFee", `${HUB} invariant_HubOwesWhatItHolds`),
    mutation: {
      file: "jobs/HubMoney.sol",
      find: "if (total - before != amount || total > type(uint96).max)",
      replace: "if (total > type(uint96).max)",
      fault: "a token with a transfer fee is credited in full",
    },
  },
  {
    number: 5,
    theme: "money",
    sentence: "Dust is less than k wei and goes to fees.",
    tests: places("libraries/SettleLib.t.sol test_Vectors", "libraries/SettleLib.t.sol testFuzz_Conserved"),
    mutation: {
      file: "libraries/SettleLib.sol",
      find: "p.fees += share - each * pot.winners;",
      replace: "p.requester += share - each * pot.winners;",
      fault: "the rest of a divided share goes to the requester",
    },
  },
  {
    number: 6,
    theme: "stake",
    sentence: "At most S is slashed per worker and job (equivocation apart), never more than stake + unbonding.",
    tests: places(
      `${STAKE} invariant_NoCallBrokeAPromise`,
      `${HUB} invariant_NoStepBrokeAPromise`,
      "staking/StakeVault.t.sol testFuzz_Slash",
      "attacks/Exits.t.sol test_SlashesBeyondTheStakeStillSettle",
    ),
    mutation: {
      file: "staking/StakeVault.sol",
      find: "uint96 rest = amount - fromStake;",
      replace: "uint96 rest = amount;",
      fault: "a slash takes the amount from stake and again from what is unbonding",
    },
  },
  {
    number: 7,
    theme: "stake",
    sentence: "Nothing leaves before unbonding ends.",
    tests: places(
      `${STAKE} invariant_NoCallBrokeAPromise`,
      "staking/StakeVault.t.sol testFuzz_RevertWhen_WithdrawingEarly",
      "attacks/Exits.t.sol test_ALiarCannotWithdrawBeforeTheSlash",
    ),
    mutation: {
      file: "staking/StakeVault.sol",
      find: "require(block.timestamp >= worker_.unbondAt,",
      replace: "require(block.timestamp + 1 >= worker_.unbondAt,",
      fault: "stakes leave a second early",
    },
  },
  {
    number: 8,
    theme: "stake",
    sentence: "Tickets add up to the table's length, and each cell's owner counts it.",
    tests: places(`${STAKE} invariant_PoolsDescribeTheCurrentTable`, `${STAKE} invariant_TablesCountTheirTickets`),
    mutation: {
      file: "staking/TicketTable.sol",
      find: "if (leaving) --table.workers;",
      replace: "if (leaving && indices.length > 1) --table.workers;",
      fault: "a worker that gives back its last ticket alone stays counted",
    },
  },
  {
    number: 9,
    theme: "stake",
    sentence: "Exit, slash and reward in any order: no revert, no gain.",
    tests: places(`${STAKE} invariant_NobodyGains`, "attacks/Exits.t.sol test_SelfReportsAreNoExit"),
    mutation: {
      file: "staking/StakeVault.sol",
      find: "(worker_.unbonding, worker_.unbondAt) = (0, 0);",
      replace: "worker_.unbondAt = 0;",
      fault: "what was unbonding can be withdrawn twice",
    },
  },
  {
    number: 10,
    theme: "stake",
    sentence: "Jailed workers are in no later version of a table.",
    tests: places(
      `${STAKE} invariant_NoCallBrokeAPromise`,
      "staking/TicketTable.t.sol test_AJailedWorkerIsInNoLaterTable",
    ),
    mutation: {
      file: "staking/StakeVault.sol",
      find: "if (_isJailed(worker_) && worker_.tickets != 0) _backgrounds[workerId].mustLeave = true;",
      replace: "",
      fault: "a jailed worker keeps its cells",
    },
  },
  {
    number: 11,
    theme: "state",
    sentence: "Only the transitions of section 3; ends absorb.",
    tests: places(
      "jobs/Attacks.t.sol test_RevertWhen_TheJobIsADuplicate",
      "attacks/Ends.t.sol testFuzz_EndsAreAbsorbing",
      `${HUB} invariant_EndsAbsorb`,
    ),
    mutation: {
      file: "jobs/AssayHub.sol",
      find: "if (stored.state != STATE_NONE) revert JobExists(jobId);",
      replace: "",
      fault: "a job that exists, or has ended, begins again",
    },
  },
  {
    number: 12,
    theme: "state",
    sentence: "After the expiry, pokes end every job.",
    tests: places("attacks/Ends.t.sol testFuzz_AfterExpiryOnePokeEnds", `${HUB} invariant_EndsAbsorb`),
    mutation: {
      file: "jobs/HubDisputes.sol",
      find: "bool expired = block.timestamp > job.spec.expiry;",
      replace: "bool expired = false;",
      fault: "an expired job is judged as if it could go on",
    },
  },
  {
    number: 13,
    theme: "state",
    sentence: "Rounds a stage, seats a job and gas a call are bounded.",
    tests: places(
      "attacks/Ends.t.sol test_RoundsAreCountedAStage",
      `${HUB} invariant_NoStepBrokeAPromise`,
      "attacks/LargestJobs.t.sol test_EightStagesChallengedTwiceCanBeSettled",
      "attacks/LargestJobs.t.sol test_ThirtySeatsChallengedTwiceCanBeSettled",
    ),
    mutation: {
      file: "jobs/HubDisputes.sol",
      find: "if (round > _rounds(c)) revert NoRoundsLeft(stage, _rounds(c));",
      replace: "if (round > _rounds(c) + 1) revert NoRoundsLeft(stage, _rounds(c));",
      fault: "a stage can be challenged once more",
    },
  },
  {
    number: 14,
    theme: "state",
    sentence: "A result's word is fixed after FINAL.",
    tests: places("jobs/Attacks.t.sol testFuzz_HostileConsumersMoveNothing", `${HUB} invariant_EndsAbsorb`),
    mutation: {
      file: "jobs/HubDisputes.sol",
      find: "if (have != s.word) revert RecordMismatch(have, s.word);",
      replace: "s.word = have;",
      fault: "a repeated callback writes any result",
    },
  },
  {
    number: 15,
    theme: "state",
    sentence: "One settlement and at most one successful callback a job.",
    tests: places("jobs/Attacks.t.sol testFuzz_HostileConsumersMoveNothing", `${HUB} invariant_EndsAbsorb`),
    mutation: {
      file: "jobs/HubDisputes.sol",
      find: "if (s.state < STATE_FINAL || s.flags & JobLib.DELIVERED != 0)",
      replace: "if (s.state < STATE_FINAL)",
      fault: "a delivered result is delivered again",
    },
  },
  {
    number: 16,
    theme: "state",
    sentence: "openRisk is the sum of L k S over open jobs.",
    tests: places(`${HUB} invariant_RiskIsThatOfOpenJobs`),
    mutation: {
      file: "jobs/AssayHub.sol",
      find: "_totals.openRisk -= uint96(uint256(job.spec.stages) * job.spec.policy.k * job.spec.policy.seatStake);",
      replace: "",
      fault: "a cancelled job stays a risk for good",
    },
  },
  {
    number: 17,
    theme: "state",
    sentence: "Every input is its producer's output; omitted, swapped, repeated stages revert.",
    tests: places(
      "jobs/StageGraph.t.sol testFuzz_RevertWhen_TheTableIsAnother",
      "jobs/StageGraph.t.sol testFuzz_RevertWhen_AStageConsumesAnotherInput",
      "jobs/Proofs.t.sol test_RevertWhen_StagesAreMischained",
    ),
    mutation: {
      file: "jobs/HubRounds.sol",
      find: "if (have != need) revert StageTableMismatch(have, need);",
      replace: "if (have == 0) revert StageTableMismatch(have, need);",
      fault: "the sender may invent who feeds whom",
    },
  },
  {
    number: 18,
    theme: "state",
    sentence: "Any changed byte of a job or record reverts.",
    tests: places(
      "jobs/Attacks.t.sol testFuzz_RevertWhen_JobOrRecordIsTampered",
      "jobs/Proofs.t.sol testFuzz_RevertWhen_JobOrRecordIsTampered",
      "attacks/Routing.t.sol test_RevertWhen_ARecordIsInventedForAFreshJob",
    ),
    mutation: {
      file: "jobs/HubRecords.sol",
      find: "if (have != c.slot.word) revert RecordMismatch(have, c.slot.word);",
      replace: "if (have == 0) revert RecordMismatch(have, c.slot.word);",
      fault: "a record is believed without its hash",
    },
  },
  {
    number: 19,
    theme: "vote",
    sentence: "Honest, present seats are not slashed while they are at least q.",
    tests: places(
      `${HUB} invariant_HonestSeatsAreNeverSlashed`,
      "libraries/SettleLib.t.sol testFuzz_HonestQuorumNeverSlashed",
      "attacks/Aborts.t.sol test_AbsenceDoesNotSilenceADissenter",
    ),
    mutation: {
      file: "libraries/SettleLib.sol",
      find: "if (unopened) return; // SEAT_UNDECIDED",
      replace: "",
      fault: "who came to a committee that never opened is slashed for not opening",
    },
  },
  {
    number: 20,
    theme: "vote",
    sentence: "Counted payloads were committed before the first reveal.",
    tests: places(
      "jobs/SlowPath.t.sol test_RevertWhen_RevealingEarly",
      "attacks/SlowSeats.t.sol test_TheCommitPhaseClosesOnce",
    ),
    mutation: {
      file: "jobs/HubBallots.sol",
      find: "if (block.timestamp <= closed) revert TooEarly(block.timestamp, closed + 1);",
      replace: "",
      fault: "openings are taken while others still commit",
    },
  },
  {
    number: 21,
    theme: "vote",
    sentence: "Any flipped input of a commitment fails.",
    tests: places(
      "libraries/Canonical.t.sol test_Commits",
      "libraries/Canonical.t.sol test_ClaimsAndReveals",
      "jobs/Attacks.t.sol testFuzz_RevertWhen_AnOpeningIsChanged",
      "jobs/SlowPath.t.sol test_RevertWhen_OpeningACopiedCommitment",
    ),
    mutation: {
      file: "libraries/ClaimLib.sol",
      find: "mstore(add(p, 0x80), payload)",
      replace: "mstore(add(p, 0x80), 0)",
      fault: "a commitment does not bind the probe's payload",
    },
  },
  {
    number: 22,
    theme: "vote",
    sentence: "No message is valid for another chain, hub, job, stage, round or worker.",
    tests: places(
      "libraries/Canonical.t.sol test_Commits",
      "jobs/Attacks.t.sol testFuzz_RevertWhen_AMessageIsForAnother",
      "attacks/Ends.t.sol test_RevertWhen_MessagesOfAnEarlierRoundAreReused",
      "attacks/Exits.t.sol test_RevertWhen_TheProofIsFromAnotherFork",
    ),
    mutation: {
      file: "libraries/ClaimLib.sol",
      find: "abi.encode(COMMIT_TYPEHASH, jobId, stage, round, commitment_)",
      replace: "abi.encode(COMMIT_TYPEHASH, jobId, stage, uint256(0), commitment_)",
      fault: "a signed commitment holds in every round",
    },
  },
  {
    number: 23,
    theme: "vote",
    sentence: "Order of seats and sender of a count are irrelevant.",
    tests: places(
      "libraries/VoteRules.t.sol testFuzz_DecideIgnoresOrder",
      "libraries/VoteRules.t.sol testFuzz_DecideMatchesCounting",
    ),
    mutation: {
      file: "libraries/VoteRules.sol",
      find: "if (lead == 0) candidate = word;",
      replace: "if (i == 0) candidate = word;",
      fault: "only what seat 0 says can win",
    },
  },
  {
    number: 24,
    theme: "vote",
    sentence: "Fast and slow path give the same record and payments.",
    tests: places("jobs/FastPath.t.sol test_HotAndGeneralPathAgree", "jobs/SlowPath.t.sol test_AllPathsAgree"),
    mutation: {
      file: "jobs/AssayHub.sol",
      find: "uint256 refund = PolicyLib.POKES * uint256(spec.pokeFee);",
      replace: "uint256 refund = (PolicyLib.POKES - 1) * uint256(spec.pokeFee);",
      fault: "the hot path keeps one poke fee",
    },
  },
  {
    number: 25,
    theme: "vote",
    sentence: "Equivocation is always provable.",
    tests: places(
      "jobs/SlowPath.t.sol testFuzz_EquivocationTakesTheStake",
      "jobs/SlowPath.t.sol test_RevertWhen_StatementsAgree",
      "jobs/Audits.t.sol test_CommitBesideTheProposalIsEquivocation",
    ),
    mutation: {
      file: "jobs/HubAudits.sol",
      find: "return posted != 0 && posted != p.a.commitment;",
      replace: "return posted != 0 && posted == p.a.commitment;",
      fault: "posting one commitment and signing another goes free",
    },
  },
  {
    number: 26,
    theme: "vote",
    sentence: "Class T: what is delivered is within tau of the honest interval under an honest majority.",
    tests: places(
      "libraries/SketchLib.t.sol test_AgreementVectors",
      "jobs/Sketches.t.sol test_DeliveredOutputStaysWithinTau",
      "jobs/Sketches.t.sol test_ToleranceIsExact",
      `${HUB} invariant_NoStepBrokeAPromise`,
    ),
    mutation: {
      file: "libraries/SketchLib.sol",
      find: "sorted[(n - 1) / 2]",
      replace: "sorted[n - 1]",
      fault: "votes are compared with the largest one instead of the median",
    },
  },
  {
    number: 27,
    theme: "economy",
    sentence: "An accepted request satisfies section 8 in its block.",
    tests: places(
      "jobs/Attacks.t.sol test_RevertWhen_TheNetworkIsFull",
      "libraries/PolicyLib.t.sol testFuzz_AcceptedMeansSafe",
    ),
    mutation: {
      file: "libraries/PolicyLib.sol",
      find: "uint256 open = risk + limits.openRisk;",
      replace: "uint256 open = risk;",
      fault: "jobs already open are forgotten",
    },
  },
  {
    number: 28,
    theme: "economy",
    sentence: "Every close after the fixed block costs the requester or an offender.",
    tests: places(
      "attacks/Ends.t.sol test_ALateChallengeDoesNotEvadeTheKillFee",
      `${HUB} invariant_NoStepBrokeAPromise`,
      "attacks/Ends.t.sol test_PokeFeesDoNotShieldFromTheKillFee",
    ),
    mutation: {
      file: "jobs/HubSettlement.sol",
      find: "c.record.seats.length != 0 || block.number >=",
      replace: "block.number >=",
      fault: "a challenge with a fresh seed makes the close free again",
    },
  },
  {
    number: 29,
    theme: "economy",
    sentence: "No deviation beats honesty.",
    tests: places(
      "jobs/Audits.t.sol test_SilentAuditedPrimaryLosesItsWholeSeatStake",
      "jobs/Audits.t.sol test_RevertWhen_LyingWouldPay",
      "jobs/Batches.t.sol test_NobodyGainsByBundling",
    ),
    mutation: {
      file: "libraries/SettleLib.sol",
      find: "if (primary.kind == SEAT_UNREVEALED) primary.slash = spec.policy.seatStake;",
      replace: "",
      fault: "hiding an audited lie costs half of telling it",
    },
  },
  {
    number: 30,
    theme: "randomness",
    sentence: "Same seed and version, same seats; chances are proportional to tickets.",
    tests: places(
      "staking/TicketTable.t.sol test_DrawsAreProportionalToStake",
      "staking/DrawSample.t.sol test_TenThousandCommittees",
      "libraries/DrawLib.t.sol test_Vectors",
    ),
    mutation: {
      file: "libraries/DrawLib.sol",
      find: "index := mod(keccak256(0, 64), length)",
      replace: "index := mod(and(keccak256(0, 64), 0x1f), length)",
      fault: "the first cells of a table are drawn more often",
    },
  },
  {
    number: 31,
    theme: "randomness",
    sentence: "Table changes and late calls change no seats.",
    tests: places(
      `${STAKE} invariant_ReadableTablesStandStill`,
      "staking/TicketTable.t.sol testFuzz_LateTableChangesAlterNothing",
      "attacks/BeaconGrinding.t.sol test_ALatePokeGetsTheSameSeats",
      `${BEACON} invariant_SeedsStandAndOnlyWithholdersPay`,
    ),
    mutation: {
      file: "staking/TicketTable.sol",
      find: "return uint16(cell >> 64) > version ? uint32(cell >> 32) : uint32(cell);",
      replace: "return uint16(cell >> 64) > version + 1 ? uint32(cell >> 32) : uint32(cell);",
      fault: "changes for the next version show in this one",
    },
  },
  {
    number: 32,
    theme: "randomness",
    sentence: "No cancel from the fixed block on.",
    tests: places(
      "attacks/BeaconGrinding.t.sol test_CancelIsFreeUntilTheFixedBlockOnly",
      "jobs/Attacks.t.sol test_CancelIsFreeOnlyBeforeTheSeed",
      "jobs/Audits.t.sol test_CancelIsFreeOnlyBeforeTheSeed",
    ),
    mutation: {
      file: "jobs/AssayHub.sol",
      find: "if (s.word != 0 || block.number >= fixedAt)",
      replace: "if (s.word != 0 || block.number > fixedAt)",
      fault: "a job can be cancelled in the fixed block itself",
    },
  },
  {
    number: 33,
    theme: "callback",
    sentence: "A callback's revert, gas burn, return bomb or re-entry blocks and moves nothing.",
    tests: places(
      "attacks/Routing.t.sol testFuzz_NothingMovesInsideACallback",
      "jobs/Attacks.t.sol testFuzz_HostileConsumersMoveNothing",
      `${HUB} invariant_NoStepBrokeAPromise`,
      "jobs/Batches.t.sol test_BundlesAreShutInACallback",
    ),
    mutation: {
      file: "jobs/HubCore.sol",
      find: "if (_calling) revert Reentered();",
      replace: "",
      fault: "consumers may act on the hub from their callback",
    },
  },
  {
    number: 34,
    theme: "callback",
    sentence: "InsufficientGas changes nothing.",
    tests: places("jobs/Attacks.t.sol test_RevertWhen_GasIsTooLowForTheCallback"),
    mutation: {
      file: "jobs/HubCore.sol",
      find: "if (have <= gasLimit + CALLBACK_SPARE) revert InsufficientGas(have, gasLimit + CALLBACK_SPARE);",
      replace: "",
      fault: "a sender may starve the consumer and end the job",
    },
  },
  {
    number: 35,
    theme: "access",
    sentence: "A pause blocks only request.",
    tests: places("jobs/Attacks.t.sol test_PauseBlocksOnlyRequests", `${HUB} invariant_NoStepBrokeAPromise`),
    mutation: {
      file: "jobs/HubMoney.sol",
      find: "        _spend(msg.sender, amount);\n",
      replace:
        "        if (block.timestamp < _totals.pausedUntil) revert Paused(_totals.pausedUntil);\n        _spend(msg.sender, amount);\n",
      fault: "a pause locks deposits in",
    },
  },
  {
    number: 36,
    theme: "access",
    sentence: "New parameters touch no open job.",
    tests: places("invariants/Parameters.t.sol testFuzz_NewParametersTouchNoOpenJob"),
    mutation: {
      file: "jobs/HubCore.sol",
      find: "            _sets[version] = _pack(set);\n",
      replace: "            for (uint32 v; v <= version; ++v) _sets[v] = _pack(set);\n",
      fault: "the first use of a new set replaces those before it",
    },
  },
  {
    number: 37,
    theme: "access",
    sentence: "Reputation and ABSTAIN change no stake.",
    tests: places("jobs/FastPath.t.sol test_MissingInputAbstains", "staking/Reputation.t.sol testFuzz_Weight"),
    mutation: {
      file: "libraries/SettleLib.sol",
      find: "seat.kind = SEAT_ABSTAINED;",
      replace: "(seat.kind, seat.slash) = (SEAT_ABSTAINED, spec.seatReward);",
      fault: "who says that the input is missing is slashed for it",
    },
  },
];
