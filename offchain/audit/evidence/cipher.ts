// SPDX-License-Identifier: GPL-3.0-or-later
import { getReferee } from "../../adapters/chain/actions/get-referee.ts";
import { listDefences, listGames } from "../../adapters/chain/list-games.ts";
import { defenceAt } from "../../adapters/chain/read-past.ts";
import { errorText } from "../../core/check.ts";
import { stageInDigest } from "../../core/digest.ts";
import { isAssayError } from "../../core/errors.ts";
import { jobTable } from "../../core/network-part.ts";
import type { Receipt } from "../../core/receipt.ts";
import { decodeCipherParcel, encodeCipherParcel } from "../../core/she/cipher-parcel.ts";
import { cipherDigest } from "../../core/she/digest.ts";
import { decodeSheObject } from "../../core/she/object.ts";
import { CIPHER, ZERO_BYTES32 } from "../../core/types.ts";
import { startCipherSeat } from "../../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../engines/she/node-hashes.ts";
import { StageKeys, type CipherKeys } from "../../engines/she/seat/stage-keys.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import { isCipherModel, type BundledCipherModel } from "../replay/bundled-model.ts";
import { bad, good, unknown, type Finding } from "../replay/claims.ts";
import type { CollectContext, CollectedFile, EvidenceClass, EvidenceClaim, JobContext } from "./evidence-class.ts";

const INPUT = "cipher/input";
const keysFile = (stage: number): string => `cipher/keys-${stage}`;
const noBytes = new Uint8Array();

/** The job's ciphertext and each stage's keys in a file of its own: what seats were given. None of it is secret. Errors: those of `decodeCipherParcel`. */
function collect({ opening }: CollectContext): readonly CollectedFile[] {
  const parcels = (opening?.parcels ?? []).map(decodeCipherParcel);
  const files = parcels.map((parcel) => ({
    file: keysFile(parcel.stage),
    content: encodeCipherParcel({ ...parcel, input: noBytes }),
  }));
  const first = parcels.find(({ input }) => input.length > 0);
  return first === undefined ? files : [{ file: INPUT, content: first.input.slice() }, ...files];
}

const KEPT_BACK = "the requester opened no ciphertext and no evaluation keys: nobody evaluated them again";

type Outcome<T> = T | { readonly finding: Finding };
const isFinding = <T>(one: Outcome<T>): one is { readonly finding: Finding } =>
  typeof one === "object" && one !== null && "finding" in one;

/** One stage's keys, all hashed against the set that the job names and the model's plan. Errors: BUNDLE_INVALID. */
async function readKeys(
  { bundle, jobId, receipt }: JobContext,
  { program }: BundledCipherModel,
  stage: number,
): Promise<Outcome<CipherKeys>> {
  const path = `jobs/${jobId}/${keysFile(stage)}`;
  const bytes = bundle.read(path);
  try {
    const parcel = decodeCipherParcel(bytes);
    if (parcel.stage !== stage || parcel.input.length > 0)
      return { finding: bad(path, "these are not the keys of this stage alone") };
    const keys = { ...parcel, keySetRoot: receipt.job.spec.inputRef };
    await new StageKeys(program.plan, stage, nodeHashes).check(keys);
    return keys;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { finding: bad(path, errorText(error)) };
  }
}

/** Errors of it are the model's own claim's. */
async function modelIn({ receipt, modelOf, bundle }: JobContext): Promise<Outcome<BundledCipherModel>> {
  const { modelId } = receipt.job.spec;
  if (!bundle.has(`models/${modelId}/manifest.json`)) return { finding: unknown("the bundle lacks the files of the model over ciphertexts") }; // prettier-ignore
  try {
    const model = await modelOf(modelId);
    return isCipherModel(model) ? model : { finding: unknown("the bundle's model is not one over ciphertexts") };
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return { finding: unknown(`the bundle's files are not the model's: ${errorText(error)}`) };
  }
}

