// SPDX-License-Identifier: GPL-3.0-or-later
#include "prove.h"

#include <atomic>
#include "key/failure.h"
#include "key/wtns.h"

namespace assay {
namespace {

Failure malformed(const std::string& reason) { return Failure("WITNESS_MALFORMED", reason); }

void checkBlind(const u8* blind, std::size_t size) {
  if (size != kScalarBytes || !isBelow(blind, kScalarModulus)) throw malformed("a blind is not a reduced scalar");
}

/** Terms of one sum or several, sorted by their scalars. */
class Sum {
 public:
  Sum(const Kernels& kernels, Pool& pool, const u8* scalars, const u32* scalarOf, std::size_t count)
      : kernels_(kernels), pool_(pool), plan_(kernels.planSum(pool, {scalars, scalarOf, nullptr, count})) {}
  Sum(const Sum&) = delete;
  Sum& operator=(const Sum&) = delete;
  ~Sum() { kernels_.dropSum(plan_); }

  void over(Group group, const u8* points, u8* out) const { kernels_.sum(pool_, *plan_, group, points, out); }

 private:
  const Kernels& kernels_;
  Pool& pool_;
  SumPlan* plan_;
};

}  // namespace

Witness::Witness(const Key& key, Bytes values) : wires_(key.header().wires) {
  const std::size_t wanted = std::size_t{wires_} * kScalarBytes;
  if (values.size != wanted)
    throw malformed("it has " + std::to_string(values.size) + " bytes for " + std::to_string(wires_) + " wires");
  scalars_ = Secret(wanted + kSlots * kScalarBytes);
  std::memcpy(scalars_.data(), values.data, wanted);
}

u8* Witness::addRows(std::size_t rows) {
  const std::size_t before = scalars_.size();
  scalars_.grow(before + rows * kScalarBytes);
  return scalars_.data() + before;
}

void Prover::checkValues(const Witness& witness) {
  constexpr std::size_t chunk = 1 << 14;
  const std::size_t wires = key_.header().wires;
  std::atomic<std::size_t> bad{wires};
  parallel(pool_, (wires + chunk - 1) / chunk, [&](std::size_t unit) {
    const std::size_t from = unit * chunk, count = std::min(chunk, wires - from);
    const std::size_t found = firstUnreduced(witness.scalars() + from * kScalarBytes, count);
    if (found == count) return;
    std::size_t before = bad.load();
    while (from + found < before && !bad.compare_exchange_weak(before, from + found)) {
    }
  });
  if (bad < wires) throw malformed("the value of wire " + std::to_string(bad.load()) + " is not reduced");
  if (!isOne(witness.scalars())) throw malformed("wire 0 is not 1");
}

void Prover::sum(const Terms& terms, const Witness& witness, u8* out) {
  const Sum sorted(kernels_, pool_, witness.scalars(), terms.scalarOf.data(), terms.scalarOf.size());
  sorted.over(Group::g1, terms.points.data(), out);
}

Opening Prover::commit(Witness witness, const Report& report) {
  checkValues(witness);
  Opening opening{};
  const KeyGroup* const group = key_.group(kGroupRound1);
  if (group == nullptr) return opening;
  report(Step::commit);
  opening.blind = Secret(kScalarBytes);
  uniformScalar(opening.blind.data());
  std::memcpy(witness.slot(kSlotBlind), opening.blind.data(), kScalarBytes);
  sum(group->terms, witness, opening.point);
  return opening;
}

void Prover::commitWeights(Witness witness, Bytes blind, u8* point, const Report& report) {
  const KeyGroup* const group = key_.group(kGroupWeights);
  if (group == nullptr) throw malformed("the key has no weights group");
  checkBlind(blind.data, blind.size);
  checkValues(witness);
  report(Step::commit);
  std::memcpy(witness.slot(kSlotBlind), blind.data, kScalarBytes);
  sum(group->terms, witness, point);
}

Proof Prover::finish(Witness witness, const Opening& round1, const Opening* weights, const Report& report) {
  const bool committed = key_.group(kGroupRound1) != nullptr;
  if ((weights != nullptr) != (key_.group(kGroupWeights) != nullptr))
    throw malformed(weights == nullptr ? "its weights are not opened" : "the key has no weights group");
  if (committed) checkBlind(round1.blind.data(), round1.blind.size());
  if (weights != nullptr) {
    checkBlind(weights->blind.data(), weights->blind.size());
    if (kernels_.firstBadPoint(pool_, Group::g1, weights->point, 1) != 1)
      throw Failure("WITNESS_WRONG", "the commitment to its weights is not on the curve");
  }
  report(Step::constraints);
  checkValues(witness);
  drawBlinds(witness, committed ? &round1 : nullptr, weights);

  Proof proof{};
  if (committed) std::memcpy(proof.c1, round1.point, kG1Bytes);
  report(Step::transforms);
  u8* const quotient = witness.addRows(std::size_t{1} << key_.header().logDomain);
  kernels_.quotient(pool_, key_.domain(), key_.constraints(), witness.scalars(), quotient);
  report(Step::multiply);
  u8 b1[kG1Bytes];
  sum(key_.a(), witness, proof.a);
  {
    const Terms& b = key_.b();
    const Sum terms(kernels_, pool_, witness.scalars(), b.scalarOf.data(), b.scalarOf.size());
    terms.over(Group::g1, b.points.data(), b1);
    terms.over(Group::g2, key_.b2().data(), proof.b);
  }
  sum(key_.c(), witness, proof.c2);
  kernels_.addMultiple(Group::g1, proof.c2, proof.a, witness.slot(kSlotS));
  kernels_.addMultiple(Group::g1, proof.c2, b1, witness.slot(kSlotR));

  report(Step::check);
  if (!holds(proof, witness, weights)) throw Failure("WITNESS_WRONG", "its proof does not verify");
  return proof;
}

void Prover::drawBlinds(Witness& witness, const Opening* round1, const Opening* weights) {
  const auto scalar = [this](FieldOperation operation, const u8* a, const u8* b, u8* out) {
    kernels_.field(FieldName::scalar, operation, a, b, out, 1);
  };
  u8* const r = witness.slot(kSlotR);
  u8* const s = witness.slot(kSlotS);
  uniformScalar(r);
  uniformScalar(s);
  u8* const product = witness.slot(kSlotMinusRs);
  scalar(FieldOperation::toMontgomery, r, nullptr, product);
  scalar(FieldOperation::multiply, product, s, product);
  scalar(FieldOperation::negate, product, nullptr, product);
  if (round1 != nullptr)
    scalar(FieldOperation::negate, round1->blind.data(), nullptr, witness.slot(kSlotMinusRound1Blind));
  if (weights != nullptr)
    scalar(FieldOperation::negate, weights->blind.data(), nullptr, witness.slot(kSlotMinusWeightsBlind));
}

bool Prover::holds(const Proof& proof, const Witness& witness, const Opening* weights) {
  const KeyHeader& header = key_.header();
  std::vector<u8> left, right;
  const auto pair = [&](const u8* g1, const u8* g2) {
    left.insert(left.end(), g1, g1 + kG1Bytes);
    right.insert(right.end(), g2, g2 + kG2Bytes);
  };
  pair(proof.a, proof.b);
  kernels_.field(FieldName::base, FieldOperation::negate, left.data() + kG1Bytes / 2, nullptr,
                 left.data() + kG1Bytes / 2, 1);
  pair(header.alpha1, header.beta2);
  u8 publics[kG1Bytes];
  const Sum terms(kernels_, pool_, witness.scalars(), nullptr, std::size_t{header.publics} + 1);
  terms.over(Group::g1, key_.ic().data(), publics);
  pair(publics, header.gamma2);
  pair(proof.c2, header.delta2);
  for (const KeyGroup& group : key_.groups())
    pair(group.tag == kGroupWeights ? weights->point : proof.c1, group.delta2);
  return kernels_.pairsToOne(pool_, left.data(), right.data(), left.size() / kG1Bytes);
}

}  // namespace assay
