// SPDX-License-Identifier: GPL-3.0-or-later
import { concatBytes, utf8 } from "../../../core/bytes.ts";
import { parseChain, requireChain } from "../bytes/chain.ts";
import type { Certificate } from "../bytes/certificate.ts";
import { readPem } from "../bytes/pem.ts";
import { checkRaw } from "../bytes/signature.ts";
import type { VerifyCache } from "../cache.ts";
import { EvidenceError } from "../errors.ts";
import type { TrustRoots } from "../roots.ts";
import { TCB_STATUSES } from "../../../core/enclave-status.ts";

// Intel PCS API version 4: TCB info version 3 and enclave identity version 2.

const SIGNER = "Intel SGX TCB Signing";
const MAX_JSON = 65_536;

type Status = (typeof TCB_STATUSES)[number];

export interface Level {
  readonly status: Status;
  readonly date: string;
  readonly advisories: readonly string[];
}
export interface SvnLevel extends Level {
  readonly isvSvn: number;
}
export interface PlatformLevel extends Level {
  readonly sgx: readonly Component[];
  readonly pceSvn: number;
  /** Empty in SGX info. */
  readonly tdx: readonly Component[];
}
export interface Component {
  readonly svn: number;
  /** What raises it, in Intel's words. */
  readonly raisedBy: string;
}

interface Dated {
  readonly issued: bigint;
  readonly nextUpdate: bigint;
  readonly evaluation: number;
}
export interface ModuleIdentity {
  readonly id: string;
  readonly mrSigner: string;
  readonly attributes: string;
  readonly attributesMask: string;
  readonly levels: readonly SvnLevel[];
}
export interface TcbInfo extends Dated {
  readonly id: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly module: ModuleIdentity | undefined;
  readonly modules: readonly ModuleIdentity[];
  readonly levels: readonly PlatformLevel[];
}
export interface QeIdentity extends Dated {
  readonly id: string;
  readonly mrSigner: string;
  readonly isvProdId: number;
  readonly attributes: string;
  readonly attributesMask: string;
  readonly miscSelect: string;
  readonly miscSelectMask: string;
  readonly levels: readonly SvnLevel[];
}

const refuse = (detail: string): never => {
  throw new EvidenceError("COLLATERAL", { detail });
};

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : refuse(what);
}
function list(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) && value.length <= 256 ? (value as readonly unknown[]) : refuse(what);
}
function number(value: unknown, max: number, what: string): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max ? value : refuse(what);
}
function text(value: unknown, what: string): string {
  return typeof value === "string" && value.length <= 256 ? value : refuse(what);
}
/** Lower-case hex of exactly `bytes` bytes. */
function hex(value: unknown, bytes: number, what: string): string {
  const lower = text(value, what).toLowerCase();
  return lower.length === 2 * bytes && /^[0-9a-f]*$/.test(lower) ? lower : refuse(what);
}
function seconds(value: unknown, what: string): bigint {
  const string = text(value, what);
  const ms = Date.parse(string);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(string) || Number.isNaN(ms)) return refuse(what);
  return BigInt(ms / 1000);
}

function level(value: Json): Level {
  const status = TCB_STATUSES.find((known) => known === value["tcbStatus"]) ?? refuse("an unknown TCB status");
  const advisories = value["advisoryIDs"] === undefined ? [] : list(value["advisoryIDs"], "advisories");
  return { status, date: text(value["tcbDate"], "tcbDate"), advisories: advisories.map((id) => text(id, "advisory")) };
}
function svnLevels(value: unknown): SvnLevel[] {
  return list(value, "tcbLevels").map((entry) => {
    const json = object(entry, "tcbLevel");
    return { ...level(json), isvSvn: number(object(json["tcb"], "tcb")["isvsvn"], 65_535, "isvsvn") };
  });
}
function components(value: unknown): Component[] {
  const all = list(value, "components").map((entry) => {
    const { svn, category, type } = object(entry, "component");
    const words = [category, type].filter((word) => typeof word === "string" && word !== "");
    return { svn: number(svn, 255, "svn"), raisedBy: words.join(": ") };
  });
  return all.length === 16 ? all : refuse("not 16 components");
}
function moduleIdentity(value: unknown): ModuleIdentity {
  const json = object(value, "TDX module");
  return {
    id: json["id"] === undefined ? "" : text(json["id"], "module id").toUpperCase(),
    mrSigner: hex(json["mrsigner"], 48, "module mrsigner"),
    attributes: hex(json["attributes"], 8, "module attributes"),
    attributesMask: hex(json["attributesMask"], 8, "module attributes mask"),
    levels: json["tcbLevels"] === undefined ? [] : svnLevels(json["tcbLevels"]),
  };
}
const dated = (json: Json): Dated => ({
  issued: seconds(json["issueDate"], "issueDate"),
  nextUpdate: seconds(json["nextUpdate"], "nextUpdate"),
  evaluation: number(json["tcbEvaluationDataNumber"], 0xffff_ffff, "evaluation number"),
});

