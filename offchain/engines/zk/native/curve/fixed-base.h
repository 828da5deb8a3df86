// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "../pool.h"
#include "list-sums.h"

namespace assay {
namespace ASSAY_ISA {

/**
 * Multiples of one point by tables: window j holds 1·2^(wj)·P … 2^(w−1)·2^(wj)·P, a scalar is a sum of signed digits, so a multiplication
 * is the sum of a list of table entries.
 */
template <class F>
class FixedBase {
 public:
  FixedBase(Pool& pool, const Affine<F>& base, std::size_t count) {
    width_ = bestWidth(count);
    windows_ = (kBits + width_) / width_;
    half_ = 1u << (width_ - 1);
    table_.allocate(static_cast<std::size_t>(windows_) * half_);
    Extended<F> power = Extended<F>::of(base);
    for (unsigned window = 0; window < windows_; window++) {
      table_[static_cast<std::size_t>(window) * half_] = power.toAffine();
      for (unsigned i = 0; i < width_; i++) power = power.doubled();
    }
    // 1 … m of every window give m + 1 … 2m.
    parallel(pool, windows_, [&](std::size_t window) {
      Affine<F>* entries = &table_[window * half_];
      Adder<F> adder;
      Buffer<u32> left(half_), right(half_);
      for (u32 known = 1; known < half_; known *= 2) {
        for (u32 i = 0; i < known; i++) {
          left[i] = i << 1;
          right[i] = (known - 1) << 1;
        }
        adder.add(reinterpret_cast<const u8*>(entries), {left.data(), right.data(), known}, entries + known);
      }
    });
  }

  /** scalars: plain, below r. */
  void multiply(Pool& pool, const u8* scalars, std::size_t count, u8* out) const {
    constexpr std::size_t kChunk = 1024;
    parallel(pool, (count + kChunk - 1) / kChunk, [&](std::size_t chunk) {
      const std::size_t from = chunk * kChunk;
      const std::size_t size = from + kChunk < count ? kChunk : count - from;
      Buffer<u32> references(size * windows_), offsets(size + 1);
      Buffer<Affine<F>> sums(size);
      u32 used = 0;
      for (std::size_t i = 0; i < size; i++) {
        offsets[i] = used;
        Limbs scalar;
        std::memcpy(scalar.limb, scalars + 32 * (from + i), 32);
        u32 carry = 0;
        for (unsigned window = 0; window < windows_; window++) {
          const u32 digit = bits(scalar, window * width_, width_) + carry;
          carry = digit > half_ ? 1 : 0;
          const u32 size_ = carry != 0 ? (half_ << 1) - digit : digit;
          if (size_ != 0) references[used++] = (window * half_ + size_ - 1) << 1 | carry;
        }
      }
      offsets[size] = used;
      ListSums<F> lists;
      lists.sum(reinterpret_cast<const u8*>(table_.data()), {references.data(), offsets.data(), size}, sums.data());
      std::memcpy(out + from * sizeof(Affine<F>), sums.data(), size * sizeof(Affine<F>));
    });
  }

 private:
  static constexpr unsigned kBits = 254;

  /** With the fewest additions, table included. */
  static unsigned bestWidth(std::size_t count) {
    unsigned best = 2;
    double least = 0;
    for (unsigned width = 2; width <= 16; width++) {
      const double cost = (kBits + width) / width * (static_cast<double>(1u << (width - 1)) + static_cast<double>(count));
      if (width > 2 && cost >= least) continue;
      best = width;
      least = cost;
    }
    return best;
  }
  static ASSAY_INLINE u32 bits(const Limbs& scalar, unsigned from, unsigned count) {
    const unsigned word = from / 64;
    const unsigned offset = from % 64;
    if (word > 3) return 0;
    u64 value = scalar.limb[word] >> offset;
    if (offset + count > 64 && word < 3) value |= scalar.limb[word + 1] << (64 - offset);
    return static_cast<u32>(value & ((u64{1} << count) - 1));
  }

  unsigned width_, windows_;
  u32 half_;
  Buffer<Affine<F>> table_;
};

}  // namespace ASSAY_ISA
}  // namespace assay
