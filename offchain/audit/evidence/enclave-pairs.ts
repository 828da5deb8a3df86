// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import { listRegistrations, type EnclaveRegistration } from "../../adapters/chain/list-registrations.ts";
import { readRegisteredEvidence, type RegisteredEvidence } from "../../adapters/chain/read-shown.ts";
import { fromHex, utf8, type Hex } from "../../core/bytes.ts";
import { stageInDigest } from "../../core/digest.ts";
import { domainSeparator } from "../../core/eip712.ts";
import { pairKeys, readEnclaveEvidence } from "../../core/enclave-bundle.ts";
import { jobTable } from "../../core/network-part.ts";
import type { EnclavedTally, Receipt } from "../../core/receipt.ts";
import { encodeProofEvidence } from "../../core/zk/evidence.ts";
import { readCertificate } from "../../engines/tee/bytes/certificate.ts";
import { readPem } from "../../engines/tee/bytes/pem.ts";
import { parseNitro } from "../../engines/tee/nitro/parse.ts";
import { collateralBundle } from "../../engines/tee/collateral-file.ts";
import { shownEnclave, type ShownEnclave } from "../judge-enclaves.ts";
import type { CollectedFile } from "./evidence-class.ts";

/** An enclave that signed a proven stage: its maker, or the one of another vendor that agrees. */
export interface PairSigner {
  readonly stage: number;
  readonly key: Hex;
  readonly epoch: number;
  /** Whose claim it signed. */
  readonly worker: Hex;
}

/** Who signed, by the receipt's signatures. Errors: RECEIPT_INVALID, SIGNATURE_INVALID. */
export function pairSigners({ chainId, hub, jobId, job, manifest, record, proofs }: Receipt): readonly PairSigner[] {
  const domain = domainSeparator({ chainId, hub });
  return proofs.flatMap(({ tally, worker, outDigest, evidence, enclaves: [pair] }) => {
    const stage = record.tallies[tally]?.stage ?? 0;
    if (pair === undefined) return [];
    const inDigest = stageInDigest(jobTable(manifest), stage, job.spec.inDigest, record.boundaries);
    const keys = pairKeys(domain, { jobId, stage, inDigest, outDigest, worker }, pair, encodeProofEvidence(evidence));
    const maker = { stage, key: keys.prover, epoch: readEnclaveEvidence(pair.result).epoch, worker };
    if (keys.second === undefined) return [maker];
    const { epoch } = readEnclaveEvidence(pair.secondResult);
    return [maker, { stage, key: keys.second, epoch, worker: pair.second }];
  });
}

/** What an enclave's registration showed the chain, and when that was judged. */
export interface ShownRegistration extends ShownEnclave {
  readonly registration: EnclaveRegistration;
  readonly files: readonly CollectedFile[];
}

/**
 * From the chain; null where the registry never took the key, or it came through another contract. Errors: RPC_UNAVAILABLE, REVERTED; those of
 * `shownEnclave`.
 */
export async function findShownRegistration(
  chain: Chain,
  parts: EnclaveParts,
  { key, epoch }: PairSigner,
): Promise<ShownRegistration | null> {
  const all = await listRegistrations(chain, { contracts: parts, key, fromBlock: 0n });
  const registration = all.find(({ binding }) => binding.epoch === epoch);
  if (registration === undefined) return null;
  const read = await readRegisteredEvidence(chain.client, { ...parts, ...registration, fromBlock: 0n });
  if (read === null) return null;
  const one = { ...read, key, runtime: registration.runtime };
  return { registration, ...shownEnclave(one), files: shownFiles(one) };
}

/** The key at which a registration's evidence must end. Errors: CHAIN, QUOTE, CBOR, PEM, DER. */
export function rootIdOf({ evidence, endorsements }: Pick<ShownEnclave, "evidence" | "endorsements">): Hex {
  const der =
    endorsements.kind === "intel"
      ? readPem(endorsements.tcbInfoChain).at(-1)
      : endorsements.kind === "amd"
        ? endorsements.ark
        : parseNitro(evidence.bytes).caBundle[0];
  return `0x${readCertificate(der ?? new Uint8Array()).spkiHash}`;
}

/** Evidence as files: what it rested on in the form that `assay tee verify` takes, or as the board has it. Errors: those of `shownEnclave`. */
export function shownFiles(one: RegisteredEvidence & Pick<EnclavedTally, "key" | "runtime">): readonly CollectedFile[] {
  const at = `enclaves/${one.key.toLowerCase()}`;
  const { evidence, endorsements } = shownEnclave(one);
  const beside =
    endorsements.kind === "intel"
      ? { file: `${at}.collateral.json`, content: utf8(`${JSON.stringify(collateralBundle(endorsements), null, 1)}\n`) }
      : { file: `${at}.endorsements`, content: fromHex(one.board[0]?.endorsements ?? "0x") };
  return [{ file: `${at}.quote`, content: evidence.bytes }, beside];
}
