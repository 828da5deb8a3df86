// SPDX-License-Identifier: GPL-3.0-or-later
import type { MetaValue } from "../../../core/errors.ts";
import type { G1Point } from "../../../core/zk/points.ts";
import type { Proof } from "../../../core/zk/proof.ts";
import type { KeyFiles } from "../keys/key-files.ts";
import type { GROUP_ROUND1, GROUP_WEIGHTS } from "../keys/groups-file.ts";
import type { ProveStep, WeightsOpening } from "./prover.ts";

// What SnarkjsProver and its process say to each other, structured clones over a pipe.

export interface OpenRequest {
  readonly call: "open";
  readonly files: KeyFiles;
  readonly threads: number;
  readonly memoryMiB: number;
}

export interface CommitRequest {
  readonly call: "commit";
  readonly tag: typeof GROUP_WEIGHTS | typeof GROUP_ROUND1;
  readonly values: Uint8Array;
  readonly blind: Uint8Array;
}

export interface FinishRequest {
  readonly call: "finish";
  readonly values: Uint8Array;
  /** Not for one-round keys. */
  readonly round1?: { readonly c1: G1Point; readonly blind: Uint8Array } | undefined;
  readonly weights?: WeightsOpening | undefined;
}

export type ProveRequest = OpenRequest | CommitRequest | FinishRequest;

export interface OpenResult {
  readonly record: Uint8Array;
  readonly wires: number;
  readonly residentMiB: number;
}

export type ProveReply =
  | { readonly step: ProveStep }
  | { readonly opened: OpenResult }
  | { readonly committed: G1Point }
  | { readonly proved: Proof; readonly residentMiB: number }
  /** A typed error: rebuilt by its code where it is a prover's or core's, see `snarkjs-prover.ts`. */
  | { readonly failed: SerialError };

export interface SerialError {
  readonly code?: string | undefined;
  readonly module?: string | undefined;
  readonly meta?: Readonly<Record<string, MetaValue>> | undefined;
  readonly message: string;
  readonly name: string;
}
