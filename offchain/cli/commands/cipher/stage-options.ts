// SPDX-License-Identifier: GPL-3.0-or-later
import { MAX_CIPHERTEXT_BYTES, MAX_STAGE_KEY_BYTES } from "../../../core/she/cipher-parcel.ts";
import type { StageFinding } from "../../../node/cipher/volunteer.ts";
import type { StageFiles } from "../../../node/cipher/evaluate-stage.ts";
import { readFileBytes } from "../../connection.ts";
import { defaulted, hash, integer, optional, required, text } from "../../fields.ts";

export const stageArgs = { job: required("id", "Job id.", hash) };

/** What both commands are shown of a stage. */
export const stageOptions = {
  model: required("folder", "Folder of the model over ciphertexts: `program` and `weights-<stage>`.", text),
  parcel: required(
    "file",
    "The stage's parcel, as its seats were given it: roots of all keys, its keys, the ciphertext.",
    text,
  ),
  input: optional("file", "The ciphertext that the stage takes, where the parcel has none.", text),
  stage: defaulted("n", "Which stage.", integer(0, 7), 0),
};

/** Errors: FILE_UNREADABLE. */
export const readStageFiles = (input: {
  readonly model: string;
  readonly parcel: string;
  readonly input: string | undefined;
}): StageFiles => ({
  model: input.model,
  parcel: readFileBytes(input.parcel, MAX_STAGE_KEY_BYTES + 2 * MAX_CIPHERTEXT_BYTES),
  input: input.input === undefined ? null : readFileBytes(input.input, MAX_CIPHERTEXT_BYTES),
});

export function findingText({ stage, outDigest, accepted, said, defended }: StageFinding): string {
  const lines = [
    `stage      ${stage}`,
    `evaluated  ${outDigest}`,
    `accepted   ${accepted ?? "none"}${accepted === null ? "" : accepted === outDigest ? ", the same" : ", ANOTHER"}`,
    ...Object.entries(said).map(([digest, count]) => `said       ${digest}, by ${count}`),
    ...defended.map((digest) => `defended   ${digest}${digest === outDigest ? "" : ", ANOTHER"}`),
  ];
  return lines.join("\n");
}

/** Nobody is heard who says something else. */
export const agrees = ({ outDigest, accepted, defended }: StageFinding): boolean =>
  accepted === outDigest && defended.every((digest) => digest === outDigest);
