// SPDX-License-Identifier: GPL-3.0-or-later
import type { Chain } from "../../adapters/chain/chain.ts";
import { getReferee } from "../../adapters/chain/actions/get-referee.ts";
import { readEnclaveParts } from "../../adapters/chain/enclave-contracts.ts";
import { codeAt, keyRecordAt, parametersAt, policyTableHash } from "../../adapters/chain/read-past.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
import { errorText } from "../../core/check.ts";
import { isAssayError, type AssayError } from "../../core/errors.ts";
import { modelId as idOfManifest } from "../../core/model.ts";
import { policyTableHash as ownTableHash } from "../../core/policy-rules.ts";
import { KEY_DEVELOPMENT, keyIdOf } from "../../core/zk/key-record.ts";
import { openKey } from "../../core/zk/verifying-key.ts";
import { readManifest } from "../../engines/program/load-program.ts";
import { encodeParameters } from "../bundle/chain-facts.ts";
import { weightsFile } from "../../engines/she/model/build-cipher-model.ts";
import { startCipherSeat } from "../../engines/she/model/load-cipher-model.ts";
import type { Bundle } from "../bundle/open-bundle.ts";
import { decodeContracts } from "../bundle/recorded-blocks.ts";
import type { History } from "../fairness/history.ts";
import { isCipherModel, type BundledCipherModel, type BundledModel } from "./bundled-model.ts";
import { bad, good, unknown, type Finding } from "./claims.ts";
import { buildOf, type KnownBuild } from "./known-builds.ts";
import type { RecordedChain } from "./replay-blocks.ts";

const CONTRACTS = "contracts.json";
const PARAMETERS = "parameters.json";

/** The contracts that the bundle lists are those that its transactions made, with the code that they run. */
export async function checkContracts(bundle: Bundle, chain: Chain, recorded: RecordedChain): Promise<Finding> {
  const listed = decodeContracts(CONTRACTS, bundle.read(CONTRACTS));
  const made = recorded.transactions.flatMap(({ ok, opened }) => (ok && opened.creates !== null ? [opened] : []));
  for (const [i, { creates, hash }] of made.entries()) {
    const one = listed[i];
    if (one?.address !== creates || one.createdBy !== hash)
      return bad(`${CONTRACTS}, contract ${i}`, `transaction ${hash} made ${String(creates)}`);
    if ((await codeAt(chain, creates, bundle.manifest.toBlock)) !== one.code)
      return bad(`${CONTRACTS}, contract ${i}`, `${creates} runs other code`);
  }
  if (listed.length !== made.length)
    return bad(CONTRACTS, `${listed.length} contracts, transactions made ${made.length}`);
  return good(`${made.length} contracts run the listed code`);
}

/** Contracts whose rules the off-chain checks follow. The token is whatever it is. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  hub: ["AssayHub"],
  vault: ["StakeVault"],
  registry: ["ModelRegistry"],
  params: ["ProtocolParams"],
  randomness: ["BlockSeed", "WorkerBeacon", "DrandBeacon"],
  router: ["EvidenceRouter"],
  proofAdapter: ["ProofAdapter"],
  keys: ["KeyRegistry"],
  judge: ["EnclaveEvidence"],
  enclaves: ["EnclaveRegistry"],
  collateral: ["IntelCollateral"],
  verifier: ["DcapVerifier"],
  images: ["MeasurementRegistry"],
  roots: ["TrustRoots"],
  board: ["VerdictBoard"],
  referee: ["CipherReferee"],
};

/** Whether the deployment is built from the auditor's own sources: creation code, byte for byte, before its arguments. */
export async function checkBuilds(
  chain: Chain,
  recorded: RecordedChain,
  builds: readonly KnownBuild[],
): Promise<Finding> {
  if (builds.length === 0)
    return unknown(
      "no artifacts of a build of these contracts: give --artifacts to compare the deployed code with your own",
    );
  const creations = new Map(
    recorded.transactions.flatMap(({ opened }) => (opened.creates === null ? [] : [[opened.creates, opened] as const])),
  );
  const parts = { ...chain.contracts, ...(await readEnclaveParts(chain)), referee: await getReferee(chain) };
  for (const [part, address] of Object.entries(parts) as [string, Hex | null][]) {
    const names = RULES[part];
    if (names === undefined || address === null) continue;
    const creation = creations.get(address.toLowerCase() as Hex);
    if (creation === undefined) return bad(`${CONTRACTS}, ${part}`, `no recorded transaction made ${address}`);
    const build = buildOf(creation.input, builds);
    if (build === undefined || !names.includes(build.name))
      return bad(
        `${CONTRACTS}, ${part}`,
        `${address} is ${build === undefined ? "of no build known here" : build.name}: another version, whose rules these checks do not know`,
      );
  }
  const known = [...creations.values()].filter(({ input }) => buildOf(input, builds) !== undefined).length;
  return good(`the deployment is this checkout's build; ${known} of ${creations.size} created contracts are known`);
}

