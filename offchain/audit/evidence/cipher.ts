// SPDX-License-Identifier: GPL-3.0-or-later
import { getReferee } from "../../adapters/chain/actions/get-referee.ts";
import { listDefences, listGames } from "../../adapters/chain/list-games.ts";
import { defenceAt } from "../../adapters/chain/read-past.ts";
import { concatBytes, type Hex } from "../../core/bytes.ts";
import { errorText } from "../../core/check.ts";
import { stageInDigest } from "../../core/digest.ts";
import { isAssayError } from "../../core/errors.ts";
import { jobTable } from "../../core/network-part.ts";
import type { Receipt } from "../../core/receipt.ts";
import { decodeCipherParcel, encodeCipherParcel, type CipherParcel } from "../../core/she/cipher-parcel.ts";
import { cipherDigest } from "../../core/she/digest.ts";
import { decodeSheObject } from "../../core/she/object.ts";
import { CIPHER, ZERO_BYTES32 } from "../../core/types.ts";
import { startCipherSeat } from "../../engines/she/model/load-cipher-model.ts";
import { nodeHashes } from "../../engines/she/node-hashes.ts";
import type { CipherSeat } from "../../engines/she/seat/cipher-seat.ts";
import { SEGMENT_BLOCKS, segmentPath } from "../bundle/artefacts.ts";
import { isCipherModel } from "../replay/bundled-model.ts";
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
const NO_MODEL = "the bundle lacks the files of the model over ciphertexts";

type Outcome<T> = T | { readonly finding: Finding };
const isFinding = <T>(one: Outcome<T>): one is { readonly finding: Finding } =>
  typeof one === "object" && one !== null && "finding" in one;

/** One stage's keys, as far as they can be judged without a model. */
function readKeys({ bundle, jobId }: JobContext, stage: number): Outcome<CipherParcel> {
  const path = `jobs/${jobId}/${keysFile(stage)}`;
  if (!bundle.has(path)) return { finding: unknown(`the bundle has no keys of stage ${stage}`) };
  const parcel = decodeCipherParcel(bundle.read(path));
  if (parcel.stage !== stage || parcel.input.length > 0)
    return { finding: bad(path, "these are not the keys of this stage alone") };
  return parcel;
}

async function withSeat<T>(
  { receipt, modelOf }: JobContext,
  stage: number,
  use: (seat: CipherSeat) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const { modelId } = receipt.job.spec;
  let seat: CipherSeat;
  try {
    const model = await modelOf(modelId);
    if (!isCipherModel(model)) return { finding: unknown("the bundle's model is not one over ciphertexts") };
    seat = await startCipherSeat(model, stage, model.weights[stage] ?? noBytes);
  } catch (error) {
    if (!isAssayError(error)) throw error;
    // Named by the model's own claim.
    return { finding: unknown(`the bundle's files are not the model's: ${errorText(error)}`) };
  }
  try {
    return await use(seat);
  } finally {
    await seat.close();
  }
}

/** The digest of the bundle's input ciphertext; undefined where the bundle has none. Errors: those of `decodeSheObject`. */
function inputDigest({ bundle, jobId }: JobContext): Hex | undefined {
  const path = `jobs/${jobId}/${INPUT}`;
  if (!bundle.has(path)) return undefined;
  const object = decodeSheObject(bundle.read(path), nodeHashes);
  return object.header.kind === "ciphertext" ? cipherDigest(object, nodeHashes) : ZERO_BYTES32;
}

const mustHaveModel = ({ bundle, receipt }: JobContext): boolean =>
  bundle.has(`models/${receipt.job.spec.modelId}/manifest.json`);

/** The ciphertext is the one that was asked about, the keys are the set that the job names. */
async function checkCiphertexts(context: JobContext): Promise<Finding> {
  const { bundle, jobId, receipt } = context;
  const { inDigest, inputRef } = receipt.job.spec;
  const stages = jobTable(receipt.manifest).map((_, stage) => stage);
  const held = stages.filter((stage) => bundle.has(`jobs/${jobId}/${keysFile(stage)}`));
  const input = `jobs/${jobId}/${INPUT}`;
  if (held.length === 0 && !bundle.has(input)) return unknown(KEPT_BACK);
  if (!mustHaveModel(context)) return unknown(NO_MODEL);
  let found: Hex | undefined;
  try {
    found = inputDigest(context);
  } catch (error) {
    if (!isAssayError(error) || error.code === "BUNDLE_INVALID") throw error;
    return bad(input, errorText(error));
  }
  if (found !== undefined && found !== inDigest.toLowerCase())
    return bad(input, `its digest is ${found}, the job's is ${inDigest}`);
  for (const stage of held) {
    const path = `jobs/${jobId}/${keysFile(stage)}`;
    const checked = await withSeat(context, stage, async (seat) => {
      try {
        const parcel = readKeys(context, stage);
        if (isFinding(parcel)) return parcel;
        await seat.checkKeys({ ...parcel, keySetRoot: inputRef });
        return null;
      } catch (error) {
        if (!isAssayError(error) || error.code === "BUNDLE_INVALID") throw error;
        return { finding: bad(path, errorText(error)) };
      }
    });
    if (isFinding(checked)) return checked.finding;
  }
  const bytes = bundle.manifest.files.reduce(
    (sum, file) => (file.class === "evaluation-keys" && file.path.includes(jobId) ? sum + file.bytes : sum),
    0,
  );
  return good(
    `${found === undefined ? "no input ciphertext is here; " : "the input has the job's digest; "}keys of stages ${held.join(", ") || "none"} of ${stages.length} are of the set ${inputRef}, ${bytes} bytes`,
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
  if (!mustHaveModel(context)) return { finding: unknown(NO_MODEL) };
  const inputPath = `jobs/${jobId}/${INPUT}`;
  if (stage === 0 && !bundle.has(inputPath)) return { finding: unknown("the bundle has no input ciphertext") };
  const input = stage === 0 ? bundle.read(inputPath) : (await evaluate(context, stage - 1)).output;
  if (input === undefined)
    return { finding: unknown("the stage before did not come out here, so what this one takes is not known") };
  const inDigest = stageInDigest(table, stage, spec.inDigest, receipt.record.boundaries);
  const done = await withSeat(context, stage, async (seat) => {
    try {
      if (stage === 0 && inputDigest(context) !== inDigest.toLowerCase())
        return { finding: bad(inputPath, "it is not the ciphertext that the job names") };
      const parcel = readKeys(context, stage);
      if (isFinding(parcel)) return parcel;
      const { keyBodies, keys } = parcel;
      return await seat.evaluate({ inDigest, input, keySetRoot: spec.inputRef, keyBodies, keys });
    } catch (error) {
      if (!isAssayError(error) || error.code === "BUNDLE_INVALID" || error.code === "WORKER_FAILED") throw error;
      return { finding: bad(keysPath, errorText(error)) };
    }
  });
  if (isFinding(done)) return done;
  const { outDigest, output } = done;
  if (outDigest !== agreed.toLowerCase())
    return { finding: bad(`${path}, stage ${stage}`, `evaluating the ciphertexts again gives ${outDigest}, agreed was ${agreed}`) }; // prettier-ignore
  return {
    output,
    finding: good(`evaluated again from ${concatBytes(input, bundle.read(keysPath)).length} bytes: the agreed digest`),
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
