// SPDX-License-Identifier: GPL-3.0-or-later
// What engines/zk uses of snarkjs 0.7.6, which ships no types. A file is a path, its bytes, or a memory file that is written to.
declare module "snarkjs" {
  type SnarkFile = string | Uint8Array | { readonly type: "mem"; data?: Uint8Array };

  interface SnarkLogger {
    debug(text: string): void;
    info(text: string): void;
    warn(text: string): void;
    error(text: string): void;
  }

  interface SnarkProof {
    readonly pi_a: readonly [string, string, string];
    readonly pi_b: readonly [readonly [string, string], readonly [string, string], readonly [string, string]];
    readonly pi_c: readonly [string, string, string];
    readonly protocol: string;
    readonly curve: string;
  }

  interface VerificationKey {
    readonly nPublic: number;
    readonly vk_alpha_1: readonly string[];
    readonly vk_beta_2: readonly (readonly string[])[];
    readonly vk_gamma_2: readonly (readonly string[])[];
    readonly vk_delta_2: readonly (readonly string[])[];
    readonly IC: readonly (readonly string[])[];
  }

  export const groth16: {
    prove(
      zkey: SnarkFile,
      witness: SnarkFile,
      logger?: SnarkLogger,
    ): Promise<{ readonly proof: SnarkProof; readonly publicSignals: readonly string[] }>;
    verify(key: VerificationKey, publicSignals: readonly string[], proof: SnarkProof): Promise<boolean>;
  };

  export const zKey: {
    newZKey(r1cs: SnarkFile, ptau: SnarkFile, zkey: SnarkFile, logger?: SnarkLogger): Promise<Uint8Array | -1>;
    contribute(
      from: SnarkFile,
      to: SnarkFile,
      name: string,
      entropy: string,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>;
    beacon(
      from: SnarkFile,
      to: SnarkFile,
      name: string,
      beaconHex: string,
      iterationsExponent: number,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>;
    verifyFromInit(init: SnarkFile, ptau: SnarkFile, zkey: SnarkFile, logger?: SnarkLogger): Promise<boolean>;
    verifyFromR1cs(r1cs: SnarkFile, ptau: SnarkFile, zkey: SnarkFile, logger?: SnarkLogger): Promise<boolean>;
    exportVerificationKey(zkey: SnarkFile, logger?: SnarkLogger): Promise<VerificationKey>;
  };

  export const powersOfTau: {
    newAccumulator(curve: unknown, power: number, ptau: SnarkFile, logger?: SnarkLogger): Promise<Uint8Array>;
    contribute(
      from: SnarkFile,
      to: SnarkFile,
      name: string,
      entropy: string,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>;
    beacon(
      from: SnarkFile,
      to: SnarkFile,
      name: string,
      beaconHex: string,
      iterationsExponent: number,
      logger?: SnarkLogger,
    ): Promise<Uint8Array>;
    preparePhase2(from: SnarkFile, to: SnarkFile, logger?: SnarkLogger): Promise<void>;
    verify(ptau: SnarkFile, logger?: SnarkLogger): Promise<boolean>;
  };

  export const wtns: {
    calculate(input: unknown, wasm: SnarkFile, wtns: SnarkFile): Promise<void>;
    check(r1cs: SnarkFile, wtns: SnarkFile, logger?: SnarkLogger): Promise<boolean>;
  };
}
