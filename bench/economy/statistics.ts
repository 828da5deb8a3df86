// SPDX-License-Identifier: GPL-3.0-or-later

/** 99% of a normal distribution lies within so many standard errors. */
export const Z99 = 2.576;

export type Estimate = { readonly value: number; readonly low: number; readonly high: number };

/** Mean of a sample and the standard error of it, in one pass. */
export class Mean {
  #n = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#n++;
    const delta = value - this.#mean;
    this.#mean += delta / this.#n;
    this.#squares += delta * (value - this.#mean);
  }

  get value(): number {
    return this.#mean;
  }

  get error(): number {
    return this.#n < 2 ? 0 : Math.sqrt(this.#squares / (this.#n - 1) / this.#n);
  }

  estimate(z = Z99): Estimate {
    return { value: this.value, low: this.value - z * this.error, high: this.value + z * this.error };
  }
}

/**
 * Mean of `y` with a control variate whose mean is known exactly: what the lottery's luck added to the sample is taken out.
 * The slope is the sample's own, which biases by O(1/n).
 */
export class ControlledMean {
  readonly #known: number;
  #n = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;
  #yy = 0;

  constructor(known: number) {
    this.#known = known;
  }

  add(y: number, x: number): void {
    this.#n++;
    this.#x += x;
    this.#y += y;
    this.#xx += x * x;
    this.#xy += x * y;
    this.#yy += y * y;
  }

  estimate(z = Z99): Estimate {
    const n = this.#n;
    const [x, y] = [this.#x / n, this.#y / n];
    const spread = this.#xx / n - x * x;
    const shared = this.#xy / n - x * y;
    const slope = spread > 0 ? shared / spread : 0;
    const value = y - slope * (x - this.#known);
    const rest = Math.max(0, this.#yy / n - y * y - slope * shared);
    const error = Math.sqrt(rest / n);
    return { value, low: value - z * error, high: value + z * error };
  }
}

/** Wilson's interval of a share: meaningful even if nothing, or everything, was counted. */
export function share(count: number, n: number, z = Z99): Estimate {
  const p = count / n;
  const centre = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return { value: p, low: count === 0 ? 0 : centre - half, high: count === n ? 1 : centre + half };
}
