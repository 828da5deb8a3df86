// SPDX-License-Identifier: GPL-3.0-or-later
import { existsSync, readFileSync } from "node:fs";
import { readPem } from "../../../offchain/engines/tee/bytes/pem.ts";
import type { Endorsements, Evidence, EvidenceFormat, IntelCollateral } from "../../../offchain/engines/tee/verdict.ts";

// Real vendor evidence lies beside the repository where the project's shared folder is mounted; it is never committed.
// ASSAY_ATTESTATION_FIXTURES names another place.

const folders = [
  process.env["ASSAY_ATTESTATION_FIXTURES"],
  "../shared/fixtures/attestation",
  "../../../work/shared/fixtures/attestation",
].flatMap((path) => (path === undefined ? [] : [new URL(`../../../${path}/`, import.meta.url)]));
const folder = folders.find((url) => existsSync(new URL("manifest.json", url)));

export interface FixtureCase {
  readonly id: string;
  readonly format: EvidenceFormat;
  readonly evidence: { file: string; encoding?: string; offset?: number; length?: number };
  readonly endorsements: Readonly<Record<string, string>> | null;
  readonly now: string;
  readonly expect: {
    readonly verify: "ok" | "error";
    readonly error?: string | readonly string[];
    readonly status?: string;
    readonly advisories?: readonly string[];
    readonly admit?: string | { readonly general: boolean; readonly critical: boolean };
  };
}
export interface FixtureInput {
  readonly evidence: Evidence;
  readonly endorsements: Endorsements;
  readonly nonce: Uint8Array | undefined;
}

/** Undefined where the fixtures are not mounted. */
export function fixtureManifest(): { readonly cases: readonly FixtureCase[] } | undefined {
  return folder === undefined ? undefined : JSON.parse(readFixture("manifest.json").toString());
}

export function readFixture(file: string): Buffer {
  return readFileSync(new URL(file, folder));
}

const hexBytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

function certificate(name: string): Uint8Array {
  const [file = "", index = "0"] = name.split("#");
  const bytes = new Uint8Array(readFixture(file));
  return bytes[0] === 0x30 ? bytes : (readPem(Buffer.from(bytes).toString())[Number(index)] ?? new Uint8Array());
}

/** A vendor's raw answer: `{"tcbInfo":<signed text>,"signature":"hex"}`. */
function signedPart(file: string, key: string): [string, Uint8Array] {
  const match = new RegExp(`^\\{"${key}":(.*),"signature":"([0-9a-f]{128})"\\}\\s*$`).exec(
    readFixture(file).toString(),
  );
  return [match?.[1] ?? "", hexBytes(match?.[2] ?? "")];
}

export function fixtureCollateral(from: Readonly<Record<string, string>>): IntelCollateral {
  const base: Record<string, string> = JSON.parse(readFixture(from["base"] ?? "").toString());
  const text = (key: string): string => base[key] ?? "";
  const tcb = from["tcbInfo"] === undefined ? undefined : signedPart(from["tcbInfo"], "tcbInfo");
  const qe = from["qeIdentity"] === undefined ? undefined : signedPart(from["qeIdentity"], "enclaveIdentity");
  return {
    kind: "intel",
    rootCrl: hexBytes(text("root_ca_crl")),
    pckCrl: from["pckCrl"] === undefined ? hexBytes(text("pck_crl")) : new Uint8Array(readFixture(from["pckCrl"])),
    tcbInfo: tcb?.[0] ?? text("tcb_info"),
    tcbInfoSignature: tcb?.[1] ?? hexBytes(text("tcb_info_signature")),
    tcbInfoChain: text("tcb_info_issuer_chain"),
    qeIdentity: qe?.[0] ?? text("qe_identity"),
    qeIdentitySignature: qe?.[1] ?? hexBytes(text("qe_identity_signature")),
    qeIdentityChain: text("qe_identity_issuer_chain"),
  };
}

function endorsementsOf({ format, endorsements }: FixtureCase): Endorsements {
  if (endorsements === null) return { kind: "none" };
  if (format.startsWith("dcap")) return fixtureCollateral(endorsements);
  if (format === "snp-report") {
    const [vcek, ask, ark] = ["vcek", "ask", "ark"].map((key) => certificate(endorsements[key] ?? ""));
    return { kind: "amd", vcek: vcek ?? new Uint8Array(), ask: ask ?? new Uint8Array(), ark: ark ?? new Uint8Array() };
  }
  if (format === "nvidia-spdm11") return { kind: "nvidia", chain: readFixture(endorsements["chain"] ?? "").toString() };
  return { kind: "none" };
}

/** The evidence of a case: one, or one a GPU. */
export function fixtureInputs(item: FixtureCase): FixtureInput[] {
  const { file, encoding, offset = 0, length } = item.evidence;
  const raw = readFixture(file);
  const make = (bytes: Uint8Array): Evidence => ({ format: item.format, bytes, runtime: new Uint8Array() });
  if (encoding === "json-array") {
    const all: { evidence: string; certificate: string; nonce: string }[] = JSON.parse(raw.toString());
    return all.map(({ evidence, certificate: chain, nonce }) => ({
      evidence: make(new Uint8Array(Buffer.from(evidence, "base64"))),
      endorsements: { kind: "nvidia", chain: Buffer.from(chain, "base64").toString() },
      nonce: hexBytes(nonce),
    }));
  }
  const bytes = encoding === "hex" ? hexBytes(raw.toString().trim().replace(/^0x/, "")) : new Uint8Array(raw);
  const cut = bytes.subarray(offset, length === undefined ? undefined : offset + length);
  return [{ evidence: make(cut), endorsements: endorsementsOf(item), nonce: undefined }];
}

export const secondsOf = (iso: string): bigint => BigInt(Date.parse(iso) / 1000);
