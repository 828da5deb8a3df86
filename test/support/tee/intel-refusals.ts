// SPDX-License-Identifier: GPL-3.0-or-later
// What both verifiers of Intel's quotes refuse, off chain by code and on chain by the error's name.
import { bits, oid, sequence } from "../../../offchain/engines/tee/sim/der-writer.ts";
import type { IntelOptions } from "../../../offchain/engines/tee/sim/intel.ts";
import { simulatedKey } from "../../../offchain/engines/tee/sim/keys.ts";
import type { EvidenceFormat, IntelCollateral } from "../../../offchain/engines/tee/verdict.ts";
import { flip, NOW, simulated, START, type Change } from "./simulated.ts";

export type Json = Record<string, unknown>;
export const intel = (options: IntelOptions, more: Change = {}): Change => ({ options: { intel: options }, ...more });
export const collateral = (edit: Partial<IntelCollateral>): Change => ({
  editEndorsements: (all) => (all.kind === "intel" ? { ...all, ...edit } : all),
});
export const body = (edit: (body: Uint8Array) => void): Change =>
  intel({ editSigned: (signed, at) => edit(signed.subarray(at)) });
export const set = (at: number, value: number): Change => body((bytes) => void (bytes[at] = value));
export const first = (json: Json, key: string): Json => (json[key] as Json[])[0] ?? {};
export const stranger = simulatedKey(new Uint8Array(32).fill(9), "stranger", "P-256");
/** Offsets in a quote of version 4: header 48, TD report 584, length 4. */
export const AUTH = 48 + 584 + 4;
const QE_REPORT = AUTH + 64 + 64 + 6;
const RSA_PSS = sequence(oid("2a864886f70d01010b"), Uint8Array.of(5, 0));

