// SPDX-License-Identifier: GPL-3.0-or-later
// An enclave's part in this process, on the same wire as one of its own, with everything that the host can see on record.
import { duplexPair } from "node:stream";
import { nodeCrypto } from "../../../offchain/adapters/keys/node-crypto.ts";
import { boundaryDigest } from "../../../offchain/core/batch-tensors.ts";
import { concatBytes, toHex, type Hex } from "../../../offchain/core/bytes.ts";
import type { CryptoPort, X25519KeyPair } from "../../../offchain/core/crypto-port.ts";
import { jobId as jobIdOf } from "../../../offchain/core/job.ts";
import { modelId as modelIdOf } from "../../../offchain/core/model.ts";
import { jobTable } from "../../../offchain/core/network-part.ts";
import { sealBlob, sealContext } from "../../../offchain/core/seal.ts";
import { encodeSealedInput, JOB_INPUT } from "../../../offchain/core/sealed-input.ts";
import { keccakText } from "../../../offchain/core/tagged-hash.ts";
import { encodeTensor, type Tensor } from "../../../offchain/core/tensor.ts";
import { ENCLAVE, OPTIMISTIC, ZERO_ADDRESS, ZERO_BYTES32, KIND_BLINDED, KIND_SALTED, type DigestKind, type Job, type ModelManifest, type Policy } from "../../../offchain/core/types.ts"; // prettier-ignore
import type { EnclaveProvider } from "../../../offchain/engines/tee/provider/port.ts";
import { SimulatedProvider } from "../../../offchain/engines/tee/sim/provider.ts";
import { simulatedMeasurement } from "../../../offchain/engines/tee/sim/quote-server.ts";
import { EnclaveClient } from "../../../offchain/node/enclave/enclave-client.ts";
import { EnclaveInner } from "../../../offchain/node/enclave/inner.ts";
import { serveInner } from "../../../offchain/node/enclave/serve-inner.ts";
import type { InnerModules } from "../../../offchain/node/enclave/inner.ts";
import { encodePairOrder, type OrderedPair } from "../../../offchain/core/pair-order.ts";
import type { ModelShelf } from "../../../offchain/protocol/ports.ts";
import { addOne, testClock, testManifest } from "../cluster/cluster.ts";
import { simulated } from "./simulated.ts";

export const BUNDLE = keccakText("bundle");
export const HUB: Hex = `0x${"44".repeat(20)}`;
export const REGISTRY: Hex = `0x${"55".repeat(20)}`;
export const WORKER: Hex = `0x${"66".repeat(20)}`;
export const REQUESTER: Hex = `0x${"77".repeat(20)}`;
export const PLACE = { chainId: 31_337n, hub: HUB, registry: REGISTRY, worker: WORKER };

/** Of one stage, for enclaves. */
export function enclaveManifest(change: Partial<ModelManifest> = {}): ModelManifest {
  return { ...testManifest(1), acceptedMasks: 1 << (ENCLAVE | OPTIMISTIC), ...change };
}

export interface InnerChange {
  readonly manifest?: ModelManifest;
  readonly stage?: ModelShelf["stage"];
  readonly provider?: EnclaveProvider;
  readonly bundleDigest?: Hex;
  readonly prover?: NonNullable<ReturnType<NonNullable<InnerModules["prover"]>>>;
}

export interface TestInner {
  readonly client: EnclaveClient;
  /** All that went over the wire so far, in both directions. */
  readonly wire: () => Uint8Array;
  /** Every private key that was made inside. */
  readonly secrets: readonly Uint8Array[];
  readonly modelId: Hex;
}

