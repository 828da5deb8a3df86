// SPDX-License-Identifier: GPL-3.0-or-later
#include "zkey.h"

#include "failure.h"

namespace assay {
namespace {

Failure malformed(const std::string& reason) { return Failure("ZKEY_MALFORMED", reason); }

KeyHeader parseHeader(const u8* at) {
  if (!isField(at, kBaseModulus) || !isField(at + 36, kScalarModulus)) throw malformed("it is not over BN254");
  KeyHeader header;
  header.wires = readU32(at + 72);
  header.publics = readU32(at + 76);
  const u32 domain = readU32(at + 80);
  if (header.wires == 0 || header.wires > kMaxWires || header.publics >= header.wires)
    throw malformed("it has " + std::to_string(header.wires) + " wires, " + std::to_string(header.publics) + " public");
  if (domain < 2 || domain > 1u << kMaxLogDomain || (domain & (domain - 1)) != 0)
    throw malformed("its domain is " + std::to_string(domain));
  while (1u << header.logDomain < domain) header.logDomain++;
  at += 84;
  const auto take = [&at](u8* point, std::size_t size) {
    std::memcpy(point, at, size);
    at += size;
  };
  take(header.alpha1, kG1Bytes);
  take(header.beta1, kG1Bytes);
  take(header.beta2, kG2Bytes);
  take(header.gamma2, kG2Bytes);
  take(header.delta1, kG1Bytes);
  take(header.delta2, kG2Bytes);
  return header;
}

}  // namespace

ZkeyLayout readZkeyLayout(Source& source) {
  const Sections sections = readSections(source, kZkeyFormat);
  const auto expect = [&](unsigned type, u64 size) {
    if (sections[type].size != size)
      throw malformed("section " + std::to_string(type) + " has " + std::to_string(sections[type].size) +
                      " bytes instead of " + std::to_string(size));
    return sections[type];
  };
  u8 protocol[4];
  source.read(expect(1, sizeof protocol).at, protocol, sizeof protocol);
  if (readU32(protocol) != 1) throw malformed("its protocol is not Groth16");
  u8 bytes[kZkeyHeaderBytes];
  source.read(expect(2, kZkeyHeaderBytes).at, bytes, kZkeyHeaderBytes);
  if (sections[10].size < kLeastTranscriptBytes) throw malformed("its transcript is truncated");
  ZkeyLayout layout;
  layout.header = parseHeader(bytes);
  const u64 wires = layout.header.wires, publics = layout.header.publics;
  layout.ic = expect(3, (publics + 1) * kG1Bytes);
  layout.coefficients = sections[4];
  layout.a = expect(5, wires * kG1Bytes);
  layout.b1 = expect(6, wires * kG1Bytes);
  layout.b2 = expect(7, wires * kG2Bytes);
  layout.c = expect(8, (wires - publics - 1) * kG1Bytes);
  layout.h = expect(9, (u64{1} << layout.header.logDomain) * kG1Bytes);
  return layout;
}

}  // namespace assay
