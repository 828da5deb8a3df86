// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../buffer.h"
#include "../pool.h"
#include "final-exponentiation.h"
#include "miller-loop.h"

namespace assay {
namespace ASSAY_ISA {

/** Pairs that go through one Miller loop together. More share more, fewer spread better over threads. */
constexpr std::size_t kMostTermsInLoop = 64;
constexpr std::size_t kFewestTermsInLoop = 2;

/** Reads the pairs without infinity and counts them. False for a point of G1 with y = 0, which its curve of odd order has not. */
inline bool loadTerms(const u8* g1, const u8* g2, std::size_t count, MillerTerm* terms, std::size_t& loaded) {
  loaded = 0;
  Fq product = Fq::one();
  for (std::size_t i = 0; i < count; i++) {
    const G1 p = G1::load(g1 + sizeof(G1) * i);
    const G2 q = G2::load(g2 + sizeof(G2) * i);
    if (p.isInfinity() || q.isInfinity()) continue;
    MillerTerm& term = terms[loaded++];
    term.minusXOverY = -p.x;
    term.norm = p.y;
    term.q = q;
    term.multiple = q;
    term.before = product;
    product = product * p.y;
  }
  if (product.isZero()) return false;
  Fq inverse = product.inverse();
  for (std::size_t i = loaded; i-- > 0;) {
    MillerTerm& term = terms[i];
    term.inverseY = inverse * term.before;
    term.minusXOverY = term.minusXOverY * term.inverseY;
    inverse = inverse * term.norm;
  }
  return true;
}

struct LoopResult {
  Fq12 product;
  bool sound;
};

inline bool pairsToOne(Pool& pool, const u8* g1, const u8* g2, std::size_t count) {
  if (count == 0) return true;
  std::size_t size = (count + pool.threads() - 1) / pool.threads();
  if (size > kMostTermsInLoop) size = kMostTermsInLoop;
  if (size < kFewestTermsInLoop) size = kFewestTermsInLoop;
  const std::size_t units = (count + size - 1) / size;
  Buffer<LoopResult> results(units);
  parallel(pool, units, [&](std::size_t unit) {
    MillerTerm terms[kMostTermsInLoop];
    const std::size_t first = unit * size;
    const std::size_t here = count - first < size ? count - first : size;
    std::size_t loaded = 0;
    results[unit].sound = loadTerms(g1 + sizeof(G1) * first, g2 + sizeof(G2) * first, here, terms, loaded) &&
                          millerLoop(terms, loaded, results[unit].product);
  });
  Fq12 product = Fq12::one();
  for (std::size_t i = 0; i < units; i++) {
    if (!results[i].sound) return false;
    product = product * results[i].product;
  }
  return isOneInTarget(product);
}

inline bool inSubgroup(const u8* point) { return hasOrderR(G2::load(point)); }

}  // namespace ASSAY_ISA
}  // namespace assay