export async function checkParameters(bundle: Bundle, chain: Chain): Promise<Finding> {
  const hash = await policyTableHash(chain);
  const sets = await parametersAt(chain, bundle.manifest.toBlock);
  if (Buffer.compare(bundle.read(PARAMETERS), encodeParameters(hash, sets)) !== 0)
    return bad(PARAMETERS, "the contract holds other numbers");
  const table = hash === ownTableHash() ? "this version's policy table" : "another policy table than this version's";
  return good(`${sets.length} sets, ${table}`);
}

/** A verifying key: its id, its registration, and what it is. */
export async function checkKey(bundle: Bundle, chain: Chain, path: string): Promise<Finding> {
  const keyId = path.slice("keys/".length, -".record".length) as Hex;
  const bytes = bundle.read(path);
  if (keyIdOf(bytes) !== keyId) return bad(path, "its bytes have another id");
  if ((await keyRecordAt(chain, keyId, bundle.manifest.toBlock)) !== toHex(bytes))
    return bad(path, "the registry has no such key");
  const { record } = openKey(bytes, keyId);
  return good(
    record.cls === KEY_DEVELOPMENT
      ? "a DEVELOPMENT key: anyone can forge proofs under it"
      : "registered as made by a ceremony; `audit keys` looks at that ceremony",
  );
}

/** The file of a model that an error of its loader is about. */
function fileBehind({ code, meta }: AssayError): string {
  const about = String(meta["file"] ?? meta["what"] ?? "");
  if (["manifest.json", "model.json", "report.json", "leakage.json", "tokens"].includes(about)) return about;
  return about === "tools record" || code === "MODEL_FILE_INVALID" ? "manifest.json" : "program";
}

/** Of a model over ciphertexts: each stage's weights give the facts that its stage table names. */
async function checkWeights(model: BundledCipherModel, modelId: Hex): Promise<Finding> {
  for (const [stage, weights] of model.weights.entries())
    try {
      await (await startCipherSeat(model, stage, weights)).close();
    } catch (error) {
      if (!isAssayError(error) || error.code === "KERNEL_MISSING" || error.code === "WORKER_FAILED") throw error;
      return bad(`models/${modelId}/${weightsFile(stage)}`, errorText(error));
    }
  const { name } = model.manifest.model;
  return good(`${name}: manifest, plan and ${model.weights.length} stages' weights are the registered model`);
}

/** A model's files: the manifest is the id, the chain registered it, and program and reports are what it pins. */
export async function checkModel(
  bundle: Bundle,
  history: History,
  modelId: Hex,
  load: (modelId: Hex) => Promise<BundledModel>,
): Promise<Finding> {
  const path = `models/${modelId}/manifest.json`;
  const { model } = readManifest(bundle.read(path));
  if (idOfManifest(model) !== modelId) return bad(path, `it is the manifest of ${idOfManifest(model)}`);
  const registered = history.models.get(modelId);
  if (registered === undefined) return bad(path, "the registry has no such model");
  let loaded: BundledModel;
  try {
    loaded = await load(modelId);
  } catch (error) {
    if (!isAssayError(error) || error.code === "BUNDLE_INVALID") throw error;
    return bad(`models/${modelId}/${fileBehind(error)}`, errorText(error));
  }
  if (isCipherModel(loaded)) return checkWeights(loaded, modelId);
  return good(`${model.name}: manifest, usage, reports and program are the registered model`);
}
