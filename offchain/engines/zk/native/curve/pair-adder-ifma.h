// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "lane-coordinates.h"

namespace assay {
namespace ASSAY_ISA {

/** `PairAdder` on eight lanes. `Coordinate` is LaneFq or LaneFq2. */
template <class Coordinate>
class LaneAdder {
 public:
  using F = typename Coordinate::Scalar;

  LaneAdder() : groups_(kGroups), exceptions_(8 * kGroups) {}

  void add(const u8* points, const Pairs& pairs, Affine<F>* out) {
    for (std::size_t done = 0; done < pairs.count; done += 8 * kGroups) {
      const std::size_t count = pairs.count - done < 8 * kGroups ? pairs.count - done : 8 * kGroups;
      addBatch(points, {pairs.left + done, pairs.right + done, count}, out + done);
    }
  }

 private:
  /** Pairs that share an inversion: its cost against the second-level cache. */
  static constexpr std::size_t kGroups = sizeof(F) == sizeof(Fq) ? 128 : 64;
  static constexpr int kWords = Coordinate::kWords;

  struct alignas(64) Group {
    Coordinate x, y, otherX, run, rise, before;
  };
  struct Exception {
    std::size_t at;
    Affine<F> sum;
  };
  struct Eight {
    __m512i x[kWords], y[kWords];
    __mmask8 negative;
  };

  static ASSAY_INLINE void prefetch(const u8* points, u32 reference) {
    const u8* point = points + static_cast<std::size_t>(reference >> 1) * sizeof(Affine<F>);
    // Key files are not aligned to cache lines.
    for (std::size_t line = 0; line <= sizeof(Affine<F>); line += 64) __builtin_prefetch(point + line);
  }

  static ASSAY_INLINE Eight gather(const u8* points, const u32* references, std::size_t count) {
    Eight eight;
    __m512i rows[8];
    const std::size_t used = count < 8 ? count : 8;
    eight.negative = 0;
    for (int part = 0; part < kWords / 4; part++) {
      for (std::size_t lane = 0; lane < 8; lane++) {
        const u32 reference = references[lane < used ? lane : 0];
        rows[lane] = _mm512_loadu_si512(points + static_cast<std::size_t>(reference >> 1) * sizeof(Affine<F>) + 64 * part);
        if (part == 0) eight.negative = static_cast<__mmask8>(eight.negative | (reference & 1) << lane);
      }
      transpose(rows);
      // G1: x, y in one row; G2: x.c0, x.c1 in the first, y in the second.
      for (int word = 0; word < 8; word++) {
        const int at = 8 * part + word;
        (at < kWords ? eight.x[at] : eight.y[at - kWords]) = rows[word];
      }
    }
    return eight;
  }
  static ASSAY_INLINE __mmask8 zeros(const __m512i* words) {
    __m512i any = words[0];
    for (int i = 1; i < kWords; i++) any = _mm512_or_si512(any, words[i]);
    return _mm512_testn_epi64_mask(any, any);
  }
  static ASSAY_INLINE __mmask8 equals(const __m512i* a, const __m512i* b) {
    __mmask8 equal = 0xff;
    for (int i = 0; i < kWords; i++) equal = _mm512_mask_cmpeq_epi64_mask(equal, a[i], b[i]);
    return equal;
  }

