// SPDX-License-Identifier: MIT
import { equalBytes, fromHex, toHex, type Hex } from "./bytes.ts";
import { addressWord, bindReportData, decodeRuntime, enclaveConfigDigest } from "./enclave-binding.ts";
import { enclaveResultDigest } from "./enclave-result.ts";
import { platformOf } from "./enclave-status.ts";
import { stageInDigest } from "./digest.ts";
import { jobTable } from "./network-part.ts";
import type { EnclavedTally, Receipt } from "./receipt.ts";
import { isLone, isShared } from "./replay-record.ts";
import { scheduledFailure } from "./scheduled-result.ts";
import { recoverSigner } from "./signature.ts";
import { ENCLAVE, OPTIMISTIC, SAID_UNREVEALED, ZERO_BYTES32 } from "./types.ts";
import { LOCAL_CHAIN_ID } from "./zk/verifying-key.ts";

/** The evidence that samples of enclaves are made under. */
export const SAMPLED_ENCLAVE = ENCLAVE | OPTIMISTIC;

/** Where report data stands in a packed quote: behind an SGX report's or a TD report's other fields. */
function reportDataOf(quote: Uint8Array): Uint8Array {
  const isTdx = quote[4] === 0x81;
  const body = quote[0] === 5 ? 54 : 48;
  const at = body + (isTdx ? 520 : 320);
  return quote.subarray(at, at + 64);
}

/** Where an SEV-SNP report has its report data, and how long it is; mirror: contracts/libraries/SnpLib.sol. */
const SNP = { data: 0x50, bytes: 0x4a0 } as const;

/**
 * Whether evidence was made over `bound`, as far as bytes at fixed places say. A Nitro document has its data inside CBOR, which is read where
 * its chain is: here they must occur in it, and only `judgeEnclaves` says that they are what AWS signed as the document's user data.
 */
function evidenceFailure({ quote, board, registeredAt }: EnclavedTally, bound: Uint8Array): string | undefined {
  const [shown] = board;
  if (shown === undefined)
    return equalBytes(reportDataOf(fromHex(quote)), bound) ? undefined : "its quote is bound to something else";
  if (shown.openedAt > registeredAt) return "its evidence was shown after its registration";
  const evidence = fromHex(shown.evidence);
  if (platformOf(shown.vendor) === "aws-nitro")
    return toHex(evidence).includes(toHex(bound).slice(2)) ? undefined : "its document is bound to something else";
  if (evidence.length !== SNP.bytes) return `its report has ${evidence.length} bytes instead of ${SNP.bytes}`;
  const data = evidence.subarray(SNP.data, SNP.data + bound.length);
  return equalBytes(data, bound) ? undefined : "its report is bound to something else";
}

/** What the evidence binds, by the receipt's words. */
export const enclaveBindingOf = ({ chainId }: Pick<Receipt, "chainId">, one: EnclavedTally, worker: Hex) => ({
  chainId,
  registry: one.registry,
  key: one.key,
  channelKey: one.channelKey,
  sealKey: one.sealKey,
  worker: addressWord(worker),
  epoch: one.epoch,
  challenge: one.challenge,
});

/** Who is the seat that an enclave signed for. */
export const enclavedSigner = ({ committees }: Receipt, { tally }: EnclavedTally): Hex =>
  committees[tally]?.seats[0]?.signer ?? "0x";

/** Whether what was signed names the channel that its plan has there; a sample names none. */
function channelFailure(receipt: Receipt, one: EnclavedTally, stage: number): string | undefined {
  const { chainId, jobId, job, schedule } = receipt;
  if (isShared(job.spec.policy.mask)) {
    const plan = schedule[0]?.plans[one.plan];
    if (plan === undefined) return `no plan ${one.plan} was told`;
    return scheduledFailure({ ...one, chainId, jobId, stage }, fromHex(plan));
  }
  const isAlone = one.channelHash === ZERO_BYTES32 && one.handshake === "0x" && one.plan === 0;
  return isAlone ? undefined : "a sample's input is sealed by its client";
}

function failureOf(receipt: Receipt, domain: Hex, one: EnclavedTally): string | undefined {
  const { chainId, hub, jobId, job, committees, record, manifest } = receipt;
  const [seat] = committees[one.tally]?.seats ?? [];
  const stage = record.tallies[one.tally]?.stage ?? 0;
  if (seat?.opened !== true) return "it signed for a seat that has not opened";
  const inDigest = stageInDigest(jobTable(manifest), stage, job.spec.inDigest, record.boundaries);
  const claim = { jobId, stage, inDigest, outDigest: seat.outDigest, worker: seat.signer };
  const { channelHash, epoch, r, vs, key } = one;
  const signer = recoverSigner(enclaveResultDigest(domain, { claim, channelHash, epoch }), { r, vs });
  if (signer !== key.toLowerCase()) return `its result is signed by ${signer}, not by ${key}`;
  const runtime = decodeRuntime(fromHex(one.runtime));
  if (runtime.modelId !== job.spec.modelId) return `its key serves model ${runtime.modelId}`;
  if (runtime.configDigest !== enclaveConfigDigest({ chainId, hub, registry: one.registry }))
    return "it was started for another chain, hub or registry";
  const bound = bindReportData(enclaveBindingOf(receipt, one, seat.signer), fromHex(one.runtime));
  const unbound = evidenceFailure(one, bound);
  if (unbound !== undefined) return unbound;
  const apart = channelFailure(receipt, one, stage);
  if (apart !== undefined) return apart;
  if (one.simulated && chainId !== LOCAL_CHAIN_ID) return "it is SIMULATED, and the chain is not local";
  return undefined;
}

/**
 * Whether an enclave signed each answer that stands without an audit, where the policy asks for one, and each stage that enclaves share: by
 * a key that evidence binds to this chain, registry, worker, model and epoch. Not whether the evidence is the vendor's, nor whether a Nitro
 * document states this binding or only contains it: both are judged where certificates and CBOR are read (`judgeEnclaves`).
 */
export function enclavesFailure(receipt: Receipt, domain: Hex): string | undefined {
  const { enclaves, record, job } = receipt;
  const { mask } = job.spec.policy;
  const asked = (mask & ENCLAVE) !== 0;
  const due = record.tallies.flatMap((tally, at) =>
    isShared(mask) || (asked && isLone(receipt, tally) && tally.said[0] !== SAID_UNREVEALED) ? [at] : [],
  );
  const have = enclaves.map(({ tally }) => tally);
  if (due.join() !== have.join())
    return `enclaves signed for tallies ${have.join() || "none"}, those that need one are ${due.join() || "none"}`;
  for (const one of enclaves) {
    const why = failureOf(receipt, domain, one);
    if (why !== undefined) return `tally ${one.tally}: ${why}`;
  }
  return undefined;
}

/** Loudly, and whoever made it. */
export const enclaveName = ({ simulated }: Pick<EnclavedTally, "simulated">): string =>
  simulated ? "ENCLAVE (SIMULATED)" : "ENCLAVE";
