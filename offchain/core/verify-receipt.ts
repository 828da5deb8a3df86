// SPDX-License-Identifier: MIT
import { batchCount } from "./batch.ts";
import { boundaryDigest, decodeBatch } from "./batch-tensors.ts";
import { fromHex, type Hex } from "./bytes.ts";
import { errorText, runCheck, type Check } from "./check.ts";
import { assertChain, clientSignatureFailure } from "./client-claims.ts";
import { CANDIDATES } from "./draw.ts";
import { MAX_FEE_BPS, POKES, quoteEscrow } from "./economics.ts";
import { domainSeparator } from "./eip712.ts";
import { jobId, recordHash } from "./job.ts";
import { areLanes, isAbsent, parentsFailure } from "./join.ts";
import { modelId } from "./model.ts";
import { jobTable, networkPart } from "./network-part.ts";
import { checkShape } from "./policy.ts";
import { decodeReceipt, encodeReceipt, receiptOutput, type Receipt } from "./receipt.ts";
import { endFailure, isLone, isPaired, isShared, replayRecord, type Replay } from "./replay-record.ts";
import type { Reason } from "./settle-types.ts";
import { distribute, offences } from "./settle.ts";
import { standbyTallies } from "./standbys.ts";
import { decodeTolerance, SKETCH_COORDINATES, sketchA } from "./sketch.ts";
import { decodeTensor } from "./tensor.ts";
import {
  CIPHER,
  CLASS_T,
  ENCLAVE,
  FLAG_JOIN,
  KIND_CIPHER,
  OPTIMISTIC,
  PLACE_CLIENT,
  PROOF,
  REASON_CANCELLED,
  VOTE,
  ZERO_ADDRESS,
  ZERO_BYTES32,
  type DigestKind,
  type StageInfo,
} from "./types.ts";
import { enclaveName, enclavesFailure, SAMPLED_ENCLAVE } from "./verify-enclaves.ts";
import type { ProvenKey, SignedPair } from "./verify-proven.ts";
import { scheduleFailure, scheduleText } from "./verify-schedule.ts";
import { judgeProof, type Examination, type Verdict } from "./zk/judge-proofs.ts";
import { rulingsText } from "./verify-refereed.ts";
import { LOCAL_CHAIN_ID, openKey, type KeyOpener } from "./zk/verifying-key.ts";

/** Kinds of evidence that a receipt has room for. */
const CARRIED = VOTE | PROOF | OPTIMISTIC | CIPHER;
const carriedOf = (mask: number): number =>
  isPaired(mask) || isShared(mask) || mask === SAMPLED_ENCLAVE ? CARRIED | ENCLAVE : CARRIED;

export interface ReceiptOptions {
  /** Refuse proofs under development keys, which anyone can forge, even on the local chain. Elsewhere they always are. */
  readonly refuseDevelopmentKeys?: boolean;
  /** Of many receipts, one that remembers: `openKeys`. Default: `openKey`. */
  readonly openKey?: KeyOpener | undefined;
}

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
  /** From the registry of enclaves: the worker and vendor family of each key, by its lower-case address. */
  readonly enclaves?: ReadonlyMap<Hex, KnownEnclave>;
}

/** A registered enclave's key. */
export interface KnownEnclave {
  readonly worker: Hex;
  /** SGX and TDX are one. */
  readonly family: "intel" | "amd" | "aws" | "other";
  /** It says nothing about hardware. */
  readonly simulated?: boolean;
}