/** Why the bundle's input is not the ciphertext that was asked about; undefined where it is, or is not here. */
function inputMisfit({ bundle, jobId, receipt }: JobContext): Finding | undefined {
  const path = `jobs/${jobId}/${INPUT}`;
  if (!bundle.has(path)) return undefined;
  const bytes = bundle.read(path);
  const { inDigest } = receipt.job.spec;
  try {
    const object = decodeSheObject(bytes, nodeHashes);
    if (object.header.kind !== "ciphertext") return bad(path, `it is a ${object.header.kind}`);
    const found = cipherDigest(object, nodeHashes);
    return found === inDigest.toLowerCase() ? undefined : bad(path, `its digest is ${found}, the job's is ${inDigest}`);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    return bad(path, errorText(error));
  }
}

/** The ciphertext is the one that was asked about, the keys are the set that the job names. */
async function checkCiphertexts(context: JobContext): Promise<Finding> {
  const { bundle, jobId, receipt } = context;
  const { inputRef } = receipt.job.spec;
  const stages = jobTable(receipt.manifest).map((_, stage) => stage);
  const held = stages.filter((stage) => bundle.has(`jobs/${jobId}/${keysFile(stage)}`));
  const input = `jobs/${jobId}/${INPUT}`;
  if (held.length === 0 && !bundle.has(input)) return unknown(KEPT_BACK);
  const model = await modelIn(context);
  if (isFinding(model)) return model.finding;
  const misfit = inputMisfit(context);
  if (misfit !== undefined) return misfit;
  for (const stage of held) {
    const keys = await readKeys(context, model, stage);
    if (isFinding(keys)) return keys.finding;
  }
  const bytes = bundle.manifest.files.reduce(
    (sum, file) => (file.class === "evaluation-keys" && file.path.includes(jobId) ? sum + file.bytes : sum),
    0,
  );
  return good(
    `${bundle.has(input) ? "the input has the job's digest; " : "no input ciphertext is here; "}keys of stages ${held.join(", ") || "none"} of ${stages.length} are of the set ${inputRef}, ${bytes} bytes`,
  );
}

interface Evaluated {
  readonly finding: Finding;
  /** Of a stage that came out as agreed: what the next one takes. */
  readonly output?: Uint8Array;
}

const evaluated = new WeakMap<JobContext, Map<number, Promise<Evaluated>>>();

/** Each stage is evaluated once an audit, with those before it. */
async function evaluate(context: JobContext, stage: number): Promise<Evaluated> {
  const known = evaluated.get(context) ?? new Map<number, Promise<Evaluated>>();
  evaluated.set(context, known);
  const running = known.get(stage) ?? evaluateStage(context, stage);
  known.set(stage, running);
  return running;
}

