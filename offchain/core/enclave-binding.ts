// SPDX-License-Identifier: MIT
import { sha256 } from "@noble/hashes/sha2.js";
import { bigToBytes, concatBytes, fromHex, toHex, type Hex } from "./bytes.ts";
import { CoreError } from "./core-errors.ts";
import { keccak256 } from "./keccak.ts";
import { keccakText, toWord, type Word } from "./tagged-hash.ts";

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

/** An address as a word. Error: HEX_INVALID. */
export const addressWord = (address: Hex): Word =>
  toHex(concatBytes(new Uint8Array(12), fromHex(address, 20, "The address")));

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
const RUNTIME_BYTES = 160;

/** abi.encode(RUNTIME_TYPEHASH, ...runtime): 160 bytes. */
export function encodeRuntime({ bundleDigest, modelId, gpuDigest, configDigest }: EnclaveRuntime): Uint8Array {
  const words = [RUNTIME_TYPEHASH, bundleDigest, modelId, gpuDigest, configDigest];
  return concatBytes(...words.map((word) => fromHex(word, 32)));
}

/** Error: NOT_CANONICAL for other bytes than `encodeRuntime` gives. */
export function decodeRuntime(bytes: Uint8Array): EnclaveRuntime {
  const word = (i: number): Word => toHex(bytes.subarray(32 * i, 32 * (i + 1)));
  if (bytes.length !== RUNTIME_BYTES || word(0) !== RUNTIME_TYPEHASH)
    throw new CoreError("NOT_CANONICAL", {
      what: "An enclave's runtime",
      why: `${bytes.length} bytes of another form`,
    });
  return { bundleDigest: word(1), modelId: word(2), gpuDigest: word(3), configDigest: word(4) };
}

const CONFIG_TYPEHASH = keccakText("EnclaveConfig(uint256 chainId,address hub,address registry)");

/**
 * What an enclave believes about the chain that its host shows it: jobs are those of this hub, keys those of this registry. Part of the
 * runtime, so that who seals an input knows that a host could not tell the enclave another hub.
 */
export function enclaveConfigDigest(config: {
  readonly chainId: bigint;
  readonly hub: Hex;
  readonly registry: Hex;
}): Word {
  const words = [CONFIG_TYPEHASH, toWord(config.chainId), addressWord(config.hub), addressWord(config.registry)];
  return toHex(keccak256(...words.map((word) => fromHex(word, 32))));
}