export interface Coverage {
  /** Its place in the manifest: with client stages before it, not the job's number. */
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
const resultStage = ({ manifest }: Receipt): StageInfo | undefined => jobTable(manifest).at(-1);

/** The registry accepts such stages only under CIPHER; a receipt brings its manifest itself. */
const isCiphered = ({ inKind, outKind }: StageInfo): boolean => inKind === KIND_CIPHER && outKind === KIND_CIPHER;

/** Whether the input is the join of the parents named. That they ended so, their own receipts say. */
function joinFailure({ job, manifest, parents }: Receipt, domain: Hex): string | undefined {
  const { policy, ...spec } = job.spec;
  if ((policy.flags & FLAG_JOIN) === 0) return parents.length === 0 ? undefined : "a job that joins none has parents";
  const inKind = (jobTable(manifest)[0]?.inKind ?? 0) as DigestKind;
  return parentsFailure({ ...spec, inKind, domain }, parents);
}

const parentsText = ({ parents }: Receipt): string => {
  const fed = parents.flatMap(({ fedDigest }, i) => (fedDigest === ZERO_BYTES32 ? [] : [i]));
  const absent = parents.flatMap((parent, i) => (isAbsent(parent) ? [i] : []));
  const left = absent.length === 0 ? "" : `; ${absent.join(", ")} absent`;
  const unproven = fed.length === 0 ? "" : `; ${fed.join(", ")} as the client says, which nothing proves`;
  return `the input joins the results of ${parents.length - absent.length} jobs${unproven}${left}`;
};

function settlementFailure(receipt: Receipt): string | undefined {
  const [claimed] = receipt.settlement;
  if (claimed === undefined) return undefined;
  const { record, reason } = receipt;
  const { spec } = receipt.job;
  if (claimed.feeBps > MAX_FEE_BPS)
    return `a fee of ${claimed.feeBps} basis points; no parameter set may ask for more than ${MAX_FEE_BPS}`;
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
  const inputs = batchCount(receipt.job.spec.policy.flags);
  const tensors = inputs === 0 ? [output] : decodeBatch(output);
  if (tensors.length !== Math.max(1, inputs)) return `it holds ${tensors.length} outputs of ${inputs} inputs`;
  for (const bytes of tensors) decodeTensor(bytes);
  const kind = resultStage(receipt)?.outKind as DigestKind;
  const salt = receipt.outputSalt === "0x" ? undefined : fromHex(receipt.outputSalt);
  if (boundaryDigest(kind, output, salt, inputs) !== receipt.outDigest) return "its digest is not the result";
  return receipt.job.spec.policy.cls === CLASS_T ? sketchFailure(receipt, output) : undefined;
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
  for (const [id, signer] of proversOf(receipt)) {
    const want = expected.signers?.get(id);
    if (want !== undefined && lower(want) !== signer) return `worker ${id} signs as ${want}, not as ${signer}`;
  }
  return undefined;
}

/** Worker id and signing address of every candidate that proved a stage, or whose enclave signed one. */
const proversOf = ({ proofs, record, committees, job }: Receipt): (readonly [number, string])[] => {
  const signed = isShared(job.spec.policy.mask)
    ? committees.flatMap(({ seats }, tally) => seats.map(({ signer: worker }) => ({ tally, worker })))
    : [];
  return [...proofs, ...signed].flatMap(({ tally, worker }) => {
    const [id] = record.tallies[tally]?.seats ?? [];
    return id === undefined ? [] : [[id, lower(worker)] as const];
  });
};

function seatsFailure(receipt: Receipt): string | undefined {
  const { record, job, committees } = receipt;
  const { k, mask } = job.spec.policy;
  // Of a sampled job: the primary, who may have its auditors beside it; the candidates while nobody had answered.
  const sampled = record.tallies.length === 0 ? [CANDIDATES] : [1, k];
  const due = mask & OPTIMISTIC ? sampled : [mask & VOTE ? k * job.spec.stages : CANDIDATES];
  const have = record.seats.length;
  if (have !== 0 && !due.includes(have)) return `${have} seats instead of ${due.join(" or ")}`;
  const standbys = standbyTallies(job, record);
  const others = record.tallies.flatMap(({ round, seats }, t) => (round === 0 && !standbys.has(t) ? [] : seats));
  const all = [...record.seats, ...others];
  if (new Set(all).size !== all.length) return "a worker holds two seats";
  // The vault lets a signing address belong to one worker only, so distinct seats have distinct keys in all committees together.
  const signers = committees.flatMap(({ seats }) =>
    seats.map(({ signer }) => signer).filter((one) => one !== ZERO_ADDRESS),
  );
  if (!isShared(mask) && new Set(signers).size !== signers.length) return "one key fills two seats";
  // A candidate may prove several stages, always by its one key.
  const provers = proversOf(receipt);
  const pairs = new Set(provers.map((pair) => pair.join())).size;
  const one =
    new Set(provers.map(([id]) => id)).size === pairs && new Set(provers.map(([, key]) => key)).size === pairs;
  return one ? undefined : "one worker proves by two keys, or two by one";
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

/**
 * Class T: whether the delivered output has the sketch of a seat that said it. Longer outputs than a sketch shows are projected by seeds
 * of the chain, with which the hub held the same bytes to the sketch before it delivered them.
 */
function sketchFailure(receipt: Receipt, output: Uint8Array): string | undefined {
  const { committees, outDigest } = receipt;
  const tensor = decodeTensor(output);
  if (tensor.dtype !== "f32") return "it is no tensor of floats";
  if (tensor.data.length > SKETCH_COORDINATES) return undefined;
  const tolerance = decodeTolerance(resultStage(receipt)?.weightsY ?? ZERO_BYTES32);
  const sketch = sketchA(new Float32Array(tensor.data), tolerance, ZERO_BYTES32);
  const isSaid = committees.some(({ seats }) =>
    seats.some((seat) => seat.opened && seat.outDigest === outDigest && seat.payload === sketch),
  );
  return isSaid ? undefined : "it has not the sketch of any seat that said it";
}

const keysOf = (pairs: readonly SignedPair[]): readonly Hex[] =>
  pairs.flatMap(({ keys }) => [keys?.prover, keys?.second].flatMap((key) => key ?? []));

/** The keys are what can be looked up: a receipt does not carry the evidence that they are enclaves'. */
function pairsText(pairs: readonly SignedPair[], { enclaves }: ReceiptExpectation): string {
  const keys = [...new Set(keysOf(pairs))];
  if (enclaves === undefined)
    return `signed by keys ${keys.join(", ")}: that they are enclaves' of two vendors, the hub's acceptance says`;
  const named = keys.map((key) => `${key} (${enclaves.get(key)?.family}, of worker ${enclaves.get(key)?.worker})`);
  const simulated = keys.some((key) => enclaves.get(key)?.simulated === true);
  return simulated
    ? `signed by registered keys ${named.join(", ")} of SIMULATED enclaves, which prove nothing about hardware`
    : `signed by registered enclaves ${named.join(", ")}`;
}

/** Every stage was signed as the policy asks, and by enclaves of the workers named, where the registry is known. */
function pairsFailure({ proofs }: Receipt, pairs: readonly SignedPair[], { enclaves }: ReceiptExpectation) {
  for (const [i, { stage, keys, failure }] of pairs.entries()) {
    if (failure !== undefined || keys === undefined) return `stage ${stage}: ${failure}`;
    if (enclaves === undefined) continue;
    const { worker, enclaves: shown } = proofs[i] as Receipt["proofs"][number];
    const [prover, second] = [enclaves.get(keys.prover), keys.second && enclaves.get(keys.second)];
    if (prover === undefined || lower(prover.worker) !== lower(worker))
      return `stage ${stage}: ${keys.prover} is no enclave of ${worker}`;
    if (keys.second === undefined) {
      if (prover.family !== "intel") return `stage ${stage}: no enclave's evidence was verified on chain`;
      continue;
    }
    if (second === undefined || lower(second.worker) !== lower(shown[0]?.second ?? ""))
      return `stage ${stage}: ${keys.second} is no enclave of ${shown[0]?.second}`;
    if (second.family === prover.family) return `stage ${stage}: both enclaves are of one vendor family`;
    if (prover.family !== "intel" && second.family !== "intel")
      return `stage ${stage}: no enclave's evidence was verified on chain`;
  }
  return undefined;
}

/** Whether every key may be believed here. A development key is named whatever follows from it. */
function keysCheck(receipt: Receipt, keys: readonly ProvenKey[], options: ReceiptOptions): Check {
  const development = [...new Set(keys.filter((key) => key.development).map(({ stage }) => stage))];
  if (development.length === 0)
    return { name: "keys", ok: true, detail: `${keys.length} proofs under keys of ceremonies` };
  const named = `DEVELOPMENT KEYS, stages ${development.join(", ")}: anyone can forge these proofs`;
  const local = receipt.chainId === LOCAL_CHAIN_ID;
  const ok = local && options.refuseDevelopmentKeys !== true;
  return { name: "keys", ok, detail: ok ? `${named}; believed because the chain is local` : named };
}

/** Whether a committee stands behind a stage, or one operator that nobody audited or disputed, and its enclave. */
function saidBy(receipt: Receipt, stage: number): readonly string[] {
  const at = receipt.record.tallies.findLastIndex((tally) => tally.stage === stage);
  const last = receipt.record.tallies[at];
  const inside = receipt.enclaves.find(({ tally }) => tally === at);
  if (inside !== undefined && isShared(receipt.job.spec.policy.mask)) return [enclaveName(inside)];
  if (last === undefined || !isLone(receipt, last)) return ["VOTE"];
  return inside === undefined ? ["OPTIMISTIC"] : [enclaveName(inside), "OPTIMISTIC"];
}

function enclavesText({ enclaves }: Receipt): string {
  if (enclaves.length === 0) return "no answer stands on one enclave alone";
  const simulated = enclaves.some((one) => one.simulated);
  return simulated
    ? "signed by the bound key of a SIMULATED enclave, which proves nothing about hardware"
    : "signed by the key that the enclave's evidence binds; whether the evidence is genuine is judged with the vendor's roots";
}

/**
 * A pair's receipt carries no quotes: whether its enclaves are SIMULATED the registry tells. Where it was not asked, those of a local chain
 * are taken for it.
 */
function pairName({ chainId }: Receipt, pairs: readonly SignedPair[], { enclaves }: ReceiptExpectation): string {
  const keys = keysOf(pairs);
  const simulated = enclaves === undefined ? chainId === LOCAL_CHAIN_ID : keys.some((key) => enclaves.get(key)?.simulated === true); // prettier-ignore
  return enclaveName({ simulated });
}

function coverageOf(receipt: Receipt, history: JudgedReplay | undefined, expected: ReceiptExpectation): Coverage[] {
  const { manifest, record } = receipt;
  const stands =
    history !== undefined &&
    history.bindings === undefined &&
    history.tallies === undefined &&
    history.proofs === undefined &&
    history.enclaves === undefined &&
    history.pairs.every(({ failure }) => failure === undefined);
  const first = networkPart(manifest.stages)?.first ?? 0;
  const covered = manifest.stages.map(({ place }, stage): Coverage => {
    if (place === PLACE_CLIENT) return { stage, kind: "CLIENT_UNPROVEN", evidence: [] };
    // The job numbers the network's stages only.
    const own = stage - first;
    if (!stands || own >= record.boundaries.length) return { stage, kind: "UNDECIDED", evidence: [] };
    const key = history.keys.find((one) => one.stage === own);
    // A proof overrules the votes, or there were none.
    const ciphered = (receipt.job.spec.policy.mask & CIPHER) === 0 ? [] : ["CIPHER"];
    // One honest defender overrules a committee: what stands behind the stage is no vote.
    if (history.refereed.has(own)) return { stage, kind: "EVIDENCED", evidence: ["REFEREE", ...ciphered] };
    if (key === undefined) return { stage, kind: "EVIDENCED", evidence: [...saidBy(receipt, own), ...ciphered] };
    const proof = key.development ? "PROOF (DEVELOPMENT KEY)" : "PROOF";
    const signed = history.pairs.some((pair) => pair.stage === own);
    const evidence = signed ? [proof, pairName(receipt, history.pairs, expected)] : [proof];
    return { stage, kind: "EVIDENCED", evidence };
  });
  // The client adds the lanes' sums up and runs the rest of the model on them, which is no stage of the job.
  if (!areLanes(manifest.stages)) return covered;
  return [...covered, { stage: covered.length, kind: "CLIENT_UNPROVEN", evidence: [] }];
}

const differs = (what: string, have: Hex, want: Hex): string | undefined =>
  have === want ? undefined : `${what} is ${want}, the receipt says ${have}`;

/** A replay whose proofs were judged. */
interface JudgedReplay extends Replay {
  readonly proofs: string | undefined;
  readonly keys: readonly ProvenKey[];
  readonly enclaves: string | undefined;
}

function judge(history: Replay, verdicts: readonly Verdict[], enclaves: string | undefined): JudgedReplay {
  const left = verdicts.values();
  const failures = history.proven.map(({ where, failure, proof }) => {
    const verdict = proof && left.next().value;
    const why = failure ?? (verdict && errorText(verdict));
    return why === undefined ? undefined : `${where}: ${why}`;
  });
  const keys = history.proven.flatMap(({ key }) => key ?? []);
  return { ...history, proofs: failures.find((failure) => failure !== undefined), keys, enclaves };
}

/**
 * Re-does everything a receipt claims from its bytes alone, by the rules of the hub, but for the proofs' curves. Pure; never throws on
 * hostile content.
 */
export function examineReceipt(
  given: Receipt,
  expected: ReceiptExpectation = {},
  options: ReceiptOptions = {},
): Examination<ReceiptReport> {
  // One spelling of every byte string from here on, and nothing that has no encoding.
  let receipt = given;
  const form = runCheck("form", "it has a canonical encoding", () => {
    receipt = decodeReceipt(encodeReceipt(given));
    return undefined;
  });
  if (!form.ok) return { proofs: [], report: () => ({ ok: false, checks: [form], coverage: [] }) };
  const domain = domainSeparator(receipt);
  const histories: Replay[] = [];
  const chain = runCheck("chain", "every stage takes what its producers gave", () => {
    const replay = replayRecord(receipt, domain, options.openKey ?? openKey);
    histories.push(replay);
    assertChain(receipt, replay.boundaries);
    return undefined;
  });
  const [history] = histories;
  const inside = runCheck("enclaves", "", () => enclavesFailure(receipt, domain));
  const against = inside.ok ? undefined : inside.detail;
  return {
    proofs: history?.proven.flatMap(({ proof }) => proof ?? []) ?? [],
    report: (verdicts) =>
      reportOf(
        { receipt, domain, form, chain, history: history && judge(history, verdicts, against) },
        expected,
        options,
      ),
  };
}

/**
 * Re-does everything a receipt claims from its bytes alone, by the rules of the hub. Pure; never throws on hostile content. What it
 * cannot know without `expected`: that this chain and hub exist, and which address a worker id signs with.
 */
export function verifyReceipt(
  given: Receipt,
  expected: ReceiptExpectation = {},
  options: ReceiptOptions = {},
): ReceiptReport {
  const { proofs, report } = examineReceipt(given, expected, options);
  return report(proofs.map(judgeProof));
}

/** What an examination found. */
interface Examined {
  readonly receipt: Receipt;
  readonly domain: Hex;
  readonly form: Check;
  readonly chain: Check;
  readonly history: JudgedReplay | undefined;
}

function reportOf(
  { receipt, domain, form, chain, history }: Examined,
  expected: ReceiptExpectation,
  options: ReceiptOptions,
): ReceiptReport {
  const { job, manifest, record } = receipt;
  const { spec } = job;
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
    const part = networkPart(manifest.stages);
    if (part === null) return "its client stages stand where no job can ask for them";
    if (part.table.length !== spec.stages) return `the model has ${part.table.length} stages, the job ${spec.stages}`;
    return differs("the model id", spec.modelId, modelId(manifest));
  });
  add("policy", "the evidence is what the policy asks for, and the model accepts it", () => {
    const { mask } = spec.policy;
    const carried = carriedOf(mask);
    if ((mask & ~carried) !== 0)
      return `votes, proofs, also of enclaves, samples and ciphertexts can be carried; the policy's mask is ${mask}`;
    checkShape(spec.policy, spec.stages, carried);
    const plain = (mask & CIPHER) === 0 ? -1 : jobTable(manifest).findIndex((stage) => !isCiphered(stage));
    if (plain !== -1) return `stage ${plain} is not over ciphertexts`;
    return (manifest.acceptedMasks >>> spec.policy.mask) & 1 ? undefined : "the model does not accept this policy";
  });
  add("seats", "every seat is another worker", () => seatsFailure(receipt));
  add("client claims", `${receipt.clientClaims.length} signed by the client`, () =>
    clientSignatureFailure(receipt, domain),
  );
  add("parents", receipt.parents.length === 0 ? "it joins no other jobs" : parentsText(receipt), () =>
    joinFailure(receipt, domain),
  );
  checks.push(chain);
  if (history !== undefined) {
    const { bindings, tallies } = history;
    add("signatures", "every vote was committed, opened and signed by its seat", () => bindings);
    add("posted", "no vote rests on a transaction that this receipt cannot show", () =>
      postedFailure(receipt, expected),
    );
    add("tallies", "every committee said what the record says", () => tallies);
    if (isPaired(spec.policy.mask))
      add("enclaves", pairsText(history.pairs, expected), () => pairsFailure(receipt, history.pairs, expected));
    if (receipt.proofs.length > 0 || (spec.policy.mask & ~ENCLAVE) === PROOF) {
      add("proofs", `${history.keys.length} hold under their stages' keys`, () => history.proofs);
      checks.push(keysCheck(receipt, history.keys, options));
    }
    if (receipt.refereed.length > 0)
      add("games", rulingsText(receipt.refereed), () =>
        expected.recordHash === undefined
          ? "a referee's games decided it, of which only the chain saw all: give the record hash from the chain"
          : undefined,
      );
    if (receipt.enclaves.length > 0 || isShared(spec.policy.mask) || spec.policy.mask === SAMPLED_ENCLAVE)
      add("enclaves", enclavesText(receipt), () => history.enclaves);
    if (receipt.schedule.length > 0) add("plans", scheduleText(receipt), () => scheduleFailure(receipt));
    add("result", receipt.reason === 0 ? "the evidence decides this result" : "the evidence decides this end", () =>
      endFailure(receipt, history),
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

  const coverage = coverageOf(receipt, history, expected);
  return { ok: checks.every(({ ok }) => ok), checks, coverage };
}
