// SPDX-License-Identifier: GPL-3.0-or-later
import { CircuitError } from "./errors.ts";
import type { Form } from "./forms.ts";
import { BIT, bitRange, EQUAL, oneHot } from "./gadgets.ts";
import type { Lookups } from "./lookups.ts";
import { STEP_EQUALS, STEP_LIMB, type Netlist } from "./netlist.ts";
import type { RangeShape } from "./plan/range-shapes.ts";
import { functionValue, type TableFunction } from "./plan/sites.ts";

/** The one-round backend: no challenge, so ranges are bits and a table is one-hot at every use. For tiny circuits and comparison. */
export class BitLookups implements Lookups {
  readonly #net: Netlist;

  constructor(net: Netlist) {
    this.#net = net;
  }

  range(x: Form, { widths: [bits = 1] }: RangeShape): void {
    if (bits === 1) {
      this.#net.stamp(BIT, { b: x });
      return;
    }
    const bit = Array.from({ length: bits - 1 }, (_, i) => this.#net.advice(STEP_LIMB, x, i + 1, 1));
    this.#net.stamp(bitRange(bits), { x, bit });
  }

  pair(fn: TableFunction, [first, last]: readonly [bigint, bigint], x: Form, y: Form): void {
    const { forms } = this.#net;
    const rows = Number(last - first) + 1;
    if (rows === 1) {
      this.#net.stamp(EQUAL, { a: x, b: forms.constant(first) });
      this.#net.stamp(EQUAL, { a: y, b: forms.constant(functionValue(fn)(Number(first))) });
      return;
    }
    const key = forms.sum(x, forms.constant(-first));
    const hot = Array.from({ length: rows - 1 }, (_, i) => this.#net.advice(STEP_EQUALS, key, i + 1, 0));
    const { none: [none = x] = [] } = this.#net.stamp(oneHot(rows), { x: key, hot });
    const value = functionValue(fn);
    const chosen = forms.combine([none, ...hot].map((form, i) => [form, value(Number(first) + i)] as const));
    this.#net.stamp(EQUAL, { a: y, b: chosen });
  }

  requantised(): void {
    throw new CircuitError("LINK_INVALID", { reason: "form T needs a challenge" });
  }

  step(): void {
    throw new CircuitError("LINK_INVALID", { reason: "form S needs a challenge" });
  }

  close(): void {
    // Nothing is shared.
  }
}
