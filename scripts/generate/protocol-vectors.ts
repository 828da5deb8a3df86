// SPDX-License-Identifier: GPL-3.0-or-later
// test/fixtures/vectors/{draw,batch,vote,settle,economics,reputation}.json: flat lists of numbers that Solidity and TypeScript tests read
// with a cursor; `layout` says in which order. Inputs come from a seeded generator, answers from offchain/core.
import { encodeErrorResult, keccak256 } from "viem";
import { batchProof, batchRoot } from "../../offchain/core/batch.ts";
import { toHex } from "../../offchain/core/bytes.ts";
import { drawSeats, drawSeed } from "../../offchain/core/draw.ts";
import { isAssayError } from "../../offchain/core/errors.ts";
import {
  checkPolicy,
  longestJob,
  type PolicyLimits,
  type PolicySet,
  type PolicySpec,
} from "../../offchain/core/policy.ts";
import { ticketCount } from "../../offchain/core/reputation.ts";
import { addRho, distribute, offences, RHO } from "../../offchain/core/settle.ts";
import { toWord } from "../../offchain/core/tagged-hash.ts";
import { VOTE } from "../../offchain/core/types.ts";
import { VERDICT_CODES, decideVote, neverOpened, say } from "../../offchain/core/vote.ts";
import { policyCase } from "../../test/support/policy-cases.ts";
import { Prng } from "../../test/support/prng.ts";
import { settleCase } from "../../test/support/settle-cases.ts";
import { writeNumbers, type NumberField } from "../../test/support/write-numbers.ts";

type Field = NumberField;
const CASES = 1_200;
const write = writeNumbers;

function drawVectors(): Field[][] {
  const rng = new Prng(1);
  return Array.from({ length: CASES }, () => {
    const workers = rng.int(1, 60);
    const spread = rng.pick([1, 256, 97]);
    const cells = Array.from({ length: rng.int(0, 90) }, () => spread * rng.int(rng.chance(0.05) ? 0 : 1, workers));
    const excluded = Array.from({ length: rng.int(0, 9) }, () => spread * rng.int(1, workers));
    const n = rng.chance(0.05) ? rng.int(0, 40) : rng.int(1, 12);
    const ticketClass = rng.chance(0.5) ? 0 : rng.int(1, 2 ** 32 - 1);
    const beat = toWord(rng.bigint(256));
    const jobId = toWord(rng.bigint(256));
    const stage = rng.chance(0.5) ? 0xffff : rng.int(0, 8);
    const round = rng.int(0, 2);
    const seed = drawSeed(beat, jobId, stage, round);
    let ids: number[] | undefined;
    try {
      ids = drawSeats({ cellAt: (i) => cells[i] ?? 0, length: cells.length, ticketClass, seed, excluded, n });
    } catch (error) {
      if (!isAssayError(error) || error.code !== "POOL_TOO_SMALL") throw error;
    }
    const answer = ids === undefined ? [0] : [1, ...ids];
    return [
      beat,
      jobId,
      stage,
      round,
      seed,
      ticketClass,
      cells.length,
      ...cells,
      excluded.length,
      ...excluded,
      n,
      ...answer,
    ];
  });
}

function voteVectors(): Field[][] {
  const rng = new Prng(2);
  const cases: (readonly [number[], number, number])[] = [];
  // Every combination of small committees, then larger ones.
  for (const n of [1, 2, 3])
    for (let code = 0; code < 5 ** n; code++)
      cases.push([
        Array.from({ length: n }, (_, i) => Math.floor(code / 5 ** i) % 5),
        code % 2,
        n === 3 ? code % 3 : 0,
      ]);
  while (cases.length < CASES + 200) {
    const n = rng.pick([5, 5, 7, 11, 15, 23]);
    const bias = rng.pick([0.5, 0.7, 0.9]);
    const said = Array.from({ length: n }, () => (rng.chance(bias) ? 3 : rng.int(0, 5)));
    cases.push([said, rng.int(0, 2), rng.chance(0.6) ? 0 : rng.int(1, 2)]);
  }
  cases.push([[], 0, 1]);
  return cases.map(([codes, stage, round]) => {
    const said = codes.map(toWord);
    const { verdict, accepted, dissent } = decideVote(said, stage, round);
    const digest = toWord(rng.chance(0.1) ? rng.int(0, 3) : rng.bigint(256));
    const payload = toWord(rng.chance(0.3) ? 0 : rng.bigint(256));
    const answer = [
      VERDICT_CODES[verdict],
      accepted ?? 0,
      dissent,
      neverOpened(said),
      neverOpened(said, true),
      digest,
      payload,
      say(digest, payload),
    ];
    return [codes.length, ...codes, stage, round, ...answer];
  });
}

