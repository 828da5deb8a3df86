// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "columns.h"
#include "roots.h"
#include "rows.h"

namespace assay {
namespace ASSAY_ISA {

/**
 * Roots of a domain of 2^log elements, eight at a time. Element i lies in lane i / columns of column i mod columns, so that all levels but
 * three work on whole columns with one twiddle for all lanes; the three of largest stride are a transform of eight across the lanes.
 */
class LaneDomain {
 public:
  static constexpr unsigned kLeastLog = 6;

  LaneDomain(Pool& pool, unsigned log)
      : log_(log), columns_(std::size_t{1} << (log - 3)), shift_(columns_), crossForward_(columns_), crossInverse_(columns_) {
    const Fr root = rootOfUnity(log);
    forward_ = Eighth(root, columns_);
    inverse_ = Eighth(root.inverse(), columns_);
    const auto limbs = [](const Fr& value) { return toLaneForm(value); };
    forwardTwiddles_.fill(pool, columns_, root.power({{8, 0, 0, 0}}), limbs);
    inverseTwiddles_.fill(pool, columns_, root.inverse().power({{8, 0, 0, 0}}), limbs);
    for (std::size_t lane = 0; lane < 8; lane++) {
      const std::size_t exponent = reversedBits(lane, 3);
      const Limbs power{{exponent, 0, 0, 0}};
      eachPower(pool, columns_, root.power(power), Fr::one(),
                [&](std::size_t k, const Fr& value) { put(crossForward_[k], lane, toLaneForm(value)); });
      eachPower(pool, columns_, root.inverse().power(power), Fr::one(),
                [&](std::size_t k, const Fr& value) { put(crossInverse_[k], lane, toLaneForm(value)); });
    }
    eachPower(pool, std::size_t{1} << log, rootOfUnity(log + 1), Fr::of(std::size_t{1} << log).inverse(),
              [&](std::size_t k, const Fr& value) {
                const std::size_t place = reversedBits(k, log_);
                put(shift_[place % columns_], place / columns_, toLaneForm(value));
              });
  }

  void quotient(Pool& pool, const Constraints& constraints, const u8* witness, u8* out) const {
    Buffer<FrLanes> values(3 * columns_);
    FrLanes* const arrays[3] = {values.data(), values.data() + columns_, values.data() + 2 * columns_};
    const std::size_t chunk = columns_ < kChunk ? columns_ : kChunk;
    const std::size_t chunks = columns_ / chunk;
    parallel(pool, chunks, [&](std::size_t unit) {
      for (std::size_t lane = 0; lane < 8; lane++)
        for (std::size_t k = unit * chunk; k < (unit + 1) * chunk; k++) {
          const std::size_t row = lane * columns_ + k;
          put(arrays[0][k], lane, limbsOf(evaluateRow(constraints.a, constraints.constants, witness, row)));
          put(arrays[1][k], lane, limbsOf(evaluateRow(constraints.b, constraints.constants, witness, row)));
        }
      for (std::size_t k = unit * chunk; k < (unit + 1) * chunk; k++) {
        arrays[2][k] = multiply(arrays[0][k], arrays[1][k]);
        for (FrLanes* array : arrays) splitAcross(array[k], k);
      }
    });
    using Transform = Columns<LaneButterfly>;
    Transform::splitWhole(pool, arrays, 3, columns_, inverseTwiddles_);
    const std::size_t block = Transform::blockOf(columns_);
    const std::size_t blocks = columns_ / block;
    parallel(pool, 3 * blocks, [&](std::size_t unit) {
      const std::size_t first = unit % blocks * block;
      FrLanes* column = arrays[unit / blocks] + first;
      Transform::splitBlock(column, block, inverseTwiddles_);
      for (std::size_t i = 0; i < block; i++) LaneButterfly::scale(column[i], shift_[first + i]);
      Transform::joinBlock(column, block, forwardTwiddles_);
    });
    Transform::joinWhole(pool, arrays, 3, columns_, forwardTwiddles_);
    // Rows were plain, so both products lack 2^260: times 2^520.
    const FrLanes scale = FrLanes::all(toLimbs52(powerOfTwo(520, ScalarModulus::value)));
    parallel(pool, chunks, [&](std::size_t unit) {
      for (std::size_t k = unit * chunk; k < (unit + 1) * chunk; k++) {
        for (FrLanes* array : arrays) joinAcross(array[k], k);
        const FrLanes difference = minus(multiply(arrays[0][k], arrays[1][k]), arrays[2][k], FrLanes::kFourfold);
        store(multiply(difference, scale).lessOnce(FrLanes::kModulus), k, out);
      }
    });
    std::memset(static_cast<void*>(values.data()), 0, 3 * columns_ * sizeof(FrLanes));
    __asm__ volatile("" : : "r"(values.data()) : "memory");
  }

