// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../field/quadratic.h"

namespace assay {
namespace ASSAY_ISA {

/** A point of y² = x³ + b as keys hold it; (0, 0), which is on neither curve, is infinity. */
template <class F>
struct Affine {
  F x, y;

  static constexpr Affine infinity() { return {F::zero(), F::zero()}; }
  ASSAY_INLINE bool isInfinity() const { return x.isZero() && y.isZero(); }
  ASSAY_INLINE Affine operator-() const { return {x, -y}; }
  ASSAY_INLINE bool operator==(const Affine& other) const { return x == other.x && y == other.y; }
  static ASSAY_INLINE Affine load(const void* bytes) {
    Affine point;
    std::memcpy(&point, bytes, sizeof point);
    return point;
  }
  ASSAY_INLINE void store(void* bytes) const { std::memcpy(bytes, this, sizeof *this); }
};

/** x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ²; infinity has ZZ = 0. Formulas: EFD, short Weierstrass curves with a = 0, "xyzz". Complete: equal,
 * opposite and infinite points are taken apart. */
template <class F>
struct Extended {
  F x, y, zz, zzz;

  static constexpr Extended infinity() { return {F::zero(), F::zero(), F::zero(), F::zero()}; }
  static Extended of(const Affine<F>& point) {
    return point.isInfinity() ? infinity() : Extended{point.x, point.y, F::one(), F::one()};
  }
  bool isInfinity() const { return zz.isZero(); }
  Extended operator-() const { return {x, -y, zz, zzz}; }

  Extended doubled() const {
    if (isInfinity()) return *this;
    const F u = y.doubled();
    const F v = u.squared();
    const F w = u * v;
    const F s = x * v;
    const F square = x.squared();
    const F m = square.doubled() + square;
    const F newX = m.squared() - s.doubled();
    return {newX, m * (s - newX) - w * y, v * zz, w * zzz};
  }
  Extended& operator+=(const Affine<F>& other) {
    if (other.isInfinity()) return *this;
    if (isInfinity()) return *this = of(other);
    return addScaled(x, y, other.x * zz, other.y * zzz, zz, zzz);
  }
  Extended& operator+=(const Extended& other) {
    if (other.isInfinity()) return *this;
    if (isInfinity()) return *this = other;
    return addScaled(x * other.zz, y * other.zzz, other.x * zz, other.y * zzz, zz * other.zz, zzz * other.zzz);
  }

  Affine<F> toAffine() const {
    if (isInfinity()) return Affine<F>::infinity();
    const F inverse = (zz * zzz).inverse();
    return {x * inverse * zzz, y * inverse * zz};
  }

 private:
  /** The sum of two finite points brought to the same denominators: (x1, y1), (x2, y2) over zz, zzz. */
  Extended& addScaled(const F& x1, const F& y1, const F& x2, const F& y2, const F& newZz, const F& newZzz) {
    const F p = x2 - x1;
    const F r = y2 - y1;
    if (p.isZero()) return *this = r.isZero() ? doubled() : infinity();
    const F p2 = p.squared();
    const F p3 = p * p2;
    const F q = x1 * p2;
    const F newX = r.squared() - p3 - q.doubled();
    *this = {newX, r * (q - newX) - y1 * p3, newZz * p2, newZzz * p3};
    return *this;
  }
};

/** Multiple by a plain integer of four limbs. */
template <class F>
Extended<F> multiply(const Affine<F>& point, const Limbs& scalar) {
  Extended<F> result = Extended<F>::infinity();
  for (int bit = 255; bit >= 0; bit--) {
    result = result.doubled();
    if ((scalar.limb[bit / 64] >> (bit % 64)) & 1) result += point;
  }
  return result;
}

using G1 = Affine<Fq>;
using G2 = Affine<Fq2>;
static_assert(sizeof(G1) == 64 && sizeof(G2) == 128, "points lie in memory as in key files");

}  // namespace ASSAY_ISA
}  // namespace assay