function batchVectors(): Field[][] {
  const rng = new Prng(6);
  return Array.from({ length: CASES }, (_, i) => {
    const count = i < 70 ? i + 1 : rng.pick([rng.int(1, 9), rng.int(1, 100), rng.int(1, 300)]);
    const digests = Array.from({ length: count }, () => toWord(rng.bigint(256)));
    const index = rng.int(0, count - 1);
    const siblings = batchProof(digests, index).siblings.map((sibling) => toHex(sibling));
    return [batchRoot(digests), digests[index] ?? 0, index, count, siblings.length, ...siblings];
  });
}

function settleVectors(): Field[][] {
  return Array.from({ length: CASES }, (_, i) => {
    const { spec, record, outcome, taken, escrow } = settleCase(i);
    const seats = offences(spec, record);
    const paid = distribute(spec, record, outcome, seats, taken, escrow);
    const { k, seatStake, mask = VOTE } = spec.policy;
    return [
      mask,
      k,
      spec.stages,
      spec.seatReward,
      seatStake,
      spec.pokeFee,
      outcome.reason,
      outcome.seatsKnown,
      outcome.poked,
      outcome.feeBps,
      escrow,
      record.boundaries.length,
      record.tallies.length,
      ...record.tallies.flatMap(({ stage, round, bond, seats: ids, said, challenger = toWord(0) }) => [
        stage,
        round,
        bond,
        BigInt(challenger),
        ids.length,
        said.length,
        ...ids,
        ...said.map((word) => BigInt(word)),
      ]),
      seats.length,
      ...seats.flatMap(({ kind, rho, slash }, at) => [
        kind,
        -Math.min(rho, 0),
        slash,
        taken[at] ?? 0n,
        paid.seats[at] ?? 0n,
      ]),
      ...paid.challengers,
      paid.requester,
      paid.burn,
      paid.fees,
      paid.poke,
    ];
  });
}

const HUB_ERRORS = [
  { type: "error", name: "NotSupported", inputs: [{ name: "what", type: "string" }] },
  { type: "error", name: "CriticalNeedsConsent", inputs: [] },
  {
    type: "error",
    name: "SpecInvalid",
    inputs: [
      { name: "field", type: "string" },
      { name: "value", type: "uint256" },
      { name: "least", type: "uint256" },
      { name: "most", type: "uint256" },
    ],
  },
  {
    type: "error",
    name: "PolicyUnsafe",
    inputs: [
      { name: "inequality", type: "uint8" },
      { name: "have", type: "uint256" },
      { name: "bound", type: "uint256" },
    ],
  },
  {
    type: "error",
    name: "PoolTooSmall",
    inputs: [
      { name: "workers", type: "uint256" },
      { name: "need", type: "uint256" },
    ],
  },
] as const;

