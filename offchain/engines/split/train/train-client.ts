// SPDX-License-Identifier: GPL-3.0-or-later
import { noiseBoundary } from "../../../core/noise/noise-boundary.ts";
import { releaseRho, type NoiseMechanism } from "../../../core/noise/mechanism.ts";
import type { PrivacyLedger } from "../../../core/ports/privacy-ledger.ts";
import { taggedHash, toWord, type Word } from "../../../core/tagged-hash.ts";
import { SplitError } from "../errors.ts";
import { matrix, type Matrix } from "../matrix.ts";
import { backwardAll, forwardAll, softmaxLoss, type TrainLayer } from "./layers.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";
import type { TrainPeer } from "./train-server.ts";

/** Clip and noise on every activation that leaves, counted against every row's subject. */
export interface TrainDefence {
  readonly mechanism: NoiseMechanism;
  /** Real value of one integer step: activations are rounded to i8 before they are noised. */
  readonly step: number;
  /** 32 secret bytes of this training. */
  readonly secret: Uint8Array;
  readonly run: Word;
  readonly ledger: PrivacyLedger;
  readonly budgetMicro: bigint;
}

export interface TrainClientOptions {
  readonly bottom: readonly TrainLayer[];
  /** Layers after the server's, where the client keeps those too (U-shape); none else. */
  readonly top?: readonly TrainLayer[];
  /** Columns of what the server answers: scores, or what `top` takes. */
  readonly outputWidth: number;
  readonly rate: number;
  /** A server sees activations and steers what they become: it must be trusted, or attested. */
  readonly server: "trusted" | "enclave" | "unknown";
  readonly criticality: "critical" | "general";
  readonly defence?: TrainDefence;
}

/**
 * The client's side: the bottom layers, the top ones if it keeps any, the labels and the loss stay here; activations and gradients of
 * the server's output leave. Without a defence the weights become those of unsplit training, bit for bit. Without a top the gradients
 * tell the server the labels; with one they tell less, but not nothing. After an error a training is over: it may have moved a part.
 */
export class TrainClient {
  readonly #options: TrainClientOptions;
  readonly #peer: TrainPeer;
  #step = 0;

  /** Error: TRAIN_REFUSED. */
  constructor(options: TrainClientOptions, peer: TrainPeer) {
    if (options.criticality === "critical")
      throw new SplitError("TRAIN_REFUSED", { reason: "the scenario is critical" });
    if (options.server === "unknown")
      throw new SplitError("TRAIN_REFUSED", { reason: "nobody vouches for the server" });
    this.#options = options;
    this.#peer = peer;
  }

  /**
   * One step on a batch; returns its mean loss before the step. `subjects`: one per row, where there is a defence.
   * Errors: TRAIN_MESSAGE; of the ledger, before anything leaves: PRIVACY_BUDGET_EXCEEDED.
   */
  async train(inputs: Matrix, labels: Int32Array, subjects: readonly Word[] = []): Promise<number> {
    const { bottom, top = [], outputWidth, rate } = this.#options;
    const step = this.#step;
    const activation = this.#defended(forwardAll(bottom, inputs), subjects);
    const { rows, columns } = activation;
    const reply = await this.#peer.forward(encodeMessage({ kind: "activation", step, values: activation }));
    const output = decodeMessage(reply, { kind: "output", step, rows, columns: outputWidth });
    const { loss, gradient } = softmaxLoss(forwardAll(top, output), labels);
    const values = backwardAll(top, gradient, rate);
    const back = await this.#peer.backward(encodeMessage({ kind: "gradient", step, values }));
    // Through rounding and noise the gradient goes straight.
    backwardAll(bottom, decodeMessage(back, { kind: "back", step, rows, columns }), rate);
    this.#step++;
    return loss;
  }

  #defended(activation: Matrix, subjects: readonly Word[]): Matrix {
    const { defence } = this.#options;
    if (defence === undefined) return activation;
    const { mechanism, step, secret, run, ledger, budgetMicro } = defence;
    if (subjects.length !== activation.rows)
      throw new SplitError("TRAIN_REFUSED", { reason: "a row without a subject cannot be accounted for" });
    const rhoMicro = releaseRho(mechanism);
    subjects.forEach((subject, row) => {
      const release = taggedHash("assay.v1.train", [run, toWord(this.#step), toWord(row)]);
      ledger.book({ subject, release, rhoMicro }, budgetMicro);
    });
    const data = Int8Array.from(activation.data, (value) => Math.max(-127, Math.min(127, Math.round(value / step))));
    const noised = noiseBoundary(
      { dtype: "i8", dims: [activation.rows, activation.columns], data },
      { mechanism, lo: -127, hi: 127, jobSecret: secret, boundary: this.#step % 0xffff },
    );
    return matrix(
      activation.rows,
      activation.columns,
      Float64Array.from(noised.data, (value) => value * step),
    );
  }
}
