// SPDX-License-Identifier: GPL-3.0-or-later
// Compiled once for each instruction set; see isa.h.
#include "kernels.h"

#include "curve/fixed-base.h"
#include "curve/multi-sum.h"
#include "transform/scalar-domain.h"
#ifdef ASSAY_IFMA
#include "transform/lane-domain.h"
#else
#include "curve/check.h"
#include "pairing/pairs-to-one.h"
#endif

#define ASSAY_TEXT_OF(name) #name
#define ASSAY_TEXT(name) ASSAY_TEXT_OF(name)

namespace assay {
namespace ASSAY_ISA {
namespace {

template <class M>
void applyField(FieldOperation operation, const u8* a, const u8* b, u8* out, std::size_t count) {
  using Element = Field<M>;
  for (std::size_t i = 0; i < count; i++) {
    const Element x = Element::load(a + 32 * i);
    Element result = x;
    switch (operation) {
      case FieldOperation::add: result = x + Element::load(b + 32 * i); break;
      case FieldOperation::subtract: result = x - Element::load(b + 32 * i); break;
      case FieldOperation::multiply: result = x * Element::load(b + 32 * i); break;
      case FieldOperation::negate: result = -x; break;
      case FieldOperation::invert: result = x.inverse(); break;
      case FieldOperation::toMontgomery: result = x.toMontgomery(); break;
      case FieldOperation::fromMontgomery: result = x.fromMontgomery(); break;
    }
    result.store(out + 32 * i);
  }
}

void field(FieldName name, FieldOperation operation, const u8* a, const u8* b, u8* out, std::size_t count) {
  if (name == FieldName::base)
    applyField<BaseModulus>(operation, a, b, out, count);
  else
    applyField<ScalarModulus>(operation, a, b, out, count);
}

SumPlan* planSum(Pool& pool, const SumTerms& terms) { return reinterpret_cast<SumPlan*>(new Plan(pool, terms)); }
void dropSum(SumPlan* plan) { delete reinterpret_cast<Plan*>(plan); }
void sum(Pool& pool, const SumPlan& plan, Group group, const u8* points, u8* out) {
  const Plan& sorted = reinterpret_cast<const Plan&>(plan);
  if (group == Group::g1)
    MultiSum<Fq>::evaluate(pool, sorted, points).store(out);
  else
    MultiSum<Fq2>::evaluate(pool, sorted, points).store(out);
}

template <class F>
void multiplyBaseIn(Pool& pool, const u8* base, const u8* scalars, std::size_t count, u8* out) {
  FixedBase<F>(pool, Affine<F>::load(base), count).multiply(pool, scalars, count, out);
}
void multiplyBase(Pool& pool, Group group, const u8* base, const u8* scalars, std::size_t count, u8* out) {
  if (group == Group::g1)
    multiplyBaseIn<Fq>(pool, base, scalars, count, out);
  else
    multiplyBaseIn<Fq2>(pool, base, scalars, count, out);
}

#ifdef ASSAY_IFMA
/** Small domains do not fill the lanes. */
struct Roots {
  ScalarDomain* scalar = nullptr;
  LaneDomain* lanes = nullptr;

  Roots(Pool& pool, unsigned log) {
    if (log < LaneDomain::kLeastLog)
      scalar = new ScalarDomain(pool, log);
    else
      lanes = new LaneDomain(pool, log);
  }
  ~Roots() {
    delete scalar;
    delete lanes;
  }
  Roots(const Roots&) = delete;
  Roots& operator=(const Roots&) = delete;

  void quotient(Pool& pool, const Constraints& constraints, const u8* witness, u8* out) const {
    if (lanes != nullptr)
      lanes->quotient(pool, constraints, witness, out);
    else
      scalar->quotient(pool, constraints, witness, out);
  }
};
#else
using Roots = ScalarDomain;
#endif

Domain* openDomain(Pool& pool, unsigned log) { return reinterpret_cast<Domain*>(new Roots(pool, log)); }
void closeDomain(Domain* domain) { delete reinterpret_cast<Roots*>(domain); }
void quotient(Pool& pool, const Domain& domain, const Constraints& constraints, const u8* witness, u8* out) {
  reinterpret_cast<const Roots&>(domain).quotient(pool, constraints, witness, out);
}

#ifdef ASSAY_IFMA
// Scalar code takes half as long again where the compiler may copy field elements by vectors: a load of 32 bytes waits for the four stores
// of 8 before it. Processors with these vectors have the carry chains too.
std::size_t firstBad(Pool& pool, Group group, const u8* points, std::size_t count) {
  return adxKernels()->firstBadPoint(pool, group, points, count);
}
void addMultiple(Group group, u8* sum, const u8* point, const u8* scalar) {
  adxKernels()->addMultiple(group, sum, point, scalar);
}
bool pairsToOne(Pool& pool, const u8* g1, const u8* g2, std::size_t count) {
  return adxKernels()->pairsToOne(pool, g1, g2, count);
}
bool inSubgroup(const u8* point) { return adxKernels()->inSubgroup(point); }
#else
std::size_t firstBad(Pool& pool, Group group, const u8* points, std::size_t count) {
  return group == Group::g1 ? firstBadPoint<Fq>(pool, points, count) : firstBadPoint<Fq2>(pool, points, count);
}

template <class F>
void addMultipleIn(u8* sum, const u8* point, const u8* scalar) {
  Limbs limbs;
  std::memcpy(limbs.limb, scalar, 32);
  Extended<F> total = multiply(Affine<F>::load(point), limbs);
  total += Affine<F>::load(sum);
  total.toAffine().store(sum);
}
void addMultiple(Group group, u8* sum, const u8* point, const u8* scalar) {
  if (group == Group::g1)
    addMultipleIn<Fq>(sum, point, scalar);
  else
    addMultipleIn<Fq2>(sum, point, scalar);
}
#endif

constexpr Kernels kTable{ASSAY_TEXT(ASSAY_ISA),
                         field,
                         firstBad,
                         planSum,
                         sum,
                         dropSum,
                         multiplyBase,
                         addMultiple,
                         openDomain,
                         closeDomain,
                         quotient,
                         pairsToOne,
                         inSubgroup};

}  // namespace
}  // namespace ASSAY_ISA

#define ASSAY_JOINED(a, b) a##b
#define ASSAY_JOIN(a, b) ASSAY_JOINED(a, b)
const Kernels* ASSAY_JOIN(ASSAY_ISA, Kernels)() { return &ASSAY_ISA::kTable; }

}  // namespace assay