/** keccak256 of what the hub reverts with for an error of `checkPolicy`. */
function revertHash(error: unknown): `0x${string}` {
  if (!isAssayError(error)) throw error;
  const { meta, code } = error;
  const number = (name: string) => BigInt(meta[name] ?? -1);
  const text = (name: string) => String(meta[name]);
  const abi = HUB_ERRORS;
  switch (code) {
    case "NOT_SUPPORTED":
      return keccak256(encodeErrorResult({ abi, errorName: "NotSupported", args: [text("what")] }));
    case "CRITICAL_NEEDS_CONSENT":
      return keccak256(encodeErrorResult({ abi, errorName: "CriticalNeedsConsent" }));
    case "SPEC_INVALID": {
      const args = [text("field"), number("value"), number("least"), number("most")] as const;
      return keccak256(encodeErrorResult({ abi, errorName: "SpecInvalid", args }));
    }
    case "POLICY_UNSAFE": {
      const args = [Number(meta["inequality"]), number("have"), number("bound")] as const;
      return keccak256(encodeErrorResult({ abi, errorName: "PolicyUnsafe", args }));
    }
    case "POOL_TOO_SMALL":
      return keccak256(encodeErrorResult({ abi, errorName: "PoolTooSmall", args: [number("have"), number("need")] }));
    default:
      throw error;
  }
}

function policyVector({ spec, set, limits }: { spec: PolicySpec; set: PolicySet; limits: PolicyLimits }): Field[] {
  const { policy } = spec;
  const input = [
    policy.mask,
    policy.k,
    policy.auditBps,
    policy.cls,
    policy.flags,
    policy.seatStake,
    policy.window,
    policy.tWork,
    policy.tReveal,
    spec.stages,
    spec.seatReward,
    spec.pokeFee,
    spec.insuredValue,
    spec.expiry,
    set.minWindow,
    set.minWork,
    set.minReveal,
    set.hungLast,
    set.jobLife,
    set.feeBps,
    set.forceUninsured,
    limits.supported,
    limits.time,
    limits.minimumStake,
    limits.maxInsured,
    limits.enclaveCap,
    limits.openRisk,
    limits.ticketedStake,
    limits.workers,
  ];
  try {
    const { rounds, escrow, risk } = checkPolicy(spec, set, limits);
    return [...input, toWord(0), rounds, escrow, risk, longestJob(spec, set)];
  } catch (error) {
    return [...input, revertHash(error), 0, 0, 0, longestJob(spec, set)];
  }
}

/** A worker's history, some long enough to meet both limits, and its tickets at the end (M = 8,000). */
function reputationVector(index: number): Field[] {
  const rng = new Prng(9000 + index);
  const runs = Array.from({ length: rng.int(1, 6) }, () => ({
    change: rng.pick([RHO.AGREED, RHO.AGREED, RHO.ABSENT, RHO.WRONG]),
    times: rng.int(1, index % 2 === 0 ? 150 : 12),
  }));
  const stake = BigInt(rng.int(1, 160_000));
  const rho = runs.flatMap(({ change, times }) => Array.from({ length: times }, () => change)).reduce(addRho, 0);
  const shifted = runs.flatMap(({ change, times }) => [change + RHO.LIMIT, times]);
  return [runs.length, ...shifted, stake, rho + RHO.LIMIT, ticketCount(stake, 8_000n, rho)];
}

write("draw", "beat jobId stage round seed class cells[n] excluded[n] n ok [ids]", drawVectors());
write("batch", "root digest index count siblings[n]", batchVectors());
write(
  "vote",
  "said[n] stage round verdict accepted dissent neverOpened neverAudited outDigest payload word",
  voteVectors(),
);
write(
  "settle",
  "mask k L R S pokeFee reason seatsKnown poked feeBps escrow boundaries tallies (stage round bond challenger seats.length said.length seats said)* seats.length (kind lostRho slash taken pay)* challengers* requester burn fees poke",
  settleVectors(),
);
write(
  "economics",
  "mask k auditBps cls flags S window tWork tReveal L R pokeFee V expiry minWindow minWork minReveal hungLast jobLife feeBps forceUninsured supported time M maxInsured enclaveCap openRisk ticketedStake workers revertHash rounds escrow risk longest",
  Array.from({ length: CASES }, (_, i) => policyVector(policyCase(i))),
);
write(
  "reputation",
  "n (change + 2302585, times)[n] stake (rho after all + 2302585) tickets",
  Array.from({ length: CASES }, (_, i) => reputationVector(i)),
);