 private:
  static constexpr std::size_t kChunk = 256;

  static Limbs52 limbsOf(const Fr& value) {
    return toLimbs52({{value.limb[0], value.limb[1], value.limb[2], value.limb[3]}});
  }
  /** v·2^256 to v·2^260. */
  static Limbs52 toLaneForm(const Fr& value) { return limbsOf(value * Fr::fromLimbs(powerOfTwo(260, ScalarModulus::value))); }
  static ASSAY_INLINE void put(FrLanes& column, std::size_t lane, const Limbs52& limbs) {
    for (int i = 0; i < 5; i++)
      std::memcpy(reinterpret_cast<u8*>(&column.limb[i]) + 8 * lane, &limbs.limb[i], sizeof(u64));
  }

  /** Constants of the transform of eight: root^(columns·t) for the lanes that are multiplied. */
  struct Eighth {
    FrLanes first, second;

    Eighth() : first(FrLanes::zero()), second(FrLanes::zero()) {}
    Eighth(const Fr& root, std::size_t columns) {
      const Fr zeta = root.power({{columns, 0, 0, 0}});
      Fr power = Fr::one();
      for (std::size_t t = 0; t < 4; t++) {
        put(first, t, toLaneForm(Fr::one()));
        put(first, 4 + t, toLaneForm(power));
        power = power * zeta;
        const Limbs52 quarter = toLaneForm(t == 3 ? zeta.squared() : Fr::one());
        put(second, t, quarter);
        put(second, 4 + t, quarter);
      }
    }
  };

  template <int Stride>
  static ASSAY_INLINE FrLanes partners(const FrLanes& a) {
    FrLanes swapped;
    for (int i = 0; i < 5; i++) {
      if (Stride == 4)
        swapped.limb[i] = _mm512_shuffle_i64x2(a.limb[i], a.limb[i], 0x4e);
      else if (Stride == 2)
        swapped.limb[i] = _mm512_shuffle_i64x2(a.limb[i], a.limb[i], 0xb1);
      else
        swapped.limb[i] = _mm512_shuffle_epi32(a.limb[i], static_cast<_MM_PERM_ENUM>(0x4e));
    }
    return swapped;
  }
  /** a + b in the lower lane of each pair, a − b + 4m in the upper. */
  template <int Stride>
  static ASSAY_INLINE FrLanes cross(const FrLanes& a) {
    constexpr __mmask8 upper = Stride == 4 ? 0xf0 : Stride == 2 ? 0xcc : 0xaa;
    const FrLanes other = partners<Stride>(a);
    FrLanes result = plus(a, other);
    result.blend(upper, minus(other, a, FrLanes::kFourfold));
    return result;
  }
  ASSAY_INLINE void splitAcross(FrLanes& a, std::size_t column) const {
    a = multiply(cross<4>(a), inverse_.first);
    a = multiply(cross<2>(a), inverse_.second);
    a = multiply(cross<1>(a), crossInverse_[column]);
  }
  ASSAY_INLINE void joinAcross(FrLanes& a, std::size_t column) const {
    a = multiply(a, crossForward_[column]);
    a = multiply(cross<1>(a), forward_.second);
    a = multiply(cross<2>(a), forward_.first);
    // Below 6m: what a product with another such sum still allows, after one reduction.
    a = cross<4>(a).lessOnce(FrLanes::kFourfold);
  }
  /** Reduced elements of one column to their places. */
  ASSAY_INLINE void store(const FrLanes& elements, std::size_t column, u8* out) const {
    __m512i words[4];
    elements.toWords(words);
    for (std::size_t lane = 0; lane < 8; lane++)
      for (std::size_t word = 0; word < 4; word++)
        std::memcpy(out + 32 * (lane * columns_ + column) + 8 * word, reinterpret_cast<const u8*>(&words[word]) + 8 * lane, 8);
  }

  unsigned log_;
  std::size_t columns_;
  Eighth forward_, inverse_;
  Twiddles<LaneButterfly> forwardTwiddles_, inverseTwiddles_;
  /** Powers of the coset's generator over the size, where the transform leaves each coefficient. */
  Buffer<FrLanes> shift_;
  /** root^(column·reversed lane). */
  Buffer<FrLanes> crossForward_, crossInverse_;
};

}  // namespace ASSAY_ISA
}  // namespace assay
