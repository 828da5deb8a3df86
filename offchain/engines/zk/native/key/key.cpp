// SPDX-License-Identifier: GPL-3.0-or-later
#include "key.h"

#include "check-points.h"
#include "chunks.h"
#include "failure.h"
#include "groups.h"
#include "zkey.h"

namespace assay {
namespace {

constexpr u64 kMiB = 1 << 20;
/** Measured over the kernels: of roots of unity a row; of a proof's memory, the most that any of its steps takes. */
constexpr u64 kRootBytes = 128;
constexpr u64 kFixedProofBytes = 4 * kMiB;
constexpr u64 kThreadProofBytes = 5 * kMiB / 2;
constexpr u64 kWireProofBytes = kScalarBytes;
constexpr u64 kRowProofBytes = 160;
/** Points that are added to A and B (α or β, δ), and to C (δ and each group's). */
constexpr std::size_t kMoreInA = 2;
constexpr std::size_t kMoreInC = 3;

Failure unsound(const std::string& reason) { return Failure("KEY_UNSOUND", reason); }

void checkMemory(u64 bytes, u64 limit) {
  if (bytes > limit) throw Failure::tooLarge((bytes + kMiB - 1) / kMiB, "MiB of memory", limit / kMiB);
}

u64 sizeOf(const Terms& terms) { return terms.points.size() + terms.scalarOf.size() * sizeof(u32); }

u64 sizeOf(const Matrix& matrix) {
  return (matrix.offsets.size() + matrix.wires.size() + matrix.coefficients.size()) * sizeof(u32);
}

/**
 * THE STRIP RULE: a committed wire has exactly one published point, the one in its group. With a second one, in section
 * 8, a prover can move what it committed after it has seen the challenge.
 */
void checkStrip(const KeyHeader& header, const std::vector<KeyGroup>& groups, const Terms& c) {
  std::vector<bool> committed(header.wires, false);
  for (const KeyGroup& group : groups)
    for (const u32 wire : group.terms.scalarOf) {
      const std::string name = "wire " + std::to_string(wire);
      if (wire <= header.publics || wire >= header.wires)
        throw unsound(name + " of group " + std::to_string(group.tag) + " is not private");
      if (committed[wire]) throw unsound(name + " is in two groups");
      committed[wire] = true;
    }
  for (const u32 wire : c.scalarOf)
    if (committed[wire]) throw unsound("committed wire " + std::to_string(wire) + " has a second point, over delta2");
}

}  // namespace

std::unique_ptr<const Key> Key::open(const Kernels& kernels, Pool& pool, const std::string& zkeyPath,
                                     const std::string& groupsPath, u64 memoryLimit) {
  FileSource zkey("ZKEY_MALFORMED", zkeyPath);
  FileSource groups("GROUPS_MALFORMED", groupsPath);
  return load(kernels, pool, zkey, groups, memoryLimit);
}

std::unique_ptr<const Key> Key::read(const Kernels& kernels, Pool& pool, Bytes zkey, Bytes groups, u64 memoryLimit) {
  MemorySource zkeySource("ZKEY_MALFORMED", zkey);
  MemorySource groupsSource("GROUPS_MALFORMED", groups);
  return load(kernels, pool, zkeySource, groupsSource, memoryLimit);
}

std::unique_ptr<const Key> Key::load(const Kernels& kernels, Pool& pool, Source& zkey, Source& groups,
                                     u64 memoryLimit) {
  const ZkeyLayout layout = readZkeyLayout(zkey);
  const KeyHeader& header = layout.header;
  std::unique_ptr<Key> key(new Key(kernels, pool.threads()));
  key->header_ = header;
  // Before anything large is read: what is certain to be needed.
  checkMemory(layout.h.size + key->domainBytes() + key->proofBytes(), memoryLimit);
  ZkeyMatrices matrices = readMatrices(kernels, zkey, layout);
  pool.throwIfCancelled();
  key->matrixA_ = std::move(matrices.a);
  key->matrixB_ = std::move(matrices.b);
  key->constants_ = std::move(matrices.constants);
  key->groups_ = readGroups(groups);
  key->ic_.resize(static_cast<std::size_t>(layout.ic.size));
  zkey.read(layout.ic.at, key->ic_.data(), key->ic_.size());
  const std::size_t rows = std::size_t{1} << header.logDomain;
  key->c_ = readTerms(zkey, layout.c, header.publics + 1, rows + kMoreInC);
  checkStrip(header, key->groups_, key->c_);
  const std::size_t countC = key->c_.scalarOf.size();
  u8* const h = key->c_.points.data() + countC * kG1Bytes;
  zkey.read(layout.h.at, h, rows * kG1Bytes);
  for (std::size_t row = 0; row < rows; row++)
    key->c_.scalarOf.push_back(static_cast<u32>(header.wires + kSlots + row));
  key->a_ = readTerms(zkey, layout.a, 0, kMoreInA);
  readB(zkey, layout.b1, layout.b2, kMoreInA, key->b_, key->b2_);
  pool.throwIfCancelled();

  const auto g1 = [](const char* name, const u8* points, std::size_t count) {
    return PointSet{name, Group::g1, points, count};
  };
  const auto g2 = [](const char* name, const u8* points, std::size_t count) {
    return PointSet{name, Group::g2, points, count};
  };
  const auto terms = [&](const char* name, const Terms& of) { return g1(name, of.points.data(), of.scalarOf.size()); };
  std::vector<PointSet> sets{
      g1("alpha", header.alpha1, 1),
      g1("beta", header.beta1, 1),
      g2("beta", header.beta2, 1),
      g2("gamma", header.gamma2, 1),
      g1("delta2", header.delta1, 1),
      g2("delta2", header.delta2, 1),
      g1("IC", key->ic_.data(), key->ic_.size() / kG1Bytes),
      terms("A", key->a_),
      terms("B", key->b_),
      g2("B", key->b2_.data(), key->b_.scalarOf.size()),
      g1("C", key->c_.points.data(), countC),
      g1("H", h, rows),
  };
  for (const KeyGroup& group : key->groups_) {
    const char* const name = group.tag == kGroupWeights ? "group 1" : "group 2";
    sets.push_back(g1(name, group.delta1, 1));
    sets.push_back(g2(name, group.delta2, 1));
    sets.push_back(terms(name, group.terms));
  }
  checkPoints(kernels, pool, sets);
  key->addTerms();
  key->domain_.reset(kernels.openDomain(pool, header.logDomain));
  checkMemory(key->residentBytes() + key->proofBytes(), memoryLimit);
  return key;
}

void Key::addTerms() {
  const auto scalar = [this](u32 slot) { return header_.wires + slot; };
  // The witness's first value is 1.
  addTerm(a_, header_.alpha1, 0);
  addTerm(a_, header_.delta1, scalar(kSlotR));
  std::memcpy(b2_.data() + b_.scalarOf.size() * kG2Bytes, header_.beta2, kG2Bytes);
  std::memcpy(b2_.data() + (b_.scalarOf.size() + 1) * kG2Bytes, header_.delta2, kG2Bytes);
  addTerm(b_, header_.beta1, 0);
  addTerm(b_, header_.delta1, scalar(kSlotS));
  addTerm(c_, header_.delta1, scalar(kSlotMinusRs));
  // Blinds were put in with δ2 and come out with the group's own delta.
  for (KeyGroup& group : groups_) {
    addTerm(c_, group.delta1, scalar(group.tag == kGroupWeights ? kSlotMinusWeightsBlind : kSlotMinusRound1Blind));
    addTerm(group.terms, header_.delta1, scalar(kSlotBlind));
  }
  for (Region* region : {&a_.points, &b_.points, &b2_, &c_.points}) region->seal();
  for (KeyGroup& group : groups_) group.terms.points.seal();
}

const KeyGroup* Key::group(u8 tag) const {
  for (const KeyGroup& group : groups_)
    if (group.tag == tag) return &group;
  return nullptr;
}

Constraints Key::constraints() const {
  const auto rows = [](const Matrix& matrix) {
    return SparseRows{matrix.offsets.data(), matrix.wires.data(), matrix.coefficients.data()};
  };
  return {header_.logDomain, rows(matrixA_), rows(matrixB_), constants_.data(), constants_.size() / kScalarBytes};
}

u64 Key::domainBytes() const { return kRootBytes << header_.logDomain; }

u64 Key::residentBytes() const {
  u64 bytes = ic_.size() + sizeOf(a_) + sizeOf(b_) + b2_.size() + sizeOf(c_) + sizeOf(matrixA_) +
              sizeOf(matrixB_) + constants_.size() + domainBytes();
  for (const KeyGroup& group : groups_) bytes += sizeOf(group.terms);
  return bytes;
}

u64 Key::proofBytes() const {
  return kFixedProofBytes + kThreadProofBytes * threads_ + kWireProofBytes * header_.wires +
         (kRowProofBytes << header_.logDomain);
}

}  // namespace assay
