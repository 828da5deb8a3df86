// SPDX-License-Identifier: GPL-3.0-or-later
import { expect } from "chai";
import { toHex } from "viem";
import { concatBytes, utf8 } from "../../../../offchain/core/bytes.ts";
import { readPem } from "../../../../offchain/engines/tee/bytes/pem.ts";
import { issueCrl } from "../../../../offchain/engines/tee/sim/certificates.ts";
import { TCB_STATUSES } from "../../../../offchain/core/enclave-status.ts";
import type { EvidenceFormat, IntelCollateral } from "../../../../offchain/engines/tee/verdict.ts";
import { createIntelChain, keyOf, NO_LIMIT, packed, revertOf, rootIdOf, type IntelChain } from "../../../support/tee/intel-chain.ts"; // prettier-ignore
import { AUTH, body, first, intel, REFUSED, set, type Json } from "../../../support/tee/intel-refusals.ts";
import { NOW, PERIOD, REPORT, simulated, START, verifySimulated, type Change } from "../../../support/tee/simulated.ts";

const DAY = 86_400n;
const FORMATS = ["dcap-sgx-v3", "dcap-tdx-v4", "dcap-tdx-v5"] as const;
const plain = simulated().attest("dcap-tdx-v4", REPORT);
const quote = packed(plain.evidence);
const [rootKey, caKey] = [keyOf(quote.root), keyOf(quote.ca)];
const keys = simulated().intel.keys;

function attested(format: EvidenceFormat, change: Change) {
  const { evidence, endorsements } = simulated(change.options).attest(format, REPORT);
  const bytes = change.editBytes?.(Uint8Array.from(evidence.bytes)) ?? evidence.bytes;
  return {
    quote: packed({ ...evidence, bytes }),
    endorsements: change.editEndorsements?.(endorsements) ?? endorsements,
  };
}

const issuedSigner = (): Uint8Array =>
  readPem((plain.endorsements as IntelCollateral).tcbInfoChain)[0] ?? new Uint8Array();

/** Collateral that the same platform shows later. */
const later = (edit: (json: Json) => void): IntelCollateral =>
  simulated({ intel: { editTcbInfo: edit, editQeIdentity: edit } }).intel.collateral(true);

