// SPDX-License-Identifier: GPL-3.0-or-later
import { equalBytes } from "../../../core/bytes.ts";
import { isAssayError } from "../../../core/errors.ts";
import { readCbor, type CborMap, type CborValue } from "../bytes/cbor.ts";
import { CBOR_NULL, cborBytes, cborMap, cborText } from "../bytes/cbor-writer.ts";
import { EvidenceError } from "../errors.ts";
import { parseNitro, type NitroDocument } from "../nitro/parse.ts";

// The Nitro security module's requests (aws/aws-nitro-enclaves-nsm-api: src/api/mod.rs): one CBOR item each way. Written to the
// documented interface; never run on hardware.

/** As the driver: longer requests are refused, longer answers are cut. */
export const NSM_MOST_REQUEST = 0x1000;
export const NSM_MOST_ANSWER = 0x3000;
const MOST_FIELD = 1_024;

/** The module of this machine, one request at a time or several: it keeps no state between them. */
export interface NsmDevice {
  /** What the module answers to one request. Error: PROVIDER, when there is no module or its driver fails. */
  exchange(request: Uint8Array): Promise<Uint8Array>;
}

/** What the module refuses with. `Success` is in its list and is no refusal. */
export const NSM_REFUSALS = [
  "InvalidArgument",
  "InvalidIndex",
  "InvalidResponse",
  "ReadOnlyIndex",
  "InvalidOperation",
  "BufferTooSmall",
  "InputTooLarge",
  "InternalError",
] as const;

/** What a document is asked to carry; null: nothing. */
export interface NsmAsked {
  /** At most 1,024 bytes each; a public key at least one. */
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  readonly publicKey: Uint8Array | null;
}

export interface NsmDescription {
  readonly moduleId: string;
  readonly version: string;
  readonly maxPcrs: number;
  readonly lockedPcrs: readonly number[];
}

const malformed = (detail: string, cause?: unknown) => new EvidenceError("NSM_ANSWER", { detail }, { cause });

/** The answer's body under the name of the request. Errors: PROVIDER, NSM_REFUSED, NSM_ANSWER. */
async function ask(device: NsmDevice, name: string, request: Uint8Array): Promise<CborMap> {
  if (request.length > NSM_MOST_REQUEST)
    throw new EvidenceError("NSM_REFUSED", { request: name, code: "InputTooLarge" });
  const answer = await device.exchange(request);
  if (answer.length > NSM_MOST_ANSWER) throw malformed(`${answer.length} bytes`);
  let value: CborValue;
  try {
    value = readCbor(answer);
  } catch (cause) {
    if (isAssayError(cause)) throw malformed(cause.message, cause);
    throw cause;
  }
  const [entry, ...rest] = value instanceof Map ? (value as CborMap) : [];
  if (entry === undefined || rest.length > 0) throw malformed("it is no answer");
  const [said, body] = entry;
  if (said === "Error") {
    const code = NSM_REFUSALS.find((known) => known === body);
    if (code === undefined) throw malformed("an error that has no such name");
    throw new EvidenceError("NSM_REFUSED", { request: name, code });
  }
  if (said !== name) throw malformed("it answers another request");
  if (!(body instanceof Map)) throw malformed(`${name} without a body`);
  return body as CborMap;
}

/** No other field than these, and all of them. */
function requireFields(name: string, body: CborMap, fields: readonly string[]): void {
  for (const key of body.keys())
    if (typeof key !== "string" || !fields.includes(key)) throw malformed(`${name} with an unknown field`);
  for (const field of fields) if (!body.has(field)) throw malformed(`${name} without ${field}`);
}

/** What module this is. Errors: PROVIDER, NSM_REFUSED, NSM_ANSWER. */
export async function describeNsm(device: NsmDevice): Promise<NsmDescription> {
  const name = "DescribeNSM";
  const body = await ask(device, name, cborText(name));
  const fields = ["version_major", "version_minor", "version_patch", "module_id", "max_pcrs", "locked_pcrs", "digest"];
  // Versions that add fields leave these: only what is missing is refused here.
  requireFields(name, new Map([...body].filter(([key]) => fields.includes(String(key)))), fields);
  const number = (value: CborValue | undefined): number =>
    typeof value === "bigint" && value >= 0n && value < 65_536n ? Number(value) : fail("a number");
  const fail = (what: string): never => {
    throw malformed(`${name}: ${what}`);
  };
  const major = number(body.get("version_major"));
  if (major !== 1) throw malformed(`version ${major} of the module is not known here`);
  const moduleId = body.get("module_id");
  if (typeof moduleId !== "string" || !/^[\x21-\x7e]{1,128}$/.test(moduleId)) return fail("module_id");
  if (body.get("digest") !== "SHA384") return fail("digest is not SHA384");
  const locked = body.get("locked_pcrs");
  if (!Array.isArray(locked)) return fail("locked_pcrs");
  const maxPcrs = number(body.get("max_pcrs"));
  const lockedPcrs = (locked as readonly CborValue[]).map(number);
  if (lockedPcrs.some((index) => index >= maxPcrs)) return fail("locked_pcrs");
  const version = ["version_major", "version_minor", "version_patch"].map((key) => number(body.get(key))).join(".");
  return { moduleId, version, maxPcrs, lockedPcrs };
}

/** A signed document that carries exactly what was asked for. Errors: PROVIDER, NSM_REFUSED, NSM_ANSWER, QUOTE, CBOR, BINDING. */
export async function attestByNsm(
  device: NsmDevice,
  asked: NsmAsked,
): Promise<{ readonly bytes: Uint8Array; readonly document: NitroDocument }> {
  const name = "Attestation";
  for (const [field, bytes] of Object.entries(asked) as readonly [string, Uint8Array | null][])
    if (bytes !== null && (bytes.length > MOST_FIELD || (field === "publicKey" && bytes.length === 0)))
      throw new EvidenceError("NSM_REFUSED", { request: `${name} (${field})`, code: "InputTooLarge" });
  const optional = (bytes: Uint8Array | null): Uint8Array => (bytes === null ? CBOR_NULL : cborBytes(bytes));
  const { userData, nonce, publicKey } = asked;
  const fields = cborMap([
    ["user_data", optional(userData)],
    ["nonce", optional(nonce)],
    ["public_key", optional(publicKey)],
  ]);
  const body = await ask(device, name, cborMap([[name, fields]]));
  requireFields(name, body, ["document"]);
  const bytes = body.get("document");
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) throw malformed("its document is none");
  const document = parseNitro(bytes);
  if (document.used !== bytes.length) throw malformed("bytes behind the document");
  for (const [field, wanted] of [
    ["userData", userData],
    ["nonce", nonce],
    ["publicKey", publicKey],
  ] as const)
    if (!equalBytes(document[field], wanted ?? new Uint8Array()))
      throw new EvidenceError("BINDING", { detail: `the module signed another ${field} than it was asked to` });
  return { bytes, document };
}
