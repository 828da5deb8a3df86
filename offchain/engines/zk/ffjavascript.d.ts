// SPDX-License-Identifier: GPL-3.0-or-later
// What engines/zk uses of ffjavascript 0.3.1, which ships no types. Points and field elements are in its own form: little-endian
// Montgomery (LEM); a point has 2 coordinates (affine) or 3 (Jacobian).
declare module "ffjavascript" {
  type Scalar = bigint;

  interface PrimeField {
    readonly n8: number;
    readonly s: number;
    readonly one: Uint8Array;
    readonly w: readonly Uint8Array[];
    readonly shift: Uint8Array;
    e(value: bigint | number): Uint8Array;
    add(a: Uint8Array, b: Uint8Array): Uint8Array;
    sub(a: Uint8Array, b: Uint8Array): Uint8Array;
    mul(a: Uint8Array, b: Uint8Array): Uint8Array;
    neg(a: Uint8Array): Uint8Array;
    inv(a: Uint8Array): Uint8Array;
    exp(a: Uint8Array, e: bigint | number): Uint8Array;
    random(): Uint8Array;
    toObject(a: Uint8Array): bigint;
    fromRprLE(bytes: Uint8Array, offset?: number): Uint8Array;
    toRprLE(into: Uint8Array, offset: number, a: Uint8Array): void;
    batchInverse(elements: Uint8Array): Promise<Uint8Array>;
  }

  interface Group<Coordinate> {
    readonly F: { readonly n8: number };
    readonly g: Uint8Array;
    readonly gAffine: Uint8Array;
    readonly zero: Uint8Array;
    readonly zeroAffine: Uint8Array;
    add(a: Uint8Array, b: Uint8Array): Uint8Array;
    neg(a: Uint8Array): Uint8Array;
    eq(a: Uint8Array, b: Uint8Array): boolean;
    isZero(a: Uint8Array): boolean;
    isValid(a: Uint8Array): boolean;
    timesFr(a: Uint8Array, scalar: Uint8Array): Uint8Array;
    timesScalar(a: Uint8Array, scalar: bigint | Uint8Array): Uint8Array;
    toAffine(a: Uint8Array): Uint8Array;
    toObject(a: Uint8Array): [Coordinate, Coordinate, Coordinate];
    fromObject(a: readonly Coordinate[]): Uint8Array;
    toRprUncompressed(into: Uint8Array, offset: number, a: Uint8Array): void;
    fromRprUncompressed(bytes: Uint8Array, offset: number): Uint8Array;
    toRprLEM(into: Uint8Array, offset: number, a: Uint8Array): void;
    fromRprLEM(bytes: Uint8Array, offset?: number): Uint8Array;
    /** The width of a scalar is scalars.length / points. */
    multiExpAffine(points: Uint8Array, scalars: Uint8Array): Promise<Uint8Array>;
    batchLEMtoU(points: Uint8Array): Promise<Uint8Array>;
    batchUtoLEM(points: Uint8Array): Promise<Uint8Array>;
    batchApplyKey(points: Uint8Array, first: Uint8Array, increment: Uint8Array): Promise<Uint8Array>;
  }

  interface ThreadManager {
    readonly memory: WebAssembly.Memory;
    readonly instance: WebAssembly.Instance;
    /** Only of a single-threaded curve. */
    readonly code?: Uint8Array;
    concurrency: number;
    workers?: { postMessage(message: unknown): void; terminate(): void }[];
    working?: boolean[];
  }

  interface Curve {
    readonly name: string;
    readonly q: bigint;
    readonly r: bigint;
    readonly Fr: PrimeField;
    readonly F1: PrimeField;
    readonly G1: Group<bigint>;
    readonly G2: Group<[bigint, bigint]>;
    readonly tm: ThreadManager;
    /** e(a0, b0) · e(a1, b1) · … = 1 for arguments a0, b0, a1, b1, … */
    pairingEq(...points: Uint8Array[]): Promise<boolean>;
    terminate(): Promise<void>;
  }

  export function buildBn128(singleThread?: boolean): Promise<Curve>;
  export function getCurveFromName(name: string, singleThread?: boolean): Promise<Curve>;
}
