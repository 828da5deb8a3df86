// SPDX-License-Identifier: GPL-3.0-or-later
#include "setup.h"

#include "field/quadratic.h"
#include "key/failure.h"
#include "key/groups.h"
#include "key/zkey.h"
#include "setup-scalars.h"

namespace assay {
namespace {

/** As r1cs/format.ts has it. */
constexpr u64 kMaxFileBytes = 0x7fffffff;
struct Generators {
  u8 g1[kG1Bytes];
  u8 g2[kG2Bytes];
};

Generators generators() {
  using portable::Fq;
  // EIP-197's generators.
  const u64 twist[4][4] = {
      {0x46debd5cd992f6ed, 0x674322d4f75edadd, 0x426a00665e5c4479, 0x1800deef121f1e76},
      {0x97e485b7aef312c2, 0xf1aa493335a9e712, 0x7260bfb731fb5d25, 0x198e9393920d483a},
      {0x4ce6cc0166fa7daa, 0xe3d1e7690c43d37b, 0x4aab71808dcb408f, 0x12c85ea5db8c6deb},
      {0x55acdadcd122975b, 0xbc4b313370b38ef3, 0xec9e99ad690c3395, 0x090689d0585ff075},
  };
  Generators result;
  Fq::one().store(result.g1);
  Fq::of(2).store(result.g1 + kG1Bytes / 2);
  for (unsigned i = 0; i < 4; i++) Fq::load(twist[i]).toMontgomery().store(result.g2 + i * sizeof(Fq));
  return result;
}

/** Fills a file's image from front to back. */
class Writer {
 public:
  explicit Writer(u8* at) : at_(at) {}
  /** Room for `size` bytes. */
  u8* take(std::size_t size) {
    u8* const taken = at_;
    at_ += size;
    return taken;
  }
  void put(const void* bytes, std::size_t size) {
    if (size > 0) std::memcpy(take(size), bytes, size);
  }
  void put8(u8 value) { *take(1) = value; }
  void put32(u32 value) { writeU32(take(4), value); }
  u8* section(u32 type, std::size_t size) {
    put32(type);
    writeU64(take(8), size);
    return take(size);
  }

 private:
  u8* at_;
};

void checkGroups(const R1cs& r1cs, WireRange weights, WireRange round1) {
  const u64 publics = u64{r1cs.outputs} + r1cs.publicInputs;
  for (const WireRange range : {weights, round1})
    if (range.count > 0 && (range.from <= publics || u64{range.from} + range.count > r1cs.wires))
      throw Failure("CIRCUIT_UNFIT", "a group's wires are not private");
  const auto endOf = [](WireRange range) { return u64{range.from} + range.count; };
  const bool apart = endOf(weights) <= round1.from || endOf(round1) <= weights.from;
  if (weights.count > 0 && round1.count > 0 && !apart) throw Failure("CIRCUIT_UNFIT", "its groups overlap");
}

/** A key in the making: what all its files' parts are copied or computed from. */
class Maker {
 public:
  Maker(const Kernels& kernels, Pool& pool, const R1cs& r1cs, const Trapdoor& trapdoor, const KeyScalars& scalars)
      : kernels_(kernels),
        pool_(pool),
        r1cs_(r1cs),
        trapdoor_(trapdoor),
        scalars_(scalars),
        points_(scalars.count() * kG1Bytes) {}

  void multiply(const SetupReport& report) {
    report(SetupStep::multiply, 0);
    kernels_.multiplyBase(pool_, Group::g1, base_.g1, scalars_.all.data(), scalars_.count(), points_.data());
    report(SetupStep::multiply, 0.6);
  }