describe("R56: Intel quotes on chain", () => {
  let chain: IntelChain;
  let fresh: { restore(): Promise<void> };
  before(async () => {
    chain = await createIntelChain({ now: NOW, simulated: [rootIdOf(quote.root)] });
    fresh = await chain.networkHelpers.takeSnapshot();
  });
  afterEach(() => fresh.restore());

  const attempt = async (format: EvidenceFormat, change: Change = {}) => {
    const made = attested(format, change);
    await chain.show(made.quote, made.endorsements);
    return chain.verify(made.quote);
  };
  const crl = (issuer: "root" | "ca", at: bigint, serials: readonly number[]) =>
    toHex(
      issueCrl({
        issuer: issuer === "root" ? "SIMULATED SGX Root CA" : "Intel SGX PCK Platform CA",
        signer: keys[issuer],
        thisUpdate: at,
        nextUpdate: PERIOD.to,
        serials,
      }),
    );

  it("default: each version ends as off chain, with the same ids, and says that it is simulated", async () => {
    for (const format of FORMATS) {
      const ours = await attempt(format);
      const theirs = verifySimulated(format);
      expect([ours.measurementId, ours.platformId]).to.deep.equal([theirs.measurementId, theirs.platformId]);
      expect(ours.dataHigh + ours.dataLow.slice(2)).to.equal(theirs.reportData);
      expect(TCB_STATUSES[ours.status]).to.equal(theirs.tcb.status);
      expect([ours.simulated, ours.grace, BigInt(ours.notAfter)]).to.deep.equal([true, false, theirs.notAfter]);
      await fresh.restore();
    }
  });

  for (const [, onChain, what, change, format = "dcap-tdx-v4"] of REFUSED)
    if (onChain !== null)
      it(`error: ${onChain} for ${what}`, async () => {
        expect(await revertOf(() => attempt(format, change))).to.equal(onChain);
      });

  it("behavior: the worst of platform, quoting enclave and module is the status, as off chain", async () => {
    const cases: readonly [EvidenceFormat, Change][] = [
      ["dcap-tdx-v4", intel({ components: [3, 3, 2, 2, 4, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0] })],
      ["dcap-tdx-v4", set(0, 2)],
      ["dcap-sgx-v3", intel({ editQeReport: (report) => void (report[258] = 5) })],
      ["dcap-sgx-v3", intel({ editTcbInfo: (json) => void (first(json, "tcbLevels")["tcbStatus"] = "Revoked") })],
      ["dcap-tdx-v4", body((bytes) => bytes.set([5, 0, 3]))], // no module version: all TDX components count
    ];
    for (const [format, change] of cases) {
      expect(TCB_STATUSES[(await attempt(format, change)).status]).to.equal(verifySimulated(format, change).tcb.status);
      await fresh.restore();
    }
  });

  it("behavior: (r, N - s) is as good as (r, s), and gives the same verdict", async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const mirror = (bytes: Uint8Array): Uint8Array => {
      const s = BigInt(toHex(bytes.subarray(AUTH + 32, AUTH + 64)));
      bytes.set(Buffer.from((order - s).toString(16).padStart(64, "0"), "hex"), AUTH + 32);
      return bytes;
    };
    const low = await attempt("dcap-tdx-v4");
    expect(await chain.verify(attested("dcap-tdx-v4", { editBytes: mirror }).quote)).to.deep.equal(low);
  });

  it("behavior: collateral only gets newer; a demoted platform has 14 days of grace", async () => {
    await chain.show(quote, plain.endorsements);
    const signer = keyOf(issuedSigner());
    const again = (edit: (json: Json) => void) => chain.showTexts(later(edit), signer);
    const iso = (seconds: bigint): string => new Date(Number(seconds) * 1000).toISOString().replace(".000", "");
    // The same, an older evaluation, and the same evaluation of an earlier date.
    for (const edit of [
      () => undefined,
      (json: Json) => void (json["tcbEvaluationDataNumber"] = 16),
      (json: Json) => void (json["issueDate"] = iso(START - 1n)),
    ])
      expect(await revertOf(() => again(edit))).to.equal("NotNewer");
    // A newer date of the same evaluation.
    await again((json) => void (json["issueDate"] = iso(START + 60n)));
    // The next evaluation demotes this platform.
    await again((json) => {
      json["tcbEvaluationDataNumber"] = 18;
      if (json["id"] === "TDX") first(json, "tcbLevels")["tcbStatus"] = "OutOfDate";
    });
    const demoted = await chain.verify(quote);
    expect([TCB_STATUSES[demoted.status], demoted.grace, demoted.evaluation]).to.deep.equal(["OutOfDate", true, 18]);
    await chain.networkHelpers.time.increase(14n * DAY + 1n);
    expect((await chain.verify(quote)).grace).to.equal(false);
    // A third evaluation does not make grace of grace: the one before it had demoted the platform already.
    await again((json) => {
      json["tcbEvaluationDataNumber"] = 19;
      if (json["id"] === "TDX") first(json, "tcbLevels")["tcbStatus"] = "OutOfDate";
    });
    expect((await chain.verify(quote)).grace).to.equal(false);
  });

  it("behavior: what Intel revokes has no grace", async () => {
    await chain.show(quote, plain.endorsements);
    const revoked = later((json) => {
      json["tcbEvaluationDataNumber"] = 18;
      if (json["id"] === "TDX") first(json, "tcbLevels")["tcbStatus"] = "Revoked";
    });
    await chain.showTexts(revoked, keyOf(issuedSigner()));
    const verdict = await chain.verify(quote);
    expect([TCB_STATUSES[verdict.status], verdict.grace]).to.deep.equal(["Revoked", false]);
  });

  it("behavior: what expired counts no more", async () => {
    await chain.show(quote, plain.endorsements);
    await chain.networkHelpers.time.increaseTo(PERIOD.to);
    await chain.verify(quote);
    await chain.networkHelpers.time.increaseTo(PERIOD.to + 1n);
    expect(await revertOf(() => chain.verify(quote))).to.equal("ListEnded");
  });

  it("behavior: a revoked platform, CA or signer ends at once; what was revoked stays so, and lists only get newer", async () => {
    const { collateral } = chain;
    await chain.show(quote, plain.endorsements);
    const shown = await chain.networkHelpers.takeSnapshot();
    const id = keyOf(quote.pck);
    for (const [issuer, key, serial] of [["ca", caKey, 3], ["root", rootKey, 2], ["root", rootKey, 4]] as const) {
      await collateral.write.submitCrl([crl(issuer, START + 60n, [9, serial]), key, NO_LIMIT]);
      expect(await revertOf(() => chain.verify(quote))).to.equal("CertificateRevoked");
      expect(await collateral.read.isRevoked([id])).to.equal(serial !== 4);
      await collateral.write.submitCrl([crl(issuer, START + 120n, []), key, NO_LIMIT]);
      expect(await revertOf(() => chain.verify(quote))).to.equal("CertificateRevoked");
      const older = () => collateral.write.submitCrl([crl(issuer, START + 60n, []), key, NO_LIMIT]);
      expect(await revertOf(older)).to.equal("NotNewer");
      await shown.restore();
    } // prettier-ignore
    // The same certificate is not registered a second time either.
    expect(await revertOf(() => collateral.write.registerPck([toHex(quote.pck), caKey]))).to.equal("NotNewer");
  });

  it("behavior: a list too long for one transaction counts once all of it is entered", async () => {
    const { collateral } = chain;
    await chain.show(quote, plain.endorsements);
    const list = crl("ca", START + 60n, [10, 11, 12, 13, 3]);
    for (const part of [2n, 2n]) await collateral.write.submitCrl([list, caKey, part]);
    expect((await collateral.read.listOf([caKey])).issued).to.equal(Number(START));
    await chain.verify(quote);
    await collateral.write.submitCrl([list, caKey, 2n]);
    expect((await collateral.read.listOf([caKey])).issued).to.equal(Number(START + 60n));
    expect(await revertOf(() => chain.verify(quote))).to.equal("CertificateRevoked");
  });

  it("error: nobody but Intel's signer signs collateral, by whatever key is registered", async () => {
    const { collateral } = chain;
    await chain.show(quote, plain.endorsements);
    const json = (plain.endorsements as IntelCollateral).tcbInfo;
    for (const [key, name] of [["ca", caKey], ["root", rootKey], ["pck", keyOf(quote.pck)]] as const) {
      const raw = keys[key].signRaw(utf8(json));
      const sent = () =>
        collateral.write.submitTcbInfo([toHex(json), toHex(raw.slice(0, 32)), toHex(raw.slice(32)), name]);
      expect(await revertOf(sent)).to.equal("AuthorityUnknown");
    } // prettier-ignore
    // No list of a signer, no certificate of a platform as CA.
    const list = crl("ca", START + 60n, []);
    expect(await revertOf(() => collateral.write.submitCrl([list, keyOf(issuedSigner()), 1n]))).to.equal("AuthorityUnknown"); // prettier-ignore
    const other = packed(
      simulated({ intel: { chain: ["pck", "pck", "root"] } }).attest("dcap-tdx-v4", REPORT).evidence,
    );
    expect(await revertOf(() => collateral.write.registerPck([toHex(other.pck), keyOf(other.pck)]))).to.equal("AuthorityUnknown"); // prettier-ignore
    // Only the verified kinds: no setter, no owner.
    const writes = collateral.abi.filter(
      (entry) => entry.type === "function" && entry.stateMutability === "nonpayable",
    );
    expect(writes.map((entry) => ("name" in entry ? entry.name : "")).toSorted()).to.deep.equal([
      "registerAuthority",
      "registerPck",
      "registerRoot",
      "submitCrl",
      "submitIdentity",
      "submitTcbInfo",
    ]);
  });

  it("error: simulated roots exist on a local chain only, and production knows none", async () => {
    const root = rootIdOf(quote.root);
    const refused = await createIntelChain({ now: NOW, simulated: [root], chainId: 1 }).catch(String);
    expect(refused).to.contain("SimulatedRootRefused(1)");
    const production = await createIntelChain({ now: NOW, chainId: 1 });
    expect(await revertOf(() => production.show(quote, plain.endorsements))).to.equal("RootUnknown");
    expect(await production.roots.read.classOf([2, root])).to.equal(0);
  });

  it("error: DER, JSON and certificates of another form, truncated, oversized or padded", async () => {
    const { collateral } = chain;
    await chain.show(quote, plain.endorsements);
    const signer = keyOf(issuedSigner());
    const pck = (der: Uint8Array) => revertOf(() => collateral.simulate.registerPck([toHex(der), caKey]));
    const own = quote.pck;
    const form = /^(DerInvalid|CertificateInvalid|DateInvalid|PckInvalid|ChainInvalid|SignatureInvalid|NotValid)$/;
    for (let length = 0; length < own.length; length += 37)
      expect(await pck(own.subarray(0, length)), `first ${length} bytes`).to.equal("DerInvalid");
    expect(await pck(concatBytes(own, Uint8Array.of(0)))).to.equal("DerInvalid");
    expect(await pck(concatBytes(own, new Uint8Array(4096)))).to.equal("TooLong");
    // A longer form of the same length, the indefinite form, and lengths over the container.
    for (const [from, bytes] of [[0, [0x30, 0x83, 0]], [0, [0x30, 0x80]], [0, [0x30, 0x84, 0, 0]]] as const)
      expect(await pck(concatBytes(Uint8Array.from(bytes), own.subarray(from + 2)))).to.match(form); // prettier-ignore
    for (let i = 0; i < own.length; i += 3) {
      const changed = Uint8Array.from(own);
      changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
      expect(await pck(changed), `bit of byte ${i}`).to.match(form);
    }
    // Texts that Intel's signer signed, in another form.
    const tcb = (plain.endorsements as IntelCollateral).tcbInfo;
    const texts = [
      "", "x", "{}", "[]", tcb.slice(0, -1), `${tcb} `, tcb.replace("{", "{ "), tcb.replace('"version":3', '"version":03'),
      tcb.replace('"svn":3', '"svn":256'), tcb.replace('"svn":3', '"svn":-1'), tcb.replace('"svn":3', '"svn":3.0'),
      tcb.replace('"pcesvn":11', '"pcesvn":65536'), tcb.replace("BIOS", "BI\\u004fS"), tcb.replace("-", "/"),
      tcb.replace('"tcbType":0', '"tcbType":1'), tcb.replace("TDX_01", "TDX_1"), tcb.replace('"fmspc"', '"Fmspc"'),
      tcb.replace("T", "t"), tcb.replace(/"issueDate":"\d{4}/, '"issueDate":"99999'), tcb.replace(/-\d\dT/, "-31T").replace(/-\d\d-31T/, "-02-31T"),
      tcb.replace('"id":"TDX"', '"id":"TDX","id":"TDX"'),
    ]; // prettier-ignore
    for (const text of texts) {
      const raw = keys.signer.signRaw(utf8(text));
      const sent = () =>
        collateral.simulate.submitTcbInfo([toHex(text), toHex(raw.slice(0, 32)), toHex(raw.slice(32)), signer]);
      expect(await revertOf(sent), text.slice(0, 80)).to.match(/^(JsonUnexpected|DateInvalid)$/);
    }
    const long = toHex(new Uint8Array(32_769));
    const word = toHex(new Uint8Array(32));
    expect(await revertOf(() => collateral.simulate.submitTcbInfo([long, word, word, signer]))).to.equal("TooLong");
    expect(await revertOf(() => collateral.simulate.submitIdentity([long, word, word, signer]))).to.equal("TooLong");
    const list = toHex(new Uint8Array(131_073));
    expect(await revertOf(() => collateral.simulate.submitCrl([list, caKey, 1n]))).to.equal("TooLong");
  });

  it("error: any flipped bit of a quote", async () => {
    await chain.show(quote, plain.endorsements);
    for (let i = 0; i < quote.packed.length; i += 7) {
      const bytes = Uint8Array.from(quote.packed);
      bytes[i] = (bytes[i] ?? 0) ^ (1 << (i % 8));
      expect(await revertOf(() => chain.verify({ ...quote, packed: bytes })), `byte ${i}`).to.match(/^(Quote|QuotingEnclave)Invalid$/); // prettier-ignore
    }
    for (const length of [0, 53, 54, 1207])
      expect(await revertOf(() => chain.verify({ ...quote, packed: quote.packed.subarray(0, length) }))).to.equal("QuoteInvalid"); // prettier-ignore
    expect(await revertOf(() => chain.verify({ ...quote, pck: quote.ca }))).to.equal("PckUnknown");
  });

  it("behavior: without the P-256 precompile the same verdict, dearer", async () => {
    const old = await createIntelChain({ now: NOW, simulated: [rootIdOf(quote.root)], hardfork: "prague" });
    await old.show(quote, plain.endorsements);
    await chain.show(quote, plain.endorsements);
    expect(await old.verify(quote)).to.deep.equal(await chain.verify(quote));
    const bytes = Uint8Array.from(quote.packed);
    bytes[640] = (bytes[640] ?? 0) ^ 1;
    expect(await revertOf(() => old.verify({ ...quote, packed: bytes }))).to.equal("QuoteInvalid");
    const [cheap, dear] = [Number(await chain.verifyGas(quote)), Number(await old.verifyGas(quote))];
    expect(cheap).to.be.at.most(130_000);
    expect(dear).to.be.within(cheap + 200_000, 700_000);
  });
});
