// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../curve/point.h"
#include "parameter.h"
#include "twist.h"
#include "twelfth.h"

namespace assay {
namespace ASSAY_ISA {

/** One pair on its way through the loop. */
struct MillerTerm {
  /** −x/y and 1/y of the point of G1. */
  Fq minusXOverY, inverseY;
  G2 q;
  /** The running multiple of q. */
  G2 multiple;
  /** Of the slope of the line to come. */
  Fq2 numerator, denominator;
  Fq norm, before;
};

/** Numerators become slopes: numerator / denominator, with one inversion for all. False if a denominator is 0. */
inline bool divideSlopes(MillerTerm* terms, std::size_t count) {
  Fq product = Fq::one();
  for (std::size_t i = 0; i < count; i++) {
    MillerTerm& term = terms[i];
    term.norm = term.denominator.c0.squared() + term.denominator.c1.squared();
    term.before = product;
    product = product * term.norm;
  }
  if (product.isZero()) return false;
  Fq inverse = product.inverse();
  for (std::size_t i = count; i-- > 0;) {
    MillerTerm& term = terms[i];
    term.numerator = term.numerator * (term.denominator.conjugate() * (inverse * term.before));
    inverse = inverse * term.norm;
  }
  return true;
}

/**
 * Multiplies f with the line of the term's slope through its multiple, at its point of G1, over that point's y; then moves the multiple
 * to the line's third point, mirrored. On the curve itself, where the twist's (x, y) is (x·w², y·w³), the line is
 * y_P − slope·x_P·w + (slope·x − y)·w³. Factors of Fq and vertical lines vanish in the final exponentiation.
 */
inline void followLine(Fq12& f, MillerTerm& term, const Fq2& otherX) {
  const Fq2& slope = term.numerator;
  G2& point = term.multiple;
  f = f.timesLine(slope * term.minusXOverY, (slope * point.x - point.y) * term.inverseY);
  const Fq2 x = slope.squared() - point.x - otherX;
  point = {x, slope * (point.x - x) - point.y};
}

inline bool doubleAll(Fq12& f, MillerTerm* terms, std::size_t count) {
  for (std::size_t i = 0; i < count; i++) {
    const Fq2 square = terms[i].multiple.x.squared();
    terms[i].numerator = square.doubled() + square;
    terms[i].denominator = terms[i].multiple.y.doubled();
  }
  if (!divideSlopes(terms, count)) return false;
  for (std::size_t i = 0; i < count; i++) followLine(f, terms[i], terms[i].multiple.x);
  return true;
}

/** Adds addend(q) to each multiple. */
template <class Addend>
inline bool addAll(Fq12& f, MillerTerm* terms, std::size_t count, const Addend& addend) {
  for (std::size_t i = 0; i < count; i++) {
    const G2 other = addend(terms[i].q);
    terms[i].numerator = other.y - terms[i].multiple.y;
    terms[i].denominator = other.x - terms[i].multiple.x;
  }
  if (!divideSlopes(terms, count)) return false;
  for (std::size_t i = 0; i < count; i++) followLine(f, terms[i], addend(terms[i].q).x);
  return true;
}

/**
 * The optimal ate pairing without its final exponentiation, multiplied over all terms, whose `multiple` is their q: squarings and
 * inversions are shared. Stays affine, which shared inversions make cheaper than projective coordinates. False if points were met that
 * points of order r never meet.
 */
inline bool millerLoop(MillerTerm* terms, std::size_t count, Fq12& f) {
  constexpr SignedDigits digits = signedDigits(6 * static_cast<u128>(kCurveX) + 2);
  f = Fq12::one();
  if (count == 0) return true;
  for (int i = digits.count - 2; i >= 0; i--) {
    f = f.squared();
    if (!doubleAll(f, terms, count)) return false;
    if (digits.digit[i] > 0 && !addAll(f, terms, count, [](const G2& q) { return q; })) return false;
    if (digits.digit[i] < 0 && !addAll(f, terms, count, [](const G2& q) { return -q; })) return false;
  }
  return addAll(f, terms, count, [](const G2& q) { return twistFrobenius(q); }) &&
         addAll(f, terms, count, [](const G2& q) { return -twistFrobenius(twistFrobenius(q)); });
}

}  // namespace ASSAY_ISA
}  // namespace assay