  Region zkey(WireRange weights, WireRange round1) const {
    const std::size_t wires = r1cs_.wires, publics = std::size_t{r1cs_.outputs} + r1cs_.publicInputs;
    const std::size_t icBytes = (publics + 1) * kG1Bytes, cBytes = (wires - publics - 1) * kG1Bytes;
    const std::size_t sections[] = {4,
                                    kZkeyHeaderBytes,
                                    icBytes,
                                    coefficientBytes(r1cs_),
                                    wires * kG1Bytes,
                                    wires * kG1Bytes,
                                    wires * kG2Bytes,
                                    cBytes,
                                    scalars_.domain * kG1Bytes,
                                    kLeastTranscriptBytes};
    u64 size = 12;
    for (const std::size_t section : sections) size += 12 + section;
    if (size > kMaxFileBytes) throw Failure::tooLarge(size, "bytes of key", kMaxFileBytes);
    Region file(static_cast<std::size_t>(size));
    Writer writer(file.data());
    writer.put(kZkeyFormat.magic, 4);
    writer.put32(kZkeyFormat.version);
    writer.put32(kZkeyFormat.sections);
    writeU32(writer.section(1, sections[0]), 1);
    writeHeader(writer.section(2, sections[1]), static_cast<u32>(publics));
    const u8* const ck = part(2);
    std::memcpy(writer.section(3, sections[2]), ck, sections[2]);
    writeCoefficients(pool_, r1cs_, writer.section(4, sections[3]));
    std::memcpy(writer.section(5, sections[4]), part(0), sections[4]);
    std::memcpy(writer.section(6, sections[5]), part(1), sections[5]);
    kernels_.multiplyBase(pool_, Group::g2, base_.g2, scalars_.b(), wires, writer.section(7, sections[6]));
    u8* const c = writer.section(8, sections[7]);
    std::memcpy(c, ck + icBytes, sections[7]);
    // The strip rule: committed wires have their point in their group alone.
    for (const WireRange range : {weights, round1})
      if (range.count > 0) std::memset(c + (range.from - publics - 1) * kG1Bytes, 0, range.count * kG1Bytes);
    std::memcpy(writer.section(9, sections[8]), part(3), sections[8]);
    // No phase 2 took place: an empty transcript over no circuit hash.
    std::memset(writer.section(10, sections[9]), 0, sections[9]);
    return file;
  }

  Region groups(WireRange weights, WireRange round1) const {
    std::size_t size = 8;
    for (const WireRange range : {weights, round1})
      if (range.count > 0) size += kGroupHeaderBytes + range.count * kGroupEntryBytes;
    Region file(size);
    Writer writer(file.data());
    writer.put(kGroupsMagic, 4);
    writer.put32(kGroupsVersion);
    if (weights.count > 0) writeGroup(writer, kGroupWeights, trapdoor_.deltaWeights, weights);
    if (round1.count > 0) writeGroup(writer, kGroupRound1, trapdoor_.delta1, round1);
    return file;
  }

 private:
  /** A, B, ck, H. */
  const u8* part(std::size_t index) const { return points_.data() + index * r1cs_.wires * kG1Bytes; }

  void writeMultiple(Group group, const u8* scalar, Writer& writer) const {
    const bool first = group == Group::g1;
    u8* const point = writer.take(first ? kG1Bytes : kG2Bytes);
    std::memset(point, 0, first ? kG1Bytes : kG2Bytes);
    kernels_.addMultiple(group, point, first ? base_.g1 : base_.g2, scalar);
  }

  void writeHeader(u8* at, u32 publics) const {
    Writer writer(at);
    for (const u8* modulus : {kBaseModulus, kScalarModulus}) {
      writer.put32(kScalarBytes);
      writer.put(modulus, kScalarBytes);
    }
    writer.put32(r1cs_.wires);
    writer.put32(publics);
    writer.put32(scalars_.domain);
    writeMultiple(Group::g1, trapdoor_.alpha, writer);
    writeMultiple(Group::g1, trapdoor_.beta, writer);
    writeMultiple(Group::g2, trapdoor_.beta, writer);
    writer.put(base_.g2, kG2Bytes);
    writeMultiple(Group::g1, trapdoor_.delta2, writer);
    writeMultiple(Group::g2, trapdoor_.delta2, writer);
  }

  void writeGroup(Writer& writer, u8 tag, const u8* delta, WireRange range) const {
    writer.put8(tag);
    writeMultiple(Group::g1, delta, writer);
    writeMultiple(Group::g2, delta, writer);
    writer.put32(range.count);
    for (u32 i = 0; i < range.count; i++) {
      writer.put32(range.from + i);
      writer.put(part(2) + (std::size_t{range.from} + i) * kG1Bytes, kG1Bytes);
    }
  }

  const Kernels& kernels_;
  Pool& pool_;
  const R1cs& r1cs_;
  const Trapdoor& trapdoor_;
  const KeyScalars& scalars_;
  const Generators base_ = generators();
  Region points_;
};

}  // namespace

DevelopmentKey makeDevelopmentKey(const Kernels& kernels, Pool& pool, Bytes r1csFile, WireRange weights,
                                  WireRange round1, const Trapdoor& trapdoor, const SetupReport& report) {
  const R1cs r1cs = readR1cs(r1csFile);
  checkGroups(r1cs, weights, round1);
  const KeyScalars scalars = evaluateScalars(pool, r1cs, weights, round1, trapdoor, report);
  Maker maker(kernels, pool, r1cs, trapdoor, scalars);
  maker.multiply(report);
  DevelopmentKey key;
  key.groups = maker.groups(weights, round1);
  key.zkey = maker.zkey(weights, round1);
  report(SetupStep::multiply, 1);
  return key;
}

}  // namespace assay
