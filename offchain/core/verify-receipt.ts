// SPDX-License-Identifier: MIT
import { fromHex, type Hex } from "./bytes.ts";
import { runCheck, type Check } from "./check.ts";
import { claimDigest } from "./claim.ts";
import { digestOf, stageInDigest } from "./digest.ts";
import { quoteEscrow, POKES } from "./economics.ts";
import { domainSeparator } from "./eip712.ts";
import { jobId, recordHash } from "./job.ts";
import { modelId } from "./model.ts";
import { decodeReceipt, encodeReceipt, receiptOutput, type Receipt } from "./receipt.ts";
import { COURT_ROUND, type Reason } from "./settle-types.ts";
import { distribute, offences } from "./settle.ts";
import { recoverSigner } from "./signature.ts";
import { decodeTensor } from "./tensor.ts";
import {
  PLACE_CLIENT,
  REASON_CANCELLED,
  REASON_EXPIRED,
  REASON_INPUT_UNAVAILABLE,
  REASON_NAMES,
  VOTE,
  ZERO_BYTES32,
  type DigestKind,
} from "./types.ts";
import { checkBindings, checkTally, digestOfWord, type CommitteeScope } from "./verify-committee.ts";
import { decideVote } from "./vote.ts";

/** What the verifier knows from elsewhere. Without it a receipt is checked against itself: true of some chain, hub and workers. */
export interface ReceiptExpectation {
  readonly chainId?: bigint;
  readonly hub?: Hex;
  readonly jobId?: Hex;
  readonly modelId?: Hex;
  readonly inDigest?: Hex;
  /** From the chain: `Finalized`. */
  readonly outDigest?: Hex;
  readonly recordHash?: Hex;
  /** From the vault: signing address of each worker id. */
  readonly signers?: ReadonlyMap<number, Hex>;
}

export interface Coverage {
  readonly stage: number;
  readonly kind: "EVIDENCED" | "CLIENT_UNPROVEN" | "UNDECIDED";
  /** Names of the evidence that stands behind it. */
  readonly evidence: readonly string[];
}

export interface ReceiptReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly coverage: readonly Coverage[];
}

const lower = (hex: string): string => hex.toLowerCase();

/** The job's history replayed: what stands after the tallies, and what is wrong with each. */
interface Replay {
  readonly boundaries: readonly (Hex | undefined)[];
  readonly bindings: string | undefined;
  readonly tallies: string | undefined;
  readonly verdict: string | undefined;
}

function clientClaimFailure(receipt: Receipt, domain: Hex): string | undefined {
  const { manifest, job, clientClaims } = receipt;
  const boundaries: (Hex | undefined)[] = [...receipt.record.boundaries];
  for (const [i, { stage, outDigest, r, vs }] of clientClaims.entries()) {
    if (manifest.stages[stage]?.place !== PLACE_CLIENT) return `stage ${stage} is not a client stage`;
    if (i > 0 && (clientClaims[i - 1]?.stage ?? 0) >= stage) return "claims do not ascend";
    const inDigest = stageInDigest(manifest.stages, stage, job.spec.inDigest, boundaries);
    const claim = { jobId: receipt.jobId, stage, inDigest, outDigest, worker: job.spec.client };
    if (recoverSigner(claimDigest(domain, claim), { r, vs }) !== lower(job.spec.client))
      return `stage ${stage} is not signed by the client`;
    boundaries[stage] = outDigest;
  }
  return undefined;
}

function replay(receipt: Receipt, domain: Hex): Replay {
  const { manifest, job, record } = receipt;
  const { k } = job.spec.policy;
  const boundaries: (Hex | undefined)[] = [];
  let [bindings, tallies, verdict]: (string | undefined)[] = [];
  for (const claim of receipt.clientClaims) boundaries[claim.stage] = claim.outDigest;
  const rounds = new Map<number, number>();
  for (const [t, tally] of record.tallies.entries()) {
    const evidence = receipt.committees[t];
    const where = `stage ${tally.stage}, round ${tally.round}`;
    const info = manifest.stages[tally.stage];
    if (tally.round === COURT_ROUND)
      tallies ??= `${where}: a court's ruling needs a proof, which version 1 cannot carry`;
    if (evidence === undefined || info === undefined || info.place === PLACE_CLIENT) {
      tallies ??= `${where}: there is no such network stage`;
      continue;
    }
    if (tally.round !== (rounds.get(tally.stage) ?? -1) + 1) tallies ??= `${where}: rounds are out of order`;
    rounds.set(tally.stage, tally.round);
    if (tally.round === 0) {
      const own = record.seats.slice(tally.stage * k, (tally.stage + 1) * k);
      if (own.join() !== tally.seats.join()) tallies ??= `${where}: the seats are not the stage's`;
      if (tally.bond !== 0n || BigInt(tally.challenger) !== 0n) tallies ??= `${where}: nobody challenges round 0`;
    }
    const inDigest = stageInDigest(manifest.stages, tally.stage, job.spec.inDigest, boundaries);
    const scope: CommitteeScope = { domain, jobId: receipt.jobId, stage: tally.stage, round: tally.round, inDigest, k };
    const unbound = checkBindings(scope, evidence);
    if (unbound !== undefined) bindings ??= `${where}: ${unbound}`;
    const miscounted = checkTally(scope, evidence, tally);
    if (miscounted !== undefined) tallies ??= `${where}: ${miscounted}`;
    if (tally.seats.length === 0) continue;
    const decision = decideVote(tally.said, tally.stage, tally.round);
    verdict = decision.verdict;
    if (decision.accepted !== undefined) boundaries[tally.stage] = digestOfWord(evidence, decision.accepted);
    else if (tally.round === 0) boundaries[tally.stage] = undefined;
  }
  return { boundaries, bindings, tallies, verdict };
}