/** `onChain`: null where the chain never sees it (whole quotes, caches), or judges otherwise. */
export const REFUSED: readonly [code: string, onChain: string | null, what: string, change: Change, format?: EvidenceFormat][] = [
  ["QUOTE", null, "evidence over 16 KiB", { editBytes: (bytes) => Uint8Array.from([...bytes, ...new Uint8Array(16_384)]) }],
  ["QUOTE", null, "a truncated quote", { editBytes: (bytes) => bytes.subarray(0, -1) }],
  ["QUOTE", null, "an empty quote", { editBytes: () => new Uint8Array() }],
  ["QUOTE", null, "a quote of another version", { editBytes: flip(0) }],
  ["QUOTE", null, "another attestation key type", { editBytes: flip(2) }],
  ["QUOTE", null, "an unknown TEE type", { editBytes: flip(7) }],
  ["QE", null, "another QE vendor", { editBytes: flip(12) }],
  ["QUOTE", null, "a body type that does not fit its size", { editBytes: flip(48) }, "dcap-tdx-v5"],
  ["QUOTE", null, "certification data of another type", { editBytes: flip(AUTH + 128) }],
  ["QUOTE", null, "a certification length that does not add up", { editBytes: flip(AUTH + 130) }],
  ["QUOTE", null, "a signature length that does not add up", { editBytes: flip(AUTH - 4) }],
  // Roots and chain
  ["ROOT", null, "a root that is not pinned", { roots: (all) => ({ ...all, roots: all.roots.filter(({ kind }) => kind === "production") }) }],
  ["ROOT", null, "another vendor's root", { roots: (all) => ({ ...all, roots: all.roots.map((root) => (root.vendor === "intel" ? { ...root, vendor: "amd" } : root)) }) }],
  ["CHAIN", null, "a simulated root that production pins", { roots: (all) => ({ ...all, simulatedAllowed: false }) }],
  ["CHAIN", null, "a simulated chain under a root taken for a vendor's", { roots: (all) => ({ ...all, roots: all.roots.map((root) => ({ ...root, kind: "production" })) }) }],
  ["CHAIN", "ChainInvalid", "an unlabelled CA under a simulated root", intel({ certificates: { ca: { isLabelled: false } } })],
  ["CHAIN", null, "a chain of two", intel({ chain: ["pck", "root"] })],
  ["CHAIN", "RootUnknown", "a chain of four", intel({ chain: ["pck", "pck", "ca", "root"] })],
  ["CHAIN", "CertificateInvalid", "an unknown critical extension", intel({ certificates: { signer: { extensions: [{ oid: "2a0304", isCritical: true, contents: Uint8Array.of(5, 0) }] } } })],
  ["CHAIN", "CertificateInvalid", "an extension that occurs twice", intel({ certificates: { signer: { extensions: [{ oid: "551d0f", isCritical: false, contents: bits(Uint8Array.of(6), 1) }] } } })],
  ["CHAIN", "ChainInvalid", "another issuer name", intel({ certificates: { pck: { issuer: "Intel SGX PCK Processor CA" } } })],
  ["CHAIN", "ChainInvalid", "an issuer without CA rights", intel({ certificates: { ca: { ca: undefined as never } } })],
  ["CHAIN", "ChainInvalid", "an issuer that may not sign certificates", intel({ certificates: { ca: { usage: 0x02 } } })],
  ["CHAIN", "ChainInvalid", "a path longer than its root allows", intel({ certificates: { root: { ca: { pathLength: 0 } } } })],
  ["CHAIN", "SignatureInvalid", "an intermediate signed by a stranger", intel({ certificates: { ca: { signer: stranger } } })],
  ["CHAIN", "SignatureInvalid", "a PCK certificate signed by a stranger", intel({ certificates: { pck: { signer: stranger } } })],
  ["CHAIN", "SignatureInvalid", "a root that did not sign itself", intel({ certificates: { root: { signer: stranger } } })],
  ["CHAIN", "NotValid", "an expired PCK certificate", intel({ certificates: { pck: { notAfter: NOW - 1n } } })],
  ["CHAIN", "NotValid", "a CA that is not valid yet", intel({ certificates: { ca: { notBefore: NOW + 600n } } })],
  ["CHAIN", "ChainInvalid", "a CA of another name", intel({ certificates: { ca: { commonName: "Some CA" }, pck: { issuer: "Some CA" } } })],
  ["CHAIN", "ChainInvalid", "a PCK certificate that is a CA", intel({ certificates: { pck: { ca: {}, isLabelled: true } } })],
  ["CHAIN", "PckInvalid", "a PCK certificate without Intel's extension", intel({ certificates: { pck: { extensions: [] } } })],
  ["CHAIN", "CertificateInvalid", "two signature algorithms", intel({ certificates: { pck: { signer: { ...stranger, algorithm: RSA_PSS } } } })],
  // The attacks that the npm library accepts (spikes/tee): a leaf as CA, by itself or as the signer of collateral.
  ["CHAIN", "ChainInvalid", "a PCK leaf used as the CA", intel({ chain: ["pck", "pck", "root"] })],
  ["COLLATERAL", "ChainInvalid", "TCB info signed by a PCK leaf", intel({ collateralSigner: { key: simulated().intel.keys.pck, chain: ["pck", "ca", "root"] } })],
  ["CHAIN", "ChainInvalid", "TCB info signed by a PCK leaf that skips its CA", intel({ collateralSigner: { key: simulated().intel.keys.pck, chain: ["pck", "root"] } })],
  ["COLLATERAL", null, "TCB info signed by a CA", intel({ collateralSigner: { key: simulated().intel.keys.ca, chain: ["ca", "root"] } })],
  ["COLLATERAL", "ChainInvalid", "TCB info signed by another name", intel({ certificates: { signer: { commonName: "Intel SGX Signing" } } })],
  ["ROOT", null, "collateral that ends at another root", intel({ collateralSigner: { key: simulated().intel.keys.signer, chain: ["signer", "ca"] } })],
  // Revocation
  ["CRL", "DerInvalid", "a withheld root list", collateral({ rootCrl: new Uint8Array() })],
  ["CRL", "DerInvalid", "a withheld CA list", collateral({ pckCrl: new Uint8Array() })],
  ["DER", "DerInvalid", "garbage for a list", collateral({ pckCrl: Uint8Array.of(0xde, 0xad, 0xbe, 0xef) })],
  ["CRL", "SignatureInvalid", "a list signed by a stranger", intel({ caCrl: { signer: stranger } })],
  ["CRL", "ListInvalid", "the list of another issuer", intel({ caCrl: { issuer: "Intel SGX PCK Processor CA" } })],
  ["CRL", "ListInvalid", "a list of an issuer that may not sign lists", intel({ certificates: { ca: { usage: 0x04 } } })],
  ["CRL", "NotValid", "an ended list", intel({ caCrl: { nextUpdate: NOW - 1n } })],
  ["CRL", "NotValid", "a list of the future", intel({ rootCrl: { thisUpdate: NOW + 600n } })],
  ["REVOKED", "CertificateRevoked", "a revoked PCK certificate", intel({ caCrl: { serials: [77, 3] } })],
  ["REVOKED", "CertificateRevoked", "a revoked CA", intel({ rootCrl: { serials: [2] } })],
  ["REVOKED", "CertificateRevoked", "a revoked signer of collateral", intel({ rootCrl: { serials: [4] } })],
  // Collateral
  ["COLLATERAL", "ListMissing", "no collateral", { editEndorsements: () => ({ kind: "none" }) }],
  ["COLLATERAL", "SignatureInvalid", "TCB info withheld", collateral({ tcbInfo: "" })],
  ["COLLATERAL", "SignatureInvalid", "one space more in TCB info", { editEndorsements: (all) => (all.kind === "intel" ? { ...all, tcbInfo: `${all.tcbInfo} ` } : all) }],
  ["COLLATERAL", "SignatureInvalid", "QE identity with another's signature", { editEndorsements: (all) => (all.kind === "intel" ? { ...all, qeIdentitySignature: all.tcbInfoSignature } : all) }],
  ["COLLATERAL", "JsonUnexpected", "TCB info of the other TEE", intel({ editTcbInfo: (json) => void (json["id"] = "SGX") })],
  ["COLLATERAL", "JsonUnexpected", "TCB info of version 2", intel({ editTcbInfo: (json) => void (json["version"] = 2) })],
  ["COLLATERAL", "JsonUnexpected", "QE identity of version 3", intel({ editQeIdentity: (json) => void (json["version"] = 3) })],
  ["COLLATERAL", "CollateralMissing", "the identity of the other quoting enclave", intel({ editQeIdentity: (json) => void (json["id"] = "QE") })],
  ["COLLATERAL", "CollateralMissing", "another FMSPC", intel({ editTcbInfo: (json) => void (json["fmspc"] = "00906ED50000") })],
  ["COLLATERAL", "PceMismatch", "another PCEID", intel({ editTcbInfo: (json) => void (json["pceId"] = "0001") })],
  ["COLLATERAL", "NotValid", "TCB info of the future", intel({ editTcbInfo: (json) => void (json["issueDate"] = "2099-01-01T00:00:00Z") })],
  ["COLLATERAL", "NotValid", "ended TCB info", intel({ editTcbInfo: (json) => void (json["nextUpdate"] = "2020-01-01T00:00:00Z") })],
  ["COLLATERAL", "NotValid", "ended QE identity", intel({ editQeIdentity: (json) => void (json["nextUpdate"] = "2020-01-01T00:00:00Z") })],
  ["COLLATERAL", "JsonUnexpected", "an unknown status", intel({ editTcbInfo: (json) => void (first(json, "tcbLevels")["tcbStatus"] = "Fine") })],
  ["COLLATERAL", "JsonUnexpected", "fifteen components", intel({ editTcbInfo: (json) => void ((first(json, "tcbLevels")["tcb"] as Json)["sgxtcbcomponents"] as unknown[]).pop() })],
  ["COLLATERAL", null, "an older evaluation than seen", { seen: [{ id: "TDX", fmspc: "b0c06f000000", evaluation: 18, issued: 0n }] }],
  ["COLLATERAL", null, "the same evaluation of an earlier date", { seen: [{ id: "TDX", fmspc: "b0c06f000000", evaluation: 17, issued: START + 1n }] }],
  // Quoting enclave
  ["QE", "QuotingEnclaveInvalid", "another mrSigner", intel({ editQeReport: (report) => void flip(128)(report) })],
  ["QE", "QuotingEnclaveInvalid", "another isvProdId", intel({ editQeReport: (report) => void flip(256)(report) })],
  ["QE", "QuotingEnclaveInvalid", "attributes outside the mask: a debug quoting enclave", intel({ editQeReport: (report) => void (report[48] = 0x13) })],
  ["QE", "QuotingEnclaveInvalid", "another miscSelect", intel({ editQeReport: (report) => void flip(16)(report) })],
  ["QE", "QuotingEnclaveInvalid", "a report that binds another attestation key", intel({ editQeReport: (report) => void flip(320)(report) })],
  ["QE", "QuotingEnclaveInvalid", "a report with something behind the hash", intel({ editQeReport: (report) => void flip(383)(report) })],
  ["QE", "QuotingEnclaveInvalid", "a tampered report", { editBytes: flip(QE_REPORT + 100) }],
  ["QE", "QuotingEnclaveInvalid", "a tampered PCK signature", { editBytes: flip(QE_REPORT + 384) }],
  ["QE", "QuotingEnclaveInvalid", "another attestation key", { editBytes: flip(AUTH + 64) }],
  ["TCB", "TcbTooLow", "a quoting enclave below its lowest level", intel({ editQeReport: (report) => void (report[258] = 3) })],
  // Quote, module and TD
  ["QUOTE", "QuoteInvalid", "tampered report data", { editBytes: flip(48 + 530) }],
  ["QUOTE", "QuoteInvalid", "a tampered measurement", { editBytes: flip(48 + 140) }],
  ["QUOTE", "QuoteInvalid", "a tampered header", { editBytes: flip(30) }],
  ["QUOTE", "QuoteInvalid", "a tampered signature", { editBytes: flip(AUTH) }],
  ["TCB", "TcbTooLow", "a platform below the lowest level", intel({ components: [3, 3, 2, 2, 4, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0] })],
  ["TCB", "TcbTooLow", "a PCE below the lowest level", intel({ pceSvn: 9 })],
  ["TCB", "TcbTooLow", "a TDX component below the lowest level", set(2, 2)],
  ["TCB", "TcbTooLow", "a module below its lowest level", set(0, 1)],
  ["SEAM", "ModuleInvalid", "a module version without identity", set(1, 2)],
  ["SEAM", "ModuleInvalid", "another module signer", set(64, 1)],
  ["SEAM", "ModuleInvalid", "module attributes", set(112, 1)],
  ["DEBUG", "DebugEnclave", "a debug TD", set(120, 1)],
  ["DEBUG", "DebugEnclave", "a debug SGX enclave", body((bytes) => void (bytes[48] = 7)), "dcap-sgx-v3"],
  ["TD", "TdUnsafe", "SEPT_VE_DISABLE off", set(123, 0)],
  ["TD", "TdUnsafe", "a service TD", set(600, 1), "dcap-tdx-v5"],
]; // prettier-ignore
