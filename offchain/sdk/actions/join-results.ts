// SPDX-License-Identifier: MIT
import type { Account, Address, Hex } from "viem";
import type { CryptoPort } from "../../core/crypto-port.ts";
import { digestOf, saltBytes } from "../../core/digest.ts";
import { absentParent } from "../../core/join.ts";
import type { InputPart } from "../../core/sealed-input.ts";
import { decodeTensor, encodeTensor, type Tensor } from "../../core/tensor.ts";
import { KIND_PUBLIC, ZERO_BYTES32, type ModelManifest, type Parent } from "../../core/types.ts";
import { SdkError } from "../errors.ts";
import { inputKind } from "../job-secret.ts";
import { joinedOf, type JoinedInput } from "../joined-input.ts";
import { accountOf, type WalletLike } from "../send.ts";
import { signFeed } from "../sign-feed.ts";

/** A finished job whose result is fed, as it is: what `requestInferenceSync` returned about it. */
export interface ResultBranch {
  readonly jobId: Hex;
  readonly view: { readonly outDigest: Hex | null; readonly recordHash: Hex | null };
  readonly result: { readonly outputBytes: Uint8Array; readonly salt: Uint8Array | undefined };
}

/** A finished job whose result the client works on itself, as of MASKED and CIPHER branches: `output` is fed, by the client's signed claim. */
export interface ClientBranch extends Omit<ResultBranch, "result"> {
  readonly output: Tensor;
}

/** An optional modality that was left out, by the shape of its branch's result. */
export interface AbsentBranch {
  readonly absent: Pick<Tensor, "dtype" | "dims">;
}

export type Branch = ResultBranch | ClientBranch | AbsentBranch;

export interface JoinResultsParameters {
  readonly hub: Address;
  readonly crypto: CryptoPort;
  /** Of the model that takes the join. */
  readonly manifest: ModelManifest;
  /** In the order in which the model takes them. */
  readonly branches: readonly Branch[];
  /** Signs what it feeds itself; `spec.client` of the job that follows. */
  readonly account?: Account | Address | undefined;
}
export type JoinResultsReturnType = JoinedInput;

/**
 * Makes finished jobs' results the input of another job: pass what it returns as `input` of `requestInference` or
 * `requestInferenceSync`. What the client made of a result itself gets a fresh salt and a signed claim; nothing proves it
 * (`CLIENT_UNPROVEN`), so the guarantee of the whole is that branch's.
 * Errors: BRANCH_INVALID (no result; a result of another digest kind than the model takes), ACCOUNT_MISSING, RPC_UNAVAILABLE.
 *
 * @example
 * const input = await joinResults(wallet, { hub, crypto, manifest: fusion, branches: [image, amount] });
 * const { output } = await requestInferenceSync(wallet, { hub, crypto, manifest: fusion, input });
 */
export async function joinResults(
  client: WalletLike,
  parameters: JoinResultsParameters,
): Promise<JoinResultsReturnType> {
  const kind = inputKind(parameters.manifest);
  const parents: Parent[] = [];
  const parts: InputPart[] = [];
  for (const [i, branch] of parameters.branches.entries()) {
    const { parent, part } =
      "absent" in branch
        ? leftOut(branch)
        : "result" in branch
          ? await fedAsItIs(parameters, branch, i)
          : await fedByClient(client, parameters, branch, i);
    parents.push(parent);
    parts.push(part);
  }
  return joinedOf(kind, parents, parts);
}

interface Fed {
  readonly parent: Parent;
  readonly part: InputPart;
}

const NO_CLAIM = { fedDigest: ZERO_BYTES32, r: ZERO_BYTES32, vs: ZERO_BYTES32 };

function ended({ jobId, view }: Omit<ResultBranch, "result">, index: number) {
  if (view.outDigest === null || view.recordHash === null)
    throw new SdkError("BRANCH_INVALID", { index, why: "its job did not end with a result" });
  return { jobId, outDigest: view.outDigest, recordHash: view.recordHash };
}

function leftOut({ absent: { dtype, dims } }: AbsentBranch): Fed {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = dtype === "i8" ? new Int8Array(size) : new Int32Array(size);
  const bytes = encodeTensor({ dtype, dims, data });
  return { parent: absentParent(bytes), part: { absent: bytes } };
}

async function fedAsItIs({ manifest }: JoinResultsParameters, branch: ResultBranch, index: number): Promise<Fed> {
  const kind = inputKind(manifest);
  const { outputBytes, salt } = branch.result;
  const parent = { ...ended(branch, index), ...NO_CLAIM };
  decodeTensor(outputBytes);
  const fits = (salt?.length ?? 0) === saltBytes(kind) && digestOf(kind, outputBytes, salt) === parent.outDigest;
  if (!fits)
    throw new SdkError("BRANCH_INVALID", { index, why: "its result is of another digest kind than the model takes" });
  return { parent, part: { tensor: outputBytes, salt: salt ?? new Uint8Array() } };
}

async function fedByClient(
  client: WalletLike,
  { hub, crypto, manifest, account: given }: JoinResultsParameters,
  branch: ClientBranch,
  index: number,
): Promise<Fed> {
  const kind = inputKind(manifest);
  const account = accountOf(client, given, "joinResults");
  const salt = kind === KIND_PUBLIC ? undefined : crypto.randomBytes(saltBytes(kind));
  const tensor = encodeTensor(branch.output);
  const fed = { ...ended(branch, index), fedDigest: digestOf(kind, tensor, salt) };
  const parent = await signFeed(client, { hub, account }, fed);
  return { parent, part: { tensor, salt: salt ?? new Uint8Array() } };
}
