// SPDX-License-Identifier: GPL-3.0-or-later
import { nodeCrypto } from "../../adapters/keys/node-crypto.ts";
import { SqlitePrivacyLedger } from "../../adapters/store/sqlite-privacy-ledger.ts";
import { toHex, type Hex } from "../../core/bytes.ts";
import { epsilonOf, noiseLabel, rhoBudget } from "../../core/noise/mechanism.ts";
import type { Word } from "../../core/tagged-hash.ts";
import type { TrainDefence } from "../../engines/split/train/train-client.ts";
import { CliError } from "../errors.ts";
import { integer, optional, positive, text, type Values } from "../fields.ts";

/** All or none. */
export const defenceOptions = {
  clip: optional("norm", "Noise: L2 norm that a row of activations is clipped to, in steps.", integer(1, 2 ** 24)),
  variance: optional("sigma²", "Noise: variance of the discrete Gaussian, in squared steps.", integer(1, 2 ** 40)),
  step: optional("size", "Noise: real size of one step that activations are rounded to.", positive(1e6)),
  budget: optional(
    "epsilon",
    "Noise: most epsilon about one row, in thousandths, over all trainings.",
    integer(1, 1e9),
  ),
  ledger: optional("file", "Noise: what has left about each row; keep it as long as the rows.", text),
};

interface Defence {
  readonly defence: TrainDefence;
  /** Names a row without saying what is in it. */
  subjectOf(row: Float64Array): Word;
  /** The most that has left about any of these, in words. */
  describe(subjects: readonly Word[]): { readonly epsilonMilli: number; readonly label: string };
  close(): void;
}

/** Null where no defence is asked for. Errors: OPTION_MISSING; those of the ledger. */
export function openDefence(
  input: Values<typeof defenceOptions>,
  { run, identity }: { readonly run: Hex; readonly identity: Uint8Array },
): Defence | null {
  const given = Object.entries(input).filter(([name, value]) => name in defenceOptions && value !== undefined);
  if (given.length === 0) return null;
  const { clip, variance, step, budget, ledger: path } = input;
  if (clip === undefined || variance === undefined || step === undefined || budget === undefined || path === undefined)
    throw new CliError("OPTION_MISSING", {
      command: "train run",
      name: "--clip, --variance, --step, --budget and --ledger together, or none of them",
    });
  const ledger = new SqlitePrivacyLedger({ path });
  const mechanism = { clip, varianceNumerator: variance, varianceDenominator: 1 };
  const budgetMicro = rhoBudget(BigInt(budget));
  return {
    defence: { mechanism, step, secret: nodeCrypto.randomBytes(32), run, ledger, budgetMicro },
    subjectOf: (row) => {
      const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
      return toHex(nodeCrypto.hmacSha256(identity, bytes));
    },
    describe: (subjects) => {
      const most = subjects.map((subject) => ledger.totalMicro(subject)).reduce((a, b) => (a > b ? a : b), 0n);
      const epsilon = epsilonOf(most);
      return { epsilonMilli: Number(epsilon), label: noiseLabel(epsilon) };
    },
    close: () => ledger.close(),
  };
}