/** Whether the end follows from the votes. */
function resultFailure(receipt: Receipt, { boundaries, verdict }: Replay): string | undefined {
  const { record, reason, outDigest, job } = receipt;
  for (const [stage, digest] of record.boundaries.entries())
    if (boundaries[stage] !== digest) return `stage ${stage} was not decided for ${digest}`;
  if (reason === 0) {
    if (record.boundaries.length !== job.spec.stages) return "a stage has no accepted digest";
    return record.boundaries.at(-1) === outDigest ? undefined : "the result is not the last stage's digest";
  }
  if (outDigest !== ZERO_BYTES32) return "a closed job has no result";
  if (REASON_NAMES[reason] === undefined) return `unknown reason ${reason}`;
  if (reason === REASON_CANCELLED && record.seats.length > 0) return "a cancelled job has no seats";
  if (reason === REASON_INPUT_UNAVAILABLE && verdict !== "INPUT_UNAVAILABLE")
    return "nobody said that the input is missing";
  if (reason === REASON_EXPIRED && verdict !== undefined && verdict !== "EXPIRED")
    return "the last vote did not expire";
  return undefined;
}

function settlementFailure(receipt: Receipt): string | undefined {
  const [claimed] = receipt.settlement;
  if (claimed === undefined) return undefined;
  const { record, reason } = receipt;
  const { spec } = receipt.job;
  const quote = quoteEscrow(spec, claimed.feeBps);
  if (claimed.escrow > quote || claimed.escrow < quote - POKES * spec.pokeFee)
    return `an escrow of ${claimed.escrow} does not come from a quote of ${quote}`;
  const seats = offences(spec, record);
  if (claimed.taken.length !== seats.length) return `${claimed.taken.length} slashes for ${seats.length} seats`;
  for (const [i, taken] of claimed.taken.entries())
    if (taken > (seats[i]?.slash ?? 0n)) return `worker ${seats[i]?.worker} lost more than its offence costs`;
  const outcome = {
    reason: reason as Reason,
    // `cancel` is the only end before the seats' block.
    seatsKnown: reason !== REASON_CANCELLED,
    poked: claimed.poke > 0n,
    feeBps: claimed.feeBps,
  };
  const due = distribute(spec, record, outcome, seats, claimed.taken, claimed.escrow);
  for (const name of ["requester", "burn", "fees", "poke"] as const)
    if (due[name] !== claimed[name]) return `${name} got ${claimed[name]} instead of ${due[name]}`;
  for (const name of ["seats", "challengers"] as const)
    if (due[name].join() !== claimed[name].join())
      return `${name} got ${claimed[name].join()} instead of ${due[name].join()}`;
  return undefined;
}

function outputFailure(receipt: Receipt): string | undefined {
  const output = receiptOutput(receipt);
  if (output === undefined) return undefined;
  decodeTensor(output);
  const kind = receipt.manifest.stages.at(-1)?.outKind as DigestKind;
  const salt = receipt.outputSalt === "0x" ? undefined : fromHex(receipt.outputSalt);
  return digestOf(kind, output, salt) === receipt.outDigest ? undefined : "its digest is not the result";
}

function expectationFailure(receipt: Receipt, expected: ReceiptExpectation): string | undefined {
  const { spec } = receipt.job;
  const pairs: readonly [string, bigint | string | undefined, bigint | string][] = [
    ["chain id", expected.chainId, receipt.chainId],
    ["hub", expected.hub, receipt.hub],
    ["job id", expected.jobId, receipt.jobId],
    ["model id", expected.modelId, spec.modelId],
    ["input digest", expected.inDigest, spec.inDigest],
    ["result", expected.outDigest, receipt.outDigest],
    ["record hash", expected.recordHash, receipt.recordHash],
  ];
  for (const [name, want, have] of pairs)
    if (want !== undefined && lower(String(want)) !== lower(String(have)))
      return `${name} is ${have} instead of ${want}`;
  for (const [t, { seats }] of receipt.record.tallies.entries())
    for (const [i, worker] of seats.entries()) {
      const signer = receipt.committees[t]?.seats[i]?.signer ?? "";
      const want = expected.signers?.get(worker);
      if (want !== undefined && BigInt(signer || 0) !== 0n && lower(want) !== lower(signer))
        return `worker ${worker} signs as ${want}, not as ${signer}`;
    }
  return undefined;
}