/** Serves a fresh enclave; `host` sees its end of the stream. */
export function startInner(change: InnerChange = {}): TestInner {
  const { manifest = enclaveManifest(), stage = addOne, bundleDigest = BUNDLE, prover } = change;
  const secrets: Uint8Array[] = [];
  const keep = <T extends X25519KeyPair | Uint8Array>(made: T): T => {
    secrets.push(Uint8Array.from(made instanceof Uint8Array ? made : made.privateKey));
    return made;
  };
  const crypto: CryptoPort = {
    ...nodeCrypto,
    randomBytes: (length) => keep(nodeCrypto.randomBytes(length)),
    generateX25519: () => keep(nodeCrypto.generateX25519()),
  };
  const provider =
    change.provider ?? new SimulatedProvider(simulated(), "dcap-tdx-v4", simulatedMeasurement(bundleDigest));
  const modelId = modelIdOf(manifest);
  const models: ModelShelf = {
    has: (id) => id === modelId,
    table: (id) => (id === modelId ? jobTable(manifest) : null),
    stage,
    exposure: () => [],
  };
  const inner = new EnclaveInner(
    { bundleDigest, modelId },
    { crypto, provider, models, prover: prover === undefined ? null : () => prover, clock: testClock },
  );
  const [host, inside] = duplexPair();
  const seen: Uint8Array[] = [];
  const client = new EnclaveClient(host);
  host.on("data", (chunk: Uint8Array) => seen.push(Uint8Array.from(chunk)));
  inside.prependListener("data", (chunk: Uint8Array) => seen.push(Uint8Array.from(chunk)));
  void serveInner(inside, inner);
  return { client, wire: () => concatBytes(...seen), secrets, modelId };
}

export interface InnerJob {
  readonly job: Job;
  readonly jobId: Hex;
  readonly bytes: Uint8Array;
  readonly salts: ReadonlyMap<number, Uint8Array>;
  readonly resultKey: X25519KeyPair;
}

/** A fast-enclave job over a private input. */
export function innerJob(
  modelId: Hex,
  tensor: Tensor,
  change: { readonly policy?: Partial<Policy>; readonly spec?: Partial<Job["spec"]>; readonly nonce?: bigint; readonly kind?: DigestKind } = {}, // prettier-ignore
): InnerJob {
  const { kind = KIND_BLINDED } = change;
  const bytes = encodeTensor(tensor);
  const salts = new Map(
    [JOB_INPUT, 0].map((boundary) => [boundary, nodeCrypto.randomBytes(kind === KIND_SALTED ? 31 : 32)]),
  );
  const resultKey = nodeCrypto.generateX25519();
  const policy: Policy = { mask: ENCLAVE | OPTIMISTIC, k: 3, auditBps: 200, cls: 0, flags: 4, seatStake: 1n, window: 15, tWork: 40, tReveal: 8, ticketClass: 0, ...change.policy }; // prettier-ignore
  const job: Job = {
    requester: REQUESTER,
    nonce: change.nonce ?? 1n,
    spec: {
      modelId,
      inDigest: boundaryDigest(kind, bytes, salts.get(JOB_INPUT), 0),
      inputRef: ZERO_BYTES32,
      stages: 1,
      policy,
      seatReward: 1n,
      pokeFee: 1n,
      insuredValue: 0n,
      client: ZERO_ADDRESS,
      callback: ZERO_ADDRESS,
      callbackGas: 0,
      expiry: 2_000_000_000,
      paramsVersion: 0,
      resultKey: toHex(resultKey.publicKey),
      ...change.spec,
    },
  };
  return { job, jobId: jobIdOf(PLACE, job), bytes, salts, resultKey };
}

/** As a client seals it. */
export function sealInner(
  { jobId, bytes, salts }: InnerJob,
  sealKey: Uint8Array,
  change: { readonly hub?: Hex; readonly jobId?: Hex; readonly sender?: Hex; readonly tensor?: Uint8Array; readonly stage?: number; readonly order?: { readonly attempt: number; readonly pairs: readonly OrderedPair[] } } = {}, // prettier-ignore
): Uint8Array {
  const scope = { chainId: 31_337n, hub: HUB, jobId, boundary: JOB_INPUT, lane: 0, sender: REQUESTER, ...change };
  const list = [...salts].toSorted(([a], [b]) => a - b).map(([boundary, salt]) => ({ boundary, salt }));
  const tensors = [{ boundary: JOB_INPUT, tensor: change.tensor ?? bytes }];
  const input = { stage: change.stage ?? 0, salts: list, tensors };
  const plain = change.order === undefined ? encodeSealedInput(input) : encodePairOrder({ ...change.order, input });
  return sealBlob(nodeCrypto, { context: sealContext(scope), recipients: [sealKey], plain });
}