  void addBatch(const u8* points, const Pairs& pairs, Affine<F>* out) {
    const std::size_t groups = (pairs.count + 7) / 8;
    exceptionCount_ = 0;
    Coordinate running = Coordinate::one();
    for (std::size_t i = 0; i < groups; i++) {
      for (std::size_t ahead = 8 * i + 16; ahead < 8 * i + 24 && ahead < pairs.count; ahead++) {
        prefetch(points, pairs.left[ahead]);
        prefetch(points, pairs.right[ahead]);
      }
      Group& group = groups_[i];
      const std::size_t left = pairs.count - 8 * i;
      const Eight a = gather(points, pairs.left + 8 * i, left);
      const Eight b = gather(points, pairs.right + 8 * i, left);
      group.x = Coordinate::fromWords(a.x);
      group.y = Coordinate::fromWords(a.y);
      group.y.negate(a.negative);
      Coordinate otherY = Coordinate::fromWords(b.y);
      otherY.negate(b.negative);
      group.otherX = Coordinate::fromWords(b.x);
      group.run = difference(group.otherX, group.x);
      group.rise = difference(otherY, group.y);
      const auto valid = static_cast<__mmask8>(left >= 8 ? 0xff : (1u << left) - 1);
      if (valid != 0xff) group.run.blend(static_cast<__mmask8>(~valid), Coordinate::one());
      const auto special = static_cast<__mmask8>((equals(a.x, b.x) | zeros(a.x) | zeros(b.x)) & valid);
      if (__builtin_expect(special != 0, 0)) takeApart(points, pairs, i, special);
      group.before = running;
      running = product(running, group.run);
    }
    Coordinate inverse = inverted(running);
    for (std::size_t i = groups; i-- > 0;) {
      const Group& group = groups_[i];
      const Coordinate reciprocal = product(inverse, group.before);
      inverse = product(inverse, group.run);
      const Coordinate slope = product(reciprocal, group.rise);
      const Coordinate x = reducedLess(square(slope), group.x, group.otherX);
      const Coordinate y = reducedLess(product(slope, fourDifferences(group.x, x)), group.y);
      scatter(x, y, out + 8 * i, pairs.count - 8 * i);
    }
    for (std::size_t i = 0; i < exceptionCount_; i++) out[exceptions_[i].at] = exceptions_[i].sum;
  }

  static ASSAY_INLINE void scatter(const Coordinate& x, const Coordinate& y, Affine<F>* out, std::size_t count) {
    __m512i words[2 * kWords];
    x.toWords(words);
    y.toWords(words + kWords);
    u8* target = reinterpret_cast<u8*>(out);
    for (int part = 0; part < kWords / 4; part++) {
      transpose(words + 8 * part);
      for (std::size_t lane = 0; lane < 8 && lane < count; lane++)
        _mm512_storeu_si512(target + lane * sizeof(Affine<F>) + 64 * part, words[8 * part + static_cast<int>(lane)]);
    }
  }

  /** 2^6/running in each lane, in Montgomery form. The six bits make up for what `multiply` divides too much by: with slopes at 2^258
   * both slope² and slope·4(x1 − x3) come out at 2^256. */
  static Coordinate inverted(const Coordinate& running) {
    F value[8], before[8];
    __m512i words[kWords];
    running.reduced().toWords(words);
    for (int lane = 0; lane < 8; lane++)
      for (int word = 0; word < kWords; word++)
        std::memcpy(reinterpret_cast<u8*>(&value[lane]) + 8 * word, reinterpret_cast<const u8*>(&words[word]) + 8 * lane, 8);
    F all = F::one();
    for (int lane = 0; lane < 8; lane++) {
      before[lane] = all;
      all = all * value[lane];
    }
    F inverse = all.inverse() * Fq::fromLimbs(powerOfTwo(256 + 6, BaseModulus::value));
    Coordinate result = Coordinate::one();
    for (int lane = 7; lane >= 0; lane--) {
      result.setLane(lane, inverse * before[lane]);
      inverse = inverse * value[lane];
    }
    return result;
  }

  /** Lanes where the formula does not hold: equal points get the tangent's slope, the others their sum at once. */
  void takeApart(const u8* points, const Pairs& pairs, std::size_t i, __mmask8 special) {
    for (int lane = 0; lane < 8; lane++) {
      if (((special >> lane) & 1) == 0) continue;
      const std::size_t at = 8 * i + static_cast<std::size_t>(lane);
      const Affine<F> a = pointAt<F>(points, pairs.left[at]);
      const Affine<F> b = pointAt<F>(points, pairs.right[at]);
      if (a.isInfinity() || b.isInfinity() || (a.x == b.x && !(a == b))) {
        exceptions_[exceptionCount_++] = {at, a.isInfinity() ? b : b.isInfinity() ? a : Affine<F>::infinity()};
        groups_[i].run.setLane(lane, F::one());
      } else if (a == b) {
        const F square = a.x.squared();
        groups_[i].run.setLane(lane, a.y.doubled());
        groups_[i].rise.setLane(lane, square.doubled() + square);
      }
    }
  }

  Buffer<Group> groups_;
  Buffer<Exception> exceptions_;
  std::size_t exceptionCount_ = 0;
};

template <class F>
struct AdderFor;
template <>
struct AdderFor<Fq> {
  using Type = LaneAdder<LaneFq>;
};
template <>
struct AdderFor<Fq2> {
  using Type = LaneAdder<LaneFq2>;
};

}  // namespace ASSAY_ISA
}  // namespace assay
