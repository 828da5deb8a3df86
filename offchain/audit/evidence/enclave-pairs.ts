// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import type { EnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import { listRegistrations, type EnclaveRegistration } from "../../adapters/chain/list-registrations.ts";
import { readEndorsement, readQuote } from "../../adapters/chain/read-endorsement.ts";
import { familyOf, INTEL } from "../../adapters/chain/read-enclaves.ts";
import { findShown, readCase } from "../../adapters/chain/verdict-board.ts";
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
import { decodeEndorsements, FORMATS } from "../../engines/tee/board.ts";
import { collateralBundle } from "../../engines/tee/collateral-file.ts";
import type { Endorsements, Evidence, EvidenceVendor } from "../../engines/tee/verdict.ts";
import { shownEnclave } from "../judge-enclaves.ts";
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
export interface ShownRegistration {
  readonly registration: EnclaveRegistration;
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  /** Null: the block of the registration; else the time at which the board was shown it. */
  readonly openedAt: number | null;
  readonly files: readonly CollectedFile[];
}

/** From the chain; null where the registry never took the key, or it came through another contract. Errors: RPC_UNAVAILABLE, REVERTED; QUOTE, ABI_NOT_CANONICAL. */
export async function findShownRegistration(
  chain: Chain,
  parts: EnclaveParts,
  { key, epoch }: PairSigner,
): Promise<ShownRegistration | null> {
  const all = await listRegistrations(chain, { contracts: parts, key, fromBlock: 0n });
  const registration = all.find(({ binding }) => binding.epoch === epoch);
  if (registration === undefined) return null;
  const { vendor, origin, blockNumber, transactionHash } = registration;
  const at = `enclaves/${key.toLowerCase()}`;
  if (familyOf(vendor) === INTEL) {
    const quote = await readQuote(chain.client, transactionHash);
    if (quote === null) return null;
    const { collateral } = parts;
    const from = { collateral, blockNumber, pckId: origin, quote, fromBlock: 0n };
    const endorsement = await readEndorsement(chain.client, from);
    if (endorsement === null) return null;
    const { evidence, endorsements } = shownEnclave({ quote, runtime: registration.runtime, endorsement });
    return { registration, evidence, endorsements, openedAt: null, files: intelFiles(at, evidence, endorsements) };
  }
  const caseId = BigInt(origin);
  const shown = await findShown(chain, parts.board, caseId, { fromBlock: 0n, toBlock: "latest" });
  const format = FORMATS.get(vendor & 127);
  if (format === undefined) return null;
  const [bytes, given] = [fromHex(shown.evidence), fromHex(shown.endorsements)];
  const evidence = { format, bytes, runtime: fromHex(registration.runtime) };
  const { openedAt } = await readCase(chain, parts.board, caseId);
  const files = [
    { file: `${at}.quote`, content: bytes },
    { file: `${at}.endorsements`, content: given },
  ];
  return { registration, evidence, endorsements: decodeEndorsements(format, given), openedAt, files };
}

/** The key at which a registration's evidence must end. Errors: CHAIN, QUOTE, CBOR, PEM, DER. */
export function rootIdOf({ evidence, endorsements }: Pick<ShownRegistration, "evidence" | "endorsements">): Hex {
  const der =
    endorsements.kind === "intel"
      ? readPem(endorsements.tcbInfoChain).at(-1)
      : endorsements.kind === "amd"
        ? endorsements.ark
        : parseNitro(evidence.bytes).caBundle[0];
  return `0x${readCertificate(der ?? new Uint8Array()).spkiHash}`;
}

/** By the chain's numbers of families. */
export const VENDORS: ReadonlyMap<number, EvidenceVendor> = new Map([
  [INTEL, "intel"],
  [3, "amd"],
  [4, "aws"],
]);

const intelFiles = (at: string, { bytes }: Evidence, endorsements: ReturnType<typeof shownEnclave>["endorsements"]) => [
  { file: `${at}.quote`, content: bytes },
  { file: `${at}.collateral.json`, content: utf8(`${JSON.stringify(collateralBundle(endorsements), null, 1)}\n`) },
];

/** Of an enclave whose registration the receipt shows. Errors: QUOTE, UTF8_INVALID. */
export function shownFiles(one: EnclavedTally): readonly CollectedFile[] {
  const { evidence, endorsements } = shownEnclave(one);
  return intelFiles(`enclaves/${one.key.toLowerCase()}`, evidence, endorsements);
}