function seatsFailure({ record, job }: Receipt): string | undefined {
  const { k } = job.spec.policy;
  if (record.seats.length !== 0 && record.seats.length !== k * job.spec.stages)
    return `${record.seats.length} seats for ${job.spec.stages} stages of ${k}`;
  const escalated = record.tallies.flatMap(({ round, seats }) => (round === 0 ? [] : seats));
  const all = [...record.seats, ...escalated];
  return new Set(all).size === all.length ? undefined : "a worker holds two seats";
}

/**
 * A seat that posted its commitment by a transaction of its own left no signature: only the chain's record vouches for it. Without
 * this rule anyone could write a receipt of unsigned commitments.
 */
function postedFailure({ committees }: Receipt, expected: ReceiptExpectation): string | undefined {
  const posted = committees.flatMap(({ seats }) =>
    seats.filter(({ commitment, commitVs }) => commitment !== ZERO_BYTES32 && commitVs === ZERO_BYTES32),
  );
  if (posted.length === 0 || expected.recordHash !== undefined) return undefined;
  return `${posted.length} commitments were posted by transactions: give the record hash from the chain`;
}

const differs = (what: string, have: Hex, want: Hex): string | undefined =>
  have === want ? undefined : `${what} is ${want}, the receipt says ${have}`;

/**
 * Re-does everything a receipt claims from its bytes alone, by the rules of the hub. Pure; never throws on hostile content. What it
 * cannot know without `expected`: that this chain and hub exist, and which address a worker id signs with.
 */
export function verifyReceipt(given: Receipt, expected: ReceiptExpectation = {}): ReceiptReport {
  // One spelling of every byte string from here on, and nothing that has no encoding.
  let receipt = given;
  const form = runCheck("form", "it has a canonical encoding", () => {
    receipt = decodeReceipt(encodeReceipt(given));
    return undefined;
  });
  return form.ok ? verify(receipt, expected, form) : { ok: false, checks: [form], coverage: [] };
}

function verify(receipt: Receipt, expected: ReceiptExpectation, form: Check): ReceiptReport {
  const { job, manifest, record } = receipt;
  const { spec } = job;
  const domain = domainSeparator(receipt);
  const checks = [form];
  const add = (name: string, success: string, test: () => string | undefined): boolean => {
    const check = runCheck(name, success, test);
    checks.push(check);
    return check.ok;
  };

  add("job", "the job id follows from chain, hub, requester, nonce and spec", () =>
    differs("the job id", receipt.jobId, jobId(receipt, job)),
  );
  add("model", "the model id follows from the manifest", () => {
    if (manifest.stages.length !== spec.stages)
      return `the model has ${manifest.stages.length} stages, the job ${spec.stages}`;
    return differs("the model id", spec.modelId, modelId(manifest));
  });
  add("policy", "the evidence is what the policy asks for, and the model accepts it", () => {
    if (spec.policy.mask !== VOTE) return `version 1 carries votes only, the policy's mask is ${spec.policy.mask}`;
    return (manifest.acceptedMasks >>> spec.policy.mask) & 1 ? undefined : "the model does not accept this policy";
  });
  add("seats", "every seat is another worker", () => seatsFailure(receipt));
  add("client claims", `${receipt.clientClaims.length} signed by the client`, () =>
    clientClaimFailure(receipt, domain),
  );
  let history: Replay = { boundaries: [], bindings: undefined, tallies: undefined, verdict: undefined };
  const replayed = add("chain", "every stage takes what its producers gave", () => {
    history = replay(receipt, domain);
    return undefined;
  });
  if (replayed) {
    add("signatures", "every vote was committed, opened and signed by its seat", () => history.bindings);
    add("posted", "no vote rests on a transaction that this receipt cannot show", () =>
      postedFailure(receipt, expected),
    );
    add("tallies", "every committee said what the record says", () => history.tallies);
    add("result", receipt.reason === 0 ? "the votes decide this result" : "the votes decide this end", () =>
      resultFailure(receipt, history),
    );
  }
  add("record", "the record hash follows from the record", () =>
    differs("the record hash", receipt.recordHash, recordHash(record)),
  );
  add("settlement", receipt.settlement.length === 0 ? "not included" : "every payment is what the rules give", () =>
    settlementFailure(receipt),
  );
  add("output", receipt.output === "0x" ? "not included" : "the output opens the result's digest", () =>
    outputFailure(receipt),
  );
  const anchors = Object.values(expected).filter((value) => value !== undefined).length;
  const anchored =
    anchors === 0
      ? "nothing was given: whose chain and workers these are is not known"
      : "it agrees with what was given";
  add("expected", anchored, () => expectationFailure(receipt, expected));

  const decided = replayed && history.bindings === undefined && history.tallies === undefined;
  const coverage = manifest.stages.map(({ place }, stage): Coverage => {
    if (place === PLACE_CLIENT) return { stage, kind: "CLIENT_UNPROVEN", evidence: [] };
    const stands = decided && stage < record.boundaries.length;
    return { stage, kind: stands ? "EVIDENCED" : "UNDECIDED", evidence: stands ? ["VOTE"] : [] };
  });
  return { ok: checks.every(({ ok }) => ok), checks, coverage };
}
