// SPDX-License-Identifier: MIT
import { decodeAbi, encodeAbi, type AbiType, type AbiValue } from "../abi.ts";
import { ByteReader } from "../byte-reader.ts";
import { concatBytes, equalBytes, utf8, type Hex } from "../bytes.ts";
import { errorText, runCheck, type Check } from "../check.ts";
import { CoreError } from "../core-errors.ts";
import { stageInDigest } from "../digest.ts";
import { domainSeparator } from "../eip712.ts";
import { isAssayError, type AssayError } from "../errors.ts";
import { NO_PROBE, PLACE_NETWORK, ZERO_BYTES32, type StageInfo } from "../types.ts";
import { ZkError } from "./errors.ts";
import { PROOF_EVIDENCE } from "./evidence.ts";
import { KEY_DEVELOPMENT } from "./key-record.ts";
import { judgeProof, type Examination, type Verdict } from "./judge-proofs.ts";
import type { StageProof } from "./verify-proof.ts";
import { LOCAL_CHAIN_ID, openKey, type KeyOpener, type VerifyingKey } from "./verifying-key.ts";

const PROVED_STAGE = {
  struct: {
    worker: "address",
    outDigest: "bytes32",
    /** Earlier stages, or PRODUCER_INPUT. */
    producers: { array: "uint16" },
    /** C_w; both 0 where weights are public constants. */
    weightsX: "bytes32",
    weightsY: "bytes32",
    key: "bytes",
    evidence: PROOF_EVIDENCE,
  },
} as const satisfies AbiType;

const PROOF_FILE = {
  struct: {
    chainId: "uint256",
    hub: "address",
    /** Of the job; without one, 32 bytes that the verifier chose: the proofs are good for them alone. */
    jobId: "bytes32",
    inDigest: "bytes32",
    /** From stage 0 on, without gaps. */
    stages: { array: PROVED_STAGE },
  },
} as const satisfies AbiType;

export type ProvedStage = AbiValue<typeof PROVED_STAGE>;
/** Proofs of a program's stages on one input, with all that is needed to check them. */
export type ProofFile = AbiValue<typeof PROOF_FILE>;

const MAGIC = utf8("ASPF");
const VERSION = 1;
/** Eight stages with public tensors and one-round keys stay far below. */
export const MAX_PROOF_FILE_BYTES = 4 * 1024 * 1024;
const MAX_STAGES = 8;

/** "ASPF" ‖ u8 version ‖ abi.encode(file). Errors: ABI_VALUE, PROOF_FILE_INVALID. */
export function encodeProofFile(file: ProofFile): Uint8Array {
  checkStages(file);
  return concatBytes(MAGIC, Uint8Array.of(VERSION), encodeAbi([PROOF_FILE], [file]));
}

function checkStages({ stages }: ProofFile): void {
  if (stages.length < 1 || stages.length > MAX_STAGES)
    throw new ZkError("PROOF_FILE_INVALID", { reason: `${stages.length} stages, not 1 to ${MAX_STAGES}` });
}

/**
 * Reads a file from anyone: its form only. Errors: PROOF_FILE_INVALID, TOO_LARGE, VERSION_UNKNOWN, BYTES_TRUNCATED,
 * ABI_NOT_CANONICAL.
 */
export function decodeProofFile(bytes: Uint8Array): ProofFile {
  if (bytes.length > MAX_PROOF_FILE_BYTES) {
    const actual = `${bytes.length} bytes`;
    throw new CoreError("TOO_LARGE", { what: "The proof file", actual, limit: MAX_PROOF_FILE_BYTES });
  }
  const reader = new ByteReader(bytes, "The proof file");
  if (!equalBytes(reader.raw(4), MAGIC))
    throw new ZkError("PROOF_FILE_INVALID", { reason: "it does not begin with ASPF" });
  const version = reader.u8();
  if (version !== VERSION) throw new CoreError("VERSION_UNKNOWN", { what: "The proof file", version });
  const [file] = decodeAbi([PROOF_FILE], reader.raw(reader.remaining));
  checkStages(file);
  return file;
}

/** What the verifier knows from elsewhere. Without it the file is true of some model, input and job. */
export interface ProofExpectation {
  readonly chainId?: bigint | undefined;
  readonly hub?: Hex | undefined;
  readonly jobId?: Hex | undefined;
  readonly inDigest?: Hex | undefined;
  readonly outDigest?: Hex | undefined;
  /** One a stage, from the model's stage table: without them any circuit may have been proven. */
  readonly keyIds?: readonly Hex[] | undefined;
  /** A model's stage table: key ids, weight commitments and wiring, all at once. */
  readonly stages?: readonly StageInfo[] | undefined;
}

export interface ProofReport {
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly keyIds: readonly Hex[];
  /** Of the last stage. */
  readonly outDigest: Hex;
  readonly development: boolean;
}

/** A stage table as far as proofs depend on it: kinds are the key's own. */
const tableOf = (file: ProofFile, keys: readonly VerifyingKey[]): StageInfo[] =>
  file.stages.map(({ producers, weightsX, weightsY }, stage) => {
    const { keyId, record } = keys[stage] as VerifyingKey;
    const [inKind, outKind] = [record.boundaries[0]?.kind ?? 0, record.boundaries.at(-1)?.kind ?? 0];
    const place = PLACE_NETWORK;
    return { place, inKind, outKind, probe: NO_PROBE, kernel: ZERO_BYTES32, keyId, weightsX, weightsY, producers };
  });

const lower = (value: string): string => value.toLowerCase();