async function evaluateStage(context: JobContext, stage: number): Promise<Evaluated> {
  const { bundle, jobId, receipt, path } = context;
  const { spec } = receipt.job;
  const table = jobTable(receipt.manifest);
  const agreed = stage === table.length - 1 ? receipt.outDigest : receipt.record.boundaries[stage];
  if (agreed === undefined || agreed === ZERO_BYTES32)
    return { finding: unknown("the job agreed on no ciphertext of this stage") };
  const keysPath = `jobs/${jobId}/${keysFile(stage)}`;
  if (!bundle.has(keysPath)) return { finding: unknown(`the bundle has no keys of stage ${stage}: it was sampled, or nothing was opened`) }; // prettier-ignore
  const model = await modelIn(context);
  if (isFinding(model)) return model;
  const inputPath = `jobs/${jobId}/${INPUT}`;
  if (stage === 0 && !bundle.has(inputPath)) return { finding: unknown("the bundle has no input ciphertext") };
  const input = stage === 0 ? bundle.read(inputPath) : (await evaluate(context, stage - 1)).output;
  if (input === undefined)
    return { finding: unknown("the stage before did not come out here, so what this one takes is not known") };
  const inDigest = stageInDigest(table, stage, spec.inDigest, receipt.record.boundaries);
  const misfit = stage === 0 ? inputMisfit(context) : undefined;
  if (misfit !== undefined) return { finding: misfit };
  const keys = await readKeys(context, model, stage);
  if (isFinding(keys)) return keys;
  const seat = await startCipherSeat(model, stage, model.weights[stage] ?? noBytes).catch((error: unknown) => {
    if (!isAssayError(error) || error.code === "KERNEL_MISSING" || error.code === "WORKER_FAILED") throw error;
    return null;
  });
  // Named by the model's own claim.
  if (seat === null) return { finding: unknown("the bundle's weights are not the model's") };
  const done = seat.evaluate({ ...keys, inDigest, input });
  await done.catch(() => undefined);
  await seat.close();
  const { outDigest, output } = await done;
  if (outDigest !== agreed.toLowerCase())
    return { finding: bad(`${path}, stage ${stage}`, `evaluating the ciphertexts again gives ${outDigest}, agreed was ${agreed}`) }; // prettier-ignore
  return {
    output,
    finding: good(`evaluated again from ${input.length + bundle.read(keysPath).length} bytes: the agreed digest`),
  };
}

const traceClaims = (receipt: Receipt): readonly EvidenceClaim[] =>
  jobTable(receipt.manifest).map((_, stage) => ({
    name: `ciphertext trace of stage ${stage}`,
    says: "the evaluation of the ciphertexts gives the agreed digest",
    check: async (context) => (await evaluate(context, stage)).finding,
  }));

/** What a referee decided is what its games, played again by the deployed bytecode, leave standing. */
async function checkDisputes({ chain, bundle, events, jobId }: JobContext): Promise<Finding> {
  const rulings = events.flatMap((event) =>
    event.eventName === "CourtRuled" && event.args.jobId === jobId && event.args.kind === CIPHER ? [event] : [],
  );
  const referee = await getReferee(chain);
  if (referee === null) return bad("contracts.json", "the hub's router has no referee of ciphertexts");
  const range = { referee, fromBlock: 0n, maxRange: BigInt(bundle.manifest.toBlock) + 1n };
  const defences = await listDefences(chain, { ...range, jobId });
  const games = await listGames(chain, { ...range, defences: defences.map(({ defence }) => defence) });
  for (const { args, blockNumber } of rulings) {
    const block = Number(blockNumber);
    const place = `${segmentPath("logs", Math.floor(block / SEGMENT_BLOCKS))}, block ${block}`;
    const own = defences.filter((one) => one.stage === args.stage && one.blockNumber <= blockNumber);
    const states = await Promise.all(own.map(async ({ defence }) => defenceAt(chain, referee, defence, block)));
    const standing = new Set(states.filter(({ defeated }) => !defeated).map(({ outDigest }) => outDigest));
    if (standing.size !== 1 || !standing.has(args.outDigest))
      return bad(place, `stage ${args.stage} was decided for ${args.outDigest}; defended were ${[...standing].join(", ") || "none"}`); // prettier-ignore
  }
  if (defences.length === 0) return good("nobody stood up for another digest than the votes said");
  return good(
    `${defences.length} defences and ${games.length} games, played again by the deployed referee; ${rulings.length} verdicts, each for the one digest that had a defender left`,
  );
}

/** Stages on ciphertexts. Votes on their digests are checked as all votes are; here the digests are made again. */
export const cipherEvidence: EvidenceClass = {
  name: "CIPHER",
  applies: ({ job }) => (job.spec.policy.mask & CIPHER) !== 0,
  collect,
  claims: [
    {
      name: "ciphertexts",
      says: "input and evaluation keys are those that the job names by their digests",
      check: checkCiphertexts,
    },
    { name: "disputes", says: "what a referee decided follows from its games", check: checkDisputes },
  ],
  more: traceClaims,
};
