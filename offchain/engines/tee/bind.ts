// SPDX-License-Identifier: GPL-3.0-or-later
import { bigToBytes, concatBytes, equalBytes, fromHex, toHex, utf8, type Hex } from "../../core/bytes.ts";
import { keccak256 } from "../../core/keccak.ts";
import { keccakText, toWord, type Word } from "../../core/tagged-hash.ts";
import { sha256 } from "./bytes/fields.ts";
import { EvidenceError } from "./errors.ts";
import type { Evidence, Verdict } from "./verdict.ts";

/** What a registration quote speaks for (tee.md §5). */
export interface EnclaveBinding {
  readonly chainId: bigint;
  /** Address of the enclave registry. */
  readonly registry: Hex;
  /** Address of the claim-signing key. */
  readonly key: Hex;
  /** X25519. */
  readonly channelKey: Word;
  readonly sealKey: Word;
  readonly worker: Word;
  /** Counts the key's registrations. */
  readonly epoch: number;
  /** Hash of a recent block: freshness without a round trip. */
  readonly challenge: Word;
}

export const BIND_TYPEHASH = keccakText(
  "EnclaveBinding(uint256 chainId,address registry,address key,bytes32 channelKey,bytes32 sealKey,bytes32 worker,uint16 epoch,bytes32 challenge)",
);

const addressWord = (address: Hex): Word => toHex(concatBytes(new Uint8Array(12), fromHex(address, 20, "The address")));

/** 64 bytes: keccak256(abi.encode(BIND_TYPEHASH, ...binding)) || sha256(runtime). Errors: HEX_INVALID, NUMBER_OUT_OF_RANGE. */
export function bindReportData(binding: EnclaveBinding, runtime: Uint8Array): Uint8Array {
  const { chainId, registry, key, channelKey, sealKey, worker, epoch, challenge } = binding;
  bigToBytes(BigInt(epoch), 2, "The epoch");
  const words = [BIND_TYPEHASH, toWord(chainId), addressWord(registry), addressWord(key), channelKey, sealKey, worker, toWord(epoch), challenge]; // prettier-ignore
  return concatBytes(keccak256(...words.map((word) => fromHex(word, 32))), sha256(runtime));
}

/** What measured code declares of itself; the second half of the report data is its hash. */
export interface EnclaveRuntime {
  /** Of the worker's read-only root, which the image's measurement covers. */
  readonly bundleDigest: Word;
  /** The one model that this enclave serves. */
  readonly modelId: Word;
  /** Hash of the GPU's report; 0 without a GPU. */
  readonly gpuDigest: Word;
  readonly configDigest: Word;
}

export const RUNTIME_TYPEHASH = keccakText(
  "EnclaveRuntime(bytes32 bundleDigest,bytes32 modelId,bytes32 gpuDigest,bytes32 configDigest)",
);

/** abi.encode(RUNTIME_TYPEHASH, ...runtime): 160 bytes. */
export function encodeRuntime({ bundleDigest, modelId, gpuDigest, configDigest }: EnclaveRuntime): Uint8Array {
  const words = [RUNTIME_TYPEHASH, bundleDigest, modelId, gpuDigest, configDigest];
  return concatBytes(...words.map((word) => fromHex(word, 32)));
}

/** Report data of a channel's fresh quote: keccak256("assay.v1.session" || h || role || key) || 0^32. */
export function sessionReportData(handshakeHash: Uint8Array, role: "initiator" | "responder", key: Hex): Uint8Array {
  const side = Uint8Array.of(role === "initiator" ? 0 : 1);
  return concatBytes(keccak256(utf8("assay.v1.session"), handshakeHash, side, fromHex(key, 20)), new Uint8Array(32));
}

/** Nonce of a GPU report: keccak256("assay.v1.gpu" || channelKey || challenge). */
export const gpuNonce = (channelKey: Word, challenge: Word): Uint8Array =>
  keccak256(utf8("assay.v1.gpu"), fromHex(channelKey, 32), fromHex(challenge, 32));

/** Evidence must have been made over exactly `expected` (64 bytes). Error: BINDING. */
export function requireReportData(verdict: Verdict, expected: Uint8Array): void {
  if (!equalBytes(fromHex(verdict.reportData), expected))
    throw new EvidenceError("BINDING", { detail: `report data is ${verdict.reportData}, expected ${toHex(expected)}` });
}

/** Evidence, the runtime declared beside it and the key's binding belong together. Error: BINDING. */
export function requireBinding(verdict: Verdict, { runtime }: Evidence, binding: EnclaveBinding): void {
  requireReportData(verdict, bindReportData(binding, runtime));
}