function expectationFailure(file: ProofFile, keyIds: readonly Hex[], expected: ProofExpectation): string | undefined {
  const pairs: readonly [string, bigint | string | undefined, bigint | string | undefined][] = [
    ["chain id", expected.chainId, file.chainId],
    ["hub", expected.hub, file.hub],
    ["job id", expected.jobId, file.jobId],
    ["input digest", expected.inDigest, file.inDigest],
    ["result", expected.outDigest, file.stages.at(-1)?.outDigest],
    ["key ids", expected.keyIds?.join(), keyIds.join()],
  ];
  for (const [name, want, have] of pairs)
    if (want !== undefined && lower(String(want)) !== lower(String(have))) return `${name}: ${have} instead of ${want}`;
  const { stages } = expected;
  if (stages === undefined) return undefined;
  if (stages.length !== file.stages.length) return `${file.stages.length} stages of the model's ${stages.length}`;
  const wrong = stages.findIndex((info, i) => {
    const stage = file.stages[i];
    const have = [keyIds[i], stage?.weightsX, stage?.weightsY, stage?.producers];
    return have.join() !== [info.keyId, info.weightsX, info.weightsY, info.producers].join();
  });
  return wrong < 0 ? undefined : `stage ${wrong} has another key, weight commitment or producer than the model's`;
}

function keysCheck(file: ProofFile, keys: readonly VerifyingKey[], refuse: boolean): Check {
  const development = keys.flatMap(({ record }, stage) => (record.cls === KEY_DEVELOPMENT ? [stage] : []));
  if (development.length === 0) return { name: "keys", ok: true, detail: `${keys.length} keys of ceremonies` };
  const named = `DEVELOPMENT KEYS, stages ${development.join(", ")}: anyone can forge these proofs`;
  const ok = file.chainId === LOCAL_CHAIN_ID && !refuse;
  return { name: "keys", ok, detail: ok ? `${named}; believed because the chain is local` : named };
}

export interface ProofFileOptions {
  readonly refuseDevelopmentKeys?: boolean;
  /** Of many files, one that remembers: `openKeys`. Default: `openKey`. */
  readonly openKey?: KeyOpener | undefined;
}

/** Each stage's proof with what it claims, or why there is none. */
type Stages = readonly ({ readonly proof: StageProof } | { readonly error: AssayError })[];

function stagesOf(file: ProofFile, keys: readonly VerifyingKey[]): Stages {
  const table = tableOf(file, keys);
  const outs = file.stages.map(({ outDigest }) => outDigest);
  const domain = domainSeparator(file);
  return file.stages.map((one, stage) => {
    const { worker, outDigest, producers, evidence } = one;
    const none = BigInt(one.weightsX) === 0n && BigInt(one.weightsY) === 0n;
    const weights = none ? undefined : { x: BigInt(one.weightsX), y: BigInt(one.weightsY) };
    try {
      const inDigest = stageInDigest(table, stage, file.inDigest, outs);
      const claim = { jobId: file.jobId, stage, inDigest, outDigest, worker };
      return { proof: { key: keys[stage] as VerifyingKey, claim, domain, evidence, producers, weights } };
    } catch (error) {
      if (!isAssayError(error)) throw error;
      return { error };
    }
  });
}

/** Everything that `verifyProofFile` checks but the proofs' curves. Pure; never throws on hostile content. */
export function examineProofFile(
  file: ProofFile,
  expected: ProofExpectation = {},
  options: ProofFileOptions = {},
): Examination<ProofReport> {
  const keys: VerifyingKey[] = [];
  const form = runCheck("form", "keys and encoding are canonical", () => {
    const open = options.openKey ?? openKey;
    const canonical = decodeProofFile(encodeProofFile(file));
    for (const { key } of canonical.stages) keys.push(open(key));
    return undefined;
  });
  const stages = keys.length === file.stages.length ? stagesOf(file, keys) : [];
  const keyIds = keys.map(({ keyId }) => keyId);
  const anchored = Object.values(expected).some((value) => value !== undefined);
  const named = runCheck(
    "expected",
    anchored ? "it agrees with what was given" : "nothing was given: whose program and job these are is not known",
    () => expectationFailure(file, keyIds, expected),
  );
  const judged = (verdicts: readonly Verdict[]): Check[] => {
    const left = verdicts.values();
    return stages.map((one, stage) => {
      const error = "error" in one ? one.error : left.next().value;
      const detail = error === undefined ? `proven by ${file.stages[stage]?.worker}` : errorText(error);
      return { name: `stage ${stage}`, ok: error === undefined, detail };
    });
  };
  return {
    proofs: stages.flatMap((one) => ("proof" in one ? [one.proof] : [])),
    report: (verdicts) => {
      const keysFound = stages.length === 0 ? [] : [keysCheck(file, keys, options.refuseDevelopmentKeys === true)];
      const checks = [form, ...keysFound, ...judged(verdicts), named];
      return {
        ok: checks.every(({ ok }) => ok),
        checks,
        keyIds,
        outDigest: file.stages.at(-1)?.outDigest ?? ZERO_BYTES32,
        development: keys.some(({ record }) => record.cls === KEY_DEVELOPMENT),
      };
    },
  };
}

/**
 * Checks every stage's proof, and that each takes what its producers gave. Pure; never throws on hostile content. What it cannot know
 * without `expected`: whose program the keys stand for, and that anybody asked for this input and job.
 */
export function verifyProofFile(
  file: ProofFile,
  expected: ProofExpectation = {},
  options: ProofFileOptions = {},
): ProofReport {
  const { proofs, report } = examineProofFile(file, expected, options);
  return report(proofs.map(judgeProof));
}
