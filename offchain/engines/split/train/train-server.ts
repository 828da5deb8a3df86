// SPDX-License-Identifier: GPL-3.0-or-later
import { SplitError } from "../errors.ts";
import { backwardAll, forwardAll, type TrainLayer } from "./layers.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";

/** What a client needs of whoever holds the layers after its bottom; bytes in, bytes out, over sealed blobs or in one process. */
export interface TrainPeer {
  /** An activation message; answers with its layers' output: scores, where the client keeps no top. */
  forward(message: Uint8Array): Promise<Uint8Array>;
  /** That output's gradient; moves the server's weights and answers with the activation's gradient. */
  backward(message: Uint8Array): Promise<Uint8Array>;
}

export interface TrainServerOptions {
  readonly layers: readonly TrainLayer[];
  readonly inputWidth: number;
  readonly outputWidth: number;
  readonly rate: number;
}

/** The server's side: strictly activation, gradient, activation, …; whatever else arrives changes nothing. */
export class TrainServer implements TrainPeer {
  readonly #options: TrainServerOptions;
  #step = 0;
  #rows: number | null = null;

  constructor(options: TrainServerOptions) {
    this.#options = options;
  }

  async forward(message: Uint8Array): Promise<Uint8Array> {
    if (this.#rows !== null) throw new SplitError("TRAIN_MESSAGE", { reason: "a gradient is due" });
    const { layers, inputWidth } = this.#options;
    const activation = decodeMessage(message, { kind: "activation", step: this.#step, columns: inputWidth });
    const values = forwardAll(layers, activation);
    this.#rows = activation.rows;
    return encodeMessage({ kind: "output", step: this.#step, values });
  }

  async backward(message: Uint8Array): Promise<Uint8Array> {
    if (this.#rows === null) throw new SplitError("TRAIN_MESSAGE", { reason: "an activation is due" });
    const { layers, outputWidth, rate } = this.#options;
    const expected = { kind: "gradient", step: this.#step, rows: this.#rows, columns: outputWidth } as const;
    const gradient = decodeMessage(message, expected);
    const values = backwardAll(layers, gradient, rate);
    const answer = encodeMessage({ kind: "back", step: this.#step, values });
    this.#step++;
    this.#rows = null;
    return answer;
  }
}