function parseJson(signed: string): unknown {
  try {
    return JSON.parse(signed);
  } catch {
    return refuse("no JSON");
  }
}

function parse(signed: string, version: number): Json {
  const json = object(parseJson(signed), "no object");
  return json["version"] === version ? json : refuse(`version ${String(json["version"])} instead of ${version}`);
}

export function parseTcbInfo(signed: string): TcbInfo {
  const json = parse(signed, 3);
  const isTdx = json["id"] === "TDX";
  return {
    ...dated(json),
    id: text(json["id"], "id"),
    fmspc: hex(json["fmspc"], 6, "fmspc"),
    pceId: hex(json["pceId"], 2, "pceId"),
    module: isTdx ? moduleIdentity(json["tdxModule"]) : undefined,
    modules:
      json["tdxModuleIdentities"] === undefined ? [] : list(json["tdxModuleIdentities"], "modules").map(moduleIdentity),
    levels: list(json["tcbLevels"], "tcbLevels").map((entry) => {
      const outer = object(entry, "tcbLevel");
      const tcb = object(outer["tcb"], "tcb");
      return {
        ...level(outer),
        sgx: components(tcb["sgxtcbcomponents"]),
        pceSvn: number(tcb["pcesvn"], 65_535, "pcesvn"),
        tdx: isTdx ? components(tcb["tdxtcbcomponents"]) : [],
      };
    }),
  };
}

export function parseQeIdentity(signed: string): QeIdentity {
  const json = parse(signed, 2);
  return {
    ...dated(json),
    id: text(json["id"], "id"),
    mrSigner: hex(json["mrsigner"], 32, "mrsigner"),
    isvProdId: number(json["isvprodid"], 65_535, "isvprodid"),
    attributes: hex(json["attributes"], 16, "attributes"),
    attributesMask: hex(json["attributesMask"], 16, "attributesMask"),
    miscSelect: hex(json["miscselect"], 4, "miscselect"),
    miscSelectMask: hex(json["miscselectMask"], 4, "miscselectMask"),
    levels: svnLevels(json["tcbLevels"]),
  };
}

interface Signed<T> {
  readonly what: string;
  readonly json: string;
  readonly signature: Uint8Array;
  readonly chain: string;
  readonly parse: (signed: string) => T;
}
interface Context {
  readonly root: Certificate;
  readonly roots: TrustRoots;
  readonly now: bigint;
  readonly cache: VerifyCache;
}

/**
 * One signed JSON text: its signer is Intel's TCB signing certificate, issued by the very root of the PCK chain; the signature
 * is over the exact bytes, and is checked before they are parsed. Errors: COLLATERAL, CHAIN, ROOT, PEM, DER.
 */
export function readSigned<T extends Dated>(
  { what, json, signature, chain, parse: read }: Signed<T>,
  { root, roots, now, cache }: Context,
): { readonly info: T; readonly chain: readonly Certificate[] } {
  if (json.length === 0 || json.length > MAX_JSON) return refuse(`${what} is missing or too long`);
  const certificates = parseChain(readPem(chain), cache);
  const [signer, top, ...rest] = certificates;
  if (signer === undefined || top === undefined || rest.length > 0)
    return refuse(`${what}: its chain is not signer and root`);
  if (top.spkiHash !== root.spkiHash)
    throw new EvidenceError("ROOT", { detail: `${what} has another root than the quote` });
  requireChain(certificates, "intel", roots, now, cache);
  if (signer.commonName !== SIGNER || signer.isCa) return refuse(`${what} is signed by ${signer.commonName}`);
  const bytes = utf8(json);
  const info = cache.memo(`signed ${what}`, [concatBytes(signature, bytes), signer.der], () => {
    if (!checkRaw("P-256", signer.key, bytes, signature)) return refuse(`${what}: its signature`);
    return read(json);
  });
  if (now < info.issued) return refuse(`${what} is of the future`);
  if (now > info.nextUpdate) return refuse(`${what} ended`);
  return { info, chain: certificates };
}
